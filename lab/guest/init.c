// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's /init.  It and the lab take turns over xenstore: the guest says
 * in data/state how far it is, the lab in data/phase what comes next.
 *
 *   guest		lab
 *   up			measure
 *   ready		restored (after save and restore), or finish
 *   done		(reads the report, then:) off
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "witness.h"

static int kmsg = -1;

/* The kernel shows a record to readers once it has its newline */
static void log_line(const char *line)
{
	if (kmsg >= 0 && write(kmsg, line, strlen(line)) < 0)
		perror("witness: /dev/kmsg");
}

/* The console's log on the host is where this can still be read */
void die(const char *format, ...)
{
	char line[513] = "witness: FAILED: ";
	size_t length = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + length, sizeof(line) - 1 - length, format, args);
	va_end(args);
	strcat(line, "\n");
	log_line(line);
	fputs(line, stderr);
	sync();
	reboot(RB_POWER_OFF);
	exit(1);
}

static void mount_or_die(const char *type, const char *where)
{
	/* The initramfs holds no directories; those below /sys exist by then */
	mkdir(where, 0755);
	if (mount(type, where, type, 0, NULL) && errno != EBUSY)
		die("cannot mount %s: %s", type, strerror(errno));
}

static void set_state(const char *state)
{
	xenbus_write("data/state", state, strlen(state));
}

/* A restored domain's data/ is empty again, so a missing node is no error */
static void wait_phase(const char *one, const char *other)
{
	char phase[32];

	for (;;) {
		if (xenbus_read("data/phase", phase, sizeof(phase)) &&
		    (!strcmp(phase, one) || !strcmp(phase, other)))
			return;
		xenbus_wait();
	}
}

int main(void)
{
	mount_or_die("proc", "/proc");
	mount_or_die("sysfs", "/sys");
	mount_or_die("devtmpfs", "/dev");
	mount_or_die("debugfs", "/sys/kernel/debug");
	kmsg = open("/dev/kmsg", O_WRONLY);

	cpuid_init();
	xenbus_open();
	xenbus_watch("data/phase");

	set_state("up");
	wait_phase("measure", "finish");
	report_facts("before");
	report_costs();
	readers_start();
	log_line("witness: ready\n");

	set_state("ready");
	wait_phase("restored", "finish");
	readers_run_on(1000);
	log_line("witness: finishing\n");
	readers_report();
	report_facts("after");
	report_kmsg();
	send_report();

	set_state("done");
	wait_phase("off", "off");
	reboot(RB_POWER_OFF);
	die("no power off: %s", strerror(errno));
}
