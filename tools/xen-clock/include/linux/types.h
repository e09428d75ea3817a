/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_TYPES_SHIM_H
#define _LINUX_TYPES_SHIM_H

/* __u32 and the like */
#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/compiler.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t s16;
typedef int64_t s64;

#endif
