/* SPDX-License-Identifier: MIT */
/* Whom a host forgets first: a ticket's holder can make up identities, so those first seen
 * in one network push each other out before they do anybody else. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/host_parts.h"

static void enter_orders(struct host *h, struct peer *peer)
{
	DL_APPEND(h->peer_order, peer);
	if (peer->home != NULL)
		DL_APPEND2(peer->home->peers, peer, home_prev, home_next);
}

static void leave_orders(struct host *h, struct peer *peer)
{
	DL_DELETE(h->peer_order, peer);
	if (peer->home != NULL)
		DL_DELETE2(peer->home->peers, peer, home_prev, home_next);
}

static struct peer_home *home_find(
	const struct host *h, const uint8_t network[CENSUS_KEY_SIZE])
{
	struct peer_home *home;

	TABLE_FIND(h->peer_homes, h->hash_key, network, CENSUS_KEY_SIZE, home);
	return home;
}

static struct peer_home *home_open(struct host *h, const uint8_t network[CENSUS_KEY_SIZE])
{
	struct peer_home *home = home_find(h, network);

	if (home != NULL)
		return home;
	home = calloc(1, sizeof(*home));
	if (home == NULL)
		return NULL;
	memcpy(home->network, network, CENSUS_KEY_SIZE);
	TABLE_ADD(h->peer_homes, h->hash_key, network, CENSUS_KEY_SIZE, home);
	if (TABLE_HOLDS(home))
		return home;
	free(home);
	return NULL;
}

bool home_enter(struct host *h, struct peer *peer, const uint8_t network[CENSUS_KEY_SIZE])
{
	if (network != NULL) {
		peer->home = home_open(h, network);
		if (peer->home == NULL)
			return false;
		peer->home->count++;
	}
	enter_orders(h, peer);
	return true;
}

void home_leave(struct host *h, struct peer *peer)
{
	struct peer_home *home = peer->home;

	leave_orders(h, peer);
	if (home == NULL || --home->count > 0)
		return;
	HASH_DEL(h->peer_homes, home);
	free(home);
}

void home_seen(struct host *h, struct peer *peer)
{
	leave_orders(h, peer);
	enter_orders(h, peer);
}

static bool is_forgettable(const struct peer *peer)
{
	return peer->connection == NULL && peer->policy == POLICY_NONE &&
	       peer->links == 0 && peer->flows.count == 0;
}

bool home_is_full(const struct host *h, const uint8_t network[CENSUS_KEY_SIZE])
{
	const struct peer_home *home = network != NULL ? home_find(h, network) : NULL;

	return home != NULL && home->count >= PEERS_NETWORK;
}

struct peer *home_forgettable(
	const struct host *h, const uint8_t network[CENSUS_KEY_SIZE])
{
	struct peer *peer;

	if (!home_is_full(h, network)) {
		DL_FOREACH (h->peer_order, peer)
			if (is_forgettable(peer))
				return peer;
		return NULL;
	}
	DL_FOREACH2 (home_find(h, network)->peers, peer, home_next)
		if (is_forgettable(peer))
			return peer;
	return NULL;
}
