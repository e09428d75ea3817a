/* SPDX-License-Identifier: GPL-2.0-only */
/* CPUID as Xen shows it to this domain, for programs */
#ifndef XEN_CPUID_H
#define XEN_CPUID_H

#include <cpuid.h>	/* x86 only */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include <linux/types.h>

#define XEN_CPUID_FIRST		0x40000000
#define XEN_CPUID_END		0x40010000
#define XEN_CPUID_STEP		0x100

struct xen_cpuid {
	__u32 eax, ebx, ecx, edx;
};

/**
 * xen_cpuid - run CPUID
 * @prefix: ask Xen to emulate it, which PV domains need: on CPUs without CPUID faulting
 *	    plain CPUID in user space shows the host
 * @leaf: EAX
 * @subleaf: ECX
 *
 * In other domains the prefix is an invalid instruction, and CPUID always traps.
 *
 * Return: what CPUID returns.
 */
static inline struct xen_cpuid xen_cpuid(bool prefix, __u32 leaf, __u32 subleaf)
{
	struct xen_cpuid regs;

	if (prefix)
		asm volatile("ud2a; .ascii \"xen\"; cpuid"
			     : "=a" (regs.eax), "=b" (regs.ebx),
			       "=c" (regs.ecx), "=d" (regs.edx)
			     : "0" (leaf), "2" (subleaf));
	else
		__cpuid_count(leaf, subleaf, regs.eax, regs.ebx, regs.ecx,
			      regs.edx);

	return regs;
}

static sigjmp_buf xen_cpuid_no_prefix;

static inline void xen_cpuid_on_illegal(int number)
{
	(void)number;
	siglongjmp(xen_cpuid_no_prefix, 1);
}

/**
 * xen_cpuid_prefix_works - is this a PV domain?
 *
 * Not every kernel says so. So try the prefix.
 *
 * Return: whether CPUID with Xen's prefix is a valid instruction.
 */
static inline bool xen_cpuid_prefix_works(void)
{
	struct sigaction action = { .sa_handler = xen_cpuid_on_illegal }, before;
	bool works;

	sigemptyset(&action.sa_mask);
	sigaction(SIGILL, &action, &before);
	if (sigsetjmp(xen_cpuid_no_prefix, 1)) {
		works = false;
	} else {
		xen_cpuid(true, XEN_CPUID_FIRST, 0);
		works = true;
	}
	sigaction(SIGILL, &before, NULL);

	return works;
}

/* Is this the first Xen leaf? As the kernel does, expect two more after it. */
static inline bool xen_cpuid_is_base(__u32 leaf, struct xen_cpuid regs)
{
	const __u32 name[] = { regs.ebx, regs.ecx, regs.edx };

	return !memcmp(name, "XenVMMXenVMM", sizeof(name)) &&
	       regs.eax - leaf >= 2;
}

/**
 * xen_cpuid_base - get the first Xen leaf
 * @prefix: see xen_cpuid()
 *
 * Return: the leaf, 0 if there is none.
 */
static inline __u32 xen_cpuid_base(bool prefix)
{
	__u32 leaf;

	for (leaf = XEN_CPUID_FIRST; leaf < XEN_CPUID_END; leaf += XEN_CPUID_STEP)
		if (xen_cpuid_is_base(leaf, xen_cpuid(prefix, leaf, 0)))
			return leaf;

	return 0;
}

#endif
