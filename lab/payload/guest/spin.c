// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that has its vCPU for itself and leaves the kernel alone, as far as it
 * can: with nohz_full= no tick interrupts it.  Does its time go on?
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define MARKS	10
/* Longer than that no step of a running task takes */
#define STEP_NS	10000000LL

struct spin {
	int cpu;
	__s64 duration;
	__s64 cpu_time;
	__s64 stall;		/* longest time in which the CPU time stood still */
	unsigned long timers;	/* that have interrupted it */
};

/* How often the timer of a vCPU has fired */
static unsigned long timers_of(int cpu)
{
	FILE *file = fopen("/proc/interrupts", "r");
	unsigned long fired = 0;
	char line[1024], name[16];

	if (!file)
		die("cannot open /proc/interrupts: %s", strerror(errno));
	snprintf(name, sizeof(name), " timer%d\n", cpu);
	while (fgets(line, sizeof(line), file)) {
		char *end = strchr(line, ':');

		if (!end || !strstr(line, name))
			continue;
		for (;;) {
			char *number = end + 1;
			unsigned long n = strtoul(number, &end, 10);

			if (end == number)
				break;
			fired += n;
		}
	}
	fclose(file);
	return fired;
}

static void *spin_main(void *arg)
{
	struct spin *spin = arg;
	__s64 from, now, last, cpu_from, cpu_last, since;
	unsigned int marks = 0;
	unsigned long timers;
	char line[64];

	stay_on(pthread_self(), spin->cpu);
	timers = timers_of(spin->cpu);
	now = read_clock(CLOCK_MONOTONIC);
	cpu_last = read_clock(CLOCK_THREAD_CPUTIME_ID);
	from = now;
	since = now;
	cpu_from = cpu_last;
	while (now - from < spin->duration) {
		__s64 cpu = read_clock(CLOCK_THREAD_CPUTIME_ID);

		last = now;
		now = read_clock(CLOCK_MONOTONIC);
		/* Xen did not run the vCPU: the kernel takes that time off, as it was stolen */
		if (now - last > STEP_NS)
			since += now - last;
		if (cpu != cpu_last) {
			cpu_last = cpu;
			since = now;
		}
		if (now - since > spin->stall)
			spin->stall = now - since;
		/* What does printk think of the time? */
		if (now - from >= spin->duration / MARKS * marks) {
			marks++;
			snprintf(line, sizeof(line), "agent: spins at %lld ns\n", now);
			log_line(line);
		}
	}
	spin->duration = now - from;
	spin->cpu_time = cpu_last - cpu_from;
	spin->timers = timers_of(spin->cpu) - timers;
	return NULL;
}

/* On the last vCPU; everything else of ours is on the first meanwhile */
void spin_alone(unsigned int msec)
{
	struct spin spin = {
		.cpu = sysconf(_SC_NPROCESSORS_ONLN) - 1,
		.duration = msec * 1000000LL,
	};
	pthread_t thread;
	int error;

	stay_on(pthread_self(), 0);
	error = pthread_create(&thread, NULL, spin_main, &spin);
	if (error)
		die("cannot start a thread: %s", strerror(error));
	pthread_join(thread, NULL);
	say("spin.duration %lld", spin.duration);
	say("spin.cpu_time %lld", spin.cpu_time);
	say("spin.stall %lld", spin.stall);
	say("spin.timers %lu", spin.timers);
}
