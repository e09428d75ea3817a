// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests for the source and the offset of the scheduler clock */
#include <kunit/test.h>

#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/sched/clock.h>
#include <linux/stop_machine.h>
#include <linux/string.h>
#include <linux/time64.h>

#include <asm/x86_init.h>

#include "../sched_clock.h"
#include "../sched_clock_source.h"

#define KHZ	2300000U
#define SECOND	((u64)KHZ * 1000)	/* in cycles */
#define SEC	((u64)NSEC_PER_SEC)	/* in ns */
#define DAY	86400ULL

/* What the sources count: the tests say so */
static u64 counts[3];

static u64 read_count(enum xen_sched_clock_source source)
{
	return counts[source];
}

static void set_counts(u64 pvclock, u64 tsc)
{
	counts[XEN_SCHED_CLOCK_PVCLOCK] = pvclock;
	counts[XEN_SCHED_CLOCK_TSC] = tsc;
}

/* Some seconds pass */
static void pass(u64 seconds)
{
	counts[XEN_SCHED_CLOCK_PVCLOCK] += seconds * SEC;
	counts[XEN_SCHED_CLOCK_TSC] += seconds * SECOND;
}

/* A clock that says @value and reads @source */
static void start(struct xen_sched_clock *clock, enum xen_sched_clock_source source,
		  u64 value)
{
	*clock = (struct xen_sched_clock){
		.active	= &clock->slots[0],
		.source	= XEN_SCHED_CLOCK_HELD,
		.mult	= xen_sched_clock_mult(KHZ),
		.read	= read_count,
	};
	xen_sched_clock_choose(clock, source, 0);
	xen_sched_clock_release(clock);
	xen_sched_clock_choose(clock, source, value);
}

/* The factor is rounded: a billionth may be missing, and what is cut off */
static void expect_about(struct kunit *test, u64 is, u64 wanted)
{
	KUNIT_EXPECT_LE(test, is, wanted);
	KUNIT_EXPECT_GE(test, is, wanted - div_u64(wanted, NSEC_PER_SEC) - 1);
}

static void xen_sched_clock_scales_cycles(struct kunit *test)
{
	static const u32 rates[] = { 100000, 999999, 1000000, 2299999, 4000000 };
	struct xen_sched_clock_data data = { .source = XEN_SCHED_CLOCK_TSC };
	unsigned int i;
	u64 seconds;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		data.mult = xen_sched_clock_mult(rates[i]);
		data.offset = 0;
		data.offset = xen_sched_clock_value(&data, 0);
		for (seconds = 1; seconds < 3000 * DAY; seconds *= 60)
			expect_about(test,
				     xen_sched_clock_value(&data, seconds * rates[i] * 1000),
				     seconds * SEC);
	}
}

/* Back to before the TSC was zero, where it wraps, and on from there */
static void xen_sched_clock_wraps(struct kunit *test)
{
	struct xen_sched_clock clock;
	u64 last;

	set_counts(0, 10 * SECOND);
	start(&clock, XEN_SCHED_CLOCK_TSC, 42 * SEC);
	counts[XEN_SCHED_CLOCK_TSC] -= 5000 * SECOND;
	last = xen_sched_clock_now(&clock);
	KUNIT_EXPECT_LT(test, (s64)last, 0);
	pass(4999);
	expect_about(test, xen_sched_clock_now(&clock) - last, 4999 * SEC);
	pass(1);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 42 * SEC);
}

static void xen_sched_clock_starts_at_zero(struct kunit *test)
{
	struct xen_sched_clock clock;

	set_counts(DAY * SEC, 0);
	start(&clock, XEN_SCHED_CLOCK_PVCLOCK, 0);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 0);
	pass(7);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 7 * SEC);
}

