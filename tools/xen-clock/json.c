// SPDX-License-Identifier: GPL-2.0-only
/* JSON, a value at a time */
#include <math.h>

#include "xen-clock.h"

/* In bytes, of the first one; 0 if that is no UTF-8, or controls a terminal */
int character_length(const char *text)
{
	static const u32 least[] = { [2] = 0xa0, [3] = 0x800, [4] = 0x10000 };
	const unsigned char *byte = (const unsigned char *)text;
	int length = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2, i;
	u32 code = byte[0] & (0x7f >> length);

	if (byte[0] < 0x80)
		return byte[0] >= ' ' && byte[0] != 0x7f;
	if (byte[0] < 0xc0 || byte[0] > 0xf4)
		return 0;
	for (i = 1; i < length; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (byte[i] & 0x3f);
	}

	/* Surrogates are no characters */
	return code < least[length] || code > 0x10ffff || (code & ~0x7ff) == 0xd800 ? 0 :
	       length;
}

static void quoted(FILE *file, const char *text)
{
	putc('"', file);
	while (*text) {
		int length = character_length(text);

		if (*text == '"' || *text == '\\')
			fprintf(file, "\\%c", *text);
		else if (!length)
			/* Who knows which encoding it is: keep the byte's number */
			fprintf(file, "\\u%04x", (unsigned char)*text);
		else
			fwrite(text, length, 1, file);
		text += length ?: 1;
	}
	putc('"', file);
}

static void next(struct json *json, const char *key)
{
	if (json->more)
		fputs(", ", json->file);
	json->more = true;
	if (key) {
		quoted(json->file, key);
		fputs(": ", json->file);
	}
}

/* @key is NULL in an array and for the outermost object */
void json_begin(struct json *json, const char *key, char bracket)
{
	next(json, key);
	putc(bracket, json->file);
	json->more = false;
}

void json_end(struct json *json, char bracket)
{
	putc(bracket, json->file);
	json->more = true;
}

void json_string(struct json *json, const char *key, const char *value)
{
	next(json, key);
	quoted(json->file, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	next(json, key);
	fputs(value ? "true" : "false", json->file);
}

void json_integer(struct json *json, const char *key, long long value)
{
	next(json, key);
	fprintf(json->file, "%lld", value);
}

void json_float(struct json *json, const char *key, double value)
{
	next(json, key);
	if (isfinite(value))
		fprintf(json->file, "%.3f", value);
	else
		fputs("null", json->file);
}

void json_null(struct json *json, const char *key)
{
	next(json, key);
	fputs("null", json->file);
}

/* Nothing is null */
void json_optional(struct json *json, const char *key, const char *value)
{
	if (*value)
		json_string(json, key, value);
	else
		json_null(json, key);
}

/* What every document begins with */
void json_document(struct json *json, bool xen)
{
	json_begin(json, NULL, '{');
	json_integer(json, "schema", XEN_CLOCK_SCHEMA);
	json_bool(json, "xen", xen);
}

void json_finish(struct json *json)
{
	json_end(json, '}');
	putc('\n', json->file);
	json->more = false;
}
