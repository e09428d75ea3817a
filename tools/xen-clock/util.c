// SPDX-License-Identifier: GPL-2.0-only
/* Text, errors, files and CPUs */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "xen-clock.h"

/* What comes from elsewhere and goes to a terminal */
void make_printable(char *text)
{
	while (*text) {
		int length = character_length(text);

		if (!length)
			*text = '?';
		text += length ?: 1;
	}
}

static void complain_of(const char *text)
{
	fprintf(stderr, "xen-clock: %s\n", text);
}

/* What die() ends with, and says why with: "check" has its own */
static int trouble = EXIT_TROUBLE;
static void (*say)(const char *text) = complain_of;

void trouble_is(int status, void (*say_why)(const char *text))
{
	trouble = status;
	say = say_why;
}

static void say_with(void (*say_it)(const char *text), const char *format, va_list args)
{
	char text[2 * PATH_MAX];

	vsnprintf(text, sizeof(text), format, args);
	make_printable(text);
	say_it(text);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_with(complain_of, format, args);
	va_end(args);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_with(say, format, args);
	va_end(args);
	exit(trouble);
}

/*
 * What was printed may still be in a buffer: a full disk shows only now.
 * Returns the exit status.
 */
int finish(int status)
{
	errno = 0;
	if (ferror(stdout) || fflush(stdout) || fclose(stdout)) {
		complain("cannot write to standard output%s%s: make room, or write elsewhere",
			 errno ? ": " : "", errno ? strerror(errno) : "");
		return trouble;
	}

	return status;
}

/* Where the path is, of this machine or of a recorded one */
void whole_path(const char *path, char whole[PATH_MAX])
{
	const char *root = getenv("XEN_CLOCK_ROOT");

	if (snprintf(whole, PATH_MAX, "%s%s", root ? root : "", path) >= PATH_MAX)
		die("XEN_CLOCK_ROOT is too long");
}

FILE *open_file(const char *path)
{
	char whole[PATH_MAX];
	FILE *file;

	whole_path(path, whole);
	file = fopen(whole, "re");
	if (!file && errno != ENOENT && errno != ENOTDIR)
		die("cannot read %s: %s: try again as root", whole, strerror(errno));

	return file;
}

void close_file(FILE *file, const char *path)
{
	if (ferror(file))
		die("cannot read %s: %s", path, strerror(errno));
	fclose(file);
}

/*
 * The first line; false, and an empty line, where there is none.  Not all kernels
 * have all files, so a missing one is no error.
 */
bool read_line(const char *path, char line[LINE_SIZE])
{
	FILE *file = open_file(path);
	bool good;

	line[0] = '\0';
	if (!file)
		return false;

	good = fgets(line, LINE_SIZE, file);
	if (!good)
		line[0] = '\0';
	close_file(file, path);
	line[strcspn(line, "\n")] = '\0';
	while (*line && line[strlen(line) - 1] == ' ')
		line[strlen(line) - 1] = '\0';

	return good;
}

bool read_number(const char *path, unsigned long *number)
{
	char line[LINE_SIZE], *end;

	*number = 0;
	if (!read_line(path, line))
		return false;

	errno = 0;
	*number = strtoul(line, &end, 10);
	if (errno || end == line || *end || *line == '-')
		die("%s says '%s', which is no number", path, line);

	return true;
}

/* What follows the colon in the first line that starts with the name */
bool read_field(const char *path, const char *name, char line[LINE_SIZE])
{
	FILE *file = open_file(path);
	char text[4096], *value;
	bool found = false;

	line[0] = '\0';
	if (!file)
		return false;

	while (!found && fgets(text, sizeof(text), file))
		found = !strncmp(text, name, strlen(name)) &&
			(value = strchr(text, ':'));
	close_file(file, path);
	if (!found)
		return false;

	value += 1 + strspn(value + 1, " \t");
	value[strcspn(value, "\n")] = '\0';
	snprintf(line, LINE_SIZE, "%.*s", LINE_SIZE - 1, value);

	return true;
}

/*
 * The value of the last NAME=VALUE on the kernel's command line, as the last one counts;
 * false, and an empty value, where there is none.
 */
bool read_option(const char *name, char value[LINE_SIZE])
{
	FILE *file = open_file("/proc/cmdline");
	size_t length = strlen(name);
	char text[4096], *word, *rest;
	bool found = false;

	value[0] = '\0';
	if (!file)
		return false;

	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	close_file(file, "/proc/cmdline");

	for (word = strtok_r(text, "\n ", &rest); word; word = strtok_r(NULL, "\n ", &rest)) {
		if (strncmp(word, name, length) || word[length] != '=')
			continue;
		snprintf(value, LINE_SIZE, "%.*s", LINE_SIZE - 1, word + length + 1);
		found = true;
	}

	return found;
}

/* More than any kernel is built for */
#define MOST_CPUS	65536

/* The CPUs that this program may run on */
void cpus_read(struct cpus *cpus)
{
	size_t size = CPU_ALLOC_SIZE(MOST_CPUS);
	cpu_set_t *set = CPU_ALLOC(MOST_CPUS);
	int cpu;

	if (!set || sched_getaffinity(0, size, set))
		die("cannot find out which CPUs there are: %s", strerror(errno));

	*cpus = (struct cpus){
		.number = calloc(CPU_COUNT_S(size, set), sizeof(*cpus->number)),
	};
	if (!cpus->number)
		die("no memory for the numbers of the CPUs");

	for (cpu = 0; cpu < MOST_CPUS; cpu++)
		if (CPU_ISSET_S(cpu, size, set))
			cpus->number[cpus->count++] = cpu;
	CPU_FREE(set);
}

/* The calling thread; false if the CPU has gone offline */
bool cpus_pin(int cpu)
{
	size_t size = CPU_ALLOC_SIZE(MOST_CPUS);
	cpu_set_t *set = CPU_ALLOC(MOST_CPUS);
	bool good;

	if (!set)
		die("no memory for a set of CPUs");
	CPU_ZERO_S(size, set);
	CPU_SET_S(cpu, size, set);
	good = !sched_setaffinity(0, size, set);
	CPU_FREE(set);

	return good;
}
