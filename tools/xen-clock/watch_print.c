// SPDX-License-Identifier: GPL-2.0-only
/* What watch prints: a line for each event, at once */
#include <math.h>
#include <string.h>

#include "watch.h"

static s64 wall_ms(void)
{
	return clock_now(CLOCK_REALTIME) / NSEC_PER_MSEC;
}

static void stamp(void)
{
	s64 now = wall_ms();
	time_t seconds = now / 1000;
	char text[32] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%F %H:%M:%S", &tm);
	printf("%s.%03d ", text, (int)(now % 1000));
}

static struct json event(const char *name)
{
	struct json json = { .file = stdout };

	json_begin(&json, NULL, '{');
	json_string(&json, "event", name);
	json_float(&json, "time", wall_ms() / 1000.0);

	return json;
}

static void done(struct json *json)
{
	json_end(json, '}');
	putchar('\n');
	fflush(stdout);
}

static void frequency_words(double khz, double ppm)
{
	printf("TSC at %.3f kHz by MONOTONIC", khz);
	if (isfinite(ppm))
		printf(", which is %.1f ppm %s", fabs(ppm),
		       ppm < 0 ? "slow" : "fast");
	putchar('\n');
}

void print_start(bool json, unsigned int cpus, unsigned long interval_ms)
{
	if (json) {
		struct json object = event("start");

		json_integer(&object, "schema", XEN_CLOCK_SCHEMA);
		json_integer(&object, "cpus", cpus);
		json_integer(&object, "interval_ms", interval_ms);
		done(&object);
		return;
	}

	stamp();
	printf("watching %u CPUs, each every %lu ms\n", cpus, interval_ms);
	fflush(stdout);
}

void print_step(bool json, const struct clock_sample *before,
		const struct clock_sample *now, int nr, s64 ns)
{
	if (json) {
		struct json object = event("step_back");

		json_string(&object, "clock", clocks[nr].label);
		json_integer(&object, "cpu", now->cpu);
		json_integer(&object, "cpu_before", before->cpu);
		json_integer(&object, "ns", ns);
		done(&object);
		return;
	}

	stamp();
	printf("CPU %d: %s goes backwards by %lld ns from what CPU %d read\n", now->cpu,
	       clocks[nr].name, (long long)ns, before->cpu);
	fflush(stdout);
}

void print_jump(bool json, const struct clock_sample *now, const char *what, s64 ns)
{
	if (json) {
		struct json object = event("jump");

		json_string(&object, "clock", what);
		json_string(&object, "against", "monotonic");
		json_integer(&object, "cpu", now->cpu);
		json_integer(&object, "ns", ns);
		done(&object);
		return;
	}

	stamp();
	printf("CPU %d: %s jumps by %.3f ms against MONOTONIC\n", now->cpu, what, ns / 1e6);
	fflush(stdout);
}

/* What the kernel tells at once */
void print_told(bool json, const char *what)
{
	if (json) {
		struct json object = event(what);

		done(&object);
		return;
	}

	stamp();
	puts(strcmp(what, "resume") ? "CLOCK_REALTIME was set" :
	     "resumed, from a save, a migration, a checkpoint or a suspend");
	fflush(stdout);
}

static void print_change(bool json, const char *what, const char *from, const char *to)
{
	if (json) {
		struct json object = event("change");

		json_string(&object, "what", what);
		json_string(&object, "from", from);
		json_string(&object, "to", to);
		done(&object);
		return;
	}

	stamp();
	printf("%s was %s, is %s\n", what, *from ? from : "unknown", *to ? to : "unknown");
	fflush(stdout);
}

static bool changed(bool json, const char *what, const char *from, const char *to)
{
	if (!strcmp(from, to))
		return false;

	print_change(json, what, from, to);

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

/* Returns the number of changes */
unsigned int print_changes(bool json, const struct guest *was, const struct guest *is)
{
	struct decision before = decide(was), after = decide(is);
	const struct {
		const char *what, *from, *to;
	} words[] = {
		{ "clocksource", was->clocksource, is->clocksource },
		{ "mode", xen_tsc_mode_name(was->facts.mode),
		  xen_tsc_mode_name(is->facts.mode) },
		{ "verdict", before.verdict, after.verdict },
		{ "rule", before.rule, after.rule },
		{ "reason", before.reason, after.reason },
	};
	const struct {
		const char *what;
		unsigned long from, to;
	} numbers[] = {
		{ "emulated", was->facts.emulated, is->facts.emulated },
		{ "host_reliable", was->facts.host_reliable, is->facts.host_reliable },
		{ "khz", was->facts.khz, is->facts.khz },
		{ "host_khz", was->facts.host_khz, is->facts.host_khz },
		{ "incarnation", was->facts.incarnation, is->facts.incarnation },
		{ "demoted", was->demoted, is->demoted },
	};
	unsigned int i, count = 0;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		count += changed(json, words[i].what, words[i].from, words[i].to);
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		count += changed_number(json, numbers[i].what, numbers[i].from,
					numbers[i].to);

	return count;
}

void print_frequency(bool json, double khz, double ppm)
{
	if (json) {
		struct json object = event("rate");

		json_float(&object, "tsc_khz", khz);
		json_float(&object, "monotonic_ppm", ppm);
		done(&object);
		return;
	}

	stamp();
	frequency_words(khz, ppm);
	fflush(stdout);
}

void print_totals(bool json, const struct totals *totals, double seconds, double khz,
		  double ppm)
{
	unsigned long steps = 0;
	int i;

	for (i = 0; i < CLOCKS; i++)
		steps += totals->steps[i];

	if (json) {
		struct json object = event("summary");

		json_bool(&object, "xen", true);
		json_float(&object, "seconds", seconds);
		json_integer(&object, "samples", totals->samples);
		json_integer(&object, "steps_back", steps);
		json_begin(&object, "biggest_step_back_ns", '{');
		for (i = 0; i < CLOCKS; i++)
			json_integer(&object, clocks[i].label, totals->biggest[i]);
		json_end(&object, '}');
		json_integer(&object, "jumps", totals->jumps);
		json_integer(&object, "unexplained_jumps", totals->wrong);
		json_integer(&object, "changes", totals->changes);
		json_integer(&object, "resumes", totals->resumes);
		json_bool(&object, "wrong_frequency", totals->wrong_frequency);
		json_float(&object, "tsc_khz", khz);
		json_float(&object, "monotonic_ppm", ppm);
		done(&object);
		return;
	}

	printf("%lu samples in %.1f s: %lu steps back, %lu jumps, %lu changes, %lu resumes\n",
	       totals->samples, seconds, steps, totals->jumps, totals->changes,
	       totals->resumes);
	if (totals->wrong)
		printf("%lu jumps that no resume explains\n", totals->wrong);
	if (totals->wrong_frequency)
		puts("MONOTONIC runs at a wrong speed, or the TSC does");
	for (i = 0; i < CLOCKS; i++)
		if (totals->steps[i])
			printf("%s went backwards %lu times, by up to %lld ns\n", clocks[i].name,
			       totals->steps[i], (long long)totals->biggest[i]);
	if (khz > 0)
		frequency_words(khz, ppm);
	fflush(stdout);
}
