// SPDX-License-Identifier: GPL-2.0-only
/*
 * domctl pause DOMID		stop its vCPUs
 * domctl pause-user DOMID	stop them where they run programs, not the kernel
 * domctl unpause DOMID		let them run
 * domctl alive DOMID		exit with 1 if it has shut down, or is not there
 * domctl nmi DOMID VCPU	send it an NMI
 * domctl move DOMID NS		move its emulated TSC
 * domctl tsc			what Xen says of the TSCs of all: debug key s
 *
 * What xl can do of this takes it ten times as long, on an emulated machine: most of
 * that is the start of xl.
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
#include <unistd.h>

/* Xen's headers tell some calls only to the toolstack */
#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/sys/privcmd.h>

#define VCPUS	2
/* Each 10 ms; a busy guest has been in its kernel up to 35 times in a row */
#define TRIES	1000
/* More than Xen's ring for its console has */
#define RING	(256 * 1024)

/* Xen copies them from and to here, so they must stay in memory */
static struct xen_domctl domctl;
static struct xen_sysctl sysctl;
static vcpu_guest_context_t context;
static const char key = 's';
static char ring[RING];

static int privcmd;

static int try(unsigned int op, void *argument)
{
	privcmd_hypercall_t hypercall = {
		.op = op,
		.arg = { (uintptr_t)argument },
	};

	return ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &hypercall);
}

static int try_domctl(unsigned int command, unsigned int domid)
{
	domctl.cmd = command;
	domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	domctl.domain = domid;
	return try(__HYPERVISOR_domctl, &domctl);
}

static void call(unsigned int command, unsigned int domid)
{
	if (try_domctl(command, domid) < 0) {
		fprintf(stderr, "domctl: domctl %u of domain %u: %s\n", command,
			domid, strerror(errno));
		exit(1);
	}
}

static void call_sysctl(unsigned int command)
{
	sysctl.cmd = command;
	sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	if (try(__HYPERVISOR_sysctl, &sysctl) < 0) {
		fprintf(stderr, "domctl: sysctl %u: %s\n", command, strerror(errno));
		exit(1);
	}
}

static int is_in_kernel(unsigned int domid)
{
	unsigned int vcpu;

	for (vcpu = 0; vcpu < VCPUS; vcpu++) {
		domctl.u.vcpucontext.vcpu = vcpu;
		set_xen_guest_handle(domctl.u.vcpucontext.ctxt, &context);
		call(XEN_DOMCTL_getvcpucontext, domid);
		if (context.flags & VGCF_in_kernel)
			return 1;
	}
	return 0;
}

/*
 * What a jump within an interrupt does depends on what the interrupt does next: a
 * jump forward can be reported as a lockup, or charged to a task before it is noticed.
 */
static void pause_user(unsigned int domid)
{
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		call(XEN_DOMCTL_pausedomain, domid);
		if (!is_in_kernel(domid))
			return;
		call(XEN_DOMCTL_unpausedomain, domid);
		usleep(10000);
	}
	fprintf(stderr, "domctl: domain %u is always in its kernel\n", domid);
	exit(1);
}

/* Xen tells of the next domain if it does not have this one */
static int is_alive(unsigned int domid)
{
	unsigned int over = XEN_DOMINF_shutdown | XEN_DOMINF_dying;

	return !try_domctl(XEN_DOMCTL_getdomaininfo, domid) &&
		domctl.u.getdomaininfo.domain == domid &&
		!(domctl.u.getdomaininfo.flags & over);
}

static void send_nmi(unsigned int domid, unsigned int vcpu)
{
	domctl.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI;
	domctl.u.sendtrigger.vcpu = vcpu;
	call(XEN_DOMCTL_sendtrigger, domid);
}

static void move(unsigned int domid, long long ns)
{
	call(XEN_DOMCTL_gettscinfo, domid);
	domctl.u.tsc_info.elapsed_nsec += ns;
	/* Xen counts this as a restore: it must remain the same incarnation */
	domctl.u.tsc_info.incarnation--;
	call(XEN_DOMCTL_settscinfo, domid);
}

/* From that index on; returns the index of what Xen says next */
static unsigned int read_ring(unsigned int index)
{
	sysctl.u.readconsole.clear = 0;
	sysctl.u.readconsole.incremental = 1;
	sysctl.u.readconsole.index = index;
	sysctl.u.readconsole.count = sizeof(ring);
	set_xen_guest_handle(sysctl.u.readconsole.buffer, ring);
	call_sysctl(XEN_SYSCTL_readconsole);
	return sysctl.u.readconsole.index;
}

static void show_tscs(void)
{
	unsigned int start = read_ring(0);

	set_xen_guest_handle(sysctl.u.debug_keys.keys, &key);
	sysctl.u.debug_keys.nr_keys = 1;
	call_sysctl(XEN_SYSCTL_debug_keys);
	read_ring(start);
	fwrite(ring, 1, sysctl.u.readconsole.count, stdout);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned int domid = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;

	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (privcmd < 0 || mlockall(MCL_CURRENT)) {
		perror("domctl");
		return 1;
	}
	if (argc == 3 && !strcmp(what, "pause")) {
		call(XEN_DOMCTL_pausedomain, domid);
	} else if (argc == 3 && !strcmp(what, "pause-user")) {
		pause_user(domid);
	} else if (argc == 3 && !strcmp(what, "unpause")) {
		call(XEN_DOMCTL_unpausedomain, domid);
	} else if (argc == 3 && !strcmp(what, "alive")) {
		return !is_alive(domid);
	} else if (argc == 4 && !strcmp(what, "nmi")) {
		send_nmi(domid, strtoul(argv[3], NULL, 0));
	} else if (argc == 4 && !strcmp(what, "move")) {
		move(domid, strtoll(argv[3], NULL, 0));
	} else if (argc == 2 && !strcmp(what, "tsc")) {
		show_tscs();
	} else {
		fprintf(stderr, "domctl: there is no '%s' with %d arguments\n", what,
			argc > 2 ? argc - 2 : 0);
		return 2;
	}
	return 0;
}
