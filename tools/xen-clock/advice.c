// SPDX-License-Identifier: GPL-2.0-only
/* One sentence on what to do */
#include <string.h>

#include "xen-clock.h"

/* The kernel has not asked Xen: say what that means where the TSC is in use */
static const char *advice_unpatched(const char *verdict, bool tsc)
{
	if (!strcmp(verdict, "reliable"))
		return tsc ?
		"The TSC is in use; only with the series is it judged again after a resume." :
		"With the series this kernel would read the time from the TSC, in the vDSO.";
	if (!strcmp(verdict, "unstable"))
		return tsc ?
		"The TSC is in use, but a migration may change it: drop clocksource=tsc." :
		"Leave the clocksource as it is: a migration may change the TSC.";
	return tsc ?
	       "The TSC is in use, but Xen does not vouch for it: be sure of the host." :
	       "Leave the clocksource as it is: Xen does not vouch for the TSC.";
}

/* Why the policy could not say more, and who can change that */
static const char *advice_row(unsigned long row, bool dom0)
{
	switch (row) {
	case 1:
		return "This Xen is too old to vouch for the TSC; since 4.0 it can.";
	case 2:
		return "Have the toolstack show Xen's time leaf, which the kernel looks for.";
	case 3:
		return "See what poses as Xen here: its time leaf does not fit its clock.";
	case 6:
		return dom0 ?
		       "Nothing to do: the kernel checks the TSC itself." :
		       "See what Xen says of the host's TSC (xl dmesg), or emulate it.";
	case 8:
		return "Use tsc_mode=default, which the kernel can rely on.";
	case 9:
		return "Use tsc_mode=default: native_paravirt is for applications.";
	default:
		return "Leave the clocksource as it is: Xen does not vouch for the TSC.";
	}
}

/* Does the row say reliable, when nobody asks for something else? */
static bool vouched_for(unsigned long row)
{
	return row == 4 || row == 5 || row == 7;
}

const char *advice(const struct guest *guest, const struct decision *decision,
		   const struct costs *costs)
{
	bool dom0 = guest->facts.domain == XEN_TSC_DOM0;
	bool tsc = !strcmp(guest->clocksource, "tsc");

	if (!guest->patched)
		return advice_unpatched(decision->verdict, tsc);

	if (guest->demotions)
		return "The TSC was given up, which holds until this guest is booted again.";
	if (!strcmp(guest->request, "off") && vouched_for(decision->row))
		return "Xen vouches for the TSC, but the request is off: see xen_tsc_reliable=.";
	if (!strcmp(guest->request, "on") && !vouched_for(decision->row))
		return "The TSC is trusted as xen_tsc_reliable=on says so: be sure of the host.";
	if (strcmp(decision->verdict, "reliable"))
		return advice_row(decision->row, dom0);
	if (!tsc)
		return "The TSC is reliable, but not in use: see what clocksource= says.";
	if (!costs->vdso)
		return "The TSC is in use, but not in the vDSO: see whether vdso=0 was given.";
	if (guest->facts.emulated)
		return "Nothing to do; where Xen finds the host's TSC reliable it costs less.";
	return "Nothing to do.";
}
