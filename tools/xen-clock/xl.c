// SPDX-License-Identifier: GPL-2.0-only
/* What xl prints in dom0, or what was recorded of it */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "host.h"

/* More than any console ring of Xen's */
#define MOST_BYTES	(16 * 1024 * 1024)

static char *read_all(FILE *file, const char *name)
{
	size_t size = 65536, used = 0, got;
	char *text = NULL;

	do {
		char *more = realloc(text, size);

		if (!more)
			die("no memory for what %s prints", name);
		text = more;
		got = fread(text + used, 1, size - used - 1, file);
		used += got;
		if (used == size - 1)
			size *= 2;
	} while (got && size <= MOST_BYTES);
	text[used] = '\0';

	return text;
}

/* @what is the command; the caller frees what it prints */
char *xl_read(const char *what)
{
	char line[LINE_SIZE], *text;
	FILE *file;
	int status;

	if (leaves_recorded()) {
		snprintf(line, sizeof(line), "/xl/%.*s", (int)strcspn(what, " "), what);
		file = open_file(line);
		text = file ? read_all(file, line) : strdup("");
		if (!text)
			die("no memory for %s", line);
		if (file)
			close_file(file, line);
		return text;
	}

	/* A user's PATH need not have sbin */
	snprintf(line, sizeof(line), "PATH=$PATH:/usr/sbin:/sbin exec xl %s", what);
	file = popen(line, "re");
	if (!file)
		die("cannot start xl: %s", strerror(errno));
	text = read_all(file, "xl");
	status = pclose(file);
	if (status)
		die("\"xl %s\" failed, with status %d: run this as root in dom0", what,
		    WIFEXITED(status) ? WEXITSTATUS(status) : -1);

	return text;
}

/* The value behind "name   : " at the start of a line; false if there is none */
bool xl_field(const char *text, const char *name, char line[LINE_SIZE])
{
	size_t length = strlen(name);

	line[0] = '\0';
	for (; text && *text; text = strchr(text, '\n'), text += !!text) {
		const char *value = text + length;

		if (strncmp(text, name, length))
			continue;
		value += strspn(value, " \t");
		if (*value != ':')
			continue;
		value += 1 + strspn(value + 1, " \t");
		snprintf(line, LINE_SIZE, "%.*s", (int)strcspn(value, "\n"), value);
		return true;
	}

	return false;
}
