/* SPDX-License-Identifier: MIT */
/* The relay in a rendezvous: passes sealed datagrams between a guest and a host that found
 * no direct path (or none yet), learning nothing of them.
 *
 * A channel stands for two addresses that proved themselves to the rendezvous, the guest's
 * by its ask and the host's by its lease. */
#ifndef EYELET_CORE_RELAY_H
#define EYELET_CORE_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/path.h"
#include "core/relay_share.h"
#include "core/verdict.h"

#define RELAY_UNUSED (10 * SECOND) /* a channel that nothing came over */
/* Until such a one gives way to another: those that it was told to take a round trip to use
 * it, and if each question took the channel of the one before, nobody would get through. */
#define RELAY_TOLD (2 * SECOND)
/* One that nothing comes over any more; and from one end alone, nothing goes to the other. */
#define RELAY_IDLE   (60 * SECOND)
#define RELAY_ACTIVE SECOND /* since its last datagram a channel has a share */

struct relay_limits {
	uint32_t max;      /* channels; 0: there is no relay */
	uint32_t rate;     /* bytes a second over one channel, both ways together */
	uint32_t rate_all; /* the same over all */
};

struct relay_channel;

struct relay {
	struct relay_limits limits;
	struct entropy entropy;
	uint8_t hash_key[16];
	struct relay_channel *channels; /* a table by number */
	/* Lists, who was idle longest first: nothing came yet, not for RELAY_ACTIVE, since. */
	struct relay_channel *unused, *quiet, *active;
	struct shares shares;
	uint64_t passed, passed_bytes, dropped;
	uint64_t crowded; /* of those dropped, over its share of all */
	uint64_t refused; /* channels that were not opened */
};

void relay_init(struct relay *r, const struct relay_limits *limits,
	const struct entropy *entropy, const uint8_t hash_key[16], uint64_t now);
void relay_fini(struct relay *r);

/* Opens a channel between two proved addresses, for a guest of that service (32 bytes). Where
 * there are as many as may be, one that nothing ever came over gives way. Returns its number;
 * 0 if there is no room, or either network or the service has as much as it may. */
uint32_t relay_open(struct relay *r, const struct path *guest, const struct path *host,
	const uint8_t *service, uint64_t now);

/* True if the channel is open between these two. */
bool relay_joins(const struct relay *r, uint32_t number, const struct path *guest,
	const struct path *host);

/* A datagram of a channel came in by path: VERDICT_DELIVER if it is to go on, as it is, by
 * *to. */
enum verdict relay_pass(struct relay *r, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now, struct path *to);

/* Closes what was idle for too long. */
void relay_expire(struct relay *r, uint64_t now);
uint64_t relay_next_timeout(const struct relay *r);

#endif
