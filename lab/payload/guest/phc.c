// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PTP clock that reads the wall clock of the host.  Orders have it read once, in
 * each way that there is; a thread on each vCPU reads it all the time, and notices each
 * time that it moves away from CLOCK_REALTIME.
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

#include "agent.h"

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

/*
 * What a thread saw.  A read of which one half is older than the other makes two steps,
 * there and back, of a size of their own.
 */
struct reader {
	pthread_mutex_t lock;
	unsigned long long reads, backwards, steps;
	__s64 smallest, biggest;
	struct offset last_offset;
	__s64 last_time;
};

static int device = -1;
static clockid_t clock_id;
static struct reader readers[MAX_VCPUS];
static long readers_n;
/* After each ioctl */
static unsigned int pause_usec = 1000;

static __s64 ns_of(const struct ptp_clock_time *time)
{
	return time->sec * NSEC + time->nsec;
}

static void step(struct reader *r, __s64 size)
{
	if (size < 0)
		size = -size;
	if (!r->steps || size < r->smallest)
		r->smallest = size;
	if (size > r->biggest)
		r->biggest = size;
	r->steps++;
}

static void look_at(struct reader *r, const struct ptp_clock_time samples[3])
{
	__s64 time = ns_of(&samples[1]);
	struct offset now = {
		.least = time - ns_of(&samples[2]),
		.most = time - ns_of(&samples[0]),
	};

	if (!r->reads++)
		r->last_offset = now;
	else if (now.least > r->last_offset.most + STEP ||
		 now.most < r->last_offset.least - STEP)
		step(r, now.least / 2 + now.most / 2 - r->last_offset.least / 2 -
			r->last_offset.most / 2);
	else if (time < r->last_time)
		r->backwards++;
	r->last_offset = now;
	r->last_time = time;
}

static void *read_on(void *reader)
{
	struct ptp_sys_offset_extended samples = { .n_samples = PTP_MAX_SAMPLES };
	struct reader *r = reader;
	unsigned int i, usec;

	for (;;) {
		if (ioctl(device, PTP_SYS_OFFSET_EXTENDED, &samples))
			die("PTP_SYS_OFFSET_EXTENDED: %s", strerror(errno));
		pthread_mutex_lock(&r->lock);
		for (i = 0; i < samples.n_samples; i++)
			look_at(r, samples.ts[i]);
		pthread_mutex_unlock(&r->lock);
		usec = __atomic_load_n(&pause_usec, __ATOMIC_RELAXED);
		if (usec)
			usleep(usec);
	}
	return NULL;
}

void phc_pause(unsigned int usec)
{
	__atomic_store_n(&pause_usec, usec, __ATOMIC_RELAXED);
	set_state("reading");
}

static unsigned long long reads(void)
{
	unsigned long long sum = 0;
	long i;

	for (i = 0; i < readers_n; i++) {
		pthread_mutex_lock(&readers[i].lock);
		sum += readers[i].reads;
		pthread_mutex_unlock(&readers[i].lock);
	}
	return sum;
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
	pthread_t thread;
	char name[64];
	long i;

	device = open(DEVICE, O_RDWR);
	if (device < 0)
		die("%s: %s", DEVICE, strerror(errno));
	clock_id = ((unsigned int)~device << 3) | 3;
	if (!read_line(NAME, name, sizeof(name)))
		die("there is no %s", NAME);
	say("phc.name %s", name);
	try_to_set();
	readers_n = sysconf(_SC_NPROCESSORS_ONLN);
	if (readers_n > MAX_VCPUS)
		die("more than %d vCPUs", MAX_VCPUS);
	for (i = 0; i < readers_n; i++) {
		pthread_mutex_init(&readers[i].lock, NULL);
		if (pthread_create(&thread, NULL, read_on, &readers[i]))
			die("no thread to read the PTP clock");
		stay_on(thread, i);
	}
}

/*
 * In data/phc: what clock_gettime() says; how far it is ahead: at least, as
 * PTP_SYS_OFFSET_PRECISE says, and at most; and how often it was read
 */
void phc_read(unsigned int number)
{
	struct ptp_sys_offset_precise precise = {};
	struct ptp_sys_offset_extended samples = { .n_samples = 1 };
	char text[160], state[32], when[32];
	__s64 time;

	if (device < 0)
		start();
	time = read_clock(clock_id);
	if (ioctl(device, PTP_SYS_OFFSET_EXTENDED, &samples))
		die("PTP_SYS_OFFSET_EXTENDED: %s", strerror(errno));
	if (ioctl(device, PTP_SYS_OFFSET_PRECISE, &precise))
		die("PTP_SYS_OFFSET_PRECISE: %s", strerror(errno));
	snprintf(text, sizeof(text), "%lld %lld %lld %lld %llu", time,
		 ns_of(&samples.ts[0][1]) - ns_of(&samples.ts[0][2]),
		 ns_of(&precise.device) - ns_of(&precise.sys_realtime),
		 ns_of(&samples.ts[0][1]) - ns_of(&samples.ts[0][0]),
		 reads());
	xenbus_write("data/phc", text, strlen(text));
	snprintf(when, sizeof(when), "phc-%u", number);
	report_tool(when);
	snprintf(state, sizeof(state), "phc %u", number);
	set_state(state);
}

void phc_report(void)
{
	long i;

	if (device < 0)
		return;

	for (i = 0; i < readers_n; i++) {
		pthread_mutex_lock(&readers[i].lock);
		say("phc.%ld %llu %llu %llu %lld %lld", i, readers[i].reads,
		    readers[i].backwards, readers[i].steps, readers[i].smallest,
		    readers[i].biggest);
		pthread_mutex_unlock(&readers[i].lock);
	}
	report_testptp();
}
