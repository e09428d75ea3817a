// SPDX-License-Identifier: GPL-2.0-only
/* xen-clock host: the host's TSC, faults of its Xen, and the TSC of each guest */
#include <stdlib.h>

#include "host.h"

void json_tristate(struct json *json, const char *key, enum tristate value)
{
	if (value == UNKNOWN)
		json_null(json, key);
	else
		json_bool(json, key, value == YES);
}

static void json_domain(struct json *json, const struct host *host,
			const struct host_domain *domain)
{
	json_begin(json, NULL, '{');
	json_integer(json, "domid", domain->id);
	json_string(json, "name", domain->name);
	json_string(json, "kind", domain->tsc.hvm ? "HVM or PVH" : "PV");
	json_string(json, "mode", xen_tsc_mode_name(domain->tsc.mode));
	json_integer(json, "mode_number", domain->tsc.mode);
	json_integer(json, "frequency_khz", domain->tsc.khz);
	json_integer(json, "incarnation", domain->incarnation);
	json_tristate(json, "emulated", domain->emulated);
	if (domain->emulated == YES)
		json_string(json, "reason", tsc_explain(&host->tsc, &domain->tsc).reason);
	else
		json_null(json, "reason");
	json_end(json, '}');
}

static void host_json(struct json *json, const struct host *host)
{
	const struct xen_fault *fault = NULL;
	unsigned int i;

	json_string(json, "xen_version", host->version);
	json_integer(json, "xen_major", host->tsc.major);
	json_integer(json, "xen_minor", host->tsc.minor);
	json_integer(json, "xen_update", host->update);
	json_begin(json, "tsc", '{');
	json_integer(json, "frequency_khz", host->tsc.khz);
	json_tristate(json, "reliable", host->tsc.reliable);
	json_string(json, "reason", host->reason);
	json_tristate(json, "scaling", host->tsc.scaling);
	json_end(json, '}');
	json_begin(json, "dom0", '{');
	json_float(json, "read_ns", host->read_ns);
	json_float(json, "syscall_ns", host->syscall_ns);
	json_bool(json, "reads_tsc", host->read_tsc);
	json_end(json, '}');
	json_begin(json, "faults", '[');
	while ((fault = host_fault(host, fault))) {
		json_begin(json, NULL, '{');
		json_string(json, "name", fault->name);
		json_string(json, "text", fault->text);
		json_string(json, "fixed_in", fault->fixed);
		json_end(json, '}');
	}
	json_end(json, ']');
	json_begin(json, "guests", '[');
	for (i = 0; i < host->count; i++)
		json_domain(json, host, &host->domains[i]);
	json_end(json, ']');
}

static void text_domain(const struct host *host, const struct host_domain *domain)
{
	static const char * const words[] = {
		[NO] = "native", [YES] = "emulated", [UNKNOWN] = "not known",
	};

	char name[LINE_SIZE];

	memcpy(name, domain->name, sizeof(name));
	make_printable(name);
	printf("%5u  %-20s %-10s %-15s %8u  %11u  %s", domain->id, name,
	       domain->tsc.hvm ? "HVM or PVH" : "PV", xen_tsc_mode_name(domain->tsc.mode),
	       domain->tsc.khz, domain->incarnation, words[domain->emulated]);
	if (domain->emulated == YES)
		printf(": %s", tsc_explain(&host->tsc, &domain->tsc).reason);
	putchar('\n');
}

static void text(const struct host *host)
{
	static const char * const reliable[] = {
		[NO] = "not reliable", [YES] = "reliable", [UNKNOWN] = "not known to be reliable",
	};
	static const char * const scaling[] = {
		[NO] = "can not be", [YES] = "can be", [UNKNOWN] = "may or may not be",
	};
	const struct xen_fault *fault = NULL;
	unsigned int i;

	printf("Xen      %s\n", host->version);
	printf("TSC      %u kHz, %s%s%s; that of PVH and HVM guests %s scaled\n", host->tsc.khz,
	       reliable[host->tsc.reliable], *host->reason ? ": " : "", host->reason,
	       scaling[host->tsc.scaling]);
	printf("faults  ");
	while ((fault = host_fault(host, fault)))
		printf(" %s\n         (%s, fixed in %s)\n        ", fault->text, fault->name,
		       fault->fixed);
	printf(" No other fault of the clocks is known in this version.\n\n");
	if (!host->count) {
		puts("There is no guest on this host.");
		return;
	}
	printf("%5s  %-20s %-10s %-15s %8s  %11s  %s\n", "domid", "name", "kind", "mode", "kHz",
	       "incarnation", "TSC");
	for (i = 0; i < host->count; i++)
		text_domain(host, &host->domains[i]);
}

int host(const struct guest *guest, const struct options *options)
{
	struct json json = { .file = stdout };
	struct host host;

	if (guest->facts.domain != XEN_TSC_DOM0)
		die("this is not dom0, which alone can ask xl");

	host_read(&host, guest);
	if (options->json) {
		json_document(&json, true);
		json_string(&json, "version", XEN_CLOCK_VERSION);
		host_json(&json, &host);
		json_finish(&json);
	} else {
		text(&host);
	}
	free(host.domains);

	return EXIT_OK;
}
