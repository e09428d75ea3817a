// SPDX-License-Identifier: GPL-2.0-only
/*
 * How far a Xen guest can trust its TSC.
 *
 * Facts in, verdict and reason out: no CPUID, no globals, no printk, so that
 * every combination can be tried by tests.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>

#include <asm/xen/cpuid.h>

#include "tsc_policy.h"

/* How far the time leaf and the pvclock may differ on the TSC's rate */
#define XEN_TSC_KHZ_TOLERANCE_PPM	500
/* How far the rate may be off after a resume, by the time leaf */
#define XEN_TSC_KHZ_CHANGE_PPM		100

static const struct xen_tsc_rule xen_tsc_rules[] = {
	{ 1, XEN_TSC_UNSTABLE, "Xen before 4.0 promises nothing" },
	{ 2, XEN_TSC_UNVERIFIED, "Xen shows no time leaf" },
	{ 3, XEN_TSC_UNVERIFIED, "time leaf and pvclock disagree on the rate" },
	{ 4, XEN_TSC_RELIABLE, "emulated at a constant rate, also across migration" },
	{ 5, XEN_TSC_RELIABLE, "native on a reliable host, rate kept for life" },
	{ 6, XEN_TSC_UNVERIFIED, "native, and nobody vouches for the host's TSC" },
	{ 7, XEN_TSC_RELIABLE, "never emulated, but invariant on a reliable host" },
	{ 8, XEN_TSC_UNSTABLE, "never emulated, migration may change rate and value" },
	{ 9, XEN_TSC_UNSTABLE, "PVRDTSCP is a contract with applications only" },
	{ 10, XEN_TSC_UNVERIFIED, "unknown TSC mode" },
};

/* Products fit in 64 bits: a rate has 32, a million 20 */
static bool xen_tsc_khz_close(u64 khz, u64 reference, u64 ppm)
{
	u64 gap = khz > reference ? khz - reference : reference - khz;

	return gap * 1000000 <= reference * ppm;
}

/* Does the leaf's rate make sense? */
static bool xen_tsc_khz_plausible(const struct xen_tsc_facts *facts)
{
	return facts->khz && xen_tsc_khz_close(facts->khz, facts->pvclock_khz,
					       XEN_TSC_KHZ_TOLERANCE_PPM);
}

static unsigned int xen_tsc_row(const struct xen_tsc_facts *facts)
{
	if (facts->xen_major < 4)
		return 1;

	if (facts->largest_leaf < XEN_TSC_TIME_LEAF)
		return 2;

	/* A PV dom0's leaf has no rate */
	if (facts->domain != XEN_TSC_DOM0 && !xen_tsc_khz_plausible(facts))
		return 3;

	switch (facts->mode) {
	case XEN_CPUID_TSC_MODE_DEFAULT:
	case XEN_CPUID_TSC_MODE_ALWAYS_EMULATE:
		if (facts->emulated)
			return 4;
		if (facts->mode == XEN_CPUID_TSC_MODE_DEFAULT &&
		    facts->host_reliable)
			return 5;
		return 6;
	case XEN_CPUID_TSC_MODE_NEVER_EMULATE:
		return facts->itsc && facts->host_reliable ? 7 : 8;
	case XEN_CPUID_TSC_MODE_PVRDTSCP:
		return 9;
	default:
		return 10;
	}
}

/**
 * xen_tsc_judge - how far can the TSC be trusted?
 * @facts: what is known of Xen, the domain and the TSC
 *
 * Context: any; pure.
 *
 * Return: the verdict, with its reason and the rate (kHz) to run on.  Where the
 * verdict is reliable that is the time leaf's, which is the one Xen keeps,
 * unless it makes no sense.  Else it is the pvclock's, which Xen trims.
 */
struct xen_tsc_judgement xen_tsc_judge(const struct xen_tsc_facts *facts)
{
	const struct xen_tsc_rule *rule = &xen_tsc_rules[xen_tsc_row(facts) - 1];
	struct xen_tsc_judgement judgement = {
		.rule		= rule,
		.verdict	= rule->verdict,
		.reason		= rule->reason,
		.khz		= facts->pvclock_khz,
	};

	if (facts->request == XEN_TSC_ON && rule->verdict != XEN_TSC_RELIABLE) {
		judgement.verdict = XEN_TSC_RELIABLE;
		judgement.reason = "forced by xen_tsc_reliable=on";
	}

	if (facts->request == XEN_TSC_OFF && rule->verdict == XEN_TSC_RELIABLE) {
		judgement.verdict = XEN_TSC_UNVERIFIED;
		judgement.reason = "not trusted, the request is off";
	}

	if (judgement.verdict == XEN_TSC_RELIABLE && xen_tsc_khz_plausible(facts))
		judgement.khz = facts->khz;

	return judgement;
}

