// SPDX-License-Identifier: GPL-2.0-only
/* kvm_sched_clock_read(), without the rest of arch/x86/kernel/kvmclock.c */
#include <asm/kvmclock.h>

#include "taken/arch/x86/kernel/kvmclock.c"

u64 (*const bench_kvm_sched_clock)(void) = kvm_sched_clock_read;

/* The page of this thread's CPU */
void bench_kvm_init(struct pvclock_vsyscall_time_info *info)
{
	hv_clock_per_cpu = info;
}
