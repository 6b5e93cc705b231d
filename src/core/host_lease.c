/* SPDX-License-Identifier: MIT */
/* A host's leases and what it learns by them.
 *
 *   IDLE      -> COOKIE        a socket of the server's family is there; by a stream, when
 *                              nothing better answers (host_stream.c)
 *   COOKIE    -> REGISTER      the rendezvous gave a cookie: sign and register with it
 *   REGISTER  -> HELD          it gave a token: refresh under its MAC every 3 s
 *   HELD      -> COOKIE        "unknown lease", 3 s of silence, or another socket
 *   any       -> REFUSED       it says no; after 5 s -> COOKIE
 *   any       -> IDLE          by a stream, when UDP works
 *
 * Every question is repeated until answered (retry.h), and its random id must come back. */
#include <string.h>

#include "core/host_parts.h"

static void lease_send(struct host *h, struct lease *lease, uint64_t now)
{
	const struct path path = {.socket = lease->socket, .remote = lease->server};
	struct datagram *d = outbox_add(&h->outbox, &path, 0);
	struct lease_message m;

	switch (lease->state) {
	case LEASE_COOKIE:
		d->len = (uint16_t)cookie_ask_encode(d->data, lease->id);
		break;
	case LEASE_REGISTER:
		memcpy(d->data, lease->request, REGISTER_SIZE);
		d->len = REGISTER_SIZE;
		break;
	default:
		memcpy(m.service, h->credentials.service, sizeof(m.service));
		memcpy(m.instance, h->service.instance, INSTANCE_SIZE);
		d->len = (uint16_t)lease_encode(
			d->data, MESSAGE_REFRESH, lease->id, &m, lease->token);
	}
	retry_sent(&lease->retry, now);
	timers_set(&h->timers, &lease->timer, lease->retry.next_at);
}

/* For how long there was no answer, and since when it is held. */
static void note_silence(struct lease *lease, enum lease_state state, uint64_t now)
{
	if (state == LEASE_HELD && lease->state != LEASE_HELD)
		lease->held_at = now;
	if (state == LEASE_HELD || state == LEASE_REFUSED)
		lease->silent_at = NEVER;
	else if (lease->silent_at == NEVER || lease->silent_at == 0)
		lease->silent_at = now;
}

/* The one writer of a lease's state; a question goes with it at once. */
void lease_enter(
	struct host *h, struct lease *lease, enum lease_state state, uint64_t now)
{
	note_silence(lease, state, now);
	lease->state = state;
	host_fill(h, lease->id, ID_SIZE);
	if (state == LEASE_IDLE) {
		lease->silent_at = 0;
		retry_stop(&lease->retry);
		timers_clear(&h->timers, &lease->timer);
		return;
	}
	if (state == LEASE_REFUSED) {
		timers_set(&h->timers, &lease->timer,
			now + (lease->refused ? LEASE_REFUSED_WAIT
					      : LEASE_REFUSED_FIRST));
		lease->refused = true;
		return;
	}
	if (state == LEASE_HELD) {
		lease->refused = false;
		retry_stop(&lease->retry);
		lease->refresh_at = now + LEASE_REFRESH;
		timers_set(&h->timers, &lease->timer, lease->refresh_at);
		return;
	}
	retry_start(&lease->retry, now);
	if (state != LEASE_REGISTER)
		lease_send(h, lease, now);
}

void leases_init(struct host *h)
{
	for (size_t i = 0; i < h->config.server_count; i++) {
		struct lease *lease = &h->leases[i];

		lease->server = h->config.servers[i];
		lease->timer.owner = lease;
		lease->timer.kind = TIMER_LEASE;
	}
	h->levels.timer.kind = TIMER_LEVELS;
}

static bool is_listed(const struct addr *list, size_t count, const struct addr *a)
{
	for (size_t i = 0; i < count; i++)
		if (addr_equal(&list[i], a))
			return true;
	return false;
}

/* Gives the lease another server: as if it were new. */
static void lease_assign(
	struct host *h, struct lease *lease, const struct addr *server, uint64_t now)
{
	unsigned family = family_index(server);

