// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PTP clock that reads the wall clock of the host.  Orders have it read once, in
 * each way that there is; a thread reads it all the time, and notices each time that
 * it moves away from CLOCK_REALTIME.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timex.h>
#include <unistd.h>

#include <linux/ptp_clock.h>

#include "witness.h"

#define DEVICE		"/dev/ptp0"
#define NAME		"/sys/class/ptp/ptp0/clock_name"
#define NSEC		1000000000LL
/* Less is noise: a thread can lose its vCPU between any two reads */
#define STEP		100000000LL

/* How far the clock is ahead of CLOCK_REALTIME, at least and at most, in ns */
struct offset {
	__s64 least;
	__s64 most;
};

static int device = -1;
static clockid_t clock_id;

/* Of the thread */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long long reads, backwards, steps;
static struct offset last_offset;
static __s64 last_time;

static __s64 ns_of(const struct ptp_clock_time *time)
{
	return time->sec * NSEC + time->nsec;
}

static void look_at(const struct ptp_clock_time samples[3])
{
	__s64 time = ns_of(&samples[1]);
	struct offset now = {
		.least = time - ns_of(&samples[2]),
		.most = time - ns_of(&samples[0]),
	};

	if (!reads++) {
		last_offset = now;
	} else if (now.least > last_offset.most + STEP ||
		   now.most < last_offset.least - STEP) {
		steps++;
	} else if (time < last_time) {
		backwards++;
	}
	last_offset = now;
	last_time = time;
}

static void *read_on(void *unused)
{
	struct ptp_sys_offset_extended samples = { .n_samples = PTP_MAX_SAMPLES };
	unsigned int i;

	for (;;) {
		if (ioctl(device, PTP_SYS_OFFSET_EXTENDED, &samples))
			die("PTP_SYS_OFFSET_EXTENDED: %s", strerror(errno));
		pthread_mutex_lock(&lock);
		for (i = 0; i < samples.n_samples; i++)
			look_at(samples.ts[i]);
		pthread_mutex_unlock(&lock);
		usleep(1000);
	}
	return unused;
}

/* It belongs to all guests */
static void try_to_set(void)
{
	struct timespec time = { .tv_sec = 1 };
	struct timex step = { .modes = ADJ_SETOFFSET, .time.tv_sec = 1 };

	if (!clock_settime(clock_id, &time) || errno != EOPNOTSUPP)
		die("clock_settime() of the PTP clock: %s", strerror(errno));
	if (clock_adjtime(clock_id, &step) >= 0 || errno != EOPNOTSUPP)
		die("clock_adjtime() of the PTP clock: %s", strerror(errno));
}

static void start(void)
{
	char name[64];
	pthread_t thread;

	device = open(DEVICE, O_RDWR);
	if (device < 0)
		die("%s: %s", DEVICE, strerror(errno));
	clock_id = ((unsigned int)~device << 3) | 3;
	if (!read_line(NAME, name, sizeof(name)))
		die("there is no %s", NAME);
	say("phc.name %s", name);
	try_to_set();
	if (pthread_create(&thread, NULL, read_on, NULL))
		die("no thread to read the PTP clock");
}

/*
 * In data/phc: what clock_gettime() says, and how far it is ahead: at least, as
 * PTP_SYS_OFFSET_PRECISE says, and at most
 */
void phc_read(unsigned int number)
{
	struct ptp_sys_offset_precise precise = {};
	struct ptp_sys_offset_extended samples = { .n_samples = 1 };
	char text[128], state[32];
	__s64 time;

	if (device < 0)
		start();
	time = read_clock(clock_id);
	if (ioctl(device, PTP_SYS_OFFSET_EXTENDED, &samples))
		die("PTP_SYS_OFFSET_EXTENDED: %s", strerror(errno));
	if (ioctl(device, PTP_SYS_OFFSET_PRECISE, &precise))
		die("PTP_SYS_OFFSET_PRECISE: %s", strerror(errno));
	snprintf(text, sizeof(text), "%lld %lld %lld %lld", time,
		 ns_of(&samples.ts[0][1]) - ns_of(&samples.ts[0][2]),
		 ns_of(&precise.device) - ns_of(&precise.sys_realtime),
		 ns_of(&samples.ts[0][1]) - ns_of(&samples.ts[0][0]));
	xenbus_write("data/phc", text, strlen(text));
	snprintf(state, sizeof(state), "phc %u", number);
	set_state(state);
}

void phc_report(void)
{
	if (device < 0)
		return;

	pthread_mutex_lock(&lock);
	say("phc.reads %llu", reads);
	say("phc.backwards %llu", backwards);
	say("phc.steps %llu", steps);
	pthread_mutex_unlock(&lock);
	report_testptp();
}
