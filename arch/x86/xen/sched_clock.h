/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_SCHED_CLOCK_H
#define XEN_SCHED_CLOCK_H

#include <linux/init.h>
#include <linux/types.h>

#include "tsc_skew.h"

enum xen_sched_clock_source {
	XEN_SCHED_CLOCK_FROZEN,		/* does not move */
	XEN_SCHED_CLOCK_PVCLOCK,
	XEN_SCHED_CLOCK_TSC,
};

/**
 * struct xen_sched_clock_data - what a read of sched_clock needs
 * @source: what is read
 * @mult: ns per cycle of the TSC, see xen_tsc_mult()
 * @offset: subtracted from what @source counts, in ns
 */
struct xen_sched_clock_data {
	enum xen_sched_clock_source source;
	u64 mult;
	u64 offset;
};

/**
 * xen_sched_clock_value - get what sched_clock says at a moment
 * @data: the source and its offset
 * @now: the moment
 *
 * Context: any; pure.
 *
 * Return: ns.
 */
static inline u64 xen_sched_clock_value(const struct xen_sched_clock_data *data,
					const struct xen_tsc_sample *now)
{
	u64 count = 0;

	if (data->source == XEN_SCHED_CLOCK_TSC)
		count = xen_tsc_to_ns(now->tsc, data->mult);
	else if (data->source == XEN_SCHED_CLOCK_PVCLOCK)
		count = now->pvclock;

	return count - data->offset;
}

/**
 * xen_sched_clock_continue - continue on a source
 * @data: set such that the clock says @value at @now; @data->mult must be set
 * @source: what to read from now on
 * @now: one moment by both sources, so that no time passes between reads of the two; not
 *	 used if @source is frozen
 * @value: in ns
 *
 * Context: any; pure.
 */
static inline void xen_sched_clock_continue(struct xen_sched_clock_data *data,
					    enum xen_sched_clock_source source,
					    const struct xen_tsc_sample *now, u64 value)
{
	data->source = source;
	data->offset = 0;
	data->offset = xen_sched_clock_value(data, now) - value;
}

u64 xen_sched_clock(void);
u64 xen_sched_clock_pvclock(void);
void xen_tsc_read_sample(struct xen_tsc_sample *sample);
u64 xen_sched_clock_at(const struct xen_tsc_sample *now);

void __init xen_sched_clock_init(void);
void __init xen_sched_clock_use_tsc(void);
bool xen_sched_clock_uses_tsc(void);
void xen_sched_clock_use_pvclock(const struct xen_tsc_sample *now, u64 value);
void xen_sched_clock_suspend(void);
void xen_sched_clock_resume(void);

#endif /* XEN_SCHED_CLOCK_H */
