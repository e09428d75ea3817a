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
		{ "verdict_by", decision->by_kernel ? "kernel" : "policy" },
		{ "rule", decision->rule },
		{ "reason", decision->reason },
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
	      "Whether Xen finds the TSC of the host reliable.", facts->host_reliable);
	plain("tsc_frequency_hertz", "gauge",
	      "Frequency of the TSC by Xen's time leaf, 0 if unknown.", facts->khz * 1000.0);
	plain("tsc_host_frequency_hertz", "gauge",
	      "Frequency of the host's TSC by Xen's time leaf, 0 if unknown.",
	      facts->host_khz * 1000.0);
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

	family("tsc_verdict", "gauge", "The verdict on the TSC, 1 for the one that holds.");
	for (verdict = XEN_TSC_RELIABLE; verdict <= XEN_TSC_UNSTABLE; verdict++) {
		const char *name = xen_tsc_verdict_name(verdict);

		labelled("tsc_verdict", "verdict", name, !strcmp(name, decision->verdict));
	}
	plain("at_risk", "gauge", "Whether time is read from a TSC that is not guaranteed.",
	      decision->at_risk);
}

static void own_verdict(const struct guest *guest)
{
	plain("patched", "gauge", "Whether the kernel evaluates the TSC itself.",
	      guest->patched);
	if (guest->patched)
		plain("demotions_total", "counter",
		      "How often the kernel has marked the TSC unstable since the boot.",
		      guest->demotions);
}

static void prices(const struct costs *costs)
{
	int i;

	plain("vdso", "gauge", "Whether clock_gettime needs no system call.", costs->vdso);
	family("read_duration_seconds", "gauge", "How long one clock_gettime takes.");
	for (i = 0; i < CLOCKS; i++)
		labelled("read_duration_seconds", "clock", clocks[i].label,
			 costs->clock_ns[i] / NSEC_PER_SEC);
	plain("syscall_duration_seconds", "gauge",
	      "How long one clock_gettime takes as a system call.",
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
	own_verdict(guest);
	prices(costs);
}
