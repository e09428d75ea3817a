/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_TSC_POLICY_H
#define XEN_TSC_POLICY_H

#include <linux/types.h>

/* The time leaf, counted from the first Xen CPUID leaf */
#define XEN_TSC_TIME_LEAF	3

enum xen_tsc_domain {
	XEN_TSC_DOM0,
	XEN_TSC_PV,
	XEN_TSC_HVM,			/* PVH included */
};

enum xen_tsc_request {
	XEN_TSC_AUTO,			/* judge by the facts */
	XEN_TSC_ON,			/* reliable, whatever the facts */
	XEN_TSC_OFF,			/* never reliable */
};

enum xen_tsc_verdict {
	XEN_TSC_RELIABLE,		/* use it, as tsc=reliable would */
	XEN_TSC_UNVERIFIED,		/* leave it to the kernel's own checks */
	XEN_TSC_UNSTABLE,		/* do not use it */
};

/**
 * struct xen_tsc_facts - all that the policy looks at
 * @xen_major:		major version of Xen
 * @xen_minor:		minor version of Xen
 * @largest_leaf:	largest Xen CPUID leaf, counted from the first
 * @emulated:		time leaf: RDTSC traps, Xen computes its result
 * @host_reliable:	time leaf: Xen found the host's TSC to be reliable
 * @mode:		time leaf: XEN_CPUID_TSC_MODE_*
 * @khz:		time leaf: rate of the TSC this domain sees
 * @incarnation:	time leaf: counts restores and migrations, from 1
 * @pvclock_khz:	rate of the TSC by the vCPU's pvclock, 0 if unknown
 * @itsc:		CPUID 0x80000007 EDX[8], the invariant TSC, is visible
 * @domain:		kind of domain
 * @request:		what the administrator asks for
 *
 * The fields of the time leaf are zero if @largest_leaf is below
 * XEN_TSC_TIME_LEAF.
 */
struct xen_tsc_facts {
	u16 xen_major;
	u16 xen_minor;
	u32 largest_leaf;
	bool emulated;
	bool host_reliable;
	u32 mode;
	u32 khz;
	u32 incarnation;
	u32 pvclock_khz;
	bool itsc;
	enum xen_tsc_domain domain;
	enum xen_tsc_request request;
};

/**
 * struct xen_tsc_rule - a row of the policy's table
 * @row:	its number, from 1
 * @verdict:	the verdict where the row applies and the request is auto
 * @reason:	why, for the log
 */
struct xen_tsc_rule {
	unsigned int row;
	enum xen_tsc_verdict verdict;
	const char *reason;
};

/**
 * struct xen_tsc_judgement - what the policy says
 * @rule:	the row that the facts meet
 * @verdict:	the verdict, with the request taken into account
 * @reason:	why, for the log
 * @khz:	the rate of the TSC to run on
 */
struct xen_tsc_judgement {
	const struct xen_tsc_rule *rule;
	enum xen_tsc_verdict verdict;
	const char *reason;
	u32 khz;
};

struct xen_tsc_judgement xen_tsc_judge(const struct xen_tsc_facts *facts);
struct xen_tsc_judgement
xen_tsc_judge_again(const struct xen_tsc_facts *promised,
		    const struct xen_tsc_facts *found);
bool xen_tsc_parse_request(const char *arg, enum xen_tsc_request *request);

const char *xen_tsc_mode_name(u32 mode);
const char *xen_tsc_request_name(enum xen_tsc_request request);
const char *xen_tsc_verdict_name(enum xen_tsc_verdict verdict);

#endif /* XEN_TSC_POLICY_H */
