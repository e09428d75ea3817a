// SPDX-License-Identifier: GPL-2.0-only
/* What tools/xen-clock makes of this guest, as a user would ask it */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "witness.h"

#define TOOL	"/bin/xen-clock"
/* Of a line of the report, see send_report() */
#define PIECE	1000

static void run(int out)
{
	if (dup2(out, STDOUT_FILENO) >= 0)
		execl(TOOL, TOOL, "--json", NULL);
	_exit(127);
}

void report_tool(void)
{
	char piece[PIECE + 1];
	int ends[2], status;
	ssize_t got;
	pid_t pid;

	if (pipe(ends))
		die("no pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("no process: %s", strerror(errno));
	if (!pid)
		run(ends[1]);
	close(ends[1]);
	while ((got = read(ends[0], piece, PIECE)) > 0) {
		piece[got] = '\0';
		/* The document ends with a new line, and has no other */
		piece[strcspn(piece, "\n")] = '\0';
		say("tool %s", piece);
	}
	close(ends[0]);
	if (waitpid(pid, &status, 0) != pid || status)
		die(TOOL " ended with status %#x", status);
}
