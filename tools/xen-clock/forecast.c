// SPDX-License-Identifier: GPL-2.0-only
/* xen-clock forecast: what becomes of the clocks of guests that move to another host */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <asm/xen/cpuid.h>

#include "host.h"

struct outcome {
	enum tristate before, after;	/* emulated */
	u32 khz;			/* there */
	bool kept;			/* the frequency */
	const char *verdict;		/* of a kernel with the series, after the move */
	char reason[LINE_SIZE];
	char without[LINE_SIZE];	/* what one without it does */
	double read_before, read_after;	/* NAN where it traps, or nobody knows */
};

/* What the time leaf says there: a TSC that is never emulated is that of the host */
static struct xen_tsc_facts facts_of(const struct host *host,
				     const struct host_domain *domain, enum tristate emulated,
				     u32 khz)
{
	return (struct xen_tsc_facts){
		.xen_major	= host->tsc.major,
		.xen_minor	= host->tsc.minor,
		.largest_leaf	= XEN_TSC_TIME_LEAF,
		.emulated	= emulated == YES,
		.host_reliable	= host->tsc.reliable == YES,
		.mode		= domain->tsc.mode,
		.khz		= khz,
		.host_khz	= host->tsc.khz,
		.pvclock_khz	= khz,
		.incarnation	= domain->incarnation,
		.domain		= domain->tsc.hvm ? XEN_TSC_HVM : XEN_TSC_PV,
	};
}

/* Of a guest that sees the invariant TSC, or does not */
static struct xen_tsc_decision decide_there(struct xen_tsc_facts here,
					     struct xen_tsc_facts there,
					     bool itsc)
{
	struct xen_tsc_decision boot;

	here.itsc = itsc;
	there.itsc = itsc;
	boot = xen_tsc_evaluate(&here, XEN_TSC_AUTO);

	return xen_tsc_reevaluate(&boot, &there, XEN_TSC_AUTO);
}

/* What a guest sees is in its configuration, which xl does not print here */
static void with_series(struct outcome *outcome, struct xen_tsc_facts here,
			struct xen_tsc_facts there)
{
	struct xen_tsc_decision hidden = decide_there(here, there, false);
	struct xen_tsc_decision shown = decide_there(here, there, true);

	if (hidden.verdict == shown.verdict) {
		outcome->verdict = xen_tsc_verdict_name(hidden.verdict);
		snprintf(outcome->reason, sizeof(outcome->reason), "%s", hidden.reason);
		return;
	}
	outcome->verdict = "unknown";
	snprintf(outcome->reason, sizeof(outcome->reason),
		 "%s with cpuid=\"host,invtsc=1\", %s without",
		 xen_tsc_verdict_name(shown.verdict), xen_tsc_verdict_name(hidden.verdict));
}

static double read_cost(const struct host *host, enum tristate emulated)
{
	return emulated == NO && host->read_tsc ? host->read_ns : NAN;
}

static void without(struct outcome *outcome, const struct host *to,
		    const struct host_domain *domain)
{
	if (domain->tsc.mode == XEN_CPUID_TSC_MODE_NEVER_EMULATE && !outcome->kept)
		snprintf(outcome->without, sizeof(outcome->without),
			 "right on clocksource xen; with clocksource=tsc its time runs at %.1f %% of its speed",
			 domain->tsc.khz ? 100.0 * outcome->khz / domain->tsc.khz : 0);
	else if (domain->tsc.hvm && outcome->after != NO &&
		 host_has_fault(to, "restore-underflow"))
		snprintf(outcome->without, sizeof(outcome->without),
			 "right on clocksource xen; with clocksource=tsc it can be hit by the fault restore-underflow");
	else
		snprintf(outcome->without, sizeof(outcome->without),
			 "right on clocksource xen, as before");
}

static struct outcome foresee(const struct host *from, const struct host *to,
			      const struct host_domain *domain)
{
	struct tsc_domain moved = domain->tsc;
	struct outcome outcome = { };

	moved.restored = true;
	/* Not all Xens print that of a TSC that is never emulated */
	moved.khz = moved.khz ?: from->tsc.khz;
	outcome.before = domain->emulated;
	outcome.after = tsc_emulated(&to->tsc, &moved);
	outcome.khz = moved.mode == XEN_CPUID_TSC_MODE_NEVER_EMULATE ? to->tsc.khz : moved.khz;
	outcome.kept = outcome.khz == moved.khz;
	outcome.read_before = read_cost(from, outcome.before);
	outcome.read_after = read_cost(to, outcome.after);
	without(&outcome, to, domain);

	with_series(&outcome, facts_of(from, domain, outcome.before, moved.khz),
		    facts_of(to, domain, outcome.after, outcome.khz));

	return outcome;
}