	timers_clear(&h->timers, &lease->timer);
	if (h->levels.lease == lease) {
		timers_clear(&h->timers, &h->levels.timer);
		h->levels.lease = NULL;
		h->levels.round = 0;
	}
	*lease = (struct lease){.server = *server};
	lease->timer.owner = lease;
	lease->timer.kind = TIMER_LEASE;
	retry_stop(&lease->retry);
	if (server->family == ADDR_NONE || !h->has_default[family] ||
		server->transport != ADDR_UDP)
		return;
	lease->socket = h->defaults[family];
	lease_enter(h, lease, LEASE_COOKIE, now);
}

/* A lease whose server is not listed any more takes one that is and has none; what is left
 * of the list is appended. Leases keep their places: attempts name them by index. */
void leases_replace(
	struct host *h, const struct addr *servers, size_t count, uint64_t now)
{
	for (size_t i = 0, next = 0; i < count; i++) {
		if (is_listed(h->config.servers, h->config.server_count, &servers[i]))
			continue;
		while (next < h->config.server_count &&
			is_listed(servers, count, &h->config.servers[next]))
			next++;
		if (next == HOST_SERVERS_MAX)
			return;
		if (next == h->config.server_count)
			h->config.server_count++;
		h->config.servers[next] = servers[i];
		lease_assign(h, &h->leases[next], &servers[i], now);
	}
	for (size_t i = 0; i < h->config.server_count; i++)
		if (!is_listed(servers, count, &h->config.servers[i])) {
			h->config.servers[i] = (struct addr){0};
			lease_assign(h, &h->leases[i], &h->config.servers[i], now);
		}
	streams_weigh(h, now);
}

void leases_use_socket(struct host *h, uint32_t number, uint64_t now)
{
	uint8_t family = h->sockets[number].bound.family;

	for (size_t i = 0; i < h->config.server_count; i++) {
		struct lease *lease = &h->leases[i];

		if (lease->server.family != family || lease->server.transport != ADDR_UDP)
			continue;
		lease->socket = number;
		lease_enter(h, lease, LEASE_COOKIE, now);
	}
	streams_weigh(h, now);
}

void lease_lost(struct host *h, struct lease *lease, const char *why)
{
	struct event *event;

	if (!lease->told)
		return;
	lease->told = false;
	event = events_add(&h->events, EVENT_LEASE_LOST);
	event->addr = lease->server;
	event->why = why;
}

static void ask_again(struct host *h, struct lease *lease, uint64_t now)
{
	if (lease->state == LEASE_REFUSED) {
		lease_enter(h, lease, LEASE_COOKIE, now);
		return;
	}
	if (lease->state == LEASE_HELD && lease->retry.next_at == NEVER) {
		host_fill(h, lease->id, ID_SIZE);
		retry_start(&lease->retry, now);
		lease->silent_at = now;
	} else if (lease->state == LEASE_HELD &&
		   now - lease->retry.began_at >= LEASE_SILENCE) {
		lease_lost(h, lease, "no answer for 3 s");
		lease_enter(h, lease, LEASE_COOKIE, now);
		return;
	}
	lease_send(h, lease, now);
}

void lease_expire(struct host *h, struct lease *lease, uint64_t now)
{
	ask_again(h, lease, now);
	streams_weigh(h, now);
}

void leases_check(struct host *h, uint64_t now)
{
	for (size_t i = 0; i < h->config.server_count; i++)
		if (h->leases[i].state == LEASE_HELD &&
			h->leases[i].retry.next_at == NEVER)
			timers_set(&h->timers, &h->leases[i].timer, now);
}

void leases_doubt(struct host *h, uint64_t now)
{
	if (h->doubted_at != 0 && now - h->doubted_at < SECOND)
		return;
	h->doubted_at = now;
	leases_check(h, now);
}

/* Own mapping. */

