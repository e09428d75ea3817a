// SPDX-License-Identifier: GPL-2.0-only
/* What Xen and the kernel say of this guest, and the verdict on its TSC */
#include <string.h>

#include <linux/bits.h>

#include <asm/xen/cpuid.h>

#include "xen-clock.h"

#define HYPERVISOR	"/sys/hypervisor/"
#define TSC		HYPERVISOR "tsc/"
#define CLOCKSOURCE	"/sys/devices/system/clocksource/clocksource0/"

#define CPUID_EXTENDED	0x80000000
#define CPUID_POWER	0x80000007
#define ITSC		BIT(8)

static bool itsc_visible(void)
{
	return leaves_read(CPUID_EXTENDED, 0).eax >= CPUID_POWER &&
	       leaves_read(CPUID_POWER, 0).edx & ITSC;
}

static void read_version(struct guest *guest, u32 base)
{
	unsigned long major = 0, minor = 0;
	char extra[LINE_SIZE] = "";

	if (read_number(HYPERVISOR "version/major", &major)) {
		read_number(HYPERVISOR "version/minor", &minor);
		read_line(HYPERVISOR "version/extra", extra);
	} else if (base) {
		u32 version = leaves_read(base + 1, 0).eax;

		major = version >> 16;
		minor = version & 0xffff;
	}

	guest->facts.xen_major = major;
	guest->facts.xen_minor = minor;
	snprintf(guest->version, LINE_SIZE, "%lu.%lu%.200s", major, minor, extra);
}

static void read_leaf(struct guest *guest, u32 base)
{
	struct xen_tsc_facts *facts = &guest->facts;
	struct xen_cpuid regs;

	facts->largest_leaf = base ? leaves_read(base, 0).eax - base : 0;
	guest->has_leaf = facts->largest_leaf >= XEN_TSC_TIME_LEAF;
	if (!guest->has_leaf)
		return;

	regs = leaves_read(base + XEN_TSC_TIME_LEAF, 0);
	facts->emulated = regs.eax & XEN_CPUID_TSC_EMULATED;
	facts->host_reliable = regs.eax & XEN_CPUID_HOST_TSC_RELIABLE;
	facts->mode = regs.ebx;
	facts->khz = regs.ecx;
	facts->incarnation = regs.edx;
	facts->host_khz = leaves_read(base + XEN_TSC_TIME_LEAF, 2).eax;
}

/* Does the administrator name the TSC? */
static bool is_named(void)
{
	char value[LINE_SIZE];

	return (read_option("clocksource", value) && !strcmp(value, "tsc")) ||
	       (read_option("tsc", value) && !strcmp(value, "reliable"));
}

static bool is_dom0(void)
{
	char line[LINE_SIZE];
	unsigned long flag;

	/* Since Linux 6.3; the older way needs xenfs to be mounted */
	if (read_number(HYPERVISOR "start_flags/initdomain", &flag))
		return flag;

	return read_line("/proc/xen/capabilities", line) && strstr(line, "control_d");
}

static void read_domain(struct guest *guest, const char *type)
{
	bool pv = !strcmp(type, "PV"), dom0 = is_dom0();

	if (dom0)
		guest->facts.domain = XEN_TSC_DOM0;
	else
		guest->facts.domain = pv ? XEN_TSC_PV : XEN_TSC_HVM;

	snprintf(guest->domain, LINE_SIZE, "%.200s%s", *type ? type : "HVM or PVH",
		 dom0 ? " dom0" : "");
}

/* "2596.127" MHz in kHz, 0 if it is not that */
static u32 parse_mhz(const char *text)
{
	unsigned int mhz, khz;

	return sscanf(text, "%7u.%3u", &mhz, &khz) == 2 && mhz < 4000000 ?
	       mhz * 1000 + khz : 0;
}

/*
 * The frequency by the pvclock, which the kernel takes for the CPU's unless the time leaf
 * has a plausible one. An unpatched kernel of an HVM guest may have asked a PIT or CPUID
 * instead: then compare the clocks. If all else fails it is that of the leaf.
 */
