/* SPDX-License-Identifier: MIT */
/* Guests by identity: their numbers, their flows, who may come in. */
#include <stdlib.h>
#include <string.h>

#include "core/host_parts.h"

static struct peer *peer_find(
	const struct host *h, const uint8_t identity[CRYPTO_KEY_SIZE])
{
	struct peer *peer;

	TABLE_FIND(h->peers, h->hash_key, identity, CRYPTO_KEY_SIZE, peer);
	return peer;
}

uint8_t peer_refusal(const struct host *h, const uint8_t identity[CRYPTO_KEY_SIZE])
{
	const struct peer *peer = peer_find(h, identity);
	enum peer_policy policy = peer != NULL ? peer->policy : POLICY_NONE;

	if (policy == POLICY_DENIED || (policy == POLICY_NONE && h->deny_unknown))
		return HOST_REFUSAL_DENIED;
	if (peer != NULL && peer->connection != NULL)
		return 0;
	return h->counts.guests >= h->config.guests_max ? HOST_REFUSAL_FULL : 0;
}

bool peer_is_connected(const struct host *h, const uint8_t identity[CRYPTO_KEY_SIZE])
{
	const struct peer *peer = peer_find(h, identity);

	return peer != NULL && peer->connection != NULL;
}

void peer_tell_flow_refused(struct host *h, struct peer *peer, uint64_t now)
{
	struct event *event;

	if (peer->flow_refused_at != 0 && now - peer->flow_refused_at < FLOW_REFUSED_TOLD)
		return;
	peer->flow_refused_at = now;
	event = events_add(&h->events, EVENT_FLOW_REFUSED);
	event->number = peer->number;
	memcpy(event->identity, peer->identity, CRYPTO_KEY_SIZE);
	event->why = peer->flows.count >= peer->flows.max
			     ? "it has as many application sockets as a guest may"
		     : h->ledger.count >= h->ledger.max
			     ? "all guests together have as many application sockets as "
			       "there may be"
			     : "its number is too high, or memory ran out";
}

static bool number_used(const struct host *h, uint32_t number)
{
	return h->numbers[number / 8] >> (number % 8) & 1;
}

static void number_mark(struct host *h, uint32_t number, bool used)
{
	uint8_t bit = (uint8_t)(1u << (number % 8));

	if (used)
		h->numbers[number / 8] |= bit;
	else
		h->numbers[number / 8] &= (uint8_t)~bit;
}

/* The next number that nobody has; there are more of them than peers. */
static uint32_t number_take(struct host *h)
{
	while (number_used(h, h->next_number))
		h->next_number = h->next_number < NUMBER_MAX ? h->next_number + 1 : 1;
	return h->next_number;
}

static void peer_free(struct host *h, struct peer *peer)
{
	if (peer->number != 0)
		number_mark(h, peer->number, false);
	HASH_DEL(h->peers, peer);
	home_leave(h, peer);
	flow_table_fini(&peer->flows);
	free(peer);
}

/* When as many identities are remembered as may be, in all or of that network, one that was
 * away longest goes, with its number. */
static bool make_room(struct host *h, const uint8_t *network)
{
	struct peer *peer;

	if (HASH_COUNT(h->peers) < PEERS_MAX && !home_is_full(h, network))
		return true;
	peer = home_forgettable(h, network);
	if (peer != NULL)
		peer_free(h, peer);
	return peer != NULL;
}

struct peer *peer_open(struct host *h, const uint8_t identity[CRYPTO_KEY_SIZE],
	uint32_t number, const uint8_t *network)
{
	struct peer *peer = peer_find(h, identity);

	if (peer == NULL && make_room(h, network))
		peer = calloc(1, sizeof(*peer));
	else if (peer == NULL || peer->number != 0)
		return peer;
	if (peer == NULL)
		return NULL;
	if (number != 0 && !number_used(h, number)) {
		peer->number = number;
		number_mark(h, number, true);
		if (number >= h->next_number)
			h->next_number = number < NUMBER_MAX ? number + 1 : 1;
	}
	if (peer->flows.ledger != NULL) /* known before, without a number */
		return peer;
	memcpy(peer->identity, identity, CRYPTO_KEY_SIZE);
	flow_table_init(&peer->flows, h->config.flows_max, &h->ledger);
	TABLE_ADD(h->peers, h->hash_key, identity, CRYPTO_KEY_SIZE, peer);
	if (TABLE_HOLDS(peer) && home_enter(h, peer, network))
		return peer;
	if (TABLE_HOLDS(peer))
		HASH_DEL(h->peers, peer);
	if (peer->number != 0)
		number_mark(h, peer->number, false);
	free(peer);
	return NULL;
}

/* Sends away those who may not stay. */
void peers_enforce(struct host *h, uint64_t now)
{
	struct peer *peer, *next;

	HASH_ITER (hh, h->peers, peer, next) {
		if (peer->connection == NULL ||
			peer_refusal(h, peer->identity) != HOST_REFUSAL_DENIED)
			continue;
		session_bye(&peer->connection->session, HOST_REFUSAL_DENIED, now);
		connection_end(h, peer->connection, "it may not stay", now);
	}
}

void peers_free(struct host *h)
{
	while (h->peers != NULL)
		peer_free(h, h->peers);
}

void peers_sweep(struct host *h, uint64_t now)
{
	struct peer *peer, *next;

	HASH_ITER (hh, h->peers, peer, next)
		flow_expire(&peer->flows, FLOW_IDLE_HOST, now);
}

struct peer *peer_of(struct host *h, const struct connection *c)
{
	struct peer *peer = peer_find(h, c->identity);
	struct event *event;

	if (peer != NULL && peer->number != 0)
		return peer;
	peer = peer_open(h, c->identity, number_take(h), c->network);
	if (peer == NULL)
		return NULL;
	event = events_add(&h->events, EVENT_GUEST_NEW);
	event->number = peer->number;
	memcpy(event->identity, c->identity, CRYPTO_KEY_SIZE);
	return peer;
}
