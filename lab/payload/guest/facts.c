// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel says about itself */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent.h"

/* For how often the log is read, in which a line should be that may never come */
#define EVALUATION_TRIES	200

/* The first line of a file; false, and an empty line, when there is none */
bool read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "r");
	bool ok;

	line[0] = '\0';
	if (!file)
		return false;
	ok = fgets(line, size, file);
	if (!ok)
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	fclose(file);
	return ok;
}

/* Into a file of the kernel's, all at once */
void write_file(const char *path, const char *value)
{
	int file = open(path, O_WRONLY | O_TRUNC);

	if (file < 0 || write(file, value, strlen(value)) < 0)
		die("cannot write '%s' to %s: %s", value, path, strerror(errno));
	close(file);
}

static void report_file(const char *when, const char *key, const char *path)
{
	char line[1024];

	if (read_line(path, line, sizeof(line)))
		say("%s.%s %s", when, key, line);
}

/* The first line of a file that starts so */
static bool find_line(const char *path, const char *start, char *line, size_t size)
{
	FILE *file = fopen(path, "r");
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, size, file))
		found = !strncmp(line, start, strlen(start));
	fclose(file);
	return found;
}

/* Whether the kernel takes the TSC for reliable, and sched_clock for stable */
static void report_trust(const char *when)
{
	char line[4096];

	if (find_line("/proc/cpuinfo", "flags", line, sizeof(line)))
		say("%s.tsc_reliable %d", when, !!strstr(line, " tsc_reliable"));
	/* Without the series this is the frequency by the pvclock */
	if (find_line("/proc/cpuinfo", "cpu MHz", line, sizeof(line)))
		say("%s.cpu_mhz %.*s", when, (int)strcspn(strchr(line, ':') + 2, "\n"),
		    strchr(line, ':') + 2);
	if (find_line("/sys/kernel/debug/sched/debug", "sched_clock_stable()", line,
		      sizeof(line)))
		say("%s.stable %d", when, !!strstr(line, ": 1"));
}

static const char *const sysfs_files[] = {
	"mode", "emulated", "host_reliable", "frequency_khz", "host_frequency_khz",
	"incarnation", "verdict", "reason", "demoted",
};

void report_facts(const char *when)
{
	char key[64], path[64];
	struct time_leaf leaf;
	struct utsname uts;
	unsigned int i;

	if (!uname(&uts))
		say("%s.linux %s", when, uts.release);
	report_file(when, "cmdline", "/proc/cmdline");
	report_file(when, "xen_major", "/sys/hypervisor/version/major");
	report_file(when, "xen_minor", "/sys/hypervisor/version/minor");
	report_file(when, "xen_extra", "/sys/hypervisor/version/extra");
	report_file(when, "kind", "/sys/hypervisor/guest_type");
	report_file(when, "clocksource", CURRENT_CLOCKSOURCE);
	report_file(when, "available", CLOCKSOURCE "available_clocksource");
	report_trust(when);

	for (i = 0; i < ARRAY_SIZE(sysfs_files); i++) {
		snprintf(key, sizeof(key), "sysfs.%s", sysfs_files[i]);
		snprintf(path, sizeof(path), "/sys/hypervisor/tsc/%s", sysfs_files[i]);
		report_file(when, key, path);
	}

	say("%s.leaf_base %#x", when, xen_leaf_base());
	say("%s.leaf_max %#x", when, xen_leaf_max());
	read_time_leaf(&leaf);
	say("%s.time_leaf %#x %u %u %u", when, leaf.flags, leaf.mode, leaf.khz,
	    leaf.incarnation);
	say("%s.host_khz %u", when, host_khz());
	say("%s.itsc %d", when, itsc_visible());
}

/* Calls for every record of the kernel's log, as /dev/kmsg has it */
static void read_kmsg(void (*call)(const char *record))
{
	char record[8192];
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

	if (kmsg < 0)
		die("cannot open /dev/kmsg: %s", strerror(errno));
	for (;;) {
		ssize_t got = read(kmsg, record, sizeof(record) - 1);

		if (got < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (got <= 0)
			break;
		/* Lines after the first hold a device's name: not wanted */
		record[got] = '\0';
		record[strcspn(record, "\n")] = '\0';
		call(record);
	}
	if (errno != EAGAIN)
		die("reading /dev/kmsg: %s", strerror(errno));
	close(kmsg);
}

static void say_record(const char *record)
{
	say("kmsg %s", record);
}

/* "kmsg PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT" for each record */
void report_kmsg(void)
{
	read_kmsg(say_record);
}

/* The log shows a suspend, and nothing of the TSC since */
static bool evaluation_due;

static void look_for_evaluation(const char *record)
{
	if (strstr(record, ";suspending xenstore") ||
	    strstr(record, ";Enabling non-boot CPUs"))
		evaluation_due = true;
	else if (strstr(record, ";xen: TSC still ") ||
		 strstr(record, ";xen: TSC marked "))
		evaluation_due = false;
}

/*
 * After a resume the kernel evaluates the TSC in a work item, and says so. It says
 * nothing if the TSC is out of use or xen_tsc_reliable=off, nor does a kernel without
 * the series.
 */
void wait_evaluated(void)
{
	unsigned int tries = 0;
	char line[256];

	do {
		evaluation_due = false;
		read_kmsg(look_for_evaluation);
		if (!evaluation_due ||
		    !read_line("/sys/hypervisor/tsc/reason", line, sizeof(line)) ||
		    !strcmp(line, "xen_tsc_reliable=off") ||
		    !read_line(CLOCKSOURCE "available_clocksource", line, sizeof(line)) ||
		    !strstr(line, "tsc"))
			return;
		usleep(10000);
	} while (++tries < EVALUATION_TRIES);
}
