// SPDX-License-Identifier: GPL-2.0-only
/*
 * One thread on each vCPU reads the clocks for as long as the guest runs, over
 * the suspend too, and notes every step.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

static const struct {
	clockid_t id;
	const char *name;
} clocks[] = {
	{ CLOCK_MONOTONIC,	"monotonic" },
	{ CLOCK_MONOTONIC_RAW,	"raw" },
	{ CLOCK_BOOTTIME,	"boottime" },
};

#define CLOCKS	ARRAY_SIZE(clocks)

struct steps {
	__s64 last;
	__s64 back;		/* biggest, against this vCPU's last reading */
	__s64 back_cross;	/* biggest, against any vCPU's */
	__s64 jump;		/* biggest step forward */
	__s64 before;		/* last reading known to be before the suspend */
	__s64 after;		/* first reading known to be after it */
};

static struct reader {
	pthread_t thread;
	int cpu;
	atomic_ulong reads;
	struct steps steps[CLOCKS];
	struct steps earlier[CLOCKS];	/* up to the mark */
	bool marked;
} readers[MAX_VCPUS];

static unsigned int nr_readers;
static atomic_bool mark;
/* Between two looks; without it they keep every vCPU busy */
static atomic_uint pause_usec;
static atomic_bool stop;
/* The latest reading that any vCPU has finished */
static atomic_llong latest[CLOCKS];

__s64 read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

void stay_on(pthread_t thread, int cpu)
{
	cpu_set_t set;
	int error;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	error = pthread_setaffinity_np(thread, sizeof(set), &set);
	if (error)
		die("cannot stay on vCPU %d: %s", cpu, strerror(error));
}

/* As the kernel reads it, not the vDSO */
static __s64 read_by_syscall(clockid_t id)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, id, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void look(unsigned int clock, struct steps *s, bool by_syscall)
{
	__s64 seen = atomic_load(&latest[clock]);
	clockid_t id = clocks[clock].id;
	__s64 now = by_syscall ? read_by_syscall(id) : read_clock(id);

	if (s->last - now > s->back)
		s->back = s->last - now;
	if (now - s->last > s->jump)
		s->jump = now - s->last;
	if (seen - now > s->back_cross)
		s->back_cross = seen - now;
	s->last = now;

	while (seen < now && !atomic_compare_exchange_weak(&latest[clock], &seen, now))
		;
}

/* What was seen so far counts apart from what comes */
static void begin_anew(struct reader *r)
{
	unsigned int i;

	memcpy(r->earlier, r->steps, sizeof(r->earlier));
	for (i = 0; i < CLOCKS; i++) {
		r->steps[i].back = 0;
		r->steps[i].back_cross = 0;
		r->steps[i].jump = 0;
	}
	r->marked = true;
}

static __u32 incarnation(void)
{
	struct time_leaf leaf;

	read_time_leaf(&leaf);
	return leaf.incarnation;
}

/*
 * Xen counts a domain's incarnations: a new one tells that the suspend lies
 * behind, without asking any clock.  The suspend came somewhere between the two
 * looks at the count, so the readings before the first of them are older, and
 * those after the second are newer.
 */
static void *reader_main(void *arg)
{
	struct reader *r = arg;
	__u32 was = incarnation();
	bool by_syscall = false;
	unsigned int i;

	stay_on(pthread_self(), r->cpu);
	for (i = 0; i < CLOCKS; i++)
		r->steps[i].last = read_clock(clocks[i].id);

	while (!atomic_load(&stop)) {
		__s64 before[CLOCKS];
		__u32 is;

		if (atomic_load(&mark) && !r->marked)
			begin_anew(r);
		for (i = 0; i < CLOCKS; i++)
			before[i] = r->steps[i].last;
		for (i = 0; i < CLOCKS; i++)
			look(i, &r->steps[i], by_syscall);
		/* If the two do not agree, the next look sees a step */
		by_syscall = !by_syscall;
		is = incarnation();
		if (is != was) {
			was = is;
			for (i = 0; i < CLOCKS; i++) {
				look(i, &r->steps[i], by_syscall);
				r->steps[i].before = before[i];
				r->steps[i].after = r->steps[i].last;
			}
		}
		atomic_fetch_add(&r->reads, 1);
		if (atomic_load(&pause_usec))
			usleep(atomic_load(&pause_usec));
	}
	return NULL;
}

/* Returns when every thread reads */
void readers_start(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int error, i;

	for (i = 0; i < cpus && i < MAX_VCPUS; i++) {
		readers[i].cpu = i;
		error = pthread_create(&readers[i].thread, NULL, reader_main,
				       &readers[i]);
		if (error)
			die("cannot start a reader: %s", strerror(error));
		nr_readers++;
	}
	readers_run_on(100);
}

/* Until every reader has read so many times more; counted, never timed */
void readers_run_on(unsigned long reads)
{
	unsigned long goal[MAX_VCPUS];
	unsigned int i;

	for (i = 0; i < nr_readers; i++)
		goal[i] = atomic_load(&readers[i].reads) + reads;
	for (i = 0; i < nr_readers; i++)
		while (atomic_load(&readers[i].reads) < goal[i])
			usleep(10000);
}

void readers_pause(unsigned int usec)
{
	atomic_store(&pause_usec, usec);
}

unsigned int readers_pausing(void)
{
	return atomic_load(&pause_usec);
}

/* To their vCPUs, of which so many are online: unplugging one drives them off */
void readers_return(int cpus)
{
	unsigned int i;

	for (i = 0; i < nr_readers; i++)
		if (readers[i].cpu < cpus)
			stay_on(readers[i].thread, readers[i].cpu);
}

/* Once only; returns when every reader has taken notice */
void readers_mark(void)
{
	atomic_store(&mark, true);
	readers_run_on(2);
}

static void report_steps(const char *what, const struct reader *r,
			 const struct steps *steps)
{
	unsigned int i;

	for (i = 0; i < CLOCKS; i++)
		say("%s.%d.%s %lld %lld %lld %lld %lld", what, r->cpu,
		    clocks[i].name, steps[i].back, steps[i].back_cross,
		    steps[i].jump, steps[i].before, steps[i].after);
}

void readers_report(void)
{
	unsigned int i;

	atomic_store(&stop, true);
	for (i = 0; i < nr_readers; i++) {
		struct reader *r = &readers[i];

		pthread_join(r->thread, NULL);
		say("reader.%d.reads %lu", r->cpu, atomic_load(&r->reads));
		report_steps("reader", r, r->steps);
		if (r->marked)
			report_steps("earlier", r, r->earlier);
	}
}
