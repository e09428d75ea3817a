// SPDX-License-Identifier: GPL-2.0-only
/*
 * The TSC of a Xen guest: ask Xen, judge, tell the kernel.
 *
 * tsc_policy.c judges.  Here the facts are gathered, the administrator's
 * request is read, and the verdict is printed and carried out.
 */
#define pr_fmt(fmt) "xen: " fmt

#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/cpufeature.h>
#include <linux/init.h>
#include <linux/printk.h>
#include <linux/processor.h>
#include <linux/string.h>

#include <asm/cmdline.h>
#include <asm/pvclock.h>
#include <asm/setup.h>
#include <asm/tsc.h>
#include <asm/xen/cpuid.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/hypervisor.h>

#include <xen/interface/version.h>
#include <xen/interface/xen.h>
#include <xen/xen.h>
#include <xen/xen-ops.h>

#include "tsc.h"

#define CPUID_EXTENDED		0x80000000
#define CPUID_POWER		0x80000007
#define CPUID_POWER_EDX_ITSC	BIT(8)

/* The facts of the boot, on which the verdict rests */
struct xen_tsc_facts xen_tsc_promised __ro_after_init = {
	.request = IS_ENABLED(CONFIG_XEN_TSC_RELIABLE) ? XEN_TSC_AUTO : XEN_TSC_OFF,
};

/* And the verdict */
struct xen_tsc_judgement xen_tsc_judgement __ro_after_init;

static int __init xen_tsc_reliable_setup(char *arg)
{
	if (!xen_tsc_parse_request(arg, &xen_tsc_promised.request))
		pr_warn("xen_tsc_reliable=%s: not one of auto, on and off, staying with %s\n",
			arg ?: "", xen_tsc_request_name(xen_tsc_promised.request));

	return 0;
}
early_param("xen_tsc_reliable", xen_tsc_reliable_setup);

/* The rate of the TSC (kHz) by this CPU's pvclock, 0 if it is not set up */
static u32 xen_tsc_pvclock_khz(void)
{
	struct pvclock_vcpu_time_info *info = &__this_cpu_read(xen_vcpu)->time;

	return info->tsc_to_system_mul ? pvclock_tsc_khz(info) : 0;
}

static bool xen_tsc_itsc_visible(void)
{
	return cpuid_eax(CPUID_EXTENDED) >= CPUID_POWER &&
	       cpuid_edx(CPUID_POWER) & CPUID_POWER_EDX_ITSC;
}

/**
 * xen_tsc_gather - find out what the policy looks at
 * @facts: filled in, except for the request
 *
 * Context: preemption off, this CPU's vcpu_info mapped.  CPUID traps, which
 * costs some microseconds.
 */
void xen_tsc_gather(struct xen_tsc_facts *facts)
{
	u32 version = HYPERVISOR_xen_version(XENVER_version, NULL);
	u32 base = xen_cpuid_base();
	u32 largest = base ? cpuid_eax(base) : 0;
	u32 flags = 0;

	facts->xen_major = version >> 16;
	facts->xen_minor = version & 0xffff;
	facts->largest_leaf = largest > base ? largest - base : 0;
	facts->pvclock_khz = xen_tsc_pvclock_khz();
	facts->itsc = xen_tsc_itsc_visible();

	if (xen_initial_domain())
		facts->domain = XEN_TSC_DOM0;
	else
		facts->domain = xen_pv_domain() ? XEN_TSC_PV : XEN_TSC_HVM;

	/* xen_cpuid_base() vouches for two leaves after the first, not for this */
	facts->mode = 0;
	facts->khz = 0;
	facts->incarnation = 0;
	if (facts->largest_leaf >= XEN_TSC_TIME_LEAF)
		cpuid_count(base + XEN_TSC_TIME_LEAF, 0, &flags, &facts->mode,
			    &facts->khz, &facts->incarnation);
	facts->emulated = flags & XEN_CPUID_TSC_EMULATED;
	facts->host_reliable = flags & XEN_CPUID_HOST_TSC_RELIABLE;
}

static void __init xen_tsc_announce(const struct xen_tsc_facts *facts,
				    const struct xen_tsc_judgement *judgement)
{
	const struct xen_tsc_rule *rule = judgement->rule;

	if (facts->request == XEN_TSC_ON && rule->verdict != XEN_TSC_RELIABLE)
		pr_warn("xen_tsc_reliable=on overrules row %u: TSC %s, %s\n",
			rule->row, xen_tsc_verdict_name(rule->verdict), rule->reason);

	pr_info("TSC %s: %s (row %u, mode %s, %s, %u kHz, incarnation %u, Xen %u.%u, request %s)\n",
		xen_tsc_verdict_name(judgement->verdict), judgement->reason,
		rule->row, xen_tsc_mode_name(facts->mode),
		facts->emulated ? "emulated" : "native", judgement->khz,
		facts->incarnation, facts->xen_major, facts->xen_minor,
		xen_tsc_request_name(facts->request));
}

/* clocksource=tsc is an order, and a TSC that is marked unstable is refused */
static bool __init xen_tsc_ordered(void)
{
	char name[8];

	return cmdline_find_option(boot_command_line, "clocksource", name,
				   sizeof(name)) > 0 && !strcmp(name, "tsc");
}

/**
 * xen_tsc_init - ask Xen whether the TSC can be trusted, and act on it
 *
 * Context: boot CPU, after the early parameters and before tsc_early_init(),
 * as later it is too late to force X86_FEATURE_TSC_RELIABLE.  The boot CPU's
 * vcpu_info must be mapped.
 */
void __init xen_tsc_init(void)
{
	xen_tsc_gather(&xen_tsc_promised);
	xen_tsc_judgement = xen_tsc_judge(&xen_tsc_promised);
	xen_tsc_announce(&xen_tsc_promised, &xen_tsc_judgement);

	if (xen_tsc_judgement.verdict == XEN_TSC_RELIABLE)
		setup_force_cpu_cap(X86_FEATURE_TSC_RELIABLE);

	if (xen_tsc_judgement.verdict != XEN_TSC_UNSTABLE)
		return;

	if (xen_tsc_ordered())
		pr_warn("TSC not marked unstable, as clocksource=tsc asks for it\n");
	else
		mark_tsc_unstable("Xen not vouching for it");
}

/**
 * xen_tsc_reliable - is the TSC the clock to use?
 *
 * Context: any, after tsc_early_init(): the kernel has no rate before.
 *
 * Return: true if the verdict is reliable, the kernel knows the rate, and nobody
 * has marked the TSC unstable since, as tsc=unstable and notsc do.
 */
bool xen_tsc_reliable(void)
{
	return xen_tsc_judgement.verdict == XEN_TSC_RELIABLE && tsc_khz &&
	       !check_tsc_unstable();
}

/**
 * xen_tsc_khz - the rate of the TSC, for x86_platform.calibrate_{tsc,cpu}
 *
 * Return: kHz: the time leaf's where the TSC is reliable, else the pvclock's.
 */
unsigned long xen_tsc_khz(void)
{
	setup_force_cpu_cap(X86_FEATURE_TSC_KNOWN_FREQ);

	return xen_tsc_judgement.khz;
}
