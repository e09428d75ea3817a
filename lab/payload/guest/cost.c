// SPDX-License-Identifier: GPL-2.0-only
/* What one reading of a clock costs */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "agent.h"

#define ROUNDS		20
/* Long enough that one reading at either end does not count */
#define ROUND_NS	5000000LL
/* Readings of which we count those that enter the kernel */
#define COUNTED		100

static void by_libc(unsigned long n)
{
	struct timespec ts;

	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &ts);
}

static void by_syscall(unsigned long n)
{
	struct timespec ts;

	while (n--)
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
}

static void by_rdtsc(unsigned long n)
{
	while (n--)
		asm volatile("" : : "r" (__rdtsc()));
}

static __s64 duration(void (*call)(unsigned long n), unsigned long n)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	call(n);
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * The lower quartile of several rounds.  A busy machine adds to most of them; and
 * few take no time at all, where Xen's emulated TSC waits for one CPU's clock to
 * come as far as another's was.
 */
static double cost(void (*call)(unsigned long n))
{
	unsigned long n = 64;
	double each[ROUNDS];
	int i;

	while (duration(call, n) < ROUND_NS && n < 1UL << 30)
		n *= 2;
	for (i = 0; i < ROUNDS; i++)
		each[i] = (double)duration(call, n) / n;
	qsort(each, ROUNDS, sizeof(each[0]), compare);
	return each[ROUNDS / 4];
}

/* How often a child that makes these readings stops at a system call */
static long stops(unsigned long n)
{
	long stops = 0;
	int status;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		die("cannot fork");
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		by_libc(n);
		_exit(0);
	}
	for (;;) {
		if (waitpid(pid, &status, 0) != pid)
			die("cannot wait for %d", pid);
		if (!WIFSTOPPED(status))
			return stops;
		stops++;
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	}
}

/* For those who want nothing else of the guest */
void log_cost(void)
{
	char line[64];

	snprintf(line, sizeof(line), "agent: clock_gettime: %.1f ns\n", cost(by_libc));
	log_line(line);
	set_state("counted");
}

void report_costs(void)
{
	/* It stops at the entry and at the exit of each */
	say("entries.vdso %ld", (stops(COUNTED) - stops(0)) / 2);
	say("cost.vdso %.2f", cost(by_libc));
	say("cost.syscall %.2f", cost(by_syscall));
	say("cost.rdtsc %.2f", cost(by_rdtsc));
}
