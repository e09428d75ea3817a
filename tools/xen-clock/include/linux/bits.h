/* SPDX-License-Identifier: GPL-2.0-only */
/* One bit of a register */
#ifndef XEN_CLOCK_BITS_H
#define XEN_CLOCK_BITS_H

#define BIT(nr)		(1u << (nr))

#endif
