// SPDX-License-Identifier: GPL-2.0-only
/* CPUID as Xen wants this guest to see it, or as it was recorded */
#include <cpuid.h>	/* there is none but on x86 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "xen-clock.h"

#define XEN_FIRST	0x40000000
#define XEN_END		0x40010000
#define XEN_STEP	0x100

static bool prefixed;

bool leaves_recorded(void)
{
	return getenv("XEN_CLOCK_CPUID");
}

static bool parse(const char *line, u32 words[6])
{
	unsigned int i;
	char *end;

	for (i = 0; i < 6; i++) {
		words[i] = strtoul(line, &end, 0);
		if (end == line)
			return false;
		line = end;
	}

	return line[strspn(line, " \t\n")] == '\0';
}

/* Looked up anew each time, so that a test can change it; no leaf is zeroes */
static struct regs recorded(u32 leaf, u32 subleaf)
{
	const char *path = getenv("XEN_CLOCK_CPUID");
	FILE *file = fopen(path, "re");
	struct regs regs = { };
	unsigned int number = 0;
	char line[LINE_SIZE];
	u32 words[6];

	if (!file)
		die("cannot read %s, which XEN_CLOCK_CPUID names: %s", path,
		    strerror(errno));

	while (fgets(line, sizeof(line), file)) {
		number++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (!parse(line, words))
			die("%s:%u: not six numbers: leaf, subleaf, eax, ebx, ecx, edx",
			    path, number);
		if (words[0] == leaf && words[1] == subleaf)
			regs = (struct regs){ words[2], words[3], words[4], words[5] };
	}
	fclose(file);

	return regs;
}

/*
 * Plain CPUID in a PV guest's user space shows the host, where the CPU cannot
 * make it fault; the prefix asks Xen to emulate it.  Elsewhere the prefix is an
 * invalid instruction, and CPUID always traps.
 */
static struct regs native(u32 leaf, u32 subleaf, bool prefix)
{
	struct regs regs;

	if (prefix)
		asm volatile("ud2a; .ascii \"xen\"; cpuid"
			     : "=a" (regs.a), "=b" (regs.b),
			       "=c" (regs.c), "=d" (regs.d)
			     : "0" (leaf), "2" (subleaf));
	else
		__cpuid_count(leaf, subleaf, regs.a, regs.b, regs.c, regs.d);

	return regs;
}

static sigjmp_buf not_pv;

static void on_illegal(int number __always_unused)
{
	siglongjmp(not_pv, 1);
}

/* A kernel need not say that this is a PV guest, and who knows who says so */
static bool prefix_works(void)
{
	struct sigaction action = { .sa_handler = on_illegal }, before;
	bool works;

	sigemptyset(&action.sa_mask);
	sigaction(SIGILL, &action, &before);
	if (sigsetjmp(not_pv, 1)) {
		works = false;
	} else {
		native(XEN_FIRST, 0, true);
		works = true;
	}
	sigaction(SIGILL, &before, NULL);

	return works;
}

/* Before all others; @type is guest_type, empty if that is not known */
void leaves_open(const char *type)
{
	if (leaves_recorded())
		return;

	prefixed = (!*type || !strcmp(type, "PV")) && prefix_works();
}

bool leaves_are_pv(void)
{
	return prefixed;
}

struct regs leaves_read(u32 leaf, u32 subleaf)
{
	return leaves_recorded() ? recorded(leaf, subleaf) :
				   native(leaf, subleaf, prefixed);
}

/* The first Xen leaf, 0 if there is none */
u32 leaves_xen_base(void)
{
	static const char signature[] = "XenVMMXenVMM";
	u32 leaf;

	for (leaf = XEN_FIRST; leaf < XEN_END; leaf += XEN_STEP) {
		struct regs regs = leaves_read(leaf, 0);
		u32 name[3] = { regs.b, regs.c, regs.d };

		/* With two more leaves at least, as the kernel wants it */
		if (!memcmp(name, signature, sizeof(name)) && regs.a - leaf >= 2)
			return leaf;
	}

	return 0;
}
