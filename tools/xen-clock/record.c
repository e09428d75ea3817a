// SPDX-License-Identifier: GPL-2.0-only
/*
 * xen-clock record: save what this program reads, for --recording, without what is
 * nobody's business: names of hosts and guests, and most of the command lines.
 */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "host_clock.h"

/* "KVMK" */
#define SIGNATURE_KVM	0x4b4d564b

static const char * const files[] = {
	"/sys/hypervisor/type",
	"/sys/hypervisor/guest_type",
	"/sys/hypervisor/version/major",
	"/sys/hypervisor/version/minor",
	"/sys/hypervisor/version/extra",
	"/sys/hypervisor/start_flags/initdomain",
	"/sys/hypervisor/tsc/mode",
	"/sys/hypervisor/tsc/emulated",
	"/sys/hypervisor/tsc/host_reliable",
	"/sys/hypervisor/tsc/frequency_khz",
	"/sys/hypervisor/tsc/host_frequency_khz",
	"/sys/hypervisor/tsc/incarnation",
	"/sys/hypervisor/tsc/verdict",
	"/sys/hypervisor/tsc/reason",
	"/sys/hypervisor/tsc/demoted",
	"/sys/devices/system/clocksource/clocksource0/current_clocksource",
	"/sys/devices/system/clocksource/clocksource0/available_clocksource",
	"/sys/devices/system/cpu/nohz_full",
	"/proc/xen/capabilities",
};

/* What counts on the command lines of Linux and Xen */
static const char * const words[] = {
	"clocksource=", "tsc=", "notsc", "xen_tsc_reliable=", "nohz_full=", "xen_timer_slop=",
	"sched=", "cpufreq=", "max_cstate=", "vdso=",
};

/* What counts of xl's output: starts of lines, after Xen's prefix */
static const char * const lines[] = {
	"xen_major", "xen_minor", "xen_extra", "xen_version", "cpu_mhz", "virt_caps",
	"TSC ", "HVM: ", " - TSC ", "dom", "Platform timer",
};

static FILE *create(const char *directory, const char *path)
{
	char whole[PATH_MAX], *slash;
	FILE *file;

	if (snprintf(whole, sizeof(whole), "%s%s", directory, path) >= (int)sizeof(whole))
		die("the path %.40s... is too long", directory);
	for (slash = whole + strlen(directory) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(whole, 0755) && errno != EEXIST)
			die("%s cannot be made: %s", whole, strerror(errno));
		*slash = '/';
	}
	file = fopen(whole, "we");
	if (!file)
		die("%s cannot be made: %s", whole, strerror(errno));

	return file;
}

static void finish_file(FILE *file, const char *path)
{
	if (ferror(file) | fclose(file))
		die("cannot write %s: %s", path, strerror(errno));
}

static void save(const char *directory, const char *path, const char *text)
{
	FILE *file = create(directory, path);

	fprintf(file, "%s\n", text);
	finish_file(file, path);
}

static bool starts_with(const char *text, const char * const *starts, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!strncmp(text, starts[i], strlen(starts[i])))
			return true;

	return false;
}

/* Only the words that count, each with a blank behind it */
static void filter_words(char *text, char *kept, size_t size)
{
	char *word, *rest;
	size_t length = 0;

	*kept = '\0';
	for (word = strtok_r(text, "\n ", &rest); word; word = strtok_r(NULL, "\n ", &rest))
		if (starts_with(word, words, ARRAY_SIZE(words)) && length < size)
			length += snprintf(kept + length, size - length, "%s ", word);
}

static void save_cmdline(const char *directory)
{
	FILE *file = open_file("/proc/cmdline");
	char text[4096], kept[4096];

	if (!file)
		return;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	close_file(file, "/proc/cmdline");
	filter_words(text, kept, sizeof(kept));
	save(directory, "/proc/cmdline", kept);
}

static void save_cpuinfo(const char *directory)
{
	char model[LINE_SIZE], mhz[LINE_SIZE], text[3 * LINE_SIZE];

	if (!read_field("/proc/cpuinfo", "cpu MHz", mhz))
		return;
	read_field("/proc/cpuinfo", "model name", model);
	snprintf(text, sizeof(text), "model name\t: %s\ncpu MHz\t\t: %s", model, mhz);
	save(directory, "/proc/cpuinfo", text);
}

static void save_leaf(FILE *file, u32 leaf, u32 subleaf)
{
	struct xen_cpuid regs = leaves_read(leaf, subleaf);

	if (regs.eax | regs.ebx | regs.ecx | regs.edx)
		fprintf(file, "%#x %u %#x %#x %#x %#x\n", leaf, subleaf, regs.eax, regs.ebx,
			regs.ecx, regs.edx);
}

