// SPDX-License-Identifier: GPL-2.0-only
/*
 * pace KHZ [MONOTONIC_MS TSC_MS WIDTH_MS]...
 *	by how many ms xen-clock watch sees the TSC jump at each of these samples, whose
 *	TSC was read so long after boot
 */
#include <stdio.h>
#include <stdlib.h>

#include "watch_detect.h"

int main(int argc, char **argv)
{
	unsigned long khz = strtoul(argv[1], NULL, 10);
	struct tsc_pace pace = { };
	int i;

	for (i = 2; i + 2 < argc; i += 3) {
		struct clock_sample now = {
			.clock[CLOCK_NR_MONOTONIC] = atoll(argv[i]) * NSEC_PER_MSEC,
			.tsc = strtoull(argv[i + 1], NULL, 10) * khz,
			.width = atoll(argv[i + 2]) * NSEC_PER_MSEC,
		};

		printf("%lld\n", (long long)tsc_pace_jump(&pace, &now) / NSEC_PER_MSEC);
	}

	return 0;
}
