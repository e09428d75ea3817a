// SPDX-License-Identifier: GPL-2.0-only
/* What is known of the TSC, for those who show it */
#include <linux/compiler.h>
#include <linux/preempt.h>

#include <asm/xen/tsc.h>

#include "sched_clock.h"
#include "tsc.h"
#include "tsc_policy.h"
#include "tsc_recheck.h"

/**
 * xen_tsc_status - what Xen does to the TSC now, and what was made of it
 * @status: filled in
 *
 * Context: any in which CPUID may be called, which traps.  Takes no lock.
 *
 * Return: false if Xen was never asked, as in an HVM guest without Xen timers.
 */
bool xen_tsc_status(struct xen_tsc_status *status)
{
	const char *demoted_why = READ_ONCE(xen_tsc_demoted_why);
	enum xen_tsc_verdict verdict = xen_tsc_judgement.verdict;
	struct xen_tsc_facts found;

	if (!xen_tsc_judgement.rule)
		return false;

	preempt_disable();
	xen_tsc_gather(&found);
	preempt_enable();

	if (demoted_why)
		verdict = XEN_TSC_UNSTABLE;

	*status = (struct xen_tsc_status){
		.mode		= xen_tsc_mode_name(found.mode),
		.verdict	= xen_tsc_verdict_name(verdict),
		.reason		= demoted_why ?: xen_tsc_judgement.reason,
		.request	= xen_tsc_request_name(xen_tsc_promised.request),
		.sched_clock	= xen_sched_clock_reads(),
		.last_demotion	= demoted_why,
		.row		= xen_tsc_judgement.rule->row,
		.khz		= found.khz,
		.incarnation	= found.incarnation,
		.resumes	= READ_ONCE(xen_tsc_resumes),
		.demotions	= demoted_why ? 1 : 0,
		.emulated	= found.emulated,
		.host_reliable	= found.host_reliable,
	};

	return true;
}
