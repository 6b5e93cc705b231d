/* SPDX-License-Identifier: MIT */
/* An attempt's hello, and the welcome that makes a connection of it. */
#include <string.h>

#include "core/host_parts.h"
#include "core/wire.h"

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
