// SPDX-License-Identifier: GPL-2.0-only
/* Proofs about the policy, over the file that the kernel compiles */
#include "proof.h"

#include "tsc_policy.c"

/* xen_tsc_khz_close(): no difference is at most any difference */
static void assume_close_to_itself(u64 khz)
{
	assume(xen_tsc_khz_close(khz, khz, XEN_TSC_PLAUSIBLE_PPM));
	assume(xen_tsc_khz_close(khz, khz, XEN_TSC_CHANGE_PPM));
}

static enum xen_tsc_domain any_domain(void)
{
	u32 domain = nondet_u32();

	assume(domain <= XEN_TSC_HVM);
	return domain;
}

static struct xen_tsc_facts any_facts(void)
{
	return (struct xen_tsc_facts) {
		.xen_major	= nondet_u16(),
		.xen_minor	= nondet_u16(),
		.impostor	= any_bool(),
		.largest_leaf	= nondet_u32(),
		.emulated	= any_bool(),
		.host_reliable	= any_bool(),
		.mode		= nondet_u32(),
		.khz		= nondet_u32(),
		.incarnation	= nondet_u32(),
		.host_khz	= nondet_u32(),
		.pvclock_khz	= nondet_u32(),
		.itsc		= any_bool(),
		.named		= any_bool(),
		.domain		= any_domain(),
	};
}

static enum xen_tsc_request any_request(void)
{
	u32 request = nondet_u32();

	assume(request <= XEN_TSC_OFF);
	return request;
}

/* The frequency by the time leaf, as the documentation has it */
static u64 leaf_khz(const struct xen_tsc_facts *facts)
{
	if (!facts->khz)
		return facts->domain == XEN_TSC_DOM0 && !facts->emulated ? facts->host_khz : 0;
	if (facts->host_khz && facts->mode == XEN_CPUID_TSC_MODE_NEVER_EMULATE)
		return facts->host_khz;
	return facts->khz;
}

static bool plausible(const struct xen_tsc_facts *facts)
{
	return leaf_khz(facts) &&
	       xen_tsc_khz_close(leaf_khz(facts), facts->pvclock_khz, 50000);
}

/* Total, and free of undefined behaviour and of unsigned overflow, for all inputs */
void policy_total(void)
{
	struct xen_tsc_facts facts = any_facts(), later = any_facts();
	enum xen_tsc_request request = any_request();
	struct xen_tsc_decision boot = xen_tsc_evaluate(&facts, request);
	struct xen_tsc_decision now = xen_tsc_reevaluate(&boot, &later, request);

	claim(boot.rule && boot.rule[0] && boot.reason && boot.reason[0]);
	claim(now.rule && now.rule[0] && now.reason && now.reason[0]);
	claim(boot.verdict <= XEN_TSC_UNSTABLE && now.verdict <= XEN_TSC_UNSTABLE);
	claim(xen_tsc_mode_name(nondet_u32())[0]);
	claim(xen_tsc_verdict_name(boot.verdict)[0]);
}

/* Off never trusts nor distrusts, and takes the frequency as the kernel did before */
void policy_off(void)
{
	struct xen_tsc_facts facts = any_facts();
	struct xen_tsc_decision decision = xen_tsc_evaluate(&facts, XEN_TSC_OFF);

	claim(decision.verdict == XEN_TSC_UNVERIFIED);
	claim(decision.khz == facts.pvclock_khz && !decision.exact);
}

/* Who trusts knows a frequency that no clock disputes; a plausible leaf is believed */
void policy_frequency(void)
{
	struct xen_tsc_facts facts = any_facts();
	enum xen_tsc_request request = any_request();
	struct xen_tsc_decision decision = xen_tsc_evaluate(&facts, request);

	assume_close_to_itself(facts.pvclock_khz);
	if (decision.verdict == XEN_TSC_RELIABLE) {
		claim(decision.khz);
		claim(xen_tsc_khz_close(decision.khz, facts.pvclock_khz, 50000));
		claim(!leaf_khz(&facts) || decision.khz == leaf_khz(&facts));
		claim(decision.exact || request == XEN_TSC_ON);
	}
	if (request != XEN_TSC_OFF) {
		claim(decision.exact == plausible(&facts));
		claim(decision.khz == (plausible(&facts) ? leaf_khz(&facts) :
							   facts.pvclock_khz));
	}
}

/* Only what Xen guarantees is trusted without being asked for */
void policy_trust(void)
{
	struct xen_tsc_facts facts = any_facts();

	if (xen_tsc_evaluate(&facts, XEN_TSC_AUTO).verdict != XEN_TSC_RELIABLE)
		return;

	claim(!facts.impostor);
	claim(facts.xen_major >= 4);
	claim(facts.largest_leaf >= XEN_TSC_TIME_LEAF);
	claim(facts.mode <= XEN_CPUID_TSC_MODE_NEVER_EMULATE);
	claim(facts.mode == XEN_CPUID_TSC_MODE_NEVER_EMULATE ?
	      facts.itsc && facts.host_reliable : facts.emulated || facts.host_reliable);
}

/*
 * One more fact in favour does not make the verdict worse. Facts in favour: a newer
 * Xen, a reliable host, the invariant TSC, emulation, a name on the command line, and
 * another frequency by the pvclock that makes the leaf's plausible.
 */
