/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_TSC_H
#define XEN_TSC_H

#include <linux/init.h>
#include <linux/types.h>

#include "tsc_policy.h"

extern struct xen_tsc_facts xen_tsc_promised;
extern struct xen_tsc_judgement xen_tsc_judgement;

void __init xen_tsc_init(void);
void xen_tsc_gather(struct xen_tsc_facts *facts);
bool xen_tsc_reliable(void);
unsigned long xen_tsc_khz(void);

#endif /* XEN_TSC_H */
