// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests for the second look at the TSC, after a resume */
#include <kunit/test.h>

#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "../tsc_policy.h"
#include "facts.h"

struct again_case {
	const char *name;
	struct short_facts promised;
	struct short_facts found;
	enum xen_tsc_request request;
	enum xen_tsc_verdict verdict;
};

/* The same with another rate, by leaf and pvclock */
#define PV_AT(mode, flags, leaf, pv)	{ XEN_TSC_PV, 4, 5, mode, flags, leaf, pv }
#define NO_LEAF(pv)			{ XEN_TSC_PV, 4, 2, DEFAULT, 0, 0, pv }

#define KEPT		XEN_TSC_RELIABLE
#define GIVEN_UP	XEN_TSC_UNSTABLE

static const struct again_case again_cases[] = {
	{ "emulated, still so", PV(DEFAULT, EMULATED), PV(DEFAULT, EMULATED),
	  XEN_TSC_AUTO, KEPT },
	{ "native, now emulated", PV(DEFAULT, HOST), PV(DEFAULT, EMULATED),
	  XEN_TSC_AUTO, KEPT },
	{ "emulated, now native", PV(DEFAULT, EMULATED), PV(DEFAULT, HOST),
	  XEN_TSC_AUTO, KEPT },
	{ "native, the host is reliable no more", PV(DEFAULT, HOST), PV(DEFAULT, 0),
	  XEN_TSC_AUTO, GIVEN_UP },
	{ "invariant, the host is reliable no more", PV(NEVER, ITSC | HOST),
	  PV(NEVER, ITSC), XEN_TSC_AUTO, GIVEN_UP },
	{ "invariant no more", PV(NEVER, ITSC | HOST), PV(NEVER, HOST),
	  XEN_TSC_AUTO, GIVEN_UP },
	{ "invariant, still so", PV(NEVER, ITSC | HOST), PV(NEVER, ITSC | HOST),
	  XEN_TSC_AUTO, KEPT },
	{ "mode changed to one that is good", PV(DEFAULT, EMULATED),
	  PV(ALWAYS, EMULATED), XEN_TSC_AUTO, KEPT },
	{ "mode changed to one that is not", PV(DEFAULT, EMULATED), PV(NEVER, 0),
	  XEN_TSC_AUTO, GIVEN_UP },
	{ "mode changed to an unknown one", PV(DEFAULT, EMULATED), PV(7, EMULATED),
	  XEN_TSC_AUTO, GIVEN_UP },
	{ "the time leaf is gone", PV(DEFAULT, EMULATED), NO_LEAF(KHZ),
	  XEN_TSC_AUTO, GIVEN_UP },
	{ "Xen is older than 4.0", PV(DEFAULT, EMULATED), XEN(3, 5),
	  XEN_TSC_AUTO, GIVEN_UP },
	{ "on: kept where nobody vouches", PV(NEVER, 0), PV(NEVER, 0),
	  XEN_TSC_ON, KEPT },
	{ "on: kept where nobody vouches any more", PV(NEVER, ITSC | HOST),
	  PV(NEVER, 0), XEN_TSC_ON, KEPT },
	{ "on: kept where the leaf is gone", PV(DEFAULT, EMULATED), NO_LEAF(KHZ),
	  XEN_TSC_ON, KEPT },
	{ "on: another rate", PV(NEVER, 0), PV_AT(NEVER, 0, KHZ / 2, KHZ / 2),
	  XEN_TSC_ON, GIVEN_UP },
	{ "another rate, native", PV(NEVER, ITSC | HOST),
	  PV_AT(NEVER, ITSC | HOST, KHZ * 2, KHZ * 2), XEN_TSC_AUTO, GIVEN_UP },
	{ "another rate, emulated", PV(DEFAULT, EMULATED),
	  PV_AT(DEFAULT, EMULATED, KHZ / 2, KHZ / 2), XEN_TSC_AUTO, GIVEN_UP },
	{ "another rate, and the leaf is gone", PV(DEFAULT, EMULATED),
	  NO_LEAF(KHZ / 2), XEN_TSC_ON, GIVEN_UP },
	{ "100 ppm faster", PV(DEFAULT, HOST),
	  PV_AT(DEFAULT, HOST, KHZ + 100 * PPM, KHZ + 100 * PPM), XEN_TSC_AUTO, KEPT },
	{ "over 100 ppm faster", PV(DEFAULT, HOST),
	  PV_AT(DEFAULT, HOST, KHZ + 100 * PPM + 1, KHZ + 100 * PPM + 1), XEN_TSC_AUTO, GIVEN_UP },
	{ "100 ppm slower", PV(DEFAULT, HOST),
	  PV_AT(DEFAULT, HOST, KHZ - 100 * PPM, KHZ - 100 * PPM), XEN_TSC_AUTO, KEPT },
	{ "over 100 ppm slower", PV(DEFAULT, HOST),
	  PV_AT(DEFAULT, HOST, KHZ - 100 * PPM - 1, KHZ - 100 * PPM - 1), XEN_TSC_AUTO, GIVEN_UP },
	{ "the pvclock is trimmed, by 400 ppm", PV(DEFAULT, HOST),
	  PV_AT(DEFAULT, HOST, KHZ, KHZ + 400 * PPM), XEN_TSC_AUTO, KEPT },
	{ "on: the leaf counts, not a trimmed pvclock", PV(NEVER, 0),
	  PV_AT(NEVER, 0, KHZ, KHZ + 900 * PPM), XEN_TSC_ON, KEPT },
	{ "on, no leaf: 500 ppm", NO_LEAF(KHZ), NO_LEAF(KHZ + 500 * PPM),
	  XEN_TSC_ON, KEPT },
	{ "on, no leaf: over 500 ppm", NO_LEAF(KHZ), NO_LEAF(KHZ + 500 * PPM + 1),
	  XEN_TSC_ON, GIVEN_UP },
	{ "on, the leaf made no sense at boot", PV_AT(NEVER, 0, 1, KHZ),
	  PV_AT(NEVER, 0, 1, KHZ), XEN_TSC_ON, KEPT },
	{ "on, no rate any more", PV(NEVER, 0), PV_AT(NEVER, 0, 0, 0),
	  XEN_TSC_ON, KEPT },
	{ "no rate any more", PV(DEFAULT, EMULATED), PV_AT(DEFAULT, EMULATED, 0, 0),
	  XEN_TSC_AUTO, GIVEN_UP },
	{ "no rate at boot, one now", PV_AT(NEVER, 0, 0, 0), PV(NEVER, 0),
	  XEN_TSC_ON, GIVEN_UP },
	{ "rate all ones", PV(DEFAULT, EMULATED),
	  PV_AT(DEFAULT, EMULATED, U32_MAX, U32_MAX), XEN_TSC_AUTO, GIVEN_UP },
	{ "never vouched for, nothing new", PV(DEFAULT, 0), PV(DEFAULT, 0),
	  XEN_TSC_AUTO, XEN_TSC_UNVERIFIED },
	{ "never vouched for, now it would be", PV(DEFAULT, 0),
	  PV(DEFAULT, EMULATED), XEN_TSC_AUTO, XEN_TSC_UNVERIFIED },
	{ "never vouched for, another rate", PV(DEFAULT, 0),
	  PV_AT(DEFAULT, 0, KHZ / 2, KHZ / 2), XEN_TSC_AUTO, GIVEN_UP },
	{ "off: nothing new", PV(DEFAULT, EMULATED), PV(DEFAULT, EMULATED),
	  XEN_TSC_OFF, XEN_TSC_UNVERIFIED },
	{ "dom0: its leaf has no rate", DOM0(5, HOST), DOM0(5, HOST),
	  XEN_TSC_AUTO, KEPT },
};

