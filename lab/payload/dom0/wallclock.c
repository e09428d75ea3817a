// SPDX-License-Identifier: GPL-2.0-only
/*
 * wallclock SECONDS [NSEC]
 *	set Xen's wall clock such that it was as much after 1970 when Xen booted
 * wallclock SECONDS NSEC SECONDS NSEC TIMES
 *	set it to one and then to the other, so many times
 *
 * Behind the back of dom0's kernel, whose own clock stays as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <xen/xen.h>
#include <xen/platform.h>
#include <xen/sys/privcmd.h>

/* Xen copies it from here, so it must stay in memory */
static struct xen_platform_op platform_op = {
	.cmd = XENPF_settime64,
	.interface_version = XENPF_INTERFACE_VERSION,
};

static void die(void)
{
	fprintf(stderr, "wallclock: cannot set Xen's wall clock: %s\n", strerror(errno));
	exit(1);
}

static void set(int privcmd, const char *seconds, const char *ns)
{
	privcmd_hypercall_t hypercall = {
		.op = __HYPERVISOR_platform_op,
		.arg = { (uintptr_t)&platform_op },
	};

	platform_op.u.settime64.secs = strtoull(seconds, NULL, 0);
	platform_op.u.settime64.nsecs = strtoul(ns, NULL, 0);
	if (ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &hypercall) < 0)
		die();
}

int main(int argc, char **argv)
{
	unsigned long times;
	int privcmd;

	if (argc != 2 && argc != 3 && argc != 6) {
		fprintf(stderr, "usage: wallclock SECONDS [NSEC [SECONDS NSEC TIMES]]\n");
		return 2;
	}
	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (privcmd < 0 || mlock(&platform_op, sizeof(platform_op)))
		die();
	times = argc == 6 ? strtoul(argv[5], NULL, 0) : 1;
	while (times--) {
		set(privcmd, argv[1], argc > 2 ? argv[2] : "0");
		if (argc == 6)
			set(privcmd, argv[3], argv[4]);
	}
	return 0;
}
