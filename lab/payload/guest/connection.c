// SPDX-License-Identifier: GPL-2.0-only
/*
 * One TCP connection to dom0 for as long as the guest lives, over the suspend too:
 * a thread sends a number, waits for its echo, and notes how that went.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"

#define INTERFACE	"eth0"
/* For an answer, by the guest's own clock, to which the suspend does not count */
#define PATIENCE_MS	60000
/* From an answer to the next number: no vCPU is to be busy with it */
#define REST_USEC	50000

static struct connection {
	pthread_t thread;
	int socket;		/* 0: there is none */
	atomic_ulong trips;
	atomic_llong longest;	/* wait for an answer, in ns of CLOCK_MONOTONIC */
	const char *why;	/* it is over */
	atomic_bool over;
} connection;

static struct sockaddr_in address_of(const char *text, in_port_t port)
{
	struct sockaddr_in address = {
		.sin_family	= AF_INET,
		.sin_port	= htons(port),
	};

	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		die("no IPv4 address: %s", text);
	return address;
}

/* The network is that of the address' class, and all of it behind the interface */
static void interface_up(int any_socket, const char *own)
{
	struct sockaddr_in address = address_of(own, 0);
	struct ifreq request = { .ifr_name = INTERFACE };

	memcpy(&request.ifr_addr, &address, sizeof(address));
	if (ioctl(any_socket, SIOCSIFADDR, &request))
		die("%s gets no address: %s", INTERFACE, strerror(errno));
	if (ioctl(any_socket, SIOCGIFFLAGS, &request))
		die("%s has no flags: %s", INTERFACE, strerror(errno));
	request.ifr_flags |= IFF_UP;
	if (ioctl(any_socket, SIOCSIFFLAGS, &request))
		die("%s does not come up: %s", INTERFACE, strerror(errno));
}

/* What went wrong, or NULL */
static const char *round_trip(struct connection *c)
{
	struct pollfd answer = { .fd = c->socket, .events = POLLIN };
	unsigned long echo, number = atomic_load(&c->trips);
	ssize_t got;

	if (send(c->socket, &number, sizeof(number), MSG_NOSIGNAL) < 0)
		return strerror(errno);
	/* Unlike a timeout of the socket's own it goes on after the suspend */
	if (!poll(&answer, 1, PATIENCE_MS))
		return "no answer for a minute";
	got = recv(c->socket, &echo, sizeof(echo), MSG_WAITALL);
	if (got < 0)
		return strerror(errno);
	if (got != sizeof(echo))
		return "closed by dom0";

	return echo == number ? NULL : "the answer to something else";
}

static void *connection_main(void *arg)
{
	struct connection *c = arg;
	__s64 start, took;

	for (;;) {
		start = read_clock(CLOCK_MONOTONIC);
		c->why = round_trip(c);
		if (c->why)
			break;
		took = read_clock(CLOCK_MONOTONIC) - start;
		if (took > atomic_load(&c->longest))
			atomic_store(&c->longest, took);
		atomic_fetch_add(&c->trips, 1);
		usleep(REST_USEC);
	}
	atomic_store(&c->over, true);
	return NULL;
}

/* Until there were so many round trips more, if there ever are */
static void run_on(unsigned long trips)
{
	unsigned long goal = atomic_load(&connection.trips) + trips;

	while (atomic_load(&connection.trips) < goal && !atomic_load(&connection.over))
		usleep(10000);
}

void connection_start(const char *own, const char *peer, unsigned int port)
{
	struct sockaddr_in address = address_of(peer, port);
	int error, fd;

	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		die("no socket: %s", strerror(errno));
	interface_up(fd, own);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		die("no connection to %s: %s", peer, strerror(errno));
	connection.socket = fd;
	error = pthread_create(&connection.thread, NULL, connection_main, &connection);
	if (error)
		die("cannot start a thread: %s", strerror(error));
	run_on(1);
}

/* After so many round trips more: how many there were, and how many of them just now */
void connection_report(unsigned long trips)
{
	unsigned long before = atomic_load(&connection.trips);

	if (!connection.socket)
		return;
	run_on(trips);
	say("connection %lu %lu %lld", atomic_load(&connection.trips),
	    atomic_load(&connection.trips) - before,
	    atomic_load(&connection.longest));
	if (atomic_load(&connection.over))
		say("connection.over %s", connection.why);
}
