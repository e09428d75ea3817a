// SPDX-License-Identifier: GPL-2.0-only
/* xen-clock forecast: what becomes of the clocks of guests that move to another host */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <asm/xen/cpuid.h>

#include "host.h"

struct outcome {
	struct tsc_domain moved;
	enum tristate before, after;	/* emulated */
	u32 khz;			/* there */
	bool kept;			/* the frequency */
	const char *verdict;		/* of a kernel with the series, after the move */
	char reason[2 * LINE_SIZE + 8];
	char without[LINE_SIZE];	/* what one without it does */
	/* What a read costs, NAN where it traps, or nobody knows */
	double read_before, read_after;
	double syscall_before, syscall_after;
};

/*
 * What the time leaf says there: a TSC that is never emulated is that of the host, and
 * one in mode default is native on a reliable host only.
 */
static struct xen_tsc_facts facts_of(const struct host *host,
				     const struct host_domain *domain, enum tristate emulated,
				     u32 khz)
{
	return (struct xen_tsc_facts){
		.xen_major	= host->tsc.major,
		.xen_minor	= host->tsc.minor,
		.largest_leaf	= XEN_TSC_TIME_LEAF,
		.emulated	= emulated == YES,
		.host_reliable	= host->tsc.reliable == YES ||
				  (host->tsc.reliable == UNKNOWN && emulated != YES &&
				   domain->tsc.mode == XEN_CPUID_TSC_MODE_DEFAULT),
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
					    struct xen_tsc_facts there, bool itsc)
{
	struct xen_tsc_decision boot;

	here.itsc = itsc;
	there.itsc = itsc;
	boot = xen_tsc_evaluate(&here, XEN_TSC_AUTO);

	return xen_tsc_reevaluate(&boot, &there, XEN_TSC_AUTO);
}

struct saying {
	const char *verdict;
	char reason[LINE_SIZE];
};

/* What a guest sees is in its configuration, which xl does not print here */
static struct saying say_there(struct xen_tsc_facts here, struct xen_tsc_facts there)
{
	struct xen_tsc_decision hidden = decide_there(here, there, false);
	struct xen_tsc_decision shown = decide_there(here, there, true);
	struct saying saying = { .verdict = "unknown" };

	if (hidden.verdict == shown.verdict) {
		saying.verdict = xen_tsc_verdict_name(hidden.verdict);
		snprintf(saying.reason, sizeof(saying.reason), "%s", hidden.reason);
	} else {
		snprintf(saying.reason, sizeof(saying.reason),
			 "%s with cpuid=\"host,invtsc=1\", %s without",
			 xen_tsc_verdict_name(shown.verdict),
			 xen_tsc_verdict_name(hidden.verdict));
	}

	return saying;
}

/* Where it is not known whether the TSC is emulated after the move: in both cases */
static void with_series(struct outcome *outcome, const struct host *from,
			const struct host *to, const struct host_domain *domain)
{
	struct xen_tsc_facts here = facts_of(from, domain, outcome->before,
					     outcome->moved.khz);
	struct xen_tsc_facts there = facts_of(to, domain, outcome->after, outcome->khz);
	struct saying one = say_there(here, there), other = one;

	if (outcome->after == UNKNOWN)
		other = say_there(here, facts_of(to, domain, YES, outcome->khz));
	outcome->verdict = strcmp(one.verdict, other.verdict) ? "unknown" : one.verdict;
	snprintf(outcome->reason, sizeof(outcome->reason), "%s%s%s", one.reason,
		 strcmp(one.reason, other.reason) ? ", or " : "",
		 strcmp(one.reason, other.reason) ? other.reason : "");
}

static double read_cost(const struct host *host, enum tristate emulated)
{
	return emulated == NO && host->read_tsc ? host->read_ns : NAN;
}

static double syscall_cost(const struct host *host, enum tristate emulated)
{
	return emulated == NO && host->syscall_ns > 0 ? host->syscall_ns : NAN;
}

static void without(struct outcome *outcome, const struct host *to,
		    const struct host_domain *domain)
{
	if (domain->tsc.mode == XEN_CPUID_TSC_MODE_NEVER_EMULATE && !outcome->kept)
		snprintf(outcome->without, sizeof(outcome->without),
			 "right on clocksource xen; with clocksource=tsc its time runs at %.1f %% of its speed",
			 100.0 * outcome->khz / outcome->moved.khz);
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
	outcome.moved = moved;
	outcome.read_before = read_cost(from, outcome.before);
	outcome.read_after = read_cost(to, outcome.after);
	outcome.syscall_before = syscall_cost(from, outcome.before);
	outcome.syscall_after = syscall_cost(to, outcome.after);
	without(&outcome, to, domain);
	with_series(&outcome, from, to, domain);

	return outcome;
}

static void print_json(struct json *json, const struct host *to,
		       const struct host_domain *domain, const struct outcome *outcome)
{
	json_begin(json, NULL, '{');
	json_integer(json, "domid", domain->id);
	json_string(json, "name", domain->name);
	json_tristate(json, "emulated_before", outcome->before);
	json_tristate(json, "emulated_after", outcome->after);
	if (outcome->after == YES)
		json_string(json, "why", tsc_explain(&to->tsc, &outcome->moved).reason);
	else
		json_null(json, "why");
	json_integer(json, "frequency_khz", outcome->khz);
	json_bool(json, "frequency_kept", outcome->kept);
	json_string(json, "verdict_after", outcome->verdict);
	json_string(json, "reason_after", outcome->reason);
	json_string(json, "without_series", outcome->without);
	json_float(json, "read_ns_before", outcome->read_before);
	json_float(json, "read_ns_after", outcome->read_after);
	json_float(json, "syscall_ns_before", outcome->syscall_before);
	json_float(json, "syscall_ns_after", outcome->syscall_after);
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

static void print_reads(const char *clocksource, double before, double after,
			const struct outcome *outcome)
{
	printf("  a read of the clocksource %s%s: ", clocksource,
	       isnan(before) && isnan(after) ? "" : ", as measured in dom0");
	print_read(before, outcome->before);
	printf(", there ");
	print_read(after, outcome->after);
	printf("\n");
}

static void print_emulated(enum tristate emulated, const char *doubt)
{
	static const char * const words[] = {
		[NO] = "native", [YES] = "emulated", [UNKNOWN] = "native or emulated, as ",
	};

	printf("%s%s", words[emulated], emulated == UNKNOWN ? doubt : "");
}

static void print_text(const struct host *from, const struct host *to,
		       const struct host_domain *domain, const struct outcome *outcome)
{
	char name[LINE_SIZE];

	memcpy(name, domain->name, sizeof(name));
	make_printable(name);
	printf("%s (domain %u)\n", name, domain->id);
	printf("  TSC             ");
	print_emulated(outcome->before, tsc_doubt(&from->tsc, &domain->tsc));
	printf(", there ");
	print_emulated(outcome->after, tsc_doubt(&to->tsc, &outcome->moved));
	if (outcome->after == YES)
		printf(": %s", tsc_explain(&to->tsc, &outcome->moved).reason);
	printf("\n  frequency       %u kHz, %s\n", outcome->khz,
	       outcome->kept ? "kept" : "changed");
	printf("  with series     %s: %s\n", outcome->verdict, outcome->reason);
	printf("  without series  %s\n", outcome->without);
	print_reads("tsc", outcome->read_before, outcome->read_after, outcome);
	print_reads("xen", outcome->syscall_before, outcome->syscall_after, outcome);
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
			print_text(&from, &to, &from.domains[i], &outcome);
	}
	if (options->json) {
		json_end(&json, ']');
		json_finish(&json);
	}
	free(from.domains);
	free(to.domains);

	return EXIT_OK;
}
