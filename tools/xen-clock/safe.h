/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_CLOCK_SAFE_H
#define XEN_CLOCK_SAFE_H

#include "xen-clock.h"

const char *safe_state(const struct guest *guest, const struct decision *decision);
const char *safe_reason(const struct guest *guest, const struct decision *decision);
void json_safe(struct json *json, const struct decision *decision);

#endif
