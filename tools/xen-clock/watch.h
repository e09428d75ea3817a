/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_CLOCK_WATCH_H
#define XEN_CLOCK_WATCH_H

#include "xen-clock.h"

/* All clocks as one CPU reads them, one after the other */
struct look {
	s64 clock[CLOCKS];
	s64 width;			/* how long that took */
	u64 tsc;
	int cpu;
};

/* How the TSC of one CPU relates to MONOTONIC */
struct pace {
	struct look first, last;	/* since the last leap */
	unsigned int looks;
};

struct totals {
	unsigned long looks, leaps, changes;
	unsigned long steps[CLOCKS];
	s64 biggest[CLOCKS];
};

/* watch_check.c: pure */
s64 look_step(const struct look *before, const struct look *now, int nr);
s64 look_leap(const struct look *before, const struct look *now, int nr);
s64 pace_leap(struct pace *pace, const struct look *now);
double pace_khz(const struct pace *pace);

/* watch_guest.c */
unsigned int guest_changes(bool json, const struct guest *was, const struct guest *is);

/* watch_out.c: one line for each event */
void out_start(bool json, unsigned int cpus, unsigned long interval_ms);
void out_step(bool json, const struct look *before, const struct look *now, int nr,
	      s64 ns);
void out_leap(bool json, const struct look *now, const char *what, s64 ns);
void out_change(bool json, const char *what, const char *from, const char *to);
void out_rate(bool json, double khz, double ppm);
void out_totals(bool json, const struct totals *totals, double seconds, double khz,
		double ppm);

#endif
