// SPDX-License-Identifier: GPL-2.0-only
/* The lines on the TSC in the kernel's log */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tsc_log.h"

/* Of /dev/kmsg: facilities from 1 on are those of programs */
#define FIRST_OF_PROGRAMS	8

static void copy(char out[LINE], const char *text)
{
	snprintf(out, LINE, "%s", text);
}

void tsc_log_cut(const char *text, const char *start, const char *end, char out[LINE])
{
	const char *from = strstr(text, start);

	copy(out, from ? from + strlen(start) : "");
	out[strcspn(out, end)] = '\0';
}

/* What follows @start, or NULL */
static const char *after(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) ? NULL : text + strlen(start);
}

/* Up to the facts, which follow in brackets; sysfs leaves out by how much */
static void copy_reason(char out[LINE], const char *text)
{
	const char *jump = after(text, "it jumped by ");
	char *facts;

	if (jump)
		jump = strstr(jump, " ms");
	if (jump)
		snprintf(out, LINE, "it jumped%s", jump + strlen(" ms"));
	else
		copy(out, text);

	facts = strstr(out, " (row ") ?: strstr(out, " (mode ");
	if (facts)
		*facts = '\0';
}

static void hear_verdict(struct tsc_log *log, const char *text)
{
	const char *reason = strstr(text, ": ");

	/* There are other lines on the TSC */
	if (!reason || !strstr(text, ", request "))
		return;

	tsc_log_cut(text, "", ":", log->verdict);
	copy_reason(log->verdict_reason, reason + 2);
	tsc_log_cut(text, "(row ", ",", log->row);
	tsc_log_cut(text, ", request ", ")", log->request);
	copy(log->facts, text);
}

/* The guard against jumps tells no row, as it is about no resume */
static void hear_look(struct tsc_log *log, const char *text)
{
	if (!strstr(text, "(row "))
		return;

	copy(log->facts, text);
	log->looks++;
}

static void hear(struct tsc_log *log, const char *text)
{
	const char *clock = after(text, "xen: scheduler clock: ");
	const char *given_up = after(text, "xen: TSC given up: ");
	const char *kept = after(text, "xen: TSC kept: ");
	const char *tsc = after(text, "xen: TSC ");

	if (given_up)
		copy_reason(log->given_up, given_up);

	if (clock)
		tsc_log_cut(clock, "", ",", log->sched_clock);
	else if (given_up || kept)
		hear_look(log, tsc);
	else if (tsc)
		hear_verdict(log, tsc);
}

void tsc_log_read(struct tsc_log *log)
{
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	char record[8192], *text;
	ssize_t got;

	*log = (struct tsc_log){ .readable = kmsg >= 0 };
	if (!log->readable)
		return;

	for (;;) {
		got = read(kmsg, record, sizeof(record) - 1);
		/* Overwritten: go on with what is there */
		if (got < 0 && errno == EPIPE)
			continue;
		if (got <= 0)
			break;
		record[got] = '\0';
		text = strchr(record, ';');
		if (!text || strtoul(record, NULL, 10) >= FIRST_OF_PROGRAMS)
			continue;
		text[strcspn(text, "\n")] = '\0';
		hear(log, text + 1);
	}
	close(kmsg);
}