static void xen_sched_clock_changes_source(struct kunit *test)
{
	struct xen_sched_clock clock;

	set_counts(300 * DAY * SEC, 5 * SECOND);
	start(&clock, XEN_SCHED_CLOCK_PVCLOCK, 0);
	pass(3);
	xen_sched_clock_choose(&clock, XEN_SCHED_CLOCK_TSC, xen_sched_clock_now(&clock));
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 3 * SEC);
	pass(3);
	expect_about(test, xen_sched_clock_now(&clock), 6 * SEC);
	xen_sched_clock_choose(&clock, XEN_SCHED_CLOCK_PVCLOCK, 6 * SEC);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 6 * SEC);
	pass(3);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 9 * SEC);
}

/* How long the sources have counted before a sleep and after it, in seconds */
static const struct sleep_case {
	const char *name;
	u64 pvclock_before, tsc_before;
	u64 pvclock_after, tsc_after;
} sleep_cases[] = {
	{ "checkpoint", DAY, DAY, DAY, DAY },
	{ "a minute", DAY, DAY, DAY + 60, DAY + 60 },
	{ "to an older host", DAY, DAY, 900 * DAY, 900 * DAY },
	{ "to a younger host", 900 * DAY, 900 * DAY, DAY, DAY },
	{ "to one that has just booted", 900 * DAY, 900 * DAY, 0, 0 },
	{ "the TSC begins anew", DAY, DAY, DAY, 0 },
	{ "the TSC is far ahead", DAY, DAY, DAY, 900 * DAY },
};

static void sleep_case_desc(const struct sleep_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(sleep, sleep_cases, sleep_case_desc);

static void sleep_on(struct kunit *test, enum xen_sched_clock_source source)
{
	const struct sleep_case *c = test->param_value;
	const u64 value = 42 * SEC;
	struct xen_sched_clock clock;

	set_counts(c->pvclock_before * SEC, c->tsc_before * SECOND);
	start(&clock, source, value);
	xen_sched_clock_hold(&clock, 0);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), value);
	pass(1);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), value);
	set_counts(c->pvclock_after * SEC, c->tsc_after * SECOND);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), value);
	xen_sched_clock_release(&clock);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), value);
	pass(1);
	expect_about(test, xen_sched_clock_now(&clock), value + SEC);
}

static void xen_sched_clock_sleeps_on_pvclock(struct kunit *test)
{
	sleep_on(test, XEN_SCHED_CLOCK_PVCLOCK);
}

static void xen_sched_clock_sleeps_on_tsc(struct kunit *test)
{
	sleep_on(test, XEN_SCHED_CLOCK_TSC);
}

static void xen_sched_clock_sleeps_often(struct kunit *test)
{
	struct xen_sched_clock clock;
	unsigned int i;

	set_counts(0, 0);
	start(&clock, XEN_SCHED_CLOCK_TSC, 1);
	for (i = 0; i < 1000; i++) {
		xen_sched_clock_hold(&clock, 0);
		set_counts(i * 7919, (1000 - i) * 104729);
		xen_sched_clock_release(&clock);
	}
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 1);
}

/* As Xen's suspend lies within that of the system, or the other way round */
static void xen_sched_clock_sleeps_within_sleep(struct kunit *test)
{
	struct xen_sched_clock clock;

	set_counts(DAY, DAY);
	start(&clock, XEN_SCHED_CLOCK_PVCLOCK, 10);
	xen_sched_clock_hold(&clock, 0);
	pass(1);
	xen_sched_clock_hold(&clock, 0);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 10);
	xen_sched_clock_release(&clock);
	pass(1);
	xen_sched_clock_release(&clock);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 10 + SEC);
}

static void xen_sched_clock_held_ahead(struct kunit *test)
{
	struct xen_sched_clock clock;

	set_counts(DAY, DAY);
	start(&clock, XEN_SCHED_CLOCK_PVCLOCK, 10);
	xen_sched_clock_hold(&clock, 5);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 15);
	xen_sched_clock_release(&clock);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 15);
}

