// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's /init.  It and the lab take turns over xenstore: the lab says in
 * data/phase what to do next, the guest in data/state how far it is.
 *
 *   lab		guest
 *			up		has booted
 *   measure		ready		has measured, its readers run
 *   send			sent		shows what it has measured so far
 *   tick N		tick 0 to N	is two seconds apart, and says its clocks, each
 *					in a node of its own: data/tick/N
 *   rest N		tick 0 to N	the same, while its readers look now and then only
 *   pause USEC		pausing		its readers pause after each look
 *   mark		marked		counts steps of the clocks anew
 *   clocksource NAME	chosen		has this clocksource now
 *   unstable		marked unstable	had the lab's probes mark the TSC unstable
 *   online N		plugging	leaves xenstore alone until it has so many vCPUs
 *			online N	has them, its readers on each
 *   connect OWN PEER PORT	connected	has a TCP connection, the address OWN is its own
 *   spin MSEC		spun		had a vCPU for itself for so long
 *   trace CLOCK		tracing		ftrace records what printk says
 *   watch		watching	xen-clock watch runs until the report
 *   functions		traced		had all of the kernel's functions traced
 *   hibernate		woken		has slept in an image of itself
 *   tsc VCPU USEC	moved		has moved the TSC of this vCPU by so much
 *   phc N		phc N		has read the PTP clock: data/phc says what
 *   reads USEC		reading		its readers of that pause so long after each look
 *   rtc N		rtc N		has read the RTC: data/rtc says what
 *   run WHEN BATCH	ran WHEN BATCH	others' programs have run, and sends what they said;
 *			running N	up to then it says so now and then
 *   cost		counted		has said what a clock_gettime() costs
 *   finish		done		has looked again, and shows its report
 *   reboot			reboots, and has booted: up
 *   off				powers off
 *
 * Between two of these the lab may save it, restore it, pause it, and change
 * the host below it.
 *
 * choose=NAME on the kernel's command line, which the kernel hands on to its init, has it
 * choose that clocksource before all else.
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
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define CPU_ONLINE	"/sys/devices/system/cpu/cpu%ld/online"
/* Between two looks of a reader that rests */
#define REST_USEC	50000

static int kmsg = -1;

/* The kernel shows a record to readers once it has its newline */
void log_line(const char *line)
{
	if (kmsg >= 0 && write(kmsg, line, strlen(line)) < 0)
		perror("agent: /dev/kmsg");
}

/* By both clocks: the kernel stamps the record with sched_clock */
static void log_moment(const char *what)
{
	char line[64];

	snprintf(line, sizeof(line), "agent: %s at %lld ns\n", what,
		 read_clock(CLOCK_MONOTONIC));
	log_line(line);
}

/* The console's log on the host is where this can still be read */
void die(const char *format, ...)
{
	char line[513] = "agent: FAILED: ";
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

void mount_or_die(const char *type, const char *where)
{
	/* The initramfs holds no directories; those below /sys exist by then */
	mkdir(where, 0755);
	if (mount(type, where, type, 0, NULL) && errno != EBUSY)
		die("cannot mount %s: %s", type, strerror(errno));
}

void set_state(const char *state)
{
	xenbus_write("data/state", state, strlen(state));
}

/* The next order, which differs from the last */
static void next_phase(char phase[32])
{
	char last[32];

	memcpy(last, phase, sizeof(last));
	/* A restored domain's data/ is empty again: a missing node is no error */
	while (!xenbus_read("data/phase", phase, sizeof(last)) || !strcmp(phase, last))
		xenbus_wait();
}

/*
 * Sleeps by the clock that the kernel keeps.  The lab counts the time between,
 * and compares CLOCK_MONOTONIC and CLOCK_BOOTTIME, in ns, with its own.
 */
static void run_ticks(unsigned int ticks)
{
	char node[32], state[64];
	struct timespec next;
	unsigned int i;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (i = 0; i <= ticks; i++, next.tv_sec += 2) {
		if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL))
			die("a sleep was cut short");
		snprintf(state, sizeof(state), "tick %u %lld %lld", i,
			 read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_BOOTTIME));
		/* Of two writes to one node, dom0 may hear as if they were one */
		snprintf(node, sizeof(node), "data/tick/%u", i);
		xenbus_write(node, state, strlen(state));
	}
}

static void pause_for(unsigned int usec)
{
	readers_pause(usec);
	sleepers_pause(usec);
}

/* To an emulated machine both a look and a wakeup are dear, and others wait for it */
static void rest_for_ticks(unsigned int ticks)
{
	unsigned int before = readers_pausing();

	if (before < REST_USEC)
		pause_for(REST_USEC);
	run_ticks(ticks);
	pause_for(before);
}

/* By the administrator's hand */
static void choose(const char *clocksource)
{
	write_file(CURRENT_CLOCKSOURCE, clocksource);
	set_state("chosen");
}

/* As anything in the kernel can */
static void mark_unstable(void)
{
	write_file("/sys/module/xen_probe/parameters/unstable", "1");
	set_state("marked unstable");
}

static void measure(void)
{
	report_facts("before");
	rtc_report("before");
	report_programs("before");
	report_costs();
	readers_start();
	sleepers_start();
	periodic_start();
	log_moment("ready");
	set_state("ready");
}

/* For the case that it does not live to see its end */
static void send_early(void)
{
	send_report();
	set_state("sent");
}

