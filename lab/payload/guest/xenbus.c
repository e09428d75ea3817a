// SPDX-License-Identifier: GPL-2.0-only
/* The xenstore wire protocol, as far as the agent needs it */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

enum {
	XS_READ		= 2,
	XS_WATCH	= 4,
	XS_WRITE	= 11,
	XS_WATCH_EVENT	= 15,
	XS_ERROR	= 16,
};

#define PAYLOAD_MAX	4096

struct message {
	__u32 type;
	__u32 req_id;
	__u32 tx_id;
	__u32 length;
	char payload[PAYLOAD_MAX];
};

#define HEADER_SIZE	offsetof(struct message, payload)

static int xenbus = -1;
static bool event_pending;

void xenbus_open(void)
{
	xenbus = open("/dev/xen/xenbus", O_RDWR);
	if (xenbus < 0)
		die("cannot open /dev/xen/xenbus: %s", strerror(errno));
}

static void read_fully(void *buffer, size_t size)
{
	char *p = buffer;

	while (size) {
		ssize_t got = read(xenbus, p, size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			die("reading xenbus: %s", strerror(errno));
		p += got;
		size -= got;
	}
}

static void receive(struct message *msg)
{
	read_fully(msg, HEADER_SIZE);
	if (msg->length > PAYLOAD_MAX)
		die("xenbus message of %u bytes", msg->length);
	read_fully(msg->payload, msg->length);
}

/* Two strings, the first with its NUL; the answer replaces them */
static void request(struct message *msg, __u32 type, const char *path,
		    const char *value, size_t length)
{
	size_t path_size = strlen(path) + 1;
	size_t size = HEADER_SIZE + path_size + length;

	if (path_size + length > PAYLOAD_MAX)
		die("xenbus path and value too long: %s", path);

	*msg = (struct message){
		.type	= type,
		.length	= path_size + length,
	};
	memcpy(msg->payload, path, path_size);
	memcpy(msg->payload + path_size, value, length);
	if (write(xenbus, msg, size) != (ssize_t)size)
		die("writing xenbus: %s", strerror(errno));

	/* Events of the watch may come before the answer */
	for (;;) {
		receive(msg);
		if (msg->type != XS_WATCH_EVENT)
			return;
		event_pending = true;
	}
}

void xenbus_write(const char *path, const char *value, size_t length)
{
	struct message msg;

	request(&msg, XS_WRITE, path, value, length);
	if (msg.type != XS_WRITE)
		die("xenbus write to %s: %.*s", path, (int)msg.length, msg.payload);
}

/* False when the node does not exist */
bool xenbus_read(const char *path, char *value, size_t size)
{
	struct message msg;

	request(&msg, XS_READ, path, "", 0);
	if (msg.type == XS_ERROR || msg.length >= size)
		return false;
	memcpy(value, msg.payload, msg.length);
	value[msg.length] = '\0';
	return true;
}

void xenbus_watch(const char *path)
{
	static const char token[] = "agent";
	struct message msg;

	request(&msg, XS_WATCH, path, token, sizeof(token));
	if (msg.type != XS_WATCH)
		die("xenbus watch on %s refused", path);
}

/* Until something happened at a watched path, or the domain was restored */
void xenbus_wait(void)
{
	struct message msg;

	while (!event_pending) {
		receive(&msg);
		event_pending = msg.type == XS_WATCH_EVENT;
	}
	event_pending = false;
}
