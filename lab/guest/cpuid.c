// SPDX-License-Identifier: GPL-2.0-only
/* CPUID as Xen wants this guest to see it */
#include <cpuid.h>
#include <stdio.h>
#include <string.h>

#include "witness.h"

static bool is_pv;
static __u32 base;

/*
 * Plain CPUID in a PV guest's user space shows the host; the prefix asks Xen
 * to emulate it.  In the other kinds of guest the prefix is an invalid
 * instruction, and CPUID always traps.
 */
static void xen_cpuid(__u32 leaf, __u32 subleaf, __u32 regs[4])
{
	if (is_pv)
		asm volatile("ud2a; .ascii \"xen\"; cpuid"
			     : "=a" (regs[0]), "=b" (regs[1]),
			       "=c" (regs[2]), "=d" (regs[3])
			     : "0" (leaf), "2" (subleaf));
	else
		__cpuid_count(leaf, subleaf, regs[0], regs[1], regs[2], regs[3]);
}

void cpuid_init(void)
{
	__u32 regs[4], leaf;
	char type[16];

	is_pv = read_line("/sys/hypervisor/guest_type", type, sizeof(type)) &&
		!strcmp(type, "PV");

	for (leaf = 0x40000000; leaf < 0x40010000; leaf += 0x100) {
		xen_cpuid(leaf, 0, regs);
		if (!memcmp(&regs[1], "XenVMMXenVMM", 12)) {
			base = leaf;
			return;
		}
	}
	die("no Xen CPUID leaves");
}

__u32 xen_leaf_base(void)
{
	return base;
}

__u32 xen_leaf_max(void)
{
	__u32 regs[4];

	xen_cpuid(base, 0, regs);
	return regs[0];
}

void read_time_leaf(struct time_leaf *leaf)
{
	__u32 regs[4];

	xen_cpuid(base + 3, 0, regs);
	*leaf = (struct time_leaf){
		.flags		= regs[0],
		.mode		= regs[1],
		.khz		= regs[2],
		.incarnation	= regs[3],
	};
}

bool itsc_visible(void)
{
	__u32 regs[4];

	xen_cpuid(0x80000000, 0, regs);
	if (regs[0] < 0x80000007)
		return false;
	xen_cpuid(0x80000007, 0, regs);
	return regs[3] & (1u << 8);
}
