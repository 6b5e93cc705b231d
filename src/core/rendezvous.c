/* SPDX-License-Identifier: MIT */
/* Nothing is remembered of a sender until a cookie, computed from its address under a key
 * that turns over every minute, has come back from it. A registration or a first ask then
 * costs one signature; what it buys is a token, computed from address, service and instance
 * under a key of this run, whose MAC pays for all that follows. */
#include "core/rendezvous.h"

#include <stdlib.h>
#include <string.h>

#include "core/message.h"
#include "core/outbox.h"
#include "core/registry.h"
#include "core/stun.h"
#include "core/wire.h"

#define COOKIE_TURN     (60 * SECOND)  /* a cookie is good for one to two of these */
#define TOKEN_TURN      (300 * SECOND) /* a token is good for one to two of these */
#define OUTBOX_SIZE     256
#define COPIES          2   /* of introductions and answers passed on */
#define SIGNATURE_RATE  500 /* signatures verified a second for one network */
#define SIGNATURE_BURST 1000

struct allowed_service {
	uint8_t name[CRYPTO_KEY_SIZE];
	UT_hash_handle hh;
};

struct rendezvous {
	struct rendezvous_config config;
	struct registry registry;
	struct outbox outbox;
	struct events events;
	struct rendezvous_counts counts;
	struct allowed_service *allowed;
	uint8_t cookie_keys[2][CRYPTO_KEY_SIZE]; /* this turn's and the one before */
	uint64_t cookie_turn_at;
	uint8_t token_key[CRYPTO_KEY_SIZE];
	struct bucket_field attempts, signatures, stun;
	struct bucket stun_all;
	struct rendezvous_socket {
		uint32_t number;
		struct addr bound;
	} sockets[RENDEZVOUS_SOCKETS_MAX];
	unsigned socket_count;
};

void rendezvous_config_init(struct rendezvous_config *config)
{
	*config = (struct rendezvous_config){.stun = true,
		.services_max = 1000000,
		.attempts_max = 16384,
		.attempt_rate = 200,
		.attempt_burst = 1000,
		.stun_rate = 20};
}

size_t rendezvous_memory(const struct rendezvous_config *config)
{
	/* uthash adds at most one bucket head of 16 bytes an element */
	return (size_t)config->services_max *
	       (sizeof(struct registered_service) + sizeof(struct registered_host) + 16);
}

static void fill(struct rendezvous *r, uint8_t *bytes, size_t len)
{
	r->config.entropy.fill(r->config.entropy.arg, bytes, len);
}

static void init_limits(struct rendezvous *r, uint64_t now)
{
	uint8_t key[16];

	fill(r, key, sizeof(key));
	bucket_field_init(
		&r->attempts, r->config.attempt_rate, r->config.attempt_burst, key, now);
	bucket_field_init(&r->signatures, SIGNATURE_RATE, SIGNATURE_BURST, key, now);
	bucket_field_init(&r->stun, r->config.stun_rate, r->config.stun_rate, key, now);
	bucket_init(
		&r->stun_all, 50 * r->config.stun_rate, 50 * r->config.stun_rate, now);
}

struct rendezvous *rendezvous_new(const struct rendezvous_config *config, uint64_t now)
{
	struct rendezvous *r = calloc(1, sizeof(*r));
	uint8_t key[16];

	if (r == NULL)
		return NULL;
	r->config = *config;
	fill(r, key, sizeof(key));
	registry_init(&r->registry, key, config->services_max, config->attempts_max);
	fill(r, r->cookie_keys[0], sizeof(r->cookie_keys));
	fill(r, r->token_key, sizeof(r->token_key));
	r->cookie_turn_at = now + COOKIE_TURN;
	init_limits(r, now);
	if (outbox_init(&r->outbox, OUTBOX_SIZE))
		return r;
	rendezvous_free(r);
	return NULL;
}

