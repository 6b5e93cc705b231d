/* SPDX-License-Identifier: MIT */
/* One guest's try to reach this host, from its introduction to its hello. Order is by
 * cause: the punches leave before the answer, and the guest's hello, which the answer
 * brings about, finds the hole open. */
#include <stdlib.h>
#include <string.h>

#include "core/host_parts.h"
#include "core/wire.h"

static struct attempt *attempt_find(const struct host *h, const uint8_t id[ID_SIZE])
{
	struct attempt *a;

	TABLE_FIND(h->attempts, h->hash_key, id, ID_SIZE, a);
	return a;
}

/* Forgets the attempt that has rested longest, of that network unless it is NULL; the table
 * keeps the order of entry. */
static bool make_room(struct host *h, const struct census_entry *network)
{
	struct attempt *a, *next;

	HASH_ITER (hh, h->attempts, a, next) {
		if (!a->resting || (network != NULL && a->network != network))
			continue;
		attempt_free(h, a);
		return true;
	}
	return false;
}

/* One more of that network, which is counted already. */
static bool has_room(struct host *h, const struct census_entry *network)
{
	if (census_size(network) > ATTEMPTS_NETWORK)
		return make_room(h, network);
	return HASH_COUNT(h->attempts) < ATTEMPTS_MAX || make_room(h, NULL);
}

static struct attempt *attempt_open(
	struct host *h, const uint8_t id[ID_SIZE], const struct addr *from, uint64_t now)
{
	struct census_entry *network = limit_attempt(h, from);
	struct attempt *a = NULL;

	if (network == NULL)
		return NULL;
	if (has_room(h, network))
		a = calloc(1, sizeof(*a));
	if (a == NULL) {
		census_leave_entry(&h->attempt_networks, network);
		return NULL;
	}
	a->network = network;
	memcpy(a->id, id, ID_SIZE);
	a->began_at = now;
	a->timer.owner = a;
	a->timer.kind = TIMER_ATTEMPT;
	retry_stop(&a->punch);
	for (unsigned i = 0; i < HOST_SERVERS_MAX; i++)
		retry_stop(&a->replies[i].retry);
	TABLE_ADD(h->attempts, h->hash_key, id, ID_SIZE, a);
	if (TABLE_HOLDS(a))
		return a;
	census_leave_entry(&h->attempt_networks, network);
	free(a);
	return NULL;
}

void attempt_free(struct host *h, struct attempt *a)
{
	if (a->connection != NULL)
		a->connection->attempt = NULL;
	timers_clear(&h->timers, &a->timer);
	h->resting -= a->resting ? 1 : 0;
	HASH_DEL(h->attempts, a);
	census_leave_entry(&h->attempt_networks, a->network);
	crypto_wipe(a->welcome, sizeof(a->welcome));
	free(a);
}

/* Punching. */

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

