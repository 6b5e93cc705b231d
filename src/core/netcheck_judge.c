/* SPDX-License-Identifier: MIT */
/* What the answers say. */
#include <string.h>

#include "core/netcheck_parts.h"

static const uint16_t link_mtus[PMTU_COUNT] = PMTU_SIZES;

static bool is_own(const struct netcheck *n, const struct addr *a)
{
	if (addr_is_loopback(a))
		return true;
	for (size_t i = 0; i < n->config.local_count; i++)
		if (addr_same_ip(&n->config.locals[i], a))
			return true;
	return false;
}

static bool is_carriers(const struct addr *a)
{
	const struct addr shared = addr_v4(100, 64, 0, 0, 0); /* RFC 6598 */

	return a->family == ADDR_V4 && addr_same_prefix(a, &shared, 10);
}

static void add_destination(
	struct netcheck *n, const struct addr *addr, enum netcheck_protocol protocol)
{
	if (n->destination_count == DESTINATIONS_MAX || addr->family == ADDR_NONE)
		return;
	n->destinations[n->destination_count++] =
		(struct destination){.server = {*addr, protocol},
			.same_address = addr_same_ip(addr, &n->server->path.remote)};
}

/* Further ports of a rendezvous of ours; the first of them answers in its place. */
static void add_ports(struct netcheck *n)
{
	const struct probe *s = n->server;
	struct addr to = s->path.remote;

	for (unsigned bit = 0; bit < 32 && n->destination_count < DESTINATIONS_MAX - 2;
		bit++) {
		if (!(s->alt_mask >> bit & 1) || s->alt_base + bit > UINT16_MAX)
			continue;
		to.port = (uint16_t)(s->alt_base + bit);
		if (n->changed_port.family == ADDR_NONE)
			n->changed_port = to;
		add_destination(n, &to, NETCHECK_RENDEZVOUS);
	}
}

/* The other addresses of an RFC 5780 server, in the order of its section 4.3. */
static void add_others(struct netcheck *n)
{
	const struct addr *own = &n->server->path.remote;
	struct addr to = n->server->other;

	if (to.family != own->family || addr_same_ip(&to, own) || to.port == own->port)
		return;
	n->result.other_address = true;
	n->changed_port = *own;
	n->changed_port.port = to.port;
	to.port = own->port;
	add_destination(n, &to, NETCHECK_STUN);
	add_destination(n, &n->server->other, NETCHECK_STUN);
	add_destination(n, &n->changed_port, NETCHECK_STUN);
}

/* Other servers at other addresses tell what one of them alone cannot. */
static void add_servers(struct netcheck *n)
{
	for (unsigned i = 0; i < n->config.server_count; i++) {
		const struct probe *p = probe_answered(n, PURPOSE_REACH, i);

		if (p == NULL || p->path.socket != n->socket ||
			addr_same_ip(&p->path.remote, &n->server->path.remote))
			continue;
		add_destination(n, &p->path.remote, p->protocol);
	}
}

/* IPv4 first, where NATs are; a server that can tell more before one that can less. */
static bool is_better(const struct probe *a, const struct probe *b)
{
	bool a_v4 = a->path.remote.family == ADDR_V4;

	if (b == NULL || a_v4 != (b->path.remote.family == ADDR_V4))
		return b == NULL || a_v4;
	return (a->other.family != ADDR_NONE) > (b->other.family != ADDR_NONE) ||
	       (a->alt_mask != 0 && b->alt_mask == 0 && b->other.family == ADDR_NONE);
}

static void judge_reach(struct netcheck *n)
{
	struct netcheck_result *r = &n->result;

	for (unsigned i = 0; i < n->config.server_count; i++) {
		const struct probe *p = probe_answered(n, PURPOSE_REACH, i);

		if (p == NULL)
			continue;
		r->answered[p->path.remote.family == ADDR_V6]++;
		if (is_better(p, n->server))
			n->server = p;
		if (p->path.remote.family == ADDR_V6) {
			r->mapped6 = p->mapped;
			r->translated6 = !is_own(n, &p->mapped);
		}
	}
	r->asked6 = r->asked[1] > 0;
	r->heard = n->server != NULL;
	if (!r->heard)
		return;
	n->socket = n->server->path.socket;
	r->server = (struct netcheck_server){n->server->path.remote, n->server->protocol};
	r->rtt = n->server->took;
	r->mapped = n->server->mapped;
	r->local = n->sockets[n->socket].bound;
	r->network.translated = !is_own(n, &r->mapped);
	add_servers(n);
	add_ports(n);
	add_others(n);
}