/**
 * xen_tsc_judge_again - can the TSC still be used, after a resume?
 * @promised: the facts at boot
 * @found: the facts now, with the same domain and request
 *
 * The first of these holds:
 *
 *  - the rate is not what it was at boot: unstable, whoever vouches for it, as
 *    everything in the kernel that counts the TSC counts with the old rate.
 *    That is the time leaf's rate, or the pvclock's where the leaf has none or
 *    the kernel could not use it at boot.  Xen trims the pvclock's, so there it
 *    has to be off by more;
 *  - Xen vouched for the TSC at boot and no longer does, as it is native and
 *    the host is not reliable, or the mode has changed: unstable;
 *  - else the verdict is what it was.  That it is emulated now and was native
 *    before is no change.
 *
 * The incarnation is not looked at: it says that the domain was resumed, and
 * the caller knows.
 *
 * Context: any; pure.
 *
 * Return: the verdict, with the row that the facts meet now, the reason, and
 * the rate (kHz) now, 0 if it is not known.
 */
struct xen_tsc_judgement
xen_tsc_judge_again(const struct xen_tsc_facts *promised,
		    const struct xen_tsc_facts *found)
{
	struct xen_tsc_judgement was = xen_tsc_judge(promised);
	struct xen_tsc_judgement is = xen_tsc_judge(found);
	bool by_leaf = was.khz == promised->khz && found->khz;

	is.khz = by_leaf ? found->khz : found->pvclock_khz;

	if (is.khz && !xen_tsc_khz_close(is.khz, was.khz,
					 by_leaf ? XEN_TSC_KHZ_CHANGE_PPM :
						   XEN_TSC_KHZ_TOLERANCE_PPM)) {
		is.verdict = XEN_TSC_UNSTABLE;
		is.reason = "its rate is not what it was at boot";
	} else if (was.verdict == XEN_TSC_RELIABLE &&
		   is.verdict != XEN_TSC_RELIABLE) {
		is.verdict = XEN_TSC_UNSTABLE;
	} else {
		is.verdict = was.verdict;
	}

	return is;
}

/**
 * xen_tsc_parse_request - read the value of xen_tsc_reliable=
 * @arg: what the administrator wrote, may be NULL
 * @request: set on success, else left alone
 *
 * Takes auto, on, off, and the usual spellings of a boolean.  kstrtobool() is
 * too generous: to it, "nonsense" says no.
 *
 * Context: any; pure.
 *
 * Return: whether @arg is one of the accepted values.
 */
bool xen_tsc_parse_request(const char *arg, enum xen_tsc_request *request)
{
	static const struct {
		const char *word;
		enum xen_tsc_request request;
	} words[] = {
		{ "auto", XEN_TSC_AUTO },
		{ "on", XEN_TSC_ON },		{ "off", XEN_TSC_OFF },
		{ "1", XEN_TSC_ON },		{ "0", XEN_TSC_OFF },
		{ "y", XEN_TSC_ON },		{ "n", XEN_TSC_OFF },
		{ "yes", XEN_TSC_ON },		{ "no", XEN_TSC_OFF },
		{ "t", XEN_TSC_ON },		{ "f", XEN_TSC_OFF },
		{ "true", XEN_TSC_ON },		{ "false", XEN_TSC_OFF },
	};
	unsigned int i;

	for (i = 0; arg && i < ARRAY_SIZE(words); i++) {
		if (!strcasecmp(arg, words[i].word)) {
			*request = words[i].request;
			return true;
		}
	}

	return false;
}

/**
 * xen_tsc_mode_name - the name of a TSC mode, as the toolstack spells it
 * @mode: XEN_CPUID_TSC_MODE_*
 *
 * Return: a string that is never NULL.
 */
const char *xen_tsc_mode_name(u32 mode)
{
	static const char * const names[] = {
		[XEN_CPUID_TSC_MODE_DEFAULT]		= "default",
		[XEN_CPUID_TSC_MODE_ALWAYS_EMULATE]	= "always_emulate",
		[XEN_CPUID_TSC_MODE_NEVER_EMULATE]	= "native",
		[XEN_CPUID_TSC_MODE_PVRDTSCP]		= "native_paravirt",
	};

	return mode < ARRAY_SIZE(names) ? names[mode] : "unknown";
}

/**
 * xen_tsc_request_name - the name of a request, as xen_tsc_reliable= takes it
 * @request: the request
 *
 * Return: a string that is never NULL.
 */
const char *xen_tsc_request_name(enum xen_tsc_request request)
{
	switch (request) {
	case XEN_TSC_ON:
		return "on";
	case XEN_TSC_OFF:
		return "off";
	default:
		return "auto";
	}
}

/**
 * xen_tsc_verdict_name - the name of a verdict
 * @verdict: the verdict
 *
 * Return: a string that is never NULL.
 */
const char *xen_tsc_verdict_name(enum xen_tsc_verdict verdict)
{
	switch (verdict) {
	case XEN_TSC_RELIABLE:
		return "reliable";
	case XEN_TSC_UNSTABLE:
		return "unstable";
	default:
		return "unverified";
	}
}
