// SPDX-License-Identifier: GPL-2.0-only
/* One line and an exit status, as Nagios and its heirs want them */
#include <string.h>

#include "safe.h"

enum state {
	STATE_OK,
	STATE_WARNING,
	STATE_CRITICAL,
	STATE_UNKNOWN,
};

static const char * const states[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

const char *safe_reason(const struct guest *guest, const struct decision *decision)
{
	if (!*guest->clocksource)
		return "the kernel does not say which clocksource it uses";
	if (strcmp(guest->clocksource, "tsc"))
		return "time is not read from the TSC";
	if (guest->facts.domain == XEN_TSC_DOM0)
		return "the kernel of dom0 checks the TSC itself";
	if (decision->at_risk)
		return guest->facts.impostor ?
		       "the TSC is in use, and a hypervisor that claims to be Xen has it" :
		       "the TSC is in use, and Xen does not guarantee it";

	return guest->patched && strcmp(decision->reason, "xen_tsc_reliable=off") ?
	       "the TSC is in use, Xen guarantees it, and the kernel checks it" :
	       "the TSC is in use, and Xen guarantees it";
}

void json_safe(struct json *json, const struct decision *decision)
{
	if (!strcmp(decision->safe, "unknown"))
		json_null(json, "safe");
	else
		json_bool(json, "safe", !strcmp(decision->safe, "true"));
}

static enum state state_of(const struct guest *guest, const struct decision *decision)
{
	if (!strcmp(decision->safe, "unknown"))
		return STATE_UNKNOWN;
	if (!strcmp(decision->safe, "false"))
		return STATE_CRITICAL;

	return guest->demoted ? STATE_WARNING : STATE_OK;
}

const char *safe_state(const struct guest *guest, const struct decision *decision)
{
	return states[state_of(guest, decision)];
}

static bool as_json;

/* @xen is NULL where something went wrong before that was known */
static void say_unknown(const bool *xen, const char *why)
{
	struct json json = { .file = stdout };

	if (!as_json) {
		printf("XEN-CLOCK %s - %s\n", states[STATE_UNKNOWN], why);
		return;
	}
	json_begin(&json, NULL, '{');
	json_integer(&json, "schema", XEN_CLOCK_SCHEMA);
	if (xen)
		json_bool(&json, "xen", *xen);
	else
		json_null(&json, "xen");
	json_string(&json, "state", states[STATE_UNKNOWN]);
	json_null(&json, "safe");
	json_string(&json, "reason", why);
	json_finish(&json);
}

/* Of a guest that is none of Xen's, too, so that one check fits all machines */
int check(const struct guest *guest, const struct options *options)
{
	struct json json = { .file = stdout };
	struct decision decision;
	enum state state;

	if (!guest->xen) {
		say_unknown(&guest->xen, "this is not a guest of Xen");
		return STATE_UNKNOWN;
	}

	decision = decide(guest);
	state = state_of(guest, &decision);
	if (options->json) {
		json_document(&json, true);
		json_string(&json, "state", states[state]);
		json_safe(&json, &decision);
		json_string(&json, "reason", safe_reason(guest, &decision));
		json_optional(&json, "clocksource", guest->clocksource);
		json_string(&json, "rule", decision.rule);
		json_string(&json, "verdict", decision.verdict);
		json_finish(&json);
	} else {
		printf("XEN-CLOCK %s - safe: %s, %s%s (clocksource %s, rule %s)\n",
		       states[state], decision.safe, safe_reason(guest, &decision),
		       guest->demoted ? "; the TSC was demoted" : "",
		       *guest->clocksource ? guest->clocksource : "unknown",
		       decision.rule);
	}

	return state;
}

static void say_trouble(const char *why)
{
	say_unknown(NULL, why);
}

/* To be called first: to Nagios all that goes wrong is a state */
void check_prepare(bool json)
{
	as_json = json;
	trouble_is(STATE_UNKNOWN, say_trouble);
}
