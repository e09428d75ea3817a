/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_TSC_H
#define XEN_TSC_H

#include <linux/init.h>
#include <linux/types.h>

#include "tsc_policy.h"
#include "tsc_skew.h"

/* time.c */
bool xen_clocksource_is_used(void);
bool xen_clocksource_yields(void);

/* tsc_watchdog.c */
void __init xen_tsc_watchdog_init(bool guaranteed);
bool __init xen_sched_clock_can_use_tsc(void);
bool xen_tsc_watchdog_read(u64 *ns);
void xen_tsc_watchdog(void);
void xen_tsc_watchdog_reset(void);
void xen_tsc_check_secondary(void);
void xen_tsc_demote(const struct xen_tsc_sample *now, u64 value, const char *reason,
		    s64 skew);
bool xen_tsc_demotion(char *text, size_t size);
void xen_tsc_queue_report(void);

/* tsc.c */
extern struct xen_tsc_decision xen_tsc_decision;

void __init xen_tsc_init(void);
unsigned long xen_tsc_khz(void);
void xen_tsc_read_facts(struct xen_tsc_facts *facts);
void xen_tsc_resume(void);
bool xen_tsc_report(void);
void xen_sched_clock_mark_unstable(void);
bool __init xen_tsc_is_trusted(void);

/* tsc_sysfs.c */
#ifdef CONFIG_XEN_SYS_HYPERVISOR
void xen_tsc_sysfs_notify(void);
#else
static inline void xen_tsc_sysfs_notify(void) { }
#endif

#endif /* XEN_TSC_H */
