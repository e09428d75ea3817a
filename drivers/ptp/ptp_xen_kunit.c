// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests for how Xen's wall clock is read. They need no Xen. */
#include <kunit/test.h>

#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/time64.h>

#include <asm/xen/wallclock.h>

/* As Xen does it: the version is odd meanwhile */
static void xen_begins(struct shared_info *s)
{
	s->wc.version++;
}

static void xen_sets(struct shared_info *s, u64 sec, u32 nsec)
{
	s->wc.sec = sec;
	s->wc.nsec = nsec;
#ifdef CONFIG_X86_32
	s->arch.wc_sec_hi = sec >> 32;
#else
	s->wc_sec_hi = sec >> 32;
#endif
}

static void xen_ends(struct shared_info *s)
{
	s->wc.version++;
}

static struct shared_info *new_shared_info(struct kunit *test)
{
	struct shared_info *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	xen_begins(s);
	xen_sets(s, 1000, 1);
	xen_ends(s);

	return s;
}

/* The versions at which a read can begin: the last one wraps when it is raised twice */
static const u32 versions[] = { 0, 2, 0x7ffffffe, 0x80000000, 0xfffffffe };

static void test_undisturbed(struct kunit *test)
{
	struct shared_info *s = new_shared_info(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(versions); i++) {
		s->wc.version = versions[i];
		KUNIT_EXPECT_FALSE(test, xen_wallclock_retry(s, xen_wallclock_begin(s)));
	}
}

static void test_set_during_a_read(struct kunit *test)
{
	struct shared_info *s = new_shared_info(test);
	unsigned int i;
	u32 version;

	for (i = 0; i < ARRAY_SIZE(versions); i++) {
		s->wc.version = versions[i];
		version = xen_wallclock_begin(s);
		xen_begins(s);
		KUNIT_EXPECT_TRUE(test, xen_wallclock_retry(s, version));
		xen_ends(s);
		KUNIT_EXPECT_TRUE(test, xen_wallclock_retry(s, version));
	}
}

static void test_read_during_a_set(struct kunit *test)
{
	struct shared_info *s = new_shared_info(test);
	unsigned int i;
	u32 version;

	for (i = 0; i < ARRAY_SIZE(versions); i++) {
		s->wc.version = versions[i];
		xen_begins(s);
		version = xen_wallclock_begin(s);
		KUNIT_EXPECT_TRUE(test, xen_wallclock_retry(s, version));
		xen_ends(s);
		KUNIT_EXPECT_TRUE(test, xen_wallclock_retry(s, version));
	}
}

struct base_case {
	const char *name;
	/* Xen's system time when dom0 sets the wall clock to these seconds */
	u64 system_time;
	s64 sec;
	/* How much later it is read, and what the time is then */
	u64 later;
	s64 wall;
};

#define DAY (86400 * (s64)NSEC_PER_SEC)

static const struct base_case base_cases[] = {
	{ "today", 30 * DAY, 1700000000, 5, 1700000000000000005 },
	{ "nanoseconds", 999999999, 1, 1, 1000000001 },
	{ "low half is full", 0, 0xffffffff, NSEC_PER_SEC, 0x100000000 * NSEC_PER_SEC },
	{ "after 2106", DAY, 5000000000, DAY, 5000000000000000000 + DAY },
	{ "host is up for longer than since 1970", 30 * DAY, 60, 7, 60000000007 },
	{ "clock of the host was never set", DAY, 0, DAY, DAY },
	{ "before 1970", DAY, -3600, 0, -3600 * (s64)NSEC_PER_SEC },
};

static void describe_base(const struct base_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(base, base_cases, describe_base);

/* What Xen subtracts when the wall clock is set, a read adds again */
static void test_base(struct kunit *test)
{
	struct shared_info *s = new_shared_info(test);
	const struct base_case *c = test->param_value;
	u64 base = (u64)c->sec * NSEC_PER_SEC - c->system_time;
	u32 nsec;
	u64 sec = div_u64_rem(base, NSEC_PER_SEC, &nsec);
	ktime_t wall;

	xen_sets(s, sec, nsec);
	wall = ns_to_ktime(xen_wallclock_base(s) + c->system_time + c->later);
	KUNIT_EXPECT_EQ(test, ktime_to_ns(wall), c->wall);
}

static struct kunit_case ptp_xen_cases[] = {
	KUNIT_CASE(test_undisturbed),
	KUNIT_CASE(test_set_during_a_read),
	KUNIT_CASE(test_read_during_a_set),
	KUNIT_CASE_PARAM(test_base, base_gen_params),
	{}
};

static struct kunit_suite ptp_xen_suite = {
	.name = "ptp_xen",
	.test_cases = ptp_xen_cases,
};

kunit_test_suite(ptp_xen_suite);

MODULE_DESCRIPTION("KUnit tests for the PTP clock of Xen guests");
MODULE_LICENSE("GPL");
