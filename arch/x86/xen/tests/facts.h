/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts for the tests of the TSC policy, in short, and the rules that they meet */
#ifndef XEN_TSC_TEST_FACTS_H
#define XEN_TSC_TEST_FACTS_H

#include <linux/bits.h>
#include <linux/limits.h>

#include <asm/xen/cpuid.h>

#include "../tsc_policy.h"

#define KHZ	2000000U
#define PPM	(KHZ / 1000000)
#define PERCENT	(KHZ / 100)

enum {
	EMULATED	= BIT(0),
	HOST		= BIT(1),	/* the host's TSC is reliable */
	ITSC		= BIT(2),
	IMPOSTOR	= BIT(3),
	NAMED		= BIT(4),	/* on the command line */
	ALL_GOOD	= EMULATED | HOST | ITSC,
};

#define DEFAULT		XEN_CPUID_TSC_MODE_DEFAULT
#define ALWAYS		XEN_CPUID_TSC_MODE_ALWAYS_EMULATE
#define NEVER		XEN_CPUID_TSC_MODE_NEVER_EMULATE
#define PVRDTSCP	XEN_CPUID_TSC_MODE_PVRDTSCP

/* What differs between the cases */
struct short_facts {
	enum xen_tsc_domain domain;
	u16 xen_major;
	u32 largest_leaf;
	u32 mode;
	unsigned int flags;
	u32 khz;
	u32 pvclock_khz;
	u32 host_khz;
};

static inline struct xen_tsc_facts facts_of(const struct short_facts *facts)
{
	return (struct xen_tsc_facts) {
		.xen_major	= facts->xen_major,
		.impostor	= facts->flags & IMPOSTOR,
		.largest_leaf	= facts->largest_leaf,
		.emulated	= facts->flags & EMULATED,
		.host_reliable	= facts->flags & HOST,
		.mode		= facts->mode,
		.khz		= facts->khz,
		.incarnation	= 1,
		.host_khz	= facts->host_khz,
		.pvclock_khz	= facts->pvclock_khz,
		.itsc		= facts->flags & ITSC,
		.named		= facts->flags & NAMED,
		.domain		= facts->domain,
	};
}

#define PV_AT(mode, flags, leaf, pvclock)	\
	{ XEN_TSC_PV, 4, 5, mode, flags, leaf, pvclock }
#define PV(mode, flags)		PV_AT(mode, flags, KHZ, KHZ)
#define HVM(mode, flags)	{ XEN_TSC_HVM, 4, 5, mode, flags, KHZ, KHZ }
#define NO_LEAF(flags, pvclock)	{ XEN_TSC_PV, 4, 2, DEFAULT, flags, 0, pvclock }
#define OLD_XEN(flags)		{ XEN_TSC_PV, 3, 5, DEFAULT, flags, KHZ, KHZ }
/* Never emulated: the leaf of HVM guests stays as it is when the host is another */
#define HVM_ON(flags, host, pvclock)	\
	{ XEN_TSC_HVM, 4, 5, NEVER, flags, KHZ, pvclock, host }
/* The leaf of a PV dom0 has no mode, and no frequency but the host's */
#define DOM0(flags, host, pvclock)	\
	{ XEN_TSC_DOM0, 4, 5, DEFAULT, flags, 0, pvclock, host }

struct rule_case {
	const char *name;
	struct short_facts facts;
	const char *rule;
	struct {
		enum xen_tsc_verdict with_auto;
		enum xen_tsc_verdict with_on;
	} verdict;
};

#define RELIABLE	{ XEN_TSC_RELIABLE, XEN_TSC_RELIABLE }
#define UNVERIFIED	{ XEN_TSC_UNVERIFIED, XEN_TSC_RELIABLE }
#define UNSTABLE	{ XEN_TSC_UNSTABLE, XEN_TSC_RELIABLE }
#define NEVER_RELIABLE	{ XEN_TSC_UNVERIFIED, XEN_TSC_UNVERIFIED }
#define ALWAYS_UNSTABLE	{ XEN_TSC_UNSTABLE, XEN_TSC_UNSTABLE }

