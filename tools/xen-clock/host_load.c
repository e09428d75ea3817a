// SPDX-License-Identifier: GPL-2.0-only
/* A host, from the document that "xen-clock host --json" has written there */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "json_load.h"

static const char *must_find(const struct json_values *values, const char *path,
			     const char *place)
{
	const char *text = json_find(values, place);

	if (!text)
		die("%s has no %s: write it with \"xen-clock host --json\" in dom0", path,
		    place);

	return text;
}

static u32 number(const struct json_values *values, const char *path, const char *place)
{
	const char *text = must_find(values, path, place);
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || number > UINT32_MAX)
		die("%s: %s is '%s', not a 32-bit integer", path, place, text);

	return number;
}

static enum tristate tristate(const struct json_values *values, const char *path,
			      const char *place)
{
	const char *text = must_find(values, path, place);

	return !strcmp(text, "true") ? YES : !strcmp(text, "false") ? NO : UNKNOWN;
}

static bool load_domain(struct host *host, const struct json_values *values,
			const char *path)
{
	struct host_domain *domain = &host->domains[host->count];
	char place[64];
	u32 *to[] = { &domain->id, &domain->tsc.mode, &domain->tsc.khz, &domain->incarnation };
	static const char * const keys[] = {
		"domid", "mode_number", "frequency_khz", "incarnation",
	};
	unsigned int i;

	snprintf(place, sizeof(place), "guests[%u].name", host->count);
	if (!json_find(values, place))
		return false;
	snprintf(domain->name, sizeof(domain->name), "%s", json_find(values, place));
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		snprintf(place, sizeof(place), "guests[%u].%s", host->count, keys[i]);
		*to[i] = number(values, path, place);
	}
	snprintf(place, sizeof(place), "guests[%u].kind", host->count);
	domain->tsc.hvm = strcmp(must_find(values, path, place), "PV");
	domain->tsc.restored = domain->incarnation > 1;
	domain->emulated = tsc_emulated(&host->tsc, &domain->tsc);

	return true;
}

void host_load(struct host *host, const char *path)
{
	struct json_values values;
	char place[64];

	json_load(&values, path);
	*host = (struct host){ };
	if (number(&values, path, "schema") != XEN_CLOCK_SCHEMA)
		die("%s is of schema %s, and this xen-clock reads %d: use one version on both",
		    path, json_find(&values, "schema"), XEN_CLOCK_SCHEMA);
	snprintf(host->version, sizeof(host->version), "%s",
		 must_find(&values, path, "xen_version"));
	host->tsc.major = number(&values, path, "xen_major");
	host->tsc.minor = number(&values, path, "xen_minor");
	host->update = number(&values, path, "xen_update");
	host->tsc.khz = number(&values, path, "tsc.frequency_khz");
	host->tsc.reliable = tristate(&values, path, "tsc.reliable");
	host->tsc.scaling = tristate(&values, path, "tsc.scaling");
	host->read_ns = strtod(must_find(&values, path, "dom0.read_ns"), NULL);
	host->syscall_ns = strtod(must_find(&values, path, "dom0.syscall_ns"), NULL);
	host->read_tsc = tristate(&values, path, "dom0.reads_tsc") == YES;
	snprintf(place, sizeof(place), "guests[%d].name", MOST_DOMAINS);
	host->domains = calloc(MOST_DOMAINS, sizeof(*host->domains));
	if (!host->domains)
		die("no memory for %d domains", MOST_DOMAINS);
	if (json_find(&values, place))
		die("%s has more than %d guests, the most that xen-clock takes", path,
		    MOST_DOMAINS);
	while (load_domain(host, &values, path))
		host->count++;
	free(values.values);
}
