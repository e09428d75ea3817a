// SPDX-License-Identifier: GPL-2.0-only
/* ftrace records what printk says, with the stamps of the trace clock */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

#define TRACING "/sys/kernel/tracing/"

static bool tracing;

/* The events of the series, but for one that comes with every timer interrupt */
static void trace_clocks(void)
{
	if (access(TRACING "events/xen_tsc", F_OK))
		return;
	write_file(TRACING "events/xen_tsc/xen_sched_clock_resume/enable", "1");
	write_file(TRACING "events/xen_tsc/xen_tsc_demote/enable", "1");
}

/* From now on, by this clock; "-" leaves the kernel's choice */
void trace_start(const char *clock)
{
	mount_or_die("tracefs", TRACING);
	if (strcmp(clock, "-"))
		write_file(TRACING "trace_clock", clock);
	write_file(TRACING "events/printk/console/enable", "1");
	trace_clocks();
	tracing = true;
}

/*
 * The kernel patches all its functions.  Before QEMU 8.1 a vCPU that comes upon
 * them meanwhile may run what is gone from memory by then: let the readers sleep.
 */
static void set_tracer(const char *tracer)
{
	readers_pause(1000000);
	readers_run_on(1);
	write_file(TRACING "current_tracer", tracer);
	readers_pause(0);
}

/* Every function of the kernel asks the clock: on and off again */
void trace_functions(void)
{
	set_tracer("function");
	readers_run_on(5);
	set_tracer("nop");
}

void trace_report(void)
{
	char line[1024];
	FILE *file;

	if (!tracing)
		return;
	write_file(TRACING "events/printk/console/enable", "0");
	file = fopen(TRACING "trace_clock", "r");
	if (file && fgets(line, sizeof(line), file))
		say("trace_clock %.*s", (int)strcspn(line, "\n"), line);
	if (file)
		fclose(file);
	file = fopen(TRACING "trace", "r");
	if (!file)
		die("cannot open the trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), file))
		if (line[0] != '#')
			say("trace %.*s", (int)strcspn(line, "\n"), line);
	fclose(file);
}
