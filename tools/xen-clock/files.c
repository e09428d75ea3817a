// SPDX-License-Identifier: GPL-2.0-only
/* Lines of /sys and /proc, or of a recorded tree */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "xen-clock.h"

static FILE *open_file(const char *path)
{
	const char *root = getenv("XEN_CLOCK_ROOT");
	char whole[PATH_MAX];
	FILE *file;

	if (!root)
		root = "";
	if (snprintf(whole, sizeof(whole), "%s%s", root, path) >= (int)sizeof(whole))
		die("XEN_CLOCK_ROOT is too long");

	file = fopen(whole, "re");
	if (!file && errno != ENOENT && errno != ENOTDIR)
		die("cannot read %s: %s: try again as root", whole, strerror(errno));

	return file;
}

static void close_file(FILE *file, const char *path)
{
	if (ferror(file))
		die("cannot read %s: %s", path, strerror(errno));
	fclose(file);
}

/*
 * The first line; false, and an empty line, where there is none.  Not all kernels
 * have all files, so a missing one is no error.
 */
bool read_line(const char *path, char line[LINE_SIZE])
{
	FILE *file = open_file(path);
	bool good;

	line[0] = '\0';
	if (!file)
		return false;

	good = fgets(line, LINE_SIZE, file);
	if (!good)
		line[0] = '\0';
	close_file(file, path);
	line[strcspn(line, "\n")] = '\0';
	while (*line && line[strlen(line) - 1] == ' ')
		line[strlen(line) - 1] = '\0';

	return good;
}

bool read_number(const char *path, unsigned long *number)
{
	char line[LINE_SIZE], *end;

	*number = 0;
	if (!read_line(path, line))
		return false;

	errno = 0;
	*number = strtoul(line, &end, 10);
	if (errno || end == line || *end || *line == '-')
		die("%s says '%s', which is no number", path, line);

	return true;
}

/* What follows the colon in the first line that starts with the name */
bool read_field(const char *path, const char *name, char line[LINE_SIZE])
{
	FILE *file = open_file(path);
	char text[4096], *value;
	bool found = false;

	line[0] = '\0';
	if (!file)
		return false;

	while (!found && fgets(text, sizeof(text), file))
		found = !strncmp(text, name, strlen(name)) &&
			(value = strchr(text, ':'));
	close_file(file, path);
	if (!found)
		return false;

	value += 1 + strspn(value + 1, " \t");
	value[strcspn(value, "\n")] = '\0';
	snprintf(line, LINE_SIZE, "%.*s", LINE_SIZE - 1, value);

	return true;
}
