// SPDX-License-Identifier: GPL-2.0-only
/* xen-clock: what the clocks of a Xen guest are */
#include "options.h"

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
	"  watch          look at all clocks on all CPUs, and say when one steps back,\n"
	"                 leaps or changes its rate, until a signal or for N seconds\n"
	"  bench          what a read of each clock costs, on each CPU\n"
	"  metrics        the summary for node_exporter's textfile collector\n"
	"\n"
	"  --seconds N    end after N seconds\n"
	"  --interval MS  look each MS milliseconds (100)\n"
	"  --reads N      read each clock N times on each CPU (20000)\n"
	"  --json         as JSON; watch prints one object per line\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 good, 1 something could not be read or written, 2 wrong usage,\n"
	"3 not under Xen, 4 watch saw a clock step back. More is in xen-clock(1).\n";

/* Those who read by program get a document all the same */
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
