// SPDX-License-Identifier: GPL-2.0-only
/* The verdict: the kernel's own, or that of the policy where it has none */
#include "xen-clock.h"

struct decision decide(const struct guest *guest)
{
	struct xen_tsc_judgement judgement;

	if (guest->patched)
		return (struct decision){
			.by_kernel	= true,
			.verdict	= guest->verdict,
			.reason		= guest->reason,
			.row		= guest->row,
		};

	judgement = xen_tsc_judge(&guest->facts);
	return (struct decision){
		.verdict	= xen_tsc_verdict_name(judgement.verdict),
		.reason		= judgement.reason,
		.row		= judgement.rule->row,
	};
}
