// SPDX-License-Identifier: GPL-2.0-only
/* The summary for Prometheus, by way of node_exporter's textfile collector */
#include <string.h>

#include "xen-clock.h"

#define PREFIX "xen_clock_"

static void family(const char *name, const char *type, const char *help)
{
	printf("# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name,
	       type);
}

static void plain(const char *name, const char *type, const char *help, double value)
{
	family(name, type, help);
	printf(PREFIX "%s %.17g\n", name, value);
}

/* A label's value must be UTF-8: anything but ASCII becomes a question mark */
static void label(const char *name, const char *value)
{
	printf("%s=\"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			printf("\\%c", *value);
		else
			putchar(*value >= ' ' && *value < 0x7f ? *value : '?');
	}
	putchar('"');
}

static void labelled(const char *name, const char *key, const char *value, double number)
{
	printf(PREFIX "%s{", name);
	label(key, value);
	printf("} %.17g\n", number);
}

static void in_words(const struct guest *guest, const struct decision *decision)
{
	const char *labels[][2] = {
		{ "version", guest->version },
		{ "domain", guest->domain },
		{ "tsc_mode", guest->has_leaf ? xen_tsc_mode_name(guest->facts.mode) : "" },
		{ "sched_clock", guest->patched ? guest->sched_clock : "pvclock" },
		{ "verdict_by", decision->by_kernel ? "kernel" : "policy" },
		{ "reason", decision->reason },
		{ "last_demotion", guest->last_demotion },
	};
	unsigned int i;

	family("info", "gauge", "What Xen and the kernel say, in words.");
	printf(PREFIX "info{");
	for (i = 0; i < ARRAY_SIZE(labels); i++) {
		if (i)
			putchar(',');
		label(labels[i][0], labels[i][1]);
	}
	printf("} 1\n");
}

static void time_leaf(const struct guest *guest)
{
	const struct xen_tsc_facts *facts = &guest->facts;

	plain("leaf_present", "gauge", "Whether Xen says what it does to the TSC.",
	      guest->has_leaf);
	if (!guest->has_leaf)
		return;

	plain("tsc_emulated", "gauge", "Whether RDTSC traps to Xen.", facts->emulated);
	plain("tsc_host_reliable", "gauge",
	      "Whether Xen takes the TSC of the host for reliable.", facts->host_reliable);
	plain("tsc_frequency_hertz", "gauge",
	      "Rate of the TSC by Xen's time leaf, 0 if it does not tell.",
	      facts->khz * 1000.0);
	plain("tsc_incarnation", "gauge",
	      "Xen's count of restores and migrations, from 1.", facts->incarnation);
}

static void clocksource(const struct guest *guest)
{
	char available[LINE_SIZE], *word, *rest;

	if (!*guest->available)
		return;
	memcpy(available, guest->available, sizeof(available));
	family("clocksource", "gauge",
	       "The available clocksources, 1 for the one in use.");
	for (word = strtok_r(available, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		labelled("clocksource", "clocksource", word,
			 !strcmp(word, guest->clocksource));
}

static void verdict(const struct decision *decision)
{
	enum xen_tsc_verdict verdict;

	family("tsc_verdict", "gauge", "What the TSC is taken for, 1 for what holds.");
	for (verdict = XEN_TSC_RELIABLE; verdict <= XEN_TSC_UNSTABLE; verdict++) {
		const char *name = xen_tsc_verdict_name(verdict);

		labelled("tsc_verdict", "verdict", name, !strcmp(name, decision->verdict));
	}
	plain("tsc_verdict_row", "gauge", "The row of the policy's table.", decision->row);
}

static void kernel(const struct guest *guest)
{
	plain("patched", "gauge", "Whether the kernel judges the TSC itself.",
	      guest->patched);
	if (!guest->patched)
		return;

	if (guest->sched_stable != SCHED_UNKNOWN)
		plain("sched_clock_stable", "gauge",
		      "Whether the scheduler takes its clock as it is.",
		      guest->sched_stable == SCHED_STABLE);
	plain("resumes_total", "counter", "Resumes since the boot.", guest->resumes);
	plain("demotions_total", "counter", "How often the TSC was given up.",
	      guest->demotions);
}

static void prices(const struct costs *costs)
{
	int i;

	plain("vdso", "gauge", "Whether clock_gettime needs no system call.", costs->vdso);
	family("read_duration_seconds", "gauge", "What one clock_gettime takes.");
	for (i = 0; i < CLOCKS; i++)
		labelled("read_duration_seconds", "clock", clocks[i].label,
			 costs->clock_ns[i] / NSEC_PER_SEC);
	plain("syscall_duration_seconds", "gauge",
	      "What one clock_gettime takes as a system call.",
	      costs->syscall_ns / NSEC_PER_SEC);
}

void metrics(const struct guest *guest, const struct costs *costs)
{
	struct decision decision;

	plain("up", "gauge", "Whether this is a guest of Xen.", guest->xen);
	if (!guest->xen)
		return;

	decision = decide(guest);
	in_words(guest, &decision);
	time_leaf(guest);
	plain("tsc_invariant", "gauge", "Whether CPUID shows an invariant TSC.",
	      guest->facts.itsc);
	clocksource(guest);
	verdict(&decision);
	kernel(guest);
	prices(costs);
}
