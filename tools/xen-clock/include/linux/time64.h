/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_TIME64_H
#define _LINUX_TIME64_H

#define NSEC_PER_MSEC		1000000LL
#define NSEC_PER_SEC		1000000000LL

#endif
