// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel counts of a vCPU's time: stolen, in interrupts, and in all.  None
 * may go back, and between two looks no more may be stolen or go to interrupts than
 * the time that has passed: such time is taken from the tasks, and the scheduler's
 * clock may stand still for as long.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent.h"

#define TICK_NS	10000000LL

/* False for a vCPU that is offline */
static bool read_stat(int cpu, unsigned long long ticks[STATS])
{
	char line[512];
	int found = -1;
	FILE *file;

	file = fopen("/proc/stat", "r");
	if (!file)
		die("cannot open /proc/stat: %s", strerror(errno));
	/* The line of all of them, "cpu  ", looks like that of a vCPU to sscanf() */
	while (found != cpu && fgets(line, sizeof(line), file))
		if (line[3] == ' ' ||
		    sscanf(line, "cpu%d %llu %llu %llu %llu %llu %llu %llu %llu",
			   &found, &ticks[0], &ticks[1], &ticks[2], &ticks[3],
			   &ticks[4], &ticks[5], &ticks[6], &ticks[7]) != 1 + STATS)
			found = -1;
	fclose(file);
	return found == cpu;
}

static bool read_accounts(int cpu, __s64 seen[ACCOUNTS])
{
	unsigned long long ticks[STATS];
	int i;

	if (!read_stat(cpu, ticks))
		return false;
	seen[ACCOUNT_STOLEN] = ticks[STAT_STOLEN] * TICK_NS;
	seen[ACCOUNT_INTERRUPTS] = (ticks[STAT_IRQ] + ticks[STAT_SOFTIRQ]) * TICK_NS;
	seen[ACCOUNT_TOTAL] = 0;
	for (i = 0; i < STATS; i++)
		seen[ACCOUNT_TOTAL] += ticks[i] * TICK_NS;
	return true;
}

static void open_accounts(int cpu, __s64 seen[ACCOUNTS])
{
	if (!read_accounts(cpu, seen))
		die("/proc/stat has no vCPU %d", cpu);
}

/*
 * On that vCPU.  CLOCK_BOOTTIME goes on while the guest sleeps, and so do the accounts.
 * What was stolen from a vCPU that was idle is counted at its next tick.
 */
void accounts_open(struct accounts *a, int cpu)
{
	a->cpu = cpu;
	open_accounts(cpu, a->last);
	do
		open_accounts(cpu, a->first);
	while (a->first[ACCOUNT_TOTAL] == a->last[ACCOUNT_TOTAL]);
	a->opened = read_clock(CLOCK_BOOTTIME);
	open_accounts(cpu, a->first);
	memcpy(a->last, a->first, sizeof(a->last));
}

void accounts_look(struct accounts *a)
{
	__s64 seen[ACCOUNTS], before, after;
	unsigned int i;

	/* The vCPU may be taken away here, or the guest be paused */
	before = read_clock(CLOCK_BOOTTIME) - a->opened;
	if (!read_accounts(a->cpu, seen))
		return;
	after = read_clock(CLOCK_BOOTTIME) - a->opened;
	for (i = 0; i < ACCOUNTS; i++) {
		__s64 counted = seen[i] - a->first[i];

		if (a->last[i] - seen[i] > a->back[i])
			a->back[i] = a->last[i] - seen[i];
		if (counted - after - a->least[i] > a->ahead[i])
			a->ahead[i] = counted - after - a->least[i];
		if (counted - before < a->least[i])
			a->least[i] = counted - before;
		a->last[i] = seen[i];
	}
}

void accounts_report(const struct accounts *a)
{
	static const char * const names[ACCOUNTS] = {
		[ACCOUNT_STOLEN] = "stolen",
		[ACCOUNT_INTERRUPTS] = "interrupt",
		[ACCOUNT_TOTAL] = "total",
	};
	unsigned int i;

	for (i = 0; i < ACCOUNTS; i++)
		say("account.%d.%s %lld %lld", a->cpu, names[i], a->back[i],
		    a->ahead[i]);
}
