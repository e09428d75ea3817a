// SPDX-License-Identifier: GPL-2.0-only
/* Reading the clocks, and what that costs */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#include "xen-clock.h"

#define ROUNDS		7
#define READS		100

const struct clock clocks[CLOCKS] = {
	[CLOCK_NR_REALTIME]	= { CLOCK_REALTIME, "REALTIME", "realtime" },
	[CLOCK_NR_MONOTONIC]	= { CLOCK_MONOTONIC, "MONOTONIC", "monotonic" },
	[CLOCK_NR_RAW]		= { CLOCK_MONOTONIC_RAW, "MONOTONIC_RAW", "monotonic_raw" },
	[CLOCK_NR_BOOTTIME]	= { CLOCK_BOOTTIME, "BOOTTIME", "boottime" },
	[CLOCK_NR_COARSE]	= { CLOCK_MONOTONIC_COARSE, "MONOTONIC_COARSE",
				    "monotonic_coarse" },
};

static s64 nanoseconds(const struct timespec *time)
{
	return time->tv_sec * NSEC_PER_SEC + time->tv_nsec;
}

s64 clock_now(clockid_t id)
{
	struct timespec time;

	if (clock_gettime(id, &time))
		die("cannot read clock %d: %s", id, strerror(errno));

	return nanoseconds(&time);
}

/* MONOTONIC, past the vDSO */
s64 clock_syscall(void)
{
	struct timespec time = { };

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);

	return nanoseconds(&time);
}

/* The fences keep it from being read before or after its time */
u64 tsc_now(void)
{
	u64 tsc;

	_mm_lfence();
	tsc = __rdtsc();
	_mm_lfence();

	return tsc;
}

void null_syscall(void)
{
	syscall(SYS_getppid);
}

/* For qsort() */
int ascending(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/*
 * The median of some rounds, timed by RAW, which nobody adjusts. What else runs on this
 * CPU only adds, but a clock that is held back, as its CPU is ahead of others, stands
 * still for a round.
 */
static double cost(int which)
{
	double ns[ROUNDS];
	s64 start;
	int i, j;

	for (i = 0; i < ROUNDS; i++) {
		start = clock_now(CLOCK_MONOTONIC_RAW);
		for (j = 0; j < READS; j++) {
			if (which < CLOCKS)
				clock_now(clocks[which].id);
			else if (which == CLOCKS)
				clock_syscall();
			else
				null_syscall();
		}
		ns[i] = (double)(clock_now(CLOCK_MONOTONIC_RAW) - start) / (READS + 1);
	}
	qsort(ns, ROUNDS, sizeof(*ns), ascending);

	return ns[ROUNDS / 2];
}

/* What "xen-clock record" wrote into the file costs; those of this machine mislead */
static double recorded(const char *name, bool *all)
{
	char start[LINE_SIZE], line[LINE_SIZE];

	snprintf(start, sizeof(start), "%s:", name);
	if (read_field("/costs", start, line))
		return strtod(line, NULL);
	*all = false;

	return 0;
}

static bool costs_recorded(struct costs *costs)
{
	bool all = leaves_recorded();
	int i;

	for (i = 0; all && i < CLOCKS; i++)
		costs->clock_ns[i] = recorded(clocks[i].label, &all);
	costs->syscall_ns = recorded("syscall", &all);
	costs->null_ns = recorded("null_syscall", &all);

	return all;
}

void costs_print(FILE *file, const struct costs *costs)
{
	int i;

	for (i = 0; i < CLOCKS; i++)
		fprintf(file, "%s: %.3f\n", clocks[i].label, costs->clock_ns[i]);
	fprintf(file, "syscall: %.3f\nnull_syscall: %.3f\n", costs->syscall_ns,
		costs->null_ns);
}

static void costs_here(struct costs *costs)
{
	int i;

	for (i = 0; i < CLOCKS; i++)
		costs->clock_ns[i] = cost(i);
	costs->syscall_ns = cost(CLOCKS);
	costs->null_ns = cost(CLOCKS + 1);
}

void costs_measure(struct costs *costs)
{
	double ns;

	if (!costs_recorded(costs))
		costs_here(costs);

	/*
	 * What the vDSO saves is the entry into the kernel. That can be much less than
	 * half: if RDTSC traps, both pay for that, and it costs more.
	 */
	ns = costs->clock_ns[CLOCK_NR_MONOTONIC];
	costs->vdso = ns < costs->syscall_ns / 2 || ns < costs->syscall_ns - costs->null_ns / 2;
}

/* The TSC and RAW at one moment: the narrowest of some attempts */
static void sample(u64 *tsc, s64 *raw)
{
	u64 before, after, narrowest = 0;
	s64 now;
	int i;

	for (i = 0; i < 50; i++) {
		before = tsc_now();
		now = clock_now(CLOCK_MONOTONIC_RAW);
		after = tsc_now();
		if (i && after - before >= narrowest)
			continue;
		narrowest = after - before;
		*tsc = before + narrowest / 2;
		*raw = now;
	}
}

/* The frequency of the TSC by the kernel's clock, over a fifth of a second */
u32 tsc_khz_measure(void)
{
	const struct timespec pause = { .tv_nsec = 200 * NSEC_PER_MSEC };
	u64 tsc_start, tsc_end;
	s64 raw_start, raw_end;

	sample(&tsc_start, &raw_start);
	nanosleep(&pause, NULL);
	sample(&tsc_end, &raw_end);
	if (raw_end <= raw_start)
		return 0;

	return (double)(tsc_end - tsc_start) * 1e6 / (raw_end - raw_start);
}
