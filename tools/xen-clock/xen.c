// SPDX-License-Identifier: GPL-2.0-only
/* What Xen and the kernel say of this guest */
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
 * The rate by the pvclock, which unpatched kernels take for the CPU's.  Where
 * there is a PIT or CPUID says more, an HVM guest's kernel may show the latter:
 * then the clocks tell.  What is not known counts as what the leaf says.
 */
static void read_pvclock_khz(struct xen_tsc_facts *facts)
{
	static u32 measured;
	u32 khz = 0, gap;
	char line[LINE_SIZE];

	if (read_field("/proc/cpuinfo", "cpu MHz", line))
		khz = parse_mhz(line);
	gap = khz > facts->khz ? khz - facts->khz : facts->khz - khz;
	if (!leaves_recorded() && facts->domain == XEN_TSC_HVM && gap > facts->khz / 2000) {
		/* Once will do, also for watch */
		if (!measured)
			measured = tsc_khz_measure();
		khz = measured;
	}

	facts->pvclock_khz = khz ?: facts->khz;
}

/* Only kernels with the series have these */
static void read_kernel(struct guest *guest)
{
	unsigned long stable;

	guest->patched = read_line(TSC "verdict", guest->verdict);
	if (!guest->patched)
		return;

	read_line(TSC "reason", guest->reason);
	read_line(TSC "request", guest->request);
	read_line(TSC "sched_clock", guest->sched_clock);
	read_line(TSC "last_demotion", guest->last_demotion);
	read_number(TSC "row", &guest->row);
	read_number(TSC "resumes", &guest->resumes);
	read_number(TSC "demotions", &guest->demotions);
	if (read_number(TSC "sched_clock_stable", &stable))
		guest->sched_stable = stable ? SCHED_STABLE : SCHED_UNSTABLE;
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
	guest->facts.itsc = itsc_visible();
	guest->facts.request = XEN_TSC_AUTO;
	read_kernel(guest);
	if (!guest->patched)
		read_pvclock_khz(&guest->facts);
	read_line(CLOCKSOURCE "current_clocksource", guest->clocksource);
	read_line(CLOCKSOURCE "available_clocksource", guest->available);
}
