/* SPDX-License-Identifier: GPL-2.0-only */
/* What sched_clock.c takes from the kernel, as far as the proofs need it */
#ifndef XEN_LATCH_SHIMS_H
#define XEN_LATCH_SHIMS_H

#include <linux/types.h>

#define noinstr
#define noinline
#define __read_mostly
#define unlikely(condition)	(condition)
#define pr_info(...)		((void)0)
#define __this_cpu_read(variable)	(variable)
#define local_irq_save(flags)	((void)((flags) = 0))
#define local_irq_restore(flags)	((void)(flags))
#define trace_xen_sched_clock_resume(...)	((void)0)

/* On x86 these keep the compiler from moving loads and stores; cbmc moves none */
#define smp_rmb()
#define smp_wmb()

/* include/linux/seqlock.h */
typedef struct {
	unsigned int sequence;
} seqcount_latch_t;

#define SEQCNT_LATCH_ZERO(name)	{ 0 }

static inline unsigned int raw_read_seqcount_latch(const seqcount_latch_t *s)
{
	return s->sequence;
}

static inline int raw_read_seqcount_latch_retry(const seqcount_latch_t *s,
						unsigned int start)
{
	smp_rmb();
	return s->sequence != start;
}

static inline void raw_write_seqcount_latch(seqcount_latch_t *s)
{
	smp_wmb();
	s->sequence++;
	smp_wmb();
}

struct pvclock_vcpu_time_info {
	u32 version;
};

struct vcpu_info {
	struct pvclock_vcpu_time_info time;
};

static struct vcpu_info vcpu_info;
static struct vcpu_info *const xen_vcpu = &vcpu_info;
/* Shared in the kernel, but only one thread of the proofs uses it */
static __CPROVER_thread_local u32 tsc_khz;

/* Both clocks, which the harness has */
u64 rdtsc(void);
u64 pvclock(void);

#define rdtsc_ordered()				rdtsc()
#define pvclock_clocksource_read_nowd(info)	pvclock()
#define __pvclock_read_cycles(info, tsc)	pvclock()
#define pvclock_read_begin(info)		((info)->version)
#define pvclock_read_retry(info, seen)		((info)->version != (seen))
#define pvclock_resume()			((void)0)

#endif /* XEN_LATCH_SHIMS_H */
