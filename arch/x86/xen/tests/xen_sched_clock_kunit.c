// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests for the sources and the offset of sched_clock */
#include <kunit/test.h>

#include <linux/bits.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/sched/clock.h>
#include <linux/stop_machine.h>
#include <linux/string.h>
#include <linux/time64.h>

#include <asm/pvclock.h>
#include <asm/tsc.h>
#include <asm/x86_init.h>
#include <asm/xen/hypervisor.h>

#include <xen/interface/xen.h>
#include <xen/xen-ops.h>

#include "../sched_clock.h"

#define KHZ	2300000U
#define SECOND	((u64)KHZ * 1000)	/* in cycles */
#define SEC	((u64)NSEC_PER_SEC)	/* in ns */
#define DAY	86400ULL

static struct xen_sched_clock_data new_clock(void)
{
	return (struct xen_sched_clock_data) { .mult = xen_tsc_mult(KHZ) };
}

static struct xen_tsc_sample at(u64 tsc_seconds, u64 pvclock_seconds)
{
	return (struct xen_tsc_sample) {
		.tsc = tsc_seconds * SECOND,
		.pvclock = pvclock_seconds * SEC,
	};
}

static void pass(struct xen_tsc_sample *now, u64 seconds)
{
	now->tsc += seconds * SECOND;
	now->pvclock += seconds * SEC;
}

/* The factor is rounded down: one part in 10^9 may be missing, and what is cut off */
static void expect_about(struct kunit *test, u64 is, u64 wanted)
{
	KUNIT_EXPECT_LE(test, is, wanted);
	KUNIT_EXPECT_GE(test, is, wanted - div_u64(wanted, NSEC_PER_SEC) - 1);
}

static void test_starts_at_zero(struct kunit *test)
{
	struct xen_sched_clock_data clock = new_clock();
	struct xen_tsc_sample now = at(0, 300 * DAY);

	xen_sched_clock_continue(&clock, XEN_SCHED_CLOCK_PVCLOCK, &now, 0);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_value(&clock, &now), 0);
	pass(&now, 7);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_value(&clock, &now), 7 * SEC);
}

static void test_scales_cycles(struct kunit *test)
{
	static const u32 khzs[] = { 100000, 999999, 1000000, 2299999, 4000000 };
	unsigned int i;
	u64 seconds;

	for (i = 0; i < ARRAY_SIZE(khzs); i++) {
		struct xen_sched_clock_data clock = { .mult = xen_tsc_mult(khzs[i]) };
		struct xen_tsc_sample now = { };

		xen_sched_clock_continue(&clock, XEN_SCHED_CLOCK_TSC, &now, 0);
		for (seconds = 1; seconds < 3000 * DAY; seconds *= 60) {
			now.tsc = seconds * khzs[i] * 1000;
			expect_about(test, xen_sched_clock_value(&clock, &now),
				     seconds * SEC);
		}
	}
}

/* The clock says @value at @now, and then moves as @source does */
static void expect_continues(struct kunit *test, struct xen_sched_clock_data *clock,
			     enum xen_sched_clock_source source,
			     struct xen_tsc_sample now, u64 value)
{
	xen_sched_clock_continue(clock, source, &now, value);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_value(clock, &now), value);

	pass(&now, 3);
	if (source == XEN_SCHED_CLOCK_FROZEN)
		KUNIT_EXPECT_EQ(test, xen_sched_clock_value(clock, &now), value);
	else
		expect_about(test, xen_sched_clock_value(clock, &now) - value, 3 * SEC);
}

static const enum xen_sched_clock_source sources[] = {
	XEN_SCHED_CLOCK_FROZEN, XEN_SCHED_CLOCK_PVCLOCK, XEN_SCHED_CLOCK_TSC,
};

/* Up to 2^62 cycles, and from 2^63 on, where a TSC that was set to below zero is */
static const u64 edges[] = { 0, 1, 123456789, S64_MAX / 2, (u64)S64_MIN, U64_MAX };

