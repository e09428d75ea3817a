// SPDX-License-Identifier: GPL-2.0-only
/* Looks at all clocks, from all CPUs, for as long as it is told to */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "watch.h"

/* Files and CPUID are looked at no more often, as they cost more than clocks */
#define SLOW_NS			NSEC_PER_SEC
/* How long a look may take, and how often that is tried */
#define NARROW_NS		(2 * NSEC_PER_MSEC)
#define ATTEMPTS		5
/* A rate is told again when it has changed by more */
#define TELL_PPM		500

static struct {
	pthread_mutex_t lock;		/* guards all that follows, and the output */
	pthread_cond_t wake;
	bool stop;
	bool json;
	s64 interval;
	struct totals totals;
	struct look last;		/* of any CPU */
	struct look anchor;		/* the last that tells of leaps */
	bool anchored;
	struct pace pace;		/* of the first CPU */
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct watcher {
	pthread_t thread;
	int cpu;
	bool first;
};

/* MONOTONIC first and last, so that it is known how long all took */
static void look_take(struct look *look, int cpu)
{
	int i;

	look->cpu = cpu;
	look->clock[CLOCK_NR_MONOTONIC] = clock_now(CLOCK_MONOTONIC);
	look->tsc = tsc_now();
	for (i = 0; i < CLOCKS; i++)
		if (i != CLOCK_NR_MONOTONIC)
			look->clock[i] = clock_now(clocks[i].id);
	look->width = clock_now(CLOCK_MONOTONIC) - look->clock[CLOCK_NR_MONOTONIC];
}

static void found_step(const struct look *before, const struct look *now, int nr, s64 ns)
{
	if (ns <= 0)
		return;

	state.totals.steps[nr]++;
	if (ns > state.totals.biggest[nr])
		state.totals.biggest[nr] = ns;
	out_step(state.json, before, now, nr, ns);
}

/* As the lock is held, no other CPU can have read the clocks in between */
static void check_steps(const struct look *now)
{
	int i;

	for (i = 0; state.totals.looks && i < CLOCKS; i++)
		found_step(&state.last, now, i, look_step(&state.last, now, i));
	/* MONOTONIC was read twice */
	found_step(now, now, CLOCK_NR_MONOTONIC, -now->width);

	state.last = *now;
	state.last.clock[CLOCK_NR_MONOTONIC] += now->width;
	state.totals.looks++;
}

static void found_leap(const struct look *now, const char *what, s64 ns)
{
	if (!ns)
		return;

	state.totals.leaps++;
	out_leap(state.json, now, what, ns);
}

static void check_leaps(const struct look *now, struct pace *pace)
{
	int i;

	/* COARSE is late by a tick, whatever its length */
	for (i = 0; state.anchored && i < CLOCKS; i++)
		if (i != CLOCK_NR_COARSE && !look_step(&state.anchor, now, i))
			found_leap(now, clocks[i].label, look_leap(&state.anchor, now, i));
	state.anchor = *now;
	state.anchored = true;

	found_leap(now, "tsc", pace_leap(pace, now));
}

/*
 * A look during which something else ran, or a clock leapt, is no measure of how
 * they relate: then look again.
 */
static void look_at_all(int cpu, struct pace *pace)
{
	struct look look;
	int i;

	for (i = 0; i < ATTEMPTS; i++) {
		look_take(&look, cpu);
		check_steps(&look);
		if (look.width >= 0 && look.width < NARROW_NS)
			break;
	}
	check_leaps(&look, pace);
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
	struct pace pace = { };

	pthread_mutex_lock(&state.lock);
	for (; !state.stop; pause_between()) {
		/* Where a CPU was offline for a while its threads have moved */
		if (sched_getcpu() != watcher->cpu && !cpus_pin(watcher->cpu))
			continue;
		look_at_all(watcher->cpu, &pace);
		if (watcher->first)
			state.pace = pace;
	}
	pthread_mutex_unlock(&state.lock);

	return NULL;
}

/* How much faster MONOTONIC runs than the TSC that ticks with its own rate */
static double ppm_of(double khz, const struct guest *guest)
{
	u32 own = guest->facts.khz ?: guest->facts.pvclock_khz;

	return khz > 0 && own ? (own / khz - 1) * 1e6 : NAN;
}

static void tell_rate(const struct guest *guest, double *told)
{
	double khz = pace_khz(&state.pace);
	s64 elapsed = state.pace.last.clock[CLOCK_NR_MONOTONIC] -
		      state.pace.first.clock[CLOCK_NR_MONOTONIC];

	if (khz <= 0 || elapsed < NSEC_PER_SEC / 2)
		return;
	if (*told > 0 && fabs(khz / *told - 1) * 1e6 < TELL_PPM)
		return;

	out_rate(state.json, khz, ppm_of(khz, guest));
	*told = khz;
}

/* Until a signal, the time is up, or nobody can be told any more */
static void look_slowly(struct guest *was, const sigset_t *signals, s64 end)
{
	s64 now, pause = state.interval > SLOW_NS ? state.interval : SLOW_NS;
	struct timespec timeout;
	struct guest is;
	double told = 0;
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
		state.totals.changes += guest_changes(state.json, was, &is);
		/* Right after a move it would be neither host's */
		if (is.facts.incarnation == was->facts.incarnation)
			tell_rate(&is, &told);
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
	out_start(state.json, cpus.count, options->interval_ms);
	begin_watching(watchers, &cpus);
	look_slowly(&was, &signals,
		    options->seconds ? begin + (s64)options->seconds * NSEC_PER_SEC : 0);

	pthread_mutex_lock(&state.lock);
	state.stop = true;
	pthread_cond_broadcast(&state.wake);
	pthread_mutex_unlock(&state.lock);
	for (i = 0; i < cpus.count; i++)
		pthread_join(watchers[i].thread, NULL);

	khz = pace_khz(&state.pace);
	out_totals(state.json, &state.totals,
		   (double)(clock_now(CLOCK_MONOTONIC) - begin) / NSEC_PER_SEC, khz,
		   ppm_of(khz, &was));
	free(watchers);
	free(cpus.number);

	for (i = 0; i < CLOCKS; i++)
		if (state.totals.steps[i])
			return EXIT_STEP_BACK;

	return EXIT_OK;
}
