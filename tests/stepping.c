// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded, it makes clocks wrong: of the clock WRONG_CLOCK all that is read
 * after the first WRONG_AFTER times is off by WRONG_NS, and runs fast by WRONG_PPM.
 *
 * And it cancels a timer, as a resume does, after CANCEL_MS. From then on BOOTTIME has
 * gone on by SUSPENDED_NS, and a read of it takes LATE_US more.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int timer = -1;
static int cancelled;

static long number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : 0;
}

static void shift(struct timespec *time, long long add)
{
	long long ns = time->tv_sec * 1000000000LL + time->tv_nsec + add;

	time->tv_sec = ns / 1000000000;
	time->tv_nsec = ns % 1000000000;
}

int clock_gettime(clockid_t id, struct timespec *time)
{
	static long long first;
	static long seen;
	long long ns;

	if (id == CLOCK_BOOTTIME && cancelled)
		usleep(number("LATE_US"));
	if (syscall(SYS_clock_gettime, id, time))
		return -1;
	if (id == CLOCK_BOOTTIME && cancelled)
		shift(time, number("SUSPENDED_NS"));
	if (!getenv("WRONG_CLOCK") || id != number("WRONG_CLOCK") ||
	    __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED) <= number("WRONG_AFTER"))
		return 0;

	ns = time->tv_sec * 1000000000LL + time->tv_nsec;
	if (!first)
		first = ns;
	shift(time, number("WRONG_NS") + (ns - first) / 1000000 * number("WRONG_PPM"));

	return 0;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new,
		    struct itimerspec *old)
{
	struct itimerspec soon = { .it_value = { .tv_nsec = 1 } };

	if (!getenv("CANCEL_MS") || cancelled)
		return syscall(SYS_timerfd_settime, fd, flags, new, old);

	timer = fd;
	soon.it_value.tv_sec = number("CANCEL_MS") / 1000;
	soon.it_value.tv_nsec += number("CANCEL_MS") % 1000 * 1000000;

	return syscall(SYS_timerfd_settime, fd, 0, &soon, old);
}

ssize_t read(int fd, void *buffer, size_t size)
{
	ssize_t got = syscall(SYS_read, fd, buffer, size);

	if (fd != timer || got < 0 || cancelled)
		return got;
	cancelled = 1;
	errno = ECANCELED;

	return -1;
}