static const struct rule_case rule_cases[] = {
	{ "impostor", PV(DEFAULT, ALL_GOOD | IMPOSTOR), "impostor", UNVERIFIED },
	{ "impostor, never emulated", PV(NEVER, IMPOSTOR), "impostor", UNVERIFIED },
	{ "impostor, old", OLD_XEN(ALL_GOOD | IMPOSTOR), "impostor", UNVERIFIED },
	{ "impostor, 10 % apart", PV_AT(DEFAULT, IMPOSTOR, KHZ + 10 * PERCENT, KHZ),
	  "impostor", NEVER_RELIABLE },

	{ "Xen 3", OLD_XEN(ALL_GOOD), "old-xen", UNSTABLE },
	{ "Xen 3, named", OLD_XEN(NAMED), "old-xen", UNVERIFIED },
	{ "Xen 3, no time leaf", { XEN_TSC_PV, 3, 2, DEFAULT, 0, 0, KHZ },
	  "old-xen", UNSTABLE },
	{ "Xen 3, no frequency", { XEN_TSC_PV, 3, 2, DEFAULT },
	  "old-xen", ALWAYS_UNSTABLE },
	{ "Xen 5", { XEN_TSC_PV, 5, 5, DEFAULT, EMULATED, KHZ, KHZ },
	  "emulated", RELIABLE },

	{ "no Xen leaf", { XEN_TSC_PV, 4, 0, DEFAULT, 0, 0, KHZ }, "no-leaf", UNVERIFIED },
	{ "no time leaf", NO_LEAF(0, KHZ), "no-leaf", UNVERIFIED },
	{ "no time leaf, ITSC", NO_LEAF(ITSC, KHZ), "no-leaf", UNVERIFIED },
	{ "no time leaf, dom0", { XEN_TSC_DOM0, 4, 2, DEFAULT, 0, 0, KHZ },
	  "no-leaf", UNVERIFIED },
	{ "no time leaf, no frequency", NO_LEAF(0, 0), "no-leaf", NEVER_RELIABLE },
	{ "time leaf is the largest", { XEN_TSC_PV, 4, 3, DEFAULT, EMULATED, KHZ, KHZ },
	  "emulated", RELIABLE },

	{ "no frequency by leaf", PV_AT(DEFAULT, EMULATED, 0, KHZ), "frequency", UNVERIFIED },
	{ "no frequency by leaf, HVM", { XEN_TSC_HVM, 4, 5, DEFAULT, HOST, 0, KHZ },
	  "frequency", UNVERIFIED },
	{ "no frequency by pvclock", PV_AT(DEFAULT, EMULATED, KHZ, 0),
	  "frequency", NEVER_RELIABLE },
	{ "no frequency at all", PV_AT(DEFAULT, EMULATED, 0, 0),
	  "frequency", NEVER_RELIABLE },
	{ "5 % fast", PV_AT(DEFAULT, EMULATED, KHZ + 5 * PERCENT, KHZ), "emulated", RELIABLE },
	{ "5 % slow", PV_AT(DEFAULT, EMULATED, KHZ - 5 * PERCENT, KHZ), "emulated", RELIABLE },
	{ "over 5 % fast", PV_AT(DEFAULT, EMULATED, KHZ + 5 * PERCENT + 1, KHZ),
	  "frequency", NEVER_RELIABLE },
	{ "over 5 % slow", PV_AT(DEFAULT, EMULATED, KHZ - 5 * PERCENT - 1, KHZ),
	  "frequency", NEVER_RELIABLE },
	{ "10 % apart, native", PV_AT(DEFAULT, HOST, KHZ + 10 * PERCENT, KHZ),
	  "frequency", NEVER_RELIABLE },
	{ "10 % apart, invariant", PV_AT(NEVER, ITSC | HOST, KHZ - 10 * PERCENT, KHZ),
	  "frequency", NEVER_RELIABLE },
	{ "leaf has 1 kHz", PV_AT(DEFAULT, EMULATED, 1, KHZ), "frequency", NEVER_RELIABLE },
	{ "leaf is all ones", PV_AT(DEFAULT, EMULATED, U32_MAX, KHZ),
	  "frequency", NEVER_RELIABLE },
	{ "both are all ones", PV_AT(DEFAULT, EMULATED, U32_MAX, U32_MAX),
	  "emulated", RELIABLE },

	{ "emulated", PV(DEFAULT, EMULATED), "emulated", RELIABLE },
	{ "emulated, HVM", HVM(DEFAULT, EMULATED), "emulated", RELIABLE },
	{ "emulated, reliable host", PV(DEFAULT, EMULATED | HOST), "emulated", RELIABLE },
	{ "always emulated", PV(ALWAYS, EMULATED), "emulated", RELIABLE },
	{ "always emulated, HVM", HVM(ALWAYS, EMULATED), "emulated", RELIABLE },

	{ "native", PV(DEFAULT, HOST), "native", RELIABLE },
	{ "native, HVM", HVM(DEFAULT, HOST), "native", RELIABLE },
	{ "native, ITSC", PV(DEFAULT, HOST | ITSC), "native", RELIABLE },
	{ "native, dom0", DOM0(HOST, KHZ, KHZ), "native", RELIABLE },
	{ "native, dom0, no frequency by leaf", DOM0(HOST, 0, KHZ), "frequency", UNVERIFIED },
	{ "native, dom0, no frequency by pvclock", DOM0(HOST, KHZ, 0),
	  "frequency", NEVER_RELIABLE },
	{ "native, dom0, no frequency", DOM0(HOST, 0, 0), "frequency", NEVER_RELIABLE },
	{ "native, the host's frequency only", { XEN_TSC_PV, 4, 5, DEFAULT, HOST, 0, KHZ, KHZ },
	  "frequency", UNVERIFIED },
	{ "emulated, dom0, the host's frequency only", DOM0(EMULATED, KHZ, KHZ),
	  "frequency", UNVERIFIED },

	{ "unreliable host", PV(DEFAULT, 0), "unreliable-host", UNVERIFIED },
	{ "unreliable host, HVM", HVM(DEFAULT, 0), "unreliable-host", UNVERIFIED },
	{ "unreliable host, ITSC", PV(DEFAULT, ITSC), "unreliable-host", UNVERIFIED },
	{ "unreliable host, dom0", DOM0(0, KHZ, KHZ), "unreliable-host", UNVERIFIED },
	{ "unreliable host, 10 % apart", PV_AT(DEFAULT, 0, KHZ - 10 * PERCENT, KHZ),
	  "unreliable-host", NEVER_RELIABLE },
	{ "always emulated, yet native", PV(ALWAYS, 0), "unreliable-host", UNVERIFIED },
	{ "always emulated, yet native, reliable host", PV(ALWAYS, HOST | ITSC),
	  "unreliable-host", UNVERIFIED },

	{ "invariant", PV(NEVER, ITSC | HOST), "invariant", RELIABLE },
	{ "invariant, HVM", HVM(NEVER, ITSC | HOST), "invariant", RELIABLE },
	{ "invariant, unreliable host", PV(NEVER, ITSC), "invariant-unchecked", UNVERIFIED },
	{ "invariant, unreliable host, no frequency by leaf", PV_AT(NEVER, ITSC, 0, KHZ),
	  "invariant-unchecked", UNVERIFIED },

	{ "never emulated", PV(NEVER, 0), "never-emulated", UNSTABLE },
	{ "never emulated, HVM", HVM(NEVER, 0), "never-emulated", UNSTABLE },
	{ "never emulated, reliable host", PV(NEVER, HOST), "never-emulated", UNSTABLE },
	{ "never emulated, named", PV(NEVER, NAMED), "never-emulated", UNVERIFIED },
	{ "never emulated, 10 % apart", PV_AT(NEVER, 0, KHZ + 10 * PERCENT, KHZ),
	  "never-emulated", ALWAYS_UNSTABLE },
	{ "never emulated, no frequency by pvclock", PV_AT(NEVER, 0, KHZ, 0),
	  "never-emulated", ALWAYS_UNSTABLE },

	{ "PVRDTSCP", PV(PVRDTSCP, 0), "pvrdtscp", UNVERIFIED },
	{ "PVRDTSCP, all else is good", PV(PVRDTSCP, ALL_GOOD), "pvrdtscp", UNVERIFIED },
	{ "mode 4, all else is good", PV(4, ALL_GOOD), "unknown-mode", UNVERIFIED },
	{ "mode is all ones", PV(U32_MAX, 0), "unknown-mode", UNVERIFIED },
};

#endif /* XEN_TSC_TEST_FACTS_H */
