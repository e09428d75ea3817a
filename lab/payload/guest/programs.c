// SPDX-License-Identifier: GPL-2.0-only
/* What the project's own programs make of this guest, as a user would run them */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define XEN_CLOCK	"/bin/xen-clock"
#define SELFTEST	"/bin/tsc-selftest"
#define TESTPTP		"/bin/testptp"
/* Of a line of the report, see send_report() */
#define PIECE		1000

struct program {
	pid_t pid;
	FILE *output;
};

/* From watch_start() on: what they say has room in the pipe */
static struct program watch, waiting;

static struct program start(const char *path, const char *command,
			    const char *option)
{
	struct program program;
	int ends[2];

	if (pipe(ends))
		die("no pipe: %s", strerror(errno));
	program.pid = fork();
	if (program.pid < 0)
		die("no process: %s", strerror(errno));
	if (!program.pid) {
		if (dup2(ends[1], STDOUT_FILENO) >= 0)
			execl(path, path, command, option, NULL);
		_exit(127);
	}
	close(ends[1]);
	program.output = fdopen(ends[0], "r");
	if (!program.output)
		die("no stream: %s", strerror(errno));

	return program;
}

/* All that it says: a line that goes on in the next one ends in "+" here */
static void finish(const struct program *program, const char *what, const char *when)
{
	char piece[PIECE];
	size_t length;
	int status;

	while (fgets(piece, sizeof(piece), program->output)) {
		length = strcspn(piece, "\n");
		say("said.%s.%s%s %.*s", what, when, piece[length] ? "" : "+",
		    (int)length, piece);
	}
	fclose(program->output);
	if (waitpid(program->pid, &status, 0) != program->pid || !WIFEXITED(status))
		die("%s has crashed: status %#x", what, status);
	say("status.%s.%s %d", what, when, WEXITSTATUS(status));
}

static void report(const char *what, const char *when, const char *path,
		   const char *command, const char *option)
{
	struct program program = start(path, command, option);

	finish(&program, what, when);
}

void watch_start(void)
{
	watch = start(XEN_CLOCK, "watch", "--json");
	waiting = start(XEN_CLOCK, "wait", "--json");
}

/* The kernel's own test of PTP clocks: what this one can do, and how far it is off */
void report_testptp(void)
{
	report("testptp-can", "after", TESTPTP, "-c", NULL);
	report("testptp-offset", "after", TESTPTP, "-k", "5");
}

void report_tool(const char *when)
{
	report("xen-clock", when, XEN_CLOCK, "--json", NULL);
}

void report_programs(const char *when)
{
	report("selftest", when, SELFTEST, NULL, NULL);
	report_tool(when);
	if (!watch.pid)
		return;

	report("xen-clock-metrics", when, XEN_CLOCK, "metrics", NULL);
	kill(watch.pid, SIGINT);
	finish(&watch, "xen-clock-watch", when);
	/* It has ended, unless it was told of nothing */
	kill(waiting.pid, SIGINT);
	finish(&waiting, "xen-clock-wait", when);
}
