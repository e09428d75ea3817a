// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests for the policy that decides, after a resume, whether the TSC stays in use */
#include <kunit/test.h>

#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "../tsc_policy.h"
#include "facts.h"

#define STILL_RELIABLE		XEN_TSC_RELIABLE
#define STILL_UNVERIFIED	XEN_TSC_UNVERIFIED
#define DEMOTED			XEN_TSC_UNSTABLE

static const struct resume_case {
	const char *name;
	struct short_facts boot;
	struct short_facts now;
	enum xen_tsc_request request;
	enum xen_tsc_verdict verdict;
} resume_cases[] = {
	{ "emulated, as before", PV(DEFAULT, EMULATED), PV(DEFAULT, EMULATED),
	  XEN_TSC_AUTO, STILL_RELIABLE },
	{ "native, as before", PV(DEFAULT, HOST), PV(DEFAULT, HOST),
	  XEN_TSC_AUTO, STILL_RELIABLE },
	{ "invariant, as before", PV(NEVER, ITSC | HOST), PV(NEVER, ITSC | HOST),
	  XEN_TSC_AUTO, STILL_RELIABLE },
	{ "dom0, as before", DOM0(HOST, KHZ, KHZ), DOM0(HOST, KHZ, KHZ),
	  XEN_TSC_AUTO, STILL_RELIABLE },
	{ "native, now emulated", PV(DEFAULT, HOST), PV(DEFAULT, EMULATED),
	  XEN_TSC_AUTO, STILL_RELIABLE },
	{ "native, now emulated on an unreliable host", HVM(DEFAULT, HOST),
	  HVM(DEFAULT, EMULATED), XEN_TSC_AUTO, STILL_RELIABLE },
	{ "emulated, now native", PV(DEFAULT, EMULATED), PV(DEFAULT, HOST),
	  XEN_TSC_AUTO, STILL_RELIABLE },
	{ "emulated, now in another mode that is good", PV(DEFAULT, EMULATED),
	  PV(ALWAYS, EMULATED), XEN_TSC_AUTO, STILL_RELIABLE },
	{ "native, now on an unreliable host", PV(DEFAULT, HOST), PV(DEFAULT, 0),
	  XEN_TSC_AUTO, DEMOTED },
	{ "invariant, now on an unreliable host", PV(NEVER, ITSC | HOST), PV(NEVER, ITSC),
	  XEN_TSC_AUTO, DEMOTED },
	{ "invariant, HVM, a faster host", HVM_ON(ITSC | HOST, KHZ, KHZ),
	  HVM_ON(ITSC | HOST, KHZ + PERCENT, KHZ + PERCENT), XEN_TSC_AUTO, DEMOTED },
	{ "named, HVM, a slower host", HVM_ON(NAMED, KHZ, KHZ),
	  HVM_ON(NAMED, KHZ - PERCENT, KHZ - PERCENT), XEN_TSC_AUTO, DEMOTED },
	{ "invariant, not any more", PV(NEVER, ITSC | HOST), PV(NEVER, HOST),
	  XEN_TSC_AUTO, DEMOTED },
	{ "emulated, now in a mode that is not good", PV(DEFAULT, EMULATED), PV(NEVER, 0),
	  XEN_TSC_AUTO, DEMOTED },
	{ "emulated, now in a mode that is not good, named", PV(DEFAULT, EMULATED | NAMED),
	  PV(NEVER, NAMED), XEN_TSC_AUTO, DEMOTED },
	{ "emulated, now in an unknown mode", PV(DEFAULT, EMULATED), PV(7, EMULATED),
	  XEN_TSC_AUTO, DEMOTED },
	{ "the time leaf is gone", PV(DEFAULT, EMULATED), NO_LEAF(0, KHZ),
	  XEN_TSC_AUTO, DEMOTED },
	{ "Xen is older than 4.0", PV(DEFAULT, EMULATED), OLD_XEN(EMULATED),
	  XEN_TSC_AUTO, DEMOTED },
	{ "an impostor now", PV(DEFAULT, EMULATED), PV(DEFAULT, EMULATED | IMPOSTOR),
	  XEN_TSC_AUTO, DEMOTED },
	{ "the frequency is gone", PV(DEFAULT, EMULATED), PV_AT(DEFAULT, EMULATED, 0, 0),
	  XEN_TSC_AUTO, DEMOTED },
	{ "leaf and pvclock disagree now", PV(DEFAULT, EMULATED),
	  PV_AT(DEFAULT, EMULATED, KHZ / 2, KHZ), XEN_TSC_AUTO, DEMOTED },

	{ "half the frequency, native", PV(DEFAULT, HOST),
	  PV_AT(DEFAULT, HOST, KHZ / 2, KHZ / 2), XEN_TSC_AUTO, DEMOTED },
	{ "half the frequency, emulated", PV(DEFAULT, EMULATED),
	  PV_AT(DEFAULT, EMULATED, KHZ / 2, KHZ / 2), XEN_TSC_AUTO, DEMOTED },
	{ "twice the frequency, unverified", PV(DEFAULT, 0),
	  PV_AT(DEFAULT, 0, KHZ * 2, KHZ * 2), XEN_TSC_AUTO, DEMOTED },
	{ "frequency is all ones", PV(DEFAULT, EMULATED),
	  PV_AT(DEFAULT, EMULATED, U32_MAX, U32_MAX), XEN_TSC_AUTO, DEMOTED },
	{ "half the frequency, dom0", DOM0(HOST, KHZ, KHZ), DOM0(HOST, KHZ / 2, KHZ / 2),
	  XEN_TSC_AUTO, DEMOTED },
	{ "100 ppm fast", PV(DEFAULT, HOST), PV_AT(DEFAULT, HOST, KHZ + 100 * PPM, KHZ),
	  XEN_TSC_AUTO, STILL_RELIABLE },
	{ "100 ppm slow", PV(DEFAULT, HOST), PV_AT(DEFAULT, HOST, KHZ - 100 * PPM, KHZ),
	  XEN_TSC_AUTO, STILL_RELIABLE },
	{ "over 100 ppm fast", PV(DEFAULT, HOST),
	  PV_AT(DEFAULT, HOST, KHZ + 100 * PPM + 1, KHZ), XEN_TSC_AUTO, DEMOTED },
	{ "over 100 ppm slow", PV(DEFAULT, HOST),
	  PV_AT(DEFAULT, HOST, KHZ - 100 * PPM - 1, KHZ), XEN_TSC_AUTO, DEMOTED },
	{ "over 100 ppm fast, unverified", PV(DEFAULT, 0),
	  PV_AT(DEFAULT, 0, KHZ + 100 * PPM + 1, KHZ), XEN_TSC_AUTO, DEMOTED },
	{ "the leaf counts, not the pvclock", PV(DEFAULT, HOST),
	  PV_AT(DEFAULT, HOST, KHZ, KHZ + 4 * PERCENT), XEN_TSC_AUTO, STILL_RELIABLE },
	{ "no leaf, 5 % fast", NO_LEAF(0, KHZ), NO_LEAF(0, KHZ + 5 * PERCENT),
	  XEN_TSC_AUTO, STILL_UNVERIFIED },
	{ "no leaf, 5 % slow", NO_LEAF(0, KHZ), NO_LEAF(0, KHZ - 5 * PERCENT),
	  XEN_TSC_AUTO, STILL_UNVERIFIED },
	{ "no leaf, over 5 % fast", NO_LEAF(0, KHZ), NO_LEAF(0, KHZ + 5 * PERCENT + 1),
	  XEN_TSC_AUTO, DEMOTED },
	{ "no leaf, over 5 % slow", NO_LEAF(0, KHZ), NO_LEAF(0, KHZ - 5 * PERCENT - 1),
	  XEN_TSC_AUTO, DEMOTED },

	{ "on: never emulated, as before", PV(NEVER, 0), PV(NEVER, 0),
	  XEN_TSC_ON, STILL_RELIABLE },
	{ "on: no guarantee any more", PV(NEVER, ITSC | HOST), PV(NEVER, 0),
	  XEN_TSC_ON, STILL_RELIABLE },
	{ "on: the time leaf is gone", PV(DEFAULT, EMULATED), NO_LEAF(0, KHZ),
	  XEN_TSC_ON, STILL_RELIABLE },
	{ "on: the leaf is gone, 4 % fast", PV(NEVER, 0), NO_LEAF(0, KHZ + 4 * PERCENT),
	  XEN_TSC_ON, STILL_RELIABLE },
	{ "on: a leaf appears, 4 % fast", NO_LEAF(0, KHZ),
	  PV_AT(NEVER, 0, KHZ + 4 * PERCENT, KHZ + 4 * PERCENT), XEN_TSC_ON, STILL_RELIABLE },
	{ "on: the leaf is gone, and another frequency", PV(DEFAULT, EMULATED),
	  NO_LEAF(0, KHZ / 2), XEN_TSC_ON, DEMOTED },
	{ "on: over 100 ppm fast", PV(NEVER, 0), PV_AT(NEVER, 0, KHZ + 100 * PPM + 1, KHZ),
	  XEN_TSC_ON, DEMOTED },
	{ "on: never emulated, HVM, as before", HVM_ON(0, KHZ, KHZ), HVM_ON(0, KHZ, KHZ),
	  XEN_TSC_ON, STILL_RELIABLE },
	{ "on: never emulated, HVM, a slower host", HVM_ON(0, KHZ, KHZ),
	  HVM_ON(0, KHZ - PERCENT, KHZ - PERCENT), XEN_TSC_ON, DEMOTED },
	{ "on: no leaf, 5 % fast", NO_LEAF(0, KHZ), NO_LEAF(0, KHZ + 5 * PERCENT),
	  XEN_TSC_ON, STILL_RELIABLE },
	{ "on: no leaf, over 5 % fast", NO_LEAF(0, KHZ), NO_LEAF(0, KHZ + 5 * PERCENT + 1),
	  XEN_TSC_ON, DEMOTED },
	{ "on: no frequency any more", PV(NEVER, 0), PV_AT(NEVER, 0, 0, 0),
	  XEN_TSC_ON, DEMOTED },
	{ "on: leaf and pvclock disagree now", PV(NEVER, 0),
	  PV_AT(NEVER, 0, KHZ / 2, KHZ), XEN_TSC_ON, DEMOTED },
	{ "on: no frequency at boot, one now", PV_AT(DEFAULT, 0, 0, 0), PV(DEFAULT, 0),
	  XEN_TSC_ON, STILL_UNVERIFIED },

	{ "unverified, as before", PV(DEFAULT, 0), PV(DEFAULT, 0),
	  XEN_TSC_AUTO, STILL_UNVERIFIED },
	{ "unverified, would be reliable now", PV(DEFAULT, 0), PV(DEFAULT, EMULATED),
	  XEN_TSC_AUTO, STILL_UNVERIFIED },
	{ "unverified, would be unstable now", PV(DEFAULT, 0), PV(NEVER, 0),
	  XEN_TSC_AUTO, STILL_UNVERIFIED },
	{ "named, as before", PV(NEVER, NAMED), PV(NEVER, NAMED),
	  XEN_TSC_AUTO, STILL_UNVERIFIED },
	{ "unstable, would be reliable now", PV(NEVER, 0), PV(DEFAULT, EMULATED),
	  XEN_TSC_AUTO, XEN_TSC_UNSTABLE },
};

