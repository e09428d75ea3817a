// SPDX-License-Identifier: GPL-2.0-only
/* CPUID as Xen wants this guest to see it, or as it was recorded */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen-clock.h"

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

/* Looked up each time, so that a test can change it; a leaf that is missing is zeroes */
static struct xen_cpuid recorded(u32 leaf, u32 subleaf)
{
	const char *path = getenv("XEN_CLOCK_CPUID");
	FILE *file = fopen(path, "re");
	struct xen_cpuid regs = { };
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
			regs = (struct xen_cpuid){ words[2], words[3], words[4], words[5] };
	}
	close_file(file, path);

	return regs;
}

/* To be called first; @type is guest_type, empty if that is not known */
void leaves_open(const char *type)
{
	if (leaves_recorded())
		return;

	prefixed = (!*type || !strcmp(type, "PV")) && xen_cpuid_prefix_works();
}

bool leaves_are_pv(void)
{
	return prefixed;
}

struct xen_cpuid leaves_read(u32 leaf, u32 subleaf)
{
	return leaves_recorded() ? recorded(leaf, subleaf) :
				   xen_cpuid(prefixed, leaf, subleaf);
}

/* The first Xen leaf, 0 if there is none */
u32 leaves_xen_base(void)
{
	u32 leaf;

	for (leaf = XEN_CPUID_FIRST; leaf < XEN_CPUID_END; leaf += XEN_CPUID_STEP)
		if (xen_cpuid_is_base(leaf, leaves_read(leaf, 0)))
			return leaf;

	return 0;
}

/* Does KVM show its signature, too, as it does when it claims to be Xen? */
bool leaves_show_kvm(void)
{
	static const char kvm[12] = "KVMKVMKVM";
	u32 leaf;

	for (leaf = XEN_CPUID_FIRST; leaf < XEN_CPUID_END; leaf += XEN_CPUID_STEP) {
		struct xen_cpuid regs = leaves_read(leaf, 0);
		const u32 name[] = { regs.ebx, regs.ecx, regs.edx };

		if (!memcmp(name, kvm, sizeof(kvm)))
			return true;
	}

	return false;
}
