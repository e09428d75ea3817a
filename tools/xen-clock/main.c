// SPDX-License-Identifier: GPL-2.0-only
/* xen-clock: what the clocks of a Xen guest are */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xen-clock.h"

static const char help[] =
	"usage: xen-clock [COMMAND] [OPTIONS]\n"
	"\n"
	"What the clocks of a Xen guest are, what they cost, and whether they are right.\n"
	"\n"
	"  (none)         what Xen does to the TSC and why, what the kernel makes of it, and\n"
	"                 what a read of each clock costs\n"
	"  check          is this guest safe? One line, and exit codes as Nagios wants them\n"
	"  watch          sample all clocks on all CPUs, and report one that goes backwards,\n"
	"                 jumps or changes its frequency, until a signal or for N seconds\n"
	"  wait           block until the next resume, or until the TSC is demoted\n"
	"  bench          what a read of each clock costs, on each CPU\n"
	"  metrics        the summary for node_exporter's textfile collector\n"
	"  host           in dom0: the host's TSC, known faults of this Xen, and all guests\n"
	"  forecast       whether guests stay native on another host\n"
	"  record DIR     save what this program reads, for bug reports\n"
	"\n"
	"  --seconds N    of watch and wait: end after N seconds\n"
	"  --interval MS  of watch: sample every MS milliseconds (100)\n"
	"  --for EVENT    of wait: resume or demotion only\n"
	"  --reads N      of bench: read each clock N times on each CPU (20000)\n"
	"  --output FILE  of metrics: replace FILE at once, when all is written\n"
	"  --to FILE      of forecast: what \"xen-clock host --json\" says on the other host\n"
	"  --from FILE    of forecast: the same of this host (asks Xen)\n"
	"  --guest NAME   of forecast: this guest only\n"
	"  --recording DIR show what was recorded there instead of this machine\n"
	"  --json         as JSON; watch and wait print one object per line\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 good, 1 something could not be read or written, 2 wrong usage,\n"
	"3 not under Xen, 4 watch saw a clock go backwards, 5 watch saw a jump or a wrong\n"
	"frequency, 6 wait saw a demotion, 7 wait saw nothing. That of check is 0 safe,\n"
	"1 safe but demoted, 2 unsafe, 3 unknown, or wrong usage. More is in xen-clock(1).\n";

static const struct command {
	const char *name;
	int (*run)(const struct guest *guest, const struct options *options);
	bool json;
	bool anywhere;			/* not in guests of Xen only */
	const char *operand;
} commands[] = {
	{ "", summary, .json = true },
	{ "check", check, .json = true, .anywhere = true },
	{ "watch", watch, .json = true },
	{ "wait", wait_for_event, .json = true },
	{ "bench", bench, .json = true },
	{ "metrics", metrics, .anywhere = true },
	{ "host", host, .json = true },
	{ "forecast", forecast, .json = true, .anywhere = true },
	{ "record", record, .operand = "a directory" },
};

/* What takes a value: a number within bounds, or a text */
static const struct option {
	const char *name;
	const char *command, *also;	/* of all if NULL */
	size_t offset;
	unsigned long low, high;	/* 0: a text */
} valued[] = {
	{ "--seconds", "watch", "wait", offsetof(struct options, seconds), 1, 1000000000 },
	{ "--interval", "watch", "", offsetof(struct options, interval_ms), 1, 60000 },
	{ "--reads", "bench", "", offsetof(struct options, reads), 1, 100000000 },
	{ "--output", "metrics", "", offsetof(struct options, output), 0, 0 },
	{ "--to", "forecast", "", offsetof(struct options, to), 0, 0 },
	{ "--from", "forecast", "", offsetof(struct options, from), 0, 0 },
	{ "--guest", "forecast", "", offsetof(struct options, guest), 0, 0 },
	{ "--for", "wait", "", offsetof(struct options, event), 0, 0 },
	{ "--recording", NULL, NULL, offsetof(struct options, recording), 0, 0 },
};

static bool hint(void)
{
	complain("try xen-clock --help");
	return false;
}

static bool parse_value(const struct option *option, const char *text,
			struct options *options)
{
	void *value = (char *)options + option->offset;
	unsigned long number;
	char *end;

	if (!option->high) {
		*(const char **)value = text;
		if (*text)
			return true;
		complain("%s '': it is empty", option->name);
		return hint();
	}

	errno = 0;
	number = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno ||
	    number < option->low || number > option->high) {
		complain("%s '%s': not a number from %lu to %lu", option->name, text,
			 option->low, option->high);
		return hint();
	}
	*(unsigned long *)value = number;

	return true;
}

static const struct option *find(const char *arg)
{
	size_t length = strcspn(arg, "=");
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(valued); i++)
		if (strlen(valued[i].name) == length &&
		    !strncmp(arg, valued[i].name, length))
			return &valued[i];

	return NULL;
}

/* The command, or what it is to work on */
static bool parse_word(const char *arg, const struct command **command,
		       struct options *options)
{
	unsigned int i;

