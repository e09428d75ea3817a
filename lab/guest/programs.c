// SPDX-License-Identifier: GPL-2.0-only
/* What the project's own programs make of this guest, as a user would run them */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "witness.h"

#define XEN_CLOCK	"/bin/xen-clock"
#define SELFTEST	"/bin/tsc-selftest"
/* Of a line of the report, see send_report() */
#define PIECE		1000

struct program {
	pid_t pid;
	FILE *output;
};

static struct program start(const char *path, const char *argument)
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
			execl(path, path, argument, NULL);
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

void report_programs(const char *when)
{
	struct program selftest = start(SELFTEST, NULL), xen_clock;

	finish(&selftest, "selftest", when);
	xen_clock = start(XEN_CLOCK, "--json");
	finish(&xen_clock, "xen-clock", when);
}
