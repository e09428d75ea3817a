/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's names for what gcc calls otherwise */
#ifndef XEN_CLOCK_COMPILER_H
#define XEN_CLOCK_COMPILER_H

#define ATTRIBUTE(list)		__attribute__(list)
#define __printf(format, first)	ATTRIBUTE((__format__(printf, format, first)))
#define __noreturn		ATTRIBUTE((__noreturn__))
#define __always_unused		ATTRIBUTE((__unused__))

#endif
