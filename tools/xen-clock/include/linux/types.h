/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_TYPES_SHIM_H
#define _LINUX_TYPES_SHIM_H

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

/* musl's compiler does not find the kernel's headers, and needs no more of them */
#ifdef __GLIBC__
#include_next <linux/types.h>
#else
typedef u32 __u32;
#endif

#endif
