/* SPDX-License-Identifier: MIT */
#include "core/host.h"

#include <stdlib.h>
#include <string.h>

#include "core/host_parts.h"

#define OUTBOX_SIZE    1024
#define REASSEMBLY_MAX 64
#define EXPIRE_ROOM    128 /* datagrams that one timer may make at most */
#define SCRATCH_SIZE   65536
#define SOCKET_REST    (30 * SECOND) /* a socket without connections before it is closed */

const char *host_refusal_text(uint8_t code)
{
	switch (code) {
#define X(name, value, text)                                                             \
	case value: return text;
		HOST_REFUSAL_MAP(X)
#undef X
	default: return "it gave no reason that this version knows";
	}
}

void host_config_init(struct host_config *config)
{
	*config = (struct host_config){.ciphers = CIPHER_CHACHA20_POLY1305,
		.guests_max = 16384,
		.network_max = 1024,
		.flows_max = 256,
		.sockets_max = 65536,
		.half_open_max = 1024};
}

void host_fill(struct host *h, uint8_t *bytes, size_t len)
{
	h->config.entropy.fill(h->config.entropy.arg, bytes, len);
}

struct host *host_new(const struct host_config *config, uint64_t now)
{
	struct host *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->config = *config;
	h->config.service = NULL;
	h->service = *config->service;
	credentials_of(&h->credentials, &h->service);
	crypto_x25519_public(h->host_static_public, h->service.host_static);
	host_fill(h, h->hash_key, sizeof(h->hash_key));
	host_fill(h, h->busy_key, sizeof(h->busy_key));
	challenger_init(&h->challenger, &h->config.entropy, now);
	h->next_number = 1;
	h->ledger.max = config->sockets_max;
	census_init(&h->attempt_networks, h->hash_key);
	census_init(&h->networks, h->hash_key);
	census_init(&h->half_open_networks, h->hash_key);
	census_init(&h->half_open_guests, h->hash_key);
	bucket_init(&h->punches, PUNCH_RATE, PUNCH_RATE, now);
	bucket_init(&h->handshakes, HELLO_RATE, HELLO_RATE, now);
	bucket_field_init(
		&h->hellos, HELLO_RATE_NETWORK, HELLO_RATE_NETWORK, h->hash_key, now);
	timers_init(&h->timers);
	reassembly_pool_init(&h->pool, REASSEMBLY_MAX);
	leases_init(h);
	h->sweep.kind = TIMER_SWEEP;
	h->scratch = malloc(SCRATCH_SIZE);
	h->numbers = calloc(NUMBER_MAX / 8 + 1, 1);
	if (outbox_init(&h->outbox, OUTBOX_SIZE) && h->scratch != NULL &&
		h->numbers != NULL && timers_set(&h->timers, &h->sweep, now + SWEEP))
		return h;
	host_free(h);
	return NULL;
}

void host_free(struct host *h)
{
	struct attempt *a, *next;
	struct flow *flow;

	if (h == NULL)
		return;
	while (h->connections != NULL)
		connection_free(h, h->connections);
	HASH_ITER (hh, h->attempts, a, next)
		attempt_free(h, a);
	peers_free(h);
	census_fini(&h->attempt_networks);
	census_fini(&h->networks);
	census_fini(&h->half_open_networks);
	census_fini(&h->half_open_guests);
	while ((flow = flow_take_closing(&h->ledger)) != NULL)
		free(flow);
	free(h->told);
	reassembly_pool_fini(&h->pool);
	timers_fini(&h->timers);
	outbox_fini(&h->outbox);
	free(h->scratch);
	free(h->numbers);
	free(h->spray);
	crypto_wipe(h, sizeof(*h));
	free(h);
}

void host_add_socket(
	struct host *h, uint32_t number, const struct addr *bound, uint64_t now)
{
	unsigned family = family_index(bound);

