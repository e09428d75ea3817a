// SPDX-License-Identifier: GPL-2.0-only
/* The CPUs that this program may run on */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "xen-clock.h"

/* More than any kernel is built for */
#define MOST_CPUS	65536

void cpus_read(struct cpus *cpus)
{
	size_t size = CPU_ALLOC_SIZE(MOST_CPUS);
	cpu_set_t *set = CPU_ALLOC(MOST_CPUS);
	int cpu;

	if (!set || sched_getaffinity(0, size, set))
		die("cannot find out which CPUs there are: %s", strerror(errno));

	*cpus = (struct cpus){
		.number = calloc(CPU_COUNT_S(size, set), sizeof(*cpus->number)),
	};
	if (!cpus->number)
		die("no memory for the numbers of the CPUs");

	for (cpu = 0; cpu < MOST_CPUS; cpu++)
		if (CPU_ISSET_S(cpu, size, set))
			cpus->number[cpus->count++] = cpu;
	CPU_FREE(set);
}

/* The calling thread; false if the CPU has gone offline */
bool cpus_pin(int cpu)
{
	size_t size = CPU_ALLOC_SIZE(MOST_CPUS);
	cpu_set_t *set = CPU_ALLOC(MOST_CPUS);
	bool good;

	if (!set)
		die("no memory for a set of CPUs");
	CPU_ZERO_S(size, set);
	CPU_SET_S(cpu, size, set);
	good = !sched_setaffinity(0, size, set);
	CPU_FREE(set);

	return good;
}
