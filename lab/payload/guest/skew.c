// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves the TSC of one vCPU, as firmware or a hypervisor does by mistake: the others
 * keep theirs.  Xen lets PVH and HVM guests do so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

/* What is added to the TSC: unlike the TSC itself it can be written at any time */
#define MSR_IA32_TSC_ADJUST	0x3b

void move_tsc(unsigned int cpu, int usec)
{
	struct time_leaf leaf;
	char path[32];
	__s64 value;
	int msr;

	read_time_leaf(&leaf);
	snprintf(path, sizeof(path), "/dev/cpu/%u/msr", cpu);
	msr = open(path, O_RDWR);
	if (msr < 0)
		die("cannot open %s: %s", path, strerror(errno));
	if (pread(msr, &value, sizeof(value), MSR_IA32_TSC_ADJUST) != sizeof(value))
		die("cannot see what is added to the TSC: %s", strerror(errno));
	value += (__s64)leaf.khz * usec / 1000;
	if (pwrite(msr, &value, sizeof(value), MSR_IA32_TSC_ADJUST) != sizeof(value))
		die("cannot move the TSC of vCPU %u: %s", cpu, strerror(errno));
	close(msr);
}
