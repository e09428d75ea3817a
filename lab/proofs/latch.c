// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proofs about reads of sched_clock while its source changes, any number of times.
 *
 * State n of the clock is the one that the nth change sets. The invariant: if the
 * sequence is 2 * n or 2 * n + 1, the copy that it selects is state n; the other copy is
 * anything, as it may be half written. latch-write shows that the writer keeps it, and
 * latch-read that a reader is right wherever it is kept, if before each of its loads the
 * writer may be that much further.
 */
#include "proof.h"
#include "latch_shims.h"

#include "sched_clock.c"

#define latch	xen_sched_clock_latch

/* Who does something in hook() */
static enum { ALONE, READ, WRITTEN, INTERRUPTED, PVCLOCK_ONLY, UNSTEADY } proof;

/* What the clock says in a state, by the clocks as they were read last */
static struct xen_tsc_sample clocks;
/* The state that the sequence selects, and the one that it will select */
static struct xen_sched_clock_data state, next;
/* Where the reader's latest attempt began, in which state, and where it read its clock */
static u64 began_at, clock_read_at;
static struct xen_sched_clock_data began_in;
static unsigned int attempts;
/* The value at which xen_sched_clock_pvclock() is frozen, or goes on */
static u64 clock_says;

static enum xen_sched_clock_source any_source(void)
{
	u32 source = nondet_u32();

	assume(source <= XEN_SCHED_CLOCK_TSC);
	return source;
}

static struct xen_sched_clock_data anything(void)
{
	return (struct xen_sched_clock_data) { any_source(), nondet_u64(), nondet_u64() };
}

static bool same(const struct xen_sched_clock_data *a, const struct xen_sched_clock_data *b)
{
	return a->source == b->source && a->mult == b->mult && a->offset == b->offset;
}

/*
 * The writer makes any number of steps: on another CPU, or because the reader is
 * interrupted by it. One limit: while a reader makes one attempt, these are less than 2^32.
 */
static void advance(void)
{
	u64 steps = nondet_u64();

	assume(steps >= latch.seq.steps && steps - began_at < 1ULL << 32);
	if (steps >> 1 != latch.seq.steps >> 1)
		state = anything();
	latch.seq.steps = steps;
	latch.data[steps & 1] = state;
	latch.data[!(steps & 1)] = anything();
}

/* What a reader would find now */
static void observe(void)
{
	const struct xen_sched_clock_data *found = &latch.data[latch.seq.steps & 1];

	claim(same(found, latch.seq.steps == began_at + 2 ? &next : &state));
}

/* An NMI may come here, in the midst of the writer; it reads in one attempt */
static void interrupt(void)
{
	u64 value;

	if (nondet_int())
		return;

	proof = ALONE;
	value = xen_sched_clock();
	proof = INTERRUPTED;

	claim(attempts == 0);
	claim(value == xen_sched_clock_value(&state, &clocks) ||
	      value == xen_sched_clock_value(&next, &clocks));
}

/* The same in a guest that never uses the TSC, at a store to what it reads */
static void store_hook(void)
{
	if (proof == PVCLOCK_ONLY)
		claim(xen_sched_clock_pvclock() == clock_says);
}

static void hook(void)
{
	if (proof == READ)
		advance();
	else if (proof == WRITTEN)
		observe();
	else if (proof == INTERRUPTED)
		interrupt();
}

static void read_clock(void)
{
	if (proof != READ)
		return;

	advance();
	clock_read_at = latch.seq.steps;
	clocks = (struct xen_tsc_sample) { nondet_u64(), nondet_u64() };
}

static u64 rdtsc(void)
{
	read_clock();
	return clocks.tsc;
}

static u64 pvclock(void)
{
	read_clock();
	return proof == UNSTEADY ? nondet_u16() : clocks.pvclock;
}

static u64 pvclock_latest(void)
{
	u64 now = pvclock();

	if (proof == UNSTEADY && now < returned)
		return returned;

	returned = now;
	return now;
}

static unsigned int raw_read_seqcount_latch(const seqcount_latch_t *s)
{
	hook();
	began_at = s->steps;
	began_in = state;
	return began_at;
}

static int raw_read_seqcount_latch_retry(const seqcount_latch_t *s, unsigned int start)
{
	hook();
	if ((u32)s->steps == start)
		return 0;

	/* No reader waits for a writer: it starts again only if that has moved on */
	claim(s->steps > began_at);
	/* Then it begins in any state again, and one more attempt stands for all of them */
	assume(++attempts < 2);
	return 1;
}

