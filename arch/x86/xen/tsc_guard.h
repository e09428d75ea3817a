/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_TSC_GUARD_H
#define XEN_TSC_GUARD_H

void xen_tsc_guard(void);
void xen_tsc_guard_rearm(void);

#endif /* XEN_TSC_GUARD_H */
