// SPDX-License-Identifier: GPL-2.0-only
/*
 * A TSC that is in use, and may have to be given up.
 *
 * A guest that has been restored or moved can find another TSC than the one it
 * has booted with.  Here it looks, and gives it up if need be.
 */
#define pr_fmt(fmt) "xen: " fmt

#include <linux/cache.h>
#include <linux/clocksource_ids.h>
#include <linux/compiler.h>
#include <linux/nmi.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/tick.h>
#include <linux/time.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include <asm/current.h>
#include <asm/tsc.h>

#include <xen/xen-ops.h>

#include <trace/events/xen_tsc.h>

#include "sched_clock.h"
#include "tsc.h"
#include "tsc_recheck.h"

/* How often the kernel has resumed, and why the TSC was given up, or NULL */
unsigned int xen_tsc_resumes;
const char *xen_tsc_demoted_why;

static char *xen_tsc_unstable_due_to;

/* Given up, but timekeeping may still count on it */
static bool xen_tsc_leaving __read_mostly;

/* The device is shut down first: one that was forced to expire is not set anew */
static void xen_tsc_set_tick_anew(void *unused)
{
	tick_suspend_local();
	tick_resume_local();
}

/*
 * The part of a demotion that cannot be done with interrupts off: the
 * clocksource watchdog's timer takes its lock with interrupts on.
 */
static void xen_tsc_demote_rest(struct work_struct *work)
{
	/* Has the core choose another clocksource, in a thread of its own */
	mark_tsc_unstable(xen_tsc_unstable_due_to);
	/* Timers may have been set by a clock that was ahead of itself */
	on_each_cpu(xen_tsc_set_tick_anew, NULL, 1);
}

static DECLARE_WORK(xen_tsc_demote_work, xen_tsc_demote_rest);

/* Returns whether this was the first call, which has done it */
static bool xen_tsc_leave(u64 value, s64 gap)
{
	static bool left;

	if (left)
		return false;
	left = true;

	/*
	 * An interrupt that the jump falls into takes the gap for its own time.
	 * The scheduler would charge tasks nothing until as much has passed, so
	 * each would keep its CPU, and no thread could change the clocksource.
	 */
	stop_sched_clock_irqtime();
	/* Nor may the scheduler charge a leap to the task that runs by chance */
	if (gap > 0)
		xen_steal_leap(gap);
	xen_sched_clock_leave_tsc(value);

	return true;
}

/**
 * xen_tsc_demote - give the TSC up
 * @value: where the scheduler clock continues, see xen_sched_clock_leave_tsc()
 * @gap: by how much the TSC has jumped (ns), 0 after a resume
 * @why: for people who ask later
 * @due_to: for the log of the core
 *
 * The scheduler clock has left the TSC when this returns, whoever has done it.
 * Timekeeping leaves it as soon as a thread can run, for the xen clocksource if
 * that is the best one that is left.  There is no way back.
 *
 * Context: interrupts off, in stop_machine() or in the timer interrupt.  This
 * CPU's vcpu_info must be mapped.  Takes a lock.
 *
 * Return: whether this was the first call, which has done it.
 */
bool xen_tsc_demote(u64 value, s64 gap, const char *why, char *due_to)
{
	static DEFINE_RAW_SPINLOCK(lock);
	bool first;

	/*
	 * A jump is noticed on all CPUs at a time.  Have the others wait, or
	 * their interrupts would go on with the clock that has jumped.
	 */
	raw_spin_lock(&lock);
	first = xen_tsc_leave(value, gap);
	raw_spin_unlock(&lock);
	if (!first)
		return false;

	trace_xen_tsc_demote(value, gap);
	WRITE_ONCE(xen_tsc_demoted_why, why);
	xen_tsc_unstable_due_to = due_to;
	WRITE_ONCE(xen_tsc_leaving, true);
	schedule_work(&xen_tsc_demote_work);

	return true;
}

/**
 * xen_tsc_hurry - see to it that timekeeping can leave the TSC
 *
 * That takes threads.  But on a TSC that was set back time stands still, and
 * with it the scheduler's tick: a busy task would keep its CPU until the TSC has
 * caught up, and for good if it has wrapped.  So be the tick, meanwhile.
 *
 * Until then the scheduler clock has to count as stable: one that is not is
 * bound to timekeeping by the core, and would stand still as well.
 *
 * Context: the timer interrupt, after the tick.
 */
void xen_tsc_hurry(void)
{
	struct system_time_snapshot snapshot;

	if (likely(!READ_ONCE(xen_tsc_leaving)))
		return;

	/* What the tick has leapt over, nobody was stuck for */
	touch_all_softlockup_watchdogs();

	ktime_get_snapshot_id(CLOCK_MONOTONIC, &snapshot);
	if (snapshot.cs_id == CSID_X86_TSC ||
	    snapshot.cs_id == CSID_X86_TSC_EARLY) {
		set_tsk_need_resched(current);
		set_preempt_need_resched();
	} else {
		WRITE_ONCE(xen_tsc_leaving, false);
		xen_sched_clock_mark_unstable();
	}
}

/**
 * xen_tsc_recheck - judge the TSC again, after a resume
 *
 * Says in one line whether the TSC is kept, and gives it up if not.
 *
 * Context: stop_machine() with interrupts off, after a suspend that was not
 * cancelled.  The vcpu_info must be mapped again, and the scheduler clock still
 * be held: it goes on with the source that is chosen here.
 */
void xen_tsc_recheck(void)
{
	struct xen_tsc_facts found = { .request = xen_tsc_promised.request };
	struct xen_tsc_judgement judgement;

	WRITE_ONCE(xen_tsc_resumes, xen_tsc_resumes + 1);

	/* Nobody uses it, or Xen was never asked as there are no Xen timers */
	if (check_tsc_unstable() || !xen_tsc_judgement.rule)
		return;

	xen_tsc_gather(&found);
	judgement = xen_tsc_judge_again(&xen_tsc_promised, &found);
	trace_xen_tsc_verdict(judgement.rule->row,
			      judgement.verdict != XEN_TSC_UNSTABLE, found.emulated,
			      judgement.khz, found.incarnation);

	if (judgement.verdict != XEN_TSC_UNSTABLE) {
		pr_info("TSC kept: %s (row %u, mode %s, %s, %u kHz, incarnation %u, Xen %u.%u)\n",
			judgement.reason, judgement.rule->row,
			xen_tsc_mode_name(found.mode),
			found.emulated ? "emulated" : "native", judgement.khz,
			found.incarnation, found.xen_major, found.xen_minor);
		return;
	}

	xen_tsc_demote(xen_sched_clock(), 0, judgement.reason,
		       "Xen not vouching for it any more");
	pr_warn("TSC given up: %s (row %u, mode %s, %s, %u kHz at boot, %u kHz now, incarnation %u, Xen %u.%u)\n",
		judgement.reason, judgement.rule->row,
		xen_tsc_mode_name(found.mode),
		found.emulated ? "emulated" : "native", tsc_khz, judgement.khz,
		found.incarnation, found.xen_major, found.xen_minor);
}
