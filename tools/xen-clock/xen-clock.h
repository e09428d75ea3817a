/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_CLOCK_H
#define XEN_CLOCK_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/time64.h>
#include <linux/types.h>

#include "json.h"
#include "tsc_policy.h"
#include "xen_cpuid.h"

#define XEN_CLOCK_VERSION	"1.1"
/* Of JSON and metrics: counts up if a key or metric changes its meaning, or goes */
#define XEN_CLOCK_SCHEMA	1

enum xen_clock_exit {
	EXIT_OK,
	EXIT_TROUBLE,			/* something could not be read or written */
	EXIT_USAGE,
	EXIT_NO_XEN,
	EXIT_STEP_BACK,			/* watch saw a clock go backwards */
	EXIT_WRONG,			/* watch saw a jump or a wrong frequency */
	EXIT_DEMOTED,			/* wait saw a demotion */
	EXIT_TIMEOUT,			/* wait saw nothing */
};

/* main.c */
struct options {
	unsigned int given;		/* those with a value, by index */
	bool json;
	unsigned long seconds;		/* 0: until a signal */
	unsigned long interval_ms;
	unsigned long reads;
	const char *output;
	const char *to, *from;
	const char *guest;
	const char *event;
	const char *recording;
	const char *operand;
};

/* util.c: text, errors, files in /sys and /proc, and the CPUs that this program may run on */
#define LINE_SIZE		256

struct cpus {
	unsigned int count;
	int *number;
};

void make_printable(char *text);
__printf(1, 2) void complain(const char *format, ...);
__printf(1, 2) __noreturn void die(const char *format, ...);
void trouble_is(int status, void (*say_why)(const char *text));
int finish(int status);
void whole_path(const char *path, char whole[PATH_MAX]);
FILE *open_file(const char *path);
void close_file(FILE *file, const char *path);
bool read_line(const char *path, char line[LINE_SIZE]);
bool read_number(const char *path, unsigned long *number);
bool read_field(const char *path, const char *name, char line[LINE_SIZE]);
bool read_option(const char *name, char value[LINE_SIZE]);
void cpus_read(struct cpus *cpus);
bool cpus_pin(int cpu);

/* cpuid.c: CPUID as Xen wants this guest to see it */
bool leaves_recorded(void);
void leaves_open(const char *type);
bool leaves_are_pv(void);
struct xen_cpuid leaves_read(u32 leaf, u32 subleaf);
u32 leaves_xen_base(void);
bool leaves_show_kvm(void);

/* guest.c: what Xen and the kernel say of this guest */
struct guest {
	bool xen;
	bool patched;			/* the kernel has /sys/hypervisor/tsc/ */
	bool has_leaf;
	char version[LINE_SIZE];
	char domain[LINE_SIZE];
	struct xen_tsc_facts facts;
	char clocksource[LINE_SIZE];
	char available[LINE_SIZE];

	/* Of patched kernels only, empty or 0 elsewhere */
	char verdict[LINE_SIZE];
	char reason[LINE_SIZE];
	unsigned long demoted;

	/* CPUs in nohz_full=, as the kernel lists them */
	char nohz_full[LINE_SIZE];
};

struct decision {
	bool by_kernel;			/* else it is what a patched kernel would say */
	const char *verdict;
	const char *reason;
	const char *rule;		/* that the facts meet now */
	bool guaranteed;		/* by that rule */
	bool at_risk;			/* time is read from a TSC that is not guaranteed */
	const char *safe;		/* "true", "false" or "unknown" */
};

void guest_read(struct guest *guest);
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

int ascending(const void *a, const void *b);
s64 clock_now(clockid_t id);
s64 clock_syscall(void);
u64 tsc_now(void);
void null_syscall(void);
void costs_measure(struct costs *costs);
void costs_print(FILE *file, const struct costs *costs);
u32 tsc_khz_measure(void);

/* summary.c */
const char *advice(const struct guest *guest, const struct decision *decision,
		   const struct costs *costs);
void text_summary(const struct guest *guest, const struct costs *costs);

/* summary_json.c */
void json_summary(const struct guest *guest, const struct costs *costs);

/* The commands, a file each, which return the exit status */
int bench(const struct guest *guest, const struct options *options);
int check(const struct guest *guest, const struct options *options);
void check_prepare(bool json);
int forecast(const struct guest *guest, const struct options *options);
int host(const struct guest *guest, const struct options *options);
int metrics(const struct guest *guest, const struct options *options);
int record(const struct guest *guest, const struct options *options);
int summary(const struct guest *guest, const struct options *options);
int wait_for_event(const struct guest *guest, const struct options *options);
int watch(const struct guest *guest, const struct options *options);

#endif
