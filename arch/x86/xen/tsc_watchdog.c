// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watchdog for the TSC of a domU that uses it, and what happens if it fails.
 *
 * The clocksource watchdog ignores a TSC that is called reliable. But it can jump while
 * the guest runs, as after S3 of the host, it can have another frequency after a migration,
 * and it can differ between vCPUs. So each vCPU compares it with the pvclock, and with what
 * the others found: when Xen's timer is programmed the pvclock is read anyway, and the TSC
 * with it. The end of a timer interrupt compares what was read last: if the core
 * programs the timer only after that, the sample of the interrupt before. So the
 * watchdog reads no clock of its own, which would trap where Xen emulates RDTSC. The
 * timers have used the TSC by then, so xen_tsc_check_secondary() comes before them after a
 * resume, when the TSCs of vCPUs can differ by decades.
 *
 * A TSC that fails is demoted, in this order:
 *
 *   in use   -> leaving  xen_tsc_demote(), in the timer interrupt or when the guest
 *                        is resumed: sched_clock continues on the pvclock. Nothing
 *                        is printed or queued here, since timekeeping may be
 *                        suspended.
 *   leaving  -> left     xen_tsc_kick(), in timer interrupts: the first one queues the
 *                        work item that marks the TSC unstable. Each one forces a
 *                        reschedule, until timekeeping uses the xen clocksource, but
 *                        for ten seconds at most.
 *
 * xen_tsc_demoted_reason is set once sched_clock has left it, and xen_tsc_leaving until
 * timekeeping has left it, too, or ten seconds have passed. There is no way back.
 */
#define pr_fmt(fmt) "xen: " fmt

#include <linux/clocksource.h>
#include <linux/cpufeature.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/seqlock.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/time64.h>
#include <linux/timekeeping.h>
#include <linux/vtime.h>
#include <linux/workqueue.h>

#include <asm/current.h>
#include <asm/msr.h>
#include <asm/pvclock.h>
#include <asm/tsc.h>
#include <asm/xen/hypervisor.h>

#include <xen/interface/xen.h>
#include <xen/xen.h>
#include <xen/xen-ops.h>

#include <trace/events/xen_tsc.h>

#include "sched_clock.h"
#include "tsc.h"
#include "tsc_skew.h"
#include "xen-ops.h"

/*
 * How old the reference can get. A younger one follows the drift of the two clocks
 * better, an older one lets a wrong frequency add up.
 */
#define XEN_TSC_REFERENCE_NS	(10LL * NSEC_PER_SEC)
/* How long to wait for the core to switch to the xen clocksource */
#define XEN_TSC_KICK_NS		(10LL * NSEC_PER_SEC)
/* __sched_clock_work() does not follow a clock that is ahead of ktime by 10 seconds */
#define XEN_TSC_AHEAD_NS	(9LL * NSEC_PER_SEC)

/* NULL: nothing is watched, as without Xen's timers, or with xen_tsc_reliable=off */
static const struct xen_tsc_tolerance *xen_tsc_tolerance __read_mostly;

/* What all samples are compared with; serialized by the lock, read without it */
static struct {
	seqcount_latch_t seq;
	struct xen_tsc_sample sample[2];
} xen_tsc_reference = {
	.seq = SEQCNT_LATCH_ZERO(xen_tsc_reference.seq),
};

/* By how much ktime was ahead of the pvclock (ns) before it can have followed a jump */
static s64 xen_tsc_ktime_ahead;

static DEFINE_RAW_SPINLOCK(xen_tsc_lock);

/* A CPU's latest sample, the latest that was good, and ktime when it was far ahead */
static DEFINE_PER_CPU(struct xen_tsc_sample, xen_tsc_latest);
static DEFINE_PER_CPU(struct xen_tsc_sample, xen_tsc_good);
static DEFINE_PER_CPU(u64, xen_tsc_ahead_since);