static void again_case_name(const struct again_case *again_case, char *desc)
{
	strscpy(desc, again_case->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(again, again_cases, again_case_name);

static void test_again(struct kunit *test)
{
	const struct again_case *again_case = test->param_value;
	struct xen_tsc_facts promised, found;
	struct xen_tsc_judgement judgement;

	promised = facts_of(&again_case->promised, again_case->request);
	found = facts_of(&again_case->found, again_case->request);
	/* Domains that were saved before are restored: it counts for nothing */
	promised.incarnation = 7;
	found.incarnation = 3;
	judgement = xen_tsc_judge_again(&promised, &found);

	KUNIT_EXPECT_EQ(test, judgement.verdict, again_case->verdict);
	KUNIT_EXPECT_NOT_NULL(test, judgement.reason);
	KUNIT_EXPECT_EQ(test, judgement.rule->row, xen_tsc_judge(&found).rule->row);
}

/* Every row at boot with every row after a resume, at the rate of the boot */
static void test_again_every_pair(struct kunit *test)
{
	unsigned int i, j, request;

	for (i = 0; i < ARRAY_SIZE(row_cases); i++) {
		for (j = 0; j < ARRAY_SIZE(row_cases); j++) {
			for (request = XEN_TSC_AUTO; request <= XEN_TSC_OFF; request++) {
				struct xen_tsc_facts promised, found;
				enum xen_tsc_verdict was, is, again;

				promised = facts_of(&row_cases[i].facts, request);
				found = facts_of(&row_cases[j].facts, request);
				promised.khz = KHZ;
				promised.pvclock_khz = KHZ;
				found.khz = KHZ;
				found.pvclock_khz = KHZ;

				was = xen_tsc_judge(&promised).verdict;
				is = xen_tsc_judge(&found).verdict;
				again = xen_tsc_judge_again(&promised, &found).verdict;

				if (was == XEN_TSC_RELIABLE && is != XEN_TSC_RELIABLE)
					KUNIT_ASSERT_EQ(test, again, XEN_TSC_UNSTABLE);
				else
					KUNIT_ASSERT_EQ(test, again, was);

				/* Whatever was promised, another rate ends it */
				found.khz = KHZ / 2;
				found.pvclock_khz = KHZ / 2;
				again = xen_tsc_judge_again(&promised, &found).verdict;
				KUNIT_ASSERT_EQ(test, again, XEN_TSC_UNSTABLE);
			}
		}
	}
}

static struct kunit_case xen_tsc_again_cases[] = {
	KUNIT_CASE_PARAM(test_again, again_gen_params),
	KUNIT_CASE(test_again_every_pair),
	{ }
};

static struct kunit_suite xen_tsc_again_suite = {
	.name = "xen_tsc_again",
	.test_cases = xen_tsc_again_cases,
};

kunit_test_suite(xen_tsc_again_suite);
