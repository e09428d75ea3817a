/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_TSC_WATCH_H
#define XEN_TSC_WATCH_H

#include <linux/types.h>

/**
 * struct xen_tsc_look - one moment, by two clocks
 * @tsc: the TSC, in cycles
 * @pvclock: the pvclock at that value of the TSC, in ns
 */
struct xen_tsc_look {
	u64 tsc;
	u64 pvclock;
};

/**
 * struct xen_tsc_watch - what is remembered of a vCPU's clocks
 * @first: the look from which on progress is compared
 * @last: the last look at which all was well
 * @armed: @first and @last hold looks
 */
struct xen_tsc_watch {
	struct xen_tsc_look first;
	struct xen_tsc_look last;
	bool armed;
};

s64 xen_tsc_gap(const struct xen_tsc_look *from, const struct xen_tsc_look *to,
		u32 khz);
bool xen_tsc_watch(struct xen_tsc_watch *watch, const struct xen_tsc_look *look,
		   u32 khz, s64 *gap);

#endif /* XEN_TSC_WATCH_H */
