/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ASM_X86_XEN_TSC_H
#define _ASM_X86_XEN_TSC_H

#include <linux/types.h>

/**
 * struct xen_tsc_status - what is known of the TSC of this domain
 * @mode:		how Xen delivers it, as xl's tsc_mode
 * @verdict:		reliable, unverified or unstable
 * @reason:		for the verdict
 * @request:		of the administrator: auto, on or off
 * @sched_clock:	what the scheduler clock reads: TSC or pvclock
 * @last_demotion:	why the TSC was given up, or NULL
 * @row:		of the policy, that the boot has met
 * @khz:		its rate by the time leaf, 0 if that has none
 * @incarnation:	counts restores and migrations, from 1; 0 if not known
 * @resumes:		from a suspend, hibernation or S3, since the boot
 * @demotions:		since the boot
 * @emulated:		Xen traps RDTSC
 * @host_reliable:	Xen takes the host's TSC for reliable
 */
struct xen_tsc_status {
	const char *mode;
	const char *verdict;
	const char *reason;
	const char *request;
	const char *sched_clock;
	const char *last_demotion;
	unsigned int row;
	u32 khz;
	u32 incarnation;
	unsigned int resumes;
	unsigned int demotions;
	bool emulated;
	bool host_reliable;
};

bool xen_tsc_status(struct xen_tsc_status *status);

#endif /* _ASM_X86_XEN_TSC_H */
