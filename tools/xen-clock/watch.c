// SPDX-License-Identifier: GPL-2.0-only
/* Sample all clocks on all CPUs, and report what is wrong */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "watch.h"

/* Files and CPUID are read less often, as they cost more than clocks */
#define SLOW_NS			NSEC_PER_SEC
/* How long a sample may take, and how often that is tried */
#define NARROW_NS		(2 * NSEC_PER_MSEC)
#define ATTEMPTS		5
/* A frequency is printed again when it has changed by more */
#define CHANGE_PPM		500

static struct {
	pthread_mutex_t lock;		/* guards all that follows, and the output */
	pthread_cond_t wake;
	bool stop;
	bool json;
	s64 interval;
	struct totals totals;
	unsigned long fresh;		/* jumps since the files were read last */
	struct clock_sample last;		/* of any CPU */
	struct clock_sample anchor;		/* the last that was checked for jumps */
	bool anchored;
	struct tsc_pace pace;		/* of the first CPU */
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct watcher {
	pthread_t thread;
	int cpu;
	bool first;
};

/* MONOTONIC first and last, to know how long all took */
static void sample_take(struct clock_sample *sample, int cpu)
{
	int i;

	sample->cpu = cpu;
	sample->clock[CLOCK_NR_MONOTONIC] = clock_now(CLOCK_MONOTONIC);
	sample->tsc = tsc_now();
	for (i = 0; i < CLOCKS; i++)
		if (i != CLOCK_NR_MONOTONIC)
			sample->clock[i] = clock_now(clocks[i].id);
	sample->width = clock_now(CLOCK_MONOTONIC) - sample->clock[CLOCK_NR_MONOTONIC];
}

static void found_step(const struct clock_sample *before,
		       const struct clock_sample *now, int nr, s64 ns)
{
	if (ns <= 0)
		return;

	state.totals.steps[nr]++;
	if (ns > state.totals.biggest[nr])
		state.totals.biggest[nr] = ns;
	print_step(state.json, before, now, nr, ns);
}

/* As the lock is held, no other CPU can have read the clocks in between */
static void check_steps(const struct clock_sample *now)
{
	int i;

	for (i = 0; state.totals.samples && i < CLOCKS; i++)
		found_step(&state.last, now, i, clock_backwards(&state.last, now, i));
	/* MONOTONIC was read twice */
	found_step(now, now, CLOCK_NR_MONOTONIC, -now->width);

	state.last = *now;
	state.last.clock[CLOCK_NR_MONOTONIC] += now->width;
	state.totals.samples++;
}

static void found_jump(const struct clock_sample *now, const char *what, s64 ns)
{
	if (!ns)
		return;

	state.totals.jumps++;
	state.fresh++;
	print_jump(state.json, now, what, ns);
}

static void check_jumps(const struct clock_sample *now, struct tsc_pace *pace)
{
	int i;

	/* COARSE is late by a tick, whatever its length */
	for (i = 0; state.anchored && i < CLOCKS; i++)
		if (i != CLOCK_NR_COARSE && !clock_backwards(&state.anchor, now, i))
			found_jump(now, clocks[i].label, clock_jump(&state.anchor, now, i));
	state.anchor = *now;
	state.anchored = true;

	found_jump(now, "tsc", tsc_pace_jump(pace, now));
}

/*
 * A sample during which something else ran, or a clock jumped, says nothing about how
 * the clocks relate: then take another one.
 */
static void sample_all(int cpu, struct tsc_pace *pace)
{
	struct clock_sample sample;
	int i;

	for (i = 0; i < ATTEMPTS; i++) {
		sample_take(&sample, cpu);
		check_steps(&sample);
		if (sample.width >= 0 && sample.width < NARROW_NS)
			break;
	}
	check_jumps(&sample, pace);
}

static void pause_between(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += state.interval / NSEC_PER_SEC;
	until.tv_nsec += state.interval % NSEC_PER_SEC;
	if (until.tv_nsec >= NSEC_PER_SEC) {
		until.tv_sec++;
		until.tv_nsec -= NSEC_PER_SEC;
	}
	while (!state.stop &&
	       !pthread_cond_timedwait(&state.wake, &state.lock, &until))
		;
}

static void *watch_cpu(void *argument)
{
	struct watcher *watcher = argument;
	struct tsc_pace pace = { };

	pthread_mutex_lock(&state.lock);
	for (; !state.stop; pause_between()) {
		/* The threads of a CPU that goes offline are moved to others */
		if (sched_getcpu() != watcher->cpu && !cpus_pin(watcher->cpu))
			continue;
		sample_all(watcher->cpu, &pace);
		if (watcher->first)
			state.pace = pace;
	}
	pthread_mutex_unlock(&state.lock);

	return NULL;
}

/* 0 if it is not known: the TSC that a recording tells of is not that of this machine */
static u32 nominal_khz(const struct guest *guest)
{
	if (leaves_recorded() && !getenv("XEN_CLOCK_SAME_TSC"))
		return 0;

	return guest->facts.khz ?: guest->facts.pvclock_khz;
}

/* How much faster MONOTONIC runs than a TSC at its nominal frequency */
static double ppm_of(double khz, const struct guest *guest)
{
	u32 own = nominal_khz(guest);

	return khz > 0 && own ? (own / khz - 1) * 1e6 : NAN;
}

/*
 * A resume makes BOOTTIME, REALTIME and the TSC jump, as it should. All other jumps are
 * wrong. A jump can be seen before the resume that explains it, or after it: so those
 * since the last look are not judged before the next one.
 */
static void judge_jumps(bool resumed)
{
	static unsigned long pending;
	static bool excused;

	if (resumed)
		pending = 0;
	state.totals.wrong += pending;
	pending = resumed || excused ? 0 : state.fresh;
	state.fresh = 0;
	excused = resumed;
}

static void report_frequency(const struct guest *guest, double *reported)
{
	double khz = tsc_pace_khz(&state.pace);

	if (khz <= 0 || tsc_pace_span(&state.pace) < NSEC_PER_SEC / 2)
		return;
	if (*reported > 0 && fabs(khz / *reported - 1) * 1e6 < CHANGE_PPM)
		return;

	print_frequency(state.json, khz, ppm_of(khz, guest));
	*reported = khz;
}

static void report(struct guest *was, const struct guest *is, struct events *events,
		   unsigned int seen, double *reported)
{
	bool resumed = events_resumed(events, seen, was, is);

	if (resumed)
		print_told(state.json, "resume");
	else if (seen & EVENT_CLOCK_SET)
		print_told(state.json, "clock_set");
	state.totals.resumes += resumed;
	state.totals.changes += print_changes(state.json, was, is);
	judge_jumps(resumed);
	/* Just after a migration it would be neither host's */
	if (is->facts.incarnation == was->facts.incarnation)
		report_frequency(is, reported);
	*was = *is;
}

/* Until a signal, the time is up, or nothing can be printed any more */
static void watch_slowly(struct guest *was, struct events *events, s64 end)
{
	s64 now, pause = state.interval > SLOW_NS ? state.interval : SLOW_NS;
	double reported = 0;
	unsigned int seen;
	struct guest is;
	bool failed;

	do {
		now = clock_now(CLOCK_MONOTONIC);
		if (end && end - now < pause)
			pause = end > now ? end - now : 0;
		seen = events_wait(events, pause);
		if (seen & EVENT_SIGNAL)
			return;

		guest_read(&is);
		pthread_mutex_lock(&state.lock);
		report(was, &is, events, seen, &reported);
		failed = ferror(stdout);
		pthread_mutex_unlock(&state.lock);
	} while (!failed && (!end || clock_now(CLOCK_MONOTONIC) < end));
}

static void begin_watching(struct watcher *watchers, const struct cpus *cpus)
{
	pthread_condattr_t monotonic;
	unsigned int i;
	int error;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&state.wake, &monotonic);

