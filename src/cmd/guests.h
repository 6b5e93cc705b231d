/* SPDX-License-Identifier: MIT */
/* The list of guests a host has met, by identity and number, so that its target sees the
 * same source for the same guest in the next run. One line a guest, appended. */
#ifndef EYELET_CMD_GUESTS_H
#define EYELET_CMD_GUESTS_H

#include <stdint.h>

#include "cmd/state.h"

/* Guests remembered: whoever has the ticket can make identities without end. */
#define GUESTS_MAX 65536

struct guests {
	const struct state *state;
	char path[PATH_MAX]; /* empty: nothing is kept */
	uint32_t count;
};

/* Reads the list of that name and calls know for each. Lines that make no sense are said,
 * left out, and kept aside with the file as it was. */
void guests_load(struct guests *g, const struct state *s, const char *name,
	void (*know)(void *arg, const uint8_t identity[32], uint32_t number), void *arg);

/* Appends one. What cannot be written is said, once. */
void guests_add(struct guests *g, const uint8_t identity[32], uint32_t number);

#endif
