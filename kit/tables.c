// SPDX-License-Identifier: GPL-2.0-only
/* What report.md and report.html show */
#include <stdarg.h>
#include <string.h>

#include "report.h"

const char * const introduction[PARAGRAPHS] = {
	"Guests ran on this host without the patch series for the clocks of Xen guests, and\n"
	"with it. The series should not make a read of the clock dearer by more than the noise\n"
	"of a busy host, and a guest that has it should have no problem. All problems that were\n"
	"seen are listed at the end.",
	"If you like, send report.json to where you have the kit from. If a guest has a\n"
	"problem, add the directory that \"./xen-clock record DIR\" writes in dom0.",
};

static void begin(struct table *table, const char *title, const char * const *heading,
		  unsigned int columns)
{
	unsigned int i;

	table->title = title;
	table->columns = columns;
	table->rows = 1;
	for (i = 0; i < columns; i++)
		snprintf(table->cells[0][i], TEXT, "%s", heading[i]);
}

/* The next cell of a row that is being filled */
static void __printf(3, 4) cell(struct table *table, unsigned int *column,
				const char *format, ...)
{
	char *text = table->cells[table->rows][*column];
	va_list args;

	va_start(args, format);
	vsnprintf(text, TEXT, format, args);
	va_end(args);
	if (!*text)
		snprintf(text, TEXT, "-");
	(*column)++;
}

static void time_cell(struct table *table, unsigned int *column, double ns)
{
	char text[32];

	duration(text, ns);
	cell(table, column, "%s", ns ? text : "");
}

void host_table(struct table *table, const struct results *results)
{
	static const char * const heading[] = { "Host", "" };
	static const char * const rows[][2] = {
		{ "CPU", "cpu" }, { "CPUs", "cpus" }, { "Xen", "xen" },
		{ "Xen can run", "xen.caps" }, { "TSC of the host", "host.tsc" },
		{ "known faults of Xen (see ./xen-clock host)", "host.faults" },
		{ "Linux in dom0", "dom0.linux" },
		{ "Date", "date" }, { "Kit", "kit" },
	};
	unsigned int i;

	begin(table, "The host", heading, ARRAY_SIZE(heading));
	for (i = 0; i < ARRAY_SIZE(rows); i++, table->rows++) {
		unsigned int column = 0;

		cell(table, &column, "%s", rows[i][0]);
		cell(table, &column, "%s", fact(results, rows[i][1]));
	}
}

static const char *delivery(const struct guest *guest)
{
	if (!guest->leaf[BEFORE].khz)
		return "";

	return guest->leaf[BEFORE].flags & 1 ? "emulated" : "native";
}

/* Each guest with the series beside the one without */
void cost_table(struct table *table, const struct results *results)
{
	static const char * const heading[] = {
		"Guest", "tsc_mode", "TSC of the guest", "verdict of the series",
		"clocksource without", "clocksource with",
		"clock_gettime without", "clock_gettime with",
		"as a system call without", "as a system call with", "RDTSC with",
	};
	unsigned int i;

	begin(table, "What one read of the clock costs, without the series and with it",
	      heading, ARRAY_SIZE(heading));
	for (i = 0; i < results->guests_n; i++) {
		const struct guest *old, *new = &results->guests[i];
		unsigned int column = 0;

		old = find(results, new, "mainline");
		if (!is_series(new) || !old)
			continue;
		cell(table, &column, "%s", new->kind);
		cell(table, &column, "%s", new->mode);
		cell(table, &column, "%s", delivery(new));
		cell(table, &column, "%s", new->verdict[BEFORE]);
		cell(table, &column, "%s", old->clocksource[BEFORE]);
		cell(table, &column, "%s", new->clocksource[BEFORE]);
		time_cell(table, &column, old->cost[COST_VDSO]);
		time_cell(table, &column, new->cost[COST_VDSO]);
		time_cell(table, &column, old->cost[COST_SYSCALL]);
		time_cell(table, &column, new->cost[COST_SYSCALL]);
		time_cell(table, &column, new->cost[COST_RDTSC]);
		table->rows++;
	}
}

static const char *outcome(const struct guest *guest, const char *name)
{
	unsigned int i;

	for (i = 0; i < guest->steps_n; i++)
		if (!strcmp(guest->steps[i].name, name))
			return guest->steps[i].outcome;

	return "";
}

/* Each guest, and what happened to it */
void life_table(struct table *table, const struct results *results)
{
	static const char * const heading[] = {
		"Guest", "tsc_mode", "Kernel", "Time of its boot", "pause", "save, restore",
		"migration", "finish", "clocksource in the end", "Problems",
	};
	static const char * const names[] = { "pause", "save", "migrate", "finish" };
	char problems[MAX_PROBLEMS][TEXT];
	unsigned int i, j;

	begin(table, "What happened to the guests", heading, ARRAY_SIZE(heading));
	for (i = 0; i < results->guests_n; i++, table->rows++) {
		const struct guest *guest = &results->guests[i];
		unsigned int column = 0;

		cell(table, &column, "%s", guest->kind);
		cell(table, &column, "%s", guest->mode);
		cell(table, &column, "%s the series", is_series(guest) ? "with" : "without");
		time_cell(table, &column, guest->boot * 1e9);
		for (j = 0; j < ARRAY_SIZE(names); j++)
			cell(table, &column, "%s", outcome(guest, names[j]));
		cell(table, &column, "%s", guest->clocksource[AFTER]);
		cell(table, &column, "%u", problems_of(guest, problems));
	}
}

static void __printf(2, 3) note(struct notes *notes, const char *format, ...)
{
	va_list args;

	if (notes->n == MAX_NOTES)
		return;
	va_start(args, format);
	vsnprintf(notes->texts[notes->n++], NOTE, format, args);
	va_end(args);
}

/* What xl cannot do on this host, which is no fault of a guest */
void untried_notes(struct notes *notes, const struct results *results)
{
	unsigned int i, j;

	notes->title = "What could not be tried";
	notes->n = 0;
	for (i = 0; i < results->guests_n; i++) {
		const struct guest *guest = &results->guests[i];

		for (j = 0; j < guest->steps_n; j++)
			if (!strcmp(guest->steps[j].outcome, "impossible") &&
			    strncmp(guest->steps[j].why, "as for", 6))
				note(notes, "%s guests: no %s, as xl says: %s", guest->kind,
				     guest->steps[j].name, guest->steps[j].why);
	}
}

/* All that the tables count as problems */
void problem_notes(struct notes *notes, const struct results *results)
{
	char problems[MAX_PROBLEMS][TEXT];
	unsigned int i, j, found;

	notes->title = "What was not as it should be";
	notes->n = 0;
	for (i = 0; i < results->guests_n; i++) {
		const struct guest *guest = &results->guests[i];

		found = problems_of(guest, problems);
		for (j = 0; j < found; j++)
			note(notes, "%s, %s, %s: %s", guest->kind, guest->mode,
			     is_series(guest) ? "with the series" : "without it", problems[j]);
	}
	if (!notes->n)
		note(notes, "Nothing was noticed.");
}
