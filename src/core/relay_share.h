/* SPDX-License-Identifier: MIT */
/* Who holds how much of a relay: its channels, and its bytes when there are not enough.
 *
 * Channels are counted by the guest's network, the host's network and the service; none of
 * these may hold more than a part of what is free (room.h).
 *
 * Bytes: what all channels pass comes out of one bucket. While it is more than half full
 * everybody takes what he likes. Below, only those take who keep within their share: the
 * networks of guests that send anything have equal parts of the whole rate, and the channels
 * of a network equal parts of its. All shares together are no more than the lower half holds
 * and what flows in, so that who keeps within his is not harmed by those who do not. */
#ifndef EYELET_CORE_RELAY_SHARE_H
#define EYELET_CORE_RELAY_SHARE_H

#include "core/bucket.h"
#include "core/census.h"
#include "core/path.h"

enum share_key { SHARE_GUESTS, SHARE_HOSTS, SHARE_SERVICE, SHARE_KEYS };

#define SHARE_FEW   8    /* channels that anyone may hold while there is room */
#define SHARE_BURST 3000 /* bytes that the smallest share covers at once: two datagrams */

struct shares {
	uint32_t max, count; /* channels */
	struct census holders[SHARE_KEYS];
	uint32_t networks; /* of guests, with active channels */
	struct bucket all;
};

/* A channel's part. */
struct share {
	struct census_entry *holders[SHARE_KEYS];
	struct bucket bytes;
	bool active;
};

/* For max channels that pass rate bytes a second together. */
void shares_init(struct shares *s, uint32_t max, uint32_t rate,
	const uint8_t hash_key[16], uint64_t now);
void shares_fini(struct shares *s);

/* Counts a channel. Returns false, with nothing changed, if one of those it would be counted
 * by holds too much already, or memory ran out. service has 32 bytes. */
bool share_open(struct shares *s, struct share *share, const struct addr *guest,
	const struct addr *host, const uint8_t *service, uint64_t now);
void share_close(struct shares *s, struct share *share);

/* Only active channels, those that pass something, have a share. */
void share_set_active(struct shares *s, struct share *share, bool active);

/* Takes len bytes for a datagram of an active channel. Returns false, taking none, if it is
 * to be dropped. */
bool share_take(struct shares *s, struct share *share, uint32_t len, uint64_t now);

#endif