static void print_json(struct json *json, const struct host *to,
		       const struct host_domain *domain, const struct outcome *outcome)
{
	struct tsc_domain moved = domain->tsc;

	moved.restored = true;
	json_begin(json, NULL, '{');
	json_integer(json, "domid", domain->id);
	json_string(json, "name", domain->name);
	json_tristate(json, "emulated_before", outcome->before);
	json_tristate(json, "emulated_after", outcome->after);
	if (outcome->after == YES)
		json_string(json, "why", tsc_explain(&to->tsc, &moved).reason);
	else
		json_null(json, "why");
	json_integer(json, "frequency_khz", outcome->khz);
	json_bool(json, "frequency_kept", outcome->kept);
	json_string(json, "verdict_after", outcome->verdict);
	json_string(json, "reason_after", outcome->reason);
	json_string(json, "without_series", outcome->without);
	json_float(json, "read_ns_before", outcome->read_before);
	json_float(json, "read_ns_after", outcome->read_after);
	json_end(json, '}');
}

static void print_read(double ns, enum tristate emulated)
{
	if (emulated == YES)
		printf("traps to Xen");
	else if (isnan(ns))
		printf("not known");
	else
		printf("%.0f ns", ns);
}

static void print_text(const struct host *to, const struct host_domain *domain,
		       const struct outcome *outcome)
{
	static const char * const words[] = {
		[NO] = "native", [YES] = "emulated",
		[UNKNOWN] = "native or emulated, as it is not known whether Xen can scale it",
	};
	struct tsc_domain moved = domain->tsc;

	moved.restored = true;
	printf("%s (domain %u)\n", domain->name, domain->id);
	printf("  TSC             %s, there %s%s%s\n", words[outcome->before],
	       words[outcome->after], outcome->after == YES ? ": " : "",
	       outcome->after == YES ? tsc_explain(&to->tsc, &moved).reason : "");
	printf("  frequency       %u kHz, %s\n", outcome->khz, outcome->kept ? "kept" : "changed");
	printf("  with series     %s: %s\n", outcome->verdict, outcome->reason);
	printf("  without series  %s\n", outcome->without);
	printf("  a read of the TSC clocksource: ");
	print_read(outcome->read_before, outcome->before);
	printf(", there ");
	print_read(outcome->read_after, outcome->after);
	printf("\n");
}

static bool is_meant(const struct host_domain *domain, const struct options *options)
{
	char id[16];

	if (!options->guest)
		return true;
	snprintf(id, sizeof(id), "%u", domain->id);

	return !strcmp(options->guest, domain->name) || !strcmp(options->guest, id);
}

int forecast(const struct guest *guest, const struct options *options)
{
	struct json json = { .file = stdout };
	unsigned int i, meant = 0;
	struct host from, to;

	host_load(&to, options->to);
	if (options->from)
		host_load(&from, options->from);
	else if (guest->xen && guest->facts.domain == XEN_TSC_DOM0)
		host_read(&from, guest);
	else
		die("this is not dom0: name a document of the host of the guests with --from");

	for (i = 0; i < from.count; i++)
		meant += is_meant(&from.domains[i], options);
	if (options->guest && !meant)
		die("there is no guest '%s' on this host", options->guest);

	if (options->json) {
		json_document(&json, true);
		json_string(&json, "xen_version_after", to.version);
		json_begin(&json, "guests", '[');
	} else if (!meant) {
		puts("There is no guest on this host.");
	}
	for (i = 0; i < from.count; i++) {
		struct outcome outcome = foresee(&from, &to, &from.domains[i]);

		if (!is_meant(&from.domains[i], options))
			continue;
		if (options->json)
			print_json(&json, &to, &from.domains[i], &outcome);
		else
			print_text(&to, &from.domains[i], &outcome);
	}
	if (options->json) {
		json_end(&json, ']');
		json_finish(&json);
	}
	free(from.domains);
	free(to.domains);

	return EXIT_OK;
}
