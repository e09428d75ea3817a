// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets the TSC of one vCPU, as firmware or a hypervisor does by mistake: the others
 * keep theirs.  Xen lets PVH and HVM guests do so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "witness.h"

#define MSR_IA32_TSC	0x10

static __u64 msr_read(int msr)
{
	__u64 value;

	if (pread(msr, &value, sizeof(value), MSR_IA32_TSC) != sizeof(value))
		die("cannot read the TSC: %s", strerror(errno));
	return value;
}

/* The time between the read and the write is lost to the TSC: it is far below 1 ms */
void move_tsc(unsigned int cpu, int usec)
{
	struct time_leaf leaf;
	char path[32];
	__u64 value;
	int msr;

	read_time_leaf(&leaf);
	snprintf(path, sizeof(path), "/dev/cpu/%u/msr", cpu);
	msr = open(path, O_RDWR);
	if (msr < 0)
		die("cannot open %s: %s", path, strerror(errno));
	value = msr_read(msr) + (__s64)leaf.khz * usec / 1000;
	if (pwrite(msr, &value, sizeof(value), MSR_IA32_TSC) != sizeof(value))
		die("cannot set the TSC of vCPU %u: %s", cpu, strerror(errno));
	close(msr);
}
