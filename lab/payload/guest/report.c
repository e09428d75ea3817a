// SPDX-License-Identifier: GPL-2.0-only
/* Keeps the report and sends it over xenstore in pieces */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"

/* xenstored's limit is 2048 bytes a node, path included */
#define PIECE_SIZE	1500

static char report[1 << 20];
static size_t report_length;

void say_bytes(const char *text, size_t length)
{
	if (report_length + length > sizeof(report))
		die("the report is longer than %zu bytes", sizeof(report));
	memcpy(report + report_length, text, length);
	report_length += length;
}

void say(const char *format, ...)
{
	char line[4096];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(line) - 1)
		die("a line of the report is too long");
	line[length] = '\n';
	say_bytes(line, length + 1);
}

/*
 * Whole lines in data/report/PIECE, and data/pieces says how many there must be.
 * The next report begins anew.
 */
void send_report(void)
{
	char path[40], number[12];
	unsigned int piece = 0;
	size_t sent, size;

	for (sent = 0; sent < report_length; sent += size) {
		size = report_length - sent;
		if (size > PIECE_SIZE) {
			const char *from = report + sent;
			const char *end = memrchr(from, '\n', PIECE_SIZE);

			if (!end)
				die("a line of the report is too long to send");
			size = end + 1 - from;
		}
		snprintf(path, sizeof(path), "data/report/%u", piece++);
		xenbus_write(path, report + sent, size);
	}
	snprintf(number, sizeof(number), "%u", piece);
	xenbus_write("data/pieces", number, strlen(number));
	report_length = 0;
}
