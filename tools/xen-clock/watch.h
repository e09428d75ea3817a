/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_CLOCK_WATCH_H
#define XEN_CLOCK_WATCH_H

#include "watch_detect.h"

struct totals {
	unsigned long samples, jumps, changes, resumes;
	unsigned long wrong;		/* jumps that no resume explains */
	bool wrong_frequency;
	unsigned long steps[CLOCKS];	/* how often a clock went backwards */
	s64 biggest[CLOCKS];
};

/* watch_print.c: one line for each event */
void print_start(bool json, unsigned int cpus, unsigned long interval_ms);
void print_step(bool json, const struct clock_sample *before,
		const struct clock_sample *now, int nr, s64 ns);
void print_jump(bool json, const struct clock_sample *now, const char *what, s64 ns);
void print_told(bool json, const char *what);
unsigned int print_changes(bool json, const struct guest *was, const struct guest *is);
void print_frequency(bool json, double khz, double ppm);
void print_totals(bool json, const struct totals *totals, double seconds, double khz,
		  double ppm);

#endif
