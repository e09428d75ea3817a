// SPDX-License-Identifier: GPL-2.0-only
/* Proofs about reads of sched_clock while its source changes */
#include "proof.h"
#include "latch_shims.h"

#include "sched_clock.c"

/*
 * Both clocks stand still, so that each state of sched_clock has one value: what was
 * set. A read that mixes parts of two states has another one.
 */
#define TSC	1024
#define PVCLOCK	1048576
#define STATES	(SWITCHES + 1)

#ifndef SWITCHES
#define SWITCHES	2
#endif

u64 rdtsc(void)
{
	return TSC;
}

u64 pvclock(void)
{
	return PVCLOCK;
}

static u64 value_of(unsigned int state)
{
	return state + 1;
}

/* Any source, with a factor of its own */
static void change_to(unsigned int state)
{
	const struct xen_tsc_sample now = { TSC, PVCLOCK };
	u32 source = nondet_u32();

	assume(source <= XEN_SCHED_CLOCK_TSC);
	tsc_khz = 1000000 >> state;
	xen_sched_clock_set(source, &now, value_of(state));
}

static void writer(void)
{
	unsigned int state;

	for (state = 1; state < STATES; state++)
		change_to(state);
}

/* A read has the value of one state */
void latch_read(void)
{
	u64 value;

	change_to(0);
__CPROVER_ASYNC_1: writer();
	value = xen_sched_clock();

	claim(value >= value_of(0) && value <= value_of(SWITCHES));
}

/* And no older one than the read before */
void latch_reads(void)
{
	u64 first, second;

	change_to(0);
__CPROVER_ASYNC_1: writer();
	first = xen_sched_clock();
	second = xen_sched_clock();

	claim(second >= first);
}
