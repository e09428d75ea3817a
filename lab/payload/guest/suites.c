// SPDX-License-Identifier: GPL-2.0-only
/* Programs that others wrote, a batch of them side by side, and what they say */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define MAX_TASKS	16
/* Of a line of the report, see send_report() */
#define PIECE		1000
/* How often the lab hears that it goes on */
#define LOOK_USEC	50000
#define LOOKS		100

struct task {
	char name[64];
	pid_t pid;
	__s64 begun;
};

static void output_path(const struct task *task, char path[32])
{
	snprintf(path, 32, "/output.%d", (int)task->pid);
}

static void run_shell(const char *command)
{
	struct task me = { .pid = getpid() };
	char path[32];
	int file;

	output_path(&me, path);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
	if (file < 0 || dup2(file, STDOUT_FILENO) < 0 || dup2(file, STDERR_FILENO) < 0)
		_exit(126);
	close(file);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

static void begin(struct task *task, const char *command)
{
	task->begun = read_clock(CLOCK_MONOTONIC);
	task->pid = fork();
	if (task->pid < 0)
		die("no process: %s", strerror(errno));
	if (!task->pid)
		run_shell(command);
}

/* A program that was killed has the status that a shell gives it */
static void end(const struct task *task, int status)
{
	char path[32], piece[PIECE];
	size_t length;
	FILE *output;

	say("seconds.%s %lld", task->name,
	    (read_clock(CLOCK_MONOTONIC) - task->begun) / 1000000000);
	say("status.%s %d", task->name,
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	output_path(task, path);
	output = fopen(path, "r");
	if (!output)
		die("%s has no output: %s", task->name, strerror(errno));
	while (fgets(piece, sizeof(piece), output)) {
		length = strcspn(piece, "\n");
		say("said.%s%s %.*s", task->name, piece[length] ? "" : "+",
		    (int)length, piece);
	}
	fclose(output);
	unlink(path);
}

/* A line of a batch is a name, and what the shell is to do */
void run_batch(const char *when, const char *batch)
{
	struct task tasks[MAX_TASKS];
	unsigned int looks, running, tasks_n = 0, i;
	char command[512], path[64];
	int status;
	FILE *file;
	pid_t pid;

	snprintf(path, sizeof(path), "/suites/batch.%s", batch);
	file = fopen(path, "r");
	if (!file)
		die("no batch %s: %s", batch, strerror(errno));
	while (tasks_n < MAX_TASKS &&
	       fscanf(file, "%63s %511[^\n]", tasks[tasks_n].name, command) == 2)
		begin(&tasks[tasks_n++], command);
	fclose(file);

	running = tasks_n;
	for (looks = 1; running; looks++) {
		/* It is process 1: children of others that are gone end in it, too */
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			for (i = 0; i < tasks_n; i++)
				if (tasks[i].pid == pid) {
					end(&tasks[i], status);
					running--;
				}
		if (!(looks % LOOKS)) {
			snprintf(path, sizeof(path), "running %u", looks / LOOKS);
			set_state(path);
		}
		usleep(LOOK_USEC);
	}
	send_report();
	snprintf(path, sizeof(path), "ran %s %s", when, batch);
	set_state(path);
}
