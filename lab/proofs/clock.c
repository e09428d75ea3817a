// SPDX-License-Identifier: GPL-2.0-only
/* Proofs about the arithmetic of sched_clock and of the watchdog */
#include "proof.h"

#include "sched_clock.h"

typedef __int128 s128;

/* Stands for cycles * mult, the first of which is signed */
#define product	__CPROVER_uninterpreted_product

/* What 64 times 52 bits can come to */
static void assume_fits(s128 product)
{
	assume(product >= -((s128)1 << 115) && product <= (s128)1 << 115);
}

#define KHZ_MIN		1000000U	/* 1 GHz */
#define KHZ_MAX		10000000U	/* 10 GHz */
#define ONE		((u64)NSEC_PER_MSEC << XEN_TSC_MULT_SHIFT)
/* Beyond this the conversion from cycles starts again */
#define LAST_CYCLE	((u64)INT64_MAX)

static u32 any_khz(void)
{
	u32 khz = nondet_u32();

	assume(khz >= KHZ_MIN && khz <= KHZ_MAX);
	return khz;
}

/* All factors that a frequency of 1 kHz or more can have */
static u64 any_mult(void)
{
	u64 mult = nondet_u64();

	assume(mult <= ONE);
	return mult;
}

static struct xen_tsc_sample any_sample(void)
{
	return (struct xen_tsc_sample) { nondet_u64(), nondet_u64() };
}

static enum xen_sched_clock_source any_source(void)
{
	u32 source = nondet_u32();

	assume(source <= XEN_SCHED_CLOCK_TSC);
	return source;
}

static struct xen_sched_clock_data any_clock(void)
{
	return (struct xen_sched_clock_data) { any_source(), any_mult(), nondet_u64() };
}

/* No undefined behaviour, for any input */
void clock_total(void)
{
	struct xen_tsc_sample from = any_sample(), to = any_sample();
	struct xen_tsc_tolerance tolerance = { nondet_u64(), nondet_u32() };
	struct xen_sched_clock_data clock = any_clock();
	u32 khz = nondet_u32();

	assume(khz && tolerance.drift_shift < 64);
	claim(xen_tsc_mult(khz) <= ONE);
	xen_tsc_skew(&from, &to, any_mult());
	xen_tsc_skew_tolerated(nondet_s64(), nondet_s64(), &tolerance);
	xen_sched_clock_continue(&clock, any_source(), &from, nondet_u64());
}

/* Whatever it said and read before, the clock says the value that it is told to */
void clock_continues(void)
{
	struct xen_sched_clock_data clock = any_clock();
	enum xen_sched_clock_source source = any_source();
	struct xen_tsc_sample now = any_sample();
	u64 value = nondet_u64(), mult = clock.mult;

	xen_sched_clock_continue(&clock, source, &now, value);
	claim(xen_sched_clock_value(&clock, &now) == value);
	claim(clock.source == source && clock.mult == mult);
}

/*
 * After that the clock does not go backwards, if its source does not: for any later
 * sample, until the TSC has counted to 2^63. (a + b) * c is a * c + b * c, as no product
 * overflows.
 */
void clock_monotonic(void)
{
	struct xen_sched_clock_data clock = any_clock();
	struct xen_tsc_sample now = any_sample(), later;
	u64 cycles = nondet_u64(), ns = nondet_u64();
	u64 value = nondet_u64();
	s128 more = product(cycles, clock.mult);

	assume_fits(more);
	assume(cycles <= LAST_CYCLE && ns <= LAST_CYCLE);
	assume((s64)now.tsc <= (s64)(LAST_CYCLE - cycles));
	later.tsc = now.tsc + cycles;
	later.pvclock = now.pvclock + ns;

	assume_fits(product(now.tsc, clock.mult));
	assume(more >= 0);
	assume(product(later.tsc, clock.mult) == product(now.tsc, clock.mult) + more);
	/* Less than 2^63 ns, 292 years, may pass */
	assume(more >> XEN_TSC_MULT_SHIFT < LAST_CYCLE);

	xen_sched_clock_continue(&clock, any_source(), &now, value);
	claim((s64)(xen_sched_clock_value(&clock, &later) - value) >= 0);
}

