// SPDX-License-Identifier: GPL-2.0-only
/*
 * sched_clock of a Xen guest.
 *
 * It reads the pvclock or the TSC and subtracts an offset. Whenever the source
 * changes, or has moved on its own while the guest was suspended, the offset is
 * changed with it such that the clock continues at the value it had.
 */
#define pr_fmt(fmt) "xen: sched_clock: " fmt

#include <linux/cache.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/seqlock.h>

#include <asm/msr.h>
#include <asm/paravirt.h>
#include <asm/pvclock.h>
#include <asm/timer.h>
#include <asm/tsc.h>
#include <asm/xen/hypervisor.h>

#include <xen/interface/xen.h>
#include <xen/xen-ops.h>

#include <trace/events/xen_tsc.h>

#include "sched_clock.h"

/*
 * A read takes all it needs from one copy, as in kernel/time/sched_clock.c: while
 * one copy is changed, readers in NMIs use the other one. A read that races with a change
 * is retried.
 *
 * Writers are serialized: boot and a suspend have one CPU, and those that demote the TSC,
 * in timer interrupts or stop_machine(), hold the lock of tsc_watchdog.c.
 */
static struct {
	seqcount_latch_t seq;
	struct xen_sched_clock_data data[2];
} xen_sched_clock_latch __read_mostly __aligned(SMP_CACHE_BYTES) = {
	.seq = SEQCNT_LATCH_ZERO(xen_sched_clock_latch.seq),
};

/*
 * The same for guests that never use the TSC. There the offset changes only while the
 * clock is frozen, so that no latch is needed. xen_sched_clock_frozen is 0 if it is not.
 */
static u64 xen_sched_clock_offset __read_mostly;
static u64 xen_sched_clock_frozen __read_mostly;

/* What is read when the clock is not frozen */
static enum xen_sched_clock_source xen_sched_clock_source __read_mostly =
	XEN_SCHED_CLOCK_PVCLOCK;

/* Reads any source, and retries while the clock is changed */
static noinstr u64 xen_sched_clock_slow(void)
{
	const struct xen_sched_clock_data *data;
	unsigned int seq;
	u64 count;

	do {
		seq = raw_read_seqcount_latch(&xen_sched_clock_latch.seq);
		data = &xen_sched_clock_latch.data[seq & 1];
		count = 0;
		if (data->source == XEN_SCHED_CLOCK_TSC)
			count = xen_tsc_to_ns(rdtsc(), data->mult);
		else if (data->source == XEN_SCHED_CLOCK_PVCLOCK)
			count = pvclock_clocksource_read_nowd(&__this_cpu_read(xen_vcpu)->time);
		count -= data->offset;
	} while (raw_read_seqcount_latch_retry(&xen_sched_clock_latch.seq, seq));

	return count;
}

/**
 * xen_sched_clock - read sched_clock
 *
 * With the TSC as source a read does not write to memory. RDTSC is not
 * ordered, as in native_sched_clock(): a read that overlaps a change of the source can
 * be behind by the length of the CPU's pipeline.
 *
 * Context: any, NMIs and noinstr code included; preemption must be off. Takes no
 * lock.
 *
 * Return: ns since xen_sched_clock_init(), without the time spent suspended.
 */
noinstr u64 xen_sched_clock(void)
{
	unsigned int seq = raw_read_seqcount_latch(&xen_sched_clock_latch.seq);
	const struct xen_sched_clock_data *data = &xen_sched_clock_latch.data[seq & 1];
	u64 ns;

	if (unlikely(data->source != XEN_SCHED_CLOCK_TSC))
		return xen_sched_clock_slow();

	ns = xen_tsc_to_ns(rdtsc(), data->mult) - data->offset;
	if (raw_read_seqcount_latch_retry(&xen_sched_clock_latch.seq, seq))
		return xen_sched_clock_slow();

	return ns;
}

/**
 * xen_sched_clock_pvclock - read sched_clock, in a guest that never uses the TSC
 *
 * An NMI on another CPU that is stopped between the last two loads, while the guest
 * is suspended and resumed, gets the count of before and the offset of after: one value
 * that is off by what the pvclock moved in between.
 *
 * Context: any, NMIs and noinstr code included; preemption must be off. Takes no lock.
 *
 * Return: as xen_sched_clock().
 */
noinstr u64 xen_sched_clock_pvclock(void)
{
	u64 ns = READ_ONCE(xen_sched_clock_frozen);

	if (unlikely(ns))
		return ns;

	return pvclock_clocksource_read_nowd(&__this_cpu_read(xen_vcpu)->time) -
	       READ_ONCE(xen_sched_clock_offset);
}

/**
 * xen_tsc_read_sample - read both clocks at one moment
 * @sample: filled in
 *
 * Not pvclock_clocksource_read(), which never returns less than it did on any CPU.
 *
 * Context: preemption off, this CPU's vcpu_info mapped.
 */
void xen_tsc_read_sample(struct xen_tsc_sample *sample)
{
	const struct pvclock_vcpu_time_info *info = &__this_cpu_read(xen_vcpu)->time;
	unsigned int version;

	do {
		version = pvclock_read_begin(info);
		sample->tsc = rdtsc_ordered();
		sample->pvclock = __pvclock_read_cycles(info, sample->tsc);
	} while (pvclock_read_retry(info, version));
}

/**
 * xen_sched_clock_at - get what sched_clock says at a moment
 * @now: the moment
 *
 * Context: one in which the source cannot change, or a demotion, which ignores the
 * value if another CPU is first.
 *
 * Return: ns.
 */
u64 xen_sched_clock_at(const struct xen_tsc_sample *now)
{
	return xen_sched_clock_value(&xen_sched_clock_latch.data[0], now);
}

