// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/hypervisor/tsc/ against those who know: Xen's CPUID leaves, the kernel's
 * log and the scheduler.  Documentation/ABI/testing/sysfs-hypervisor-xen-tsc
 * says what the files mean.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest.h"
#include "tsc_log.h"
#include "xen_cpuid.h"

#define FILES		"/sys/hypervisor/tsc/"
#define SCHED_DEBUG	"/sys/kernel/debug/sched/debug"
#define TIME_LEAF	3
#define TSC_EMULATED	1
#define HOST_RELIABLE	2

static void value_of(const char *name, char value[LINE])
{
	char path[LINE];
	FILE *file;

	snprintf(path, sizeof(path), FILES "%s", name);
	file = fopen(path, "r");
	if (!file || !fgets(value, LINE, file))
		snprintf(value, LINE, "unreadable: %s", strerror(errno));
	if (file)
		fclose(file);
	value[strcspn(value, "\n")] = '\0';
}

static unsigned long number_of(const char *name)
{
	char value[LINE];

	value_of(name, value);

	return strtoul(value, NULL, 10);
}

static void check(const char *name, const char *by, const char *wanted)
{
	char value[LINE];

	value_of(name, value);
	if (strcmp(value, wanted))
		ksft_print_msg("%s is '%s', by %s '%s'\n", name, value, by, wanted);
	ksft_test_result(!strcmp(value, wanted), "%s by %s\n", name, by);
}

static void check_number(const char *name, const char *by, unsigned long wanted)
{
	char text[LINE];

	snprintf(text, sizeof(text), "%lu", wanted);
	check(name, by, text);
}

static void check_leaf(const struct xen_cpuid *leaf)
{
	static const char * const modes[] = {
		"default", "always_emulate", "native", "native_paravirt",
	};
	static const char by[] = "CPUID";

	check("mode", by, leaf->ebx < ARRAY_SIZE(modes) ? modes[leaf->ebx] : "unknown");
	check_number("emulated", by, !!(leaf->eax & TSC_EMULATED));
	check_number("host_reliable", by, !!(leaf->eax & HOST_RELIABLE));
	check_number("frequency_khz", by, leaf->ecx);
	check_number("incarnation", by, leaf->edx);
}

/* A PV domU can sleep in no other way than those that Xen counts, from 1 */
static void check_resumes(bool pv, const struct xen_cpuid *leaf)
{
	unsigned long resumes = number_of("resumes");

	if (pv && leaf->edx)
		ksft_test_result(resumes < leaf->edx, "resumes by CPUID\n");
	else
		ksft_test_result_skip("resumes by CPUID: Xen does not count them all\n");
}

static void check_log(const struct tsc_log *log)
{
	static const char by[] = "the log";

	check("verdict", by, *log->given_up ? "unstable" : log->verdict);
	check("row", by, log->row);
	check("reason", by, *log->given_up ? log->given_up : log->verdict_reason);
	check("request", by, log->request);
	check("sched_clock", by, log->sched_clock);
	check_number("demotions", by, !!*log->given_up);
	check("last_demotion", by, *log->given_up ? log->given_up : "none");
	ksft_test_result(number_of("resumes") >= log->looks, "resumes by %s\n", by);
}

/* They can change in a resume; a TSC that is not used is not looked at again */
static void check_facts(const struct tsc_log *log)
{
	static const char by[] = "the facts in the log";
	char text[LINE];

	if (log->looks != number_of("resumes")) {
		ksft_test_result_skip("mode by %s: they are old\n", by);
		ksft_test_result_skip("emulated by %s: they are old\n", by);
		ksft_test_result_skip("incarnation by %s: they are old\n", by);
		return;
	}

	tsc_log_cut(log->facts, "mode ", ",", text);
	check("mode", by, text);
	check_number("emulated", by, !!strstr(log->facts, ", emulated,"));
	tsc_log_cut(log->facts, ", incarnation ", ",)", text);
	check("incarnation", by, text);
}

static void check_stable(void)
{
	FILE *file = fopen(SCHED_DEBUG, "r");
	char line[LINE], *colon = NULL;

	while (file && !colon && fgets(line, sizeof(line), file))
		if (strstr(line, "sched_clock_stable()"))
			colon = strchr(line, ':');
	if (file)
		fclose(file);

	if (colon)
		check_number("sched_clock_stable", "the scheduler",
			     strtoul(colon + 1, NULL, 10));
	else
		ksft_test_result_skip("sched_clock_stable: nothing in " SCHED_DEBUG "\n");
}

int main(void)
{
	bool pv = xen_cpuid_prefix_works();
	__u32 base = xen_cpuid_base(pv);
	struct xen_cpuid leaf = { };
	struct tsc_log log;

	ksft_print_header();
	if (!base)
		ksft_exit_skip("this is no domain of Xen\n");
	if (access(FILES "verdict", F_OK))
		ksft_exit_skip("this kernel has no " FILES "\n");
	tsc_log_read(&log);
	if (!log.readable)
		ksft_exit_skip("the kernel's log cannot be read: try as root\n");
	if (!*log.verdict)
		ksft_exit_skip("the kernel's log does not hold the boot any more\n");

	if (xen_cpuid(pv, base, 0).eax - base >= TIME_LEAF)
		leaf = xen_cpuid(pv, base + TIME_LEAF, 0);

	ksft_set_plan(18);
	check_leaf(&leaf);
	check_resumes(pv, &leaf);
	check_log(&log);
	check_facts(&log);
	check_stable();
	ksft_finished();
}
