// SPDX-License-Identifier: GPL-2.0-only
/* JSON, a value at a time */
#include <math.h>

#include "xen-clock.h"

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