	for (i = 0; i < cpus->count; i++) {
		watchers[i].cpu = cpus->number[i];
		watchers[i].first = !i;
		error = pthread_create(&watchers[i].thread, NULL, watch_cpu, &watchers[i]);
		if (error)
			die("cannot start a thread for CPU %d: %s", watchers[i].cpu,
			    strerror(error));
	}
}

static int exit_status(const struct totals *totals)
{
	int i;

	for (i = 0; i < CLOCKS; i++)
		if (totals->steps[i])
			return EXIT_STEP_BACK;

	return totals->wrong || totals->wrong_frequency ? EXIT_WRONG : EXIT_OK;
}

int watch(const struct guest *guest, const struct options *options)
{
	s64 begin = clock_now(CLOCK_MONOTONIC);
	struct guest was = *guest, is;
	struct watcher *watchers;
	struct events events;
	struct cpus cpus;
	unsigned int seen, i;
	double khz;

	cpus_read(&cpus);
	watchers = calloc(cpus.count, sizeof(*watchers));
	if (!watchers)
		die("no memory for %u threads", cpus.count);

	events_open(&events, &was);
	state.json = options->json;
	state.interval = options->interval_ms * NSEC_PER_MSEC;
	print_start(state.json, cpus.count, options->interval_ms);
	begin_watching(watchers, &cpus);
	watch_slowly(&was, &events,
		     options->seconds ? begin + (s64)options->seconds * NSEC_PER_SEC : 0);

	pthread_mutex_lock(&state.lock);
	state.stop = true;
	pthread_cond_broadcast(&state.wake);
	pthread_mutex_unlock(&state.lock);
	for (i = 0; i < cpus.count; i++)
		pthread_join(watchers[i].thread, NULL);

	/* What was found since the last look, no resume can explain any more */
	guest_read(&is);
	seen = events_wait(&events, 0);
	judge_jumps(events_resumed(&events, seen, &was, &is));
	judge_jumps(false);

	khz = tsc_pace_khz(&state.pace);
	state.totals.wrong_frequency = tsc_pace_wrong(&state.pace, nominal_khz(&is));
	print_totals(state.json, &state.totals,
		     (double)(clock_now(CLOCK_MONOTONIC) - begin) / NSEC_PER_SEC, khz,
		     ppm_of(khz, &is));
	free(watchers);
	free(cpus.number);

	return exit_status(&state.totals);
}
