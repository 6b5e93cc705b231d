/* SPDX-License-Identifier: MIT */
/* What is asked in each step. */
#include "core/netcheck_parts.h"

#define CHANGE_SPAN   (1500 * MILLISECOND) /* and two round trips; then it is lost */
#define HAIRPIN_SPAN  (900 * MILLISECOND)
#define HOP_SPAN      (1200 * MILLISECOND)
#define WARM_INTERVAL (1300 * MILLISECOND)
#define ANSWER_V4     STUN_RESPONSE_V4
#define ANSWER_V6     STUN_RESPONSE_MAX

static const uint16_t link_mtus[PMTU_COUNT] = PMTU_SIZES;

/* Seconds: as fine as keepalives are chosen by. */
static const uint16_t silences[SILENCES] = {5, 8, 10, 12, 15, 20, 25, 28, 31, 35, 40, 45,
	55, 60, 65, 90, 115, 125, 150, 180, 240, NETCHECK_LIFETIME_MAX};

uint32_t silence_of(unsigned index)
{
	return index < SILENCES ? silences[index] : 0;
}

static bool reach(struct netcheck *n, uint64_t now)
{
	if (n->turn > 0)
		return false;
	for (unsigned i = 0; i < n->config.server_count; i++) {
		const struct netcheck_server *server = &n->config.servers[i];
		bool v6 = server->addr.family == ADDR_V6;

		n->result.asked[v6]++;
		probe_add(n, PURPOSE_REACH, i, v6 ? SOCKET_V6 : SOCKET_V4, server, now);
	}
	return n->config.server_count > 0;
}

/* One after the other: the order in which the NAT gives ports is theirs. */
static bool mapping(struct netcheck *n, uint64_t now)
{
	if (n->turn >= n->destination_count)
		return false;
	probe_add(n, PURPOSE_DESTINATION, n->turn, n->socket,
		&n->destinations[n->turn].server, now);
	return true;
}

static struct netcheck_server server_of(const struct netcheck *n)
{
	return (struct netcheck_server){n->server->path.remote, n->server->protocol};
}

static bool ports(struct netcheck *n, uint64_t now)
{
	struct netcheck_server server = server_of(n);

	if (n->turn >= FRESH_SOCKETS)
		return false;
	probe_add(n, PURPOSE_FRESH, n->turn, SOCKET_FRESH + n->turn, &server, now);
	return true;
}

/* Asks by CHANGE-REQUEST. A question whose answer may be longer than itself is filled: our
 * rendezvous wants it so. */
static struct probe *add_change(struct netcheck *n, enum purpose purpose, uint32_t socket,
	bool address, bool port, uint64_t now)
{
	struct netcheck_server server = {n->server->path.remote, NETCHECK_STUN};
	struct probe *p = probe_add(n, purpose, 0, socket, &server, now);

	p->stun.has_change = true;
	p->stun.change_address = address;
	p->stun.change_port = port;
	p->size = server.addr.family == ADDR_V6 ? ANSWER_V6 : ANSWER_V4;
	p->end_at = now + CHANGE_SPAN + 2 * n->result.rtt;
	return p;
}

static void add_filtering(struct netcheck *n, uint64_t now)
{
	if (n->changed_port.family == ADDR_NONE)
		return;
	add_change(n, PURPOSE_CHANGE_KNOWN, SOCKET_CHANGED_PORT, false, false, now);
	add_change(n, PURPOSE_CHANGE_PORT, SOCKET_CHANGED_PORT, false, true, now);
	if (n->server->protocol == NETCHECK_STUN)
		add_change(n, PURPOSE_CHANGE_ADDRESS, SOCKET_CHANGED_ADDRESS, true, true,
			now);
}

/* From each of two sockets to where the other one is seen: the filter is open then. */
static void add_hairpin(struct netcheck *n, uint64_t now)
{
	if (!n->result.network.translated)
		return;
	for (unsigned i = 0; i < 2; i++) {
		const struct probe *other = probe_answered(n, PURPOSE_FRESH, 1 - i);
		struct netcheck_server to = {.protocol = NETCHECK_RENDEZVOUS};

		if (other == NULL)
			continue;
		to.addr = other->mapped;
		probe_add(n, PURPOSE_HAIRPIN, i, SOCKET_FRESH + i, &to, now)->end_at =
			now + HAIRPIN_SPAN;
	}
}

