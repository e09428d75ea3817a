/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_CLOCK_JSON_LOAD_H
#define XEN_CLOCK_JSON_LOAD_H

#include "xen-clock.h"

/* A document, as the values in it with their places: "guests[0].name" */
struct json_value {
	char place[64];
	char text[LINE_SIZE];		/* numbers, true, false and null as they stand */
};

struct json_values {
	struct json_value *values;
	unsigned int count;
};

void json_load(struct json_values *values, const char *path);
const char *json_find(const struct json_values *values, const char *place);

#endif
