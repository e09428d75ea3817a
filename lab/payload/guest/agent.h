/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's only program: it tells what the kernel decided about its clocks,
 * and measures whether they deserve it.
 */
#ifndef AGENT_H
#define AGENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <linux/types.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_VCPUS	8
#define CLOCKSOURCE		"/sys/devices/system/clocksource/clocksource0/"
#define CURRENT_CLOCKSOURCE	CLOCKSOURCE "current_clocksource"

/* The time leaf of the Xen CPUID range, subleaf 0 */
struct time_leaf {
	__u32 flags;
	__u32 mode;
	__u32 khz;
	__u32 incarnation;
};

/* report.c: what is said is kept until it is sent */
void __printf(1, 2) say(const char *format, ...);
void say_bytes(const char *text, size_t length);
void send_report(void);

/* xenbus.c: the guest's own corner of xenstore */
void xenbus_open(void);
void xenbus_write(const char *path, const char *value, size_t length);
bool xenbus_read(const char *path, char *value, size_t size);
void xenbus_watch(const char *path);
void xenbus_wait(void);

/* cpuid.c */
void cpuid_init(void);
__u32 xen_leaf_base(void);
__u32 xen_leaf_max(void);
void read_time_leaf(struct time_leaf *leaf);
__u32 host_khz(void);
bool itsc_visible(void);

/* facts.c */
bool read_line(const char *path, char *line, size_t size);
void write_file(const char *path, const char *value);
void report_facts(const char *when);
void report_kmsg(void);
void wait_evaluated(void);

/* cost.c */
void report_costs(void);
void log_cost(void);

/* readers.c: one thread on each vCPU that never stops reading the clocks */
__s64 read_clock(clockid_t id);
void stay_on(pthread_t thread, int cpu);
void readers_start(void);
void readers_run_on(unsigned long reads);
void readers_mark(void);
void readers_pause(unsigned int usec);
unsigned int readers_pausing(void);
void readers_return(int cpus);
void readers_report(void);

/* accounts.c: what the kernel counts of a vCPU's time, in ns */
enum {
	ACCOUNT_STOLEN,
	ACCOUNT_INTERRUPTS,
	ACCOUNT_TOTAL,
	ACCOUNTS,
};

/* The columns of /proc/stat, in ticks of 10 ms; what comes after is part of these */
enum {
	STAT_USER,
	STAT_NICE,
	STAT_SYSTEM,
	STAT_IDLE,
	STAT_IOWAIT,
	STAT_IRQ,
	STAT_SOFTIRQ,
	STAT_STOLEN,
	STATS,
};

struct accounts {
	int cpu;
	__s64 opened;
	__s64 first[ACCOUNTS];
	__s64 last[ACCOUNTS];
	__s64 back[ACCOUNTS];	/* how far it went backwards at most */
	__s64 least[ACCOUNTS];	/* its smallest lead over the time that passed */
	__s64 ahead[ACCOUNTS];	/* the biggest gain of that lead since */
};

void accounts_open(struct accounts *a, int cpu);
void accounts_look(struct accounts *a);
void accounts_report(const struct accounts *a);

/* sleepers.c: one thread on each vCPU that sleeps in a timer, again and again */
void sleepers_start(void);
void sleepers_run_on(unsigned long wakes);
void sleepers_pause(unsigned int usec);
void sleepers_return(int cpus);
void sleepers_report(void);

/* periodic.c: a timer that expires again and again */
void periodic_start(void);
void periodic_run_on(unsigned int times);
void periodic_report(void);

/* connection.c: to dom0, at these addresses */
void connection_start(const char *own, const char *peer, unsigned int port);
void connection_report(unsigned long trips);

/* crowd.c: tasks that keep all vCPUs busy */
void crowd_start(unsigned int number);
void crowd_end(void);

/* spin.c: it keeps a vCPU busy, and nothing else does */
void spin_alone(unsigned int msec);

/* trace.c */
void trace_start(const char *clock);
void trace_functions(void);
void trace_report(void);

/* programs.c */
void watch_start(void);
void report_tool(const char *when);
void report_programs(const char *when);
void report_testptp(void);

/* suites.c */
void run_batch(const char *when, const char *batch);

/* hibernate.c */
void hibernate(void);

/* skew.c */
void move_tsc(unsigned int cpu, int usec);

/* phc.c: the PTP clock of the host, and a thread on each vCPU that reads it */
void phc_read(unsigned int number);
void phc_pause(unsigned int usec);
void phc_report(void);

/* rtc.c: the RTC of an HVM guest */
void rtc_report(const char *when);
void rtc_read(unsigned int number);

/* init.c */
void mount_or_die(const char *type, const char *where);
void log_line(const char *line);
void set_state(const char *state);
void __noreturn __printf(1, 2) die(const char *format, ...);

#endif
