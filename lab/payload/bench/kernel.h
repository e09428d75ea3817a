/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's clocks take from the rest of it, for a program. It costs here what it
 * costs in a kernel that has applied its alternatives and static branches: per-CPU data
 * are a segment register away, and barriers between loads are none for the CPU.
 */
#ifndef BENCH_KERNEL_H
#define BENCH_KERNEL_H

#include <linux/time64.h>
#include <linux/types.h>

typedef int8_t s8;
typedef unsigned long ulong;

/* Of the compiler */
#define SMP_CACHE_BYTES		64
#define __section(name)		ATTRIBUTE((__section__(name)))
#define noinline		ATTRIBUTE((__noinline__))
#define noinstr			noinline __section(".noinstr.text")
#define notrace
/* Apart from what is written while the clocks are read */
#define __read_mostly		__section(".data..read_mostly")
#define __ro_after_init		__read_mostly
#define likely(condition)	__builtin_expect(!!(condition), 1)
#define unlikely(condition)	__builtin_expect(!!(condition), 0)
#define barrier()		asm volatile("" : : : "memory")
#define READ_ONCE(variable)	(*(const volatile typeof(variable) *)&(variable))
#define WRITE_ONCE(variable, value) \
	(*(volatile typeof(variable) *)&(variable) = (value))
#define EXPORT_SYMBOL_GPL(symbol)

/* Of include/linux/minmax.h */
#define max_t(type, a, b)	((type)(a) > (type)(b) ? (type)(a) : (type)(b))

/* The CPU keeps loads in order, and stores */
#define rmb()			barrier()
#define smp_rmb()		barrier()
#define smp_wmb()		barrier()
#define virt_rmb()		barrier()

/* A thread for a CPU, of which it does not leave; its data are behind FS instead of GS */
#define DECLARE_PER_CPU(type, name)		extern __thread type name
#define DEFINE_PER_CPU(type, name)		__thread type name
#define DEFINE_PER_CPU_ALIGNED(type, name) \
	__thread __aligned(SMP_CACHE_BYTES) type name
#define per_cpu_ptr(pointer, cpu)		((void)(cpu), (pointer))
#define this_cpu_read(variable)			READ_ONCE(variable)
#define __this_cpu_read(variable)		(variable)
#define preempt_disable_notrace()		barrier()
#define preempt_enable_notrace()		barrier()
#define local_irq_save(flags)			((void)((flags) = 0))
#define local_irq_restore(flags)		((void)(flags))

/* Of arch/x86/include/asm/msr.h */
static __always_inline u64 rdtsc(void)
{
	unsigned long low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high));

	return low | high << 32;
}

/* RDTSC_ORDERED is what the alternatives leave of it on this CPU */
static __always_inline u64 rdtsc_ordered(void)
{
	unsigned long low, high;

	asm volatile(RDTSC_ORDERED : "=a" (low), "=d" (high) : : "ecx");

	return low | high << 32;
}

/* Of include/linux/atomic/, with a lock prefix */
typedef struct {
	s64 counter;
} atomic64_t;

#define ATOMIC64_INIT(value)		{ value }
#define atomic64_set(atomic, value)	WRITE_ONCE((atomic)->counter, value)
#define raw_atomic64_read(atomic)	READ_ONCE((atomic)->counter)
#define raw_atomic64_try_cmpxchg(atomic, old, new) \
	__atomic_compare_exchange_n(&(atomic)->counter, (s64 *)(old), new, false, \
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#define do_div(dividend, divisor)				\
	({							\
		u32 __divisor = (divisor);			\
		u32 __remainder = (dividend) % __divisor;	\
								\
		(dividend) /= __divisor;			\
		__remainder;					\
	})

typedef struct {
	unsigned int sequence;
} seqcount_t;

typedef struct {
	seqcount_t seqcount;
} seqcount_latch_t;

#define SEQCNT_LATCH_ZERO(name)	{ { 0 } }

#define kcsan_nestable_atomic_begin()	((void)0)
#define kcsan_nestable_atomic_end()	((void)0)

/* The functions of these headers that are used, from the tree */
#include "taken/include/linux/seqlock.h"
#include "taken/include/linux/math64.h"

/* The TSC is used, so that native_sched_clock() has no other branch */
#define static_branch_likely(key)	true
#define jiffies_64			0
#define INITIAL_JIFFIES			0
#define HZ				250

#define CONFIG_PARAVIRT_CLOCK		1
#include <asm/pvclock.h>

/* As big as Xen's, and with the time at its place */
struct vcpu_info {
	u8 events[32];
	struct pvclock_vcpu_time_info time;
} __aligned(SMP_CACHE_BYTES);

DECLARE_PER_CPU(struct vcpu_info *, xen_vcpu);
extern unsigned int tsc_khz;

/* What is not reached when a clock is read */
struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

#define pr_info(...)				((void)0)
#define WARN_ON(condition)			((void)(condition))
#define VDSO_CLOCKMODE_PVCLOCK			0
#define vclock_was_used(mode)			false
#define paravirt_set_sched_clock(function)	((void)0)
#define touch_softlockup_watchdog_sync()	((void)0)
#define clocksource_touch_watchdog()		((void)0)
#define rcu_cpu_stall_reset()			((void)0)
#define reset_hung_task_detector()		((void)0)
#define trace_xen_sched_clock_resume(...)	((void)0)
#define set_normalized_timespec64(time, seconds, ns) \
	(*(time) = (struct timespec64) { seconds, ns })

/* Of native_clock.c and kvm_clock.c, as these parts are static in the kernel */
u64 native_sched_clock(void);
void bench_native_init(u64 tsc);
extern u64 (*const bench_kvm_sched_clock)(void);
void bench_kvm_init(struct pvclock_vsyscall_time_info *info);

#endif /* BENCH_KERNEL_H */