static void punch_all(struct host *h, struct attempt *a, unsigned first, uint64_t now)
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
static unsigned add_targets(struct host *h, struct attempt *a,
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

/* Answering. */

static void offer_own(struct host *h, struct candidates *own)
{
	/* First, lest many rendezvous and a mapping for each leave no room for it. */
	for (unsigned i = 0; i < HOST_SOCKETS_MAX; i++)
		candidates_add(own, &h->sockets[i].mapped, CANDIDATE_MAPPED);
	for (size_t i = 0; i < h->config.server_count; i++)
		if (h->leases[i].state == LEASE_HELD)
			candidates_add(own, &h->leases[i].observed, CANDIDATE_OBSERVED);
	candidates_add(own, &h->spoilt, CANDIDATE_OBSERVED);
	if (h->spoilt.family == ADDR_V4)
		step_predict(own, &h->spoilt, h->behaviour.delta, PREDICTIONS);
	for (unsigned i = 0; i < 2; i++)
		candidates_add(own, &h->config.publics[i], CANDIDATE_PUBLIC);
	for (size_t i = 0; !h->config.no_local_candidates && i < h->local_count; i++) {
		struct addr local = h->locals[i];
		unsigned family = family_index(&local);

		if (!h->has_default[family])
			continue;
		local.port = h->sockets[h->defaults[family]].bound.port;
		candidates_add(own, &local, CANDIDATE_LOCAL);
	}
}

static void seal_answer(struct host *h, struct attempt *a)
{
	struct host_offer offer = {.behaviour = host_behaviour(h)};

	offer.behaviour.spray = a->sprays;

	memcpy(offer.host_static, h->host_static_public, CRYPTO_KEY_SIZE);
	offer_own(h, &offer.candidates);
	a->payload_len = host_offer_seal(a->payload, &offer, &h->service, &h->credentials,
		a->id, a->sequence, &h->config.entropy);
}

static void answer_one(struct host *h, struct attempt *a, size_t i, uint64_t now)
{
	const struct lease *lease = &h->leases[i];
	const struct path path = {.socket = lease->socket, .remote = lease->server};
	struct answer_message m = {.sequence = a->sequence,
		.payload = a->payload,
		.payload_len = a->payload_len};
	struct datagram *d;

	retry_sent(&a->replies[i].retry, now);
	if (lease->state != LEASE_HELD)
		return;
	memcpy(m.service, h->credentials.service, sizeof(m.service));
	memcpy(m.instance, h->service.instance, INSTANCE_SIZE);
	d = outbox_add(&h->outbox, &path, 0);
	d->len = (uint16_t)answer_encode(d->data, a->id, &m, lease->token);
}

static void answer_start(struct host *h, struct attempt *a, size_t i, uint64_t now)
{
	a->replies[i].wanted = true;
	a->replies[i].acked = false;
	retry_start(&a->replies[i].retry, now);
	answer_one(h, a, i, now);
}

/* Sets the attempt's timer to what comes first. */
static void attempt_rearm(struct host *h, struct attempt *a)
{
	uint64_t at = a->asked_at + ATTEMPT_LIFE;

	at = a->punch.next_at < at ? a->punch.next_at : at;
	for (size_t i = 0; i < h->config.server_count; i++)
		if (a->replies[i].retry.next_at < at)
			at = a->replies[i].retry.next_at;
	timers_set(&h->timers, &a->timer, at);
}

void attempts_measured(struct host *h)
{
	struct attempt *a, *next;

	HASH_ITER (hh, h->attempts, a, next)
		a->measures = false;
}

void attempts_answer_again(struct host *h, uint64_t now)
{
	struct attempt *a, *next;

	HASH_ITER (hh, h->attempts, a, next) {
		if (a->resting || a->connection != NULL ||
			now - a->began_at > RETRY_EAGER || a->sequence == ANSWERS_MAX)
			continue;
		a->sequence++;
		seal_answer(h, a);
		for (size_t i = 0; i < h->config.server_count; i++)
			if (a->replies[i].wanted)
				answer_start(h, a, i, now);
		attempt_rearm(h, a);
	}
}

/* Introductions. */

static void tell_punching(struct host *h, const struct attempt *a)
{
	struct event *event = events_add(&h->events, EVENT_PUNCHING);

	event->peer = a->from;
	event->number = a->to.count;
	event->ours = behaviour_network(&h->behaviour);
	event->theirs = behaviour_network(&a->theirs);
	event->theirs_v6 = a->theirs_v6;
}

/* The attempt is over, but stays known as long as its introduction may be repeated: what was
 * sent in its name to each address counts on. */
static void attempt_rest(struct host *h, struct attempt *a)
{
	if (a->connection != NULL)
		a->connection->attempt = NULL;
	a->connection = NULL;
	a->resting = true;
	h->resting++;
	crypto_wipe(a->welcome, sizeof(a->welcome));
	timers_set(&h->timers, &a->timer, a->asked_at + ATTEMPT_MEMORY);
}

static struct attempt *attempt_wake(struct host *h, struct attempt *a, uint64_t now)
{
	a->resting = false;
	h->resting--;
	a->began_at = now;
	if (a->sequence < ANSWERS_MAX)
		a->sequence++;
	for (unsigned i = 0; i < HOST_SERVERS_MAX; i++) {
		a->replies[i] = (struct attempt_reply){0};
		retry_stop(&a->replies[i].retry);
	}
	return a;
}

static struct attempt *attempt_begin(struct host *h, struct lease *lease,
	struct attempt *known, const struct guest_offer *offer, const uint8_t *id,
	const struct addr *seen, uint64_t now)
{
	struct attempt *a = known != NULL ? attempt_wake(h, known, now)
					  : attempt_open(h, id, seen, now);

	if (a == NULL)
		return NULL;
	a->trial = offer->trial;
	retry_start(&a->punch, now);
	retry_sent(&a->punch, now);
	a->sprays = host_spray_begin(h, a, lease, offer, seen, now);
	a->measures = a->sprays && h->behaviour.mapping == BEHAVIOUR_SEQUENTIAL;
	seal_answer(h, a);
	lease_probe_mapping(h, lease, now);
	return a;
}

enum verdict attempt_introduced(
	struct host *h, struct lease *lease, const uint8_t *buf, size_t len, uint64_t now)
{
	struct introduce_message m;
	struct guest_offer offer;
	struct attempt *a;
	size_t index = (size_t)(lease - h->leases);
	unsigned first;
	bool fresh;

	if (!introduce_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	if (!guest_offer_open(
		    &offer, m.payload, m.payload_len, &h->credentials, message_id(buf)))
		return VERDICT_DROP_FORGED;
	a = attempt_find(h, message_id(buf));
	fresh = a == NULL || a->resting;
	if (fresh)
		a = attempt_begin(h, lease, a, &offer, message_id(buf), &m.guest, now);
	if (a == NULL)
		return VERDICT_DROP_LIMIT;
	a->asked_at = now;
	first = a->sprays ? a->to.count : add_targets(h, a, &offer, &m.guest);
	for (unsigned copy = 0; !a->sprays && copy < PUNCH_COPIES; copy++)
		punch_all(h, a, fresh ? 0 : first, now);
	if (fresh) {
		a->from = m.guest;
		a->theirs = offer.behaviour;
		a->theirs_v6 = candidates_have_v6(&offer.candidates);
		tell_punching(h, a);
	}
	if (a->measures && now - a->began_at < SPRAY_DELAY)
		a->replies[index].wanted = true;
	else if (!a->replies[index].wanted || a->replies[index].acked || a->measures)
		answer_start(h, a, index, now);
	attempt_rearm(h, a);
	return VERDICT_CONSUMED;
}

void attempt_acked(struct host *h, struct lease *lease, const uint8_t *buf, size_t len)
{
	struct attempt *a = attempt_find(h, message_id(buf));
	struct attempt_reply *reply;
	uint8_t sequence;

	if (a == NULL || a->resting || !code_decode(&sequence, buf, len) ||
		sequence != a->sequence)
		return;
	reply = &a->replies[lease - h->leases];
	reply->acked = true;
	retry_stop(&reply->retry);
	attempt_rearm(h, a);
}

void attempt_expire(struct host *h, struct attempt *a, uint64_t now)
{
	if (a->resting) {
		attempt_free(h, a);
		return;
	}
	if (now - a->asked_at >= ATTEMPT_LIFE) {
		attempt_rest(h, a);
		return;
	}
	if (a->punch.next_at <= now) {
		if (!a->sprays)
			punch_all(h, a, 0, now);
		retry_sent(&a->punch, now);
		if (now - a->punch.began_at >= RETRY_EAGER)
			retry_stop(&a->punch);
	}
	for (size_t i = 0; i < h->config.server_count; i++)
		if (a->replies[i].retry.next_at <= now)
			answer_one(h, a, i, now);
	attempt_rearm(h, a);
}

/* Hellos. */

static void send_welcome(struct host *h, const struct attempt *a, const struct path *path)
{
	struct datagram *d = outbox_add(&h->outbox, path, 0);

	memcpy(d->data, a->welcome, WELCOME_SIZE);
	d->len = WELCOME_SIZE;
}

static void busy_cookie(const struct host *h, uint8_t cookie[COOKIE_SIZE],
	const struct path *path, uint64_t turn)
{
	uint8_t covered[sizeof(struct addr) + 8];
	struct writer w = writer_over(covered, sizeof(covered));

	write_bytes(&w, (const uint8_t *)&path->remote, sizeof(path->remote));
	write_u64(&w, turn);
	crypto_mac(cookie, h->busy_key, covered, sizeof(covered));
}

/* Beyond HELLO_RATE handshakes a second a hello has to bring a cookie first. */
static bool hello_is_paid(struct host *h, const struct attempt *a,
	const struct path *path, const uint8_t *buf, uint64_t now)
{
	uint8_t cookie[COOKIE_SIZE], old[COOKIE_SIZE];
	struct datagram *d;

	if (bucket_take(&h->handshakes, 1, now))
		return true;
	busy_cookie(h, cookie, path, now / BUSY_TURN);
	if (hello_has_cookie(buf, cookie))
		return bucket_field_take(&h->hellos, &a->from, 1, now);
	busy_cookie(h, old, path, now / BUSY_TURN - 1);
	if (hello_has_cookie(buf, old))
		return bucket_field_take(&h->hellos, &a->from, 1, now);
	d = outbox_add(&h->outbox, path, 0);
	d->len = (uint16_t)busy_encode(
		d->data, message_id(buf), cookie, h->credentials.mac_key);
	return false;
}

/* Says why not, and tells it once an attempt. The identity is NULL if it is not known yet. */
static enum verdict hello_refuse(struct host *h, struct attempt *a,
	const struct path *path, const uint8_t *identity, uint8_t code)
{
	struct datagram *d = outbox_add(&h->outbox, path, 0);
	struct event *event;

	d->len = (uint16_t)refuse_encode(d->data, a->id, code, h->credentials.mac_key);
	if (a->refused)
		return VERDICT_DROP_LIMIT;
	a->refused = true;
	event = events_add(&h->events, EVENT_GUEST_REFUSED);
	event->path = *path;
	event->number = code;
	event->why = host_refusal_text(code);
	if (identity != NULL)
		memcpy(event->identity, identity, CRYPTO_KEY_SIZE);
	return VERDICT_DROP_LIMIT;
}

static enum cipher choose_cipher(uint8_t both)
{
	return both & CIPHER_AES_256_GCM ? CIPHER_AES_256_GCM
					 : both & CIPHER_CHACHA20_POLY1305;
}

/* Finishes the handshake: a half-open connection and the welcome to repeat. */
static enum verdict hello_welcome(struct host *h, struct attempt *a, struct noise *noise,
	const struct path *path, enum cipher cipher, const uint8_t process[PROCESS_SIZE],
	uint64_t now)
{
	uint8_t payload[WELCOME_PAYLOAD_SIZE] = {0}, message[WELCOME_NOISE_SIZE];
	struct noise_keys keys;
	struct connection *c = NULL;

	host_fill(h, payload, SESSION_ID_SIZE);
	payload[SESSION_ID_SIZE] = (uint8_t)cipher;
	if (noise_write_welcome(noise, payload, sizeof(payload), message, &keys))
		c = connection_open(h, &keys, cipher, payload, noise->peer_static, path,
			&a->from, now);
	crypto_wipe(&keys, sizeof(keys));
	if (c == NULL)
		return VERDICT_DROP_MEMORY;
	memcpy(c->process, process, PROCESS_SIZE);
	c->attempt = a;
	c->began_at = a->began_at;
	a->connection = c;
	host_spray_met(h, a, now);
	c->session.credit = HELLO_SIZE - WELCOME_SIZE;
	welcome_encode(a->welcome, a->id, message, h->credentials.mac_key);
	retry_stop(&a->punch);
	send_welcome(h, a, path);
	return VERDICT_CONSUMED;
}

static enum verdict hello_first(struct host *h, struct attempt *a,
	const struct path *path, const uint8_t *buf, const uint8_t *message, uint64_t now)
{
	uint8_t payload[HELLO_PAYLOAD_SIZE];
	struct noise noise;
	enum cipher cipher;
	enum verdict verdict;
	uint8_t refusal;

	if (h->counts.half_open >= h->config.half_open_max)
		return hello_refuse(h, a, path, NULL, HOST_REFUSAL_HALF_OPEN);
	if (!hello_is_paid(h, a, path, buf, now))
		return VERDICT_DROP_LIMIT;
	handshake_host(&noise, HANDSHAKE_ATTEMPT, a->id, &h->credentials,
		h->service.host_static, &h->config.entropy);
	h->counts.handshakes++;
	if (!noise_read_hello(&noise, message, HELLO_NOISE_SIZE, payload)) {
		crypto_wipe(&noise, sizeof(noise));
		return VERDICT_DROP_FORGED;
	}
	cipher = choose_cipher(payload[0] & h->config.ciphers);
	refusal = peer_refusal(h, noise.peer_static);
	if (refusal == 0)
		refusal = limit_refusal(h, noise.peer_static, &a->from);
	if (refusal == 0 && cipher == 0)
		refusal = HOST_REFUSAL_CIPHER;
	if (refusal != 0)
		verdict = hello_refuse(h, a, path, noise.peer_static, refusal);
	else
		verdict = hello_welcome(h, a, &noise, path, cipher, payload + 1, now);
	if (verdict == VERDICT_CONSUMED)
		memcpy(a->hello, message, HELLO_NOISE_SIZE);
	crypto_wipe(&noise, sizeof(noise));
	return verdict;
}

enum verdict attempt_hello(struct host *h, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now)
{
	const uint8_t *message = hello_decode(buf, len, h->credentials.mac_key);
	struct attempt *a;

	if (message == NULL)
		return VERDICT_DROP_FORGED;
	h->counts.hellos++;
	a = attempt_find(h, message_id(buf));
	if (a == NULL || a->resting)
		return VERDICT_DROP_UNSOLICITED;
	if (a->connection == NULL)
		return hello_first(h, a, path, buf, message, now);
	if (memcmp(a->hello, message, HELLO_NOISE_SIZE) != 0)
		return VERDICT_DROP_REPLAY;
	if (a->connection->session.proved)
		return VERDICT_DROP_REPLAY;
	/* A welcome where no frame could come from would make a dead session. */
	if (!connection_route(h, a->connection, path))
		return VERDICT_DROP_LIMIT;
	a->connection->session.credit += HELLO_SIZE - WELCOME_SIZE;
	send_welcome(h, a, path);
	return VERDICT_CONSUMED;
}
