// SPDX-License-Identifier: GPL-2.0-only
/* Two looks at the clocks: has one stepped back, or leapt? */
#include "watch.h"

/* No more than this is put down to how the clocks are read and slewed */
#define LEAP_NS		(10 * NSEC_PER_MSEC)
#define LEAP_SHARE	1000

/* By how much a clock went back, 0 if it did not */
s64 look_step(const struct look *before, const struct look *now, int nr)
{
	return now->clock[nr] < before->clock[nr] ?
	       before->clock[nr] - now->clock[nr] : 0;
}

static s64 tolerance(const struct look *before, const struct look *now, s64 elapsed)
{
	return LEAP_NS + before->width + now->width + elapsed / LEAP_SHARE;
}

static s64 beyond(s64 gap, s64 limit)
{
	return gap > limit || gap < -limit ? gap : 0;
}

/* By how much a clock got ahead of MONOTONIC, 0 if that can be */
s64 look_leap(const struct look *before, const struct look *now, int nr)
{
	s64 elapsed = now->clock[CLOCK_NR_MONOTONIC] - before->clock[CLOCK_NR_MONOTONIC];
	s64 gap = now->clock[nr] - before->clock[nr] - elapsed;

	return beyond(gap, tolerance(before, now, elapsed > 0 ? elapsed : 0));
}

/*
 * The same for the TSC, by the rate it had so far.  After a leap that is
 * found out anew.
 */
s64 pace_leap(struct pace *pace, const struct look *now)
{
	s64 elapsed, gap = 0;
	double khz = pace_khz(pace);

	if (khz > 0) {
		elapsed = now->clock[CLOCK_NR_MONOTONIC] -
			  pace->last.clock[CLOCK_NR_MONOTONIC];
		gap = (s64)((double)(s64)(now->tsc - pace->last.tsc) * 1e6 / khz) - elapsed;
		/* The rate is as rough as the look that it starts from */
		gap = beyond(gap, tolerance(&pace->last, now, elapsed > 0 ? elapsed : 0) +
				  pace->first.width);
	}
	if (gap || !pace->looks) {
		pace->first = *now;
		pace->looks = 0;
	}
	pace->last = *now;
	pace->looks++;

	return gap;
}

/* The rate of the TSC by MONOTONIC, 0 as long as it is not known */
double pace_khz(const struct pace *pace)
{
	s64 elapsed = pace->last.clock[CLOCK_NR_MONOTONIC] -
		      pace->first.clock[CLOCK_NR_MONOTONIC];

	if (pace->looks < 4 || elapsed <= 0)
		return 0;

	return (double)(s64)(pace->last.tsc - pace->first.tsc) * 1e6 / elapsed;
}
