// SPDX-License-Identifier: GPL-2.0-only
/* Whether Xen emulates the TSC of a domain, and why: what tsc_set_info() decides */
#include <asm/xen/cpuid.h>

#include "emulation.h"

/*
 * In mode default, on a reliable host: which domains keep a native TSC?  The last row
 * that is not newer than Xen, and of the domain's kind, counts.
 */
static const struct row {
	unsigned int major, minor;
	bool hvm;
	enum {
		NEVER_RESTORED,
		SAME_FREQUENCY,
		SAME_OR_SCALED,
	} native_if;
} rows[] = {
	{ 4, 0, false, NEVER_RESTORED },
	{ 4, 0, true, NEVER_RESTORED },
	{ 4, 5, true, SAME_OR_SCALED },
	{ 4, 9, false, SAME_FREQUENCY },
};

static const struct row *row_of(const struct tsc_host *host, bool hvm)
{
	const struct row *found = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].hvm != hvm || host->major < rows[i].major)
			continue;
		if (host->major == rows[i].major && host->minor < rows[i].minor)
			continue;
		found = &rows[i];
	}

	return found;
}

static enum tristate default_emulated(const struct tsc_host *host,
				      const struct tsc_domain *domain)
{
	const struct row *row = row_of(host, domain->hvm);

	if (!row || host->reliable != YES)
		return row && host->reliable == NO ? YES : UNKNOWN;
	if (row->native_if == NEVER_RESTORED)
		return domain->restored ? YES : NO;
	/* It is created with the frequency of the host */
	if (!domain->restored || domain->khz == host->khz)
		return NO;
	if (!domain->khz || !host->khz)
		return UNKNOWN;
	if (row->native_if == SAME_FREQUENCY || host->scaling == NO)
		return YES;

	return host->scaling == YES ? NO : UNKNOWN;
}

enum tristate tsc_emulated(const struct tsc_host *host, const struct tsc_domain *domain)
{
	switch (domain->mode) {
	case XEN_CPUID_TSC_MODE_DEFAULT:
		return default_emulated(host, domain);
	case XEN_CPUID_TSC_MODE_ALWAYS_EMULATE:
		return YES;
	case XEN_CPUID_TSC_MODE_NEVER_EMULATE:
		return NO;
	case XEN_CPUID_TSC_MODE_PVRDTSCP:
		/* On a reliable host RDTSCP, which few CPUs lack, decides */
		return host->reliable == NO ? YES : UNKNOWN;
	default:
		return UNKNOWN;
	}
}

/* Why that is unknown */
const char *tsc_doubt(const struct tsc_host *host, const struct tsc_domain *domain)
{
	if (domain->mode > XEN_CPUID_TSC_MODE_PVRDTSCP)
		return "its mode is not known";
	if (host->reliable == UNKNOWN)
		return "it is not known whether the host's TSC is reliable";
	if (domain->mode == XEN_CPUID_TSC_MODE_PVRDTSCP)
		return "it is not known whether the CPUs have RDTSCP";
	if (!row_of(host, domain->hvm))
		return "it is not known what Xen before 4.0 does";
	if (!domain->khz || !host->khz)
		return "its frequency or that of the host is not known";

	return "it is not known whether Xen can scale it";
}

static void explain_frequency(struct explanation *why, const struct tsc_host *host,
			      const struct tsc_domain *domain)
{
	u32 apart = domain->khz > host->khz ? domain->khz - host->khz :
					      host->khz - domain->khz;

	snprintf(why->reason, sizeof(why->reason),
		 "this guest was booted at %u kHz, the host has %u (%u kHz apart)",
		 domain->khz, host->khz, apart);
	snprintf(why->remedy, sizeof(why->remedy), "%s%s",
		 "Boot it anew on this host, or move it to one of its own frequency.",
		 apart > 1 ? "" :
		 " Older Xen truncates the kHz, newer Xen rounds: see xen-clock host.");
}

/* For a domain whose TSC is emulated */
struct explanation tsc_explain(const struct tsc_host *host,
			       const struct tsc_domain *domain)
{
	struct explanation why = { };

	if (domain->mode == XEN_CPUID_TSC_MODE_ALWAYS_EMULATE) {
		snprintf(why.reason, sizeof(why.reason), "tsc_mode=always_emulate is set");
		snprintf(why.remedy, sizeof(why.remedy), "%s",
			 host->reliable == NO ?
			 "Mode default emulates it, too, as the host's TSC is not reliable." :
			 "Use tsc_mode=default, shut it down, and start it again on this host.");
	} else if (host->reliable == NO) {
		snprintf(why.reason, sizeof(why.reason), "the host's TSC is not reliable");
		snprintf(why.remedy, sizeof(why.remedy),
			 "See why: run xen-clock host in dom0.");
	} else if (host->khz && domain->khz && domain->khz != host->khz) {
		explain_frequency(&why, host, domain);
	} else if (domain->restored && tsc_emulated(host, domain) == YES) {
		snprintf(why.reason, sizeof(why.reason),
			 "Xen %u.%u emulates the TSC after a restore or a migration",
			 host->major, host->minor);
		snprintf(why.remedy, sizeof(why.remedy), "Boot it anew, or update Xen.");
	} else {
		snprintf(why.reason, sizeof(why.reason), "Xen does not say why");
	}

	return why;
}

/* The same from inside the guest: both strings are empty if its TSC is native */
struct explanation explain(const struct guest *guest)
{
	const struct xen_tsc_facts *facts = &guest->facts;
	/* What KVM has there is not the host's */
	const struct tsc_host host = {
		.major		= facts->xen_major,
		.minor		= facts->xen_minor,
		.khz		= facts->impostor ? 0 : facts->host_khz,
		.reliable	= facts->host_reliable ? YES : NO,
		.scaling	= UNKNOWN,
	};
	const struct tsc_domain domain = {
		.hvm		= facts->domain == XEN_TSC_HVM,
		.mode		= facts->mode,
		.khz		= facts->khz,
		.restored	= facts->incarnation > 1,
	};

	if (!guest->has_leaf || !facts->emulated)
		return (struct explanation){ };

	return tsc_explain(&host, &domain);
}

