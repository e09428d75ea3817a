// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests for the arithmetic that finds a TSC that jumps or is skewed */
#include <kunit/test.h>

#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "../tsc_skew.h"

/* Two cycles are one ns, so that the results are exact */
#define KHZ		2000000U
#define CYCLES(ns)	((ns) * 2)
#define SEC		((s64)NSEC_PER_SEC)
#define MSEC		((s64)NSEC_PER_MSEC)
#define DAY		(86400 * SEC)

/* The guest has run for a while */
#define TSC		CYCLES(1000 * SEC)
#define PVCLOCK		(77777 * SEC)

static struct xen_tsc_sample later(const struct xen_tsc_sample *from, s64 elapsed, s64 skew)
{
	return (struct xen_tsc_sample) {
		.tsc = from->tsc + CYCLES(elapsed + skew),
		.pvclock = from->pvclock + elapsed,
	};
}

static const struct skew_case {
	const char *name;
	s64 elapsed;		/* by the pvclock, in ns */
	s64 skew;		/* how much further the TSC has moved, in ns */
	bool tight, loose;	/* is it tolerated? */
} skew_cases[] = {
	{ "nothing", 0, 0, true, true },
	{ "a tick", 4 * MSEC, 0, true, true },
	{ "ten minutes idle", 600 * SEC, 0, true, true },
	{ "20 days paused", 20 * DAY, 0, true, true },
	{ "a year paused", 365 * DAY, 0, true, true },
	{ "another CPU, 10 us ahead", 4 * MSEC, 10000, true, true },
	{ "another CPU, 10 us behind", 4 * MSEC, -10000, true, true },
	{ "another CPU's sample is younger", -10000, 0, true, true },
	{ "another CPU's sample is younger, and ahead", -10000, -10000, true, true },
	{ "another CPU's sample is much younger", -5 * SEC, 20 * MSEC, false, true },
	{ "another CPU, 20 ms ahead", 4 * MSEC, 20 * MSEC, false, true },
	{ "another CPU, 20 ms behind", 4 * MSEC, -20 * MSEC, false, true },
	{ "another CPU, 600 ms ahead", 4 * MSEC, 600 * MSEC, false, false },
	{ "another CPU, 600 ms behind", 4 * MSEC, -600 * MSEC, false, false },
	{ "3 ppm fast for an hour", 3600 * SEC, 3600 * SEC / 1000000 * 3, true, true },
	{ "3 ppm slow for 20 days", 20 * DAY, -20 * DAY / 1000000 * 3, true, true },
	{ "100 ppm slow for 20 days", 20 * DAY, -20 * DAY / 10000, true, true },
	{ "500 ppm fast for ten seconds", 10 * SEC, 5 * MSEC, true, true },
	{ "500 ppm fast for an hour", 3600 * SEC, 1800 * MSEC, false, true },
	{ "1 % slow for ten seconds", 10 * SEC, -100 * MSEC, false, true },
	{ "10 % slow for ten seconds", 10 * SEC, -SEC, false, false },
	{ "15 s back", 2 * SEC, -15 * SEC, false, false },
	{ "90 s forward", 2 * SEC, 90 * SEC, false, false },
	{ "the pvclock goes back", -1000 * SEC, 1000 * SEC, false, false },
	{ "the TSC restarts at zero", SEC, -1001 * SEC, false, false },
	{ "the TSC wraps below zero", SEC, -2000 * SEC, false, false },
	{ "the TSC stands still for a minute", 60 * SEC, -60 * SEC, false, false },
	{ "forty years forward", SEC, 40 * 365 * DAY, false, false },
	{ "forty years back", SEC, -40 * 365 * DAY, false, false },
};