/* Asks at a further port of the rendezvous, in turn, how we look from there. */
void lease_probe_mapping(struct host *h, struct lease *lease, uint64_t now)
{
	struct path path = {.socket = lease->socket, .remote = lease->server};
	struct datagram *d;

	if (lease->alt_mask == 0 || lease->server.transport != ADDR_UDP)
		return;
	while ((lease->alt_mask >> (lease->alt_turn % 32) & 1) == 0)
		lease->alt_turn++;
	path.remote.port = (uint16_t)(lease->alt_base + lease->alt_turn % 32);
	lease->alt_turn++;
	host_fill(h, lease->probe_id, ID_SIZE);
	lease->probe_until = now + 5 * SECOND;
	d = outbox_add(&h->outbox, &path, 0);
	d->len = (uint16_t)cookie_ask_encode(d->data, lease->probe_id);
}

/* A destination never used before sees us elsewhere than the lease's does: what the NAT
 * keeps for the lease will not hold for guests. Offer both, and move to a fresh socket. */
static void mapping_checked(
	struct host *h, struct lease *lease, const struct addr *seen, uint64_t now)
{
	unsigned family = family_index(seen);
	struct event *event;

	lease->probe_until = 0;
	if (lease->state != LEASE_HELD)
		return;
	if (lease->measuring && seen->family == ADDR_V4)
		behaviour_learn(&h->behaviour, &lease->observed, seen);
	lease->measuring = false;
	if (h->behaviour.mapping == BEHAVIOUR_SEQUENTIAL && seen->family == ADDR_V4) {
		h->behaviour.port = seen->port;
		attempts_measured(h);
	}
	if (addr_equal(seen, &lease->observed))
		return;
	if (!addr_equal(&h->spoilt, seen)) {
		h->spoilt = *seen;
		attempts_answer_again(h, now);
	}
	if (h->fresh[family] >= FRESH_SOCKETS || h->socket_wanted[family])
		return;
	h->fresh[family]++;
	h->socket_wanted[family] = true;
	event = events_add(&h->events, EVENT_MAPPING_SPOILT);
	event->addr = lease->observed;
	event->peer = *seen;
}

/* Own NATs. */

static void levels_send(struct host *h, uint64_t now)
{
	struct levels *l = &h->levels;
	const struct path path = {.socket = l->lease->socket, .remote = l->lease->server};

	for (uint8_t ttl = 1; ttl <= LEVELS_MAX; ttl++) {
		struct datagram *d = outbox_add(&h->outbox, &path, ttl);

		l->id[ID_SIZE - 1] = ttl;
		d->len = (uint16_t)cookie_ask_encode(d->data, l->id);
	}
	l->round++;
	timers_set(&h->timers, &l->timer, now + 300 * MILLISECOND);
}

static void levels_begin(struct host *h, struct lease *lease, uint64_t now)
{
	if (h->levels.lease != NULL || lease->server.family != ADDR_V4 ||
		lease->server.transport != ADDR_UDP)
		return;
	h->levels.lease = lease;
	host_fill(h, h->levels.id, ID_SIZE);
	levels_send(h, now);
}

void levels_expire(struct host *h, uint64_t now)
{
	struct event *event;

	if (h->levels.round < LEVELS_ROUNDS) {
		levels_send(h, now);
		return;
	}
	h->levels.counted = true;
	event = events_add(&h->events, EVENT_LEVELS_COUNTED);
	event->addr = h->levels.lease->server;
	event->number = h->levels.highest;
}

void levels_icmp(struct host *h, const struct addr *offender, const uint8_t *quoted,
	size_t quoted_len)
{
	struct levels *l = &h->levels;
	uint8_t ttl;

	if (l->lease == NULL || l->counted || !message_is(quoted, quoted_len) ||
		memcmp(message_id(quoted), l->id, ID_SIZE - 1) != 0)
		return;
	ttl = message_id(quoted)[ID_SIZE - 1];
	if (ttl <= LEVELS_MAX && ttl > l->highest && addr_is_private(offender))
		l->highest = ttl;
}

static bool is_local(const struct host *h, const struct addr *a)
{
	for (size_t i = 0; i < h->local_count; i++)
		if (addr_same_ip(&h->locals[i], a))
			return true;
	return false;
}

