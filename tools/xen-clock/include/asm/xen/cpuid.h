/* SPDX-License-Identifier: GPL-2.0-only */
/* Xen's time leaf, as in Xen's public header of this name */
#ifndef XEN_CLOCK_CPUID_H
#define XEN_CLOCK_CPUID_H

#include <linux/bits.h>

#define XEN_CPUID_TSC_EMULATED			BIT(0)
#define XEN_CPUID_HOST_TSC_RELIABLE		BIT(1)

#define XEN_CPUID_TSC_MODE_DEFAULT		0
#define XEN_CPUID_TSC_MODE_ALWAYS_EMULATE	1u
#define XEN_CPUID_TSC_MODE_NEVER_EMULATE	2u
#define XEN_CPUID_TSC_MODE_PVRDTSCP		3u

#endif
