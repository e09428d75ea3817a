// SPDX-License-Identifier: GPL-2.0-only
/*
 * vtsc DOMID NANOSECONDS: move the emulated TSC of a domain
 *
 * A host that sleeps, or a hypervisor that loses count, moves the TSC of its
 * guests without telling them.  The call that gives a restored domain its TSC
 * back can do the same to a running one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* Xen's headers tell some calls only to the toolstack */
#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sys/privcmd.h>

/* Xen copies it from and to here, so it must stay in memory */
static struct xen_domctl domctl;

static void call(int privcmd, unsigned int command, unsigned int domid)
{
	privcmd_hypercall_t hypercall = {
		.op = __HYPERVISOR_domctl,
		.arg = { (uintptr_t)&domctl },
	};

	domctl.cmd = command;
	domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	domctl.domain = domid;
	if (ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &hypercall) < 0) {
		fprintf(stderr, "vtsc: domctl %u of domain %u: %s\n", command,
			domid, strerror(errno));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	unsigned int domid;
	long long shift;
	int privcmd;

	if (argc != 3) {
		fprintf(stderr, "usage: vtsc DOMID NANOSECONDS\n");
		return 2;
	}
	domid = strtoul(argv[1], NULL, 0);
	shift = strtoll(argv[2], NULL, 0);
	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (privcmd < 0 || mlock(&domctl, sizeof(domctl))) {
		perror("vtsc");
		return 1;
	}
	call(privcmd, XEN_DOMCTL_gettscinfo, domid);
	domctl.u.tsc_info.elapsed_nsec += shift;
	/* Xen counts this as a restore: it must remain the same incarnation */
	domctl.u.tsc_info.incarnation--;
	call(privcmd, XEN_DOMCTL_settscinfo, domid);
	return 0;
}
