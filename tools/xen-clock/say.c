// SPDX-License-Identifier: GPL-2.0-only
/* Errors, and the end */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "xen-clock.h"

static void say(const char *format, va_list args)
{
	fputs("xen-clock: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	exit(EXIT_TROUBLE);
}

/*
 * What was printed may still be in a buffer: a full disk shows only now.
 * Returns the exit status.
 */
int finish(int status)
{
	errno = 0;
	if (ferror(stdout) || fflush(stdout) || fclose(stdout)) {
		complain("cannot write to standard output%s%s: make room, or write elsewhere",
			 errno ? ": " : "", errno ? strerror(errno) : "");
		return EXIT_TROUBLE;
	}

	return status;
}
