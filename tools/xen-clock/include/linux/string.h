/* SPDX-License-Identifier: GPL-2.0-only */
/* In the kernel strcasecmp() is here, too */
#ifndef XEN_CLOCK_STRING_H
#define XEN_CLOCK_STRING_H

#include <string.h>
#include <strings.h>

#endif
