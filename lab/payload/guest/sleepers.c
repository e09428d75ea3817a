// SPDX-License-Identifier: GPL-2.0-only
/*
 * One thread on each vCPU sleeps in a timer, again and again, over the suspend
 * too, and notes when it woke.  Now and then it looks at the time that was
 * stolen from its vCPU.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define PERIOD_NS	20000000LL
/* A look at the accounts takes long, next to a wake */
#define WAKES_A_LOOK	10

static struct sleeper {
	pthread_t thread;
	int cpu;
	atomic_ulong wakes;
	unsigned long early;
	__s64 late;		/* biggest */
	struct accounts accounts;
} sleepers[MAX_VCPUS];

static unsigned int nr_sleepers;
static atomic_llong period = PERIOD_NS;
static atomic_bool stop;

static void sleep_until(__s64 ns)
{
	struct timespec deadline = {
		.tv_sec		= ns / 1000000000LL,
		.tv_nsec	= ns % 1000000000LL,
	};
	int error;

	error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL);
	if (error)
		die("a sleeper was woken: %s", strerror(error));
}

static void *sleeper_main(void *arg)
{
	struct sleeper *s = arg;
	__s64 now, deadline;

	stay_on(pthread_self(), s->cpu);
	accounts_open(&s->accounts, s->cpu);
	now = read_clock(CLOCK_MONOTONIC);
	deadline = now;

	while (!atomic_load(&stop)) {
		/* A period that was missed is not made up for */
		deadline += atomic_load(&period);
		if (deadline < now)
			deadline = now;
		sleep_until(deadline);
		now = read_clock(CLOCK_MONOTONIC);
		if (now < deadline)
			s->early++;
		else if (now - deadline > s->late)
			s->late = now - deadline;
		if (atomic_fetch_add(&s->wakes, 1) % WAKES_A_LOOK == 0)
			accounts_look(&s->accounts);
	}
	accounts_look(&s->accounts);
	return NULL;
}

void sleepers_start(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int error, i;

	for (i = 0; i < cpus && i < MAX_VCPUS; i++) {
		sleepers[i].cpu = i;
		error = pthread_create(&sleepers[i].thread, NULL, sleeper_main,
				       &sleepers[i]);
		if (error)
			die("cannot start a sleeper: %s", strerror(error));
		nr_sleepers++;
	}
	sleepers_run_on(1);
}

/* Until every sleeper has woken so many times more; counted, never timed */
void sleepers_run_on(unsigned long wakes)
{
	unsigned long goal[MAX_VCPUS];
	unsigned int i;

	for (i = 0; i < nr_sleepers; i++)
		goal[i] = atomic_load(&sleepers[i].wakes) + wakes;
	for (i = 0; i < nr_sleepers; i++)
		while (atomic_load(&sleepers[i].wakes) < goal[i])
			usleep(10000);
}

/* A guest that is to be idle has no use for sleepers that wake more often */
void sleepers_pause(unsigned int usec)
{
	__s64 ns = usec * 1000LL;

	atomic_store(&period, ns > PERIOD_NS ? ns : PERIOD_NS);
}

void sleepers_return(int cpus)
{
	unsigned int i;

	for (i = 0; i < nr_sleepers; i++)
		if (sleepers[i].cpu < cpus)
			stay_on(sleepers[i].thread, sleepers[i].cpu);
}

void sleepers_report(void)
{
	unsigned int i;

	atomic_store(&stop, true);
	for (i = 0; i < nr_sleepers; i++) {
		struct sleeper *s = &sleepers[i];

		pthread_join(s->thread, NULL);
		say("sleeper.%d %lu %lu %lld", s->cpu, atomic_load(&s->wakes),
		    s->early, s->late);
		accounts_report(&s->accounts);
	}
}
