// SPDX-License-Identifier: GPL-2.0-only
/* report.json, for programs: "xen-lab kit-report" joins those of many hosts */
#include <string.h>

#include "json.h"
#include "report.h"

static void number(struct json *json, const char *key, double value)
{
	if (value)
		json_float(json, key, value);
	else
		json_null(json, key);
}

static void leaf(struct json *json, const struct guest *guest, enum when when)
{
	const struct leaf *leaf = &guest->leaf[when];

	json_begin(json, when == BEFORE ? "before" : "after", '{');
	json_optional(json, "clocksource", guest->clocksource[when]);
	json_optional(json, "verdict", guest->verdict[when]);
	if (leaf->khz) {
		json_bool(json, "emulated", leaf->flags & 1);
		json_bool(json, "host_reliable", leaf->flags & 2);
		json_integer(json, "mode_number", leaf->mode);
		json_integer(json, "khz", leaf->khz);
		json_integer(json, "incarnation", leaf->incarnation);
	}
	json_end(json, '}');
}

static void steps(struct json *json, const struct guest *guest)
{
	unsigned int i;

	json_begin(json, "steps", '{');
	for (i = 0; i < guest->steps_n; i++) {
		const struct step *step = &guest->steps[i];
		char text[TEXT + 20];

		snprintf(text, sizeof(text), "%s%s%s", step->outcome, *step->why ? ": " : "",
			 step->why);
		json_string(json, step->name, text);
	}
	json_end(json, '}');
}

static void problems(struct json *json, const struct guest *guest)
{
	char texts[MAX_PROBLEMS][TEXT];
	unsigned int i, n = problems_of(guest, texts);

	json_begin(json, "problems", '[');
	for (i = 0; i < n; i++)
		json_string(json, NULL, texts[i]);
	json_end(json, ']');
}

static void one_guest(struct json *json, const struct guest *guest)
{
	unsigned int i;

	json_begin(json, NULL, '{');
	json_string(json, "kind", guest->kind);
	json_string(json, "mode", guest->mode);
	json_bool(json, "series", is_series(guest));
	json_optional(json, "linux", guest->linux_release);
	json_optional(json, "rule", guest->rule);
	json_optional(json, "reason", guest->reason);
	leaf(json, guest, BEFORE);
	leaf(json, guest, AFTER);
	json_integer(json, "demoted", guest->demoted);
	json_begin(json, "ns", '{');
	number(json, "clock_gettime", guest->cost[COST_VDSO]);
	number(json, "syscall", guest->cost[COST_SYSCALL]);
	number(json, "rdtsc", guest->cost[COST_RDTSC]);
	json_end(json, '}');
	number(json, "boot_seconds", guest->boot);
	json_begin(json, "back_ns", '{');
	for (i = 0; i < CLOCKS; i++)
		json_integer(json, clock_names[i], guest->back[i]);
	json_integer(json, "log", guest->stamp_back * 1000);
	json_end(json, '}');
	json_begin(json, "watch", '[');
	fputs(guest->watch, json->file);
	json_end(json, ']');
	steps(json, guest);
	problems(json, guest);
	json_end(json, '}');
}

void write_json(const struct results *results, FILE *file)
{
	struct json json = { .file = file };
	unsigned int i;

	json_begin(&json, NULL, '{');
	json_integer(&json, "schema", SCHEMA);
	json_begin(&json, "host", '{');
	for (i = 0; i < results->facts_n; i++)
		json_string(&json, results->facts[i].key, results->facts[i].value);
	json_end(&json, '}');
	json_begin(&json, "guests", '[');
	for (i = 0; i < results->guests_n; i++)
		one_guest(&json, &results->guests[i]);
	json_end(&json, ']');
	json_finish(&json);
}
