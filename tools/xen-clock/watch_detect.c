// SPDX-License-Identifier: GPL-2.0-only
/* Two samples of all clocks: did one go backwards, or jump? */
#include "watch_detect.h"

/* Less than this comes from how the clocks are read and slewed */
#define JUMP_NS		(10 * NSEC_PER_MSEC)
#define JUMP_SHARE	1000

/* By how much a clock went back, 0 if it did not */
s64 clock_backwards(const struct clock_sample *before, const struct clock_sample *now,
		    int nr)
{
	return now->clock[nr] < before->clock[nr] ?
	       before->clock[nr] - now->clock[nr] : 0;
}

static s64 tolerance(const struct clock_sample *before, const struct clock_sample *now,
		     s64 elapsed)
{
	return JUMP_NS + before->width + now->width + elapsed / JUMP_SHARE;
}

static s64 beyond(s64 skew, s64 limit)
{
	return skew > limit || skew < -limit ? skew : 0;
}

/* By how much a clock moved further than MONOTONIC, 0 if that is tolerated */
s64 clock_jump(const struct clock_sample *before, const struct clock_sample *now, int nr)
{
	s64 elapsed = now->clock[CLOCK_NR_MONOTONIC] - before->clock[CLOCK_NR_MONOTONIC];
	s64 skew = now->clock[nr] - before->clock[nr] - elapsed;

	return beyond(skew, tolerance(before, now, elapsed > 0 ? elapsed : 0));
}

/* For how long the TSC has not jumped, by MONOTONIC in ns */
s64 tsc_pace_span(const struct tsc_pace *pace)
{
	return pace->last.clock[CLOCK_NR_MONOTONIC] -
	       pace->first.clock[CLOCK_NR_MONOTONIC];
}

/* By what part the frequency can be off, as the samples at both ends took some time */
static double tsc_pace_error(const struct tsc_pace *pace)
{
	return (double)(pace->first.width + pace->last.width) / tsc_pace_span(pace);
}

/* The same for the TSC, by the frequency it had so far, which a jump resets */
s64 tsc_pace_jump(struct tsc_pace *pace, const struct clock_sample *now)
{
	s64 elapsed, skew = 0;
	double khz = tsc_pace_khz(pace);

	if (khz > 0) {
		elapsed = now->clock[CLOCK_NR_MONOTONIC] -
			  pace->last.clock[CLOCK_NR_MONOTONIC];
		skew = (s64)((double)(s64)(now->tsc - pace->last.tsc) * 1e6 / khz) - elapsed;
		if (elapsed < 0)
			elapsed = 0;
		skew = beyond(skew, tolerance(&pace->last, now, elapsed) +
				  elapsed * tsc_pace_error(pace));
	}
	if (skew || !pace->samples) {
		pace->first = *now;
		pace->samples = 0;
	}
	pace->last = *now;
	pace->samples++;

	return skew;
}

/* Is it off by more than the samples can be, by the TSC's nominal frequency? */
bool tsc_pace_wrong(const struct tsc_pace *pace, u32 khz)
{
	s64 elapsed = tsc_pace_span(pace);
	s64 skew;

	if (!khz || tsc_pace_khz(pace) <= 0)
		return false;
	skew = (s64)((double)(s64)(pace->last.tsc - pace->first.tsc) * 1e6 / khz) - elapsed;

	return beyond(skew, tolerance(&pace->first, &pace->last, elapsed));
}

/* The frequency of the TSC by MONOTONIC, 0 as long as it is not known */
double tsc_pace_khz(const struct tsc_pace *pace)
{
	s64 elapsed = tsc_pace_span(pace);

	if (pace->samples < 4 || elapsed <= 0)
		return 0;

	return (double)(s64)(pace->last.tsc - pace->first.tsc) * 1e6 / elapsed;
}
