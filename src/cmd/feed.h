/* SPDX-License-Identifier: MIT */
/* What --json prints: an object a line on stdout for each thing a program may want to know
 * of, with members "event" and "time" (seconds since 1970) and others by the kind of event.
 * A reader that is too slow misses objects and is told how many; one that has gone is
 * missed by nobody: the datagrams go on in either case. */
#ifndef EYELET_CMD_FEED_H
#define EYELET_CMD_FEED_H

#include "cmd/json.h"
#include "core/event.h"
#include "core/verdict.h"

struct feed {
	bool on;          /* --json was given */
	bool broken;      /* stdout takes no more */
	uint64_t dropped; /* objects not written since the last that was */
};

/* Begins an object. */
void feed_start(struct json *j, const char *event);

/* Adds an address; none is left out. */
void feed_addr(struct json *j, const char *name, const struct addr *addr);

/* Adds ns, a span, in milliseconds; 0 is left out. */
void feed_span(struct json *j, const char *name, uint64_t ns);

/* Adds what an event of the core says. */
void feed_event(struct json *j, const struct event *e);

/* True if an event is for the driver alone. */
bool feed_is_internal(const struct event *e);

/* Adds a member "dropped_REASON" for each reason. */
void feed_drops(struct json *j, const struct verdict_counts *counts);

/* Ends and prints it, if --json was given. Never blocks on a pipe. */
void feed_end(struct feed *f, struct json *j);

/* Prints the last object: what the program exits with. */
void feed_ended(struct feed *f, int code);

/* Prints a warning. */
void feed_warning(struct feed *f, const char *text);

#endif
