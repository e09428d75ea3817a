// SPDX-License-Identifier: GPL-2.0-only
/*
 * PTP clock that reads the wall clock of the Xen host.
 *
 * dom0 sets Xen's wall clock; a guest finds it in memory that it shares with Xen, and
 * can only read it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/timekeeping.h>

#include <asm/xen/wallclock.h>

#include <xen/features.h>
#include <xen/xen.h>

static struct ptp_clock *ptp_xen_clock;

static int ptp_xen_gettimex(struct ptp_clock_info *info, struct timespec64 *ts,
			    struct ptp_system_timestamp *sts)
{
	ktime_t wall;

	ptp_read_system_prets(sts);
	xen_wallclock_by_pvclock(&wall, NULL, NULL);
	ptp_read_system_postts(sts);
	*ts = ktime_to_timespec64(wall);

	return 0;
}

static int ptp_xen_getcrosststamp(struct ptp_clock_info *info,
				  struct system_device_crosststamp *xtstamp)
{
	int ret;

	ret = get_device_system_crosststamp(xen_wallclock_by_pvclock, NULL, NULL,
					    xtstamp);
	/* Timekeeping uses another clocksource */
	if (ret == -ENODEV)
		ret = get_device_system_crosststamp(xen_wallclock_by_tsc, NULL, NULL,
						    xtstamp);

	return ret;
}

/* Only dom0 can set Xen's wall clock, and sets it for all guests */
static int ptp_xen_settime(struct ptp_clock_info *info, const struct timespec64 *ts)
{
	return -EOPNOTSUPP;
}

static int ptp_xen_adjtime(struct ptp_clock_info *info, s64 delta)
{
	return -EOPNOTSUPP;
}

static int ptp_xen_adjfine(struct ptp_clock_info *info, long scaled_ppm)
{
	return -EOPNOTSUPP;
}

static int ptp_xen_enable(struct ptp_clock_info *info,
			  struct ptp_clock_request *request, int on)
{
	return -EOPNOTSUPP;
}

static struct ptp_clock_info ptp_xen_info = {
	.owner		= THIS_MODULE,
	.name		= "Xen wall clock",
	.gettimex64	= ptp_xen_gettimex,
	.getcrosststamp	= ptp_xen_getcrosststamp,
	.settime64	= ptp_xen_settime,
	.adjtime	= ptp_xen_adjtime,
	.adjfine	= ptp_xen_adjfine,
	.enable		= ptp_xen_enable,
};

static int __init ptp_xen_init(void)
{
	/* dom0 would follow the clock that it sets */
	if (!xen_domain() || xen_initial_domain())
		return -ENODEV;

	/* Without this Xen does not keep the pvclock of an HVM guest up to date */
	if (xen_hvm_domain() && !xen_feature(XENFEAT_hvm_safe_pvclock))
		return -ENODEV;

	ptp_xen_clock = ptp_clock_register(&ptp_xen_info, NULL);
	if (IS_ERR(ptp_xen_clock)) {
		pr_err("cannot register the PTP clock: %pe\n", ptp_xen_clock);
		return PTR_ERR(ptp_xen_clock);
	}

	return 0;
}

static void __exit ptp_xen_exit(void)
{
	ptp_clock_unregister(ptp_xen_clock);
}

module_init(ptp_xen_init);
module_exit(ptp_xen_exit);

MODULE_DESCRIPTION("PTP clock that reads the wall clock of the Xen host");
MODULE_LICENSE("GPL");