static void resume_case_name(const struct resume_case *resume_case, char *desc)
{
	strscpy(desc, resume_case->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(resume, resume_cases, resume_case_name);

static void test_resume(struct kunit *test)
{
	const struct resume_case *resume_case = test->param_value;
	struct xen_tsc_facts before = facts_of(&resume_case->boot);
	struct xen_tsc_facts after = facts_of(&resume_case->now);
	struct xen_tsc_decision boot, now;

	/* A domain that was saved before is restored: it does not matter */
	before.incarnation = 7;
	after.incarnation = 3;
	boot = xen_tsc_evaluate(&before, resume_case->request);
	now = xen_tsc_reevaluate(&boot, &after, resume_case->request);

	KUNIT_EXPECT_EQ(test, now.verdict, resume_case->verdict);
	KUNIT_EXPECT_NOT_NULL(test, now.reason);
	KUNIT_EXPECT_STREQ(test, now.rule,
			   xen_tsc_evaluate(&after, resume_case->request).rule);
}

/* What a pair of rules comes to, if the frequency has not changed */
static void assert_pair(struct kunit *test, const struct rule_case *before,
			const struct rule_case *after, enum xen_tsc_request request)
{
	struct xen_tsc_facts boot_facts = facts_of(&before->facts);
	struct xen_tsc_facts facts = facts_of(&after->facts);
	struct xen_tsc_decision boot, now;
	enum xen_tsc_verdict verdict;

	boot_facts.khz = KHZ;
	boot_facts.pvclock_khz = KHZ;
	facts.khz = KHZ;
	facts.pvclock_khz = KHZ;

	boot = xen_tsc_evaluate(&boot_facts, request);
	verdict = boot.verdict;
	if (verdict == XEN_TSC_RELIABLE &&
	    xen_tsc_evaluate(&facts, request).verdict != XEN_TSC_RELIABLE)
		verdict = XEN_TSC_UNSTABLE;
	now = xen_tsc_reevaluate(&boot, &facts, request);
	KUNIT_ASSERT_EQ_MSG(test, now.verdict, verdict, "%s, now %s",
			    before->name, after->name);

	/* Another frequency ends it, whoever guarantees what */
	facts.khz = KHZ / 2;
	facts.pvclock_khz = KHZ / 2;
	now = xen_tsc_reevaluate(&boot, &facts, request);
	KUNIT_ASSERT_EQ_MSG(test, now.verdict, XEN_TSC_UNSTABLE, "%s, now %s",
			    before->name, after->name);
}

static void test_every_pair(struct kunit *test)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(rule_cases); i++) {
		for (j = 0; j < ARRAY_SIZE(rule_cases); j++) {
			assert_pair(test, &rule_cases[i], &rule_cases[j], XEN_TSC_AUTO);
			assert_pair(test, &rule_cases[i], &rule_cases[j], XEN_TSC_ON);
		}
	}
}

static struct kunit_case xen_tsc_reevaluate_cases[] = {
	KUNIT_CASE_PARAM(test_resume, resume_gen_params),
	KUNIT_CASE(test_every_pair),
	{ }
};

static struct kunit_suite xen_tsc_reevaluate_suite = {
	.name = "xen_tsc_reevaluate",
	.test_cases = xen_tsc_reevaluate_cases,
};

kunit_test_suite(xen_tsc_reevaluate_suite);
