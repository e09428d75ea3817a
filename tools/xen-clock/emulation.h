/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_CLOCK_EMULATION_H
#define XEN_CLOCK_EMULATION_H

#include "xen-clock.h"

/* What is not always known */
enum tristate {
	NO,
	YES,
	UNKNOWN,
};

/* What Xen looks at when it decides whether the TSC of a domain is emulated */
struct tsc_host {
	unsigned int major, minor;
	u32 khz;
	enum tristate reliable;
	enum tristate scaling;		/* the CPUs can scale the TSC of HVM guests */
};

struct tsc_domain {
	bool hvm;			/* or PVH */
	u32 mode;
	u32 khz;
	bool restored;			/* or migrated, since it was created */
};

struct explanation {
	char reason[3 * LINE_SIZE];	/* empty if it is native */
	char remedy[LINE_SIZE];		/* empty if there is none */
};

enum tristate tsc_emulated(const struct tsc_host *host, const struct tsc_domain *domain);
const char *tsc_doubt(const struct tsc_host *host, const struct tsc_domain *domain);
struct explanation tsc_explain(const struct tsc_host *host,
			       const struct tsc_domain *domain);
struct explanation explain(const struct guest *guest);

#endif
