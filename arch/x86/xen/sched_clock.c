// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scheduler clock of a Xen guest: one source, one offset.
 *
 * The clock reads one of two sources, Xen's pvclock or the TSC, and subtracts
 * one offset.  Choosing another source and carrying on after a suspend are the
 * same operation: take the source, and set the offset such that the clock
 * continues at the value it had.
 */
#define pr_fmt(fmt) "xen: scheduler clock: " fmt

#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/irqflags.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/sched/clock.h>

#include <asm/barrier.h>
#include <asm/pvclock.h>
#include <asm/timer.h>
#include <asm/xen/hypervisor.h>

#include <xen/interface/xen.h>
#include <xen/xen-ops.h>

#include "sched_clock.h"

enum xen_sched_clock_source {
	XEN_SCHED_CLOCK_HELD,		/* stands still at zero */
	XEN_SCHED_CLOCK_PVCLOCK,
	XEN_SCHED_CLOCK_TSC,
};

/**
 * struct xen_sched_clock_data - what a read of the scheduler clock needs
 * @source: where the time is read
 * @offset: subtracted from what @source says, in ns
 */
struct xen_sched_clock_data {
	enum xen_sched_clock_source source;
	u64 offset;
};

/*
 * A read takes source and offset through one pointer, so that it sees a pair
 * that belongs together even in an NMI that hits the middle of a switch.  A
 * switch fills the slot that is not in use.  Two slots are enough: a reader
 * would have to sleep through two switches to see its slot rewritten, and all
 * switches after boot happen in stop_machine().
 */
static struct xen_sched_clock_data xen_sched_clock_slots[2] __read_mostly = {
	{ .source = XEN_SCHED_CLOCK_PVCLOCK },
};

static struct xen_sched_clock_data *xen_sched_clock_active __read_mostly =
	&xen_sched_clock_slots[0];

/* The source to return to when the hold ends */
static enum xen_sched_clock_source xen_sched_clock_saved_source;

static __always_inline u64
xen_sched_clock_read_source(enum xen_sched_clock_source source)
{
	if (likely(source == XEN_SCHED_CLOCK_TSC))
		return native_sched_clock();

	if (source == XEN_SCHED_CLOCK_PVCLOCK)
		return pvclock_clocksource_read_nowd(&__this_cpu_read(xen_vcpu)->time);

	return 0;
}

/**
 * xen_sched_clock - read the scheduler clock
 *
 * Context: any, NMI and noinstr code included; preemption must be off.  Takes
 * no lock, and with the TSC as source writes to no memory.
 *
 * Return: ns since xen_sched_clock_start(), without the time spent suspended.
 */
noinstr u64 xen_sched_clock(void)
{
	const struct xen_sched_clock_data *clock = READ_ONCE(xen_sched_clock_active);

	return xen_sched_clock_read_source(clock->source) - clock->offset;
}

/*
 * Read @source from now on, and continue at @value (ns).  Interrupts must be
 * off.  The time between the caller's taking of @value and the read here is
 * lost, so the clock may stand still for a moment; it never steps back.
 */
static void xen_sched_clock_switch(enum xen_sched_clock_source source, u64 value)
{
	struct xen_sched_clock_data *next = &xen_sched_clock_slots[0];

	if (next == xen_sched_clock_active)
		next = &xen_sched_clock_slots[1];

	next->source = source;
	next->offset = xen_sched_clock_read_source(source) - value;
	/* Pairs with the READ_ONCE() and its dependent loads in the reader */
	smp_store_release(&xen_sched_clock_active, next);
}

/**
 * xen_sched_clock_start - let the scheduler clock start at zero, on the pvclock
 *
 * Context: early boot, one CPU, before the clock is installed.  The boot CPU's
 * vcpu_info must be mapped.
 */
void __init xen_sched_clock_start(void)
{
	xen_sched_clock_switch(XEN_SCHED_CLOCK_PVCLOCK, 0);
}

/**
 * xen_sched_clock_use_tsc - continue on the TSC
 *
 * Context: boot, one CPU, after tsc_early_init(): native_sched_clock() counts
 * jiffies before.
 */
void __init xen_sched_clock_use_tsc(void)
{
	unsigned long flags;

	local_irq_save(flags);
	xen_sched_clock_switch(XEN_SCHED_CLOCK_TSC, xen_sched_clock());
	local_irq_restore(flags);

	pr_info("TSC\n");
}

/**
 * xen_sched_clock_use_pvclock - stay on the pvclock, which is not stable
 *
 * Context: boot, one CPU.
 */
void __init xen_sched_clock_use_pvclock(void)
{
	clear_sched_clock_stable();

	pr_info("pvclock, not stable\n");
}

/**
 * xen_sched_clock_mark_unstable - the xen clocksource is being enabled
 *
 * Have the scheduler's core filter the clock from now on.  There is no way
 * back: the core wants a clock to stay unstable once it is.
 *
 * Context: any with interrupts on or off; stop_machine() included.
 */
void xen_sched_clock_mark_unstable(void)
{
	/*
	 * The core blames a "broken BIOS" for a clock that loses its stability
	 * after boot.  Say first what really happened.
	 */
	if (sched_clock_stable())
		pr_info("not stable any more, the xen clocksource is enabled\n");

	clear_sched_clock_stable();
}

/**
 * xen_sched_clock_save - hold the scheduler clock before the guest is suspended
 *
 * Reads return the value of this moment until xen_sched_clock_restore(): what
 * the sources say between the suspend hypercall and the remapping of the
 * vcpu_info is stale, another host's, or both.
 *
 * Context: stop_machine() with interrupts off.
 */
void xen_sched_clock_save(void)
{
	xen_sched_clock_saved_source = xen_sched_clock_active->source;
	xen_sched_clock_switch(XEN_SCHED_CLOCK_HELD, xen_sched_clock());
}

/**
 * xen_sched_clock_restore - continue from where the scheduler clock was held
 *
 * Context: stop_machine() with interrupts off.  This CPU's vcpu_info must be
 * mapped again, and pvclock_resume() called.
 */
void xen_sched_clock_restore(void)
{
	xen_sched_clock_switch(xen_sched_clock_saved_source, xen_sched_clock());
}