/* The next timer interrupt has to queue the work item */
static bool xen_tsc_work_needed __read_mostly;
/* Timekeeping can still use the TSC that was demoted */
static bool xen_tsc_leaving __read_mostly;

/* Why the TSC was demoted, or NULL, how far off it was (ns), and when by sched_clock */
static const char *xen_tsc_demoted_reason;
static s64 xen_tsc_demoted_skew;
static u64 xen_tsc_demoted_at;

/**
 * xen_tsc_demotion - describe why the TSC was demoted
 * @text: where to put it
 * @size: of @text, in bytes
 *
 * Context: any.
 *
 * Return: false if the TSC was not demoted.
 */
bool xen_tsc_demotion(char *text, size_t size)
{
	/* Pairs with the release in xen_tsc_demote() */
	const char *reason = smp_load_acquire(&xen_tsc_demoted_reason);
	s64 skew = READ_ONCE(xen_tsc_demoted_skew);

	if (!reason)
		return false;

	if (skew)
		scnprintf(text, size, "%s by %lld ms", reason, div_s64(skew, NSEC_PER_MSEC));
	else
		scnprintf(text, size, "%s", reason);
	return true;
}

/*
 * What cannot be done with interrupts off or timekeeping suspended. Also, the timer of
 * the clocksource watchdog takes the lock of mark_tsc_unstable() with interrupts on.
 */
static void xen_tsc_work_fn(struct work_struct *work)
{
	/* A demotion after this queues the work again */
	if (xen_tsc_report())
		mark_tsc_unstable("Xen guest demotion");
}

static DECLARE_WORK(xen_tsc_work, xen_tsc_work_fn);

/**
 * xen_tsc_demote - stop using the TSC
 * @now: a sample of this CPU
 * @value: where sched_clock continues, see xen_sched_clock_use_pvclock()
 * @reason: shown to users
 * @skew: how far the TSC is off (ns), 0 if that is not the reason
 *
 * When it returns sched_clock has left the TSC, even if another CPU was first.
 *
 * Context: interrupts off, in stop_machine(), a system suspend or the timer interrupt.
 * Takes a lock.
 */
void xen_tsc_demote(const struct xen_tsc_sample *now, u64 value, const char *reason,
		    s64 skew)
{
	raw_spin_lock(&xen_tsc_lock);
	if (!xen_tsc_demoted_reason) {
		xen_sched_clock_use_pvclock(now, value);
		/* Not @value if xen_tsc_follow() was first */
		xen_tsc_demoted_at = xen_sched_clock_at(now);
		WRITE_ONCE(xen_tsc_demoted_skew, skew);
		/* Pairs with the acquire in xen_tsc_demotion() */
		smp_store_release(&xen_tsc_demoted_reason, reason);
		WRITE_ONCE(xen_tsc_leaving, true);
		WRITE_ONCE(xen_tsc_work_needed, true);
		trace_xen_tsc_demote(xen_tsc_demoted_at, skew);
	}
	raw_spin_unlock(&xen_tsc_lock);
}

/**
 * xen_tsc_queue_report - have xen_tsc_report() called soon
 *
 * Context: any.
 */
void xen_tsc_queue_report(void)
{
	WRITE_ONCE(xen_tsc_work_needed, true);
}

/*
 * A kworker and a kthread switch the clocksource. But on a TSC that was set back time
 * stands still, the tick does nothing, and a busy task would keep its CPU until the TSC
 * has caught up. Do the tick's job here. If the core has to stay on the TSC, as with
 * clocksource=tsc and without high resolution timers, give up after a while.
 */
static void xen_tsc_kick(void)
{
	if (xchg(&xen_tsc_work_needed, false))
		queue_work(system_dfl_wq, &xen_tsc_work);

	if (!READ_ONCE(xen_tsc_leaving))
		return;

	/* Or the jump counts as interrupt time, and the clock of the tasks lacks it */
	account_hardirq_enter(current);

	if (xen_clocksource_is_used() ||
	    (s64)(xen_sched_clock() - xen_tsc_demoted_at) > XEN_TSC_KICK_NS) {
		WRITE_ONCE(xen_tsc_leaving, false);
		return;
	}

	set_tsk_need_resched(current);
	set_preempt_need_resched();
}