static void skew_case_name(const struct skew_case *skew_case, char *desc)
{
	strscpy(desc, skew_case->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(skew, skew_cases, skew_case_name);

static void test_skew(struct kunit *test)
{
	/* Both clocks may wrap on the way */
	static const struct xen_tsc_sample starts[] = {
		{ TSC, PVCLOCK },
		{ TSC, U64_MAX - 10 },
		{ U64_MAX - 10, PVCLOCK },
		{ U64_MAX, U64_MAX },
		{ S64_MAX, S64_MAX },
		{ 0, 0 },
	};
	const struct skew_case *skew_case = test->param_value;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		struct xen_tsc_sample to = later(&starts[i], skew_case->elapsed,
						 skew_case->skew);
		s64 skew = xen_tsc_skew(&starts[i], &to, xen_tsc_mult(KHZ));

		KUNIT_EXPECT_EQ(test, skew, skew_case->skew);
		KUNIT_EXPECT_EQ(test, skew_case->tight,
				xen_tsc_skew_tolerated(skew, skew_case->elapsed, &xen_tsc_tight));
		KUNIT_EXPECT_EQ(test, skew_case->loose,
				xen_tsc_skew_tolerated(skew, skew_case->elapsed, &xen_tsc_loose));
	}
}

static void expect_edge(struct kunit *test, s64 elapsed,
			const struct xen_tsc_tolerance *tolerance)
{
	const struct xen_tsc_sample from = { TSC, PVCLOCK };
	const s64 edge = tolerance->ns + (abs(elapsed) >> tolerance->drift_shift);
	const s64 skews[] = { edge, -edge, edge + 1, -edge - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(skews); i++) {
		struct xen_tsc_sample to = later(&from, elapsed, skews[i]);
		s64 skew = xen_tsc_skew(&from, &to, xen_tsc_mult(KHZ));

		KUNIT_EXPECT_EQ_MSG(test, i < 2,
				    xen_tsc_skew_tolerated(skew, elapsed, tolerance),
				    "%lld ns after %lld ns", skew, elapsed);
	}
}

/* All is tolerated up to a threshold, to the ns, and nothing above it */
static void test_threshold(struct kunit *test)
{
	s64 elapsed;

	for (elapsed = 1; elapsed <= 20 * DAY; elapsed = elapsed * 3 + 1) {
		expect_edge(test, elapsed, &xen_tsc_tight);
		expect_edge(test, -elapsed, &xen_tsc_tight);
		expect_edge(test, elapsed, &xen_tsc_loose);
		expect_edge(test, -elapsed, &xen_tsc_loose);
	}
	expect_edge(test, 0, &xen_tsc_tight);
	expect_edge(test, 20 * DAY, &xen_tsc_tight);
	expect_edge(test, 20 * DAY, &xen_tsc_loose);
}

/* The drift that is tolerated does not hide a skew, as the reference is renewed */
static void test_skew_of_20_ms(struct kunit *test)
{
	const struct xen_tsc_tolerance *tight = &xen_tsc_tight;
	s64 elapsed;

	for (elapsed = 0; elapsed <= 80 * SEC; elapsed += SEC) {
		KUNIT_EXPECT_FALSE(test, xen_tsc_skew_tolerated(20 * MSEC, elapsed, tight));
		KUNIT_EXPECT_FALSE(test, xen_tsc_skew_tolerated(-20 * MSEC, elapsed, tight));
	}
}

/* By how much the frequency may be off for longer than the reference is used */
static void test_frequency(struct kunit *test)
{
	static const struct {
		s64 ppm;
		bool tight, loose;
	} cases[] = {
		{ 0, true, true },
		{ 1000, true, true },		{ -1000, true, true },
		{ 1130, false, true },		{ -1130, false, true },
		{ 50000, false, true },		{ -50000, false, true },
		{ 52000, false, false },	{ -52000, false, false },
		{ 500000, false, false },	{ -500000, false, false },
	};
	const s64 elapsed = 10 * SEC;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		s64 skew = div_s64(elapsed, 1000000) * cases[i].ppm;

		KUNIT_EXPECT_EQ(test, cases[i].tight,
				xen_tsc_skew_tolerated(skew, elapsed, &xen_tsc_tight));
		KUNIT_EXPECT_EQ(test, cases[i].loose,
				xen_tsc_skew_tolerated(skew, elapsed, &xen_tsc_loose));
	}
}

static const u32 khzs[] = { 1, 999, 100000, 999999, 1000000, 2299999, 2596128, 4000000,
			    10000000, U32_MAX };

