// SPDX-License-Identifier: GPL-2.0-only
/*
 * vtsc DOMID NANOSECONDS	move the emulated TSC of a domain
 * vtsc DOMID			say where its vCPUs are: in "user" or in "kernel"
 *
 * A host that sleeps, or a hypervisor that loses count, moves the TSC of its
 * guests without telling them.  The call that gives a restored domain its TSC
 * back can do the same to a running one.  It matters where that one is: pause it
 * before.
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

#define VCPUS	2

/* Xen copies them from and to here, so they must stay in memory */
static struct xen_domctl domctl;
static vcpu_guest_context_t context;

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

static void show(int privcmd, unsigned int domid)
{
	unsigned int vcpu;

	for (vcpu = 0; vcpu < VCPUS; vcpu++) {
		domctl.u.vcpucontext.vcpu = vcpu;
		set_xen_guest_handle(domctl.u.vcpucontext.ctxt, &context);
		call(privcmd, XEN_DOMCTL_getvcpucontext, domid);
		puts(context.flags & VGCF_in_kernel ? "kernel" : "user");
	}
}

static void move(int privcmd, unsigned int domid, long long shift)
{
	call(privcmd, XEN_DOMCTL_gettscinfo, domid);
	domctl.u.tsc_info.elapsed_nsec += shift;
	/* Xen counts this as a restore: it must remain the same incarnation */
	domctl.u.tsc_info.incarnation--;
	call(privcmd, XEN_DOMCTL_settscinfo, domid);
}

int main(int argc, char **argv)
{
	unsigned int domid;
	int privcmd;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: vtsc DOMID [NANOSECONDS]\n");
		return 2;
	}
	domid = strtoul(argv[1], NULL, 0);
	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (privcmd < 0 || mlock(&domctl, sizeof(domctl)) ||
	    mlock(&context, sizeof(context))) {
		perror("vtsc");
		return 1;
	}
	if (argc == 2)
		show(privcmd, domid);
	else
		move(privcmd, domid, strtoll(argv[2], NULL, 0));
	return 0;
}