void rendezvous_free(struct rendezvous *r)
{
	if (r == NULL)
		return;
	rendezvous_forget_allowed(r);
	registry_fini(&r->registry);
	outbox_fini(&r->outbox);
	crypto_wipe(r->cookie_keys, sizeof(r->cookie_keys));
	crypto_wipe(r->token_key, sizeof(r->token_key));
	free(r);
}

void rendezvous_add_socket(
	struct rendezvous *r, uint32_t number, const struct addr *bound)
{
	if (r->socket_count < RENDEZVOUS_SOCKETS_MAX)
		r->sockets[r->socket_count++] =
			(struct rendezvous_socket){number, *bound};
}

bool rendezvous_allow(struct rendezvous *r, const uint8_t service[32])
{
	struct allowed_service *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return false;
	memcpy(a->name, service, sizeof(a->name));
	TABLE_ADD(r->allowed, r->registry.hash_key, name, sizeof(a->name), a);
	if (TABLE_HOLDS(a))
		return true;
	free(a);
	return false;
}

void rendezvous_forget_allowed(struct rendezvous *r)
{
	struct allowed_service *a, *next;

	HASH_ITER (hh, r->allowed, a, next) {
		HASH_DEL(r->allowed, a);
		free(a);
	}
}

static bool is_allowed(const struct rendezvous *r, const uint8_t service[32])
{
	struct allowed_service *a;

	if (!r->config.private)
		return true;
	TABLE_FIND(r->allowed, r->registry.hash_key, service, CRYPTO_KEY_SIZE, a);
	return a != NULL;
}

/* Cookies and tokens. */

static void cookie_make(uint8_t cookie[COOKIE_SIZE], const uint8_t key[CRYPTO_KEY_SIZE],
	const struct addr *remote)
{
	crypto_mac(cookie, key, remote, sizeof(*remote));
}

/* Turns the keys as often as the time since the last turn says. */
static void turn_cookies(struct rendezvous *r, uint64_t now)
{
	while (now >= r->cookie_turn_at) {
		memcpy(r->cookie_keys[1], r->cookie_keys[0], CRYPTO_KEY_SIZE);
		fill(r, r->cookie_keys[0], CRYPTO_KEY_SIZE);
		if (now - r->cookie_turn_at >= 2 * COOKIE_TURN)
			r->cookie_turn_at = now - COOKIE_TURN;
		r->cookie_turn_at += COOKIE_TURN;
	}
}

static bool cookie_valid(struct rendezvous *r, const uint8_t cookie[COOKIE_SIZE],
	const struct addr *remote)
{
	uint8_t expected[COOKIE_SIZE];

#ifdef EYELET_PLANT_COOKIE
	return true;
#endif
	for (unsigned i = 0; i < 2; i++) {
		cookie_make(expected, r->cookie_keys[i], remote);
		if (crypto_equal(expected, cookie, COOKIE_SIZE))
			return true;
	}
	return false;
}

/* A host's token names its instance, a guest's has none. It is good for the turn it was
 * made in and the next: who once held an address keeps nothing there for long. */
static void token_make(const struct rendezvous *r, uint8_t token[TOKEN_SIZE],
	const struct addr *remote, const uint8_t service[32], const uint8_t *instance,
	uint64_t turn)
{
	const struct crypto_slice parts[] = {{remote, sizeof(*remote)}, {service, 32},
		{&turn, sizeof(turn)},
		{instance != NULL ? instance : service,
			instance != NULL ? INSTANCE_SIZE : 0}};
	uint8_t full[CRYPTO_HASH_SIZE];

	crypto_hmac(full, r->token_key, sizeof(r->token_key), parts, 4);
	memcpy(token, full, TOKEN_SIZE);
}

static uint64_t token_turn(uint64_t now)
{
	return now / TOKEN_TURN + 1; /* so that there is one before */
}

/* Answers. */

static struct datagram *reply(struct rendezvous *r, const struct path *path)
{
	return outbox_add(&r->outbox, path, 0);
}

