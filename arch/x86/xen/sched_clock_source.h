/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_SCHED_CLOCK_SOURCE_H
#define XEN_SCHED_CLOCK_SOURCE_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/math64.h>
#include <linux/types.h>

/* Of the factor from cycles to ns */
#define XEN_SCHED_CLOCK_SHIFT	32

/*
 * A TSC that is set back further than it has come wraps.  With so many cycles
 * added it does not: the clock steps back then, which the scheduler can stand,
 * where a leap of centuries would stop its own clocks, which never step back.
 */
#define XEN_SCHED_CLOCK_WRAP	BIT_ULL(62)

enum xen_sched_clock_source {
	XEN_SCHED_CLOCK_HELD,		/* stands still at zero */
	XEN_SCHED_CLOCK_PVCLOCK,	/* counts ns */
	XEN_SCHED_CLOCK_TSC,		/* counts cycles */
};

/**
 * struct xen_sched_clock_data - what a read of the scheduler clock needs
 * @source: what is read
 * @mult: ns per cycle, shifted by XEN_SCHED_CLOCK_SHIFT; for the TSC only
 * @offset: subtracted from what @source says, in ns
 */
struct xen_sched_clock_data {
	enum xen_sched_clock_source source;
	u64 mult;
	u64 offset;
};

/*
 * A read takes all it needs through one pointer, so that it sees what belongs
 * together even in an NMI that hits the middle of a switch.  A switch fills the
 * next slot in turn.  A reader must not see its slot filled anew, however long
 * its vCPU was not running.  With so many slots it does not: after boot there
 * are three switches at most outside of stop_machine(), which waits for readers.
 * The TSC is left once, and the hand-over to an unstable clock, which comes
 * once, has two.
 */
#define XEN_SCHED_CLOCK_SLOTS	4

/**
 * struct xen_sched_clock - a clock that can change its source
 * @active: what reads use now
 * @slots: @active points to one of these
 * @source: what is read whenever the clock is not held
 * @mult: of the TSC, see struct xen_sched_clock_data
 * @read: what a source counts now, in its own unit; 0 for the held one
 *
 * Reads need @active only.  Whoever calls the functions below sees to it that
 * there is one call at a time.
 */
struct xen_sched_clock {
	const struct xen_sched_clock_data *active;
	struct xen_sched_clock_data slots[XEN_SCHED_CLOCK_SLOTS];
	enum xen_sched_clock_source source;
	u64 mult;
	u64 (*read)(enum xen_sched_clock_source source);
};

/**
 * xen_sched_clock_value - what the clock says
 * @data: source and offset
 * @count: what the source counts
 *
 * Context: any, noinstr code included.
 *
 * Return: ns.
 */
static __always_inline u64
xen_sched_clock_value(const struct xen_sched_clock_data *data, u64 count)
{
	if (data->source == XEN_SCHED_CLOCK_TSC)
		count = mul_u64_u64_shr(count + XEN_SCHED_CLOCK_WRAP, data->mult,
					XEN_SCHED_CLOCK_SHIFT);

	return count - data->offset;
}

u64 xen_sched_clock_mult(u32 khz);
u64 xen_sched_clock_now(const struct xen_sched_clock *clock);
void xen_sched_clock_choose(struct xen_sched_clock *clock,
			    enum xen_sched_clock_source source, u64 value);
void xen_sched_clock_hold(struct xen_sched_clock *clock, u64 ahead);
void xen_sched_clock_release(struct xen_sched_clock *clock);

#endif /* XEN_SCHED_CLOCK_SOURCE_H */
