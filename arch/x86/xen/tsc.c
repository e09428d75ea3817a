// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ask Xen whether the TSC of this guest can be trusted: at boot, and after each
 * resume. tsc_policy.c decides, and tsc_watchdog.c demotes a TSC that cannot be used
 * any more.
 */
#define pr_fmt(fmt) "xen: " fmt

#include <linux/cache.h>
#include <linux/cpufeature.h>
#include <linux/init.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched/clock.h>
#include <linux/workqueue.h>

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

#include "sched_clock.h"
#include "tsc.h"

#define CPUID_EXTENDED		0x80000000
#define CPUID_POWER		0x80000007
#define CPUID_POWER_EDX_ITSC	BIT(8)

static enum xen_tsc_request xen_tsc_request __ro_after_init =
	IS_ENABLED(CONFIG_XEN_TSC_RELIABLE) ? XEN_TSC_AUTO : XEN_TSC_OFF;

/* At boot; without a rule where Xen was not asked, as there are no Xen timers */
struct xen_tsc_decision xen_tsc_decision __ro_after_init;

/* clocksource=tsc or tsc=reliable was given */
static bool xen_tsc_named __ro_after_init;

static int __init xen_tsc_reliable_setup(char *arg)
{
	if (!xen_tsc_parse_request(arg, &xen_tsc_request))
		pr_warn("xen_tsc_reliable=%s is ignored: it is not auto, on or off\n",
			arg ?: "");

	return 0;
}
early_param("xen_tsc_reliable", xen_tsc_reliable_setup);

/* KVM's signature is there beside Xen's */
static bool xen_tsc_impostor __ro_after_init;

/* The frequency of the TSC (kHz) by this CPU's pvclock, 0 if that is not set up */
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

/* Sub-leaf 0: flags, mode, kHz of the guest, incarnation. Sub-leaf 2: kHz of the host. */
static void xen_tsc_read_leaf(struct xen_tsc_facts *facts)
{
	u32 base = xen_cpuid_base();
	u32 largest = base ? cpuid_eax(base) : 0;
	u32 flags, unused;

	/* xen_cpuid_base() checks for two leaves after the first, not for this one */
	facts->largest_leaf = largest > base ? largest - base : 0;
	if (facts->largest_leaf < XEN_TSC_TIME_LEAF)
		return;

	cpuid_count(base + XEN_TSC_TIME_LEAF, 0, &flags, &facts->mode, &facts->khz,
		    &facts->incarnation);
	cpuid_count(base + XEN_TSC_TIME_LEAF, 2, &facts->host_khz, &unused, &unused,
		    &unused);
	facts->emulated = flags & XEN_CPUID_TSC_EMULATED;
	facts->host_reliable = flags & XEN_CPUID_HOST_TSC_RELIABLE;
}

/**
 * xen_tsc_read_facts - read what the policy looks at
 * @facts: filled in
 *
 * Context: preemption off, this CPU's vcpu_info mapped. CPUID traps, which takes some
 * microseconds.
 */
void xen_tsc_read_facts(struct xen_tsc_facts *facts)
{
	u32 version = HYPERVISOR_xen_version(XENVER_version, NULL);

	*facts = (struct xen_tsc_facts){
		.xen_major	= version >> 16,
		.xen_minor	= version & 0xffff,
		.impostor	= xen_tsc_impostor,
		.pvclock_khz	= xen_tsc_pvclock_khz(),
		.itsc		= xen_tsc_itsc_visible(),
		.named		= xen_tsc_named,
		.domain		= xen_initial_domain() ? XEN_TSC_DOM0 :
				  xen_pv_domain() ? XEN_TSC_PV : XEN_TSC_HVM,
	};
	xen_tsc_read_leaf(facts);
}

/* Printed in parentheses after each line about the TSC */
static const char *xen_tsc_describe(const struct xen_tsc_decision *decision,
				    const struct xen_tsc_facts *facts,
				    char *text, size_t size)
{
	scnprintf(text, size, "rule %s, mode %s, %s, %u kHz, incarnation %u, Xen %u.%u",
		  decision->rule, xen_tsc_mode_name(facts->mode),
		  facts->emulated ? "emulated" : "native", decision->khz,
		  facts->incarnation, facts->xen_major, facts->xen_minor);

	return text;
}

/* What a verdict of reliable does */
static void __init xen_tsc_trust(void)
{
	/* Without a constant TSC each CPU would measure loops_per_jiffy */
	setup_force_cpu_cap(X86_FEATURE_CONSTANT_TSC);

	/* dom0 keeps the clocksource watchdog, and only prefers the TSC */
	if (!xen_initial_domain())
		setup_force_cpu_cap(X86_FEATURE_TSC_RELIABLE);
}

/**
 * xen_tsc_init - ask Xen whether the TSC can be trusted, and act on it
 *
 * Context: boot CPU, after the early parameters. Normally before tsc_early_init(), so
 * that the frequency is taken from the decision. The boot CPU's vcpu_info must be
 * mapped.
 */
