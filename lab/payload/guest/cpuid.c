// SPDX-License-Identifier: GPL-2.0-only
/* CPUID as Xen wants this guest to see it */
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "xen_cpuid.h"

static bool is_pv;
static __u32 base;

void cpuid_init(void)
{
	is_pv = xen_cpuid_prefix_works();
	base = xen_cpuid_base(is_pv);
	if (!base)
		die("no Xen CPUID leaves");
}

__u32 xen_leaf_base(void)
{
	return base;
}

__u32 xen_leaf_max(void)
{
	return xen_cpuid(is_pv, base, 0).eax;
}

void read_time_leaf(struct time_leaf *leaf)
{
	struct xen_cpuid regs = xen_cpuid(is_pv, base + 3, 0);

	*leaf = (struct time_leaf){
		.flags		= regs.eax,
		.mode		= regs.ebx,
		.khz		= regs.ecx,
		.incarnation	= regs.edx,
	};
}

/* Frequency of the host's TSC, by subleaf 2 of the time leaf */
__u32 host_khz(void)
{
	return xen_cpuid(is_pv, base + 3, 2).eax;
}

bool itsc_visible(void)
{
	if (xen_cpuid(is_pv, 0x80000000, 0).eax < 0x80000007)
		return false;

	return xen_cpuid(is_pv, 0x80000007, 0).edx & (1u << 8);
}