	if (number >= HOST_SOCKETS_MAX && host_socket(h, number) != NULL)
		host_spray_opened(h, number, bound, now);
	if (number >= HOST_SOCKETS_MAX || h->sockets[number].open)
		return;
	/* What the last socket's mapping was is no longer where we are. */
	if (h->spoilt.family == bound->family)
		h->spoilt = (struct addr){0};
	h->sockets[number] =
		(struct host_socket){.open = true, .bound = *bound, .unused_at = now};
	h->defaults[family] = number;
	h->has_default[family] = true;
	h->socket_wanted[family] = false;
	leases_use_socket(h, number, now);
}

void host_set_locals(struct host *h, const struct addr *locals, size_t count)
{
	h->local_count = count < HOST_LOCALS_MAX ? count : HOST_LOCALS_MAX;
	memcpy(h->locals, locals, h->local_count * sizeof(*locals));
}

void host_set_mapped(
	struct host *h, uint32_t number, const struct addr *mapped, uint64_t now)
{
	const struct addr none = {0};
	struct host_socket *s;

	if (number >= HOST_SOCKETS_MAX || !h->sockets[number].open)
		return;
	s = &h->sockets[number];
	mapped = mapped != NULL ? mapped : &none;
	if (addr_equal(&s->mapped, mapped))
		return;
	s->mapped = *mapped;
	attempts_answer_again(h, now);
}

void host_know_guest(struct host *h, const uint8_t identity[32], uint32_t number)
{
	if (number >= 1 && number <= NUMBER_MAX)
		peer_open(h, identity, number, NULL);
}

void host_set_guest_policy(
	struct host *h, const uint8_t identity[32], bool allowed, uint64_t now)
{
	struct peer *peer = peer_open(h, identity, 0, NULL);

	if (peer == NULL)
		return;
	peer->policy = allowed ? POLICY_ALLOWED : POLICY_DENIED;
	peers_enforce(h, now);
}

void host_forget_policies(struct host *h)
{
	struct peer *peer, *next;

	HASH_ITER (hh, h->peers, peer, next)
		peer->policy = POLICY_NONE;
}

void host_allow_unknown(struct host *h, bool allow_unknown, uint64_t now)
{
	h->deny_unknown = !allow_unknown;
	peers_enforce(h, now);
}

void host_set_servers(
	struct host *h, const struct addr *servers, size_t count, uint64_t now)
{
	leases_replace(
		h, servers, count < HOST_SERVERS_MAX ? count : HOST_SERVERS_MAX, now);
}

/* An introduction is from the server whose token made its MAC; an acknowledgement from the
 * server of any lease. */
static struct lease *lease_speaking(
	struct host *h, const struct path *path, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < h->config.server_count; i++) {
		struct lease *lease = &h->leases[i];

		if (lease->state == LEASE_HELD &&
			addr_equal(&lease->server, &path->remote) &&
			(message_type(buf) == MESSAGE_ACK ||
				message_mac_verify(buf, len, lease->token)))
			return lease;
	}
	return NULL;
}

static enum verdict input_from_server(struct host *h, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct lease *lease = lease_speaking(h, path, buf, len);

	if (lease == NULL)
		return VERDICT_DROP_FORGED;
	if (message_type(buf) == MESSAGE_INTRODUCE)
		return attempt_introduced(h, lease, buf, len, now);
	attempt_acked(h, lease, buf, len);
	return VERDICT_CONSUMED;
}

static enum verdict input_message(struct host *h, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	uint8_t type = message_type(buf);
	struct datagram *d;

	if (type == MESSAGE_HELLO && message_version(buf) != WIRE_VERSION) {
		d = outbox_add(&h->outbox, path, 0);
		d->len = (uint16_t)version_encode(d->data, message_id(buf));
		return VERDICT_DROP_VERSION;
	}
	if (message_version(buf) != WIRE_VERSION && type != MESSAGE_VERSION)
		return VERDICT_DROP_VERSION;
	if (path->channel != 0 && type != MESSAGE_HELLO)
		return VERDICT_DROP_UNKNOWN_TYPE;
	switch (type) {
	case MESSAGE_KNOCK: return host_spray_knock(h, path, buf, len, now);
	case MESSAGE_HELLO: return attempt_hello(h, path, buf, len, now);
	case MESSAGE_INTRODUCE:
	case MESSAGE_ACK: return input_from_server(h, path, buf, len, now);
	case MESSAGE_COOKIE:
	case MESSAGE_REGISTERED:
	case MESSAGE_REFRESHED:
	case MESSAGE_ERROR:
	case MESSAGE_VERSION: return lease_input(h, path, buf, len, now);
	default: return VERDICT_DROP_UNKNOWN_TYPE;
	}
}

