// SPDX-License-Identifier: GPL-2.0-only
/* The summary for Prometheus, by way of node_exporter's textfile collector */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_clock.h"

#define PREFIX "xen_clock_"

/* Standard output, or what is to replace a file */
static FILE *out;

static void family(const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name,
		type);
}

static void plain(const char *name, const char *type, const char *help, double value)
{
	family(name, type, help);
	fprintf(out, PREFIX "%s %.17g\n", name, value);
}

/* A label's value must be UTF-8: anything but ASCII becomes a question mark */
static void label(const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			fprintf(out, "\\%c", *value);
		else
			putc(*value >= ' ' && *value < 0x7f ? *value : '?', out);
	}
	putc('"', out);
}

static void labelled(const char *name, const char *key, const char *value, double number)
{
	fprintf(out, PREFIX "%s{", name);
	label(key, value);
	fprintf(out, "} %.17g\n", number);
}

static void in_words(const struct guest *guest, const struct decision *decision)
{
	const char *labels[][2] = {
		{ "version", guest->version },
		{ "domain", guest->domain },
		{ "tsc_mode", guest->has_leaf ? xen_tsc_mode_name(guest->facts.mode) : "" },
		{ "rule", decision->rule },
	};
	unsigned int i;

	family("info", "gauge", "What Xen and the kernel say, in words.");
	fprintf(out, PREFIX "info{");
	for (i = 0; i < ARRAY_SIZE(labels); i++) {
		if (i)
			putc(',', out);
		label(labels[i][0], labels[i][1]);
	}
	fprintf(out, "} 1\n");
}

static void time_leaf(const struct guest *guest)
{
	const struct xen_tsc_facts *facts = &guest->facts;

	plain("leaf_present", "gauge", "Whether Xen says what it does to the TSC.",
	      guest->has_leaf);
	if (!guest->has_leaf)
		return;

	plain("tsc_emulated", "gauge", "Whether RDTSC traps to Xen.", facts->emulated);
	plain("tsc_host_reliable", "gauge",
	      "Whether Xen finds the TSC of the host reliable.", facts->host_reliable);
	plain("tsc_frequency_hertz", "gauge",
	      "Frequency of the TSC by Xen's time leaf, 0 if unknown.", facts->khz * 1000.0);
	plain("tsc_host_frequency_hertz", "gauge",
	      "Frequency of the host's TSC by Xen's time leaf, 0 if unknown.",
	      facts->host_khz * 1000.0);
	plain("tsc_incarnation", "gauge",
	      "Xen's count of restores and migrations, from 1.", facts->incarnation);
}

static void clocksource(const struct guest *guest)
{
	char available[LINE_SIZE], *word, *rest;

	if (!*guest->available)
		return;
	memcpy(available, guest->available, sizeof(available));
	family("clocksource", "gauge",
	       "The available clocksources, 1 for the one in use.");
	for (word = strtok_r(available, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		labelled("clocksource", "clocksource", word,
			 !strcmp(word, guest->clocksource));
}

/* A metric for each of the words that a thing can be, 1 for the one that it is */
static void one_of(const char *name, const char *key, const char * const *words,
		   unsigned int count, const char *word, const char *more)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		fprintf(out, PREFIX "%s{", name);
		label(key, words[i]);
		fprintf(out, "%s} %d\n", more, !strcmp(words[i], word));
	}
}

static void verdict(const struct decision *decision)
{
	static const char * const safe[] = { "true", "false", "unknown" };
	const char *verdicts[XEN_TSC_UNSTABLE + 1];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(verdicts); i++)
		verdicts[i] = xen_tsc_verdict_name(i);

	family("tsc_verdict", "gauge",
	       "Verdict on the TSC, by the kernel, or as it would be by the policy.");
	one_of("tsc_verdict", "verdict", verdicts, ARRAY_SIZE(verdicts), decision->verdict,
	       decision->by_kernel ? ",by=\"kernel\"" : ",by=\"policy\"");
	family("safe", "gauge", "Whether the clocks can be relied on, as far as is known.");
	one_of("safe", "safe", safe, ARRAY_SIZE(safe), decision->safe, "");
}

