/* SPDX-License-Identifier: MIT */
/* Control datagrams on their way out: a ring that X_output empties. When it is full new
 * ones are dropped and counted; every message is repeated until answered, so none is lost
 * for good. */
#ifndef EYELET_CORE_OUTBOX_H
#define EYELET_CORE_OUTBOX_H

#include <stdbool.h>

#include "core/path.h"

struct outbox {
	struct datagram *ring;
	unsigned cap, first, count;
	uint64_t dropped;
};

/* Returns false if memory ran out. */
bool outbox_init(struct outbox *o, unsigned cap);
void outbox_fini(struct outbox *o);

/* Returns the next free datagram with path, TTL and TOS set and len 0, for the caller to
 * fill; a scratch one that goes nowhere while the ring is full. */
struct datagram *outbox_add(struct outbox *o, const struct path *path, uint8_t ttl);

/* True while so many more may be added in one go without loss. */
static inline bool outbox_has_room(const struct outbox *o, unsigned count)
{
	return o->cap - o->count >= count;
}

/* Moves the oldest into *d; false if there is none. */
bool outbox_take(struct outbox *o, struct datagram *d);

#endif
