// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer drives what the kernel thinks of the TSC, compiled for the host: the
 * policy, the second look, the arithmetic of the guard, and the parser of the
 * boot parameter.  Whatever the input, what they return must hold together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>
#include <linux/time64.h>
#include <linux/types.h>

#include "tsc_policy.h"
#include "tsc_watch.h"

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

/* Mostly a rate that makes sense, as those that do not are soon sorted out */
static u32 take_khz(struct input *input, u32 near)
{
	u8 how = take(input, 1);

	if (how < 64)
		return take(input, 4);

	return near + (s16)take(input, 2);
}

static void take_facts(struct input *input, struct xen_tsc_facts *facts)
{
	u8 flags = take(input, 1);

	*facts = (struct xen_tsc_facts) {
		.xen_major = take(input, 1) % 6,
		.xen_minor = take(input, 1),
		.largest_leaf = flags & 8 ? take(input, 4) : take(input, 1) % 6,
		.emulated = flags & 1,
		.host_reliable = flags & 2,
		.itsc = flags & 4,
		.mode = flags & 16 ? take(input, 4) : take(input, 1) % 5,
		.khz = take_khz(input, 2000000),
		.incarnation = take(input, 4),
		.domain = take(input, 1) % 3,
		.request = take(input, 1) % 3,
	};
	facts->pvclock_khz = take_khz(input, facts->khz);
}

static void check_judgement(const struct xen_tsc_judgement *judgement)
{
	MUST(judgement->rule);
	MUST(judgement->rule->row >= 1 && judgement->rule->row <= 10);
	MUST(judgement->reason && *judgement->reason);
	MUST(judgement->verdict <= XEN_TSC_UNSTABLE);
	MUST(*xen_tsc_verdict_name(judgement->verdict));
}

static void fuzz_judge(struct input *input)
{
	struct xen_tsc_facts facts, other;
	struct xen_tsc_judgement judgement;

	take_facts(input, &facts);
	judgement = xen_tsc_judge(&facts);
	check_judgement(&judgement);
	MUST(*xen_tsc_mode_name(facts.mode));
	MUST(judgement.khz == facts.khz || judgement.khz == facts.pvclock_khz);

	switch (facts.request) {
	case XEN_TSC_ON:
		MUST(judgement.verdict == XEN_TSC_RELIABLE);
		break;
	case XEN_TSC_OFF:
		MUST(judgement.verdict != XEN_TSC_RELIABLE);
		break;
	case XEN_TSC_AUTO:
		MUST(judgement.verdict == judgement.rule->verdict);
		if (judgement.verdict != XEN_TSC_RELIABLE)
			break;
		MUST(facts.xen_major >= 4);
		MUST(facts.largest_leaf >= XEN_TSC_TIME_LEAF);
		MUST(facts.emulated || facts.host_reliable);
		MUST(facts.mode <= 2);
		MUST(facts.khz || facts.domain == XEN_TSC_DOM0);
		break;
	}

	/* Neither counts for anything */
	other = facts;
	other.incarnation = take(input, 4);
	other.xen_minor = take(input, 1);
	MUST(xen_tsc_judge(&other).rule == judgement.rule);
}

static bool close_to(u64 khz, u64 reference, u64 ppm)
{
	u64 gap = khz > reference ? khz - reference : reference - khz;

	return gap * 1000000 <= reference * ppm;
}

