/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_MATH64_H
#define _LINUX_MATH64_H

#include <linux/types.h>

/* For claims about the latest one, of this thread */
static __CPROVER_thread_local struct {
	u64 dividend, quotient;
	u32 divisor;
} division;

static inline u64 div_u64(u64 dividend, u32 divisor)
{
	division.dividend = dividend;
	division.divisor = divisor;
	division.quotient = dividend / divisor;

	return division.quotient;
}

static inline s64 div_s64(s64 dividend, int divisor)
{
	return dividend / divisor;
}

#endif /* _LINUX_MATH64_H */
