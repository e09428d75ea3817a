/* SPDX-License-Identifier: GPL-2.0-only */
/* What the policy takes from here */
#ifndef XEN_CLOCK_KERNEL_H
#define XEN_CLOCK_KERNEL_H

#include_next <linux/kernel.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#endif