/* A TSC that is given up while the guest wakes */
static void xen_sched_clock_changes_source_asleep(struct kunit *test)
{
	struct xen_sched_clock clock;

	set_counts(DAY, DAY);
	start(&clock, XEN_SCHED_CLOCK_TSC, 10);
	xen_sched_clock_hold(&clock, 0);
	xen_sched_clock_choose(&clock, XEN_SCHED_CLOCK_PVCLOCK, 99);
	pass(1);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 10);
	xen_sched_clock_release(&clock);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 10);
	counts[XEN_SCHED_CLOCK_TSC] = U64_MAX;
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 10);
	pass(1);
	KUNIT_EXPECT_EQ(test, xen_sched_clock_now(&clock), 10 + SEC);
}

/* A reader that has been stopped between its loads */
static void xen_sched_clock_leaves_readers_alone(struct kunit *test)
{
	const struct xen_sched_clock_data *data;
	struct xen_sched_clock_data copy;
	struct xen_sched_clock clock;

	set_counts(DAY, DAY);
	start(&clock, XEN_SCHED_CLOCK_TSC, 10);
	data = clock.active;
	copy = *data;
	xen_sched_clock_choose(&clock, XEN_SCHED_CLOCK_PVCLOCK, 20);
	xen_sched_clock_hold(&clock, 1);
	xen_sched_clock_release(&clock);
	KUNIT_EXPECT_PTR_NE(test, data, clock.active);
	KUNIT_EXPECT_EQ(test, memcmp(data, &copy, sizeof(copy)), 0);
}

/* What the hooks of x86_platform did to the real clock */
struct hooks_seen {
	u64 before, held, still_held, after, later;
};

static int call_hooks(void *data)
{
	struct hooks_seen *seen = data;

	seen->before = sched_clock();
	x86_platform.save_sched_clock_state();
	seen->held = sched_clock();
	mdelay(1);
	seen->still_held = sched_clock();
	x86_platform.restore_sched_clock_state();
	seen->after = sched_clock();
	mdelay(1);
	seen->later = sched_clock();

	return 0;
}

/* Hibernation and S3, without the sleep itself, which is counted all the same */
static void xen_sched_clock_has_hooks(struct kunit *test)
{
	struct hooks_seen seen;

	if (x86_platform.save_sched_clock_state != xen_sched_clock_save)
		kunit_skip(test, "the scheduler clock is not Xen's");

	KUNIT_ASSERT_EQ(test, 0, stop_machine(call_hooks, &seen, NULL));
	KUNIT_EXPECT_GE(test, seen.held, seen.before);
	KUNIT_EXPECT_EQ(test, seen.still_held, seen.held);
	KUNIT_EXPECT_GE(test, seen.after, seen.held);
	KUNIT_EXPECT_GT(test, seen.later, seen.after);
}

static struct kunit_case xen_sched_clock_cases[] = {
	KUNIT_CASE(xen_sched_clock_scales_cycles),
	KUNIT_CASE(xen_sched_clock_wraps),
	KUNIT_CASE(xen_sched_clock_starts_at_zero),
	KUNIT_CASE(xen_sched_clock_changes_source),
	KUNIT_CASE_PARAM(xen_sched_clock_sleeps_on_pvclock, sleep_gen_params),
	KUNIT_CASE_PARAM(xen_sched_clock_sleeps_on_tsc, sleep_gen_params),
	KUNIT_CASE(xen_sched_clock_sleeps_often),
	KUNIT_CASE(xen_sched_clock_sleeps_within_sleep),
	KUNIT_CASE(xen_sched_clock_held_ahead),
	KUNIT_CASE(xen_sched_clock_changes_source_asleep),
	KUNIT_CASE(xen_sched_clock_leaves_readers_alone),
	KUNIT_CASE(xen_sched_clock_has_hooks),
	{}
};

static struct kunit_suite xen_sched_clock_suite = {
	.name = "xen_sched_clock",
	.test_cases = xen_sched_clock_cases,
};

kunit_test_suite(xen_sched_clock_suite);
