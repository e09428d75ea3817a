// SPDX-License-Identifier: GPL-2.0-only
/* The RTC of an HVM guest, which Xen emulates; other guests have none */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

/* The index of a register goes to the first port, its value is at the second */
#define PORT_INDEX	0x70
#define PORT_DATA	0x71

enum {
	RTC_SECONDS	= 0x00,
	RTC_MINUTES	= 0x02,
	RTC_HOURS	= 0x04,
	RTC_DAY		= 0x07,
	RTC_MONTH	= 0x08,
	RTC_YEAR	= 0x09,
	RTC_STATUS_A	= 0x0a,
	RTC_STATUS_B	= 0x0b,
};

#define STATUS_A_UPDATING	0x80
#define STATUS_B_24_HOURS	0x02
#define STATUS_B_BINARY		0x04

static int ports = -1;

static unsigned int read_register(unsigned char index)
{
	unsigned char value;

	if (pwrite(ports, &index, 1, PORT_INDEX) != 1 ||
	    pread(ports, &value, 1, PORT_DATA) != 1)
		die("cannot read the RTC: %s", strerror(errno));
	return value;
}

static int read_number(unsigned char index, bool binary)
{
	unsigned int value = read_register(index);

	return binary ? value : (value >> 4) * 10 + (value & 15);
}

static __s64 read_rtc(void)
{
	unsigned int status = read_register(RTC_STATUS_B);
	bool binary = status & STATUS_B_BINARY;
	struct tm tm = { 0 };
	int seconds;

	if (!(status & STATUS_B_24_HOURS))
		die("the RTC counts twelve hours");
	/* It can change between two registers: then look again */
	do {
		while (read_register(RTC_STATUS_A) & STATUS_A_UPDATING)
			;
		seconds = read_number(RTC_SECONDS, binary);
		tm.tm_min = read_number(RTC_MINUTES, binary);
		tm.tm_hour = read_number(RTC_HOURS, binary);
		tm.tm_mday = read_number(RTC_DAY, binary);
		tm.tm_mon = read_number(RTC_MONTH, binary) - 1;
		tm.tm_year = read_number(RTC_YEAR, binary) + 100;
		tm.tm_sec = read_number(RTC_SECONDS, binary);
	} while (tm.tm_sec != seconds);

	return timegm(&tm);
}

/* The RTC, in seconds, and CLOCK_REALTIME before and after that, in ns */
static bool look(char text[64])
{
	__s64 early, rtc;
	char kind[16];

	if (!read_line("/sys/hypervisor/guest_type", kind, sizeof(kind)) ||
	    strcmp(kind, "HVM"))
		return false;
	if (ports < 0)
		ports = open("/dev/port", O_RDWR);
	if (ports < 0)
		die("cannot open /dev/port: %s", strerror(errno));
	early = read_clock(CLOCK_REALTIME);
	rtc = read_rtc();
	snprintf(text, 64, "%lld %lld %lld", rtc, early, read_clock(CLOCK_REALTIME));
	return true;
}

void rtc_report(const char *when)
{
	char text[64];

	if (look(text))
		say("%s.rtc %s", when, text);
}

/* The same in data/rtc */
void rtc_read(unsigned int number)
{
	char text[64], state[32];

	if (!look(text))
		die("this guest has no RTC");
	xenbus_write("data/rtc", text, strlen(text));
	snprintf(state, sizeof(state), "rtc %u", number);
	set_state(state);
}