/* RFC 5780, section 4.3; of one address, what can be told. */
static void judge_mapping(struct netcheck *n)
{
	struct network *w = &n->result.network;
	unsigned same[2] = {0}, differ[2] = {0}; /* elsewhere; at the server's address */

	for (unsigned i = 0; i < n->destination_count; i++) {
		const struct probe *p = probe_answered(n, PURPOSE_DESTINATION, i);
		bool here = n->destinations[i].same_address;

		if (p == NULL)
			continue;
		if (addr_equal(&p->mapped, &n->server->mapped))
			same[here]++;
		else
			differ[here]++;
	}
	w->mapping_unsure = false;
	if (!w->translated) {
		w->mapping = NETWORK_INDEPENDENT;
	} else if (differ[1] > 0) {
		w->mapping = NETWORK_ADDRESS_AND_PORT;
	} else if (differ[0] > 0) {
		w->mapping = same[1] > 0 ? NETWORK_ADDRESS : NETWORK_ADDRESS_AND_PORT;
		w->mapping_unsure = same[1] == 0;
	} else if (same[0] + same[1] > 0) {
		w->mapping = NETWORK_INDEPENDENT;
		w->mapping_unsure = same[0] == 0;
	}
}

/* Mappings in the order in which they were made; one seen again is none. */
struct series {
	uint16_t local[1 + DESTINATIONS_MAX + FRESH_SOCKETS];
	uint16_t mapped[1 + DESTINATIONS_MAX + FRESH_SOCKETS];
	size_t count;
};

static void series_add(struct series *s, uint16_t local, const struct probe *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		if (s->mapped[i] == p->mapped.port)
			return;
	s->local[s->count] = local;
	s->mapped[s->count++] = p->mapped.port;
}

static void judge_ports(struct netcheck *n)
{
	struct series s = {.count = 0};

	series_add(&s, n->sockets[n->socket].bound.port, n->server);
	for (unsigned i = 0; i < n->destination_count; i++)
		series_add(&s, 0, probe_answered(n, PURPOSE_DESTINATION, i));
	for (unsigned i = 0; i < FRESH_SOCKETS; i++)
		series_add(&s, n->sockets[SOCKET_FRESH + i].bound.port,
			probe_answered(n, PURPOSE_FRESH, i));
	network_judge_ports(&n->result.network, s.local, s.mapped, s.count);
}

static bool ignores_change(const struct netcheck *n)
{
	const struct probe *p = probe_find(n, PURPOSE_CHANGE_PORT, 0);

	return p != NULL && p->unchanged;
}

/* RFC 5780, section 4.4. */
static void judge_filtering(struct netcheck *n)
{
	const struct probe *address = probe_answered(n, PURPOSE_CHANGE_ADDRESS, 0);
	const struct probe *port = probe_answered(n, PURPOSE_CHANGE_PORT, 0);
	struct network *w = &n->result.network;

	n->result.other_port = probe_answered(n, PURPOSE_CHANGE_KNOWN, 0) != NULL;
	w->filtering_unsure = false;
	if (address != NULL) {
		w->filtering = NETWORK_INDEPENDENT;
	} else if (port != NULL) {
		w->filtering_unsure = probe_find(n, PURPOSE_CHANGE_ADDRESS, 0) == NULL;
		w->filtering =
			w->filtering_unsure ? NETWORK_INDEPENDENT : NETWORK_ADDRESS;
	} else if (n->result.other_port) {
		w->filtering = NETWORK_ADDRESS_AND_PORT;
	}
	if (port == NULL && ignores_change(n)) {
		n->result.other_port = false;
		w->filtering = NETWORK_UNKNOWN;
	}
}

