/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's tools have these in kernel.h */
#include <linux/kernel.h>

#ifndef clamp
#define clamp(value, low, high)	min(max(value, low), high)
#endif
