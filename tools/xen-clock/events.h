/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_CLOCK_EVENTS_H
#define XEN_CLOCK_EVENTS_H

#include "xen-clock.h"

/* What the kernel tells at once */
enum {
	EVENT_SIGNAL	= 1,		/* SIGINT or SIGTERM */
	EVENT_CLOCK_SET	= 2,		/* CLOCK_REALTIME was set, which a resume does, too */
	EVENT_EVALUATED	= 4,		/* the kernel has evaluated the TSC after a resume */
	EVENT_VERDICT	= 8,		/* the same, or it has demoted the TSC */
};

struct events {
	int signal;
	int timer;
	int incarnation, verdict;
	struct suspended {		/* BOOTTIME less MONOTONIC */
		s64 least, most;
	} suspended;
	s64 resumed;			/* MONOTONIC at the last resume */
	bool demoted;			/* the kernel has told of the demotion */
};

void events_open(struct events *events, const struct guest *guest);
unsigned int events_wait(struct events *events, s64 ns);
bool events_resumed(struct events *events, unsigned int seen, const struct guest *was,
		    const struct guest *is);

#endif