/* Where hypervisors show their signature: what is there without one is nonsense */
static void save_cpuid(const char *directory)
{
	FILE *file = create(directory, "/cpuid");
	u32 base = leaves_xen_base(), leaf, i;

	fprintf(file, "# leaf, subleaf, EAX, EBX, ECX, EDX\n");
	for (leaf = XEN_CPUID_FIRST; leaf < XEN_CPUID_END; leaf += XEN_CPUID_STEP)
		if (leaf == base || leaves_read(leaf, 0).ebx == SIGNATURE_KVM)
			save_leaf(file, leaf, 0);
	if (base) {
		save_leaf(file, base + 1, 0);
		save_leaf(file, base + 2, 0);
		for (i = 0; i < 3; i++)
			save_leaf(file, base + XEN_TSC_TIME_LEAF, i);
	}
	save_leaf(file, 0x80000000, 0);
	save_leaf(file, 0x80000007, 0);
	finish_file(file, "cpuid");
}

static void save_host_clock(const char *directory, const struct guest *guest)
{
	FILE *file = create(directory, "/host_clock");
	struct host_clock clock;

	host_clock_read(&clock, guest);
	host_clock_print(file, &clock);
	finish_file(file, "host_clock");
}

static void save_xl(const char *directory, const char *what)
{
	char path[64], kept[4096], *text = xl_read(what), *line, *rest;
	FILE *file;

	snprintf(path, sizeof(path), "/xl/%s", what);
	file = create(directory, path);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *start = strncmp(line, "(XEN) ", 6) ? line : line + 6;

		/* Xen can be told to begin each line with the time */
		if (*start == '[' && strstr(start, "] "))
			start = strstr(start, "] ") + 2;
		if (!strncmp(start, "xen_commandline", 15)) {
			filter_words(strchr(line, ':') ?: line, kept, sizeof(kept));
			fprintf(file, "xen_commandline        : %s\n", kept);
		} else if (starts_with(start, lines, ARRAY_SIZE(lines))) {
			fprintf(file, "%s\n", start);
		}
	}
	free(text);
	finish_file(file, path);
}

/* Names become numbers */
static void save_list(const char *directory, const struct host *host)
{
	FILE *file = create(directory, "/xl/list");
	unsigned int i;

	fprintf(file, "Name ID Mem VCPUs State Time(s)\n");
	for (i = 0; i < host->count; i++)
		fprintf(file, "guest-%u %u 0 0 ------ 0.0\n", host->domains[i].id,
			host->domains[i].id);
	finish_file(file, "xl/list");
}

static void save_dom0(const char *directory, const struct guest *guest)
{
	struct host host;

	if (geteuid() && !leaves_recorded()) {
		complain("what xl says is left out: that takes root");
		return;
	}
	host_read(&host, guest);
	save_list(directory, &host);
	save_xl(directory, "info");
	save_xl(directory, "dmesg");
	free(host.domains);
}

/* What is being made, empty when it is whole */
static char new[PATH_MAX];

static int discard_one(const char *path, const struct stat *stat __always_unused,
		       int type __always_unused, struct FTW *at __always_unused)
{
	return remove(path);
}

static void discard(void)
{
	if (*new)
		nftw(new, discard_one, 8, FTW_DEPTH | FTW_PHYS);
}

int record(const struct guest *guest, const struct options *options)
{
	const char *directory = options->operand;
	char line[LINE_SIZE];
	struct costs costs;
	unsigned int i;
	FILE *file;

	if (snprintf(new, sizeof(new), "%s.XXXXXX", directory) >= (int)sizeof(new))
		die("the path %.40s... is too long", directory);
	if (!access(directory, F_OK))
		die("%s is there already: name a new directory", directory);
	if (!mkdtemp(new) || chmod(new, 0755))
		die("cannot create %s: %s", new, strerror(errno));
	atexit(discard);

	for (i = 0; i < ARRAY_SIZE(files); i++)
		if (read_line(files[i], line))
			save(new, files[i], line);
	save_cmdline(new);
	save_cpuinfo(new);
	save_cpuid(new);
	save_host_clock(new, guest);
	costs_measure(&costs);
	file = create(new, "/costs");
	costs_print(file, &costs);
	finish_file(file, "costs");
	if (guest->facts.domain == XEN_TSC_DOM0)
		save_dom0(new, guest);

	if (rename(new, directory))
		die("cannot rename %s to %s: %s", new, directory, strerror(errno));
	*new = '\0';
	printf("%s: look at it with: xen-clock --recording %s\n", directory, directory);

	return EXIT_OK;
}
