// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded, it makes any file a PTP clock that is PHC_NS ahead of CLOCK_REALTIME.
 * PHC_PRECISE is what PTP_SYS_OFFSET_PRECISE returns, and PHC_WIDTHS says how long each
 * sample of PTP_SYS_OFFSET_EXTENDED takes, in ns. With PHC_CLOSED it is for root only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/ptp_clock.h>

static long long number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoll(text, NULL, 10) : 0;
}

static struct ptp_clock_time ptp_time(long long ns)
{
	return (struct ptp_clock_time) { .sec = ns / 1000000000, .nsec = ns % 1000000000 };
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);

	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int precise(struct ptp_sys_offset_precise *pair)
{
	long long ns = now();

	pair->sys_realtime = ptp_time(ns);
	pair->device = ptp_time(ns + number("PHC_NS"));
	errno = number("PHC_PRECISE");

	return errno ? -1 : 0;
}

/* The PTP clock is read at the end of a sample, which is as unlucky as can be */
static int extended(struct ptp_sys_offset_extended *samples)
{
	const char *widths = getenv("PHC_WIDTHS");
	long long ns, width = 0;
	unsigned int i;
	char *end;

	if (!widths) {
		errno = EOPNOTSUPP;
		return -1;
	}
	for (i = 0; i < samples->n_samples; i++) {
		ns = now();
		if (*widths) {
			width = strtoll(widths, &end, 10);
			widths = end;
		}
		samples->ts[i][0] = ptp_time(ns);
		samples->ts[i][1] = ptp_time(ns + width + number("PHC_NS"));
		samples->ts[i][2] = ptp_time(ns + width);
	}

	return 0;
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (getenv("PHC_CLOSED") && strstr(path, "/dev/ptp")) {
		errno = EACCES;
		return -1;
	}
	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, unsigned int);
	va_end(args);

	return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *data;

	va_start(args, request);
	data = va_arg(args, void *);
	va_end(args);
	if (fd >= 0 && request == PTP_SYS_OFFSET_PRECISE)
		return precise(data);
	if (fd >= 0 && request == PTP_SYS_OFFSET_EXTENDED)
		return extended(data);
	errno = ENOTTY;

	return -1;
}
