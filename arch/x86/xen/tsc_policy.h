/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_TSC_POLICY_H
#define XEN_TSC_POLICY_H

#include <linux/types.h>

/* The time leaf, counted from the first Xen CPUID leaf */
#define XEN_TSC_TIME_LEAF	3

enum xen_tsc_domain {
	XEN_TSC_DOM0,
	XEN_TSC_PV,
	XEN_TSC_HVM,			/* including PVH */
};

enum xen_tsc_request {
	XEN_TSC_AUTO,			/* decide by the facts */
	XEN_TSC_ON,			/* reliable, unless the frequency is in doubt */
	XEN_TSC_OFF,			/* do what the kernel does without a policy */
};

enum xen_tsc_verdict {
	XEN_TSC_RELIABLE,		/* use it as tsc=reliable would */
	XEN_TSC_UNVERIFIED,		/* leave it to the kernel's own checks */
	XEN_TSC_UNSTABLE,		/* do not use it */
};

/**
 * struct xen_tsc_facts - all that the policy looks at
 * @xen_major:		major version of Xen
 * @xen_minor:		minor version of Xen
 * @impostor:		KVM's CPUID signature beside Xen's
 * @largest_leaf:	largest Xen CPUID leaf, counted from the first
 * @emulated:		time leaf: RDTSC traps, and Xen computes its result
 * @host_reliable:	time leaf: Xen found the host's TSC to be reliable
 * @mode:		time leaf: XEN_CPUID_TSC_MODE_*
 * @khz:		time leaf: frequency of the TSC that this domain sees, in kHz
 * @incarnation:	time leaf: counts restores and migrations, from 1
 * @host_khz:		time leaf: frequency of the host's TSC, in kHz
 * @pvclock_khz:	frequency of the TSC by the vCPU's pvclock in kHz, 0 if unknown
 * @itsc:		CPUID 0x80000007 EDX[8], the invariant TSC, is visible
 * @named:		clocksource=tsc or tsc=reliable is on the command line
 * @domain:		kind of domain
 *
 * The fields of the time leaf are zero if @largest_leaf is below XEN_TSC_TIME_LEAF.
 */
struct xen_tsc_facts {
	u16 xen_major;
	u16 xen_minor;
	bool impostor;
	u32 largest_leaf;
	bool emulated;
	bool host_reliable;
	u32 mode;
	u32 khz;
	u32 incarnation;
	u32 host_khz;
	u32 pvclock_khz;
	bool itsc;
	bool named;
	enum xen_tsc_domain domain;
};

/**
 * struct xen_tsc_decision - what the policy says
 * @rule:	name of the rule that the facts meet
 * @verdict:	the verdict
 * @reason:	why, for the log
 * @khz:	frequency to use for the TSC, in kHz; 0 if unknown
 * @exact:	@khz is the time leaf's, not the pvclock's
 * @guaranteed:	the rule says reliable, whatever the verdict
 */
struct xen_tsc_decision {
	const char *rule;
	enum xen_tsc_verdict verdict;
	const char *reason;
	u32 khz;
	bool exact;
	bool guaranteed;
};

struct xen_tsc_decision xen_tsc_evaluate(const struct xen_tsc_facts *facts,
					 enum xen_tsc_request request);
struct xen_tsc_decision xen_tsc_reevaluate(const struct xen_tsc_decision *boot,
					   const struct xen_tsc_facts *facts,
					   enum xen_tsc_request request);
bool xen_tsc_parse_request(const char *arg, enum xen_tsc_request *request);

const char *xen_tsc_mode_name(u32 mode);
const char *xen_tsc_verdict_name(enum xen_tsc_verdict verdict);

#endif /* XEN_TSC_POLICY_H */
