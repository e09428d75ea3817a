// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests for the policy that decides how far to trust the TSC */
#include <kunit/test.h>

#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "../tsc_policy.h"
#include "facts.h"

static void rule_case_name(const struct rule_case *rule_case, char *desc)
{
	strscpy(desc, rule_case->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(rule, rule_cases, rule_case_name);

static void expect_decision(struct kunit *test, enum xen_tsc_request request,
			    enum xen_tsc_verdict verdict)
{
	const struct rule_case *rule_case = test->param_value;
	struct xen_tsc_facts facts = facts_of(&rule_case->facts);
	struct xen_tsc_decision decision = xen_tsc_evaluate(&facts, request);

	KUNIT_EXPECT_STREQ(test, decision.rule, rule_case->rule);
	KUNIT_EXPECT_EQ(test, decision.verdict, verdict);
	KUNIT_EXPECT_NOT_NULL(test, decision.reason);
	if (verdict == XEN_TSC_RELIABLE)
		KUNIT_EXPECT_NE(test, decision.khz, 0);
}

static void test_rule_auto(struct kunit *test)
{
	const struct rule_case *rule_case = test->param_value;

	expect_decision(test, XEN_TSC_AUTO, rule_case->verdict.with_auto);
}

static void test_rule_on(struct kunit *test)
{
	const struct rule_case *rule_case = test->param_value;

	expect_decision(test, XEN_TSC_ON, rule_case->verdict.with_on);
}

static void test_rule_off(struct kunit *test)
{
	const struct rule_case *rule_case = test->param_value;
	struct xen_tsc_facts facts = facts_of(&rule_case->facts);
	struct xen_tsc_decision decision = xen_tsc_evaluate(&facts, XEN_TSC_OFF);

	expect_decision(test, XEN_TSC_OFF, XEN_TSC_UNVERIFIED);
	KUNIT_EXPECT_STREQ(test, decision.reason, "xen_tsc_reliable=off");
	KUNIT_EXPECT_EQ(test, decision.khz, facts.pvclock_khz);
	KUNIT_EXPECT_FALSE(test, decision.exact);
}

struct khz_case {
	const char *name;
	struct short_facts facts;
	enum xen_tsc_request request;
	enum xen_tsc_verdict verdict;
	u32 khz;
	bool exact;
};

/* What the pvclock says on a host where Xen rescales it: plausible, but wrong */
#define TRIMMED		(KHZ + KHZ / 1000 * 8)

static const struct khz_case khz_cases[] = {
	{ "reliable", PV_AT(DEFAULT, EMULATED, KHZ, TRIMMED),
	  XEN_TSC_AUTO, XEN_TSC_RELIABLE, KHZ, true },
	{ "unverified", PV_AT(DEFAULT, 0, KHZ, TRIMMED),
	  XEN_TSC_AUTO, XEN_TSC_UNVERIFIED, KHZ, true },
	{ "unstable", PV_AT(NEVER, 0, KHZ, TRIMMED),
	  XEN_TSC_AUTO, XEN_TSC_UNSTABLE, KHZ, true },
	{ "named", PV_AT(NEVER, NAMED, KHZ, TRIMMED),
	  XEN_TSC_AUTO, XEN_TSC_UNVERIFIED, KHZ, true },
	{ "impostor", PV_AT(DEFAULT, IMPOSTOR, KHZ, TRIMMED),
	  XEN_TSC_AUTO, XEN_TSC_UNVERIFIED, KHZ, true },
	{ "on, emulated", PV_AT(DEFAULT, EMULATED, KHZ, TRIMMED),
	  XEN_TSC_ON, XEN_TSC_RELIABLE, KHZ, true },
	{ "on, unreliable host", PV_AT(DEFAULT, 0, KHZ, TRIMMED),
	  XEN_TSC_ON, XEN_TSC_RELIABLE, KHZ, true },
	{ "on, never emulated", PV_AT(NEVER, 0, KHZ, TRIMMED),
	  XEN_TSC_ON, XEN_TSC_RELIABLE, KHZ, true },
	{ "on, 5 % apart", PV_AT(NEVER, 0, KHZ - 5 * PERCENT, KHZ),
	  XEN_TSC_ON, XEN_TSC_RELIABLE, KHZ - 5 * PERCENT, true },
	{ "on, 10 % apart", PV_AT(NEVER, 0, KHZ - 10 * PERCENT, KHZ),
	  XEN_TSC_ON, XEN_TSC_UNSTABLE, KHZ, false },
	{ "on, the leaf has no frequency", PV_AT(DEFAULT, 0, 0, TRIMMED),
	  XEN_TSC_ON, XEN_TSC_RELIABLE, TRIMMED, false },
	{ "on, no leaf", NO_LEAF(0, TRIMMED),
	  XEN_TSC_ON, XEN_TSC_RELIABLE, TRIMMED, false },
	{ "on, no frequency", NO_LEAF(0, 0),
	  XEN_TSC_ON, XEN_TSC_UNVERIFIED, 0, false },
	{ "off, emulated", PV_AT(DEFAULT, EMULATED, KHZ, TRIMMED),
	  XEN_TSC_OFF, XEN_TSC_UNVERIFIED, TRIMMED, false },
	{ "off, never emulated", PV_AT(NEVER, 0, KHZ, TRIMMED),
	  XEN_TSC_OFF, XEN_TSC_UNVERIFIED, TRIMMED, false },
	{ "off, no frequency", PV_AT(DEFAULT, EMULATED, KHZ, 0),
	  XEN_TSC_OFF, XEN_TSC_UNVERIFIED, 0, false },
	{ "dom0: the host's", DOM0(HOST, KHZ, TRIMMED),
	  XEN_TSC_AUTO, XEN_TSC_RELIABLE, KHZ, true },
	{ "dom0, unreliable host: the host's", DOM0(0, KHZ, TRIMMED),
	  XEN_TSC_AUTO, XEN_TSC_UNVERIFIED, KHZ, true },
	{ "dom0, on: the host's", DOM0(0, KHZ, TRIMMED),
	  XEN_TSC_ON, XEN_TSC_RELIABLE, KHZ, true },
	{ "PVH dom0: its own", { XEN_TSC_DOM0, 4, 5, DEFAULT, HOST, KHZ, TRIMMED, 2 * KHZ },
	  XEN_TSC_AUTO, XEN_TSC_RELIABLE, KHZ, true },
	{ "dom0, the host's is nonsense", DOM0(HOST, 1, TRIMMED),
	  XEN_TSC_AUTO, XEN_TSC_UNVERIFIED, TRIMMED, false },
	{ "domU: its own", { XEN_TSC_HVM, 4, 5, DEFAULT, HOST, KHZ, TRIMMED, 2 * KHZ },
	  XEN_TSC_AUTO, XEN_TSC_RELIABLE, KHZ, true },
};

static void khz_case_name(const struct khz_case *khz_case, char *desc)
{
	strscpy(desc, khz_case->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(khz, khz_cases, khz_case_name);

static void test_khz(struct kunit *test)
{
	const struct khz_case *khz_case = test->param_value;
	struct xen_tsc_facts facts = facts_of(&khz_case->facts);
	struct xen_tsc_decision decision = xen_tsc_evaluate(&facts, khz_case->request);

	KUNIT_EXPECT_EQ(test, decision.khz, khz_case->khz);
	KUNIT_EXPECT_EQ(test, decision.exact, khz_case->exact);
	KUNIT_EXPECT_EQ(test, decision.verdict, khz_case->verdict);
}

/* Who lets the kernel trust the TSC, and with which frequency */
static void assert_trust(struct kunit *test, const struct xen_tsc_facts *facts,
			 enum xen_tsc_request request)
{
	struct xen_tsc_decision decision = xen_tsc_evaluate(facts, request);

	KUNIT_ASSERT_NOT_NULL(test, decision.rule);
	KUNIT_ASSERT_NOT_NULL(test, decision.reason);
	if (decision.verdict != XEN_TSC_RELIABLE)
		return;

	KUNIT_ASSERT_NE(test, request, XEN_TSC_OFF);
	KUNIT_ASSERT_NE(test, facts->pvclock_khz, 0);
	KUNIT_ASSERT_GE(test, 100ULL * decision.khz, 95ULL * facts->pvclock_khz);
	KUNIT_ASSERT_LE(test, 100ULL * decision.khz, 105ULL * facts->pvclock_khz);
	if (request == XEN_TSC_ON)
		return;

	KUNIT_ASSERT_FALSE(test, facts->impostor);
	KUNIT_ASSERT_GE(test, facts->xen_major, 4);
	KUNIT_ASSERT_GE(test, facts->largest_leaf, XEN_TSC_TIME_LEAF);
	KUNIT_ASSERT_TRUE(test, facts->emulated || facts->host_reliable);
	KUNIT_ASSERT_TRUE(test, decision.exact);
}

static void test_every_combination(struct kunit *test)
{
	static const u32 khzs[] = { 0, 1, KHZ, U32_MAX };
	unsigned int i;

	/* A few bits of i for each fact */
	for (i = 0; i < BIT(18); i++) {
		struct short_facts some = {
			.domain		= (i & 3) % 3,
			.xen_major	= 3 + (i >> 2 & 1),
			.largest_leaf	= 2 + (i >> 3 & 1),
			.mode		= i >> 4 & 7,
			.flags		= i >> 7 & (ALL_GOOD | IMPOSTOR | NAMED),
			.khz		= khzs[i >> 12 & 3],
			.pvclock_khz	= khzs[i >> 14 & 3],
			.host_khz	= khzs[i >> 16 & 3],
		};
		struct xen_tsc_facts facts = facts_of(&some);

		assert_trust(test, &facts, XEN_TSC_AUTO);
		assert_trust(test, &facts, XEN_TSC_ON);
		assert_trust(test, &facts, XEN_TSC_OFF);
	}
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

	KUNIT_EXPECT_STREQ(test, xen_tsc_verdict_name(XEN_TSC_RELIABLE), "reliable");
	KUNIT_EXPECT_STREQ(test, xen_tsc_verdict_name(XEN_TSC_UNVERIFIED), "unverified");
	KUNIT_EXPECT_STREQ(test, xen_tsc_verdict_name(XEN_TSC_UNSTABLE), "unstable");
}

static struct kunit_case xen_tsc_policy_cases[] = {
	KUNIT_CASE_PARAM(test_rule_auto, rule_gen_params),
	KUNIT_CASE_PARAM(test_rule_on, rule_gen_params),
	KUNIT_CASE_PARAM(test_rule_off, rule_gen_params),
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