static void raw_write_seqcount_latch(seqcount_latch_t *s)
{
	hook();
	s->steps++;
	hook();
}

static u64 any_number(void)
{
	u64 steps = nondet_u64();

	assume(steps < 1ULL << 62);
	return steps;
}

static void any_state(u64 steps)
{
	latch.seq.steps = steps;
	began_at = steps;
	state = anything();
	latch.data[steps & 1] = state;
}

/*
 * A read has the value of one state, which is no older than the read, and was the current
 * one when the clock was read.
 */
void latch_read(void)
{
	u64 began, value;

	any_state(any_number());
	latch.data[!(latch.seq.steps & 1)] = anything();
	began = latch.seq.steps >> 1;

	proof = READ;
	value = xen_sched_clock();

	claim(value == xen_sched_clock_value(&began_in, &clocks));
	claim(began_at >> 1 >= began && began_at <= latch.seq.steps);
	claim(began_in.source == XEN_SCHED_CLOCK_FROZEN || clock_read_at == began_at);
}

static enum xen_sched_clock_source any_change(u64 steps, u64 value)
{
	enum xen_sched_clock_source source = any_source();

	clocks = (struct xen_tsc_sample) { nondet_u64(), nondet_u64() };
	tsc_khz = nondet_u32();
	assume(tsc_khz);

	any_state(steps);
	latch.data[1] = state;

	next = state;
	if (source == XEN_SCHED_CLOCK_TSC)
		next.mult = xen_tsc_mult(tsc_khz);
	xen_sched_clock_continue(&next, source, &clocks, value);
	return source;
}

/* From any state to any other one: the sequence always selects one of the two */
void latch_write(void)
{
	u64 value = nondet_u64();
	enum xen_sched_clock_source source = any_change(any_number() & ~1ULL, value);

	proof = WRITTEN;
	xen_sched_clock_set(source, &clocks, value);
	observe();

	claim(latch.seq.steps == began_at + 2);
	claim(same(&latch.data[0], &next) && same(&latch.data[1], &next));
}

/* The same with the real reader in an NMI, which does not wait; the sequence wraps here */
void latch_nmi(void)
{
	u64 value = nondet_u64();
	enum xen_sched_clock_source source = any_change(0xfffffffe, value);

	proof = INTERRUPTED;
	xen_sched_clock_set(source, &clocks, value);
	interrupt();
}

/* Both clocks stand still here: to freeze and to go on do not change what is read */
void latch_pvclock(void)
{
	enum xen_sched_clock_source source;

	clock_says = nondet_u64();
	source = any_change(0, clock_says);
	assume(clock_says && source != XEN_SCHED_CLOCK_TSC);
	if (source == XEN_SCHED_CLOCK_PVCLOCK) {
		xen_sched_clock_frozen = clock_says;
		xen_sched_clock_offset = nondet_u64();
	} else {
		xen_sched_clock_offset = clocks.pvclock - clock_says;
	}

	proof = PVCLOCK_ONLY;
	xen_sched_clock_set(source, &clocks, clock_says);
	store_hook();
}

/*
 * The pvclock may go backwards at any time here, as it does if Xen moves the vCPU to a CPU
 * whose clock is behind, but sched_clock does not: when it starts and changes to the TSC
 * (latch_start), and when it changes back or the guest is resumed, where both clocks may
 * be others (latch_leave). The TSC stands still, as the product of it and its factor is
 * any function of the two, and the pvclock has 16 bits, as more take the solver minutes.
 */
void latch_start(void)
{
	u64 said;

	proof = UNSTEADY;
	tsc_khz = nondet_u32();
	assume(tsc_khz);

	xen_sched_clock_init();
	said = xen_sched_clock_pvclock();
	claim((s64)said >= 0);

	xen_sched_clock_use_tsc();
	claim((s64)(xen_sched_clock() - said) >= 0);
}

void latch_leave(void)
{
	struct xen_tsc_sample now;
	u64 said;

	proof = UNSTEADY;
	returned = nondet_u16();
	clocks.tsc = nondet_u64();
	any_state(0);
	latch.data[1] = state;
	xen_sched_clock_source = state.source;
	assume(state.source != XEN_SCHED_CLOCK_FROZEN);

	said = xen_sched_clock();
	if (any_bool()) {
		xen_tsc_read_sample(&now);
		xen_sched_clock_use_pvclock(&now, said);
	} else {
		xen_sched_clock_suspend();
		clocks.tsc = nondet_u64();
		xen_sched_clock_resume();
	}
	claim((s64)(xen_sched_clock() - said) >= 0);
}
