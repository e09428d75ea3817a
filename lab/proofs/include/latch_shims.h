/* SPDX-License-Identifier: GPL-2.0-only */
/* What sched_clock.c takes from the kernel, as far as the proofs need it */
#ifndef XEN_LATCH_SHIMS_H
#define XEN_LATCH_SHIMS_H

#include <linux/types.h>

#define noinstr
#define noinline
#define __read_mostly
#define unlikely(condition)	(condition)
#define smp_wmb()
#define max_t(type, a, b)	((type)(a) > (type)(b) ? (type)(a) : (type)(b))
#define READ_ONCE(variable)		(variable)
#define WRITE_ONCE(variable, value)	(store_hook(), (variable) = (value))
#define pr_info(...)		((void)0)
#define __this_cpu_read(variable)	(variable)
#define local_irq_save(flags)	((void)((flags) = 0))
#define local_irq_restore(flags)	((void)(flags))
#define trace_xen_sched_clock_resume(...)	((void)0)

/* Before a load from the latch, and beside a store: the other side can do something */
static void hook(void);
static void store_hook(void);

/*
 * include/linux/seqlock.h, but that the sequence has 64 bits, so that each number occurs
 * once. The code under proof gets the 32 that the kernel has of it. The harness has the
 * functions.
 */
typedef struct {
	u64 steps;
} seqcount_latch_t;

#define SEQCNT_LATCH_ZERO(name)	{ 0 }

static unsigned int raw_read_seqcount_latch(const seqcount_latch_t *s);
static int raw_read_seqcount_latch_retry(const seqcount_latch_t *s, unsigned int start);
static void raw_write_seqcount_latch(seqcount_latch_t *s);

struct pvclock_vcpu_time_info {
	u32 version;
};

struct vcpu_info {
	struct pvclock_vcpu_time_info time;
};

static struct vcpu_info vcpu_info;
static struct vcpu_info *const xen_vcpu = &vcpu_info;
static u32 tsc_khz;

/* Both clocks, which the harness has; the second one returns no less than it did */
static u64 rdtsc(void);
static u64 pvclock(void);
static u64 pvclock_latest(void);
static u64 returned;

#define rdtsc_ordered()				rdtsc()
#define pvclock_clocksource_read_nowd(info)	pvclock_latest()
#define __pvclock_read_cycles(info, tsc)	pvclock()
#define pvclock_read_begin(info)		((info)->version)
#define pvclock_read_retry(info, seen)		((info)->version != (seen))
#define pvclock_resume()			((void)(returned = 0))
#define paravirt_set_sched_clock(clock)		((void)0)

#endif /* XEN_LATCH_SHIMS_H */