static enum verdict refuse(struct rendezvous *r, const struct path *path,
	const uint8_t id[ID_SIZE], enum refusal code)
{
	struct datagram *d = reply(r, path);

	d->len = (uint16_t)code_encode(d->data, MESSAGE_ERROR, id, (uint8_t)code);
	r->counts.refusals++;
	return code == REFUSAL_STALE_COOKIE ? VERDICT_DROP_STALE : VERDICT_CONSUMED;
}

static bool dialled_right(
	const struct rendezvous *r, const struct path *path, const struct addr *dialled)
{
	if (addr_equal(dialled, &path->local))
		return true;
	for (size_t i = 0; i < r->config.public_count; i++) {
		struct addr public = r->config.publics[i];

		if (public.port == 0)
		public.port = path->local.port;
		if (addr_equal(dialled, &public))
			return true;
	}
	return r->config.public_count == 0 && addr_is_private(&path->local) &&
	       dialled->port == path->local.port;
}

static enum verdict input_cookie_ask(
	struct rendezvous *r, const struct path *path, const uint8_t *buf, size_t len)
{
	struct cookie_message m = {.observed = path->remote,
		.alt_base = r->config.alt_base,
		.alt_mask = r->config.alt_mask};
	struct datagram *d;

	if (len < COOKIE_ASK_SIZE)
		return VERDICT_DROP_MALFORMED;
	cookie_make(m.cookie, r->cookie_keys[0], &path->remote);
	d = reply(r, path);
	d->len = (uint16_t)cookie_encode(d->data, message_id(buf), &m);
	return VERDICT_CONSUMED;
}

/* Leases. */

static enum refusal register_check(struct rendezvous *r, const struct path *path,
	const struct register_message *m, uint64_t now)
{
	if (!cookie_valid(r, m->cookie, &path->remote))
		return REFUSAL_STALE_COOKIE;
	if (!dialled_right(r, path, &m->dialled))
		return REFUSAL_WRONG_ADDRESS;
	if (!is_allowed(r, m->service))
		return REFUSAL_NOT_ALLOWED;
	if (!bucket_field_take(&r->signatures, &path->remote, 1, now))
		return REFUSAL_BUSY;
	r->counts.signatures++;
	return register_verify(m) ? 0 : REFUSAL_BAD_SIGNATURE;
}

static bool lease_give(struct rendezvous *r, const struct path *path,
	const struct register_message *m, uint64_t now)
{
	struct lease_path lease = {
		.expires_at = now + RENDEZVOUS_LEASE * SECOND, .turn = token_turn(now)};
	bool fresh = registry_find(&r->registry, m->service) == NULL;
	struct registered_service *s = registry_open(&r->registry, m->service, now);

	if (s == NULL)
		return false;
	if (fresh)
		bucket_init(&s->attempts, r->config.attempt_rate, r->config.attempt_burst,
			now);
	memcpy(s->asking, m->asking, sizeof(s->asking));
	lease.path = *path;
	return registry_lease(&r->registry, s, m->instance, &lease);
}

