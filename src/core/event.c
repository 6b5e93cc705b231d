/* SPDX-License-Identifier: MIT */
#include "core/event.h"

static const char *const names[EVENT_COUNT] = {
#define X(name, text) text,
	EVENT_MAP(X)
#undef X
};

const char *event_name(enum event_type type)
{
	return type < EVENT_COUNT ? names[type] : "?";
}

struct event *events_add(struct events *e, enum event_type type)
{
	struct event *event;

	if (e->count == EVENTS_MAX) {
		e->first = (e->first + 1) % EVENTS_MAX;
		e->count--;
	}
	event = &e->ring[(e->first + e->count++) % EVENTS_MAX];
	*event = (struct event){.type = type};
	return event;
}

bool events_take(struct events *e, struct event *event)
{
	if (e->count == 0)
		return false;
	*event = e->ring[e->first];
	e->first = (e->first + 1) % EVENTS_MAX;
	e->count--;
	return true;
}
