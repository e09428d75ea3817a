// SPDX-License-Identifier: GPL-2.0-only
/*
 * How far CLOCK_REALTIME is from the wall clock of the host. Only the kernel can read
 * that: its driver ptp_xen offers it as a PTP clock.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/ptp_clock.h>

#include "host_clock.h"

#define CLASS		"/sys/class/ptp"
#define NAME		"Xen wall clock"
#define SAMPLES		10
/* What "xen-clock record" writes */
#define RECORDED	"/host_clock"

static void __printf(2, 3) unknown(struct host_clock *clock, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(clock->reason, LINE_SIZE, format, args);
	va_end(args);
}

/* Numbers of PTP clocks differ from boot to boot: that of the host has a name */
static bool find_device(char device[LINE_SIZE])
{
	char path[PATH_MAX], name[LINE_SIZE];
	struct dirent *entry;
	bool found = false;
	DIR *class;

	whole_path(CLASS, path);
	class = opendir(path);
	if (!class)
		return false;

	while (!found && (entry = readdir(class))) {
		if (*entry->d_name == '.')
			continue;
		snprintf(path, sizeof(path), CLASS "/%s/clock_name", entry->d_name);
		found = read_line(path, name) && !strcmp(name, NAME);
		if (found)
			snprintf(device, LINE_SIZE, "/dev/%.100s", entry->d_name);
	}
	closedir(class);

	return found;
}

static s64 nanoseconds(const struct ptp_clock_time *time)
{
	return time->sec * NSEC_PER_SEC + time->nsec;
}

/* The kernel relates both clocks by one read of the counter below them, if it can */
static bool by_counter(int fd, struct host_clock *clock)
{
	struct ptp_sys_offset_precise pair = { };

	if (ioctl(fd, PTP_SYS_OFFSET_PRECISE, &pair))
		return false;

	clock->offset_ns = nanoseconds(&pair.sys_realtime) - nanoseconds(&pair.device);

	return true;
}

/* The narrowest of some samples */
static bool by_samples(int fd, struct host_clock *clock)
{
	struct ptp_sys_offset_extended samples = { .n_samples = SAMPLES };
	s64 width, narrowest = LLONG_MAX;
	int i;

	if (ioctl(fd, PTP_SYS_OFFSET_EXTENDED, &samples))
		return false;

	for (i = 0; i < SAMPLES; i++) {
		s64 before = nanoseconds(&samples.ts[i][0]);

		width = nanoseconds(&samples.ts[i][2]) - before;
		/* CLOCK_REALTIME was set back meanwhile */
		if (width < 0 || width >= narrowest)
			continue;
		narrowest = width;
		clock->offset_ns = before + width / 2 - nanoseconds(&samples.ts[i][1]);
		clock->error_ns = (width + 1) / 2;
	}
	errno = EAGAIN;

	return narrowest != LLONG_MAX;
}

static void read_device(struct host_clock *clock)
{
	char path[PATH_MAX];
	int fd;

	whole_path(clock->device, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		unknown(clock, "%s cannot be opened: %s%s", clock->device, strerror(errno),
			errno == EACCES ? ": try again as root" : "");
		return;
	}

	clock->known = by_counter(fd, clock) || by_samples(fd, clock);
	if (!clock->known)
		unknown(clock, "%s cannot be read: %s", clock->device, strerror(errno));
	close(fd);
}

/* False if it was not recorded, as older versions of this program did not */
static bool read_recorded(struct host_clock *clock)
{
	char line[LINE_SIZE];

	if (!leaves_recorded())
		return false;
	if (read_field(RECORDED, "reason:", clock->reason))
		return true;
	if (!read_field(RECORDED, "offset_ns:", line))
		return false;

	clock->known = true;
	clock->offset_ns = strtoll(line, NULL, 10);
	if (read_field(RECORDED, "error_ns:", line))
		clock->error_ns = strtoll(line, NULL, 10);
	read_field(RECORDED, "device:", clock->device);

	return true;
}

void host_clock_read(struct host_clock *clock, const struct guest *guest)
{
	memset(clock, 0, sizeof(*clock));
	if (read_recorded(clock))
		return;

	if (guest->facts.domain == XEN_TSC_DOM0)
		unknown(clock, "this is dom0, which sets it");
	else if (find_device(clock->device))
		read_device(clock);
	else
		unknown(clock, "the driver ptp_xen is missing, or not loaded");
}

void host_clock_print(FILE *file, const struct host_clock *clock)
{
	if (clock->known)
		fprintf(file, "device: %s\noffset_ns: %lld\nerror_ns: %lld\n",
			clock->device, (long long)clock->offset_ns,
			(long long)clock->error_ns);
	else
		fprintf(file, "reason: %s\n", clock->reason);
}

/* "1.3 ms" */
static void duration(char text[32], s64 ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(units) - 1 && ns < units[i].ns; i++)
		;
	snprintf(text, 32, "%.*f %s", units[i].ns > 1, ns / units[i].ns, units[i].name);
}

void host_clock_words(char text[2 * LINE_SIZE], const struct host_clock *clock)
{
	char offset[32], error[32];
	int length;

	if (!clock->known) {
		snprintf(text, 2 * LINE_SIZE, "not known: %s", clock->reason);
		return;
	}

	duration(offset, llabs(clock->offset_ns));
	duration(error, clock->error_ns);
	if (llabs(clock->offset_ns) <= clock->error_ns)
		length = snprintf(text, 2 * LINE_SIZE, "guest is neither ahead nor behind");
	else
		length = snprintf(text, 2 * LINE_SIZE, "guest is %s %s", offset,
				  clock->offset_ns > 0 ? "ahead" : "behind");
	if (clock->error_ns)
		snprintf(text + length, 2 * LINE_SIZE - length, ", to within %s", error);
}

void json_host_clock(struct json *json, const struct host_clock *clock)
{
	json_begin(json, "host_clock", '{');
	if (clock->known) {
		json_integer(json, "offset_ns", clock->offset_ns);
		json_integer(json, "error_ns", clock->error_ns);
	} else {
		json_null(json, "offset_ns");
		json_null(json, "error_ns");
	}
	json_optional(json, "device", clock->device);
	json_optional(json, "reason", clock->reason);
	json_end(json, '}');
}
