// SPDX-License-Identifier: GPL-2.0-only
/* What a read of each clock costs, on each CPU */
/* First, as it refuses other machines, and they can lack headers */
#include "xen-clock.h"

#include <stdlib.h>

/* Small enough for percentiles to be of use, long enough to be timed */
#define BATCH	20

enum {
	TARGET_RDTSC = CLOCKS,
	TARGET_SYSCALL,
	TARGETS,
};

struct spread {
	double min, p50, p90, p99, max;
};

static const char *target_name(int target)
{
	if (target < CLOCKS)
		return clocks[target].label;

	return target == TARGET_RDTSC ? "rdtsc" : "null_syscall";
}

static void call(int target)
{
	if (target < CLOCKS)
		clock_now(clocks[target].id);
	else if (target == TARGET_RDTSC)
		tsc_now();
	else
		null_syscall();
}

/* What reading the clock that times the batches adds to each */
static double overhead(void)
{
	s64 best = 0, ns, start;
	int i;

	for (i = 0; i < 1000; i++) {
		start = clock_now(CLOCK_MONOTONIC_RAW);
		ns = clock_now(CLOCK_MONOTONIC_RAW) - start;
		if (!i || ns < best)
			best = ns;
	}

	return best > 0 ? best : 0;
}

static struct spread measure(int target, double *batches, size_t count, double less)
{
	s64 start;
	size_t i;
	int j;

	for (i = 0; i < count; i++) {
		start = clock_now(CLOCK_MONOTONIC_RAW);
		for (j = 0; j < BATCH; j++)
			call(target);
		batches[i] = (clock_now(CLOCK_MONOTONIC_RAW) - start - less) / BATCH;
		if (batches[i] < 0)
			batches[i] = 0;
	}
	qsort(batches, count, sizeof(*batches), ascending);

	return (struct spread){
		.min	= batches[0],
		.p50	= batches[count * 50 / 100],
		.p90	= batches[count * 90 / 100],
		.p99	= batches[count * 99 / 100],
		.max	= batches[count - 1],
	};
}

static void print_text(int cpu, int target, const struct spread *spread)
{
	printf("%4d  %-17s %10.1f %10.1f %10.1f %10.1f %10.1f\n", cpu,
	       target_name(target), spread->min, spread->p50, spread->p90, spread->p99,
	       spread->max);
}

static void print_json(struct json *json, int cpu, int target,
		       const struct spread *spread)
{
	json_begin(json, NULL, '{');
	json_integer(json, "cpu", cpu);
	json_string(json, "read", target_name(target));
	json_float(json, "min_ns", spread->min);
	json_float(json, "p50_ns", spread->p50);
	json_float(json, "p90_ns", spread->p90);
	json_float(json, "p99_ns", spread->p99);
	json_float(json, "max_ns", spread->max);
	json_end(json, '}');
}

int bench(const struct guest *guest __always_unused, const struct options *options)
{
	size_t count = (options->reads + BATCH - 1) / BATCH;
	double *batches = calloc(count, sizeof(*batches)), less;
	struct json json = { .file = stdout };
	unsigned int i;
	struct cpus cpus;
	int target;

	if (!batches)
		die("no memory for %zu measurements: ask for fewer --reads", count);
	cpus_read(&cpus);

	if (options->json) {
		json_document(&json, true);
		json_integer(&json, "batch", BATCH);
		json_integer(&json, "batches", count);
		json_begin(&json, "results", '[');
	} else {
		printf("ns per call, in %zu batch%s of %d\n", count,
		       count == 1 ? "" : "es", BATCH);
		printf("%4s  %-17s %10s %10s %10s %10s %10s\n", "CPU", "", "min", "p50",
		       "p90", "p99", "max");
	}

	for (i = 0; i < cpus.count; i++) {
		if (!cpus_pin(cpus.number[i])) {
			complain("CPU %d has gone offline: left out", cpus.number[i]);
			continue;
		}
		less = overhead();
		for (target = 0; target < TARGETS; target++) {
			struct spread spread = measure(target, batches, count, less);

			if (options->json)
				print_json(&json, cpus.number[i], target, &spread);
			else
				print_text(cpus.number[i], target, &spread);
		}
	}

	if (options->json) {
		json_end(&json, ']');
		json_finish(&json);
	}
	free(cpus.number);
	free(batches);

	return EXIT_OK;
}
