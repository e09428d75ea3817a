// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded, it makes clocks wrong: of the clock WRONG_CLOCK all that is read
 * after the first WRONG_AFTER times is off by WRONG_NS.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t id, struct timespec *time)
{
	static long seen;
	long long ns;

	if (syscall(SYS_clock_gettime, id, time))
		return -1;
	if (id != number("WRONG_CLOCK") ||
	    __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED) <= number("WRONG_AFTER"))
		return 0;

	ns = time->tv_sec * 1000000000LL + time->tv_nsec + number("WRONG_NS");
	time->tv_sec = ns / 1000000000;
	time->tv_nsec = ns % 1000000000;

	return 0;
}
