/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_CLOCK_HOST_CLOCK_H
#define XEN_CLOCK_HOST_CLOCK_H

#include "xen-clock.h"

/* CLOCK_REALTIME of this guest, beside the wall clock of its host */
struct host_clock {
	bool known;
	s64 offset_ns;			/* above zero: the guest is ahead */
	s64 error_ns;			/* the offset is as much more or less at most */
	char device[LINE_SIZE];		/* empty if there is none */
	char reason[LINE_SIZE];		/* why it is not known */
};

void host_clock_read(struct host_clock *clock, const struct guest *guest);
/* As "xen-clock record" keeps it */
void host_clock_print(FILE *file, const struct host_clock *clock);
void host_clock_words(char text[2 * LINE_SIZE], const struct host_clock *clock);
void json_host_clock(struct json *json, const struct host_clock *clock);

#endif
