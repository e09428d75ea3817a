// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scheduler clock of a Xen guest: one source, one offset.
 *
 * The clock reads one of two sources, Xen's pvclock or the TSC, and subtracts
 * one offset.  sched_clock_source.c sets both.
 */
#define pr_fmt(fmt) "xen: scheduler clock: " fmt

#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched/clock.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <asm/msr.h>
#include <asm/pvclock.h>
#include <asm/tsc.h>
#include <asm/xen/hypervisor.h>

#include <xen/interface/xen.h>
#include <xen/xen-ops.h>

#include <trace/events/xen_tsc.h>

#include "sched_clock.h"
#include "sched_clock_source.h"

/* How long, and how far ahead, the clock stands still in the hand-over */
#define XEN_SCHED_CLOCK_STOP_US		2000
#define XEN_SCHED_CLOCK_AHEAD_NS	100000

static u64 xen_sched_clock_read_source(enum xen_sched_clock_source source)
{
	switch (source) {
	case XEN_SCHED_CLOCK_TSC:
		return rdtsc();
	case XEN_SCHED_CLOCK_PVCLOCK:
		return pvclock_clocksource_read_nowd(&__this_cpu_read(xen_vcpu)->time);
	default:
		return 0;
	}
}

static struct xen_sched_clock xen_clock __read_mostly __aligned(SMP_CACHE_BYTES) = {
	.active	= &xen_clock.slots[0],
	.slots	= { { .source = XEN_SCHED_CLOCK_HELD } },
	.source	= XEN_SCHED_CLOCK_HELD,
	.read	= xen_sched_clock_read_source,
};

/* What reads used before a sleep, for people who trace it */
static struct xen_sched_clock_data xen_sched_clock_slept;

/* Orders the switches.  Readers do not care. */
static DEFINE_RAW_SPINLOCK(xen_sched_clock_lock);

/* Apart from the TSC, so that a read of that needs no stack */
static noinstr u64
xen_sched_clock_without_tsc(const struct xen_sched_clock_data *data)
{
	u64 count = 0;

	if (data->source == XEN_SCHED_CLOCK_PVCLOCK)
		count = pvclock_clocksource_read_nowd(&__this_cpu_read(xen_vcpu)->time);

	return count - data->offset;
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
	const struct xen_sched_clock_data *data = READ_ONCE(xen_clock.active);

	if (likely(data->source == XEN_SCHED_CLOCK_TSC))
		return xen_sched_clock_value(data, rdtsc());

	return xen_sched_clock_without_tsc(data);
}

/* Stand still, @ahead of now (ns) */
static void xen_sched_clock_stop(u64 ahead)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&xen_sched_clock_lock, flags);
	xen_sched_clock_hold(&xen_clock, ahead);
	raw_spin_unlock_irqrestore(&xen_sched_clock_lock, flags);
}

/* Go on from where the clock stands still */
static void xen_sched_clock_go_on(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&xen_sched_clock_lock, flags);
	xen_sched_clock_release(&xen_clock);
	raw_spin_unlock_irqrestore(&xen_sched_clock_lock, flags);
}

/**
 * xen_sched_clock_start - let the scheduler clock start at zero, on the pvclock
 *
 * Context: early boot, one CPU, before the clock is installed.  The boot CPU's
 * vcpu_info must be mapped.
 */
void __init xen_sched_clock_start(void)
{
	xen_sched_clock_choose(&xen_clock, XEN_SCHED_CLOCK_PVCLOCK, 0);
	xen_sched_clock_release(&xen_clock);
}

/**
 * xen_sched_clock_reads - what the scheduler clock is read from, for people
 *
 * Context: any.
 *
 * Return: "TSC" or "pvclock".
 */
const char *xen_sched_clock_reads(void)
{
	return READ_ONCE(xen_clock.source) == XEN_SCHED_CLOCK_TSC ? "TSC" : "pvclock";
}

/**
 * xen_sched_clock_use_tsc - continue on the TSC
 *
 * Context: boot, one CPU, after tsc_early_init(): tsc_khz is not known before.
 */
