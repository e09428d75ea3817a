// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that keep every vCPU busy and enter the kernel only when an interrupt has
 * them do so: who waits for such a vCPU gets it by the tick, or not at all.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

#define MAX_TASKS	64

static pthread_t tasks[MAX_TASKS];
static unsigned int nr_tasks;
static atomic_bool leave;

static void *crowd_main(void *arg)
{
	atomic_bool *end = arg;

	while (!atomic_load_explicit(end, memory_order_relaxed))
		;
	return NULL;
}

/* So many on each vCPU */
void crowd_start(unsigned int number)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int error;

	if (number * cpus > MAX_TASKS - nr_tasks)
		die("no more than %d busy tasks", MAX_TASKS);
	for (number *= cpus; number; number--) {
		error = pthread_create(&tasks[nr_tasks], NULL, crowd_main, &leave);
		if (error)
			die("cannot start a busy task: %s", strerror(error));
		stay_on(tasks[nr_tasks++], number % cpus);
	}
}

void crowd_end(void)
{
	atomic_store(&leave, true);
	while (nr_tasks)
		pthread_join(tasks[--nr_tasks], NULL);
	atomic_store(&leave, false);
}
