// SPDX-License-Identifier: GPL-2.0-only
/* Read a JSON document that this program has written, on another host */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json_load.h"

#define MOST_VALUES	65536
#define MOST_BYTES	(8 * 1024 * 1024)
#define DEEPEST		8

#define WRITE_IT	"write it with \"xen-clock host --json\" in dom0"

struct reader {
	const char *path;
	const char *at;
	struct json_values *values;
	int depth;
};

static void value(struct reader *reader, const char *place);

static __noreturn void wrong(const struct reader *reader)
{
	if (!*reader->at)
		die("%s ends too early: " WRITE_IT, reader->path);
	die("%s is not what \"xen-clock host --json\" writes: near '%.20s'", reader->path,
	    reader->at);
}

static void blanks(struct reader *reader)
{
	reader->at += strspn(reader->at, " \t\r\n");
}

static bool took(struct reader *reader, char c)
{
	blanks(reader);
	if (*reader->at != c)
		return false;
	reader->at++;

	return true;
}

static void must(struct reader *reader, char c)
{
	if (!took(reader, c))
		wrong(reader);
}

/* In UTF-8; returns its length. Halves of a surrogate pair are not put together. */
static int encode(unsigned int code, char bytes[3])
{
	if (code < 0x80 || (code & ~0x7ffu) == 0xd800) {
		bytes[0] = code < 0x80 ? code : '?';
		return 1;
	}
	if (code < 0x800) {
		bytes[0] = 0xc0 | code >> 6;
		bytes[1] = 0x80 | (code & 0x3f);
		return 2;
	}
	bytes[0] = 0xe0 | code >> 12;
	bytes[1] = 0x80 | (code >> 6 & 0x3f);
	bytes[2] = 0x80 | (code & 0x3f);

	return 3;
}

/* A byte of a string, or what stands for a character; returns how many bytes that is */
static int character(struct reader *reader, char bytes[3])
{
	static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	unsigned int code;
	const char *name;

	if (*reader->at != '\\') {
		bytes[0] = *reader->at++;
		return 1;
	}
	reader->at++;
	if (*reader->at == 'u' && sscanf(reader->at + 1, "%4x", &code) == 1 &&
	    strlen(reader->at) > 4 && code) {
		reader->at += 5;
		return encode(code, bytes);
	}
	name = *reader->at ? strchr(names, *reader->at) : NULL;
	if (!name)
		wrong(reader);
	reader->at++;
	bytes[0] = meant[name - names];

	return 1;
}

/* What is too long is cut */
static void string(struct reader *reader, char *text, size_t size)
{
	size_t length = 0;

	must(reader, '"');
	while (*reader->at && *reader->at != '"') {
		char bytes[3];
		int count = character(reader, bytes);

		if (length + count < size) {
			memcpy(text + length, bytes, count);
			length += count;
		}
	}
	text[length] = '\0';
	must(reader, '"');
}

static void leaf(struct reader *reader, const char *place)
{
	struct json_values *values = reader->values;
	struct json_value *value;
	size_t length;

	if (values->count == MOST_VALUES)
		die("%s has too many values", reader->path);
	value = &values->values[values->count++];
	snprintf(value->place, sizeof(value->place), "%s", place);
	if (*reader->at == '"') {
		string(reader, value->text, sizeof(value->text));
		return;
	}
	length = strspn(reader->at, "+-.0123456789abcdefghijklmnopqrstuvwxyzE");
	if (!length || length >= sizeof(value->text))
		wrong(reader);
	snprintf(value->text, sizeof(value->text), "%.*s", (int)length, reader->at);
	reader->at += length;
}

static void object(struct reader *reader, const char *place)
{
	char key[32], whole[64];

	if (took(reader, '}'))
		return;
	do {
		blanks(reader);
		string(reader, key, sizeof(key));
		must(reader, ':');
		if (snprintf(whole, sizeof(whole), "%s%s%s", place, *place ? "." : "", key) >=
		    (int)sizeof(whole))
			wrong(reader);
		value(reader, whole);
	} while (took(reader, ','));
	must(reader, '}');
}

static void array(struct reader *reader, const char *place)
{
	char whole[64];
	int i = 0;

	if (took(reader, ']'))
		return;
	do {
		if (snprintf(whole, sizeof(whole), "%s[%d]", place, i++) >=
		    (int)sizeof(whole))
			wrong(reader);
		value(reader, whole);
	} while (took(reader, ','));
	must(reader, ']');
}

static void value(struct reader *reader, const char *place)
{
	if (++reader->depth > DEEPEST)
		wrong(reader);
	blanks(reader);
	if (took(reader, '{'))
		object(reader, place);
	else if (took(reader, '['))
		array(reader, place);
	else
		leaf(reader, place);
	reader->depth--;
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = malloc(MOST_BYTES + 1);
	size_t length;

	if (!file)
		die("cannot read %s: %s", path, strerror(errno));
	if (!text)
		die("no memory for %s", path);
	length = fread(text, 1, MOST_BYTES + 1, file);
	if (ferror(file))
		die("cannot read %s: %s", path, strerror(errno));
	if (length > MOST_BYTES)
		die("%s is too large", path);
	text[length] = '\0';
	fclose(file);

	return text;
}

/* The caller frees the values */
void json_load(struct json_values *values, const char *path)
{
	char *text = read_file(path);
	struct reader reader = { .path = path, .at = text, .values = values };

	*values = (struct json_values){ calloc(MOST_VALUES, sizeof(*values->values)), 0 };
	if (!values->values)
		die("no memory for the values in %s", path);
	blanks(&reader);
	if (!*reader.at)
		die("%s is empty: " WRITE_IT, path);
	if (*reader.at != '{')
		wrong(&reader);
	value(&reader, "");
	blanks(&reader);
	if (*reader.at)
		wrong(&reader);
	free(text);
}

const char *json_find(const struct json_values *values, const char *place)
{
	unsigned int i;

	for (i = 0; i < values->count; i++)
		if (!strcmp(values->values[i].place, place))
			return values->values[i].text;

	return NULL;
}
