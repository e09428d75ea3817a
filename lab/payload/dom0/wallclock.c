// SPDX-License-Identifier: GPL-2.0-only
/*
 * wallclock SECONDS [NSEC]	set Xen's wall clock such that it was as much after 1970
 *				when Xen booted
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

int main(int argc, char **argv)
{
	privcmd_hypercall_t hypercall = {
		.op = __HYPERVISOR_platform_op,
		.arg = { (uintptr_t)&platform_op },
	};
	int privcmd;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: wallclock SECONDS [NSEC]\n");
		return 2;
	}
	platform_op.u.settime64.secs = strtoull(argv[1], NULL, 0);
	if (argc == 3)
		platform_op.u.settime64.nsecs = strtoul(argv[2], NULL, 0);
	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (privcmd < 0 || mlock(&platform_op, sizeof(platform_op)) ||
	    ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &hypercall) < 0) {
		fprintf(stderr, "wallclock: cannot set Xen's wall clock: %s\n",
			strerror(errno));
		return 1;
	}
	return 0;
}
