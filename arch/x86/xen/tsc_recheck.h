/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_TSC_RECHECK_H
#define XEN_TSC_RECHECK_H

#include <linux/types.h>

void xen_tsc_recheck(void);
extern unsigned int xen_tsc_resumes;
extern const char *xen_tsc_demoted_why;

bool xen_tsc_demote(u64 value, s64 gap, const char *why, char *due_to);
void xen_tsc_hurry(void);

#endif /* XEN_TSC_RECHECK_H */
