// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/hypervisor/tsc/: what Xen does to the TSC of this domain, and what the
 * kernel has made of it.  Documentation/ABI/testing/sysfs-hypervisor-xen-tsc
 * says what the files mean.
 */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/sched/clock.h>
#include <linux/sysfs.h>

#include <asm/xen/tsc.h>

/* One file, with one value of the status as it is now */
#define XEN_TSC_ATTR(_name, _format, _value)					\
static ssize_t _name##_show(struct kobject *kobj,				\
			    struct kobj_attribute *attr, char *buf)		\
{										\
	struct xen_tsc_status status;						\
										\
	xen_tsc_status(&status);						\
	return sysfs_emit(buf, _format "\n", _value);				\
}										\
static struct kobj_attribute _name##_attr = __ATTR_RO(_name)

XEN_TSC_ATTR(mode, "%s", status.mode);
XEN_TSC_ATTR(emulated, "%d", status.emulated);
XEN_TSC_ATTR(host_reliable, "%d", status.host_reliable);
XEN_TSC_ATTR(frequency_khz, "%u", status.khz);
XEN_TSC_ATTR(incarnation, "%u", status.incarnation);
XEN_TSC_ATTR(verdict, "%s", status.verdict);
XEN_TSC_ATTR(row, "%u", status.row);
XEN_TSC_ATTR(reason, "%s", status.reason);
XEN_TSC_ATTR(request, "%s", status.request);
XEN_TSC_ATTR(sched_clock, "%s", status.sched_clock);
XEN_TSC_ATTR(sched_clock_stable, "%d", !!sched_clock_stable());
XEN_TSC_ATTR(resumes, "%u", status.resumes);
XEN_TSC_ATTR(demotions, "%u", status.demotions);
XEN_TSC_ATTR(last_demotion, "%s", status.last_demotion ?: "none");

static const struct attribute *const xen_tsc_attrs[] = {
	&mode_attr.attr,
	&emulated_attr.attr,
	&host_reliable_attr.attr,
	&frequency_khz_attr.attr,
	&incarnation_attr.attr,
	&verdict_attr.attr,
	&row_attr.attr,
	&reason_attr.attr,
	&request_attr.attr,
	&sched_clock_attr.attr,
	&sched_clock_stable_attr.attr,
	&resumes_attr.attr,
	&demotions_attr.attr,
	&last_demotion_attr.attr,
	NULL
};

static int __init xen_sysfs_tsc_init(void)
{
	struct xen_tsc_status status;
	struct kobject *tsc;
	int error;

	if (!xen_tsc_status(&status))
		return -ENODEV;

	tsc = kobject_create_and_add("tsc", hypervisor_kobj);
	if (!tsc)
		return -ENOMEM;

	error = sysfs_create_files(tsc, xen_tsc_attrs);
	if (error)
		kobject_put(tsc);

	return error;
}
device_initcall(xen_sysfs_tsc_init);
