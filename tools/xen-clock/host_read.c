// SPDX-License-Identifier: GPL-2.0-only
/* The host and its domains, by xl and by CPUID in dom0 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

/* "TSC marked as reliable, warp = 0 (count=2)" and the like, the newest one */
static const char *last_heading(const char *log)
{
	static const char * const starts[] = {
		"TSC marked as reliable", "TSC not marked as", "TSC has constant rate",
	};
	const char *found = NULL, *at;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(starts); i++)
		for (at = strstr(log, starts[i]); at; at = strstr(at + 1, starts[i]))
			if (at > found)
				found = at;

	return found;
}

static void read_reliable(struct host *host, const struct guest *guest, const char *log,
			  const char *heading, const char *cmdline)
{
	const char *why = "";

	if (guest->has_leaf)
		host->tsc.reliable = guest->facts.host_reliable ? YES : NO;
	else if (heading)
		host->tsc.reliable = !strncmp(heading, "TSC marked", 10) ? YES : NO;

	if (host->tsc.reliable == YES)
		why = "invariant by CPUID, and no warp between CPUs was found";
	else if (strstr(cmdline, "tsc=unstable"))
		why = "Xen was booted with tsc=unstable";
	else if (strstr(log, "TSC warp detected"))
		why = "Xen found a warp between the TSCs of CPUs";
	else if (heading && !strncmp(heading, "TSC has constant", 16))
		why = "of constant rate, but not marked as reliable";
	else if (heading)
		why = "CPUID does not show an invariant TSC";
	snprintf(host->reason, sizeof(host->reason), "%s", why);
}

/* Xen lists what the CPUs can do when it boots; the log may have lost that */
static enum tristate read_scaling(const char *log)
{
	if (strstr(log, " - TSC Scaling") || strstr(log, " - TSC Rate MSR"))
		return YES;

	return strstr(log, "HVM: ASIDs") || strstr(log, "HVM: HAP") ||
	       strstr(log, "HVM: Hardware Assisted Paging") ? NO : UNKNOWN;
}

/* "mode=0,ofs=0x133f05c47,khz=2445425,inc=1" */
static void read_tsc(struct host_domain *domain, const char *text)
{
	const char *end = text + strcspn(text, "\n"), *at;

	domain->tsc.mode = strtoul(text + strlen("mode="), NULL, 10);
	at = strstr(text, "khz=");
	if (at && at < end)
		domain->tsc.khz = strtoul(at + 4, NULL, 10);
	at = strstr(text, "inc=");
	if (at && at < end)
		domain->incarnation = strtoul(at + 4, NULL, 10);
	domain->tsc.restored = domain->incarnation > 1;
}

/* dom0 has no line of its own in mode default */
static bool find_tsc(struct host_domain *domain, const char *heading)
{
	char pv[32], hvm[32];
	const char *at;

	snprintf(pv, sizeof(pv), "dom%u: mode=", domain->id);
	snprintf(hvm, sizeof(hvm), "dom%u(hvm): mode=", domain->id);
	at = heading ? strstr(heading, pv) : NULL;
	if (!at) {
		at = heading ? strstr(heading, hvm) : NULL;
		domain->tsc.hvm = at;
	}
	if (!at)
		return false;
	read_tsc(domain, strstr(at, "mode="));

	return true;
}

/* "name  ID  Mem  VCPUs  State  Time": the name may have blanks in it */
static bool parse_domain(char *line, struct host_domain *domain)
{
	char *end = line + strlen(line);
	int words = 0;

	while (words < 5 && end > line) {
		while (end > line && end[-1] == ' ')
			*--end = '\0';
		while (end > line && end[-1] != ' ')
			end--;
		words++;
	}
	if (words < 5 || end == line || !isdigit((unsigned char)*end))
		return false;
	domain->id = strtoul(end, NULL, 10);
	while (end > line && end[-1] == ' ')
		*--end = '\0';
	snprintf(domain->name, sizeof(domain->name), "%.*s", LINE_SIZE - 1, line);

	return *line;
}

static void read_domains(struct host *host, char *list, const char *heading)
{
	char *line, *rest;

	host->domains = calloc(MOST_DOMAINS, sizeof(*host->domains));
	if (!host->domains)
		die("no memory for %d domains", MOST_DOMAINS);

	/* After the heading */
	if (strtok_r(list, "\n", &rest)) {
		while ((line = strtok_r(NULL, "\n", &rest))) {
			struct host_domain domain = { };

			if (!parse_domain(line, &domain) || !find_tsc(&domain, heading))
				continue;
			if (host->count == MOST_DOMAINS)
				die("there are more than %d guests, the most that xen-clock takes",
				    MOST_DOMAINS);
			domain.emulated = tsc_emulated(&host->tsc, &domain.tsc);
			host->domains[host->count++] = domain;
		}
	}
}

/* "4.17.7-pre" is the seventh update; of "4.20-rc" there is none */
static unsigned int update_of(const char *version)
{
	unsigned int update;

	return sscanf(version, "%*u.%*u.%u", &update) == 1 ? update : 0;
}

static u32 khz_of(const char *mhz)
{
	unsigned int whole, part;

	return sscanf(mhz, "%7u.%3u", &whole, &part) == 2 ? whole * 1000 + part : 0;
}

void host_read(struct host *host, const struct guest *guest)
{
	char line[LINE_SIZE], cmdline[LINE_SIZE], *info, *list, *log;
	struct costs costs;
	const char *heading;

	*host = (struct host){ .tsc = { .reliable = UNKNOWN, .scaling = UNKNOWN } };
	info = xl_read("info");
	list = xl_read("list");
	free(xl_read("debug-keys s"));
	log = xl_read("dmesg");
	heading = last_heading(log);
	if (!*info || !heading)
		die("xl does not say anything about the TSC: run this as root in dom0");

	snprintf(host->version, sizeof(host->version), "%s", guest->version);
	host->tsc.major = guest->facts.xen_major;
	host->tsc.minor = guest->facts.xen_minor;
	host->update = update_of(guest->version);
	host->tsc.khz = guest->facts.host_khz;
	if (!host->tsc.khz && xl_field(info, "cpu_mhz", line))
		host->tsc.khz = khz_of(line);
	xl_field(info, "xen_commandline", cmdline);
	read_reliable(host, guest, log, heading, cmdline);
	host->tsc.scaling = read_scaling(log);
	read_domains(host, list, heading);

	costs_measure(&costs);
	host->read_ns = costs.clock_ns[CLOCK_NR_MONOTONIC];
	host->syscall_ns = costs.syscall_ns;
	host->read_tsc = costs.vdso && !strcmp(guest->clocksource, "tsc");
	free(info);
	free(list);
	free(log);
}
