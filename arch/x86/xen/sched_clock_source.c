// SPDX-License-Identifier: GPL-2.0-only
/*
 * What changes the source of the scheduler clock.
 *
 * Choosing another source and carrying on after a suspend are the same
 * operation: take the source, and set the offset such that the clock continues
 * at the value it had.  Here is no hardware, so that it can be tested.
 */
#include <linux/compiler.h>
#include <linux/math64.h>
#include <linux/time64.h>

#include <asm/barrier.h>

#include "sched_clock_source.h"

/**
 * xen_sched_clock_mult - the factor for a TSC
 * @khz: its rate
 *
 * Context: any.
 *
 * Return: ns per cycle, shifted by XEN_SCHED_CLOCK_SHIFT.  It is rounded, by less
 * than one part in 10^9 up to 4 GHz.
 */
u64 xen_sched_clock_mult(u32 khz)
{
	return div_u64((u64)NSEC_PER_MSEC << XEN_SCHED_CLOCK_SHIFT, khz);
}

/**
 * xen_sched_clock_now - read the clock, where speed does not matter
 * @clock: the clock
 *
 * Context: any in which @clock->read() may be called.
 *
 * Return: ns.
 */
u64 xen_sched_clock_now(const struct xen_sched_clock *clock)
{
	const struct xen_sched_clock_data *data = READ_ONCE(clock->active);

	return xen_sched_clock_value(data, clock->read(data->source));
}

/* The time between the taking of @value and the read here is lost */
static void xen_sched_clock_switch(struct xen_sched_clock *clock,
				   enum xen_sched_clock_source source, u64 value)
{
	struct xen_sched_clock_data *next;

	next = &clock->slots[(clock->active - clock->slots + 1) % XEN_SCHED_CLOCK_SLOTS];
	next->source = source;
	next->mult = clock->mult;
	next->offset = 0;
	next->offset = xen_sched_clock_value(next, clock->read(source)) - value;
	/* Pairs with the READ_ONCE() and its dependent loads in the readers */
	smp_store_release(&clock->active, next);
}

/**
 * xen_sched_clock_choose - read another source from now on
 * @clock: the clock
 * @source: the source
 * @value: where to continue, in ns, unless the clock is held: then it continues
 *	   from there, when it is released
 *
 * The time between the caller's taking of @value and the switch is lost, so the
 * clock may stand still for a moment.  It does not step back, but for a CPU that
 * reads it within that moment.
 *
 * Context: any in which @clock->read() may be called.
 */
void xen_sched_clock_choose(struct xen_sched_clock *clock,
			    enum xen_sched_clock_source source, u64 value)
{
	clock->source = source;
	if (clock->active->source != XEN_SCHED_CLOCK_HELD)
		xen_sched_clock_switch(clock, source, value);
}

/**
 * xen_sched_clock_hold - let the clock stand still
 * @clock: the clock
 * @ahead: of now, in ns
 *
 * One that stands still already stays where it is: a way to sleep may lie
 * within another one.
 *
 * Context: any in which @clock->read() may be called.
 */
void xen_sched_clock_hold(struct xen_sched_clock *clock, u64 ahead)
{
	if (clock->active->source != XEN_SCHED_CLOCK_HELD)
		xen_sched_clock_switch(clock, XEN_SCHED_CLOCK_HELD,
				       xen_sched_clock_now(clock) + ahead);
}

/**
 * xen_sched_clock_release - go on from where the clock stands still
 * @clock: the clock
 *
 * Does nothing to a clock that runs.
 *
 * Context: any in which @clock->read() may be called.
 */
void xen_sched_clock_release(struct xen_sched_clock *clock)
{
	if (clock->active->source == XEN_SCHED_CLOCK_HELD)
		xen_sched_clock_switch(clock, clock->source,
				       xen_sched_clock_now(clock));
}