/* Not in dom0, which sees the TSC of real CPUs across S3 */
static bool xen_tsc_can_be_watched(void)
{
	return !xen_initial_domain() && tsc_khz && !check_tsc_unstable() &&
	       xen_tsc_tolerance;
}

/*
 * A TSC that sched_clock does not use can be the clocksource, and the clocksource watchdog
 * trusts it if it has TSC_ADJUST.
 */
static bool xen_tsc_is_used(void)
{
	return xen_sched_clock_uses_tsc() ||
	       (vclock_was_used(VDSO_CLOCKMODE_TSC) && !xen_clocksource_is_used());
}

static bool xen_tsc_is_watched(void)
{
	return xen_tsc_can_be_watched() && xen_tsc_is_used() &&
	       !READ_ONCE(xen_tsc_demoted_reason);
}

/**
 * xen_tsc_watchdog_init - watch the TSC, where it is used
 * @guaranteed: expect what Xen guarantees
 *
 * Context: early boot.
 */
void __init xen_tsc_watchdog_init(bool guaranteed)
{
	xen_tsc_tolerance = guaranteed ? &xen_tsc_tight : &xen_tsc_loose;
}

/**
 * xen_sched_clock_can_use_tsc - is the TSC good enough for sched_clock?
 *
 * Context: boot, after tsc_early_init().
 *
 * Return: true if the TSC is called reliable, and will be watched.
 */
bool __init xen_sched_clock_can_use_tsc(void)
{
	/* tsc_clocksource_reliable is set from the feature after this only */
	return (tsc_clocksource_reliable || boot_cpu_has(X86_FEATURE_TSC_RELIABLE)) &&
	       xen_tsc_can_be_watched();
}

/**
 * xen_tsc_watchdog_read - read the pvclock, and keep the sample for the watchdog
 * @ns: set to the pvclock, in ns
 *
 * Context: interrupts off.
 *
 * Return: false, without a read, if the TSC is not watched.
 */
bool xen_tsc_watchdog_read(u64 *ns)
{
	struct xen_tsc_sample *sample = this_cpu_ptr(&xen_tsc_latest);

	if (!xen_tsc_is_watched())
		return false;

	xen_tsc_read_sample(sample);
	*ns = sample->pvclock;
	return true;
}

static struct xen_tsc_sample xen_tsc_get_reference(void)
{
	struct xen_tsc_sample sample;
	unsigned int seq;

	do {
		seq = raw_read_seqcount_latch(&xen_tsc_reference.seq);
		sample = xen_tsc_reference.sample[seq & 1];
	} while (raw_read_seqcount_latch_retry(&xen_tsc_reference.seq, seq));

	return sample;
}

/* Under the lock, or where no other CPU can do it */
static void xen_tsc_set_reference(const struct xen_tsc_sample *sample)
{
	s64 ahead = ktime_get_coarse_ns() - sample->pvclock;

	raw_write_seqcount_latch(&xen_tsc_reference.seq);
	xen_tsc_reference.sample[0] = *sample;
	raw_write_seqcount_latch(&xen_tsc_reference.seq);
	xen_tsc_reference.sample[1] = *sample;

	/* ktime can have followed another vCPU, or a jump that @sample is too old for */
	if (ahead < xen_tsc_ktime_ahead + XEN_TSC_AHEAD_NS / 2)
		WRITE_ONCE(xen_tsc_ktime_ahead, ahead);
}

/* What sched_clock would say at @now, if it was right at @then */
static u64 xen_tsc_continued_from(const struct xen_tsc_sample *then,
				  const struct xen_tsc_sample *now)
{
	return xen_sched_clock_at(then) + now->pvclock - then->pvclock;
}

