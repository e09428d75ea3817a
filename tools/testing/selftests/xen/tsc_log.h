/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TSC_LOG_H
#define TSC_LOG_H

#include <stdbool.h>

#define LINE	512

/* What the kernel's log says of the TSC; an empty text has not been found */
struct tsc_log {
	bool readable;
	char verdict[LINE];		/* of the boot */
	char verdict_reason[LINE];
	char row[LINE];
	char request[LINE];
	char facts[LINE];		/* as they were found last */
	char given_up[LINE];		/* for this reason */
	char sched_clock[LINE];		/* what it reads */
	unsigned int looks;		/* after a resume */
};

void tsc_log_read(struct tsc_log *log);

/* What stands in @text between @start and one of the characters of @end */
void tsc_log_cut(const char *text, const char *start, const char *end, char out[LINE]);

#endif
