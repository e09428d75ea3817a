// SPDX-License-Identifier: GPL-2.0-only
/* The summary as JSON: one object */
#include <string.h>

#include "emulation.h"
#include "host_clock.h"
#include "safe.h"

static void time_leaf(struct json *json, const struct guest *guest)
{
	const struct xen_tsc_facts *facts = &guest->facts;

	if (!guest->has_leaf) {
		json_null(json, "time_leaf");
		return;
	}

	json_begin(json, "time_leaf", '{');
	json_string(json, "mode", xen_tsc_mode_name(facts->mode));
	json_integer(json, "mode_number", facts->mode);
	json_bool(json, "emulated", facts->emulated);
	json_bool(json, "host_reliable", facts->host_reliable);
	json_integer(json, "frequency_khz", facts->khz);
	json_integer(json, "host_frequency_khz", facts->host_khz);
	json_integer(json, "incarnation", facts->incarnation);
	json_end(json, '}');
}

/* Why, and what would make it native */
static void emulation(struct json *json, const struct guest *guest)
{
	struct explanation why = explain(guest);

	json_begin(json, "emulation", '{');
	json_optional(json, "reason", why.reason);
	json_optional(json, "remedy", why.remedy);
	json_end(json, '}');
}

static void clocksource(struct json *json, const struct guest *guest)
{
	char available[LINE_SIZE], *word, *rest;

	memcpy(available, guest->available, sizeof(available));
	json_begin(json, "clocksource", '{');
	json_optional(json, "current", guest->clocksource);
	json_begin(json, "available", '[');
	for (word = strtok_r(available, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		json_string(json, NULL, word);
	json_end(json, ']');
	json_end(json, '}');
}

void json_summary(const struct guest *guest, const struct costs *costs)
{
	struct decision decision = decide(guest);
	struct json json = { .file = stdout };
	struct host_clock host_clock;
	int i;

	json_document(&json, true);
	json_string(&json, "version", XEN_CLOCK_VERSION);
	json_string(&json, "xen_version", guest->version);
	json_string(&json, "domain", guest->domain);
	json_bool(&json, "patched", guest->patched);
	time_leaf(&json, guest);
	emulation(&json, guest);
	json_bool(&json, "invariant_tsc", guest->facts.itsc);
	clocksource(&json, guest);
	json_string(&json, "clock_gettime", costs->vdso ? "vDSO" : "system call");
	/* Only a patched kernel knows */
	if (guest->patched)
		json_integer(&json, "demoted", guest->demoted);
	else
		json_null(&json, "demoted");

	json_begin(&json, "verdict", '{');
	json_string(&json, "verdict", decision.verdict);
	json_string(&json, "rule", decision.rule);
	json_string(&json, "reason", decision.reason);
	json_string(&json, "by", decision.by_kernel ? "kernel" : "policy");
	json_end(&json, '}');
	json_safe(&json, &decision);
	json_string(&json, "safe_reason", safe_reason(guest, &decision));

	host_clock_read(&host_clock, guest);
	json_host_clock(&json, &host_clock);

	json_begin(&json, "read_ns", '{');
	for (i = 0; i < CLOCKS; i++)
		json_float(&json, clocks[i].label, costs->clock_ns[i]);
	json_end(&json, '}');
	json_float(&json, "clock_gettime_syscall_ns", costs->syscall_ns);
	json_float(&json, "null_syscall_ns", costs->null_ns);
	json_string(&json, "advice", advice(guest, &decision, costs));
	json_finish(&json);
}