void policy_favour(void)
{
	struct xen_tsc_facts facts = any_facts(), more = facts;
	enum xen_tsc_request request = any_request();
	u32 pvclock_khz = nondet_u32();

	switch (nondet_u32()) {
	case 0:
		more.xen_major = nondet_u16();
		assume(more.xen_major >= facts.xen_major);
		break;
	case 1:
		more.host_reliable = true;
		break;
	case 2:
		more.itsc = true;
		break;
	case 3:
		/* The leaf of a dom0 has no frequency but the host's, if not emulated */
		assume(facts.domain != XEN_TSC_DOM0 || facts.khz);
		more.emulated = true;
		break;
	case 4:
		more.named = true;
		break;
	default:
		more.pvclock_khz = pvclock_khz;
		/* No difference is close to 0 */
		assume(pvclock_khz && plausible(&more));
	}

	claim(xen_tsc_evaluate(&more, request).verdict <=
	      xen_tsc_evaluate(&facts, request).verdict);
}

/* A leaf that appears and an impostor that goes count, unless what is left is worse */
void policy_favour_but(void)
{
	struct xen_tsc_facts facts = any_facts(), more = facts;
	enum xen_tsc_request request = any_request();
	struct xen_tsc_decision decision;

	if (any_bool()) {
		more.impostor = false;
	} else {
		assume(facts.largest_leaf < XEN_TSC_TIME_LEAF);
		assume(!facts.khz && !facts.host_khz);
		more.khz = nondet_u32();
		more.host_khz = nondet_u32();
		more.largest_leaf = nondet_u32();
		assume(!leaf_khz(&more) || plausible(&more));
	}

	decision = xen_tsc_evaluate(&more, request);
	claim(decision.verdict <= xen_tsc_evaluate(&facts, request).verdict ||
	      (decision.verdict == XEN_TSC_UNSTABLE &&
	       (more.xen_major < 4 || more.mode == XEN_CPUID_TSC_MODE_NEVER_EMULATE)));
}

/* To ask for trust does not get less of it */
void policy_on(void)
{
	struct xen_tsc_facts facts = any_facts();

	claim(xen_tsc_evaluate(&facts, XEN_TSC_ON).verdict <=
	      xen_tsc_evaluate(&facts, XEN_TSC_AUTO).verdict);
}

/* After a resume the TSC is kept only at the frequency of the boot, and if as good */
void policy_resume(void)
{
	struct xen_tsc_facts facts = any_facts(), later = any_facts();
	enum xen_tsc_request request = any_request();
	struct xen_tsc_decision boot = xen_tsc_evaluate(&facts, request);
	struct xen_tsc_decision now = xen_tsc_reevaluate(&boot, &later, request);
	u64 ppm = boot.exact && now.exact ? 100 : 50000;

	if (now.verdict != XEN_TSC_UNSTABLE && boot.khz && now.khz)
		claim(xen_tsc_khz_close(now.khz, boot.khz, ppm));
	if (now.verdict == XEN_TSC_RELIABLE) {
		claim(now.khz && boot.khz);
		claim(xen_tsc_evaluate(&later, request).verdict == XEN_TSC_RELIABLE);
	}
	claim(now.verdict == boot.verdict || now.verdict == XEN_TSC_UNSTABLE);
}

/* What was reliable is kept if it still is, whichever rule it is by */
void policy_kept(void)
{
	struct xen_tsc_facts facts = any_facts(), later = any_facts();
	enum xen_tsc_request request = any_request();
	struct xen_tsc_decision boot = xen_tsc_evaluate(&facts, request);
	struct xen_tsc_decision again = xen_tsc_evaluate(&later, request);

	assume(again.verdict == boot.verdict && again.khz == boot.khz);
	assume_close_to_itself(boot.khz);
	claim(xen_tsc_reevaluate(&boot, &later, request).verdict == boot.verdict);
}

#define LONGEST	7

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool is_word(const char *text, const char *word)
{
	unsigned int i;

	for (i = 0; i < LONGEST && text[i] && lower(text[i]) == word[i]; i++)
		;

	return text[i] == '\0' && word[i] == '\0';
}

/* Any text of up to seven characters is taken if it is a word of the list, only then */
void policy_parse(void)
{
	enum xen_tsc_request before = any_request(), request = before;
	char text[LONGEST + 1];
	bool on, off, is_auto, parsed;

	text[LONGEST] = '\0';
	parsed = xen_tsc_parse_request(text, &request);

	is_auto = is_word(text, "auto");
	on = is_word(text, "on") || is_word(text, "1") || is_word(text, "y") ||
	     is_word(text, "yes") || is_word(text, "t") || is_word(text, "true");
	off = is_word(text, "off") || is_word(text, "0") || is_word(text, "n") ||
	      is_word(text, "no") || is_word(text, "f") || is_word(text, "false");

	claim(parsed == (is_auto || on || off));
	claim(request == (is_auto ? XEN_TSC_AUTO : on ? XEN_TSC_ON :
			  off ? XEN_TSC_OFF : before));
	claim(!xen_tsc_parse_request(NULL, &request));
}
