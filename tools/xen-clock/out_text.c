// SPDX-License-Identifier: GPL-2.0-only
/* The summary for people: one screen */
#include <string.h>

#include "xen-clock.h"

#define COLUMN		18
#define WIDTH		80

static void label(const char *name)
{
	printf("%-*s", COLUMN, name);
}

/* Text in lines of one screen's width, behind the label */
static void wrapped(const char *name, const char *text)
{
	int column = COLUMN;

	label(name);
	while (*text) {
		int length = strcspn(text, " ");

		if (column > COLUMN && column + 1 + length > WIDTH) {
			printf("\n%*s", COLUMN, "");
			column = COLUMN;
		}
		if (column > COLUMN)
			column += printf(" ");
		column += printf("%.*s", length, text);
		text += length + strspn(text + length, " ");
	}
	putchar('\n');
}

static void time_leaf(const struct guest *guest)
{
	const struct xen_tsc_facts *facts = &guest->facts;

	label("time leaf");
	if (!guest->has_leaf) {
		printf("none: Xen does not say what it does to the TSC\n");
		return;
	}

	printf("mode %s, TSC %s, ", xen_tsc_mode_name(facts->mode),
	       facts->emulated ? "emulated" : "native");
	if (facts->khz)
		printf("%u kHz\n", facts->khz);
	else
		printf("no rate\n");
	label("");
	printf("host's TSC %s, incarnation %u\n",
	       facts->host_reliable ? "reliable" : "not known to be reliable",
	       facts->incarnation);
}

static void scheduler_clock(const struct guest *guest)
{
	static const char * const stable[] = {
		[SCHED_UNKNOWN] = "", [SCHED_STABLE] = ", stable",
		[SCHED_UNSTABLE] = ", filtered",
	};

	label("scheduler clock");
	printf("%s%s\n", guest->patched ? guest->sched_clock : "pvclock",
	       stable[guest->sched_stable]);
}

static void verdict(const struct decision *decision)
{
	char text[2 * LINE_SIZE + 64];

	snprintf(text, sizeof(text), "%s%s, row %lu: %s",
		 decision->by_kernel ? "" : "this kernel would with the series: ",
		 decision->verdict, decision->row, decision->reason);
	wrapped("verdict", text);
}

static void history(const struct guest *guest)
{
	label("resumes");
	if (!guest->patched) {
		printf("not known to this kernel\n");
		return;
	}

	printf("%lu since the boot, TSC %s\n", guest->resumes,
	       guest->demotions ? "given up" : "never given up");
	if (guest->demotions)
		wrapped("given up because", guest->last_demotion);
}

static void prices(const struct costs *costs)
{
	int i;

	for (i = 0; i < CLOCKS; i++) {
		label(i ? "" : "ns per read");
		printf("%-18s %8.0f\n", clocks[i].name, costs->clock_ns[i]);
	}
}

void text_summary(const struct guest *guest, const struct costs *costs)
{
	struct decision decision = decide(guest);

	label("Xen");
	printf("%s\n", guest->version);
	label("domain");
	printf("%s\n", guest->domain);
	label("kernel");
	printf("%s the series\n", guest->patched ? "with" : "without");
	time_leaf(guest);
	label("invariant TSC");
	printf("%s\n", guest->facts.itsc ? "shown" : "not shown");
	label("clocksource");
	printf("%s, of %s\n", *guest->clocksource ? guest->clocksource : "unknown",
	       *guest->available ? guest->available : "unknown");
	label("clock_gettime");
	printf("%s (%.0f ns, as a system call %.0f ns)\n",
	       costs->vdso ? "vDSO" : "system call",
	       costs->clock_ns[CLOCK_NR_MONOTONIC], costs->syscall_ns);
	scheduler_clock(guest);
	verdict(&decision);
	history(guest);
	prices(costs);
	wrapped("advice", advice(guest, &decision, costs));
}
