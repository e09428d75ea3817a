// SPDX-License-Identifier: GPL-2.0-only
/* native_sched_clock() and what it needs, without the rest of arch/x86/kernel/tsc.c */
#include "taken/arch/x86/include/asm/timer.h"
#include "taken/kernel/time/clocksource.c"
#include "taken/arch/x86/kernel/tsc.c"

/* For the CPU of this thread, as the kernel does it for each */
void bench_native_init(u64 tsc)
{
	__set_cyc2ns_scale(tsc_khz, 0, tsc);
}
