/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's math64.h has and its copy for tools has not */
#ifndef FUZZER_MATH64_H
#define FUZZER_MATH64_H

#include_next <linux/math64.h>

static inline u64 mul_u64_u32_div(u64 a, u32 mul, u32 divisor)
{
	return (__uint128_t)a * mul / divisor;
}

#endif
