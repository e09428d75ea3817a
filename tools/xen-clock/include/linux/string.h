/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_STRING_SHIM_H
#define _LINUX_STRING_SHIM_H

/* The kernel has strcasecmp() here, too */
#include <string.h>
#include <strings.h>

#endif
