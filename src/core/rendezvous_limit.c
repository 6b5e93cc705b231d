/* SPDX-License-Identifier: MIT */
/* A limit that is reached is told of, but not for each who runs into it. */
#include "core/rendezvous_parts.h"

static const char *const texts[LIMITS] = {
#define X(name, text) text,
	LIMIT_MAP(X)
#undef X
};

void rendezvous_note(
	struct rendezvous *r, enum limit limit, const struct addr *remote, uint64_t now)
{
	struct limit_note *note = &r->notes[limit];
	struct event *event;

	note->count++;
	if (note->told_at != 0 && now - note->told_at < LIMIT_PAUSE)
		return;
	event = events_add(&r->events, EVENT_LIMIT_REACHED);
	event->addr = *remote;
	event->number = note->count;
	event->why = texts[limit];
	*note = (struct limit_note){.told_at = now};
}
