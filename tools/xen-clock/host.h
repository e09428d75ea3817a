/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_CLOCK_HOST_H
#define XEN_CLOCK_HOST_H

#include "emulation.h"

#define MOST_DOMAINS	4096

struct host_domain {
	unsigned int id;
	char name[LINE_SIZE];
	struct tsc_domain tsc;
	u32 incarnation;
	enum tristate emulated;
};

/* A Xen host, as its dom0 sees it, or another one did */
struct host {
	char version[LINE_SIZE];
	unsigned int update;		/* 7 of 4.17.7 */
	struct tsc_host tsc;
	char reason[LINE_SIZE];		/* why its TSC is reliable, or is not */
	double read_ns, syscall_ns;	/* of CLOCK_MONOTONIC in dom0, 0 if unknown */
	bool read_tsc;			/* read_ns is that of a native TSC in the vDSO */
	unsigned int count;
	struct host_domain *domains;
};

/* faults.c: what is known to be wrong in a version of Xen */
#define FAULTY_MINORS	22		/* none is known in 4.22 or later */

struct xen_fault {
	const char *name;
	const char *text;
	const char *fixed;
	unsigned int first, last;	/* minor versions of Xen 4; 0: all up to the end */
	unsigned int update[FAULTY_MINORS];	/* the first that has the fix, 0: none */
};

const struct xen_fault *host_fault(const struct host *host, const struct xen_fault *after);
bool host_has_fault(const struct host *host, const char *name);

/* xl.c: what xl prints */
char *xl_read(const char *what);
bool xl_field(const char *text, const char *name, char line[LINE_SIZE]);

/* host_read.c */
void host_read(struct host *host, const struct guest *guest);
/* host_load.c: from a document */
void host_load(struct host *host, const char *path);
/* host.c */
void json_tristate(struct json *json, const char *key, enum tristate value);

#endif
