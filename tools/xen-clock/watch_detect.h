/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_CLOCK_WATCH_DETECT_H
#define XEN_CLOCK_WATCH_DETECT_H

#include "xen-clock.h"

/* All clocks as one CPU reads them, one after the other */
struct clock_sample {
	s64 clock[CLOCKS];
	s64 width;			/* how long that took */
	u64 tsc;
	int cpu;
};

/* How the TSC of one CPU relates to MONOTONIC */
struct tsc_pace {
	struct clock_sample first, last;	/* since the last jump */
	unsigned int samples;
};

s64 clock_backwards(const struct clock_sample *before, const struct clock_sample *now,
		    int nr);
s64 clock_jump(const struct clock_sample *before, const struct clock_sample *now, int nr);
s64 tsc_pace_jump(struct tsc_pace *pace, const struct clock_sample *now);
bool tsc_pace_wrong(const struct tsc_pace *pace, u32 khz);
s64 tsc_pace_span(const struct tsc_pace *pace);
double tsc_pace_khz(const struct tsc_pace *pace);

#endif
