/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_COMPILER_H
#define _LINUX_COMPILER_H

#define ATTRIBUTE(list)		__attribute__(list)
#define __printf(format, first)	ATTRIBUTE((__format__(printf, format, first)))
#define __noreturn		ATTRIBUTE((__noreturn__))
#define __aligned(bytes)	ATTRIBUTE((__aligned__(bytes)))
#define __always_unused		ATTRIBUTE((__unused__))
#define __maybe_unused		ATTRIBUTE((__unused__))

/* Where the C library does not define it */
#ifndef __always_inline
#define __always_inline		inline
#endif

#endif
