// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests for the policy that decides how far to trust the TSC */
#include <kunit/test.h>

#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "../tsc_policy.h"
#include "facts.h"

static void row_case_name(const struct row_case *row_case, char *desc)
{
	strscpy(desc, row_case->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(row, row_cases, row_case_name);

static void test_auto(struct kunit *test)
{
	const struct row_case *row_case = test->param_value;
	struct xen_tsc_facts facts = facts_of(&row_case->facts, XEN_TSC_AUTO);
	struct xen_tsc_judgement judgement = xen_tsc_judge(&facts);

	KUNIT_EXPECT_EQ(test, judgement.rule->row, row_case->row);
	KUNIT_EXPECT_EQ(test, judgement.rule->verdict, row_case->verdict);
	KUNIT_EXPECT_EQ(test, judgement.verdict, row_case->verdict);
	KUNIT_EXPECT_PTR_EQ(test, judgement.reason, judgement.rule->reason);
}

static void test_on(struct kunit *test)
{
	const struct row_case *row_case = test->param_value;
	struct xen_tsc_facts facts = facts_of(&row_case->facts, XEN_TSC_ON);
	struct xen_tsc_judgement judgement = xen_tsc_judge(&facts);

	KUNIT_EXPECT_EQ(test, judgement.verdict, XEN_TSC_RELIABLE);
	/* The row that is overruled stays known */
	KUNIT_EXPECT_EQ(test, judgement.rule->row, row_case->row);
	KUNIT_EXPECT_EQ(test, judgement.rule->verdict, row_case->verdict);
}

static void test_off(struct kunit *test)
{
	const struct row_case *row_case = test->param_value;
	struct xen_tsc_facts facts = facts_of(&row_case->facts, XEN_TSC_OFF);
	struct xen_tsc_judgement judgement = xen_tsc_judge(&facts);

	KUNIT_EXPECT_EQ(test, judgement.rule->row, row_case->row);
	/* What was reliable is no longer, all else stays */
	if (row_case->verdict == XEN_TSC_RELIABLE)
		KUNIT_EXPECT_EQ(test, judgement.verdict, XEN_TSC_UNVERIFIED);
	else
		KUNIT_EXPECT_EQ(test, judgement.verdict, row_case->verdict);
}

struct khz_case {
	const char *name;
	struct short_facts facts;
	enum xen_tsc_request request;
	u32 khz;
};

/* The rate that the pvclock shows: plausible, but not the leaf's */
#define TRIMMED		(KHZ + 10)

static const struct khz_case khz_cases[] = {
	{ "reliable: the leaf's", RATE(KHZ, TRIMMED), XEN_TSC_AUTO, KHZ },
	{ "off: the pvclock's", RATE(KHZ, TRIMMED), XEN_TSC_OFF, TRIMMED },
	{ "unverified: the pvclock's",
	  { XEN_TSC_PV, 4, 5, DEFAULT, 0, KHZ, TRIMMED }, XEN_TSC_AUTO, TRIMMED },
	{ "unstable: the pvclock's",
	  { XEN_TSC_PV, 4, 5, NEVER, 0, KHZ, TRIMMED }, XEN_TSC_AUTO, TRIMMED },
	{ "on: the leaf's",
	  { XEN_TSC_PV, 4, 5, NEVER, 0, KHZ, TRIMMED }, XEN_TSC_ON, KHZ },
	{ "on, the leaf's is nonsense", RATE(1, TRIMMED), XEN_TSC_ON, TRIMMED },
	{ "on, the leaf is absent",
	  { XEN_TSC_PV, 4, 2, DEFAULT, 0, 0, TRIMMED }, XEN_TSC_ON, TRIMMED },
	{ "reliable dom0: the pvclock's", DOM0(5, HOST), XEN_TSC_AUTO, KHZ },
};

static void khz_case_name(const struct khz_case *khz_case, char *desc)
{
	strscpy(desc, khz_case->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(khz, khz_cases, khz_case_name);

static void test_khz(struct kunit *test)
{
	const struct khz_case *khz_case = test->param_value;
	struct xen_tsc_facts facts = facts_of(&khz_case->facts, khz_case->request);

	KUNIT_EXPECT_EQ(test, xen_tsc_judge(&facts).khz, khz_case->khz);
}

static void test_every_combination(struct kunit *test)
{
	static const u32 khzs[] = { 0, 1, KHZ, U32_MAX };
	unsigned int i, rows = 0;

	/* A few bits of i for each fact */
	for (i = 0; i < BIT(16); i++) {
		struct short_facts some = {
			.domain = (i >> 3 & 3) % 3,
			.xen_major = 3 + (i >> 5 & 1),
			.largest_leaf = 2 + (i >> 6 & 1),
			.mode = i >> 7 & 7,
			.flags = i & ALL,
			.khz = khzs[i >> 10 & 3],
			.pvclock_khz = khzs[i >> 12 & 3],
		};
		struct xen_tsc_facts facts = facts_of(&some, (i >> 14 & 3) % 3);
		struct xen_tsc_judgement judgement = xen_tsc_judge(&facts);

		KUNIT_ASSERT_NOT_NULL(test, judgement.rule);
		KUNIT_ASSERT_NOT_NULL(test, judgement.reason);
		rows |= BIT(judgement.rule->row);

		if (facts.request == XEN_TSC_ON)
			KUNIT_ASSERT_EQ(test, judgement.verdict, XEN_TSC_RELIABLE);
		if (facts.request == XEN_TSC_OFF)
			KUNIT_ASSERT_NE(test, judgement.verdict, XEN_TSC_RELIABLE);
		if (facts.request != XEN_TSC_AUTO)
			continue;

		KUNIT_ASSERT_EQ(test, judgement.verdict, judgement.rule->verdict);
		if (judgement.verdict != XEN_TSC_RELIABLE)
			continue;

		/* Nobody asked for it, so Xen must have vouched */
		KUNIT_ASSERT_GE(test, facts.xen_major, 4);
		KUNIT_ASSERT_GE(test, facts.largest_leaf, XEN_TSC_TIME_LEAF);
		KUNIT_ASSERT_TRUE(test, facts.emulated || facts.host_reliable);
	}

	KUNIT_EXPECT_EQ(test, rows, GENMASK(10, 1));
}

static void test_parse_request(struct kunit *test)
{
	static const struct {
		const char *arg;
		bool valid;
		enum xen_tsc_request request;
	} args[] = {
		{ "auto", true, XEN_TSC_AUTO },	{ "AUTO", true, XEN_TSC_AUTO },
		{ "on", true, XEN_TSC_ON },	{ "off", true, XEN_TSC_OFF },
		{ "On", true, XEN_TSC_ON },	{ "OFF", true, XEN_TSC_OFF },
		{ "1", true, XEN_TSC_ON },	{ "0", true, XEN_TSC_OFF },
		{ "y", true, XEN_TSC_ON },	{ "n", true, XEN_TSC_OFF },
		{ "Y", true, XEN_TSC_ON },	{ "N", true, XEN_TSC_OFF },
		{ "yes", true, XEN_TSC_ON },	{ "no", true, XEN_TSC_OFF },
		{ "t", true, XEN_TSC_ON },	{ "f", true, XEN_TSC_OFF },
		{ "true", true, XEN_TSC_ON },	{ "false", true, XEN_TSC_OFF },
		{ NULL },	{ "" },		{ "maybe" },	{ "nonsense" },
		{ "2" },	{ "on " },	{ "o" },	{ "autoo" },
		{ "yess" },	{ "-1" },	{ "offf" },	{ "tru" },
	};
	unsigned int i, before;

	for (i = 0; i < ARRAY_SIZE(args); i++) {
		for (before = XEN_TSC_AUTO; before <= XEN_TSC_OFF; before++) {
			enum xen_tsc_request request = before;

			KUNIT_EXPECT_EQ_MSG(test, args[i].valid,
					    xen_tsc_parse_request(args[i].arg, &request),
					    "%s", args[i].arg);
			KUNIT_EXPECT_EQ_MSG(test, request,
					    args[i].valid ? args[i].request : before,
					    "%s", args[i].arg);
		}
	}
}

static void test_names(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, xen_tsc_mode_name(0), "default");
	KUNIT_EXPECT_STREQ(test, xen_tsc_mode_name(1), "always_emulate");
	KUNIT_EXPECT_STREQ(test, xen_tsc_mode_name(2), "native");
	KUNIT_EXPECT_STREQ(test, xen_tsc_mode_name(3), "native_paravirt");
	KUNIT_EXPECT_STREQ(test, xen_tsc_mode_name(4), "unknown");
	KUNIT_EXPECT_STREQ(test, xen_tsc_mode_name(U32_MAX), "unknown");

	KUNIT_EXPECT_STREQ(test, xen_tsc_request_name(XEN_TSC_AUTO), "auto");
	KUNIT_EXPECT_STREQ(test, xen_tsc_request_name(XEN_TSC_ON), "on");
	KUNIT_EXPECT_STREQ(test, xen_tsc_request_name(XEN_TSC_OFF), "off");

	KUNIT_EXPECT_STREQ(test, xen_tsc_verdict_name(XEN_TSC_RELIABLE), "reliable");
	KUNIT_EXPECT_STREQ(test, xen_tsc_verdict_name(XEN_TSC_UNVERIFIED), "unverified");
	KUNIT_EXPECT_STREQ(test, xen_tsc_verdict_name(XEN_TSC_UNSTABLE), "unstable");
}

static struct kunit_case xen_tsc_policy_cases[] = {
	KUNIT_CASE_PARAM(test_auto, row_gen_params),
	KUNIT_CASE_PARAM(test_on, row_gen_params),
	KUNIT_CASE_PARAM(test_off, row_gen_params),
	KUNIT_CASE_PARAM(test_khz, khz_gen_params),
	KUNIT_CASE(test_every_combination),
	KUNIT_CASE(test_parse_request),
	KUNIT_CASE(test_names),
	{ }
};

static struct kunit_suite xen_tsc_policy_suite = {
	.name = "xen_tsc_policy",
	.test_cases = xen_tsc_policy_cases,
};

kunit_test_suite(xen_tsc_policy_suite);
