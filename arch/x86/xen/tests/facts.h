/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts for the tests of the TSC policy, in short, and the rows they meet */
#ifndef XEN_TSC_TEST_FACTS_H
#define XEN_TSC_TEST_FACTS_H

#include <linux/bits.h>
#include <linux/limits.h>

#include <asm/xen/cpuid.h>

#include "../tsc_policy.h"

#define KHZ	2000000
#define PPM	(KHZ / 1000000)

enum {
	EMULATED	= BIT(0),
	HOST		= BIT(1),	/* the host's TSC is reliable */
	ITSC		= BIT(2),
	ALL		= EMULATED | HOST | ITSC,
};

#define DEFAULT		XEN_CPUID_TSC_MODE_DEFAULT
#define ALWAYS		XEN_CPUID_TSC_MODE_ALWAYS_EMULATE
#define NEVER		XEN_CPUID_TSC_MODE_NEVER_EMULATE
#define PVRDTSCP	XEN_CPUID_TSC_MODE_PVRDTSCP

/* What differs between the cases, and how the facts follow from it */
struct short_facts {
	enum xen_tsc_domain domain;
	u16 xen_major;
	u32 largest_leaf;
	u32 mode;
	unsigned int flags;
	u32 khz;
	u32 pvclock_khz;
};

static inline struct xen_tsc_facts facts_of(const struct short_facts *facts,
					    enum xen_tsc_request request)
{
	return (struct xen_tsc_facts) {
		.xen_major = facts->xen_major,
		.largest_leaf = facts->largest_leaf,
		.emulated = facts->flags & EMULATED,
		.host_reliable = facts->flags & HOST,
		.mode = facts->mode,
		.khz = facts->khz,
		.pvclock_khz = facts->pvclock_khz,
		.itsc = facts->flags & ITSC,
		.domain = facts->domain,
		.request = request,
	};
}

#define XEN(major, leaf)	{ XEN_TSC_PV, major, leaf, DEFAULT, EMULATED, KHZ, KHZ }
#define RATE(leaf, pvclock)	{ XEN_TSC_PV, 4, 5, DEFAULT, EMULATED, leaf, pvclock }
#define PV(mode, flags)		{ XEN_TSC_PV, 4, 5, mode, flags, KHZ, KHZ }
#define HVM(mode, flags)	{ XEN_TSC_HVM, 4, 5, mode, flags, KHZ, KHZ }
/* A PV dom0's time leaf has no mode and no rate */
#define DOM0(leaf, flags)	{ XEN_TSC_DOM0, 4, leaf, DEFAULT, flags, 0, KHZ }

struct row_case {
	const char *name;
	struct short_facts facts;
	unsigned int row;
	enum xen_tsc_verdict verdict;
};

static const struct row_case row_cases[] = {
	{ "Xen before 4.0", XEN(3, 5), 1, XEN_TSC_UNSTABLE },
	{ "Xen before 4.0, no time leaf", XEN(3, 2), 1, XEN_TSC_UNSTABLE },
	{ "Xen 4", XEN(4, 5), 4, XEN_TSC_RELIABLE },
	{ "Xen 5", XEN(5, 5), 4, XEN_TSC_RELIABLE },
	{ "no Xen leaf", XEN(4, 0), 2, XEN_TSC_UNVERIFIED },
	{ "time leaf clamped away", XEN(4, 2), 2, XEN_TSC_UNVERIFIED },
	{ "time leaf clamped away, dom0", DOM0(2, HOST), 2, XEN_TSC_UNVERIFIED },
	{ "time leaf is the largest", XEN(4, 3), 4, XEN_TSC_RELIABLE },
	{ "no rate", RATE(0, KHZ), 3, XEN_TSC_UNVERIFIED },
	{ "no rate anywhere", RATE(0, 0), 3, XEN_TSC_UNVERIFIED },
	{ "no rate from the pvclock", RATE(KHZ, 0), 3, XEN_TSC_UNVERIFIED },
	{ "no rate, HVM", { XEN_TSC_HVM, 4, 5, DEFAULT, EMULATED, 0, KHZ },
	  3, XEN_TSC_UNVERIFIED },
	{ "no rate, never emulated", { XEN_TSC_PV, 4, 5, NEVER, 0, 0, KHZ },
	  3, XEN_TSC_UNVERIFIED },
	{ "500 ppm fast", RATE(KHZ + 500 * PPM, KHZ), 4, XEN_TSC_RELIABLE },
	{ "500 ppm slow", RATE(KHZ - 500 * PPM, KHZ), 4, XEN_TSC_RELIABLE },
	{ "over 500 ppm fast", RATE(KHZ + 500 * PPM + 1, KHZ), 3, XEN_TSC_UNVERIFIED },
	{ "over 500 ppm slow", RATE(KHZ - 500 * PPM - 1, KHZ), 3, XEN_TSC_UNVERIFIED },
	{ "rate all ones", RATE(U32_MAX, KHZ), 3, XEN_TSC_UNVERIFIED },
	{ "both rates all ones", RATE(U32_MAX, U32_MAX), 4, XEN_TSC_RELIABLE },
	{ "default, emulated", PV(DEFAULT, EMULATED), 4, XEN_TSC_RELIABLE },
	{ "default, emulated, host reliable", PV(DEFAULT, EMULATED | HOST), 4, XEN_TSC_RELIABLE },
	{ "default, emulated, HVM", HVM(DEFAULT, EMULATED), 4, XEN_TSC_RELIABLE },
	{ "always emulated", PV(ALWAYS, EMULATED), 4, XEN_TSC_RELIABLE },
	{ "default, native, host reliable", PV(DEFAULT, HOST), 5, XEN_TSC_RELIABLE },
	{ "default, native, host reliable, HVM", HVM(DEFAULT, HOST), 5, XEN_TSC_RELIABLE },
	{ "dom0, host reliable", DOM0(5, HOST), 5, XEN_TSC_RELIABLE },
	{ "dom0", DOM0(5, 0), 6, XEN_TSC_UNVERIFIED },
	{ "default, native", PV(DEFAULT, 0), 6, XEN_TSC_UNVERIFIED },
	{ "default, native, ITSC", PV(DEFAULT, ITSC), 6, XEN_TSC_UNVERIFIED },
	{ "always emulated, yet native", PV(ALWAYS, 0), 6, XEN_TSC_UNVERIFIED },
	{ "always emulated, yet native, host reliable", PV(ALWAYS, HOST | ITSC),
	  6, XEN_TSC_UNVERIFIED },
	{ "never emulated, ITSC, host reliable", PV(NEVER, ITSC | HOST), 7, XEN_TSC_RELIABLE },
	{ "never emulated", PV(NEVER, 0), 8, XEN_TSC_UNSTABLE },
	{ "never emulated, ITSC", PV(NEVER, ITSC), 8, XEN_TSC_UNSTABLE },
	{ "never emulated, host reliable", PV(NEVER, HOST), 8, XEN_TSC_UNSTABLE },
	{ "PVRDTSCP", PV(PVRDTSCP, 0), 9, XEN_TSC_UNSTABLE },
	{ "PVRDTSCP, all else is well", PV(PVRDTSCP, ALL), 9, XEN_TSC_UNSTABLE },
	{ "mode 4, all else is well", PV(4, ALL), 10, XEN_TSC_UNVERIFIED },
	{ "mode all ones", PV(U32_MAX, 0), 10, XEN_TSC_UNVERIFIED },
};

#endif /* XEN_TSC_TEST_FACTS_H */
