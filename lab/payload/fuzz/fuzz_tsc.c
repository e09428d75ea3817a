// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer on the kernel's pure code, compiled for the host: the policy, the arithmetic
 * of the watchdog, that of sched_clock, and the parser of the boot parameter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>
#include <linux/time64.h>
#include <linux/types.h>

#include "sched_clock.h"
#include "tsc_policy.h"
#include "tsc_skew.h"

#define MUST(condition)							\
	do {								\
		if (!(condition)) {					\
			fprintf(stderr, "%s:%d: %s: does not hold: %s\n", \
				__FILE__, __LINE__, __func__, #condition); \
			abort();					\
		}							\
	} while (0)

struct input {
	const u8 *data;
	size_t left;
};

/* The next bytes, or zeroes when there are no more */
static u64 take(struct input *input, size_t size)
{
	u64 value = 0;

	if (size > input->left)
		size = input->left;
	memcpy(&value, input->data, size);
	input->data += size;
	input->left -= size;

	return value;
}

static __int128 magnitude(__int128 value)
{
	return value < 0 ? -value : value;
}

static bool close_to(u64 khz, u64 reference, u64 ppm)
{
	return magnitude((__int128)khz - reference) * 1000000 <= (__int128)reference * ppm;
}

/* Mostly close to another one, as frequencies far apart are soon sorted out */
static u32 take_khz(struct input *input, u32 near)
{
	switch (take(input, 1) % 8) {
	case 0:
		return take(input, 4);
	case 1:
		return 0;
	case 2:
		return near + (s16)take(input, 2) % 256;
	case 3:
		/* Up to 6.5 % */
		return near + (s64)near * (s16)take(input, 2) / 500000;
	default:
		return near;
	}
}

static void take_facts(struct input *input, struct xen_tsc_facts *facts, u32 near)
{
	u8 flags = take(input, 1);
	u32 khz = take_khz(input, near);

	*facts = (struct xen_tsc_facts) {
		.emulated = flags & 1,
		.host_reliable = flags & 2,
		.itsc = flags & 4,
		.named = flags & 32,
		.impostor = (flags & 0xc0) == 0xc0,
		.xen_major = take(input, 1) % 8,
		.xen_minor = take(input, 1),
		.largest_leaf = flags & 8 ? take(input, 4) : take(input, 1) % 6,
		.mode = flags & 16 ? take(input, 4) : take(input, 1) % 5,
		.khz = khz,
		.incarnation = take(input, 4),
		.host_khz = take_khz(input, khz),
		.pvclock_khz = take_khz(input, khz),
		.domain = take(input, 1) % 3,
	};
}

static enum xen_tsc_request take_request(struct input *input)
{
	return take(input, 1) % 3;
}

/* The frequency that Xen tells this domain, 0 if it does not */
static u32 leaf_khz(const struct xen_tsc_facts *facts)
{
	if (!facts->khz && facts->domain == XEN_TSC_DOM0 && !facts->emulated)
		return facts->host_khz;
	/* Never emulated: it is the host's */
	if (facts->khz && facts->host_khz && facts->mode == 2)
		return facts->host_khz;

	return facts->khz;
}

static void check_decision(const struct xen_tsc_decision *decision,
			   const struct xen_tsc_facts *facts)
{
	static const char * const rules[] = {
		"impostor", "old-xen", "no-leaf", "frequency", "emulated", "native",
		"unreliable-host", "invariant", "invariant-unchecked", "never-emulated",
		"pvrdtscp", "unknown-mode",
	};
	bool known = false;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rules); i++)
		known |= !strcmp(decision->rule, rules[i]);
	MUST(known);
	MUST(decision->verdict <= XEN_TSC_UNSTABLE);
	MUST(*decision->reason);
	MUST(*xen_tsc_verdict_name(decision->verdict));
	MUST(*xen_tsc_mode_name(facts->mode));
	MUST(decision->khz == (decision->exact ? leaf_khz(facts) : facts->pvclock_khz));
}

/* The time leaf's frequency is the one to use, unless it makes no sense */
static bool is_plausible(const struct xen_tsc_facts *facts)
{
	u32 khz = leaf_khz(facts);

	return khz && close_to(khz, facts->pvclock_khz, 50000);
}

/* Whatever the request */
static void check_reliable(const struct xen_tsc_decision *decision,
			   const struct xen_tsc_facts *facts)
{
	u32 leaf = leaf_khz(facts);

	MUST(decision->khz);
	MUST(close_to(decision->khz, facts->pvclock_khz, 50000));
	MUST(!leaf || decision->khz == leaf);
}

/* If nobody asks for it: only what Xen guarantees */
static void check_guaranteed(const struct xen_tsc_facts *facts)
{
	MUST(!facts->impostor);
	MUST(facts->xen_major >= 4);
	MUST(facts->largest_leaf >= XEN_TSC_TIME_LEAF);
	MUST(facts->emulated || facts->host_reliable);
	MUST(facts->mode <= 2);
	MUST(facts->mode != 2 || facts->itsc);
	MUST(leaf_khz(facts));
}