static bool is_relay(const struct host *h, const struct addr *addr)
{
	for (size_t i = 0; i < h->config.server_count; i++)
		if (addr_equal(&h->leases[i].server, addr))
			return true;
	return false;
}

enum verdict host_input(struct host *h, const struct path *path, uint8_t *buf, size_t len,
	uint64_t now, struct delivery *delivery)
{
	enum verdict verdict = VERDICT_DROP_MALFORMED;
	struct path relayed;

	if (channel_strip(&relayed, path, &buf, &len))
		path = &relayed;
	if (host_socket(h, path->socket) == NULL ||
		(path->channel != 0 && !is_relay(h, &path->remote)))
		verdict = VERDICT_DROP_UNSOLICITED;
	else if (frame_is(buf, len) && len <= SCRATCH_SIZE)
		verdict = frame_input(h, path, buf, len, now, delivery);
	else if (message_is(buf, len))
		verdict = input_message(h, path, buf, len, now);
	else if (challenge_is(buf, len) || resume_is(buf, len))
		verdict = resume_input(h, path, buf, len, now);
	return verdict_count(&h->counts.verdicts, verdict);
}

void host_icmp(struct host *h, const struct path *path, const struct addr *offender,
	uint8_t type, uint8_t code, const uint8_t *quoted, size_t quoted_len,
	uint64_t now)
{
	const uint8_t time_exceeded = 11, unreachable_v4 = 3, unreachable_v6 = 1;

	(void)code;
	if (path->remote.family == ADDR_V4 && type == time_exceeded)
		levels_icmp(h, offender, quoted, quoted_len);
	else if (type ==
		 (path->remote.family == ADDR_V4 ? unreachable_v4 : unreachable_v6))
		route_hint(h, path, now);
}

unsigned host_parts(const struct flow *flow, size_t len)
{
	const struct peer *peer = flow->owner;

	if (flow->closing || peer->connection == NULL)
		return 1;
	return session_parts(&peer->connection->session, flow->id, len);
}

size_t host_seal(struct host *h, struct flow *flow, unsigned part, unsigned parts,
	const uint8_t *payload, size_t len, uint8_t *out, struct path *path, uint64_t now)
{
	struct peer *peer = flow->owner;
	struct connection *c = flow->closing ? NULL : peer->connection;
	size_t size = 0;

	if (c != NULL)
		size = session_seal(
			&c->session, flow->id, part, parts, payload, len, out, now);
	/* More than may go where the guest seems to be: it still listens where it was. */
	if (size == 0 && c != NULL && !c->session.proved && peer->before != NULL) {
		c = peer->before;
		size = session_seal(
			&c->session, flow->id, part, parts, payload, len, out, now);
	}
	if (size == 0) {
		h->counts.dropped_out++;
		return 0;
	}
	*path = c->session.path;
	flow->used_at = now;
	return size;
}

bool host_output(struct host *h, struct datagram *d, uint64_t now)
{
	/* Goodbyes, as many at a time as there is room for. */
	while (h->leaving != NULL && outbox_has_room(&h->outbox, 1)) {
		struct connection *c = h->leaving;

		if (c->peer != NULL && !c->replaced)
			session_bye(&c->session, 0, now);
		h->leaving = c->next;
	}
	return outbox_take(&h->outbox, d);
}

/* Sockets that were left for fresh ones close when their last connection is gone. */
static void sweep_sockets(struct host *h, uint64_t now)
{
	for (uint32_t i = 0; i < HOST_SOCKETS_MAX; i++) {
		struct host_socket *s = &h->sockets[i];

		if (!s->open || s->done)
			continue;
		if (s->connections > 0 || s->mapped.family != ADDR_NONE ||
			i == h->defaults[family_index(&s->bound)])
			s->unused_at = now;
		else if (now - s->unused_at >= SOCKET_REST)
			s->done = true;
	}
	host_spray_release(h);
}

