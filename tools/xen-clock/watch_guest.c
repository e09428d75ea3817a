// SPDX-License-Identifier: GPL-2.0-only
/* What has changed in what Xen and the kernel say */
#include <string.h>

#include "watch.h"

static bool changed(bool json, const char *what, const char *from, const char *to)
{
	if (!strcmp(from, to))
		return false;

	out_change(json, what, from, to);

	return true;
}

static bool changed_number(bool json, const char *what, unsigned long from,
			   unsigned long to)
{
	char before[32], after[32];

	snprintf(before, sizeof(before), "%lu", from);
	snprintf(after, sizeof(after), "%lu", to);

	return changed(json, what, before, after);
}

/* Says each change; returns their number */
unsigned int guest_changes(bool json, const struct guest *was, const struct guest *is)
{
	struct decision before = decide(was), after = decide(is);
	const struct {
		const char *what, *from, *to;
	} words[] = {
		{ "clocksource", was->clocksource, is->clocksource },
		{ "mode", xen_tsc_mode_name(was->facts.mode),
		  xen_tsc_mode_name(is->facts.mode) },
		{ "verdict", before.verdict, after.verdict },
		{ "reason", before.reason, after.reason },
		{ "sched_clock", was->sched_clock, is->sched_clock },
	};
	const struct {
		const char *what;
		unsigned long from, to;
	} numbers[] = {
		{ "emulated", was->facts.emulated, is->facts.emulated },
		{ "host_reliable", was->facts.host_reliable, is->facts.host_reliable },
		{ "khz", was->facts.khz, is->facts.khz },
		{ "incarnation", was->facts.incarnation, is->facts.incarnation },
		{ "sched_clock_stable", was->sched_stable == SCHED_STABLE,
		  is->sched_stable == SCHED_STABLE },
		{ "resumes", was->resumes, is->resumes },
		{ "demotions", was->demotions, is->demotions },
	};
	unsigned int i, count = 0;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		count += changed(json, words[i].what, words[i].from, words[i].to);
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		count += changed_number(json, numbers[i].what, numbers[i].from,
					numbers[i].to);

	return count;
}
