// SPDX-License-Identifier: GPL-2.0-only
/* The summary for people: one screen, and one sentence on what to do */
#include <string.h>

#include "emulation.h"
#include "host_clock.h"
#include "safe.h"

#define COLUMN		18
#define WIDTH		80

#define STAY		"Do not migrate the guest. "
#define NAMED		"clocksource=tsc and tsc=reliable"
#define BOOT		", and shut it down and start it again."

/* Time is read from a TSC that Xen does not guarantee */
static const char *advice_unsafe(const struct decision *decision)
{
	if (!strcmp(decision->rule, "never-emulated") || !strcmp(decision->rule, "old-xen"))
		return "The TSC is in use, and a migration can change it. " STAY
		       "Take " NAMED " off its command line" BOOT;

	return "The TSC is in use, but Xen does not guarantee it. " STAY
	       "Put clocksource=xen on its command line in place of " NAMED BOOT;
}

/* Why the policy could not say more, and who can change that */
static const char *advice_rule(const char *rule, bool dom0)
{
	static const struct {
		const char *rule, *advice;
	} advice[] = {
		{ "impostor", "Leave the clocksource as it is: KVM claims to be Xen here." },
		{ "old-xen", "This Xen is too old to guarantee the TSC; Xen 4.0 can." },
		{ "no-leaf", "Have the toolstack show Xen's time leaf to this guest." },
		{ "frequency", "Not a real Xen? Its time leaf and pvclock disagree." },
		{ "unreliable-host", "Check what Xen says of the host's TSC (xl dmesg)." },
		{ "invariant-unchecked", "Check what Xen says of the host's TSC (xl dmesg)." },
		{ "never-emulated", "Use tsc_mode=default, which the kernel can rely on." },
		{ "pvrdtscp", "Use tsc_mode=default: native_paravirt is for applications." },
	};
	unsigned int i;

	if (dom0)
		return "Nothing to do: the kernel checks the TSC itself.";
	for (i = 0; i < ARRAY_SIZE(advice); i++)
		if (!strcmp(rule, advice[i].rule))
			return advice[i].advice;

	return "Leave the clocksource as it is: Xen does not guarantee the TSC.";
}

const char *advice(const struct guest *guest, const struct decision *decision,
		   const struct costs *costs)
{
	bool tsc = !strcmp(guest->clocksource, "tsc");

	if (!strcmp(decision->safe, "false"))
		return advice_unsafe(decision);
	if (!*guest->clocksource)
		return "Find out which clocksource is in use: the kernel does not say.";
	if (guest->demoted)
		return "The TSC was demoted: time is right, and slow to read until the next boot.";
	if (!decision->guaranteed)
		return advice_rule(decision->rule, guest->facts.domain == XEN_TSC_DOM0);
	if (!guest->patched)
		return tsc ?
		"The TSC is in use; only a kernel with the series checks it after a resume." :
		"Nothing to do; with the series the kernel would read the time faster.";
	if (!strcmp(decision->reason, "xen_tsc_reliable=off"))
		return "Xen guarantees the TSC, but xen_tsc_reliable=off is set, or built in.";
	if (!tsc)
		return "The TSC is reliable, but not in use: check clocksource= and tsc=.";
	if (!costs->vdso)
		return "The TSC is in use, but not in the vDSO: check whether vdso=0 was given.";
	if (guest->facts.emulated)
		return "Nothing to do; on a host whose TSC Xen finds reliable it costs less.";
	return "Nothing to do.";
}

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

static void khz_words(char text[LINE_SIZE], u32 khz)
{
	if (khz)
		snprintf(text, LINE_SIZE, "%u kHz", khz);
	else
		snprintf(text, LINE_SIZE, "frequency unknown");
}

static void time_leaf(const struct guest *guest)
{
	const struct xen_tsc_facts *facts = &guest->facts;
	char khz[LINE_SIZE], host_khz[LINE_SIZE], text[3 * LINE_SIZE];

	if (!guest->has_leaf) {
		wrapped("time leaf", "none: Xen does not say what it does to the TSC");
		return;
	}

	khz_words(khz, facts->khz);
	khz_words(host_khz, facts->host_khz);
	snprintf(text, sizeof(text),
		 "mode %s, TSC %s, %s, incarnation %u; host's TSC %s, %s",
		 xen_tsc_mode_name(facts->mode), facts->emulated ? "emulated" : "native", khz,
		 facts->incarnation,
		 facts->host_reliable ? "reliable" : "not known to be reliable", host_khz);
	wrapped("time leaf", text);
}

/* Why the TSC is emulated, and what would make it native */
static void why(const struct guest *guest)
{
	struct explanation why = explain(guest);
	char text[sizeof(why.reason) + sizeof(why.remedy) + 16];

	if (!*why.reason)
		return;

	snprintf(text, sizeof(text), "emulated: %s. %s", why.reason, why.remedy);
	wrapped("why", text);
}

static void verdict(const struct decision *decision)
{
	char text[2 * LINE_SIZE + 64];
	/* The kernel writes it where it is clear what is meant */
	bool named = !strcmp(decision->reason, "named on the command line");

	snprintf(text, sizeof(text), "%s%s: %s%s (rule %s)",
		 decision->by_kernel ? "" : "a patched kernel would say: ",
		 decision->verdict, named ? "the TSC is " : "", decision->reason,
		 decision->rule);
	wrapped("verdict", text);
}

static void host_clock(const struct guest *guest)
{
	struct host_clock clock;
	char text[2 * LINE_SIZE];

	host_clock_read(&clock, guest);
	host_clock_words(text, &clock);
	wrapped("host's clock", text);
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
	const char *state = safe_state(guest, &decision);
	bool good = !strcmp(state, "OK");

	if (!good)
		wrapped(state, advice(guest, &decision, costs));
	label("Xen");
	printf("%s\n", guest->version);
	label("domain");
	printf("%s\n", guest->domain);
	label("kernel");
	printf("%s the series\n", guest->patched ? "with" : "without");
	time_leaf(guest);
	why(guest);
	label("invariant TSC");
	printf("%s\n", guest->facts.itsc ? "shown" : "not shown");
	label("clocksource");
	printf("%s, of %s\n", *guest->clocksource ? guest->clocksource : "unknown",
	       *guest->available ? guest->available : "unknown");
	label("clock_gettime");
	printf("%s (%.0f ns, as a system call %.0f ns)\n",
	       costs->vdso ? "vDSO" : "system call",
	       costs->clock_ns[CLOCK_NR_MONOTONIC], costs->syscall_ns);
	verdict(&decision);
	host_clock(guest);
	prices(costs);
	if (good)
		wrapped("advice", advice(guest, &decision, costs));
}

int summary(const struct guest *guest, const struct options *options)
{
	struct costs costs;

	costs_measure(&costs);
	if (options->json)
		json_summary(guest, &costs);
	else
		text_summary(guest, &costs);

	return EXIT_OK;
}