/* From each source to each, wherever both are and whatever the clock says */
static void test_every_pair_of_sources(struct kunit *test)
{
	const unsigned int cases = 9 * ARRAY_SIZE(edges) * ARRAY_SIZE(edges) *
				   ARRAY_SIZE(edges);
	struct xen_sched_clock_data clock = new_clock();
	unsigned int i;

	for (i = 0; i < cases; i++) {
		unsigned int edge = i / 9;
		struct xen_tsc_sample now;
		u64 value;

		now.tsc = edges[edge % ARRAY_SIZE(edges)];
		edge /= ARRAY_SIZE(edges);
		now.pvclock = edges[edge % ARRAY_SIZE(edges)];
		edge /= ARRAY_SIZE(edges);
		value = edges[edge];

		expect_continues(test, &clock, sources[i % 3], now, value);
		pass(&now, 5);
		value = xen_sched_clock_value(&clock, &now);
		expect_continues(test, &clock, sources[i / 3 % 3], now, value);
	}
}

/* How long the sources have counted before a suspend and after it, in seconds */
static const struct resume_case {
	const char *name;
	u64 tsc_before, pvclock_before;
	u64 tsc_after, pvclock_after;
} resume_cases[] = {
	{ "at once", DAY, DAY, DAY, DAY },
	{ "after a minute", DAY, DAY, DAY + 60, DAY + 60 },
	{ "on a host that is up for longer", DAY, DAY, 900 * DAY, 900 * DAY },
	{ "on a host that is up for less long", 900 * DAY, 900 * DAY, DAY, DAY },
	{ "on a host that has just booted", 900 * DAY, 900 * DAY, 0, 0 },
	{ "with a TSC that restarts", DAY, DAY, 0, DAY },
	{ "with a TSC that is far ahead", DAY, DAY, 900 * DAY, DAY },
};

static void resume_case_name(const struct resume_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(resume, resume_cases, resume_case_name);

/* Frozen on @before, resumed on @after, as a demotion in between may have it */
static void resume(struct kunit *test, enum xen_sched_clock_source before,
		   enum xen_sched_clock_source after)
{
	const struct resume_case *c = test->param_value;
	struct xen_sched_clock_data clock = new_clock();
	struct xen_tsc_sample now = at(c->tsc_before, c->pvclock_before);
	u64 value = 42 * SEC;

	xen_sched_clock_continue(&clock, before, &now, value);
	pass(&now, 1);
	value = xen_sched_clock_value(&clock, &now);
	xen_sched_clock_continue(&clock, XEN_SCHED_CLOCK_FROZEN, &now, value);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_value(&clock, &now), value);
	pass(&now, 1);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_value(&clock, &now), value);

	now = at(c->tsc_after, c->pvclock_after);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_value(&clock, &now), value);
	expect_continues(test, &clock, after, now, xen_sched_clock_value(&clock, &now));
}

static void test_resumes_on_pvclock(struct kunit *test)
{
	resume(test, XEN_SCHED_CLOCK_PVCLOCK, XEN_SCHED_CLOCK_PVCLOCK);
}

static void test_resumes_on_tsc(struct kunit *test)
{
	resume(test, XEN_SCHED_CLOCK_TSC, XEN_SCHED_CLOCK_TSC);
}

static void test_resumes_after_demotion(struct kunit *test)
{
	resume(test, XEN_SCHED_CLOCK_TSC, XEN_SCHED_CLOCK_PVCLOCK);
}

static void test_resumes_often(struct kunit *test)
{
	struct xen_sched_clock_data clock = new_clock();
	struct xen_tsc_sample now = { };
	u64 value = 1;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		now = at(i * 7919, (1000 - i) * 104729);
		xen_sched_clock_continue(&clock, sources[i % 3], &now, value);
		value = xen_sched_clock_value(&clock, &now);
	}
	KUNIT_EXPECT_EQ(test, value, 1);
}