/* Let the clock read @source and say @value at @now, which a frozen clock does not need */
static void xen_sched_clock_set(enum xen_sched_clock_source source,
				const struct xen_tsc_sample *now, u64 value)
{
	struct xen_sched_clock_data data = xen_sched_clock_latch.data[0];
	u64 latest;

	if (source == XEN_SCHED_CLOCK_TSC)
		data.mult = xen_tsc_mult(tsc_khz);
	xen_sched_clock_continue(&data, source, now, value);
	if (source == XEN_SCHED_CLOCK_PVCLOCK) {
		/* From here on no CPU returns less, but this one may by now be behind @now */
		latest = pvclock_clocksource_read_nowd(&__this_cpu_read(xen_vcpu)->time);
		if ((s64)(latest - now->pvclock) < 0)
			data.offset += latest - now->pvclock;
	}

	raw_write_seqcount_latch(&xen_sched_clock_latch.seq);
	xen_sched_clock_latch.data[0] = data;
	raw_write_seqcount_latch(&xen_sched_clock_latch.seq);
	xen_sched_clock_latch.data[1] = data;

	if (source == XEN_SCHED_CLOCK_FROZEN) {
		WRITE_ONCE(xen_sched_clock_frozen, value);
	} else if (source == XEN_SCHED_CLOCK_PVCLOCK) {
		WRITE_ONCE(xen_sched_clock_offset, data.offset);
		/* NMIs on other CPUs must not see the old offset with the clock running */
		smp_wmb();
		WRITE_ONCE(xen_sched_clock_frozen, 0);
	}
}

static bool xen_sched_clock_is_frozen(void)
{
	return xen_sched_clock_latch.data[0].source == XEN_SCHED_CLOCK_FROZEN;
}

/**
 * xen_sched_clock_init - start sched_clock at zero, on the pvclock
 *
 * Context: early boot, one CPU, before the clock is installed. The boot CPU's
 * vcpu_info must be mapped.
 */
void __init xen_sched_clock_init(void)
{
	struct xen_tsc_sample now;

	xen_tsc_read_sample(&now);
	xen_sched_clock_set(XEN_SCHED_CLOCK_PVCLOCK, &now, 0);
}

/**
 * xen_sched_clock_uses_tsc - is the TSC the source of sched_clock?
 *
 * Context: any.
 *
 * Return: true also while the clock is frozen, and is to continue on the TSC.
 */
bool xen_sched_clock_uses_tsc(void)
{
	return READ_ONCE(xen_sched_clock_source) == XEN_SCHED_CLOCK_TSC;
}

/**
 * xen_sched_clock_use_tsc - continue on the TSC
 *
 * Context: boot, one CPU, interrupts on or off, after tsc_early_init(), which sets
 * tsc_khz.
 */
void __init xen_sched_clock_use_tsc(void)
{
	struct xen_tsc_sample now;
	unsigned long flags;
	u64 value;

	/* Until the source changes this reads the pvclock, too */
	paravirt_set_sched_clock(xen_sched_clock);

	local_irq_save(flags);
	value = xen_sched_clock();
	xen_tsc_read_sample(&now);
	/* The pvclock may have returned more than it says now */
	value = max_t(s64, value, xen_sched_clock_at(&now));
	xen_sched_clock_source = XEN_SCHED_CLOCK_TSC;
	xen_sched_clock_set(XEN_SCHED_CLOCK_TSC, &now, value);
	local_irq_restore(flags);

	pr_info("using the TSC\n");
}

/**
 * xen_sched_clock_use_pvclock - continue on the pvclock, from now on
 * @now: the moment
 * @value: what the clock says at @now, in ns; ignored if the clock is frozen, as it
 *	   continues from there when the guest resumes
 *
 * Context: interrupts off, see xen_sched_clock_latch for who may call it.
 */
void xen_sched_clock_use_pvclock(const struct xen_tsc_sample *now, u64 value)
{
	if (xen_sched_clock_source == XEN_SCHED_CLOCK_PVCLOCK)
		return;

	WRITE_ONCE(xen_sched_clock_source, XEN_SCHED_CLOCK_PVCLOCK);
	if (!xen_sched_clock_is_frozen())
		xen_sched_clock_set(XEN_SCHED_CLOCK_PVCLOCK, now, value);
}

/**
 * xen_sched_clock_suspend - freeze sched_clock before the guest is suspended
 *
 * Reads return the value of this moment until xen_sched_clock_resume(): between the
 * suspend and the remapping of vcpu_info both sources are stale, another host's, or
 * both.
 *
 * Context: one CPU, interrupts off; in stop_machine() or as
 * x86_platform.save_sched_clock_state().
 */
void xen_sched_clock_suspend(void)
{
	xen_sched_clock_set(XEN_SCHED_CLOCK_FROZEN, NULL, xen_sched_clock());
}

/**
 * xen_sched_clock_resume - continue from the frozen value
 *
 * Context: as xen_sched_clock_suspend(), or x86_platform.restore_sched_clock_state().
 * This CPU's vcpu_info must be mapped again.
 */
void xen_sched_clock_resume(void)
{
	struct xen_tsc_sample now;
	u64 value;

	if (!xen_sched_clock_is_frozen())
		return;

	/* The latest value that the pvclock returned may be another host's */
	pvclock_resume();
	xen_tsc_read_sample(&now);
	value = xen_sched_clock_at(&now);
	xen_sched_clock_set(xen_sched_clock_source, &now, value);

	trace_xen_sched_clock_resume(xen_sched_clock_source == XEN_SCHED_CLOCK_TSC, value,
				     xen_sched_clock_latch.data[0].offset);
}