/*
 * 1: this vCPU is further ahead than the core follows, and ktime, which all CPUs share, is
 * not. 0: it is not, or ktime has followed it, or will, as the first CPU replaces the
 * clocksource. -EAGAIN: no CPU has updated ktime since the TSC moved, so ask again.
 */
static int xen_tsc_far_ahead(const struct xen_tsc_sample *now, s64 skew)
{
	u64 *since = this_cpu_ptr(&xen_tsc_ahead_since), last = *since;
	u64 ktime = ktime_get_coarse_ns();

	if (skew < XEN_TSC_AHEAD_NS || smp_processor_id() == cpumask_first(cpu_online_mask) ||
	    (s64)(ktime - now->pvclock) - READ_ONCE(xen_tsc_ktime_ahead) > skew / 2)
		return 0;

	*since = ktime;
	return last && last != ktime ? 1 : -EAGAIN;
}

/* Either clock may be the wrong one, but the pvclock is Xen's own */
static void xen_tsc_failed(const struct xen_tsc_sample *reference,
			   const struct xen_tsc_sample *now, s64 skew)
{
	const struct xen_tsc_sample *good = this_cpu_ptr(&xen_tsc_good);
	u64 value = xen_tsc_continued_from(reference, now);
	int far_ahead = xen_tsc_far_ahead(now, skew);

	if (far_ahead < 0)
		return;

	/*
	 * Do not go backwards, neither behind this CPU's past nor behind the others: the
	 * scheduler's clocks would stand still. So a vCPU that is ahead takes all of them
	 * along, but no further than the core follows, unless ktime has followed it. Only a
	 * third CPU that is ahead by less than what is tolerated goes backwards by that.
	 */
	if (!far_ahead)
		value = max_t(s64, value, xen_sched_clock_at(now));
	/* If it is old the CPU was idle, and has not read much since */
	if (good->pvclock && now->pvclock - good->pvclock <= XEN_TSC_REFERENCE_NS)
		value = max_t(s64, value, xen_tsc_continued_from(good, now));

	xen_tsc_demote(now, value, "TSC and pvclock moved apart", skew);
}

static void xen_tsc_check(const struct xen_tsc_sample *now)
{
	struct xen_tsc_sample reference = xen_tsc_get_reference();
	s64 elapsed = now->pvclock - reference.pvclock;
	s64 skew = xen_tsc_skew(&reference, now, xen_tsc_mult(tsc_khz));

	if (reference.pvclock) {
		trace_xen_tsc_sample(now->tsc, now->pvclock, skew);
		if (!xen_tsc_skew_tolerated(skew, elapsed, xen_tsc_tolerance)) {
			xen_tsc_failed(&reference, now, skew);
			return;
		}
	}

	*this_cpu_ptr(&xen_tsc_good) = *now;
	if (reference.pvclock && elapsed <= XEN_TSC_REFERENCE_NS)
		return;

	/* A CPU that comes second compares at its next interrupt */
	raw_spin_lock(&xen_tsc_lock);
	if (xen_tsc_reference.sample[0].pvclock == reference.pvclock)
		xen_tsc_set_reference(now);
	raw_spin_unlock(&xen_tsc_lock);
}

/* Somebody else has marked the TSC unstable: sched_clock leaves it as well */
static void xen_tsc_follow(void)
{
	struct xen_tsc_sample now;

	xen_tsc_read_sample(&now);
	raw_spin_lock(&xen_tsc_lock);
	xen_sched_clock_use_pvclock(&now, xen_sched_clock_at(&now));
	raw_spin_unlock(&xen_tsc_lock);
}

/**
 * xen_tsc_watchdog - check this CPU's latest sample
 *
 * Context: Xen's timer interrupt, after the timers.
 */