void __init xen_sched_clock_use_tsc(void)
{
	unsigned long flags;

	/* Stamped by the pvclock, so that a step to the next line would show */
	pr_info("TSC\n");

	/* What an interrupt took between the reads of the two would be lost */
	raw_spin_lock_irqsave(&xen_sched_clock_lock, flags);
	xen_clock.mult = xen_sched_clock_mult(tsc_khz);
	xen_sched_clock_choose(&xen_clock, XEN_SCHED_CLOCK_TSC, xen_sched_clock());
	raw_spin_unlock_irqrestore(&xen_sched_clock_lock, flags);
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
 * xen_sched_clock_from_tsc - what the scheduler clock says at a value of the TSC
 * @tsc: the value, in cycles
 *
 * Context: any in which the clock can not be switched meanwhile.
 *
 * Return: ns, or what the clock says now if it is not the TSC that it reads.
 */
u64 xen_sched_clock_from_tsc(u64 tsc)
{
	const struct xen_sched_clock_data *data = READ_ONCE(xen_clock.active);

	if (data->source != XEN_SCHED_CLOCK_TSC)
		return xen_sched_clock();

	return xen_sched_clock_value(data, tsc);
}

/**
 * xen_sched_clock_leave_tsc - use the pvclock from now on
 * @value: where to continue, in ns, unless the clock is held: then it continues
 *	   from there, when it is
 *
 * Does nothing where the source is the pvclock already.  Once only, see
 * XEN_SCHED_CLOCK_SLOTS.  The clock is not stable any more, which is for the
 * caller to tell with xen_sched_clock_mark_unstable().
 *
 * Context: any but NMI.  This CPU's vcpu_info must be mapped.
 */
void xen_sched_clock_leave_tsc(u64 value)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&xen_sched_clock_lock, flags);
	if (xen_clock.source == XEN_SCHED_CLOCK_TSC)
		xen_sched_clock_choose(&xen_clock, XEN_SCHED_CLOCK_PVCLOCK, value);
	raw_spin_unlock_irqrestore(&xen_sched_clock_lock, flags);
}

/*
 * Hand the clock over to the filter of the scheduler's core.
 *
 * The core continues at CLOCK_MONOTONIC plus an offset that it has known since
 * boot.  By now the two clocks have drifted apart, so have it take the offset
 * anew.  What is left is the time that passes between the reads of the two,
 * once when it takes the offset and once when it applies that.  If the second
 * took longer, the clock would step back by the difference.
 *
 * So let our clock stand still for longer than that, after the offset is taken:
 * then it is behind, and the hand-over is a small step forward.  It stands still
 * a little ahead of now, as other CPUs may read it right before.
 */
static void xen_sched_clock_hand_over(struct work_struct *work)
{
	static bool done;

	if (done)
		return;
	done = true;

	/* The core blames a "broken BIOS".  Say first what really happened. */
	pr_info("%s, not stable any more\n", xen_sched_clock_reads());

	preempt_disable();
	xen_sched_clock_stop(XEN_SCHED_CLOCK_AHEAD_NS);
	sched_clock_tick_stable();
	udelay(XEN_SCHED_CLOCK_STOP_US);
	xen_sched_clock_go_on();
	preempt_enable();

	clear_sched_clock_stable();
}

static DECLARE_WORK(xen_sched_clock_work, xen_sched_clock_hand_over);

/**
 * xen_sched_clock_mark_unstable - the clock is, or is on its way to, the pvclock
 *
 * Have the scheduler's core filter the clock from now on.  There is no way
 * back: the core wants a clock to stay unstable once it is.  After boot it
 * takes until a work item has run.
 *
 * Context: any but NMI; stop_machine() included.
 */
void xen_sched_clock_mark_unstable(void)
{
	/* Before the core calls it stable there is nothing to hand over */
	if (sched_clock_stable())
		schedule_work(&xen_sched_clock_work);
	else
		clear_sched_clock_stable();
}

/**
 * xen_sched_clock_save - hold the scheduler clock before the guest sleeps
 *
 * Reads return the value of this moment until xen_sched_clock_restore(): what
 * the sources say between the suspend hypercall and the remapping of the
 * vcpu_info is stale, another host's, or both.
 *
 * Context: one CPU, interrupts off; in stop_machine() or as
 * x86_platform.save_sched_clock_state().
 */
void xen_sched_clock_save(void)
{
	const struct xen_sched_clock_data *data = READ_ONCE(xen_clock.active);

	if (data->source != XEN_SCHED_CLOCK_HELD)
		xen_sched_clock_slept = *data;

	xen_sched_clock_stop(0);
}

/**
 * xen_sched_clock_restore - continue from where the scheduler clock was held
 *
 * Context: as xen_sched_clock_save(), or x86_platform.restore_sched_clock_state().
 * This CPU's vcpu_info must be mapped again.
 */
void xen_sched_clock_restore(void)
{
	const struct xen_sched_clock_data *data;

	/* What the pvclock has returned last may be of another host */
	pvclock_resume();
	xen_sched_clock_go_on();

	data = READ_ONCE(xen_clock.active);
	trace_xen_sched_clock_rebase(xen_sched_clock_slept.source == XEN_SCHED_CLOCK_TSC,
				     data->source == XEN_SCHED_CLOCK_TSC,
				     xen_sched_clock_slept.offset, data->offset);
}
