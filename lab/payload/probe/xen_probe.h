/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_PROBE_H
#define XEN_PROBE_H

void xen_probe(const char *where);

#endif /* XEN_PROBE_H */