static void judge_hairpin(struct netcheck *n)
{
	if (probe_find(n, PURPOSE_HAIRPIN, 0) == NULL)
		return;
	n->result.network.hairpin =
		probe_answered(n, PURPOSE_HAIRPIN, 0) != NULL ||
				probe_answered(n, PURPOSE_HAIRPIN, 1) != NULL
			? NETWORK_ANSWER_YES
			: NETWORK_ANSWER_NO;
}

static void judge_size(struct netcheck *n)
{
	for (unsigned i = PMTU_COUNT; i > 0; i--)
		if (probe_answered(n, PURPOSE_SIZE, i - 1) != NULL)
			n->result.network.mtu = link_mtus[i - 1];
}

static void judge_hops(struct netcheck *n)
{
	struct network *w = &n->result.network;
	bool inside = w->translated;

	w->carrier = is_carriers(&n->result.mapped);
	for (unsigned i = 0; i < NETCHECK_HOPS; i++) {
		const struct probe *p = probe_find(n, PURPOSE_HOP, i);

		if (p == NULL)
			continue;
		n->result.hops[i] = p->offender;
		n->result.hops[i].port = 0;
		if (p->offender.family == ADDR_NONE)
			continue;
		inside = inside && addr_is_private(&p->offender);
		if (inside)
			w->levels = (uint8_t)(i + 1);
		w->carrier = w->carrier || is_carriers(&p->offender);
	}
}

static void judge_behaviour(struct netcheck *n)
{
	judge_filtering(n);
	judge_hairpin(n);
	judge_size(n);
	judge_hops(n);
}

static void judge_poison(struct netcheck *n)
{
	const struct probe *p = probe_answered(n, PURPOSE_POISON, 0);
	const struct probe *before = probe_answered(n, PURPOSE_CHANGE_KNOWN, 0);
	struct network *w = &n->result.network;

	if (p != NULL && before != NULL)
		w->poison = addr_equal(&p->mapped, &before->mapped) ? NETWORK_ANSWER_NO
								    : NETWORK_ANSWER_YES;
	else if (w->filtering == NETWORK_INDEPENDENT || w->filtering == NETWORK_ADDRESS)
		w->poison = NETWORK_ANSWER_NO; /* it came in */
}

/* A port that is always kept shows nothing, unless the filter does. */
bool lifetime_by_port(const struct netcheck *n)
{
	const struct network *w = &n->result.network;

	return w->translated && w->allocation != NETWORK_PORTS_PRESERVING &&
	       w->allocation != NETWORK_PORTS_UNKNOWN;
}

/* By the filter only where the other port's answer does not come in anyway, and comes from
 * the same mapping. */
bool lifetime_possible(const struct netcheck *n)
{
	const struct network *w = &n->result.network;

	return lifetime_by_port(n) ||
	       (w->filtering == NETWORK_ADDRESS_AND_PORT && network_is_fixed(w) &&
		       n->result.other_port);
}

static void judge_lifetime(struct netcheck *n)
{
	struct network *w = &n->result.network;

	for (unsigned i = 0; i < SILENCES; i++) {
		const struct probe *p = probe_find(n, PURPOSE_SILENCE, i);

		if (p == NULL || probe_answered(n, PURPOSE_WARM, i) == NULL)
			continue;
		if (silence_was_fatal(n, p)) {
			w->lifetime_most = silence_of(i);
			return;
		}
		if (p->state == PROBE_ANSWERED)
			w->lifetime_least = silence_of(i);
	}
}

void judge(struct netcheck *n)
{
	switch (n->step) {
	case NETCHECK_REACH: judge_reach(n); break;
	case NETCHECK_MAPPING: judge_mapping(n); break;
	case NETCHECK_PORTS: judge_ports(n); break;
	case NETCHECK_BEHAVIOUR: judge_behaviour(n); break;
	case NETCHECK_POISON: judge_poison(n); break;
	case NETCHECK_LIFETIME: judge_lifetime(n); break;
	default: break;
	}
}
