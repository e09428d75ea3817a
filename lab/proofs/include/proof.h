/* SPDX-License-Identifier: GPL-2.0-only */
/* What the proofs share: inputs of any value, what is assumed, and what is claimed */
#ifndef XEN_PROOF_H
#define XEN_PROOF_H

#include <linux/types.h>

#define assume(condition)	__CPROVER_assume(condition)
#define claim(condition)	__CPROVER_assert(condition, #condition)

int nondet_int(void);
u16 nondet_u16(void);
u32 nondet_u32(void);
u64 nondet_u64(void);
s64 nondet_s64(void);

/* A bool has two values, where a byte of any value has 256 */
static inline bool any_bool(void)
{
	return nondet_int() != 0;
}

/* Functions of which only that is known that they are such */
bool __CPROVER_uninterpreted_close(u64 khz, u64 reference, u64 ppm);
__int128 __CPROVER_uninterpreted_product(u64 cycles, u64 mult);
u64 __CPROVER_uninterpreted_factor(u32 khz);

#endif /* XEN_PROOF_H */
