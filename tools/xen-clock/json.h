/* SPDX-License-Identifier: GPL-2.0-only */
/* json.c: JSON, a value at a time */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdio.h>

struct json {
	FILE *file;
	bool more;			/* the next value needs a comma */
};

int character_length(const char *text);
void json_begin(struct json *json, const char *key, char bracket);
void json_end(struct json *json, char bracket);
void json_string(struct json *json, const char *key, const char *value);
void json_bool(struct json *json, const char *key, bool value);
void json_integer(struct json *json, const char *key, long long value);
void json_float(struct json *json, const char *key, double value);
void json_null(struct json *json, const char *key);
void json_optional(struct json *json, const char *key, const char *value);
void json_document(struct json *json, bool xen);
void json_finish(struct json *json);

#endif
