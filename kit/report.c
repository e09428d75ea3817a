// SPDX-License-Identifier: GPL-2.0-only
/*
 * report RESULTS DIRECTORY: makes report.json, report.md and report.html of what the
 * script "run" has noted.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

#define EXIT_USAGE	2
/* Of "xen-clock watch" */
#define WATCH_BACK	4
/* Stamps of two vCPUs can differ by what it takes to write a record */
#define STAMP_USEC	10000

const char * const clock_names[CLOCKS] = {
	[CLOCK_OF_TIME] = "CLOCK_MONOTONIC",
	[CLOCK_OF_TSC] = "CLOCK_MONOTONIC_RAW",
	[CLOCK_OF_BOOT] = "CLOCK_BOOTTIME",
};

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("report: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(EXIT_FAILURE);
}

/* Of the host; empty if it is not known */
const char *fact(const struct results *results, const char *key)
{
	unsigned int i;

	for (i = 0; i < results->facts_n; i++)
		if (!strcmp(results->facts[i].key, key))
			return results->facts[i].value;

	return "";
}

bool is_series(const struct guest *guest)
{
	return !strcmp(guest->kernel, "series");
}

/* A guest of the same kind and mode with this kernel, or NULL */
const struct guest *find(const struct results *results, const struct guest *like,
			 const char *kernel)
{
	unsigned int i;

	for (i = 0; i < results->guests_n; i++) {
		const struct guest *guest = &results->guests[i];

		if (!strcmp(guest->kind, like->kind) && !strcmp(guest->mode, like->mode) &&
		    !strcmp(guest->kernel, kernel))
			return guest;
	}

	return NULL;
}

void duration(char text[32], double ns)
{
	static const struct {
		double size;
		const char *unit;
	} units[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(units); i++)
		if (ns >= units[i].size) {
			snprintf(text, 32, "%.3g %s", ns / units[i].size, units[i].unit);
			return;
		}
	snprintf(text, 32, "%.3g ns", ns);
}

/* Sentences on what went wrong in a guest; their number */
unsigned int problems_of(const struct guest *guest, char problems[MAX_PROBLEMS][TEXT])
{
	unsigned int i, n = 0;
	char text[32];

	for (i = 0; i < guest->steps_n; i++)
		if (!strcmp(guest->steps[i].outcome, "failed"))
			snprintf(problems[n++], TEXT, "%s failed: %.200s",
				 guest->steps[i].name, guest->steps[i].why);
	for (i = 0; i < CLOCKS; i++) {
		if (!guest->back[i])
			continue;
		duration(text, guest->back[i]);
		snprintf(problems[n++], TEXT, "%s went backwards by %s", clock_names[i], text);
	}
	if (guest->stamp_back > STAMP_USEC) {
		duration(text, guest->stamp_back * 1e3);
		snprintf(problems[n++], TEXT,
			 "a time stamp of the kernel's log is %s before the last", text);
	}
	if (guest->watch_status == WATCH_BACK)
		snprintf(problems[n++], TEXT, "xen-clock watch saw a clock go backwards");
	if (guest->jumps)
		snprintf(problems[n++], TEXT, "xen-clock watch saw %ld jumps that nothing explains",
			 guest->jumps);
	if (guest->wrong_speed)
		snprintf(problems[n++], TEXT, "xen-clock watch saw a clock run at a wrong speed");
	if (guest->demoted)
		snprintf(problems[n++], TEXT, "the TSC was demoted: %.200s", guest->reason);
	for (i = 0; i < guest->troubles; i++)
		snprintf(problems[n++], TEXT, "%.250s", guest->trouble[i]);

	return n;
}

static void write_file(const char *directory, const char *name,
		       const struct results *results,
		       void (*write)(const struct results *results, FILE *file))
{
	char path[4096], partial[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	snprintf(partial, sizeof(partial), "%s/.%s.new", directory, name);
	file = fopen(partial, "w");
	if (!file)
		die("%s cannot be written to", partial);
	write(results, file);
	if (ferror(file) | fclose(file) || rename(partial, path)) {
		unlink(partial);
		die("%s could not be written: is the disk full?", path);
	}
}

int main(int argc, char **argv)
{
	static struct results results;
	FILE *file;

	if (argc != 3) {
		fputs("usage: report RESULTS DIRECTORY\n", stderr);
		return EXIT_USAGE;
	}
	file = fopen(argv[1], "r");
	if (!file)
		die("%s cannot be read", argv[1]);
	read_results(&results, file);
	fclose(file);
	if (!results.guests_n)
		die("%s has no guest", argv[1]);
	write_file(argv[2], "report.json", &results, write_json);
	write_file(argv[2], "report.md", &results, write_text);
	write_file(argv[2], "report.html", &results, write_html);

	return EXIT_SUCCESS;
}
