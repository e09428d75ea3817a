/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_SCHED_CLOCK_H
#define XEN_SCHED_CLOCK_H

#include <linux/init.h>
#include <linux/types.h>

u64 xen_sched_clock(void);
const char *xen_sched_clock_reads(void);

void __init xen_sched_clock_start(void);
void __init xen_sched_clock_use_tsc(void);
void __init xen_sched_clock_use_pvclock(void);
u64 xen_sched_clock_from_tsc(u64 tsc);
void xen_sched_clock_leave_tsc(u64 value);
void xen_sched_clock_mark_unstable(void);
void xen_sched_clock_save(void);
void xen_sched_clock_restore(void);

#endif /* XEN_SCHED_CLOCK_H */