/* True if an IPv4 rendezvous sees us at an address of our own. */
static bool is_unmapped(const struct host *h)
{
	for (size_t i = 0; i < h->config.server_count; i++)
		if (h->leases[i].observed.family == ADDR_V4 &&
			h->leases[i].observed.transport == ADDR_UDP &&
			is_local(h, &h->leases[i].observed))
			return true;
	return false;
}

/* True if fresh sockets did not help: our NAT takes another port for each destination, and
 * no guest can know which. */
static bool maps_by_destination(const struct host *h, const struct addr *to)
{
	return h->spoilt.family == to->family &&
	       h->fresh[family_index(to)] >= FRESH_SOCKETS;
}

uint8_t levels_ttl(const struct host *h, const struct addr *to, unsigned trial)
{
	unsigned levels = h->levels.highest;

#ifdef EYELET_PLANT_TTL
	return 0;
#endif
	/* IPv6 has firewalls, no port mapping that an early datagram could spoil; and what is
	 * private or on this machine has no NAT of the guest's in front. */
	if (to->family != ADDR_V4 || addr_is_private(to) || addr_is_loopback(to))
		return 0;
	/* Only a punch that arrives tells an open guest which port is ours. Now and then it
	 * is tried without a sign of that: one address of a rendezvous cannot tell a mapping
	 * that depends on the address. */
	if (maps_by_destination(h, to) || trial % 4 == 3)
		return 0;
	if (is_unmapped(h))
		levels = 0;
	else if (levels == 0)
		levels = 1;
	/* Every other trial goes a step further, lest the count fell short; those between do
	 * not, lest the step reaches the guest's NAT and spoils each fresh port of its. */
	trial = trial % 2 == 1 ? 0 : trial / 2;
	return (uint8_t)(levels + 1 + (trial < 16 ? trial : 16));
}

/* Answers. */

static void input_cookie(
	struct host *h, struct lease *lease, const uint8_t *buf, size_t len, uint64_t now)
{
	struct cookie_message m;
	struct register_message request = {.lease = 0};

	if (!cookie_decode(&m, buf, len))
		return;
	if (lease->probe_until > now &&
		memcmp(message_id(buf), lease->probe_id, ID_SIZE) == 0) {
		mapping_checked(h, lease, &m.observed, now);
		return;
	}
	if (lease->state != LEASE_COOKIE ||
		memcmp(message_id(buf), lease->id, ID_SIZE) != 0)
		return;
	lease->alt_base = m.alt_base;
	lease->alt_mask = m.alt_mask;
	lease_enter(h, lease, LEASE_REGISTER, now);
	memcpy(request.cookie, m.cookie, COOKIE_SIZE);
	memcpy(request.service, h->credentials.service, sizeof(request.service));
	memcpy(request.asking, h->credentials.asking_public, sizeof(request.asking));
	memcpy(request.instance, h->service.instance, INSTANCE_SIZE);
	request.dialled = lease->server;
	register_encode(lease->request, lease->id, &request, h->service.seed);
	lease_send(h, lease, now);
}

static void note_observed(
	struct host *h, struct lease *lease, const struct addr *observed, uint64_t now)
{
	struct event *event;

	if (lease->told && addr_equal(observed, &lease->observed))
		return;
	/* Seen elsewhere than before: what NATs kept for the guests is gone as well. Each
	 * stream has another port. */
	if (lease->observed.family != ADDR_NONE &&
		!(lease->server.transport == ADDR_UDP
				? addr_equal(observed, &lease->observed)
				: addr_same_ip(observed, &lease->observed)))
		connections_recheck(h, now);
	lease->observed = *observed;
	lease->told = true;
	event = events_add(&h->events, EVENT_REGISTERED);
	event->addr = lease->server;
	event->peer = *observed;
}

static void input_registered(
	struct host *h, struct lease *lease, const uint8_t *buf, size_t len, uint64_t now)
{
	struct registered_message m;