static void fuzz_evaluate(struct input *input)
{
	struct xen_tsc_decision automatic, on, off, same;
	struct xen_tsc_facts facts, other;

	take_facts(input, &facts, 2000000);
	automatic = xen_tsc_evaluate(&facts, XEN_TSC_AUTO);
	on = xen_tsc_evaluate(&facts, XEN_TSC_ON);
	off = xen_tsc_evaluate(&facts, XEN_TSC_OFF);
	check_decision(&automatic, &facts);
	check_decision(&on, &facts);
	check_decision(&off, &facts);

	/* The rule is about the facts alone */
	MUST(automatic.rule == on.rule && automatic.rule == off.rule);
	MUST(off.verdict == XEN_TSC_UNVERIFIED);
	MUST(off.khz == facts.pvclock_khz && !off.exact);
	MUST(on.exact == is_plausible(&facts));
	MUST(automatic.exact == is_plausible(&facts));
	MUST(on.verdict <= automatic.verdict);
	if (on.verdict == XEN_TSC_RELIABLE)
		check_reliable(&on, &facts);
	if (automatic.verdict == XEN_TSC_RELIABLE) {
		check_reliable(&automatic, &facts);
		check_guaranteed(&facts);
	}
	MUST(automatic.verdict != XEN_TSC_UNSTABLE || !facts.named);

	/* These do not matter */
	other = facts;
	other.incarnation = take(input, 4);
	other.xen_minor = take(input, 1);
	same = xen_tsc_evaluate(&other, XEN_TSC_AUTO);
	MUST(same.rule == automatic.rule && same.verdict == automatic.verdict);
}

static void fuzz_reevaluate(struct input *input)
{
	enum xen_tsc_request request = take_request(input);
	struct xen_tsc_decision boot, fresh, now;
	struct xen_tsc_facts at_boot, facts;
	bool same;

	take_facts(input, &at_boot, 2000000);
	boot = xen_tsc_evaluate(&at_boot, request);
	now = xen_tsc_reevaluate(&boot, &at_boot, request);
	MUST(now.verdict == boot.verdict);

	take_facts(input, &facts, boot.khz);
	facts.domain = at_boot.domain;
	facts.named = at_boot.named;
	fresh = xen_tsc_evaluate(&facts, request);
	now = xen_tsc_reevaluate(&boot, &facts, request);
	check_decision(&now, &facts);
	MUST(now.rule == fresh.rule);
	MUST(now.verdict == boot.verdict || now.verdict == XEN_TSC_UNSTABLE);

	/* A TSC that is still used runs as it did, and is guaranteed if it was */
	same = !now.khz || !boot.khz ||
	       close_to(now.khz, boot.khz, now.exact && boot.exact ? 100 : 50000);
	MUST(same || now.verdict == XEN_TSC_UNSTABLE);
	if (boot.verdict == XEN_TSC_RELIABLE && fresh.verdict != XEN_TSC_RELIABLE)
		MUST(now.verdict == XEN_TSC_UNSTABLE);
	else if (same)
		MUST(now.verdict == boot.verdict);
	if (now.verdict == XEN_TSC_RELIABLE)
		check_reliable(&now, &facts);
}

/* 100 MHz to 4.3 GHz */
static u32 take_tsc_khz(struct input *input)
{
	return 100000 + take(input, 4) % 4200000;
}

/* Up to 2^bits in either direction */
static s64 take_signed(struct input *input, unsigned int bits)
{
	s64 value = take(input, 8) & ((1ULL << (take(input, 1) % (bits + 1))) - 1);

	return take(input, 1) & 1 ? -value : value;
}

static s64 cycles(s64 ns, u32 khz)
{
	return (__int128)ns * khz / NSEC_PER_MSEC;
}

static void fuzz_to_ns(struct input *input)
{
	u32 khz = take_tsc_khz(input);
	u64 mult = xen_tsc_mult(khz);
	s64 value = take(input, 8);
	__int128 right = (__int128)value * NSEC_PER_MSEC / khz;
	__int128 result = ((__int128)value * mult) >> XEN_TSC_MULT_SHIFT;

	MUST(xen_tsc_to_ns(value, mult) == (u64)result);
	/* One part in 2^32 of the cycles, and rounding towards zero and down */
	MUST(magnitude(result - right) <= (magnitude(value) >> XEN_TSC_MULT_SHIFT) + 2);
	if (khz <= 4000000)
		MUST(magnitude(result - right) <= magnitude(right) / NSEC_PER_SEC + 2);
}

static void take_tolerance(struct input *input, struct xen_tsc_tolerance *tolerance)
{
	/* The kernel's two, and any up to 18 minutes */
	const struct xen_tsc_tolerance kernel[] = { xen_tsc_tight, xen_tsc_loose };
	u8 which = take(input, 1) % 4;

	if (which < ARRAY_SIZE(kernel)) {
		*tolerance = kernel[which];
		return;
	}
	tolerance->ns = take(input, 5);
	tolerance->drift_shift = 8 + take(input, 1) % 24;
}

