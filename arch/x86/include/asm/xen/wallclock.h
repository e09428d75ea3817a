/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Xen's wall clock.
 *
 * shared_info has the time of day at which Xen's system time was zero. A domain adds the
 * system time, which its pvclock reads. Xen changes the former when dom0 sets the wall
 * clock.
 */
#ifndef _ASM_X86_XEN_WALLCLOCK_H
#define _ASM_X86_XEN_WALLCLOCK_H

#include <linux/compiler.h>
#include <linux/time64.h>
#include <linux/timekeeping.h>
#include <linux/types.h>

#include <asm/barrier.h>

#include <xen/interface/xen.h>

/*
 * The version is odd while Xen changes the wall clock. As in pvclock_read_begin() the
 * lowest bit is cleared, so that a read that begins then is retried.
 */
static inline u32 xen_wallclock_begin(const struct shared_info *s)
{
	u32 version = READ_ONCE(s->wc.version) & ~1;

	/* Read the version before the data */
	virt_rmb();
	return version;
}

static inline bool xen_wallclock_retry(const struct shared_info *s, u32 version)
{
	/* Read the version again after the data */
	virt_rmb();
	return READ_ONCE(s->wc.version) != version;
}

/*
 * In ns since 1970, modulo 2^64 as Xen computes it: the result is below zero if the host
 * has been up for longer than since 1970, as it thinks. Xen before 4.6 leaves the upper
 * half of the seconds zero.
 */
static inline u64 xen_wallclock_base(const struct shared_info *s)
{
#ifdef CONFIG_X86_32
	u32 high = s->arch.wc_sec_hi;
#else
	u32 high = s->wc_sec_hi;
#endif

	return ((u64)high << 32 | s->wc.sec) * NSEC_PER_SEC + s->wc.nsec;
}

int xen_wallclock_by_pvclock(ktime_t *wall, struct system_counterval_t *counter,
			     void *unused);
int xen_wallclock_by_tsc(ktime_t *wall, struct system_counterval_t *counter,
			 void *unused);

#endif