static void sweep(struct host *h, uint64_t now)
{
	peers_sweep(h, now);
	sweep_sockets(h, now);
	timers_set(&h->timers, &h->sweep, now + SWEEP);
}

void host_expire(struct host *h, uint64_t now)
{
	struct timer *timer;

	/* What does not fit is still due: output is pulled, and expire called again. */
	while (outbox_has_room(&h->outbox, EXPIRE_ROOM) &&
		(timer = timers_pop(&h->timers, now)) != NULL) {
		switch (timer->kind) {
		case TIMER_LEASE: lease_expire(h, timer->owner, now); break;
		case TIMER_LEVELS: levels_expire(h, now); break;
		case TIMER_ATTEMPT: attempt_expire(h, timer->owner, now); break;
		case TIMER_SPRAY: host_spray_expire(h, now); break;
		case TIMER_CONNECTION: connection_expire(h, timer->owner, now); break;
		default: sweep(h, now);
		}
	}
}

uint64_t host_next_timeout(const struct host *h)
{
	return timers_next(&h->timers);
}

/* The number of a socket that is not in use; HOST_SOCKETS_MAX if there is none. */
static uint32_t free_socket(const struct host *h)
{
	uint32_t i = 2;

	while (i < HOST_SOCKETS_MAX && h->sockets[i].open)
		i++;
	return i;
}

static bool next_socket_event(struct host *h, struct event *event)
{
	for (uint32_t i = 0; i < HOST_SOCKETS_MAX; i++) {
		if (!h->sockets[i].open || !h->sockets[i].done)
			continue;
		*event = (struct event){.type = EVENT_SOCKET_DONE, .number = i};
		h->sockets[i] = (struct host_socket){0};
		return true;
	}
	for (unsigned family = 0; family < 2; family++) {
		uint32_t number = free_socket(h);

		if (!h->socket_wanted[family] || number == HOST_SOCKETS_MAX)
			continue;
		h->socket_wanted[family] = false;
		*event = (struct event){.type = EVENT_SOCKET_WANTED, .number = number};
		event->addr.family = family == 0 ? ADDR_V4 : ADDR_V6;
		return true;
	}
	return false;
}

bool host_next_event(struct host *h, struct event *event)
{
	free(h->told);
	h->told = flow_take_closing(&h->ledger);
	if (h->told != NULL) {
		*event = (struct event){.type = EVENT_FLOW_CLOSED, .flow = h->told};
		return true;
	}
	return next_socket_event(h, event) || host_spray_next_event(h, event) ||
	       events_take(&h->events, event);
}

void host_network_changed(struct host *h, uint64_t now)
{
	leases_check(h, now);
	connections_recheck(h, now);
}

void host_shutdown(struct host *h, uint64_t now)
{
	leases_end(h, now);
	h->leaving = h->connections;
}

void host_get_counts(const struct host *h, struct host_counts *counts)
{
	*counts = h->counts;
	counts->attempts = HASH_COUNT(h->attempts) - h->resting;
}

static void describe_guest(
	struct host_guest *guest, const struct connection *c, uint64_t now)
{
	const struct session *s = &c->session;

	*guest = (struct host_guest){.number = c->peer->number,
		.flows = c->peer->flows.count,
		.path = s->path,
		.span = now - c->began_at,
		.rtt = s->rtt,
		.datagrams_out = s->counts.datagrams_out,
		.bytes_out = s->counts.bytes_out,
		.datagrams_in = s->counts.datagrams_in,
		.bytes_in = s->counts.bytes_in,
		.lost_in = s->counts.lost_in,
		.rekeys = s->counts.rekeys,
		.moves = s->counts.moves};
	memcpy(guest->identity, c->identity, CRYPTO_KEY_SIZE);
}

size_t host_list_guests(
	const struct host *h, struct host_guest *list, size_t max, uint64_t now)
{
	const struct connection *c;
	size_t count = 0;

	for (c = h->connections; c != NULL && count < max; c = c->next)
		if (c->peer != NULL && !c->replaced)
			describe_guest(&list[count++], c, now);
	return count;
}