/* Two CPUs, or one CPU twice: by how far have TSC and pvclock moved apart? */
static void fuzz_skew(struct input *input)
{
	u32 khz = take_tsc_khz(input);
	u64 mult = xen_tsc_mult(khz);
	/* 146 years at most, and less of the skew if the frequency is high */
	s64 elapsed = take_signed(input, 60), skew = take_signed(input, 60);
	struct xen_tsc_sample from = { take(input, 8), take(input, 8) };
	struct xen_tsc_sample to = {
		.tsc = from.tsc + cycles(elapsed + skew, khz),
		.pvclock = from.pvclock + elapsed,
	};
	struct xen_tsc_tolerance tolerance;
	__int128 limit, error, seen;

	take_tolerance(input, &tolerance);
	seen = xen_tsc_skew(&from, &to, mult);
	error = magnitude(elapsed + skew) / 1000000000 + NSEC_PER_MSEC / khz + 2;
	if (khz > 4000000)
		error *= 2;
	MUST(magnitude(seen - skew) <= error);

	limit = tolerance.ns + ((u64)magnitude(elapsed) >> tolerance.drift_shift);
	if (magnitude(skew) > limit + error)
		MUST(!xen_tsc_skew_tolerated(seen, elapsed, &tolerance));
	if (magnitude(skew) <= limit - error)
		MUST(xen_tsc_skew_tolerated(seen, elapsed, &tolerance));
	MUST(xen_tsc_skew_tolerated(seen, elapsed, &tolerance) ==
	     (magnitude(seen) <= limit));
}

/* A skew that does not fit in 64 bits does not look like a small one */
static void fuzz_skew_beyond(struct input *input)
{
	u32 khz = 1000000 + take(input, 4) % 3300000;
	u64 mult = xen_tsc_mult(khz);
	struct xen_tsc_sample from = { take(input, 8), take(input, 8) }, to;
	const __int128 years = (__int128)1 << 62;
	s64 elapsed = take_signed(input, 62), moved = take(input, 8);
	__int128 skew = (((__int128)moved * mult) >> XEN_TSC_MULT_SHIFT) - elapsed;

	to = (struct xen_tsc_sample){ from.tsc + moved, from.pvclock + elapsed };
	if (magnitude(skew) > years)
		MUST(xen_tsc_magnitude(xen_tsc_skew(&from, &to, mult)) >= (u64)years);
	else
		MUST(xen_tsc_skew(&from, &to, mult) == skew);
}

/* Clocks that go forwards, and switches between them */
static void fuzz_sched_clock(struct input *input)
{
	struct xen_sched_clock_data data = { .mult = xen_tsc_mult(take_tsc_khz(input)) };
	struct xen_tsc_sample now = {
		.tsc = take_signed(input, 60),
		.pvclock = take_signed(input, 60),
	};
	u64 before = take(input, 8), value;

	xen_sched_clock_continue(&data, XEN_SCHED_CLOCK_PVCLOCK, &now, before);
	while (input->left) {
		u8 what = take(input, 1);

		if (what & 4) {
			enum xen_sched_clock_source source = what % 3;

			/* A watchdog may move it forward at the same time */
			before += what & 8 ? take(input, 4) : 0;
			xen_sched_clock_continue(&data, source, &now, before);
			MUST(data.source == source);
		}
		MUST(xen_sched_clock_value(&data, &now) == before);

		/* Minutes at most: reads are not further apart than ticks and suspends */
		now.tsc += take(input, 5);
		now.pvclock += take(input, 5);
		value = xen_sched_clock_value(&data, &now);
		MUST((s64)(value - before) >= 0);
		if (data.source == XEN_SCHED_CLOCK_FROZEN)
			MUST(value == before);
		before = value;
	}
}

static void fuzz_parse(struct input *input)
{
	static const char words[] =
		"auto on off 1 0 y n yes no t f true false";
	enum xen_tsc_request before = take_request(input), request = before;
	size_t length = input->left;
	char arg[32] = "", *known, *word, *rest;
	bool valid = false;

	if (length > sizeof(arg) - 1)
		length = sizeof(arg) - 1;
	memcpy(arg, input->data, length);
	known = strdup(words);
	for (word = strtok_r(known, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		valid |= !strcasecmp(word, arg);
	free(known);

	MUST(xen_tsc_parse_request(arg, &request) == valid);
	MUST(valid || request == before);
	MUST(!xen_tsc_parse_request(NULL, &request));
}

/* The name by which libFuzzer calls it */
int fuzz_one(const u8 *data, size_t size) asm("LLVMFuzzerTestOneInput");

int fuzz_one(const u8 *data, size_t size)
{
	static void (*const targets[])(struct input *) = {
		fuzz_evaluate, fuzz_reevaluate, fuzz_to_ns, fuzz_skew, fuzz_skew_beyond,
		fuzz_sched_clock, fuzz_parse,
	};
	struct input input = { data, size };

	targets[take(&input, 1) % ARRAY_SIZE(targets)](&input);

	return 0;
}