void __init xen_tsc_init(void)
{
	struct xen_tsc_facts facts;
	char text[128];

	xen_tsc_named = cmdline_find_option_bool(boot_command_line, "clocksource=tsc") ||
			cmdline_find_option_bool(boot_command_line, "tsc=reliable");
	/* A search that fails takes 256 CPUID instructions, so not at each resume */
	xen_tsc_impostor = cpuid_base_hypervisor("KVMKVMKVM\0\0\0", 0);
	xen_tsc_read_facts(&facts);
	xen_tsc_decision = xen_tsc_evaluate(&facts, xen_tsc_request);
	pr_info("TSC %s: %s (%s)\n", xen_tsc_verdict_name(xen_tsc_decision.verdict),
		xen_tsc_decision.reason,
		xen_tsc_describe(&xen_tsc_decision, &facts, text, sizeof(text)));

	if (xen_tsc_request == XEN_TSC_OFF)
		return;

	xen_tsc_watchdog_init(xen_tsc_decision.guaranteed);
	if (xen_tsc_decision.verdict == XEN_TSC_RELIABLE)
		xen_tsc_trust();
	else if (xen_tsc_decision.verdict == XEN_TSC_UNSTABLE && !xen_initial_domain())
		mark_tsc_unstable("Xen guaranteeing nothing");
}

/**
 * xen_tsc_is_trusted - is the TSC to be preferred to the xen clocksource?
 *
 * Context: boot, after tsc_early_init().
 *
 * Return: true if the verdict is reliable, the kernel knows the frequency, and nobody
 * has marked the TSC unstable, as tsc=unstable and notsc do.
 */
bool __init xen_tsc_is_trusted(void)
{
	return xen_tsc_decision.verdict == XEN_TSC_RELIABLE && tsc_khz &&
	       !check_tsc_unstable();
}

/* The core has chosen a clocksource that it will not leave on its own */
static bool xen_tsc_is_settled;

/**
 * xen_sched_clock_mark_unstable - mark sched_clock unstable for the xen clocksource
 *
 * Each physical CPU has a scale of its own for the pvclock, Xen may change it, and the
 * guest can be moved between hosts that set PVCLOCK_TSC_STABLE_BIT and hosts that do
 * not. So sched_clock is not stable, and the core has to filter it.
 *
 * Context: any but NMI.
 */
void xen_sched_clock_mark_unstable(void)
{
	if (xen_tsc_request == XEN_TSC_OFF || xen_initial_domain())
		return;

	/* During boot the core can use the clocksource for a moment, before the TSC */
	if (!xen_tsc_is_settled)
		return;

	/* The core blames the BIOS if the clock was stable, so say this first */
	if (sched_clock_stable())
		pr_info("sched_clock: marking unstable, as the xen clocksource is used\n");
	clear_sched_clock_stable();
}

static void xen_tsc_settle(struct work_struct *work)
{
	xen_tsc_is_settled = true;
	if (xen_clocksource_is_used())
		xen_sched_clock_mark_unstable();
}

static DECLARE_DELAYED_WORK(xen_tsc_settle_work, xen_tsc_settle);

/*
 * By now init_tsc_clocksource() has registered the TSC, if it can be used. Where the
 * clocksource watchdog has to see it first, it does so twice in a second.
 */
static int __init xen_tsc_check_clocksource(void)
{
	if (xen_clocksource_is_used() && !check_tsc_unstable() &&
	    !tsc_clocksource_reliable && (xen_tsc_named || xen_clocksource_yields()))
		schedule_delayed_work(&xen_tsc_settle_work, 10 * HZ);
	else
		xen_tsc_settle(NULL);

	return 0;
}
device_initcall_sync(xen_tsc_check_clocksource);

/**
 * xen_tsc_khz - get the frequency of the TSC, for x86_platform.calibrate_{tsc,cpu}
 *
 * Return: kHz.
 */
unsigned long xen_tsc_khz(void)
{
	setup_force_cpu_cap(X86_FEATURE_TSC_KNOWN_FREQ);

	return xen_tsc_decision.khz;
}

/**
 * xen_tsc_resume - evaluate the TSC again, and demote it if it changed
 *
 * A suspend that Xen calls cancelled can have spanned the S3 of the host, so this is
 * for all of them.
 *
 * Context: stop_machine() or a system suspend, one CPU, interrupts off. The vcpu_info
 * must be mapped again, and sched_clock still be frozen.
 */
void xen_tsc_resume(void)
{
	struct xen_tsc_decision now;
	struct xen_tsc_sample sample;
	struct xen_tsc_facts facts;

	if (!xen_tsc_decision.rule)
		return;

	xen_tsc_queue_report();
	if (xen_tsc_request == XEN_TSC_OFF || xen_initial_domain() || check_tsc_unstable())
		return;

	xen_tsc_read_facts(&facts);
	now = xen_tsc_reevaluate(&xen_tsc_decision, &facts, xen_tsc_request);
	if (now.verdict == XEN_TSC_UNSTABLE) {
		xen_tsc_read_sample(&sample);
		xen_tsc_demote(&sample, xen_sched_clock(), now.reason, 0);
	}
}

/**
 * xen_tsc_report - tell users about a resume or a demotion
 *
 * Says nothing about a TSC that is already marked unstable.
 *
 * Context: process.
 *
 * Return: true if the TSC was demoted.
 */
bool xen_tsc_report(void)
{
	struct xen_tsc_decision now;
	struct xen_tsc_facts facts;
	char reason[64], text[128];
	bool demoted;

	preempt_disable();
	xen_tsc_read_facts(&facts);
	preempt_enable();
	now = xen_tsc_reevaluate(&xen_tsc_decision, &facts, xen_tsc_request);
	xen_tsc_describe(&now, &facts, text, sizeof(text));

	demoted = xen_tsc_demotion(reason, sizeof(reason));
	if (xen_tsc_request == XEN_TSC_OFF || check_tsc_unstable())
		;
	else if (demoted)
		pr_warn("TSC marked unstable: %s (%s)\n", reason, text);
	else
		pr_info("TSC still %s: %s (%s)\n", xen_tsc_verdict_name(now.verdict),
			now.reason, text);

	xen_tsc_sysfs_notify();

	return demoted;
}
