// SPDX-License-Identifier: GPL-2.0-only
/*
 * image FILE VCPU CYCLES	move the TSC of one vCPU in a saved PVH or HVM guest
 *
 * Xen up to 4.19.4 and 4.20.2 can restore a vCPU with such a TSC by itself, if its clock
 * is calibrated at the wrong moment.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <linux/types.h>

/* docs/specs/libxc-migration-stream.pandoc */
#define HEADER_BYTES		40	/* of the image, and of the domain */
#define RECORD_END		0x00000000
#define RECORD_HVM_CONTEXT	0x00000009

/* xen/include/public/arch-x86/hvm/save.h */
#define CPU_CODE		2
#define TSC_OFFSET		1008	/* in struct hvm_hw_cpu */

struct record {
	__u32 type;
	__u32 length;
	__u8 body[];
};

struct entry {
	__u16 code;
	__u16 instance;
	__u32 length;
	__u8 body[];
};

static void move(struct record *record, unsigned int vcpu, long long cycles)
{
	__u8 *at = record->body;
	__u64 tsc;

	while (at + sizeof(struct entry) <= record->body + record->length) {
		struct entry *entry = (struct entry *)at;

		if (entry->code == CPU_CODE && entry->instance == vcpu) {
			memcpy(&tsc, entry->body + TSC_OFFSET, sizeof(tsc));
			printf("vCPU %u: %llu -> %llu\n", vcpu, (unsigned long long)tsc,
			       (unsigned long long)(tsc + cycles));
			tsc += cycles;
			memcpy(entry->body + TSC_OFFSET, &tsc, sizeof(tsc));
			return;
		}
		at = entry->body + entry->length;
	}
	errx(1, "there is no vCPU %u", vcpu);
}

int main(int argc, char **argv)
{
	static const __u8 marker[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'X', 'E', 'N', 'F'
	};
	struct record *record;
	struct stat status;
	__u8 *image, *at;
	int file;

	if (argc != 4)
		errx(2, "usage: image FILE VCPU CYCLES");
	file = open(argv[1], O_RDWR | O_CLOEXEC);
	if (file < 0 || fstat(file, &status))
		err(1, "%s", argv[1]);
	image = mmap(NULL, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (image == MAP_FAILED)
		err(1, "%s", argv[1]);

	at = memmem(image, status.st_size, marker, sizeof(marker));
	if (!at)
		errx(1, "%s: this is not a saved guest", argv[1]);
	for (at += HEADER_BYTES; at + sizeof(*record) < image + status.st_size;
	     at = record->body + (((__u64)record->length + 7) & ~7ULL)) {
		record = (struct record *)at;
		if (record->type == RECORD_HVM_CONTEXT) {
			move(record, strtoul(argv[2], NULL, 0), strtoll(argv[3], NULL, 0));
			return 0;
		}
		if (record->type == RECORD_END)
			break;
	}
	errx(1, "%s: this guest is not PVH or HVM", argv[1]);
}
