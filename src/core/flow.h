/* SPDX-License-Identifier: MIT */
/* Flows: one local application socket's traffic inside a session, kept by id. A flow
 * outlives sessions: a guest that comes back finds its flows, and the target the same
 * source. */
#ifndef EYELET_CORE_FLOW_H
#define EYELET_CORE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/path.h"

#define FLOW_IDLE_HOST (300 * SECOND) /* RFC 4787, REQ-5: 5 minutes */
/* Later than the host, so that no id lives on there. */
#define FLOW_IDLE_GUEST (330 * SECOND)
#define FLOW_REST       (60 * SECOND) /* before an id is given to another application */

struct flow {
	uint16_t id;
	bool closing;     /* told to the driver by EVENT_FLOW_CLOSED, then freed */
	uint32_t guest;   /* host: the guest's number, the same for one identity always */
	struct addr app;  /* guest: the application's address */
	void *handle;     /* the driver's; NULL at first */
	uint64_t used_at; /* ns, last traffic either way */
	void *owner;      /* host: the peer */
	struct flow *next; /* in the list of closing flows */
};

/* A payload on its way to the application. */
struct delivery {
	struct flow *flow;
	uint8_t *payload; /* in the input's buffer, or valid until the next input */
	size_t len;
};

/* All flows of an owner, whichever table they are in: each may cost the driver a socket. */
struct flow_ledger {
	uint32_t count, max;  /* open ones and those closed and not yet told */
	struct flow *closing; /* closed and not yet told */
};

/* Flows by id, an array that doubles as needed. */
struct flow_table {
	struct flow **of;    /* NULL where there is none */
	uint64_t *closed_at; /* when the id was last in use; 0 never */
	uint32_t cap, max, count;
	struct flow_ledger *ledger; /* the owner's */
};

void flow_table_init(struct flow_table *t, uint32_t max, struct flow_ledger *ledger);
/* Frees all open flows; those on the owner's list are the owner's. */
void flow_table_fini(struct flow_table *t);

struct flow *flow_find(const struct flow_table *t, uint16_t id);

/* Makes flow id; NULL at either limit or if memory ran out. */
struct flow *flow_open(struct flow_table *t, uint16_t id, uint64_t now);

/* Makes a flow with a free id: the lowest that never was or has rested FLOW_REST. */
struct flow *flow_open_any(struct flow_table *t, uint64_t now);

/* Takes the flow out of the table; the ledger has it among the closing ones. */
void flow_close(struct flow_table *t, struct flow *flow, uint64_t now);

/* Closes what was idle longer than span. */
void flow_expire(struct flow_table *t, uint64_t span, uint64_t now);

/* Takes one closed flow off the ledger, for the caller to tell and free; or NULL. */
struct flow *flow_take_closing(struct flow_ledger *ledger);

#endif
