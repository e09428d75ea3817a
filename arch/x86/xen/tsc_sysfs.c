// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/hypervisor/tsc/: what Xen does to the TSC of this domain, and what the kernel
 * makes of it. Documentation/ABI/testing/sysfs-hypervisor-xen-tsc has the details.
 */
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/preempt.h>
#include <linux/sysfs.h>

#include "tsc.h"

static struct kobject *xen_tsc_kobj;

static struct xen_tsc_facts xen_tsc_facts_now(void)
{
	struct xen_tsc_facts facts;

	preempt_disable();
	xen_tsc_read_facts(&facts);
	preempt_enable();

	return facts;
}

#define XEN_TSC_ATTR(_name, _format, _value)					\
static ssize_t _name##_show(struct kobject *kobj,				\
			    struct kobj_attribute *attr, char *buf)		\
{										\
	struct xen_tsc_facts facts = xen_tsc_facts_now();			\
										\
	return sysfs_emit(buf, _format "\n", _value);				\
}										\
static struct kobj_attribute _name##_attr = __ATTR_RO(_name)

XEN_TSC_ATTR(mode, "%s", xen_tsc_mode_name(facts.mode));
XEN_TSC_ATTR(emulated, "%d", facts.emulated);
XEN_TSC_ATTR(host_reliable, "%d", facts.host_reliable);
XEN_TSC_ATTR(frequency_khz, "%u", facts.khz);
XEN_TSC_ATTR(host_frequency_khz, "%u", facts.host_khz);
XEN_TSC_ATTR(incarnation, "%u", facts.incarnation);

static ssize_t verdict_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	enum xen_tsc_verdict verdict = xen_tsc_decision.verdict;

	if (xen_tsc_demotion(NULL, 0))
		verdict = XEN_TSC_UNSTABLE;

	return sysfs_emit(buf, "%s\n", xen_tsc_verdict_name(verdict));
}

static struct kobj_attribute verdict_attr = __ATTR_RO(verdict);

static ssize_t reason_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	char text[64];

	if (xen_tsc_demotion(text, sizeof(text)))
		return sysfs_emit(buf, "%s\n", text);

	return sysfs_emit(buf, "%s\n", xen_tsc_decision.reason);
}

static struct kobj_attribute reason_attr = __ATTR_RO(reason);

static ssize_t demoted_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", xen_tsc_demotion(NULL, 0));
}

static struct kobj_attribute demoted_attr = __ATTR_RO(demoted);

static const struct attribute *const xen_tsc_attrs[] = {
	&mode_attr.attr,
	&emulated_attr.attr,
	&host_reliable_attr.attr,
	&frequency_khz_attr.attr,
	&host_frequency_khz_attr.attr,
	&incarnation_attr.attr,
	&verdict_attr.attr,
	&reason_attr.attr,
	&demoted_attr.attr,
	NULL
};

/**
 * xen_tsc_sysfs_notify - wake up pollers of the files that a resume or a demotion changes
 *
 * Context: process.
 */
void xen_tsc_sysfs_notify(void)
{
	if (!xen_tsc_kobj)
		return;

	sysfs_notify(xen_tsc_kobj, NULL, "incarnation");
	sysfs_notify(xen_tsc_kobj, NULL, "verdict");
}

static int __init xen_tsc_sysfs_init(void)
{
	struct kobject *kobj;
	int error;

	if (!xen_tsc_decision.rule)
		return 0;

	kobj = kobject_create_and_add("tsc", hypervisor_kobj);
	if (!kobj)
		return -ENOMEM;

	error = sysfs_create_files(kobj, xen_tsc_attrs);
	if (error)
		kobject_put(kobj);
	else
		xen_tsc_kobj = kobj;

	return error;
}
device_initcall(xen_tsc_sysfs_init);
