/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_TSC_RECHECK_H
#define XEN_TSC_RECHECK_H

#include <linux/types.h>

void xen_tsc_recheck(void);
bool xen_tsc_demote(u64 value, char *why);
void xen_tsc_hurry(void);

#endif /* XEN_TSC_RECHECK_H */
