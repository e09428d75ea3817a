// SPDX-License-Identifier: GPL-2.0-only
/* xen-clock wait: block until the next resume, or until the TSC is demoted */
#include <string.h>

#include "events.h"

/* The files are read so often, if nothing is told */
#define LOOK_NS		NSEC_PER_SEC
#define RARELY_NS	(60 * NSEC_PER_SEC)

static bool wants(const struct options *options, const char *event)
{
	return !options->event || !strcmp(options->event, event);
}

/* By what the kernel says, or, without the series, by what it reads the time from */
static bool demoted(const struct guest *was, const struct guest *is)
{
	return is->demoted > was->demoted ||
	       (!strcmp(was->clocksource, "tsc") && strcmp(is->clocksource, "tsc"));
}

static int told(const struct options *options, const struct guest *guest,
		const char *event, int status)
{
	struct json json = { .file = stdout };
	struct decision decision = decide(guest);

	if (!options->json) {
		printf("%s: incarnation %u, clocksource %s, verdict %s\n", event,
		       guest->facts.incarnation,
		       *guest->clocksource ? guest->clocksource : "unknown", decision.verdict);
		return status;
	}
	json_document(&json, true);
	json_string(&json, "event", event);
	json_integer(&json, "incarnation", guest->facts.incarnation);
	json_optional(&json, "clocksource", guest->clocksource);
	json_string(&json, "verdict", decision.verdict);
	json_finish(&json);

	return status;
}

int wait_for_event(const struct guest *guest, const struct options *options)
{
	s64 end = options->seconds ?
		  clock_now(CLOCK_MONOTONIC) + (s64)options->seconds * NSEC_PER_SEC : 0;
	struct guest was = *guest, is;
	struct events events;
	s64 pause = RARELY_NS;
	unsigned int seen;

	/* A kernel without the series does not tell that it has left the TSC */
	if (leaves_recorded() || (!guest->patched && wants(options, "demotion")))
		pause = LOOK_NS;
	events_open(&events, guest);
	do {
		if (end && end - clock_now(CLOCK_MONOTONIC) < pause)
			pause = end - clock_now(CLOCK_MONOTONIC);
		seen = events_wait(&events, pause > 0 ? pause : 0);
		if (seen & EVENT_SIGNAL)
			return told(options, &was, "signal", EXIT_TIMEOUT);

		guest_read(&is);
		/* A move that demotes the TSC is a demotion */
		if (wants(options, "demotion") && demoted(&was, &is))
			return told(options, &is, "demotion", EXIT_DEMOTED);
		if (events_resumed(&events, seen, &was, &is) && wants(options, "resume"))
			return told(options, &is, "resume", EXIT_OK);
		was = is;
	} while (!end || clock_now(CLOCK_MONOTONIC) < end);

	return told(options, &was, "timeout", EXIT_TIMEOUT);
}
