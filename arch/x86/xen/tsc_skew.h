/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arithmetic on samples of the TSC and the pvclock.
 *
 * No clock is read here, so that every pair of samples can be tested.
 */
#ifndef XEN_TSC_SKEW_H
#define XEN_TSC_SKEW_H

#include <linux/math64.h>
#include <linux/time64.h>
#include <linux/types.h>

/* Fraction bits of the factor from cycles to ns */
#define XEN_TSC_MULT_SHIFT	32

/**
 * struct xen_tsc_sample - one moment, by two clocks
 * @tsc: the TSC, in cycles
 * @pvclock: the pvclock at that value of the TSC, in ns; 0 if there is no sample
 */
struct xen_tsc_sample {
	u64 tsc;
	u64 pvclock;
};

/**
 * struct xen_tsc_tolerance - by how much TSC and pvclock may differ
 * @ns: at any time, in ns
 * @drift_shift: and by 1/2^@drift_shift of the time between two samples
 */
struct xen_tsc_tolerance {
	u64 ns;
	unsigned int drift_shift;
};

/*
 * Where only the administrator calls the TSC reliable the host may have no constant
 * TSC. There Xen rescales the pvclock every second, by up to 500 ppm and more, and
 * half a second is far below what a suspended host makes of it.
 */
static const struct xen_tsc_tolerance xen_tsc_loose __maybe_unused = {
	.ns		= NSEC_PER_SEC / 2,
	.drift_shift	= 10,
};

/*
 * Where Xen guarantees the TSC it does not rescale the pvclock, or computes both from
 * its own time. What remains is the skew between pCPUs, of microseconds, and a guest
 * that was moved to a host whose frequency differs by up to XEN_TSC_CHANGE_PPM.
 */
static const struct xen_tsc_tolerance xen_tsc_tight __maybe_unused = {
	.ns		= 10 * NSEC_PER_MSEC,
	.drift_shift	= 13,
};

/**
 * xen_tsc_mult - get the factor from cycles to ns
 * @khz: frequency of the TSC in kHz, not 0
 *
 * Context: any; pure.
 *
 * Return: ns per cycle, shifted by XEN_TSC_MULT_SHIFT. It is rounded down by less
 * than one part in 10^9 up to 4 GHz.
 */
static inline u64 xen_tsc_mult(u32 khz)
{
	return div_u64((u64)NSEC_PER_MSEC << XEN_TSC_MULT_SHIFT, khz);
}

/**
 * xen_tsc_to_ns - convert cycles to ns
 * @cycles: a value of the TSC, or a difference of two, taken as signed
 * @mult: see xen_tsc_mult()
 *
 * A TSC that was set back to before 0 has a value close to 2^64. As a signed number
 * it makes the result go backwards, where an unsigned one would make it jump forward
 * by centuries, and the scheduler's clocks cannot go back after that.
 *
 * The result is exact modulo 2^64 for 2^63 cycles in either direction: 127 years at
 * 2.3 GHz.
 *
 * Context: any, noinstr code included; pure.
 *
 * Return: ns.
 */
static __always_inline u64 xen_tsc_to_ns(u64 cycles, u64 mult)
{
#ifdef __SIZEOF_INT128__
	return (u64)(((__int128)(s64)cycles * (s64)mult) >> XEN_TSC_MULT_SHIFT);
#else
	return mul_s64_u64_shr((s64)cycles, mult, XEN_TSC_MULT_SHIFT);
#endif
}

/**
 * xen_tsc_skew - get how much further the TSC has moved than the pvclock
 * @from: a sample
 * @to: another one, of any CPU
 * @mult: see xen_tsc_mult()
 *
 * Context: any; pure.
 *
 * Return: ns, negative if the TSC has moved less, or backwards. From 1 GHz on, a skew of
 * more than 146 years is returned as some other skew of more than 146 years, as long as
 * the pvclock has moved by less than that.
 */
static inline s64 xen_tsc_skew(const struct xen_tsc_sample *from,
			       const struct xen_tsc_sample *to, u64 mult)
{
	return xen_tsc_to_ns(to->tsc - from->tsc, mult) - (to->pvclock - from->pvclock);
}

static inline u64 xen_tsc_magnitude(s64 value)
{
	return value < 0 ? -(u64)value : (u64)value;
}

/**
 * xen_tsc_skew_tolerated - can drift explain a skew?
 * @skew: in ns, see xen_tsc_skew()
 * @elapsed: between the two samples, by the pvclock, in ns
 * @tolerance: what is tolerated
 *
 * Context: any; pure.
 *
 * Return: true if @skew is at most what @tolerance says.
 */
static inline bool xen_tsc_skew_tolerated(s64 skew, s64 elapsed,
					  const struct xen_tsc_tolerance *tolerance)
{
	u64 drift = xen_tsc_magnitude(elapsed) >> tolerance->drift_shift;

	return xen_tsc_magnitude(skew) <= tolerance->ns + drift;
}

#endif /* XEN_TSC_SKEW_H */