/* A TSC below zero has values close to 2^64, and counts up through zero */
static void test_tsc_wraps(struct kunit *test)
{
	struct xen_sched_clock_data clock = new_clock();
	struct xen_tsc_sample now = at(10, 0);
	u64 last;

	xen_sched_clock_continue(&clock, XEN_SCHED_CLOCK_TSC, &now, 42 * SEC);
	now.tsc -= 5000 * SECOND;
	last = xen_sched_clock_value(&clock, &now);
	KUNIT_EXPECT_LT(test, (s64)last, 0);
	pass(&now, 4999);
	expect_about(test, xen_sched_clock_value(&clock, &now) - last, 4999 * SEC);
	pass(&now, 1);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_value(&clock, &now), 42 * SEC);
}

/* Small steps, and a change of the source at each 7th */
static void test_never_goes_backwards(struct kunit *test)
{
	struct xen_sched_clock_data clock = new_clock();
	struct xen_tsc_sample now = { -1000000, 5 };
	u64 value, last = 0;
	unsigned int i;

	xen_sched_clock_continue(&clock, XEN_SCHED_CLOCK_TSC, &now, 0);
	for (i = 0; i < 100000; i++) {
		now.tsc += i % 53;
		now.pvclock += i % 31;
		value = xen_sched_clock_value(&clock, &now);
		KUNIT_ASSERT_GE(test, value, last);
		last = value;
		if (i % 7 == 0)
			xen_sched_clock_continue(&clock, sources[i / 7 % 3], &now, value);
	}
}

/* What the hooks of x86_platform did to the real clock */
struct hooks_seen {
	u64 before, frozen, still_frozen, resumed, later;
	u64 stale, fresh;
};

static int call_hooks(void *data)
{
	struct pvclock_vcpu_time_info *time = &__this_cpu_read(xen_vcpu)->time;
	struct hooks_seen *seen = data;

	seen->before = sched_clock();
	x86_platform.save_sched_clock_state();
	seen->frozen = sched_clock();
	mdelay(1);
	seen->still_frozen = sched_clock();
	/* As in an image: what Xen wrote for another domain */
	time->tsc_timestamp += BIT_ULL(42);
	seen->stale = time->tsc_timestamp;
	x86_platform.restore_sched_clock_state();
	seen->fresh = time->tsc_timestamp;
	seen->resumed = sched_clock();
	mdelay(1);
	seen->later = sched_clock();

	return 0;
}

/* Hibernation and S3, without the suspend itself, which is counted all the same */
static void test_hooks(struct kunit *test)
{
	struct hooks_seen seen;

	if (x86_platform.save_sched_clock_state == tsc_save_sched_clock_state)
		kunit_skip(test, "sched_clock is not Xen's");

	KUNIT_ASSERT_EQ(test, 0, stop_machine(call_hooks, &seen, NULL));
	KUNIT_EXPECT_GE(test, seen.frozen, seen.before);
	KUNIT_EXPECT_EQ(test, seen.still_frozen, seen.frozen);
	KUNIT_EXPECT_NE(test, seen.fresh, seen.stale);
	KUNIT_EXPECT_GE(test, seen.resumed, seen.frozen);
	KUNIT_EXPECT_GT(test, seen.later, seen.resumed);
}

static struct kunit_case xen_sched_clock_cases[] = {
	KUNIT_CASE(test_starts_at_zero),
	KUNIT_CASE(test_scales_cycles),
	KUNIT_CASE(test_every_pair_of_sources),
	KUNIT_CASE_PARAM(test_resumes_on_pvclock, resume_gen_params),
	KUNIT_CASE_PARAM(test_resumes_on_tsc, resume_gen_params),
	KUNIT_CASE_PARAM(test_resumes_after_demotion, resume_gen_params),
	KUNIT_CASE(test_resumes_often),
	KUNIT_CASE(test_tsc_wraps),
	KUNIT_CASE(test_never_goes_backwards),
	KUNIT_CASE(test_hooks),
	{ }
};

static struct kunit_suite xen_sched_clock_suite = {
	.name = "xen_sched_clock",
	.test_cases = xen_sched_clock_cases,
};

kunit_test_suite(xen_sched_clock_suite);
