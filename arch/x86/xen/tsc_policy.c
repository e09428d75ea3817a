// SPDX-License-Identifier: GPL-2.0-only
/*
 * How far a Xen guest can trust its TSC.
 *
 * Facts in, verdict and reason out: no CPUID, no globals, no printk, so that every
 * combination can be tested.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>

#include <asm/xen/cpuid.h>

#include "tsc_policy.h"

/*
 * How far the time leaf and the pvclock may differ in frequency. The leaf is what Xen
 * computes with. The factor of the pvclock is trimmed on a host without a constant
 * TSC, by less than 1 % under emulation and by far less on hardware. Further apart,
 * as on a hypervisor that claims to be Xen, one of the two is wrong.
 */
#define XEN_TSC_PLAUSIBLE_PPM	50000

/*
 * How far the frequency by the time leaf may be off after a resume. NTP corrects up to
 * 500 ppm, and Xen measures the same host to a few ppm at each boot.
 */
#define XEN_TSC_CHANGE_PPM	100

enum xen_tsc_rule_id {
	RULE_IMPOSTOR,
	RULE_OLD_XEN,
	RULE_NO_LEAF,
	RULE_FREQUENCY,
	RULE_EMULATED,
	RULE_NATIVE,
	RULE_UNRELIABLE_HOST,
	RULE_INVARIANT,
	RULE_INVARIANT_UNCHECKED,
	RULE_NEVER_EMULATED,
	RULE_PVRDTSCP,
	RULE_UNKNOWN_MODE,
};

struct xen_tsc_rule {
	const char *name;
	enum xen_tsc_verdict verdict;
	const char *reason;
};

static const struct xen_tsc_rule xen_tsc_rules[] = {
	[RULE_IMPOSTOR] = {
		"impostor", XEN_TSC_UNVERIFIED,
		"another hypervisor claims to be Xen"
	},
	[RULE_OLD_XEN] = {
		"old-xen", XEN_TSC_UNSTABLE,
		"Xen before 4.0 guarantees nothing"
	},
	[RULE_NO_LEAF] = {
		"no-leaf", XEN_TSC_UNVERIFIED,
		"Xen has no time leaf"
	},
	[RULE_FREQUENCY] = {
		"frequency", XEN_TSC_UNVERIFIED,
		"time leaf and pvclock disagree on the frequency"
	},
	[RULE_EMULATED] = {
		"emulated", XEN_TSC_RELIABLE,
		"emulated at a constant frequency, across migration too"
	},
	[RULE_NATIVE] = {
		"native", XEN_TSC_RELIABLE,
		"native on a reliable host, frequency kept for life"
	},
	[RULE_UNRELIABLE_HOST] = {
		"unreliable-host", XEN_TSC_UNVERIFIED,
		"native on a host whose TSC is not known to be reliable"
	},
	[RULE_INVARIANT] = {
		"invariant", XEN_TSC_RELIABLE,
		"never emulated, but invariant on a reliable host"
	},
	[RULE_INVARIANT_UNCHECKED] = {
		"invariant-unchecked", XEN_TSC_UNVERIFIED,
		"invariant, on a host that is not known to be reliable"
	},
	[RULE_NEVER_EMULATED] = {
		"never-emulated", XEN_TSC_UNSTABLE,
		"never emulated, migration may change frequency and value"
	},
	[RULE_PVRDTSCP] = {
		"pvrdtscp", XEN_TSC_UNVERIFIED,
		"PVRDTSCP is a contract with applications only"
	},
	[RULE_UNKNOWN_MODE] = {
		"unknown-mode", XEN_TSC_UNVERIFIED,
		"unknown TSC mode"
	},
};

/* Products fit in 64 bits: a frequency has 32, a million has 20 */
static bool xen_tsc_khz_close(u64 khz, u64 reference, u64 ppm)
{
	u64 difference = khz > reference ? khz - reference : reference - khz;

	return difference * 1000000 <= reference * ppm;
}

/*
 * The frequency by the time leaf, 0 if there is none.
 *
 * A TSC that is never emulated runs at the host's, but to PVH and HVM guests the leaf
 * still shows that of the host on which they were booted. The leaf of a PV dom0 has
 * none but the host's.
 */
static u32 xen_tsc_leaf_khz(const struct xen_tsc_facts *facts)
{
	if (facts->mode == XEN_CPUID_TSC_MODE_NEVER_EMULATE && facts->khz && facts->host_khz)
		return facts->host_khz;
	if (!facts->khz && facts->domain == XEN_TSC_DOM0 && !facts->emulated)
		return facts->host_khz;

	return facts->khz;
}

static bool xen_tsc_khz_plausible(const struct xen_tsc_facts *facts)
{
	u32 khz = xen_tsc_leaf_khz(facts);

	return khz && xen_tsc_khz_close(khz, facts->pvclock_khz, XEN_TSC_PLAUSIBLE_PPM);
}

/* Is there a frequency, and no clock that has another one? */
static bool xen_tsc_khz_undisputed(const struct xen_tsc_facts *facts)
{
	return facts->pvclock_khz &&
	       (!xen_tsc_leaf_khz(facts) || xen_tsc_khz_plausible(facts));
}

