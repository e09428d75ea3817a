// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests for the arithmetic that notices a TSC that jumps */
#include <kunit/test.h>

#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "../tsc_watch.h"

#define KHZ		2500000U	/* 2.5 cycles are one ns */
#define CYCLES(ns)	((ns) / 2 * 5)
#define SEC		((s64)NSEC_PER_SEC)
#define MSEC		((s64)NSEC_PER_MSEC)
#define GAP		(SEC / 2)	/* what is tolerated */

/* The guest has run for a while */
#define TSC		CYCLES(1000 * SEC)
#define PVCLOCK		(77777 * SEC)

struct look_case {
	const char *name;
	s64 elapsed;		/* by the pvclock, in ns */
	s64 ahead;		/* of the TSC, in ns */
	bool good;
};

/* The edge after some time: what is tolerated at once, and 1/1024 */
#define EDGE(ns)	(GAP + (ns) / 1024)

static const struct look_case look_cases[] = {
	{ "nothing passes", 0, 0, true },
	{ "a tick", 4 * MSEC, 0, true },
	{ "four seconds idle", 4 * SEC, 0, true },
	{ "ten minutes idle", 600 * SEC, 0, true },
	{ "an hour idle, 500 ppm fast", 3600 * SEC, 1800 * MSEC, true },
	{ "an hour idle, 500 ppm slow", 3600 * SEC, -1800 * MSEC, true },
	{ "paused for 20 days", 20 * 86400 * SEC, 0, true },
	{ "paused for a year", 365 * 86400 * SEC, 0, true },
	{ "another CPU, 10 us ahead", 4 * MSEC, 10000, true },
	{ "another CPU, 10 us behind", 4 * MSEC, -10000, true },
	{ "another CPU, before the last look", -10000, -10000, true },
	{ "Xen sets the pvclock, 100 ms", 4 * MSEC, -100 * MSEC, true },
	{ "edge forward", 0, EDGE(0), true },
	{ "edge back", 0, -EDGE(0), true },
	{ "over the edge forward", 0, EDGE(0) + 2, false },
	{ "over the edge back", 0, -EDGE(0) - 2, false },
	{ "edge after a minute", 60 * SEC, EDGE(60 * SEC) - 2, true },
	{ "over the edge after a minute", 60 * SEC, EDGE(60 * SEC) + 2, false },
	{ "edge back after a minute", 60 * SEC, -EDGE(60 * SEC) + 2, true },
	{ "over the edge back after a minute", 60 * SEC, -EDGE(60 * SEC) - 2, false },
	{ "15 s back", 2 * SEC, -15 * SEC, false },
	{ "90 s forward", 2 * SEC, 90 * SEC, false },
	{ "5 minutes back", 4 * MSEC, -300 * SEC, false },
	{ "5 minutes forward", 4 * MSEC, 300 * SEC, false },
	{ "the pvclock goes back", -1000 * SEC, 1000 * SEC, false },
	{ "the TSC starts anew", SEC, -1001 * SEC, false },
	{ "the TSC wraps: before its start", SEC, -2000 * SEC, false },
	{ "the TSC stands still for a minute", 60 * SEC, -60 * SEC, false },
	{ "forty years forward", SEC, 14600 * 86400 * SEC, false },
	{ "forty years back", SEC, -14600 * 86400 * SEC, false },
};

