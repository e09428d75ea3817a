/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_CLOCK_H
#define XEN_CLOCK_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/types.h>

#include "tsc_policy.h"
#include "xen_cpuid.h"

#define XEN_CLOCK_VERSION	"1.0"

#define NSEC_PER_SEC		1000000000LL
#define NSEC_PER_MSEC		1000000LL

enum xen_clock_exit {
	EXIT_OK,
	EXIT_TROUBLE,			/* something could not be read or written */
	EXIT_USAGE,
	EXIT_NO_XEN,
	EXIT_STEP_BACK,			/* watch saw one */
};

/* options.c */
struct options {
	unsigned int given;		/* those with a number, by index */
	bool json;
	unsigned long seconds;		/* 0: until a signal */
	unsigned long interval_ms;
	unsigned long reads;
};

/* say.c */
__printf(1, 2) void complain(const char *format, ...);
__printf(1, 2) __noreturn void die(const char *format, ...);
int finish(int status);

/* files.c: lines of /sys and /proc */
#define LINE_SIZE		256
bool read_line(const char *path, char line[LINE_SIZE]);
bool read_number(const char *path, unsigned long *number);
bool read_field(const char *path, const char *name, char line[LINE_SIZE]);

/* leaves.c: CPUID as Xen wants this guest to see it */
bool leaves_recorded(void);
void leaves_open(const char *type);
bool leaves_are_pv(void);
struct xen_cpuid leaves_read(u32 leaf, u32 subleaf);
u32 leaves_xen_base(void);

/* xen.c: what is known of this guest */
enum sched_stable {
	SCHED_UNKNOWN,
	SCHED_STABLE,
	SCHED_UNSTABLE,
};

struct guest {
	bool xen;
	bool patched;			/* the kernel has /sys/hypervisor/tsc/ */
	bool has_leaf;
	char version[LINE_SIZE];
	char domain[LINE_SIZE];
	struct xen_tsc_facts facts;	/* as the policy wants them */
	char clocksource[LINE_SIZE];
	char available[LINE_SIZE];

	/* Of patched kernels only, empty or 0 elsewhere */
	char verdict[LINE_SIZE];
	char reason[LINE_SIZE];
	char request[LINE_SIZE];
	char sched_clock[LINE_SIZE];
	char last_demotion[LINE_SIZE];
	unsigned long row;
	enum sched_stable sched_stable;
	unsigned long resumes;
	unsigned long demotions;
};

void guest_read(struct guest *guest);

/* decide.c */
struct decision {
	bool by_kernel;			/* else it is what the series would say */
	const char *verdict;
	const char *reason;
	unsigned long row;
};

struct decision decide(const struct guest *guest);

/* clocks.c */
struct clock {
	clockid_t id;
	const char *name;
	const char *label;		/* in JSON and metrics */
};

enum {
	CLOCK_NR_REALTIME,
	CLOCK_NR_MONOTONIC,
	CLOCK_NR_RAW,
	CLOCK_NR_BOOTTIME,
	CLOCK_NR_COARSE,
	CLOCKS,
};

extern const struct clock clocks[CLOCKS];

struct costs {
	double clock_ns[CLOCKS];
	double syscall_ns;		/* MONOTONIC by system call */
	double null_ns;			/* a system call that does nothing */
	bool vdso;
};

s64 clock_now(clockid_t id);
s64 clock_syscall(void);
u64 tsc_now(void);
void null_syscall(void);
void costs_measure(struct costs *costs);
u32 tsc_khz_measure(void);

/* cpus.c */
struct cpus {
	unsigned int count;
	int *number;
};

void cpus_read(struct cpus *cpus);
bool cpus_pin(int cpu);

/* advice.c */
const char *advice(const struct guest *guest, const struct decision *decision,
		   const struct costs *costs);

/* json.c */
struct json {
	FILE *file;
	bool more;			/* the next value needs a comma */
};

void json_begin(struct json *json, const char *key, char bracket);
void json_end(struct json *json, char bracket);
void json_string(struct json *json, const char *key, const char *value);
void json_bool(struct json *json, const char *key, bool value);
void json_integer(struct json *json, const char *key, long long value);
void json_float(struct json *json, const char *key, double value);
void json_null(struct json *json, const char *key);

/* out_*.c */
void text_summary(const struct guest *guest, const struct costs *costs);
void json_summary(const struct guest *guest, const struct costs *costs);
void metrics(const struct guest *guest, const struct costs *costs);

/* The commands */
int watch(const struct guest *guest, const struct options *options);
int bench(const struct options *options);

#endif