static enum xen_tsc_rule_id xen_tsc_rule_of_mode(const struct xen_tsc_facts *facts)
{
	switch (facts->mode) {
	case XEN_CPUID_TSC_MODE_DEFAULT:
	case XEN_CPUID_TSC_MODE_ALWAYS_EMULATE:
		if (facts->emulated)
			return RULE_EMULATED;
		if (facts->mode == XEN_CPUID_TSC_MODE_DEFAULT && facts->host_reliable)
			return RULE_NATIVE;
		return RULE_UNRELIABLE_HOST;
	case XEN_CPUID_TSC_MODE_NEVER_EMULATE:
		if (!facts->itsc)
			return RULE_NEVER_EMULATED;
		return facts->host_reliable ? RULE_INVARIANT : RULE_INVARIANT_UNCHECKED;
	case XEN_CPUID_TSC_MODE_PVRDTSCP:
		return RULE_PVRDTSCP;
	default:
		return RULE_UNKNOWN_MODE;
	}
}

static enum xen_tsc_rule_id xen_tsc_rule(const struct xen_tsc_facts *facts)
{
	enum xen_tsc_rule_id rule;

	if (facts->impostor)
		return RULE_IMPOSTOR;
	if (facts->xen_major < 4)
		return RULE_OLD_XEN;
	if (facts->largest_leaf < XEN_TSC_TIME_LEAF)
		return RULE_NO_LEAF;

	rule = xen_tsc_rule_of_mode(facts);
	if (xen_tsc_rules[rule].verdict == XEN_TSC_RELIABLE &&
	    !xen_tsc_khz_plausible(facts))
		return RULE_FREQUENCY;

	return rule;
}

/* What the administrator says wins, as far as the kernel can do it */
static void xen_tsc_apply_request(struct xen_tsc_decision *decision,
				  const struct xen_tsc_facts *facts,
				  enum xen_tsc_request request)
{
	if (request == XEN_TSC_OFF) {
		decision->verdict = XEN_TSC_UNVERIFIED;
		decision->reason = "xen_tsc_reliable=off";
		decision->khz = facts->pvclock_khz;
		decision->exact = false;
	} else if (request == XEN_TSC_ON && decision->verdict != XEN_TSC_RELIABLE &&
		   xen_tsc_khz_undisputed(facts)) {
		decision->verdict = XEN_TSC_RELIABLE;
		decision->reason = "xen_tsc_reliable=on";
	} else if (decision->verdict == XEN_TSC_UNSTABLE && facts->named) {
		decision->verdict = XEN_TSC_UNVERIFIED;
		decision->reason = "named on the command line";
	}
}

/**
 * xen_tsc_evaluate - decide how far the TSC can be trusted
 * @facts: what is known of Xen, the domain and the TSC
 * @request: what the administrator asks for
 *
 * Context: any; pure.
 *
 * Return: the decision. A verdict of reliable comes with a frequency that the time
 * leaf, if it has one, and the pvclock agree on. The frequency is the time leaf's
 * unless it makes no sense or @request is off.
 */
struct xen_tsc_decision xen_tsc_evaluate(const struct xen_tsc_facts *facts,
					 enum xen_tsc_request request)
{
	const struct xen_tsc_rule *rule = &xen_tsc_rules[xen_tsc_rule(facts)];
	struct xen_tsc_decision decision = {
		.rule		= rule->name,
		.verdict	= rule->verdict,
		.guaranteed	= rule->verdict == XEN_TSC_RELIABLE,
		.reason		= rule->reason,
		.khz		= facts->pvclock_khz,
	};

	if (xen_tsc_khz_plausible(facts)) {
		decision.khz = xen_tsc_leaf_khz(facts);
		decision.exact = true;
	}

	xen_tsc_apply_request(&decision, facts, request);

	return decision;
}

/**
 * xen_tsc_reevaluate - decide whether the TSC can still be used, after a resume
 * @boot: the decision at boot
 * @facts: the facts now
 * @request: what the administrator asks for
 *
 * The first of these holds:
 *
 *  - The frequency differs from that at boot: unstable, whoever guarantees the TSC,
 *    as everything in the kernel that reads the TSC uses the old frequency. Where the
 *    time leaf does not say, the pvclock does, which has to be off by more.
 *  - The TSC was reliable and is not any more: unstable.
 *  - Else the verdict is what it was. That the TSC is emulated now and was not before
 *    does not matter, nor does the incarnation.
 *
 * Context: any; pure.
 *
 * Return: the decision, with the rule that the facts meet now and the frequency now.
 */
struct xen_tsc_decision xen_tsc_reevaluate(const struct xen_tsc_decision *boot,
					   const struct xen_tsc_facts *facts,
					   enum xen_tsc_request request)
{
	struct xen_tsc_decision now = xen_tsc_evaluate(facts, request);
	u64 ppm = boot->exact && now.exact ? XEN_TSC_CHANGE_PPM : XEN_TSC_PLAUSIBLE_PPM;

	if (now.khz && boot->khz && !xen_tsc_khz_close(now.khz, boot->khz, ppm)) {
		now.verdict = XEN_TSC_UNSTABLE;
		now.reason = "its frequency is not what it was at boot";
	} else if (boot->verdict == XEN_TSC_RELIABLE && now.verdict != XEN_TSC_RELIABLE) {
		now.verdict = XEN_TSC_UNSTABLE;
	} else if (now.verdict != boot->verdict) {
		now.verdict = boot->verdict;
		now.reason = boot->reason;
	}

	return now;
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
