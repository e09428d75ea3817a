// SPDX-License-Identifier: GPL-2.0-only
/* Sample all clocks on all CPUs, and report what is wrong */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

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

/* How much faster MONOTONIC runs than a TSC at its nominal frequency */
static double ppm_of(double khz, const struct guest *guest)
{
	u32 own = guest->facts.khz ?: guest->facts.pvclock_khz;

	return khz > 0 && own ? (own / khz - 1) * 1e6 : NAN;
}

static void report_frequency(const struct guest *guest, double *reported)
{
	double khz = tsc_pace_khz(&state.pace);
	s64 elapsed = state.pace.last.clock[CLOCK_NR_MONOTONIC] -
		      state.pace.first.clock[CLOCK_NR_MONOTONIC];

	if (khz <= 0 || elapsed < NSEC_PER_SEC / 2)
		return;
	if (*reported > 0 && fabs(khz / *reported - 1) * 1e6 < CHANGE_PPM)
		return;

	print_frequency(state.json, khz, ppm_of(khz, guest));
	*reported = khz;
}

/* Until a signal, the time is up, or nothing can be printed any more */
static void watch_slowly(struct guest *was, const sigset_t *signals, s64 end)
{
	s64 now, pause = state.interval > SLOW_NS ? state.interval : SLOW_NS;
	struct timespec timeout;
	struct guest is;
	double reported = 0;
	bool failed;

	do {
		now = clock_now(CLOCK_MONOTONIC);
		if (end && end - now < pause)
			pause = end > now ? end - now : 0;
		timeout = (struct timespec){ pause / NSEC_PER_SEC, pause % NSEC_PER_SEC };
		if (sigtimedwait(signals, NULL, &timeout) >= 0)
			return;

		guest_read(&is);
		pthread_mutex_lock(&state.lock);
		state.totals.changes += print_changes(state.json, was, &is);
		/* Just after a migration it would be neither host's */
		if (is.facts.incarnation == was->facts.incarnation)
			report_frequency(&is, &reported);
		failed = ferror(stdout);
		pthread_mutex_unlock(&state.lock);
		*was = is;
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

int watch(const struct guest *guest, const struct options *options)
{
	s64 begin = clock_now(CLOCK_MONOTONIC);
	struct guest was = *guest;
	struct watcher *watchers;
	struct cpus cpus;
	sigset_t signals;
	unsigned int i;
	double khz;

	cpus_read(&cpus);
	watchers = calloc(cpus.count, sizeof(*watchers));
	if (!watchers)
		die("no memory for %u threads", cpus.count);

	/* Blocked in all threads: only sigtimedwait() takes them */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);

	state.json = options->json;
	state.interval = options->interval_ms * NSEC_PER_MSEC;
	print_start(state.json, cpus.count, options->interval_ms);
	begin_watching(watchers, &cpus);
	watch_slowly(&was, &signals,
		     options->seconds ? begin + (s64)options->seconds * NSEC_PER_SEC : 0);

	pthread_mutex_lock(&state.lock);
	state.stop = true;
	pthread_cond_broadcast(&state.wake);
	pthread_mutex_unlock(&state.lock);
	for (i = 0; i < cpus.count; i++)
		pthread_join(watchers[i].thread, NULL);

	khz = tsc_pace_khz(&state.pace);
	print_totals(state.json, &state.totals,
		     (double)(clock_now(CLOCK_MONOTONIC) - begin) / NSEC_PER_SEC, khz,
		     ppm_of(khz, &was));
	free(watchers);
	free(cpus.number);

	for (i = 0; i < CLOCKS; i++)
		if (state.totals.steps[i])
			return EXIT_STEP_BACK;

	return EXIT_OK;
}
