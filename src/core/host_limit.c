/* SPDX-License-Identifier: MIT */
/* How many sessions there may be, of one guest and of one network: a ticket's holder can
 * make up identities, and addresses of its own network, but not networks. The network is
 * that of the address which the rendezvous proved: the same for all hellos of an attempt. */
#include <string.h>

#include "core/host_parts.h"

static void network_key(uint8_t key[CENSUS_KEY_SIZE], const struct addr *addr)
{
	struct addr network = addr_network(addr);

	_Static_assert(sizeof(network) <= CENSUS_KEY_SIZE, "an address is a key");
	memset(key, 0, CENSUS_KEY_SIZE);
	memcpy(key, &network, sizeof(network));
}

static bool is_many(const struct census *c, const uint8_t *key, uint32_t max)
{
	return census_count(c, key) >= max;
}

uint8_t limit_refusal(const struct host *h, const uint8_t identity[CRYPTO_KEY_SIZE],
	const struct addr *from)
{
	uint32_t half_open_max = h->config.half_open_max / 4 + 1;
	uint8_t network[CENSUS_KEY_SIZE];

	network_key(network, from);
	if (is_many(&h->half_open_guests, identity, HOST_HALF_OPEN_MAX) ||
		is_many(&h->half_open_networks, network, half_open_max))
		return HOST_REFUSAL_HALF_OPEN;
	/* Who is in comes in again: it was counted before. */
	if (is_many(&h->networks, network, h->config.network_max) &&
		!peer_is_connected(h, identity))
		return HOST_REFUSAL_NETWORK;
	return 0;
}

struct census_entry *limit_attempt(struct host *h, const struct addr *from)
{
	uint8_t network[CENSUS_KEY_SIZE];

	network_key(network, from);
	return census_enter(&h->attempt_networks, network);
}

bool limit_enter(struct host *h, struct connection *c, const struct addr *from)
{
	network_key(c->network, from);
	if (!census_enter(&h->networks, c->network))
		return false;
	if (!census_enter(&h->half_open_networks, c->network)) {
		census_leave(&h->networks, c->network);
		return false;
	}
	if (!census_enter(&h->half_open_guests, c->identity)) {
		census_leave(&h->networks, c->network);
		census_leave(&h->half_open_networks, c->network);
		return false;
	}
	c->counted = c->half_open = true;
	h->counts.half_open++;
	return true;
}

void limit_confirm(struct host *h, struct connection *c)
{
	if (!c->half_open)
		return;
	census_leave(&h->half_open_networks, c->network);
	census_leave(&h->half_open_guests, c->identity);
	c->half_open = false;
	h->counts.half_open--;
}

void limit_leave(struct host *h, struct connection *c)
{
	limit_confirm(h, c);
	if (c->counted)
		census_leave(&h->networks, c->network);
	c->counted = false;
}