/* The factor is rounded down: by one part in 10^9 up to 4 GHz */
static void test_mult(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(khzs); i++) {
		u64 mult = xen_tsc_mult(khzs[i]);
		u64 exact = (u64)NSEC_PER_MSEC << XEN_TSC_MULT_SHIFT;

		KUNIT_EXPECT_LE(test, mult * khzs[i], exact);
		KUNIT_EXPECT_GT(test, (mult + 1) * khzs[i], exact);
		if (khzs[i] <= 4000000)
			KUNIT_EXPECT_LT(test, exact - mult * khzs[i],
					div_u64(exact, NSEC_PER_SEC));
	}
}

/* Below zero the TSC has values close to 2^64, which count backwards */
static void test_to_ns(struct kunit *test)
{
	const u64 mult = xen_tsc_mult(KHZ);

	KUNIT_EXPECT_EQ(test, xen_tsc_to_ns(0, mult), 0);
	KUNIT_EXPECT_EQ(test, xen_tsc_to_ns(2, mult), 1);
	KUNIT_EXPECT_EQ(test, (s64)xen_tsc_to_ns(-2, mult), -1);
	KUNIT_EXPECT_EQ(test, (s64)xen_tsc_to_ns(-CYCLES(DAY), mult), -DAY);
	KUNIT_EXPECT_EQ(test, (s64)xen_tsc_to_ns(S64_MAX - 1, mult), S64_MAX / 2);
	KUNIT_EXPECT_EQ(test, (s64)xen_tsc_to_ns((u64)S64_MIN + 2, mult), S64_MIN / 2 + 1);
}

static void test_to_ns_goes_up(struct kunit *test)
{
	static const u64 starts[] = { 0, 1, -1, -1000, TSC, -TSC, (u64)S64_MIN, S64_MAX - 99 };
	unsigned int i, j, step;

	for (i = 0; i < ARRAY_SIZE(khzs); i++) {
		u64 mult = xen_tsc_mult(khzs[i]);

		for (j = 0; j < ARRAY_SIZE(starts); j++) {
			for (step = 0; step < 99; step++) {
				u64 tsc = starts[j] + step;
				s64 moved = xen_tsc_to_ns(tsc + 1, mult) -
					    xen_tsc_to_ns(tsc, mult);

				KUNIT_ASSERT_GE(test, moved, 0);
				KUNIT_ASSERT_LE(test, (u64)moved, (mult >> 32) + 1);
			}
		}
	}
}

/* From a second to two years in the past and in the future */
static void test_to_ns_is_right(struct kunit *test)
{
	unsigned int i;
	s64 seconds;

	for (i = 2; i < ARRAY_SIZE(khzs) - 2; i++) {
		u64 mult = xen_tsc_mult(khzs[i]);

		for (seconds = 1; seconds < 1000 * 86400; seconds = seconds * 3 + 1) {
			s64 cycles = seconds * khzs[i] * 1000;
			s64 error = seconds * SEC - (s64)xen_tsc_to_ns(cycles, mult);

			KUNIT_EXPECT_GE(test, error, 0);
			KUNIT_EXPECT_LE(test, error, seconds + 1);
			error = -seconds * SEC - (s64)xen_tsc_to_ns(-cycles, mult);
			KUNIT_EXPECT_LE(test, error, 1);
			KUNIT_EXPECT_GE(test, error, -seconds - 1);
		}
	}
}

static struct kunit_case xen_tsc_skew_cases[] = {
	KUNIT_CASE_PARAM(test_skew, skew_gen_params),
	KUNIT_CASE(test_threshold),
	KUNIT_CASE(test_skew_of_20_ms),
	KUNIT_CASE(test_frequency),
	KUNIT_CASE(test_mult),
	KUNIT_CASE(test_to_ns),
	KUNIT_CASE(test_to_ns_goes_up),
	KUNIT_CASE(test_to_ns_is_right),
	{ }
};

static struct kunit_suite xen_tsc_skew_suite = {
	.name = "xen_tsc_skew",
	.test_cases = xen_tsc_skew_cases,
};

kunit_test_suite(xen_tsc_skew_suite);
