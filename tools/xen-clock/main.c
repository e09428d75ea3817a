// SPDX-License-Identifier: GPL-2.0-only
/* xen-clock: what the clocks of a Xen guest are */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen-clock.h"

enum command {
	COMMAND_SUMMARY,
	COMMAND_WATCH,
	COMMAND_BENCH,
	COMMAND_METRICS,
	COMMAND_HELP,
	COMMAND_VERSION,
};

static const char help[] =
	"usage: xen-clock [--json]\n"
	"       xen-clock watch [--seconds N] [--interval MS] [--json]\n"
	"       xen-clock bench [--reads N] [--json]\n"
	"       xen-clock metrics\n"
	"\n"
	"What the clocks of a Xen guest are, what they cost, and whether they are right.\n"
	"\n"
	"  (none)         what Xen does to the TSC, what the kernel makes of it, and what\n"
	"                 a read of each clock costs\n"
	"  watch          sample all clocks on all CPUs, and report one that goes backwards,\n"
	"                 jumps or changes its frequency, until a signal or for N seconds\n"
	"  bench          what a read of each clock costs, on each CPU\n"
	"  metrics        the summary for node_exporter's textfile collector\n"
	"\n"
	"  --seconds N    end after N seconds\n"
	"  --interval MS  sample every MS milliseconds (100)\n"
	"  --reads N      read each clock N times on each CPU (20000)\n"
	"  --json         as JSON; watch prints one object per line\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 good, 1 something could not be read or written, 2 wrong usage,\n"
	"3 not under Xen, 4 watch saw a clock go backwards. More is in xen-clock(1).\n";

/* What takes a number, of which commands, and within which bounds */
static const struct option {
	const char *name;
	const char *command;
	size_t offset;
	unsigned long low, high;
} numbers[] = {
	{ "--seconds", "watch", offsetof(struct options, seconds), 1, 1000000000 },
	{ "--interval", "watch", offsetof(struct options, interval_ms), 1, 60000 },
	{ "--reads", "bench", offsetof(struct options, reads), 1, 100000000 },
};

static const char * const commands[] = {
	[COMMAND_SUMMARY] = "", [COMMAND_WATCH] = "watch", [COMMAND_BENCH] = "bench",
	[COMMAND_METRICS] = "metrics",
};

static bool hint(void)
{
	complain("try xen-clock --help");
	return false;
}

static bool parse_number(const struct option *option, const char *text,
			 struct options *options)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno ||
	    number < option->low || number > option->high) {
		complain("%s '%s': not a number from %lu to %lu", option->name, text,
			 option->low, option->high);
		return hint();
	}
	*(unsigned long *)((char *)options + option->offset) = number;

	return true;
}

static const struct option *find(const char *arg)
{
	size_t length = strcspn(arg, "=");
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (strlen(numbers[i].name) == length &&
		    !strncmp(arg, numbers[i].name, length))
			return &numbers[i];

	return NULL;
}

static bool parse_command(const char *arg, enum command *command)
{
	enum command known;

	if (*command != COMMAND_SUMMARY) {
		complain("extra argument '%s' after %s", arg, commands[*command]);
		return hint();
	}
	for (known = COMMAND_WATCH; known <= COMMAND_METRICS; known++) {
		if (!strcmp(arg, commands[known])) {
			*command = known;
			return true;
		}
	}
	complain("unknown command '%s'", arg);

	return hint();
}

/* One option; @arg moves on past its number */
static bool parse_option(char ***arg, struct options *options,
			 const struct option **wants)
{
	const char *text = **arg, *value = strchr(text, '=');

	if (!strcmp(text, "--json")) {
		options->json = true;
		return true;
	}

	*wants = find(text);
	if (!*wants) {
		complain("unknown option '%s'", text);
		return hint();
	}
	if (!value && !(*arg)[1]) {
		complain("%s needs a number", text);
		return hint();
	}

	return parse_number(*wants, value ? value + 1 : *++*arg, options);
}

/*
 * Into @command and @options, which hold the defaults.  --help and --version
 * win over all but an error before them.
 */
static bool options_parse(char **arg, enum command *command, struct options *options)
{
	const struct option *wants = NULL;

	*command = COMMAND_SUMMARY;
	for (; *arg; arg++) {
		if (!strcmp(*arg, "--help") || !strcmp(*arg, "-h")) {
			*command = COMMAND_HELP;
			return true;
		}
		if (!strcmp(*arg, "--version")) {
			*command = COMMAND_VERSION;
			return true;
		}
		if (**arg == '-' ? !parse_option(&arg, options, &wants) :
				   !parse_command(*arg, command))
			return false;
		if (wants)
			options->given |= 1u << (wants - numbers);
	}

	for (wants = numbers; wants < numbers + ARRAY_SIZE(numbers); wants++) {
		if (options->given & 1u << (wants - numbers) &&
		    strcmp(wants->command, commands[*command])) {
			complain("%s is an option of %s only", wants->name, wants->command);
			return hint();
		}
	}
	if (options->json && *command == COMMAND_METRICS) {
		complain("--json is no option of metrics, which has its own format");
		return hint();
	}

	return true;
}

/* Programs get a document all the same */
static int no_xen(const struct guest *guest, enum command command, bool json)
{
	if (command == COMMAND_METRICS)
		metrics(guest, NULL);
	else if (json)
		puts("{\"xen\": false}");
	complain("this is not a guest of Xen: neither CPUID nor /sys/hypervisor shows it");

	return EXIT_NO_XEN;
}

static int run(enum command command, const struct options *options)
{
	struct costs costs;
	struct guest guest;

	guest_read(&guest);
	if (!guest.xen)
		return no_xen(&guest, command, options->json);

	switch (command) {
	case COMMAND_WATCH:
		return watch(&guest, options);
	case COMMAND_BENCH:
		return bench(options);
	default:
		break;
	}

	costs_measure(&costs);
	if (command == COMMAND_METRICS)
		metrics(&guest, &costs);
	else if (options->json)
		json_summary(&guest, &costs);
	else
		text_summary(&guest, &costs);

	return EXIT_OK;
}

int main(int argc __always_unused, char **argv)
{
	struct options options = { .interval_ms = 100, .reads = 20000 };
	enum command command;

	if (!options_parse(argv + 1, &command, &options))
		return EXIT_USAGE;

	if (command == COMMAND_HELP)
		fputs(help, stdout);
	else if (command == COMMAND_VERSION)
		puts("xen-clock " XEN_CLOCK_VERSION);
	else
		return finish(run(command, &options));

	return finish(EXIT_OK);
}
