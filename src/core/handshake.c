/* SPDX-License-Identifier: MIT */
#include "core/handshake.h"

#include <string.h>

#define LABEL_SIZE    8
#define PROLOGUE_SIZE (LABEL_SIZE + CRYPTO_KEY_SIZE + HANDSHAKE_CONTEXT_SIZE)
#define REKEY_REPEAT  (200 * MILLISECOND)

static void prologue_make(uint8_t out[PROLOGUE_SIZE], enum handshake_purpose purpose,
	const uint8_t context[HANDSHAKE_CONTEXT_SIZE], const struct credentials *c)
{
	memcpy(out, purpose == HANDSHAKE_REKEY ? "rekeys 1" : "eyelet 1", LABEL_SIZE);
	memcpy(out + LABEL_SIZE, c->service, CRYPTO_KEY_SIZE);
	memcpy(out + LABEL_SIZE + CRYPTO_KEY_SIZE, context, HANDSHAKE_CONTEXT_SIZE);
}

void handshake_rekey_context(uint8_t context[HANDSHAKE_CONTEXT_SIZE],
	const uint8_t session_id[SESSION_ID_SIZE], uint8_t epoch)
{
	memset(context, 0, HANDSHAKE_CONTEXT_SIZE);
	memcpy(context, session_id, SESSION_ID_SIZE);
	context[SESSION_ID_SIZE] = epoch;
}

void handshake_guest(struct noise *noise, enum handshake_purpose purpose,
	const uint8_t context[HANDSHAKE_CONTEXT_SIZE], const struct credentials *c,
	const uint8_t own_static[32], const uint8_t host_static[32],
	const struct entropy *entropy)
{
	uint8_t prologue[PROLOGUE_SIZE], ephemeral[CRYPTO_KEY_SIZE];

	prologue_make(prologue, purpose, context, c);
	entropy->fill(entropy->arg, ephemeral, sizeof(ephemeral));
	noise_start_guest(noise, own_static, ephemeral, host_static, c->psk, prologue,
		sizeof(prologue));
	crypto_wipe(ephemeral, sizeof(ephemeral));
}

void handshake_host(struct noise *noise, enum handshake_purpose purpose,
	const uint8_t context[HANDSHAKE_CONTEXT_SIZE], const struct credentials *c,
	const uint8_t own_static[32], const struct entropy *entropy)
{
	uint8_t prologue[PROLOGUE_SIZE], ephemeral[CRYPTO_KEY_SIZE];

	prologue_make(prologue, purpose, context, c);
	entropy->fill(entropy->arg, ephemeral, sizeof(ephemeral));
	noise_start_host(
		noise, own_static, ephemeral, c->psk, prologue, sizeof(prologue));
	crypto_wipe(ephemeral, sizeof(ephemeral));
}

void rekey_guest_run(struct rekey_guest *r, struct session *s,
	const struct credentials *c, const uint8_t own_static[32],
	const uint8_t host_static[32], const struct entropy *entropy, uint64_t now)
{
	const uint8_t payload[HELLO_PAYLOAD_SIZE] = {0};
	uint8_t context[HANDSHAKE_CONTEXT_SIZE];

	if (!session_wants_rekey(s, now) || (r->live && now < r->next_at))
		return;
	if (!r->live) {
		r->epoch = session_next_epoch(s);
		handshake_rekey_context(context, s->id, r->epoch);
		handshake_guest(&r->noise, HANDSHAKE_REKEY, context, c, own_static,
			host_static, entropy);
		r->live = noise_write_hello(
			&r->noise, payload, sizeof(payload), r->message);
		if (!r->live)
			return;
	}
	r->next_at = now + REKEY_REPEAT;
	session_send_rekey(s, CONTROL_REKEY, r->epoch, r->message, HELLO_NOISE_SIZE, now);
	session_wake(s, r->next_at);
}

enum verdict rekey_guest_input(
	struct rekey_guest *r, struct session *s, const struct frame *frame, uint64_t now)
{
	uint8_t payload[WELCOME_PAYLOAD_SIZE];
	struct noise_keys keys;
	bool ok;

	if (!r->live || frame->code != r->epoch || frame->len != WELCOME_NOISE_SIZE)
		return VERDICT_DROP_UNSOLICITED;
	if (!noise_read_welcome(&r->noise, frame->payload, frame->len, payload, &keys))
		return VERDICT_DROP_FORGED;
	ok = session_install(s, &keys, now);
	crypto_wipe(&keys, sizeof(keys));
	crypto_wipe(r, sizeof(*r));
	if (!ok)
		return VERDICT_DROP_MEMORY;
	session_ping(s, now); /* the host goes over to the new keys at our first frame */
	return VERDICT_CONSUMED;
}

static bool host_answer(struct rekey_host *r, struct session *s,
	const struct frame *frame, struct noise *noise, const uint8_t identity[32],
	uint64_t now)
{
	uint8_t payload[HELLO_PAYLOAD_SIZE] = {0};
	struct noise_keys keys;
	bool ok;

	if (!noise_read_hello(noise, frame->payload, HELLO_NOISE_SIZE, payload) ||
		!crypto_equal(noise->peer_static, identity, CRYPTO_KEY_SIZE))
		return false;
	memset(payload, 0, sizeof(payload));
	ok = noise_write_welcome(
		     noise, payload, WELCOME_PAYLOAD_SIZE, r->message, &keys) &&
	     session_install(s, &keys, now);
	crypto_wipe(&keys, sizeof(keys));
	return ok;
}

enum verdict rekey_host_input(struct rekey_host *r, struct session *s,
	const struct frame *frame, const struct credentials *c,
	const uint8_t own_static[32], const uint8_t identity[32],
	const struct entropy *entropy, struct bucket *paid, uint64_t now)
{
	uint8_t context[HANDSHAKE_CONTEXT_SIZE];
	struct noise noise;
	bool ok;

	if (frame->len != HELLO_NOISE_SIZE)
		return VERDICT_DROP_MALFORMED;
	if (!r->live || r->epoch != frame->code ||
		memcmp(r->hello, frame->payload, HELLO_NOISE_SIZE) != 0) {
		session_retire(s, now);
		if (!session_may_install(s, frame->code))
			return VERDICT_DROP_STALE;
		if (!bucket_take(paid, 1, now))
			return VERDICT_DROP_LIMIT;
		handshake_rekey_context(context, s->id, frame->code);
		handshake_host(&noise, HANDSHAKE_REKEY, context, c, own_static, entropy);
		ok = host_answer(r, s, frame, &noise, identity, now);
		crypto_wipe(&noise, sizeof(noise));
		if (!ok)
			return VERDICT_DROP_FORGED;
		r->live = true;
		r->epoch = frame->code;
		memcpy(r->hello, frame->payload, HELLO_NOISE_SIZE);
	}
	session_send_rekey(
		s, CONTROL_REKEYED, r->epoch, r->message, WELCOME_NOISE_SIZE, now);
	return VERDICT_CONSUMED;
}