static void add_sizes(struct netcheck *n, uint64_t now)
{
	struct netcheck_server server = server_of(n);
	bool v6 = server.addr.family == ADDR_V6;

	for (unsigned i = 0; i < PMTU_COUNT; i++) {
		struct probe *p = probe_add(n, PURPOSE_SIZE, i, n->socket, &server, now);

		p->size = (uint16_t)(link_mtus[i] - (v6 ? 48 : 28));
		p->interval = PMTU_ROUND;
		p->end_at = now + CHANGE_SPAN + 2 * n->result.rtt;
	}
}

static void add_hops(struct netcheck *n, uint64_t now)
{
	struct netcheck_server server = server_of(n);

	for (unsigned i = 0; i < NETCHECK_HOPS; i++) {
		struct probe *p = probe_add(n, PURPOSE_HOP, i, n->socket, &server, now);

		p->ttl = (uint8_t)(i + 1);
		p->interval = HOP_SPAN / 3;
		p->end_at = now + HOP_SPAN;
	}
}

static bool behaviour(struct netcheck *n, uint64_t now)
{
	if (n->turn > 0)
		return false;
	add_filtering(n, now);
	add_hairpin(n, now);
	add_sizes(n, now);
	add_hops(n, now);
	return true;
}

/* Where the answer came from that the filter kept out. */
static bool poison(struct netcheck *n, uint64_t now)
{
	struct netcheck_server to = {n->changed_port, n->server->protocol};

	if (n->turn > 0 || n->result.network.filtering != NETWORK_ADDRESS_AND_PORT ||
		!n->result.network.translated || !network_is_fixed(&n->result.network))
		return false;
	probe_add(n, PURPOSE_POISON, 0, SOCKET_CHANGED_PORT, &to, now);
	return true;
}

/* Each socket talks to the server for a while, as a connection does, is silent, and then
 * either asks again, for its port; or asks another port of the server to have an answer from
 * the one it talked to, which the filter lets in as long as it remembers. All at once: one
 * after the other would take as long for each. */
static void add_silence(struct netcheck *n, unsigned index, uint64_t now)
{
	struct netcheck_server server = server_of(n);
	uint32_t socket = SOCKET_SILENT + index;
	uint64_t silent_at = now + (WARM_UPS - 1) * WARM_INTERVAL;
	struct probe *p;

	for (unsigned i = 0; i < WARM_UPS; i++) {
		p = probe_add(n, PURPOSE_WARM, index, socket, &server, now);
		p->begin_at = now + i * WARM_INTERVAL;
		p->end_at = p->begin_at + WARM_INTERVAL - MILLISECOND;
	}
	if (!lifetime_by_port(n))
		server = (struct netcheck_server){n->changed_port, NETCHECK_STUN};
	p = probe_add(n, PURPOSE_SILENCE, index, socket, &server, now);
	if (!lifetime_by_port(n)) {
		p->stun.has_change = p->stun.change_port = true;
		p->size = server.addr.family == ADDR_V6 ? ANSWER_V6 : ANSWER_V4;
	}
	p->begin_at = silent_at + silence_of(index) * SECOND;
	p->end_at = p->begin_at + SECOND + 2 * n->result.rtt;
}

static bool lifetime(struct netcheck *n, uint64_t now)
{
	if (n->turn > 0 || !n->config.lifetime || !lifetime_possible(n))
		return false;
	for (unsigned i = 0; i < SILENCES; i++)
		add_silence(n, i, now);
	return true;
}

bool step_begin(struct netcheck *n, uint64_t now)
{
	switch (n->step) {
	case NETCHECK_REACH: return reach(n, now);
	case NETCHECK_MAPPING: return mapping(n, now);
	case NETCHECK_PORTS: return ports(n, now);
	case NETCHECK_BEHAVIOUR: return behaviour(n, now);
	case NETCHECK_POISON: return poison(n, now);
	case NETCHECK_LIFETIME: return lifetime(n, now);
	default: return false;
	}
}

bool silence_was_fatal(const struct netcheck *n, const struct probe *p)
{
	const struct probe *warm = probe_answered(n, PURPOSE_WARM, p->index);

	if (p->purpose != PURPOSE_SILENCE || warm == NULL)
		return false;
	if (p->state == PROBE_ANSWERED)
		return lifetime_by_port(n) && !addr_equal(&p->mapped, &warm->mapped);
	return p->state == PROBE_SILENT && !lifetime_by_port(n);
}

/* A silence that was too long: longer ones are as well. */
bool step_cut(const struct netcheck *n)
{
	if (n->step != NETCHECK_LIFETIME)
		return false;
	for (unsigned i = 0; i < n->probe_count; i++)
		if (silence_was_fatal(n, &n->probes[i]))
			return true;
	return false;
}