	if (*command != commands) {
		if ((*command)->operand && !options->operand && *arg) {
			options->operand = arg;
			return true;
		}
		complain("extra argument '%s' after %s", arg, (*command)->name);
		return hint();
	}
	for (i = 1; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(arg, commands[i].name)) {
			*command = &commands[i];
			return true;
		}
	}
	complain("unknown command '%s'", arg);

	return hint();
}

/* One option; @arg moves on past its value */
static bool parse_option(char ***arg, struct options *options)
{
	const char *text = **arg, *value = strchr(text, '=');
	const struct option *option;

	if (!strcmp(text, "--json")) {
		options->json = true;
		return true;
	}

	option = find(text);
	if (!option) {
		complain("unknown option '%s'", text);
		return hint();
	}
	if (!value && !(*arg)[1]) {
		complain("%s needs a %s", text, option->high ? "number" : "value");
		return hint();
	}
	options->given |= 1u << (option - valued);

	return parse_value(option, value ? value + 1 : *++*arg, options);
}

/* Do the command and the options fit? */
static bool options_check(const struct command *command, const struct options *options)
{
	const struct option *option;

	for (option = valued; option < valued + ARRAY_SIZE(valued); option++) {
		if (!(options->given & 1u << (option - valued)) || !option->command ||
		    !strcmp(option->command, command->name) ||
		    (*option->also && !strcmp(option->also, command->name)))
			continue;
		complain("%s is an option of %s%s%s only", option->name, option->command,
			 *option->also ? " and " : "", option->also);
		return hint();
	}
	if (options->json && !command->json) {
		complain("--json is no option of %s, which has its own format",
			 command->name);
		return hint();
	}
	if (command->operand && !options->operand) {
		complain("%s needs %s", command->name, command->operand);
		return hint();
	}
	if (command->run == forecast && !options->to) {
		complain("forecast needs --to FILE, which \"xen-clock host --json\" writes");
		return hint();
	}
	if (options->event && strcmp(options->event, "resume") &&
	    strcmp(options->event, "demotion")) {
		complain("--for '%s': not resume or demotion", options->event);
		return hint();
	}

	return true;
}

static bool is_one_of(const char *arg, const char *a, const char *b, const char *c)
{
	return !strcmp(arg, a) || !strcmp(arg, b) || !strcmp(arg, c);
}

/*
 * Into @command and @options, which hold the defaults.  Help and version win over all
 * but an error before them: then @text is what to print.
 */
static bool options_parse(char **arg, const struct command **command,
			  struct options *options, const char **text)
{
	for (; *arg; arg++) {
		bool first = *command == commands;

		if (is_one_of(*arg, "--help", "-h", first ? "help" : "-h")) {
			*text = help;
			return true;
		}
		if (is_one_of(*arg, "--version", "-V", first ? "version" : "-V")) {
			*text = "xen-clock " XEN_CLOCK_VERSION "\n";
			return true;
		}
		if (**arg == '-' ? !parse_option(&arg, options) :
				   !parse_word(*arg, command, options))
			return false;
	}

	return options_check(*command, options);
}

/* A directory that "xen-clock record" wrote, in place of this machine */
static void use_recording(const char *directory)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/cpuid", directory) >= (int)sizeof(path))
		die("the path %.40s... is too long", directory);
	if (access(path, R_OK))
		die("recording %s: cannot read its cpuid: %s", directory, strerror(errno));
	if (setenv("XEN_CLOCK_ROOT", directory, 1) || setenv("XEN_CLOCK_CPUID", path, 1))
		die("no memory");
}

static int run(const struct command *command, const struct options *options)
{
	struct json json = { .file = stdout };
	struct guest guest;

	if (options->recording)
		use_recording(options->recording);
	guest_read(&guest);
	if (guest.xen || command->anywhere)
		return command->run(&guest, options);

	/* Programs get a document all the same */
	if (options->json) {
		json_document(&json, false);
		json_finish(&json);
	}
	complain("this is not a guest of Xen: neither CPUID nor /sys/hypervisor shows it");

	return EXIT_NO_XEN;
}

static bool has(char **arg, const char *word)
{
	for (; *arg; arg++)
		if (!strcmp(*arg, word))
			return true;

	return false;
}

int main(int argc __always_unused, char **argv)
{
	struct options options = { .interval_ms = 100, .reads = 20000 };
	const struct command *command = commands;
	const char *text = NULL;
	bool good = options_parse(argv + 1, &command, &options, &text);

	/* The command may follow what is wrong */
	if (command->run == check || (!good && command == commands && has(argv + 1, "check"))) {
		check_prepare(has(argv + 1, "--json"));
		if (!good)
			die("the command is wrong: try xen-clock --help");
	}
	if (!good)
		return EXIT_USAGE;
	if (!text)
		return finish(run(command, &options));

	fputs(text, stdout);

	return finish(EXIT_OK);
}
