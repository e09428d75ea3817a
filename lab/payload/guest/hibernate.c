// SPDX-License-Identifier: GPL-2.0-only
/* The guest's own sleep: an image of itself, from which it wakes up */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/swap.h>
#include <unistd.h>

#include <linux/fs.h>

#include "agent.h"

#define DISK		"/dev/ram0"
#define PAGE		4096
#define SIGNATURE	"SWAPSPACE2"

/* As mkswap(8) does: the second KiB of the first page says how many there are */
static void make_swap(void)
{
	static struct {
		char boot[1024];
		__u32 version;
		__u32 last_page;
		__u32 bad_pages;
		char rest[PAGE - 1024 - 3 * sizeof(__u32) - sizeof(SIGNATURE) + 1];
		char signature[sizeof(SIGNATURE) - 1];
	} page = { .version = 1 };
	int disk = open(DISK, O_WRONLY);
	__u64 size;

	if (disk < 0 || ioctl(disk, BLKGETSIZE64, &size))
		die("no disk " DISK ": %s", strerror(errno));
	page.last_page = size / PAGE - 1;
	memcpy(page.signature, SIGNATURE, sizeof(page.signature));
	if (write(disk, &page, sizeof(page)) != sizeof(page))
		die("cannot write to " DISK ": %s", strerror(errno));
	close(disk);
	if (swapon(DISK, 0))
		die("no swap on " DISK ": %s", strerror(errno));
}

/*
 * All of hibernation but the power off between writing the image and reading it:
 * the memory is what it was when the image was taken.
 */
void hibernate(void)
{
	make_swap();
	write_file("/sys/power/disk", "test_resume");
	write_file("/sys/power/state", "disk");
}
