// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wait for what the kernel tells: a signal; that CLOCK_REALTIME was set, as each resume
 * does it, on any kernel; and, by a kernel with the series, that it has evaluated the TSC
 * after a resume, or demoted it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "events.h"

/* Of three reads the middle one is of BOOTTIME, however long they take: some tell more */
static struct suspended suspended(void)
{
	struct suspended found = { LONG_MIN, LONG_MAX };
	s64 before, boot, after;
	int i;

	for (i = 0; i < 5; i++) {
		before = clock_now(CLOCK_MONOTONIC);
		boot = clock_now(CLOCK_BOOTTIME);
		after = clock_now(CLOCK_MONOTONIC);
		if (boot - after > found.least)
			found.least = boot - after;
		if (boot - before < found.most)
			found.most = boot - before;
	}

	return found;
}

/* It never expires: all that it is for is to be cancelled. Was it, meanwhile? */
static bool arm(struct events *events)
{
	const struct itimerspec never = { .it_value = { .tv_sec = LONG_MAX / NSEC_PER_SEC } };

	if (!timerfd_settime(events->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
			     &never, NULL))
		return false;
	if (errno != ECANCELED)
		die("cannot set a timer: %s", strerror(errno));

	return true;
}

/* A file of sysfs has to be read before the next event can be waited for */
static void drain(int fd)
{
	char text[LINE_SIZE];

	while (read(fd, text, sizeof(text)) > 0)
		;
	lseek(fd, 0, SEEK_SET);
}

static int open_sysfs(const char *path)
{
	const char *root = getenv("XEN_CLOCK_ROOT");
	char whole[PATH_MAX];
	int fd;

	if (snprintf(whole, sizeof(whole), "%s%s", root ?: "", path) >= (int)sizeof(whole))
		die("XEN_CLOCK_ROOT is too long");
	fd = open(whole, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		drain(fd);

	return fd;
}

/* Before threads are created: all of them are to block the signals */
void events_open(struct events *events, const struct guest *guest)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	events->signal = signalfd(-1, &signals, SFD_CLOEXEC);
	events->timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (events->signal < 0 || events->timer < 0)
		die("cannot wait for events: %s", strerror(errno));
	arm(events);
	events->incarnation = open_sysfs("/sys/hypervisor/tsc/incarnation");
	events->verdict = open_sysfs("/sys/hypervisor/tsc/verdict");
	events->resumed = LONG_MIN;
	events->demoted = guest->demoted;
	events->suspended = suspended();
}

/* For so long at most; 0 if nothing has happened */
unsigned int events_wait(struct events *events, s64 ns)
{
	const struct timespec timeout = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };
	struct pollfd fds[] = {
		{ .fd = events->signal, .events = POLLIN },
		{ .fd = events->timer, .events = POLLIN },
		/* poll() leaves out what is negative: those that are not there */
		{ .fd = events->incarnation, .events = POLLPRI },
		{ .fd = events->verdict, .events = POLLPRI },
	};
	unsigned int seen = 0;
	u64 expirations;
	int i;

	if (ppoll(fds, ARRAY_SIZE(fds), &timeout, NULL) < 0) {
		if (errno == EINTR)
			return 0;
		die("cannot wait for events: %s", strerror(errno));
	}
	if (fds[0].revents)
		seen |= EVENT_SIGNAL;
	if (fds[1].revents) {
		if (read(events->timer, &expirations, sizeof(expirations)) < 0 &&
		    errno == ECANCELED)
			seen |= EVENT_CLOCK_SET;
		if (arm(events))
			seen |= EVENT_CLOCK_SET;
	}
	for (i = 2; i < (int)ARRAY_SIZE(fds); i++) {
		if (!(fds[i].revents & (POLLPRI | POLLERR)))
			continue;
		drain(fds[i].fd);
		seen |= i == 2 ? EVENT_EVALUATED : EVENT_VERDICT;
	}

	return seen;
}

/*
 * Was the guest suspended since this was asked last?  Xen counts that, unless the suspend
 * was cancelled, as by a checkpoint.  Then a kernel with the series tells; and with any,
 * BOOTTIME has gone on meanwhile, which it does without an event only if it is wrong.
 */
bool events_resumed(struct events *events, unsigned int seen, const struct guest *was,
		    const struct guest *is)
{
	s64 most = events->suspended.most, now = clock_now(CLOCK_MONOTONIC);
	bool resumed = is->facts.incarnation != was->facts.incarnation;

	if (seen & EVENT_EVALUATED) {
		/* It tells of the demotion there, too, and of one resume twice */
		if (is->demoted && !events->demoted)
			events->demoted = true;
		else if (now > events->resumed + NSEC_PER_SEC)
			resumed = true;
	}
	if (seen & EVENT_CLOCK_SET) {
		events->suspended = suspended();
		if (events->suspended.least > most)
			resumed = true;
	}
	if (resumed)
		events->resumed = now;

	return resumed;
}
