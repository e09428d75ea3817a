/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_CLOCK_OPTIONS_H
#define XEN_CLOCK_OPTIONS_H

#include "xen-clock.h"

enum command {
	COMMAND_SUMMARY,
	COMMAND_WATCH,
	COMMAND_BENCH,
	COMMAND_METRICS,
	COMMAND_HELP,
	COMMAND_VERSION,
};

bool options_parse(char **arg, enum command *command, struct options *options);

#endif