static void fuzz_again(struct input *input)
{
	struct xen_tsc_facts promised, found;
	struct xen_tsc_judgement was, is, again;

	take_facts(input, &promised);
	was = xen_tsc_judge(&promised);
	again = xen_tsc_judge_again(&promised, &promised);
	check_judgement(&again);
	MUST(again.verdict == was.verdict);

	take_facts(input, &found);
	found.domain = promised.domain;
	found.request = promised.request;
	is = xen_tsc_judge(&found);
	again = xen_tsc_judge_again(&promised, &found);
	check_judgement(&again);
	MUST(again.rule == is.rule);
	MUST(again.verdict == was.verdict || again.verdict == XEN_TSC_UNSTABLE);
	MUST(again.khz == found.khz || again.khz == found.pvclock_khz);

	/* What is kept ticks as it did, and is vouched for if it was */
	if (again.verdict != XEN_TSC_RELIABLE)
		return;
	MUST(!again.khz || close_to(again.khz, was.khz, 500));
	MUST(is.verdict == XEN_TSC_RELIABLE);
}

static u64 cycles(u64 ns, u32 khz)
{
	return (__uint128_t)ns * khz / NSEC_PER_MSEC;
}

/* A TSC that keeps its rate, until it jumps */
static void fuzz_watch(struct input *input)
{
	struct xen_tsc_look start = { take(input, 8), take(input, 8) };
	u32 khz = 100000 + take(input, 4) % 9900000;
	struct xen_tsc_watch watch = { }, before;
	struct xen_tsc_look look = start;
	u64 elapsed = 0;
	s64 gap, jump;

	while (input->left > 8) {
		MUST(xen_tsc_watch(&watch, &look, khz, &gap));
		MUST(watch.armed);
		/* A cycle or two are lost in rounding */
		MUST(labs(gap) <= 2 * (NSEC_PER_MSEC / khz + 1));
		MUST(!memcmp(&watch.last, &look, sizeof(look)));

		/* Up to 18 minutes in all */
		elapsed += take(input, 5) % (64 * NSEC_PER_SEC);
		look.tsc = start.tsc + cycles(elapsed, khz);
		look.pvclock = start.pvclock + elapsed;
	}
	if (!watch.armed)
		return;

	/* From two seconds to some weeks, either way */
	jump = 2 * NSEC_PER_SEC + take(input, 7) % (1ULL << 51);
	if (jump & 1) {
		look.tsc -= cycles(jump, khz);
		jump = -jump;
	} else {
		look.tsc += cycles(jump, khz);
	}
	before = watch;
	MUST(!xen_tsc_watch(&watch, &look, khz, &gap));
	MUST(!memcmp(&watch, &before, sizeof(watch)));
	MUST((gap < 0) == (jump < 0));
}

/* Nothing makes sense */
static void fuzz_watch_nonsense(struct input *input)
{
	struct xen_tsc_watch watch = { };
	u32 khz = take(input, 4);
	s64 gap;

	while (input->left) {
		struct xen_tsc_look look = { take(input, 8), take(input, 8) };
		bool good = xen_tsc_watch(&watch, &look, khz, &gap);

		MUST(good || khz);
		MUST(gap > -(1LL << 53) && gap < 1LL << 53);
	}
}

static void fuzz_parse(struct input *input)
{
	static const char words[] =
		"auto on off 1 0 y n yes no t f true false";
	enum xen_tsc_request before = take(input, 1) % 3, request = before;
	char arg[32] = "", *known, *word, *rest;
	bool valid = false;

	memcpy(arg, input->data, min(input->left, sizeof(arg) - 1));
	known = strdup(words);
	for (word = strtok_r(known, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		valid |= !strcasecmp(word, arg);
	free(known);

	MUST(xen_tsc_parse_request(arg, &request) == valid);
	MUST(valid || request == before);
	MUST(*xen_tsc_request_name(request));
}

/* The name by which libFuzzer calls it */
int fuzz_one(const u8 *data, size_t size) asm("LLVMFuzzerTestOneInput");

int fuzz_one(const u8 *data, size_t size)
{
	static void (*const targets[])(struct input *) = {
		fuzz_judge, fuzz_again, fuzz_watch, fuzz_watch_nonsense, fuzz_parse,
	};
	struct input input = { data, size };

	targets[take(&input, 1) % ARRAY_SIZE(targets)](&input);

	return 0;
}