static void pause_readers(unsigned int usec)
{
	pause_for(usec);
	set_state("pausing");
}

static void mark(void)
{
	readers_mark();
	set_state("marked");
}

/*
 * Xen unplugs vCPUs all by itself.  Of those that it plugs in the kernel says so,
 * and leaves it to udev to bring them online, of which there is none here.
 */
static void wait_online(long cpus)
{
	char state[32], path[64];
	long online;
	int file;

	set_state("plugging");
	while ((online = sysconf(_SC_NPROCESSORS_ONLN)) != cpus) {
		snprintf(path, sizeof(path), CPU_ONLINE, online);
		file = open(path, O_WRONLY);
		/* One that is not plugged in yet refuses it */
		if (online > cpus || file < 0 || write(file, "1", 1) < 0)
			usleep(10000);
		if (file >= 0)
			close(file);
	}
	readers_return(cpus);
	sleepers_return(cpus);
	snprintf(state, sizeof(state), "online %ld", cpus);
	set_state(state);
}

static void connect_to(const char *own, const char *peer, unsigned int port)
{
	connection_start(own, peer, port);
	set_state("connected");
}

static void crowd(unsigned int number)
{
	crowd_start(number);
	set_state("crowded");
}

static void disperse(void)
{
	crowd_end();
	set_state("dispersed");
}

static void spin_for(unsigned int msec)
{
	spin_alone(msec);
	set_state("spun");
}

static void trace(const char *clock)
{
	trace_start(clock);
	set_state("tracing");
}

static void watch(void)
{
	watch_start();
	set_state("watching");
}

static void sleep_in_image(void)
{
	hibernate();
	set_state("woken");
}

static void move(unsigned int cpu, int usec)
{
	move_tsc(cpu, usec);
	set_state("moved");
}

static void functions(void)
{
	trace_functions();
	set_state("traced");
}

static void finish(void)
{
	/* A guest that was to be idle has nothing left to be idle for */
	pause_for(0);
	readers_run_on(100);
	sleepers_run_on(10);
	periodic_run_on(2);
	wait_evaluated();
	connection_report(10);
	log_moment("finishing");
	readers_report();
	sleepers_report();
	periodic_report();
	phc_report();
	report_facts("after");
	rtc_report("after");
	report_programs("after");
	report_kmsg();
	trace_report();
	send_report();
	set_state("done");
}

static void carry_out(const char *phase)
{
	char name[32], when[32], peer[32];
	unsigned int number;
	int usec;

	if (!strcmp(phase, "measure"))
		measure();
	else if (sscanf(phase, "tick %u", &number) == 1)
		run_ticks(number);
	else if (sscanf(phase, "rest %u", &number) == 1)
		rest_for_ticks(number);
	else if (sscanf(phase, "pause %u", &number) == 1)
		pause_readers(number);
	else if (sscanf(phase, "clocksource %31s", name) == 1)
		choose(name);
	else if (sscanf(phase, "online %u", &number) == 1)
		wait_online(number);
	else if (sscanf(phase, "connect %31s %31s %u", name, peer, &number) == 3)
		connect_to(name, peer, number);
	else if (sscanf(phase, "crowd %u", &number) == 1)
		crowd(number);
	else if (!strcmp(phase, "disperse"))
		disperse();
	else if (sscanf(phase, "spin %u", &number) == 1)
		spin_for(number);
	else if (sscanf(phase, "trace %31s", name) == 1)
		trace(name);
	else if (sscanf(phase, "tsc %u %d", &number, &usec) == 2)
		move(number, usec);
	else if (sscanf(phase, "phc %u", &number) == 1)
		phc_read(number);
	else if (sscanf(phase, "reads %u", &number) == 1)
		phc_pause(number);
	else if (sscanf(phase, "rtc %u", &number) == 1)
		rtc_read(number);
	else if (sscanf(phase, "run %31s %31s", when, name) == 2)
		run_batch(when, name);
	else if (!strcmp(phase, "cost"))
		log_cost();
	else if (!strcmp(phase, "unstable"))
		mark_unstable();
	else if (!strcmp(phase, "send"))
		send_early();
	else if (!strcmp(phase, "watch"))
		watch();
	else if (!strcmp(phase, "functions"))
		functions();
	else if (!strcmp(phase, "hibernate"))
		sleep_in_image();
	else if (!strcmp(phase, "mark"))
		mark();
	else if (!strcmp(phase, "finish"))
		finish();
	else if (strcmp(phase, "off") && strcmp(phase, "reboot"))
		die("no such phase: %s", phase);
}

int main(void)
{
	char phase[32] = "";

	mount_or_die("proc", "/proc");
	mount_or_die("sysfs", "/sys");
	mount_or_die("devtmpfs", "/dev");
	mount_or_die("debugfs", "/sys/kernel/debug");
	kmsg = open("/dev/kmsg", O_WRONLY);

	if (getenv("choose"))
		write_file(CURRENT_CLOCKSOURCE, getenv("choose"));
	cpuid_init();
	xenbus_open();
	xenbus_watch("data/phase");
	set_state("up");

	do {
		next_phase(phase);
		carry_out(phase);
	} while (strcmp(phase, "off") && strcmp(phase, "reboot"));

	/* The guest may have a disk */
	sync();
	reboot(strcmp(phase, "off") ? RB_AUTOBOOT : RB_POWER_OFF);
	die("no %s: %s", phase, strerror(errno));
}