static void read_pvclock_khz(struct guest *guest)
{
	struct xen_tsc_facts *facts = &guest->facts;
	u32 khz = 0, difference;
	char line[LINE_SIZE];
	static u32 measured;

	if (read_field("/proc/cpuinfo", "cpu MHz", line))
		khz = parse_mhz(line);
	difference = khz > facts->khz ? khz - facts->khz : facts->khz - khz;
	if (!leaves_recorded() && !guest->patched && facts->domain == XEN_TSC_HVM &&
	    difference > facts->khz / 2000) {
		/* Once is enough, also for watch */
		if (!measured)
			measured = tsc_khz_measure();
		khz = measured;
	}

	facts->pvclock_khz = khz ?: facts->khz ?: facts->host_khz;
}

/* Only kernels with the series have these */
static void read_kernel(struct guest *guest)
{
	guest->patched = read_line(TSC "verdict", guest->verdict);
	if (!guest->patched)
		return;

	read_line(TSC "reason", guest->reason);
	read_number(TSC "demoted", &guest->demoted);
}

/* Who claims to be Xen does not change, and to look takes hundreds of traps */
static bool is_impostor(void)
{
	static bool known, impostor;

	if (!known || leaves_recorded())
		impostor = leaves_show_kvm();
	known = true;

	return impostor;
}

void guest_read(struct guest *guest)
{
	char type[LINE_SIZE], line[LINE_SIZE];
	static bool opened;
	u32 base;

	memset(guest, 0, sizeof(*guest));
	read_line(HYPERVISOR "guest_type", type);
	if (!opened)
		leaves_open(type);
	opened = true;

	base = leaves_xen_base();
	guest->xen = base || (read_line(HYPERVISOR "type", line) && !strcmp(line, "xen"));
	if (!guest->xen)
		return;

	if (!*type && leaves_are_pv())
		snprintf(type, sizeof(type), "PV");
	read_domain(guest, type);
	read_version(guest, base);
	read_leaf(guest, base);
	guest->facts.impostor = is_impostor();
	guest->facts.itsc = itsc_visible();
	guest->facts.named = is_named();
	read_kernel(guest);
	read_pvclock_khz(guest);
	read_line(CLOCKSOURCE "current_clocksource", guest->clocksource);
	read_line(CLOCKSOURCE "available_clocksource", guest->available);
	read_line("/sys/devices/system/cpu/nohz_full", guest->nohz_full);
}

/* A dom0 always checks the TSC itself */
static bool is_at_risk(const struct guest *guest, const struct decision *decision)
{
	bool trusted = !strcmp(decision->verdict, "reliable") ||
		       !strcmp(decision->reason, "xen_tsc_reliable=off");

	return guest->facts.domain != XEN_TSC_DOM0 && !strcmp(guest->clocksource, "tsc") &&
	       !(trusted && decision->guaranteed);
}

/* "unknown" where nobody says what is in use, or KVM might guarantee it */
static const char *safe(const struct guest *guest, const struct decision *decision)
{
	if (!*guest->clocksource || (decision->at_risk && guest->facts.impostor))
		return "unknown";

	return decision->at_risk ? "false" : "true";
}

/* The kernel's own verdict, or what it would be with the series */
struct decision decide(const struct guest *guest)
{
	struct xen_tsc_decision policy = xen_tsc_evaluate(&guest->facts, XEN_TSC_AUTO);
	struct decision decision = {
		.by_kernel	= guest->patched,
		.verdict	= xen_tsc_verdict_name(policy.verdict),
		.reason		= policy.reason,
		.rule		= policy.rule,
		.guaranteed	= policy.verdict == XEN_TSC_RELIABLE,
	};

	if (guest->patched) {
		decision.verdict = guest->verdict;
		decision.reason = guest->reason;
	}
	decision.at_risk = is_at_risk(guest, &decision);
	decision.safe = safe(guest, &decision);

	return decision;
}
