// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults of Xen that guests see in their clocks, by version. The table in
 * Documentation/virt/xen/clocks.rst has the same, and a test compares them.
 */
#include <string.h>

#include "host.h"

static const struct xen_fault faults[] = {
	{
		.name	= "restore-underflow",
		.text	= "After a restore an emulated TSC of PVH or HVM can be off by decades.",
		.first	= 14,
		.fixed	= "4.19.5, 4.20.3, 4.21.1 and 4.22",
		.update	= { [19] = 5, [20] = 3, [21] = 1 },
	}, {
		.name	= "calibration-after-s3",
		.text	= "After S3 of the host, timers of PVH and HVM can fire later and later.",
		.fixed	= "4.20.4, 4.21.2 and 4.22",
		.update	= { [20] = 4, [21] = 2 },
	}, {
		.name	= "khz-truncated",
		.text	= "Truncates kHz, later Xen rounds: moved guests can become emulated.",
		.fixed	= "4.20.4, 4.21.2 and 4.22",
		.update	= { [20] = 4, [21] = 2 },
	}, {
		.name	= "pv-emulated-hang",
		.text	= "PV guests with an emulated TSC hang.",
		.last	= 6,
		.fixed	= "4.7",
	},
};

static bool concerns(const struct xen_fault *fault, const struct host *host)
{
	unsigned int minor = host->tsc.minor;
	unsigned int last = fault->last ?: FAULTY_MINORS - 1;

	if (host->tsc.major != 4)
		return host->tsc.major < 4 && !fault->first;
	if (minor < fault->first || minor > last)
		return false;

	/* Of a version whose updates do not have the fix, 0 */
	return !fault->update[minor] || host->update < fault->update[minor];
}

/* The next fault of this Xen after @after, the first if that is NULL */
const struct xen_fault *host_fault(const struct host *host, const struct xen_fault *after)
{
	const struct xen_fault *fault = after ? after + 1 : faults;

	for (; fault < faults + ARRAY_SIZE(faults); fault++)
		if (concerns(fault, host))
			return fault;

	return NULL;
}

bool host_has_fault(const struct host *host, const char *name)
{
	const struct xen_fault *fault = NULL;

	while ((fault = host_fault(host, fault)))
		if (!strcmp(fault->name, name))
			return true;

	return false;
}
