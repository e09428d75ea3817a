// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads what the script has noted: facts of the host as "KEY VALUE", then for each
 * guest "guest KIND MODE KERNEL", "step NAME OUTCOME WHY", "log TEXT" of one that has
 * failed, and the lines that the guest has reported.
 */
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define LINE	8192

/* As much as there is room for */
static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%.*s", (int)size - 1, from);
}

#define COPY(to, from)	copy(to, sizeof(to), from)

/* What follows a prefix, or NULL */
static const char *after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) ? NULL : text + length;
}

static void read_step(struct guest *guest, const char *value)
{
	struct step *step;

	if (guest->steps_n == MAX_STEPS)
		return;
	step = &guest->steps[guest->steps_n++];
	if (sscanf(value, "%15s %15s %255[^\n]", step->name, step->outcome, step->why) < 2)
		COPY(step->outcome, "unknown");
}

/* Facts come before the suspend and after it: "before.KEY VALUE" */
static void read_fact(struct guest *guest, enum when when, const char *key,
		      const char *value)
{
	struct leaf *leaf = &guest->leaf[when];

	if (!strcmp(key, "linux"))
		COPY(guest->linux_release, value);
	else if (!strcmp(key, "clocksource"))
		COPY(guest->clocksource[when], value);
	else if (!strcmp(key, "sysfs.verdict"))
		COPY(guest->verdict[when], value);
	else if (!strcmp(key, "sysfs.reason"))
		COPY(guest->reason, value);
	else if (!strcmp(key, "sysfs.demoted"))
		guest->demoted = strtol(value, NULL, 10);
	else if (!strcmp(key, "time_leaf"))
		sscanf(value, "%i %u %u %u", (int *)&leaf->flags, &leaf->mode, &leaf->khz,
		       &leaf->incarnation);
}

static void read_before(struct guest *guest, const char *key, const char *value)
{
	read_fact(guest, BEFORE, key, value);
}

static void read_after(struct guest *guest, const char *key, const char *value)
{
	read_fact(guest, AFTER, key, value);
}

static void read_cost(struct guest *guest, const char *key, const char *value)
{
	static const char * const names[COSTS] = {
		[COST_VDSO] = "vdso", [COST_SYSCALL] = "syscall", [COST_RDTSC] = "rdtsc",
	};
	unsigned int i;

	for (i = 0; i < COSTS; i++)
		if (!strcmp(key, names[i]))
			guest->cost[i] = strtod(value, NULL);
}

/* "reader.VCPU.CLOCK BACK BACK_CROSS ..." */
static void read_steps(struct guest *guest, const char *key, const char *value)
{
	static const char * const names[CLOCKS] = {
		[CLOCK_OF_TIME] = ".monotonic", [CLOCK_OF_TSC] = ".raw",
		[CLOCK_OF_BOOT] = ".boottime",
	};
	const char *name = strchr(key, '.');
	long long own, cross;
	unsigned int i;

	if (!name || sscanf(value, "%lld %lld", &own, &cross) != 2)
		return;
	for (i = 0; i < CLOCKS; i++) {
		if (strcmp(name, names[i]))
			continue;
		if (own > guest->back[i])
			guest->back[i] = own;
		if (cross > guest->back[i])
			guest->back[i] = cross;
	}
}

static void read_rule(struct guest *guest, const char *text)
{
	const char *rule = strstr(text, "(rule ");

	if (rule && !guest->rule[0])
		snprintf(guest->rule, sizeof(guest->rule), "%.*s",
			 (int)strcspn(rule + 6, ",)"), rule + 6);
}

static void add_trouble(struct guest *guest, const char *text)
{
	if (guest->troubles < MAX_TROUBLES)
		COPY(guest->trouble[guest->troubles++], text);
}

static void read_trouble(struct guest *guest, const char *text)
{
	static const char * const signs[] = {
		"WARNING: ", "BUG: ", "Oops", "soft lockup", "hard LOCKUP", "18446744",
		"rcu: INFO: ", "blocked for more than", "possible circular locking",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(signs); i++)
		if (strstr(text, signs[i])) {
			add_trouble(guest, text);
			return;
		}
}

/* "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT" */
static void read_record(struct guest *guest, const char *record)
{
	const char *text = strchr(record, ';');
	long long stamp;

	if (!text || sscanf(record, "%*u,%*u,%lld", &stamp) != 1)
		return;
	text++;
	if (!guest->has_stamp)
		guest->first_stamp = stamp;
	else if (guest->last_stamp - stamp > guest->stamp_back)
		guest->stamp_back = guest->last_stamp - stamp;
	guest->last_stamp = stamp;
	guest->has_stamp = true;
	if (after(text, "Run /init as init process"))
		guest->boot = (stamp - guest->first_stamp) / 1e6;
	if (after(text, "xen: TSC "))
		read_rule(guest, text);
	read_trouble(guest, text);
}

/* What has many keys, each with something before it */
static const struct {
	const char *prefix;
	void (*read)(struct guest *guest, const char *key, const char *value);
} readers[] = {
	{ "before.", read_before },
	{ "after.", read_after },
	{ "cost.", read_cost },
	{ "reader.", read_steps },
};

/* A line of "xen-clock watch --json"; the last one sums up, and always has room */
static void read_watch(struct guest *guest, const char *event)
{
	size_t used = strlen(guest->watch), room = sizeof(guest->watch) - used;
	const char *summary = strstr(event, "\"event\": \"summary\"");
	const char *jumps = strstr(event, "\"unexplained_jumps\": ");

	if (event[0] != '{' || strlen(event) + 3 + (summary ? 0 : WATCH / 8) > room)
		return;
	snprintf(guest->watch + used, room, "%s%s", used ? ", " : "", event);
	if (!summary)
		return;
	if (jumps)
		guest->jumps = strtol(strchr(jumps, ':') + 1, NULL, 10);
	guest->wrong_speed = strstr(event, "\"wrong_frequency\": true");
}

static void read_guest(struct guest *guest, const char *key, const char *value)
{
	unsigned int i;

	if (!strcmp(key, "step"))
		read_step(guest, value);
	else if (!strcmp(key, "kmsg"))
		read_record(guest, value);
	else if (!strcmp(key, "log"))
		add_trouble(guest, value);
	else if (!strcmp(key, "status.xen-clock-watch.after"))
		guest->watch_status = strtol(value, NULL, 10);
	else if (!strcmp(key, "said.xen-clock-watch.after"))
		read_watch(guest, value);
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		if (after(key, readers[i].prefix))
			readers[i].read(guest, after(key, readers[i].prefix), value);
}

static struct guest *add_guest(struct results *results, const char *value)
{
	struct guest *guest;

	if (results->guests_n == MAX_GUESTS)
		die("there are more than %d guests", MAX_GUESTS);
	guest = &results->guests[results->guests_n++];
	if (sscanf(value, "%7s %19s %11s", guest->kind, guest->mode, guest->kernel) != 3)
		die("no guest: %s", value);

	return guest;
}

void read_results(struct results *results, FILE *file)
{
	struct guest *guest = NULL;
	char line[LINE], *value;

	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		value = line + strcspn(line, " ");
		if (*value)
			*value++ = '\0';
		if (!strcmp(line, "guest")) {
			guest = add_guest(results, value);
		} else if (guest) {
			read_guest(guest, line, value);
		} else if (*value && results->facts_n < MAX_FACTS) {
			COPY(results->facts[results->facts_n].key, line);
			COPY(results->facts[results->facts_n].value, value);
			results->facts_n++;
		}
	}
}