	if (lease->state != LEASE_REGISTER || !registered_decode(&m, buf, len))
		return;
	memcpy(lease->token, m.token, TOKEN_SIZE);
	lease_enter(h, lease, LEASE_HELD, now);
	note_observed(h, lease, &m.observed, now);
	levels_begin(h, lease, now);
	lease->measuring = true;
	lease_probe_mapping(h, lease, now);
}

static void input_refreshed(
	struct host *h, struct lease *lease, const uint8_t *buf, size_t len, uint64_t now)
{
	struct registered_message m;

	if (lease->state != LEASE_HELD || !registered_decode(&m, buf, len))
		return;
	memcpy(lease->token, m.token, TOKEN_SIZE);
	lease_enter(h, lease, LEASE_HELD, now);
	note_observed(h, lease, &m.observed, now);
}

static void input_error(
	struct host *h, struct lease *lease, const uint8_t *buf, size_t len, uint64_t now)
{
	uint8_t code;
	struct event *event;

	if (!code_decode(&code, buf, len))
		return;
	if (code == REFUSAL_UNKNOWN_LEASE || code == REFUSAL_STALE_COOKIE) {
		lease_lost(h, lease, "the rendezvous forgot it");
		lease_enter(h, lease, LEASE_COOKIE, now);
		return;
	}
	if (lease->state ==
		LEASE_HELD) /* it knew us before: more likely somebody else's word */
		return;
	lease->told = false;
	lease_enter(h, lease, LEASE_REFUSED, now);
	event = events_add(&h->events, EVENT_LEASE_REFUSED);
	event->addr = lease->server;
	event->number = code;
}

static void input_version(
	struct host *h, struct lease *lease, const uint8_t *buf, uint64_t now)
{
	struct event *event;

	if (lease->state == LEASE_HELD)
		return;
	event = events_add(&h->events, EVENT_VERSION_MISMATCH);
	event->addr = lease->server;
	event->number = message_version(buf);
	lease_enter(h, lease, LEASE_REFUSED, now);
}

enum verdict lease_input(struct host *h, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now)
{
	uint8_t type = message_type(buf);
	bool answers = false;
	struct lease *lease = NULL;

	/* An answer names its question; several leases may share an address by port. */
	for (size_t i = 0; i < h->config.server_count && !answers; i++) {
		lease = &h->leases[i];
		answers = lease->server.transport == path->remote.transport &&
			  addr_same_ip(&lease->server, &path->remote) &&
			  (memcmp(message_id(buf), lease->id, ID_SIZE) == 0 ||
				  (type == MESSAGE_COOKIE &&
					  memcmp(message_id(buf), lease->probe_id,
						  ID_SIZE) == 0));
	}
	if (!answers)
		return VERDICT_DROP_UNSOLICITED;
	if (type == MESSAGE_VERSION)
		input_version(h, lease, buf, now);
	else if (type == MESSAGE_COOKIE)
		input_cookie(h, lease, buf, len, now);
	else if (type == MESSAGE_REGISTERED)
		input_registered(h, lease, buf, len, now);
	else if (type == MESSAGE_REFRESHED)
		input_refreshed(h, lease, buf, len, now);
	else
		input_error(h, lease, buf, len, now);
	return VERDICT_CONSUMED;
}

void leases_end(struct host *h, uint64_t now)
{
	struct lease_message m;
	uint8_t id[ID_SIZE];

	(void)now;
	memcpy(m.service, h->credentials.service, sizeof(m.service));
	memcpy(m.instance, h->service.instance, INSTANCE_SIZE);
	for (size_t i = 0; i < h->config.server_count; i++) {
		struct lease *lease = &h->leases[i];
		const struct path path = {
			.socket = lease->socket, .remote = lease->server};
		struct datagram *d;

		timers_clear(&h->timers, &lease->timer);
		if (lease->state != LEASE_HELD)
			continue;
		host_fill(h, id, sizeof(id));
		d = outbox_add(&h->outbox, &path, 0);
		d->len = (uint16_t)lease_encode(
			d->data, MESSAGE_UNREGISTER, id, &m, lease->token);
	}
}