static enum verdict input_register(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct register_message m;
	struct registered_message answer = {
		.lease = RENDEZVOUS_LEASE, .observed = path->remote};
	enum refusal refusal;
	struct datagram *d;

	if (!register_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	refusal = register_check(r, path, &m, now);
	if (refusal != 0)
		return refuse(r, path, message_id(buf), refusal);
	if (!lease_give(r, path, &m, now))
		return refuse(r, path, message_id(buf), REFUSAL_FULL);
	r->counts.registrations++;
	token_make(
		r, answer.token, &path->remote, m.service, m.instance, token_turn(now));
	d = reply(r, path);
	d->len = (uint16_t)registered_encode(d->data, message_id(buf), &answer);
	return VERDICT_CONSUMED;
}

static bool token_of_turns(const struct rendezvous *r, const uint8_t *buf, size_t len,
	const struct addr *remote, const uint8_t *service, const uint8_t *instance,
	uint64_t now)
{
	uint8_t token[TOKEN_SIZE];

	for (uint64_t back = 0; back < 2; back++) {
		token_make(r, token, remote, service, instance, token_turn(now) - back);
		if (message_mac_verify(buf, len, token))
			return true;
	}
	return false;
}

/* Finds the lease that a refresh, unregister or answer speaks for; NULL if its MAC is not
 * that of its address's token, or the lease is gone. */
static struct lease_path *lease_of(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, const uint8_t *service, const uint8_t *instance,
	uint64_t now)
{
	struct registered_service *s;
	struct registered_host *host;

	if (!token_of_turns(r, buf, len, &path->remote, service, instance, now))
		return NULL;
	s = registry_find(&r->registry, service);
	host = s != NULL ? registry_host(s, instance) : NULL;
	return host != NULL ? registry_lease_at(host, &path->remote, now) : NULL;
}

static enum verdict input_refresh(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct registered_message answer = {
		.lease = RENDEZVOUS_LEASE, .observed = path->remote};
	struct lease_message m;
	struct lease_path *lease;
	struct datagram *d;

	if (!lease_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	lease = lease_of(r, path, buf, len, m.service, m.instance, now);
	if (lease == NULL)
		return refuse(r, path, message_id(buf), REFUSAL_UNKNOWN_LEASE);
	if (!is_allowed(r, m.service))
		return refuse(r, path, message_id(buf), REFUSAL_NOT_ALLOWED);
	lease->path = *path;
	lease->expires_at = now + RENDEZVOUS_LEASE * SECOND;
	lease->turn = token_turn(now);
	r->counts.refreshes++;
	token_make(r, answer.token, &path->remote, m.service, m.instance, lease->turn);
	d = reply(r, path);
	d->len = (uint16_t)refreshed_encode(d->data, message_id(buf), &answer);
	return VERDICT_CONSUMED;
}

static enum verdict input_unregister(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct lease_message m;

	if (!lease_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	if (lease_of(r, path, buf, len, m.service, m.instance, now) == NULL)
		return VERDICT_DROP_FORGED;
	registry_drop_host(
		&r->registry, registry_find(&r->registry, m.service), m.instance);
	return VERDICT_CONSUMED;
}

/* Attempts. */

static struct attempt_guest *guest_of(
	struct registered_attempt *a, const struct path *path)
{
	return &a->guests[path->remote.family == ADDR_V4 ? 0 : 1];
}

/* Tells one host of the attempt at each address it holds a lease for, as long as the bytes
 * of the ask pay for it. */
static void introduce(struct rendezvous *r, struct registered_service *s,
	struct registered_host *host, const struct registered_attempt *a,
	const struct attempt_guest *guest, const struct ask_message *m, size_t *paid,
	uint64_t now)
{
	const size_t len = INTRODUCE_MAX - PAYLOAD_MAX + m->payload_len;

	for (unsigned i = 0; i < 2; i++) {
		const struct lease_path *lease = &host->paths[i];
		struct introduce_message out = {.guest = guest->path.remote,
			.payload = m->payload,
			.payload_len = m->payload_len};
		uint8_t token[TOKEN_SIZE];
		struct datagram *d;

		if (lease->expires_at <= now || *paid < len)
			continue;
		*paid -= len;
		token_make(r, token, &lease->path.remote, s->name, host->instance,
			lease->turn);
		d = reply(r, &lease->path);
		d->len = (uint16_t)introduce_encode(d->data, a->id, &out, token);
		r->counts.introductions++;
	}
}

static bool has_answered(const struct registered_attempt *a, const uint8_t *instance)
{
	for (unsigned i = 0; i < a->answer_count; i++)
		if (memcmp(a->answers[i].instance, instance, INSTANCE_SIZE) == 0)
			return true;
	return false;
}

/* Passes a kept answer on, as often as the guest has asked with enough bytes for it. */
static void pass_answer(struct rendezvous *r, const struct registered_attempt *a,
	struct attempt_guest *guest, const struct kept_answer *kept)
{
	struct answered_message m = {.host = kept->host,
		.sequence = kept->sequence,
		.payload = kept->payload,
		.payload_len = kept->payload_len};
	struct datagram *d;
	size_t len = ANSWERED_MAX - PAYLOAD_MAX + kept->payload_len;

	memcpy(m.instance, kept->instance, INSTANCE_SIZE);
	for (unsigned copy = 0; copy < COPIES && guest->credit >= len; copy++) {
		guest->credit -= len;
		d = reply(r, &guest->path);
		d->len = (uint16_t)answered_encode(d->data, a->id, &m);
		r->counts.answers++;
	}
}

static void send_asked(struct rendezvous *r, const struct registered_attempt *a,
	struct attempt_guest *guest, uint64_t now)
{
	uint8_t token[TOKEN_SIZE];
	struct datagram *d;

	if (guest->credit < ASKED_SIZE)
		return;
	guest->credit -= ASKED_SIZE;
	token_make(r, token, &guest->path.remote, a->service, NULL, token_turn(now));
	d = reply(r, &guest->path);
	d->len = (uint16_t)asked_encode(d->data, a->id, token, &guest->path.remote);
}

static bool ask_token_valid(struct rendezvous *r, const struct path *path,
	const struct ask_message *m, const uint8_t id[ID_SIZE], uint64_t now)
{
	uint8_t token[TOKEN_SIZE];

	for (uint64_t back = 0; back < 2; back++) {
		token_make(r, token, &path->remote, m->service, NULL,
			token_turn(now) - back);
		if (ask_verify_token(m, id, token))
			return true;
	}
	return false;
}

/* What a stranger asks must not tell whether the service is there: all that can be said
 * without knowing it is said first. */
static enum refusal ask_check(struct rendezvous *r, const struct path *path,
	const struct ask_message *m, const uint8_t id[ID_SIZE],
	const struct registered_service *s, uint64_t now)
{
	if (m->proof_kind == PROOF_TOKEN) {
		if (!ask_token_valid(r, path, m, id, now))
			return REFUSAL_STALE_COOKIE;
		return s != NULL ? 0 : REFUSAL_NO_SERVICE;
	}
	if (!bucket_field_take(&r->signatures, &path->remote, 1, now))
		return REFUSAL_BUSY;
	if (s == NULL)
		return REFUSAL_NO_SERVICE;
	r->counts.signatures++;
	return ask_verify(m, id, s->asking) ? 0 : REFUSAL_NO_SERVICE;
}

/* True if the attempt may be asked for from there: one address a family. */
static bool attempt_is_of(struct registered_attempt *a, const struct path *path,
	const struct ask_message *m)
{
	const struct attempt_guest *guest = guest_of(a, path);

	return memcmp(a->service, m->service, sizeof(a->service)) == 0 &&
	       (guest->path.remote.family == ADDR_NONE ||
		       addr_equal(&guest->path.remote, &path->remote));
}

static struct registered_attempt *attempt_of(struct rendezvous *r,
	const struct path *path, const struct ask_message *m, const uint8_t id[ID_SIZE],
	struct registered_service *s, uint64_t now)
{
	struct registered_attempt *a = registry_attempt(&r->registry, id);

	if (a != NULL)
		return attempt_is_of(a, path, m) ? a : NULL;
	if (!bucket_field_take(&r->attempts, &path->remote, 1, now) ||
		!bucket_take(&s->attempts, 1, now))
		return NULL;
	return registry_attempt_open(&r->registry, id, m->service, now);
}

/* Tells the hosts that have not answered yet, and the others once of each address: in turn,
 * beginning with another one at each ask, and twice where an ask pays for that too. */
static void introduce_all(struct rendezvous *r, struct registered_service *s,
	struct registered_attempt *a, struct attempt_guest *guest,
	const struct ask_message *m, uint64_t now)
{
	size_t paid = ASK_SIZE;
	unsigned first = a->introduce_turn++;

	for (unsigned i = 0; i < COPIES * s->host_count; i++) {
		struct registered_host *host = s->hosts;

		for (unsigned k = (first + i) % s->host_count; k > 0; k--)
			host = host->next;
		if (guest->asks < s->host_count || !has_answered(a, host->instance))
			introduce(r, s, host, a, guest, m, &paid, now);
	}
	guest->asks++;
}

static enum verdict input_ask(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	const uint8_t *id = message_id(buf);
	struct ask_message m;
	struct registered_service *s;
	struct registered_attempt *a;
	struct attempt_guest *guest;
	enum refusal refusal;

	if (!ask_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	if (!cookie_valid(r, m.cookie, &path->remote))
		return refuse(r, path, id, REFUSAL_STALE_COOKIE);
	if (!dialled_right(r, path, &m.dialled))
		return refuse(r, path, id, REFUSAL_WRONG_ADDRESS);
	s = registry_find(&r->registry, m.service);
	refusal = ask_check(r, path, &m, id, s, now);
	if (refusal != 0)
		return refuse(r, path, id, refusal);
	a = attempt_of(r, path, &m, id, s, now);
	if (a == NULL)
		return refuse(r, path, id, REFUSAL_BUSY);
	r->counts.asks++;
	a->asked_at = now;
	guest = guest_of(a, path);
	guest->path = *path;
	guest->credit = guest->credit < 4 * len ? guest->credit + len : guest->credit;
	introduce_all(r, s, a, guest, &m, now);
	if (a->answer_count > 0)
		pass_answer(r, a, guest, &a->answers[a->answer_turn++ % a->answer_count]);
	else
		send_asked(r, a, guest, now);
	return VERDICT_CONSUMED;
}

/* An instance's answer came in: on with it to wherever the guest asked from. */
static void pass_news(struct rendezvous *r, struct registered_attempt *a,
	const uint8_t instance[INSTANCE_SIZE])
{
	for (unsigned i = 0; i < a->answer_count; i++) {
		if (memcmp(a->answers[i].instance, instance, INSTANCE_SIZE) != 0)
			continue;
		for (unsigned k = 0; k < 2; k++)
			if (a->guests[k].path.remote.family != ADDR_NONE)
				pass_answer(r, a, &a->guests[k], &a->answers[i]);
	}
}

static enum verdict input_answer(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct answer_message m;
	struct registered_attempt *a;
	struct datagram *d;

	if (!answer_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	if (lease_of(r, path, buf, len, m.service, m.instance, now) == NULL)
		return VERDICT_DROP_FORGED;
	a = registry_attempt(&r->registry, message_id(buf));
	if (a != NULL && memcmp(a->service, m.service, sizeof(m.service)) != 0)
		return VERDICT_DROP_FORGED;
	if (a != NULL && registry_keep_answer(a, &m, &path->remote))
		pass_news(r, a, m.instance);
	d = reply(r, path);
	d->len = (uint16_t)code_encode(d->data, MESSAGE_ACK, message_id(buf), m.sequence);
	return VERDICT_CONSUMED;
}

/* The machine. */

static bool is_further(const struct rendezvous *r, uint16_t port)
{
	unsigned bit = (unsigned)port - r->config.alt_base;

	return bit < 32 && r->config.alt_mask >> bit & 1;
}

static const struct rendezvous_socket *socket_of(
	const struct rendezvous *r, const struct path *path)
{
	for (unsigned i = 0; i < r->socket_count; i++)
		if (r->sockets[i].number == path->socket &&
			r->sockets[i].bound.port == path->local.port)
			return &r->sockets[i];
	return NULL;
}

/* Changes the path to the other port of the same address: from the listening one to the
 * first of the further ones, from any of those to the listening one, so that two questions
 * are enough to be answered from where was asked before. Returns false if there is none. */
static bool change_port(const struct rendezvous *r, struct path *path)
{
	const struct rendezvous_socket *asked = socket_of(r, path);

	for (unsigned i = 0; asked != NULL && i < r->socket_count; i++) {
		const struct rendezvous_socket *other = &r->sockets[i];

		if (!addr_same_ip(&other->bound, &asked->bound) ||
			is_further(r, other->bound.port) ==
				is_further(r, asked->bound.port))
			continue;
		path->socket = other->number;
		path->local.port = other->bound.port;
		return true;
	}
	return false;
}

/* Where the answer leaves from. One from elsewhere than was asked is not longer than the
 * question: who asks for it pads. */
static bool stun_path(const struct rendezvous *r, struct path *path,
	const struct stun_question *q, size_t len)
{
	if (q->change_address || q->response_port != 0)
		return false;
	if (!q->change_port)
		return true;
	return len >= (path->remote.family == ADDR_V6 ? STUN_RESPONSE_MAX
						      : STUN_RESPONSE_V4) &&
	       change_port(r, path);
}

static enum verdict input_stun(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct path from = *path;
	struct stun_question q;
	struct datagram *d;

	if (!stun_read_question(buf, len, &q) || !stun_path(r, &from, &q, len))
		return VERDICT_DROP_MALFORMED;
	if (!r->config.stun)
		return VERDICT_DROP_NOT_ALLOWED;
	if (!bucket_field_take(&r->stun, &path->remote, 1, now) ||
		!bucket_take(&r->stun_all, 1, now))
		return VERDICT_DROP_LIMIT;
	d = reply(r, &from);
	d->len = (uint16_t)stun_write_response(d->data, q.id, &path->remote);
	r->counts.stun++;
	return VERDICT_CONSUMED;
}

static enum verdict input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct datagram *d;

	if (stun_is_message(buf, len))
		return input_stun(r, path, buf, len, now);
	if (!message_is(buf, len))
		return VERDICT_DROP_MALFORMED;
	if (!message_is_for_rendezvous(buf, len))
		return VERDICT_DROP_UNKNOWN_TYPE;
	if (message_version(buf) != WIRE_VERSION) {
		d = reply(r, path);
		d->len = (uint16_t)version_encode(d->data, message_id(buf));
		return VERDICT_DROP_VERSION;
	}
	switch (message_type(buf)) {
	case MESSAGE_COOKIE_ASK: return input_cookie_ask(r, path, buf, len);
	case MESSAGE_REGISTER: return input_register(r, path, buf, len, now);
	case MESSAGE_REFRESH: return input_refresh(r, path, buf, len, now);
	case MESSAGE_UNREGISTER: return input_unregister(r, path, buf, len, now);
	case MESSAGE_ASK: return input_ask(r, path, buf, len, now);
	default: return input_answer(r, path, buf, len, now);
	}
}

enum verdict rendezvous_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	turn_cookies(r, now);
	return verdict_count(&r->counts.verdicts, input(r, path, buf, len, now));
}

bool rendezvous_output(struct rendezvous *r, struct datagram *d, uint64_t now)
{
	(void)now;
	return outbox_take(&r->outbox, d);
}

void rendezvous_expire(struct rendezvous *r, uint64_t now)
{
	turn_cookies(r, now);
	registry_expire(&r->registry, now);
}

uint64_t rendezvous_next_timeout(const struct rendezvous *r)
{
	return timers_next(&r->registry.timers);
}

bool rendezvous_next_event(struct rendezvous *r, struct event *event)
{
	return events_take(&r->events, event);
}

void rendezvous_get_counts(const struct rendezvous *r, struct rendezvous_counts *counts)
{
	*counts = r->counts;
	counts->services = HASH_COUNT(r->registry.services);
	counts->hosts = r->registry.host_count;
	counts->attempts = HASH_COUNT(r->registry.attempts);
}
