/* SPDX-License-Identifier: GPL-2.0-only */
/* The types by which the policy calls its numbers */
#ifndef XEN_CLOCK_TYPES_H
#define XEN_CLOCK_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#endif