static void own_verdict(const struct guest *guest)
{
	plain("patched", "gauge", "Whether the kernel evaluates the TSC itself.",
	      guest->patched);
	if (guest->patched)
		plain("demoted", "gauge",
		      "Whether the kernel has marked the TSC unstable since the boot.",
		      guest->demoted);
}

static void prices(const struct costs *costs)
{
	int i;

	plain("vdso", "gauge", "Whether clock_gettime needs no system call.", costs->vdso);
	family("read_duration_seconds", "gauge", "How long one clock_gettime takes.");
	for (i = 0; i < CLOCKS; i++)
		labelled("read_duration_seconds", "clock", clocks[i].label,
			 costs->clock_ns[i] / NSEC_PER_SEC);
	plain("syscall_duration_seconds", "gauge",
	      "How long one clock_gettime takes as a system call.",
	      costs->syscall_ns / NSEC_PER_SEC);
}

static void host_clock(const struct guest *guest)
{
	struct host_clock clock;

	host_clock_read(&clock, guest);
	plain("host_clock_readable", "gauge", "Whether the wall clock of the host can be read.",
	      clock.known);
	if (clock.known)
		plain("host_offset_seconds", "gauge",
		      "How far the wall clock of the guest is ahead of that of the host.",
		      (double)clock.offset_ns / NSEC_PER_SEC);
}

/* "1-3,5" is four */
static unsigned int count_cpus(const char *list)
{
	unsigned int first, last, count = 0;
	int length;

	for (; sscanf(list, "%u%n", &first, &length) == 1; list += *list == ',') {
		list += length;
		last = first;
		if (sscanf(list, "-%u%n", &last, &length) == 1)
			list += length;
		count += last >= first ? last - first + 1 : 0;
	}

	return count;
}

static void all(const struct guest *guest)
{
	struct decision decision;
	struct costs costs;

	family("build_info", "gauge", "Version of xen-clock, and of its metrics.");
	fprintf(out, PREFIX "build_info{version=\"%s\",schema=\"%d\"} 1\n",
		XEN_CLOCK_VERSION, XEN_CLOCK_SCHEMA);
	plain("up", "gauge", "Whether this is a guest of Xen.", guest->xen);
	if (!guest->xen)
		return;

	costs_measure(&costs);
	decision = decide(guest);
	in_words(guest, &decision);
	time_leaf(guest);
	plain("tsc_invariant", "gauge", "Whether CPUID shows an invariant TSC.",
	      guest->facts.itsc);
	clocksource(guest);
	verdict(&decision);
	own_verdict(guest);
	host_clock(guest);
	plain("nohz_full_cpus", "gauge", "How many CPUs are in nohz_full=.",
	      count_cpus(guest->nohz_full));
	prices(&costs);
}

/* All or nothing: who reads @path never sees a part */
static void replace(const char *path, const struct guest *guest)
{
	char new[PATH_MAX];
	struct stat old;
	int fd;

	if (!stat(path, &old) && !S_ISREG(old.st_mode))
		die("%s is there already, and is no regular file: it is as it was", path);
	if (snprintf(new, sizeof(new), "%s.XXXXXX", path) >= (int)sizeof(new))
		die("the path %.40s... is too long", path);
	fd = mkstemp(new);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		die("cannot create %s: %s: is the directory there, and writable?", new,
		    strerror(errno));

	all(guest);
	/* mkstemp() lets its owner only read it */
	if (fchmod(fd, 0644) || ferror(out) | fclose(out) || rename(new, path)) {
		int error = errno;

		unlink(new);
		die("cannot write %s: %s: it is as it was", path, strerror(error));
	}
}

int metrics(const struct guest *guest, const struct options *options)
{
	out = stdout;
	if (options->output)
		replace(options->output, guest);
	else
		all(guest);
	if (!guest->xen)
		complain("this is not a guest of Xen: %sup is 0", PREFIX);

	return guest->xen ? EXIT_OK : EXIT_NO_XEN;
}
