// SPDX-License-Identifier: GPL-2.0-only
/*
 * A periodic timer that is armed once, and runs over the suspend too.  It must
 * expire as often as its period has passed: a timer that misses some has slept
 * through them, one that expires more often makes up for time that never was.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agent.h"

/* It is not to keep a guest awake that has nothing else to do */
#define PERIOD_NS	100000000LL

static pthread_t thread;
static int timer;
static __s64 armed;
/* All of these are numbers of expirations */
static atomic_ullong expired;
static __s64 surplus;		/* biggest, over what had passed */
static __s64 missing;		/* biggest, to what had passed */
static atomic_bool stop;

static __s64 periods_passed(void)
{
	return (read_clock(CLOCK_MONOTONIC) - armed) / PERIOD_NS;
}

/* What expires while it waits is not missing yet, and is no surplus any more */
static void wait_once(void)
{
	__s64 before = periods_passed(), seen;
	ssize_t got;
	__u64 more;

	/*
	 * It returns 0 if the clock is behind the time at which the timer expired. It can
	 * be behind by a tick if the TSC jumps backwards.
	 */
	do {
		got = read(timer, &more, sizeof(more));
	} while (!got);
	if (got != sizeof(more))
		die("cannot wait for a timer: %s", strerror(errno));
	seen = atomic_fetch_add(&expired, more) + more;
	if (before - seen > missing)
		missing = before - seen;
	if (seen - periods_passed() > surplus)
		surplus = seen - periods_passed();
}

static void *periodic_main(void *arg)
{
	while (!atomic_load(&stop))
		wait_once();
	return arg;
}

void periodic_start(void)
{
	struct itimerspec spec = { .it_interval.tv_nsec = PERIOD_NS };
	int error;

	timer = timerfd_create(CLOCK_MONOTONIC, 0);
	armed = read_clock(CLOCK_MONOTONIC);
	spec.it_value.tv_sec = (armed + PERIOD_NS) / 1000000000LL;
	spec.it_value.tv_nsec = (armed + PERIOD_NS) % 1000000000LL;
	if (timer < 0 || timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL))
		die("cannot arm a periodic timer: %s", strerror(errno));
	error = pthread_create(&thread, NULL, periodic_main, NULL);
	if (error)
		die("cannot wait for a periodic timer: %s", strerror(error));
}

/* Until it has expired so many times more; counted, never timed */
void periodic_run_on(unsigned int times)
{
	unsigned long long goal = atomic_load(&expired) + times;

	while (atomic_load(&expired) < goal)
		usleep(10000);
}

void periodic_report(void)
{
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	close(timer);
	say("periodic %llu %lld %lld", atomic_load(&expired), surplus, missing);
}
