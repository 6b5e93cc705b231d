/* SPDX-License-Identifier: MIT */
/* Leases by streams, where UDP does not get through. The worse a transport, the later it is
 * tried: TCP when no lease by UDP has answered for a while, TLS when none by TCP has either.
 * Leases by UDP go on being tried; one that is held for a while ends those by streams. No
 * timer is needed for that: what does not answer is asked again and again, and each time all
 * is weighed anew. */
#include "core/host_parts.h"

static bool is_listed(const struct lease *lease)
{
	return lease->server.family != ADDR_NONE;
}

/* How much later than one by `better` a lease by `transport` is tried. */
static uint64_t wait_for(uint8_t better, uint8_t transport)
{
	static const uint64_t waits[] = {
		[ADDR_TCP] = LEASE_TCP_WAIT, [ADDR_TLS] = LEASE_TLS_WAIT};

	return waits[transport] - waits[better];
}

/* When a lease by that transport is due: 0 if there is nothing better, NEVER as long as
 * something better answers. */
static uint64_t due_at(const struct host *h, uint8_t transport)
{
	uint64_t due = 0;

	for (size_t i = 0; i < h->config.server_count; i++) {
		const struct lease *lease = &h->leases[i];
		uint8_t other = lease->server.transport;
		uint64_t at;

		if (!is_listed(lease) || other >= transport || lease->silent_at == 0)
			continue;
		if (lease->silent_at == NEVER)
			return NEVER;
		at = lease->silent_at + wait_for(other, transport);
		due = at > due ? at : due;
	}
	return due;
}

/* True if a lease by something better has held for so long that this will not be needed. */
static bool is_spare(const struct host *h, uint8_t transport, uint64_t now)
{
	for (size_t i = 0; i < h->config.server_count; i++) {
		const struct lease *lease = &h->leases[i];

		if (is_listed(lease) && lease->server.transport < transport &&
			lease->state == LEASE_HELD && lease->silent_at == NEVER &&
			now - lease->held_at >= LEASE_STREAM_KEPT)
			return true;
	}
	return false;
}

static void begin(struct host *h, struct lease *lease, uint64_t now)
{
	unsigned family = family_index(&lease->server);

	if (!h->has_default[family])
		return;
	lease->socket = family;
	lease_enter(h, lease, LEASE_COOKIE, now);
}

/* Nothing is said to the rendezvous: UNREGISTER would end the better lease, too. */
static void give_up(struct host *h, struct lease *lease, uint64_t now)
{
	lease_lost(h, lease, "not needed any more");
	lease_enter(h, lease, LEASE_IDLE, now);
}

static void weigh(struct host *h, uint8_t transport, uint64_t now)
{
	uint64_t due = due_at(h, transport);
	bool spare = is_spare(h, transport, now);

	for (size_t i = 0; i < h->config.server_count; i++) {
		struct lease *lease = &h->leases[i];

		if (!is_listed(lease) || lease->server.transport != transport)
			continue;
		if (lease->state == LEASE_IDLE && due <= now)
			begin(h, lease, now);
		else if (lease->state != LEASE_IDLE && spare)
			give_up(h, lease, now);
	}
}

void streams_weigh(struct host *h, uint64_t now)
{
	weigh(h, ADDR_TCP, now);
	weigh(h, ADDR_TLS, now);
}