void xen_tsc_watchdog(void)
{
	struct xen_tsc_sample *latest = this_cpu_ptr(&xen_tsc_latest);

	if (latest->pvclock && xen_tsc_is_watched()) {
		xen_tsc_check(latest);
		latest->pvclock = 0;
	}

	if (unlikely(check_tsc_unstable() && xen_sched_clock_uses_tsc()))
		xen_tsc_follow();

	if (unlikely(READ_ONCE(xen_tsc_work_needed) || READ_ONCE(xen_tsc_leaving)))
		xen_tsc_kick();
}

/**
 * xen_tsc_watchdog_reset - compare with this moment from now on
 *
 * Context: one CPU, interrupts off; after a suspend, over which both clocks may have
 * changed. This CPU's vcpu_info must be mapped again.
 */
void xen_tsc_watchdog_reset(void)
{
	struct xen_tsc_sample now;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		per_cpu(xen_tsc_latest, cpu).pvclock = 0;
		per_cpu(xen_tsc_good, cpu).pvclock = 0;
		per_cpu(xen_tsc_ahead_since, cpu) = 0;
	}

	/* Take any */
	xen_tsc_ktime_ahead = S64_MAX / 2;
	xen_tsc_read_sample(&now);
	xen_tsc_set_reference(&now);
}

/*
 * Let this CPU's TSC be what it has to be, by the pvclock and another CPU's TSC. Xen moves
 * TSC_ADJUST along, which idle CPUs set back once a second, unless the TSC is marked
 * unstable. So let that second begin now.
 */
static void xen_tsc_repair(const struct xen_tsc_sample *reference,
			   const struct xen_tsc_sample *now)
{
	s64 elapsed = now->pvclock - reference->pvclock;
	u64 tsc = reference->tsc + div_s64(elapsed * tsc_khz, NSEC_PER_MSEC);

	tsc_verify_tsc_adjust(true);
	wrmsr(MSR_IA32_TSC, (u32)tsc, tsc >> 32);
	/* The pvclock has to follow the TSC at once, and to forget what was read meanwhile */
	xen_refresh_vcpu_time();
	pvclock_resume();
}

/**
 * xen_tsc_check_secondary - check this CPU's TSC before anything reads it
 *
 * Xen before 4.19.5, 4.20.3 and 4.21.1 can restore a vCPU of an HVM domain with an emulated
 * TSC that is decades off. The first interrupt on such a CPU would have the timekeeping
 * core move all clocks of the guest by that much, before the TSC can be left. So demote
 * the TSC, and put it right until it is left.
 *
 * Context: stop_machine(), interrupts off; each CPU but that which has resumed the guest,
 * after it.
 */
void xen_tsc_check_secondary(void)
{
	struct pvclock_vcpu_time_info *info = &__this_cpu_read(xen_vcpu)->time;
	struct xen_tsc_sample reference = xen_tsc_get_reference();
	struct xen_tsc_sample now;
	s64 elapsed, skew;

	if (!xen_tsc_can_be_watched() || !xen_tsc_is_used())
		return;

	/* CPU 0 has demoted it, for example for its frequency, so that tsc_khz is wrong */
	if (smp_load_acquire(&xen_tsc_demoted_reason) && !READ_ONCE(xen_tsc_demoted_skew))
		return;

	/* Before Xen 4.16 it can take a moment until vcpu_info has the time */
	if (!info->tsc_to_system_mul)
		xen_refresh_vcpu_time();
	if (!info->tsc_to_system_mul)
		return;

	xen_tsc_read_sample(&now);
	elapsed = now.pvclock - reference.pvclock;
	skew = xen_tsc_skew(&reference, &now, xen_tsc_mult(tsc_khz));
	if (xen_tsc_skew_tolerated(skew, elapsed, xen_tsc_tolerance))
		return;

	xen_tsc_demote(&now, xen_tsc_continued_from(&reference, &now),
		       "the TSCs of vCPUs differ", skew);
	/* TSCs of PV guests do not differ by more than those of the host's CPUs */
	if (!xen_pv_domain() && xen_tsc_magnitude(elapsed) <= XEN_TSC_REFERENCE_NS)
		xen_tsc_repair(&reference, &now);
}
