// SPDX-License-Identifier: GPL-2.0-only
/*
 * Has the TSC jumped?
 *
 * Looks at TSC and pvclock in, answer out: no clock is read here and nothing is
 * printed, so that every pair of looks can be tried by tests.
 */
#include <linux/bits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>
#include <linux/types.h>

#include "tsc_watch.h"

/*
 * The gap that is tolerated.  A host that sleeps makes one of seconds.  Xen
 * moves the pvclock by what it finds its CPUs to be off by, which is next to
 * nothing but on a host that is itself held up, as under emulation.  A smaller
 * jump back than this lets the clocks stand still for as long and no longer.
 */
#define XEN_TSC_GAP_NS		(NSEC_PER_SEC / 2)
/* And what two clocks may drift apart in the time from look to look: 977 ppm */
#define XEN_TSC_DRIFT_SHIFT	10

/*
 * How long progress adds up, so that a rate that is off by some percent makes a
 * gap, but one that is off by what the tolerance for rates allows does not.
 */
#define XEN_TSC_WINDOW_NS	(10LL * NSEC_PER_SEC)

/* More progress than that (24 days) is as good as that: its ns fit in 52 bits */
#define XEN_TSC_PROGRESS_MS	BIT(31)
#define XEN_TSC_PROGRESS_NS	((u64)XEN_TSC_PROGRESS_MS * NSEC_PER_MSEC)

static u64 xen_tsc_magnitude(s64 value)
{
	return value < 0 ? -(u64)value : value;
}

static s64 xen_tsc_cycles_to_ns(s64 cycles, u32 khz)
{
	u64 limit = (u64)khz * XEN_TSC_PROGRESS_MS;
	s64 ns = mul_u64_u32_div(min(xen_tsc_magnitude(cycles), limit),
				 NSEC_PER_MSEC, khz);

	return cycles < 0 ? -ns : ns;
}

/**
 * xen_tsc_gap - how much further than the pvclock the TSC has moved
 * @from: one look
 * @to: a later look on the same vCPU, be it on another physical CPU
 * @khz: the rate of the TSC, not 0
 *
 * Both clocks may wrap.
 *
 * Context: any; pure.
 *
 * Return: ns, negative if the TSC has moved less or back.  The progress of each
 * counts as 24 days at most.
 */
s64 xen_tsc_gap(const struct xen_tsc_look *from, const struct xen_tsc_look *to,
		u32 khz)
{
	s64 progress = to->pvclock - from->pvclock;

	progress = clamp(progress, -(s64)XEN_TSC_PROGRESS_NS,
			 (s64)XEN_TSC_PROGRESS_NS);

	return xen_tsc_cycles_to_ns(to->tsc - from->tsc, khz) - progress;
}

/**
 * xen_tsc_watch - take in another look
 * @watch: what is remembered of this vCPU's clocks, zero at first
 * @look: a look, later than the others
 * @khz: the rate of the TSC
 * @gap: where to put the gap in ns, see xen_tsc_gap(); 0 at the first look
 *
 * Context: any; pure.
 *
 * Return: true if drift can explain the gap.  Else @watch is left as it was.
 */
bool xen_tsc_watch(struct xen_tsc_watch *watch, const struct xen_tsc_look *look,
		   u32 khz, s64 *gap)
{
	s64 elapsed;

	*gap = 0;
	if (!khz)
		return true;

	if (!watch->armed) {
		watch->first = *look;
		watch->last = *look;
		watch->armed = true;
		return true;
	}

	*gap = xen_tsc_gap(&watch->first, look, khz);
	elapsed = look->pvclock - watch->first.pvclock;
	if (elapsed < 0)
		elapsed = 0;
	if (xen_tsc_magnitude(*gap) >
	    XEN_TSC_GAP_NS + (elapsed >> XEN_TSC_DRIFT_SHIFT))
		return false;

	watch->last = *look;
	if (elapsed > XEN_TSC_WINDOW_NS)
		watch->first = *look;

	return true;
}