/* The conversion is the product, shifted; clock_total() shows that no product overflows */
void clock_exact(void)
{
	u64 cycles = nondet_u64(), mult = any_mult();

	assume_fits(product(cycles, mult));
	claim(xen_tsc_to_ns(cycles, mult) == (u64)(product(cycles, mult) >> 32));
}

/* Cycles are signed: with a factor of 1/2, that of 2 GHz, the result is half of them */
void clock_signed(void)
{
	u64 cycles = nondet_u64();

	claim(xen_tsc_mult(2000000) == 1ULL << 31);
	claim((s64)xen_tsc_to_ns(cycles, 1ULL << 31) == (s64)cycles >> 1);
}

/*
 * The factor is 10^6 * 2^32 / khz, rounded down as C does it: what is missing of khz
 * times the factor is less than khz. So it is too small by less than khz / 10^6 / 2^32:
 * 0.94 ppb at 4 GHz and 2.33 ppb at 10 GHz, 30 and 74 ms a year.
 */
void clock_factor(void)
{
	u32 khz = any_khz();
	u64 missing = khz - 1;

	claim(xen_tsc_mult(khz) == division.quotient);
	claim(division.dividend == 1000000ULL << 32 && division.divisor == khz);
	claim(missing * 100 < 233 * (ONE / 1000000000));
	claim(khz > 4000000 || missing * 100 < 94 * (ONE / 1000000000));
}

/* What is measured of a skew: exact by the factor, for any two samples, if it fits */
void skew_exact(void)
{
	struct xen_tsc_sample from = any_sample(), to = any_sample();
	u64 mult = any_mult();
	s128 moved = product(to.tsc - from.tsc, mult) >> 32;
	s128 skew = moved - (s64)(to.pvclock - from.pvclock);

	assume_fits(product(to.tsc - from.tsc, mult));
	assume(skew >= INT64_MIN && skew <= INT64_MAX);
	claim(xen_tsc_skew(&from, &to, mult) == skew);
}

/* One that does not fit is not taken for a small one, if the pvclock is no 146 years off */
void skew_far(void)
{
	struct xen_tsc_sample from = any_sample(), to = any_sample();
	u64 mult = any_mult();
	s64 passed = to.pvclock - from.pvclock;
	s128 moved = product(to.tsc - from.tsc, mult) >> 32;
	const s64 years = 1LL << 62;
	s64 skew;

	/* From 1 GHz on, a cycle is at most a ns */
	assume(moved >= INT64_MIN && moved <= INT64_MAX);
	assume(passed > -years && passed < years);
	assume(moved - passed > years || moved - passed < -years);

	skew = xen_tsc_skew(&from, &to, mult);
	claim(skew >= years || skew <= -years);
}

static const struct xen_tsc_tolerance *any_tolerance(void)
{
	return any_bool() ? &xen_tsc_tight : &xen_tsc_loose;
}

/* What is above the threshold is noticed, what is not is not, whatever the times */
void skew_threshold(void)
{
	const struct xen_tsc_tolerance *tolerance = any_tolerance();
	s64 skew = nondet_s64(), elapsed = nondet_s64();
	s128 size = skew < 0 ? -(s128)skew : skew;
	s128 time = elapsed < 0 ? -(s128)elapsed : elapsed;
	s128 threshold = tolerance->ns + time / (1 << tolerance->drift_shift);

	claim(xen_tsc_skew_tolerated(skew, elapsed, tolerance) == (size <= threshold));
}

/*
 * The same from the samples, for every factor and any time between them: what is
 * compared with the threshold is how much further the TSC has moved, in exact numbers.
 */
void skew_noticed(void)
{
	const struct xen_tsc_tolerance *tolerance = any_tolerance();
	struct xen_tsc_sample from = any_sample(), to = any_sample();
	u64 mult = any_mult();
	s64 elapsed = to.pvclock - from.pvclock;
	s128 skew = (product(to.tsc - from.tsc, mult) >> 32) - elapsed;
	s128 size = skew < 0 ? -skew : skew;
	s128 time = elapsed < 0 ? -(s128)elapsed : elapsed;

	assume_fits(product(to.tsc - from.tsc, mult));
	assume(skew >= INT64_MIN && skew <= INT64_MAX);
	claim(xen_tsc_skew_tolerated(xen_tsc_skew(&from, &to, mult), elapsed, tolerance) ==
	      (size <= tolerance->ns + time / (1 << tolerance->drift_shift)));
}
