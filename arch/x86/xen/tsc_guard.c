// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notice a TSC that jumps while the guest runs.
 *
 * The clocksource watchdog leaves a reliable TSC alone.  But a host that sleeps
 * hands its guests another TSC afterwards, with no suspend that they could see:
 * all clocks of the guest leap, or stand still until the TSC has caught up.  So
 * Xen's timer interrupt holds the TSC against the pvclock, which Xen has set
 * right before it let the vCPU run again.
 */
#define pr_fmt(fmt) "xen: " fmt

#include <linux/math64.h>
#include <linux/nmi.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/time64.h>

#include <asm/msr.h>
#include <asm/pvclock.h>
#include <asm/tsc.h>
#include <asm/xen/hypervisor.h>

#include <xen/interface/xen.h>
#include <xen/xen-ops.h>

#include <trace/events/xen_tsc.h>

#include "sched_clock.h"
#include "tsc.h"
#include "tsc_guard.h"
#include "tsc_recheck.h"
#include "tsc_watch.h"

static DEFINE_PER_CPU(struct xen_tsc_watch, xen_tsc_watches);

/*
 * Both clocks at one moment.  Not pvclock_clocksource_read(): what that has
 * returned once it never goes below again.
 */
static void xen_tsc_look(struct xen_tsc_look *look)
{
	const struct pvclock_vcpu_time_info *info =
		&__this_cpu_read(xen_vcpu)->time;
	unsigned int version;

	do {
		version = pvclock_read_begin(info);
		look->tsc = rdtsc_ordered();
		look->pvclock = __pvclock_read_cycles(info, look->tsc);
	} while (pvclock_read_retry(info, version));
}

/* The TSC is ahead by @gap (ns), or behind if negative */
static void xen_tsc_jumped(const struct xen_tsc_watch *watch,
			   const struct xen_tsc_look *look, s64 gap)
{
	struct xen_tsc_facts found;
	u64 value;

	/* A read with a TSC that Xen did not know of yet must not stay the last */
	pvclock_resume();

	/* Nobody was stuck */
	pvclock_touch_watchdogs();
	touch_all_softlockup_watchdogs();

	/*
	 * A leap forward has been seen by others already, and clocks must not
	 * step back.  Otherwise carry on as if nothing had happened.
	 */
	if (gap > 0)
		value = xen_sched_clock();
	else
		value = xen_sched_clock_from_tsc(watch->last.tsc) +
			look->pvclock - watch->last.pvclock;

	if (!xen_tsc_demote(value, gap, "it jumped and there was no suspend", "a jump"))
		return;

	xen_tsc_gather(&found);
	pr_warn("TSC given up: it jumped by %lld ms and there was no suspend (mode %s, %s, %u kHz at boot, %u kHz now, incarnation %u)\n",
		div_s64(gap, NSEC_PER_MSEC), xen_tsc_mode_name(found.mode),
		found.emulated ? "emulated" : "native", tsc_khz, found.khz,
		found.incarnation);
}

/**
 * xen_tsc_guard - give the TSC up if it has jumped
 *
 * Costs one read of the TSC and some arithmetic.  Only a TSC that nothing else
 * watches is looked at.
 *
 * Context: Xen's timer interrupt, before anything in it reads a clock.
 */
void xen_tsc_guard(void)
{
	struct xen_tsc_watch *watch = this_cpu_ptr(&xen_tsc_watches);
	struct xen_tsc_look look;
	bool good;
	s64 gap;

	if (!tsc_clocksource_reliable || check_tsc_unstable())
		return;

	xen_tsc_look(&look);
	good = xen_tsc_watch(watch, &look, tsc_khz, &gap);
	trace_xen_tsc_look(look.tsc, look.pvclock, gap);
	if (!good)
		xen_tsc_jumped(watch, &look, gap);
}

/**
 * xen_tsc_guard_rearm - forget what the clocks were
 *
 * Context: stop_machine() with interrupts off, after a suspend: there both
 * clocks may have changed.
 */
void xen_tsc_guard_rearm(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(xen_tsc_watches, cpu).armed = false;
}