static void look_case_name(const struct look_case *look_case, char *desc)
{
	strscpy(desc, look_case->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(look, look_cases, look_case_name);

static struct xen_tsc_look look_after(u64 tsc, u64 pvclock, s64 elapsed, s64 ahead)
{
	return (struct xen_tsc_look) {
		.tsc = tsc + CYCLES(elapsed + ahead),
		.pvclock = pvclock + elapsed,
	};
}

static void look_from(struct kunit *test, u64 tsc, u64 pvclock)
{
	const struct look_case *look_case = test->param_value;
	struct xen_tsc_look first = { .tsc = tsc, .pvclock = pvclock };
	struct xen_tsc_look next = look_after(tsc, pvclock, look_case->elapsed,
					      look_case->ahead);
	struct xen_tsc_watch watch = { };
	s64 gap;

	KUNIT_EXPECT_TRUE(test, xen_tsc_watch(&watch, &first, KHZ, &gap));
	KUNIT_EXPECT_EQ(test, gap, 0);

	KUNIT_EXPECT_EQ(test, xen_tsc_watch(&watch, &next, KHZ, &gap),
			look_case->good);
	/* Progress counts as 24 days at most */
	if (abs(look_case->ahead) < 86400 * SEC) {
		KUNIT_EXPECT_LE(test, abs(gap - look_case->ahead), 2);
	} else {
		KUNIT_EXPECT_EQ(test, gap < 0, look_case->ahead < 0);
		KUNIT_EXPECT_GT(test, abs(gap), 24 * 86400 * SEC);
	}

	/* The last look is the last good one */
	KUNIT_EXPECT_EQ(test, watch.last.tsc,
			look_case->good ? next.tsc : first.tsc);
	KUNIT_EXPECT_EQ(test, watch.last.pvclock,
			look_case->good ? next.pvclock : first.pvclock);
}

static void test_look(struct kunit *test)
{
	look_from(test, TSC, PVCLOCK);
}

/* Both clocks may wrap on the way */
static void test_look_wraps(struct kunit *test)
{
	look_from(test, U64_MAX - 10, PVCLOCK);
	look_from(test, TSC, U64_MAX - 10);
	look_from(test, U64_MAX, U64_MAX);
	look_from(test, 0, 0);
	look_from(test, S64_MAX, S64_MAX);
}

/* As Linux programs its ticks, for a day: a rate within the tolerance is no jump */
static void test_drift(struct kunit *test)
{
	static const s64 steps[] = { 1, 4 * MSEC, 250 * MSEC, 4 * SEC, 61 * SEC };
	s64 ppm, elapsed, gap;
	unsigned int i;

	for (ppm = -500; ppm <= 500; ppm += 250) {
		struct xen_tsc_watch watch = { };

		for (elapsed = 0, i = 0; elapsed < 86400 * SEC; i++) {
			struct xen_tsc_look look =
				look_after(TSC, PVCLOCK, elapsed,
					   div_s64(elapsed, 1000000) * ppm);

			KUNIT_ASSERT_TRUE_MSG(test,
					      xen_tsc_watch(&watch, &look, KHZ, &gap),
					      "%lld ppm, after %lld ns: %lld ns",
					      ppm, elapsed, gap);
			elapsed += steps[i % ARRAY_SIZE(steps)];
		}
	}
}

/* When is a rate that is off noticed?  In percent of what it should be. */
static s64 noticed_after(unsigned int percent)
{
	struct xen_tsc_watch watch = { };
	s64 elapsed, gap;

	for (elapsed = 0; elapsed < 3600 * SEC; elapsed += 4 * MSEC) {
		struct xen_tsc_look look =
			look_after(TSC, PVCLOCK, elapsed,
				   div_s64(elapsed, 100) * percent - elapsed);

		if (!xen_tsc_watch(&watch, &look, KHZ, &gap))
			return elapsed;
	}

	return S64_MAX;
}

static void test_rate(struct kunit *test)
{
	KUNIT_EXPECT_LT(test, noticed_after(43), SEC);
	KUNIT_EXPECT_LT(test, noticed_after(230), SEC);
	KUNIT_EXPECT_LT(test, noticed_after(94), 10 * SEC);
	KUNIT_EXPECT_LT(test, noticed_after(106), 10 * SEC);
	KUNIT_EXPECT_EQ(test, noticed_after(99), S64_MAX);
	KUNIT_EXPECT_EQ(test, noticed_after(100), S64_MAX);
	KUNIT_EXPECT_EQ(test, noticed_after(101), S64_MAX);
}

/* A rate of nothing says nothing, and the extremes divide and multiply well */
static void test_khz(struct kunit *test)
{
	static const u64 values[] = {
		0, 1, S64_MAX, (u64)S64_MIN, U64_MAX,
	};
	static const u32 khzs[] = { 1, KHZ, S32_MAX, U32_MAX };
	struct xen_tsc_watch watch = { };
	unsigned int i, j, k, l;
	s64 gap;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		for (j = 0; j < ARRAY_SIZE(values); j++) {
			struct xen_tsc_look look = { values[i], values[j] };

			KUNIT_EXPECT_TRUE(test, xen_tsc_watch(&watch, &look, 0, &gap));
			KUNIT_EXPECT_EQ(test, gap, 0);
			KUNIT_EXPECT_FALSE(test, watch.armed);
		}
	}

	/* No progress of one clock, all values of the other's */
	for (l = 0; l < ARRAY_SIZE(khzs); l++) {
		for (k = 0; k < ARRAY_SIZE(values); k++) {
			struct xen_tsc_look from = { 5, 6 };
			struct xen_tsc_look to = { 5 + values[k], 6 };
			s64 moved = values[k];

			gap = xen_tsc_gap(&from, &to, khzs[l]);
			if (moved > 0)
				KUNIT_EXPECT_GE(test, gap, 0);
			else
				KUNIT_EXPECT_LE(test, gap, 0);
			KUNIT_EXPECT_LE(test, abs(gap), 25 * 86400 * SEC);

			to = (struct xen_tsc_look) { 5, 6 + values[k] };
			gap = xen_tsc_gap(&from, &to, khzs[l]);
			if (moved > 0)
				KUNIT_EXPECT_LT(test, gap, 0);
			else if (moved < 0)
				KUNIT_EXPECT_GT(test, gap, 0);
			else
				KUNIT_EXPECT_EQ(test, gap, 0);
		}
	}
}

static struct kunit_case xen_tsc_watch_cases[] = {
	KUNIT_CASE_PARAM(test_look, look_gen_params),
	KUNIT_CASE_PARAM(test_look_wraps, look_gen_params),
	KUNIT_CASE(test_drift),
	KUNIT_CASE(test_rate),
	KUNIT_CASE(test_khz),
	{ }
};

static struct kunit_suite xen_tsc_watch_suite = {
	.name = "xen_tsc_watch",
	.test_cases = xen_tsc_watch_cases,
};

kunit_test_suite(xen_tsc_watch_suite);
