// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test /sys/hypervisor/tsc/: what repeats Xen's CPUID leaves against these, and the rest
 * for consistency. Documentation/ABI/testing/sysfs-hypervisor-xen-tsc describes the files.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest.h"
#include "xen_cpuid.h"

#define FILES		"/sys/hypervisor/tsc/"
#define LINE		256
#define TIME_LEAF	3
#define TSC_EMULATED	1
#define HOST_RELIABLE	2

static int open_file(const char *name)
{
	char path[LINE];

	snprintf(path, sizeof(path), FILES "%s", name);

	return open(path, O_RDONLY);
}

/* The text of a file, or what went wrong */
static void read_text(int fd, char text[LINE])
{
	ssize_t length = fd < 0 ? -1 : pread(fd, text, LINE - 1, 0);

	if (length < 0)
		length = snprintf(text, LINE, "unreadable: %s", strerror(errno));
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static void read_file(const char *name, char text[LINE])
{
	int fd = open_file(name);

	read_text(fd, text);
	if (fd >= 0)
		close(fd);
}

static void test_text(const char *name, const char *wanted)
{
	char text[LINE];

	read_file(name, text);
	if (strcmp(text, wanted))
		ksft_print_msg("%s is '%s', by CPUID '%s'\n", name, text, wanted);
	ksft_test_result(!strcmp(text, wanted), "%s by CPUID\n", name);
}

static void test_number(const char *name, __u32 wanted)
{
	char text[LINE];

	snprintf(text, sizeof(text), "%u", wanted);
	test_text(name, text);
}

static void test_leaf(bool pv)
{
	static const char * const modes[] = {
		"default", "always_emulate", "native", "native_paravirt",
	};
	__u32 base = xen_cpuid_base(pv);
	struct xen_cpuid guest = { }, host = { };

	/* Without a time leaf all files are as if it were zero */
	if (xen_cpuid(pv, base, 0).eax - base >= TIME_LEAF) {
		guest = xen_cpuid(pv, base + TIME_LEAF, 0);
		host = xen_cpuid(pv, base + TIME_LEAF, 2);
	}

	test_text("mode", guest.ebx < ARRAY_SIZE(modes) ? modes[guest.ebx] : "unknown");
	test_number("emulated", !!(guest.eax & TSC_EMULATED));
	test_number("host_reliable", !!(guest.eax & HOST_RELIABLE));
	test_number("frequency_khz", guest.ecx);
	test_number("host_frequency_khz", host.eax);
	test_number("incarnation", guest.edx);
}

static void test_verdict(void)
{
	char demoted[LINE], verdict[LINE], reason[LINE];
	bool unstable;

	/* In this order, as the TSC can be demoted at any time, and stays demoted */
	read_file("demoted", demoted);
	read_file("verdict", verdict);
	read_file("reason", reason);
	ksft_print_msg("verdict '%s', reason '%s', demoted '%s'\n", verdict, reason, demoted);

	unstable = !strcmp(verdict, "unstable");
	ksft_test_result(unstable || !strcmp(verdict, "reliable") ||
			 !strcmp(verdict, "unverified"), "verdict is known\n");
	ksft_test_result(*reason && strncmp(reason, "unreadable", 10),
			 "reason is given\n");
	ksft_test_result(!strcmp(demoted, "0") || (!strcmp(demoted, "1") && unstable),
			 "demoted fits the verdict\n");
}

/* A file that was read reports an event when its value may have changed, and not before */
static void test_poll(const char *name)
{
	struct pollfd pollfd = { .fd = open_file(name), .events = POLLPRI };
	char text[LINE];
	int events = -1;

	if (pollfd.fd >= 0) {
		read_text(pollfd.fd, text);
		events = poll(&pollfd, 1, 0);
		close(pollfd.fd);
	}
	if (events)
		ksft_print_msg("poll() returns %d, events %#x\n", events, pollfd.revents);
	ksft_test_result(!events, "%s has no event after a read\n", name);
}

int main(void)
{
	bool pv = xen_cpuid_prefix_works();

	ksft_print_header();
	if (!xen_cpuid_base(pv))
		ksft_exit_skip("this is no domain of Xen\n");
	if (access(FILES "verdict", F_OK))
		ksft_exit_skip("this kernel has no " FILES "\n");

	ksft_set_plan(11);
	test_leaf(pv);
	test_verdict();
	test_poll("incarnation");
	test_poll("verdict");
	ksft_finished();
}
