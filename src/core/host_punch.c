/* SPDX-License-Identifier: MIT */
/* An attempt's punches: where they go, how often, and how far. */
#include "core/host_parts.h"

static void punch_one(struct host *h, struct attempt *a, unsigned i, uint64_t now)
{
	const struct addr *to = &a->to.of[i].addr;
	struct path path = {.socket = h->defaults[family_index(to)], .remote = *to};
	/* What a router forwards to the guest is not spoilt by a punch that gets there, and
	 * shows the guest where we are. */
	bool forwarded = a->to.of[i].kind == CANDIDATE_MAPPED;
	struct datagram *d;

	if (a->punched[i] + PUNCH_SIZE > PUNCH_BYTES_MAX ||
		!bucket_take(&h->punches, 1, now))
		return;
	d = outbox_add(&h->outbox, &path, forwarded ? 0 : levels_ttl(h, to, a->trial));
	d->len = (uint16_t)punch_encode(d->data, a->id, h->credentials.mac_key);
	a->punched[i] += d->len;
	h->counts.unproved_bytes += d->len;
}

void attempt_punch(struct host *h, struct attempt *a, unsigned first, uint64_t now)
{
	for (unsigned i = first; i < a->to.count; i++)
		punch_one(h, a, i, now);
}

static bool has_socket_for(const struct host *h, const struct addr *to)
{
	return h->has_default[family_index(to)];
}

/* True if addr is one of this machine's, with a port of a target or of a socket of ours. */
static bool is_own(const struct host *h, const struct addr *addr)
{
	bool here = addr_is_loopback(addr) || addr_is_unspecified(addr);

	for (size_t i = 0; i < h->local_count; i++)
		here = here || addr_same_ip(&h->locals[i], addr);
	for (unsigned i = 0; i < HOST_SOCKETS_MAX; i++)
		if (h->sockets[i].open && here && h->sockets[i].bound.port == addr->port)
			return true;
	for (unsigned i = 0; i < 2; i++)
		if (addr->port == h->config.targets[i].port &&
			(here || addr_same_ip(addr, &h->config.targets[i])))
			return true;
	return false;
}

static bool may_punch(const struct host *h, const struct vantage *v,
	const struct addr *to, const struct addr *peer)
{
	return has_socket_for(h, to) && !is_own(h, to) && candidate_allowed(v, to, peer);
}

/* Adds what may be punched of the guest's offer; returns the index of the first new one. */
unsigned attempt_add_targets(struct host *h, struct attempt *a,
	const struct guest_offer *offer, const struct addr *seen)
{
	struct addr observed[HOST_SERVERS_MAX];
	struct vantage v = {.servers = h->config.servers,
		.server_count = h->config.server_count,
		.locals = h->locals,
		.local_count = h->local_count,
		.observed = observed};
	unsigned first = a->to.count;

	for (size_t i = 0; i < h->config.server_count; i++)
		observed[v.observed_count++] = h->leases[i].observed;
	if (may_punch(h, &v, seen, seen))
		candidates_add(&a->to, seen, CANDIDATE_OBSERVED);
	for (unsigned i = 0; i < offer->candidates.count; i++) {
		const struct candidate *c = &offer->candidates.of[i];

		if (may_punch(h, &v, &c->addr, seen))
			candidates_add(&a->to, &c->addr, c->kind);
	}
	return first;
}
