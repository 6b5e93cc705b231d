/* SPDX-License-Identifier: MIT */
/* Messages between a rendezvous and those who meet there. */
#include "core/channel.h"
#include "core/message.h"
#include "core/message_parts.h"

#include <string.h>

static const uint8_t no_mac[CRYPTO_MAC_SIZE];

size_t cookie_ask_encode(uint8_t *out, const uint8_t id[ID_SIZE])
{
	struct writer w = message_write(out, COOKIE_ASK_SIZE, MESSAGE_COOKIE_ASK, id);

	write_pad(&w, COOKIE_ASK_SIZE);
	return writer_len(&w);
}

size_t cookie_encode(
	uint8_t *out, const uint8_t id[ID_SIZE], const struct cookie_message *m)
{
	struct writer w = message_write(out, COOKIE_MESSAGE_SIZE, MESSAGE_COOKIE, id);

	write_bytes(&w, m->cookie, COOKIE_SIZE);
	write_addr(&w, &m->observed, id);
	write_u16(&w, m->alt_base);
	write_u32(&w, m->alt_mask);
	return writer_len(&w);
}

bool cookie_decode(struct cookie_message *m, const uint8_t *buf, size_t len)
{
	struct reader r = message_read(buf, len);

	read_bytes(&r, m->cookie, COOKIE_SIZE);
	m->observed = read_addr(&r, message_id(buf));
	m->alt_base = read_u16(&r);
	m->alt_mask = read_u32(&r);
	return r.ok;
}

/* Bytes under a registration's signature. */
#define REGISTER_SIGNED (18 + COOKIE_SIZE + 32 + 32 + INSTANCE_SIZE + 19 + 4)

static void register_signed(
	uint8_t out[REGISTER_SIGNED], const struct register_message *m)
{
	struct writer w = writer_over(out, REGISTER_SIGNED);

	write_bytes(&w, (const uint8_t *)"eyelet register v1", 18);
	write_bytes(&w, m->cookie, COOKIE_SIZE);
	write_bytes(&w, m->service, sizeof(m->service));
	write_bytes(&w, m->asking, sizeof(m->asking));
	write_bytes(&w, m->instance, INSTANCE_SIZE);
	write_addr(&w, &m->dialled, NULL);
	write_u32(&w, m->lease);
}

size_t register_encode(uint8_t *out, const uint8_t id[ID_SIZE],
	const struct register_message *m, const uint8_t seed[CRYPTO_KEY_SIZE])
{
	struct writer w = message_write(out, REGISTER_SIZE, MESSAGE_REGISTER, id);
	uint8_t covered[REGISTER_SIGNED], signature[CRYPTO_SIGNATURE_SIZE];

	register_signed(covered, m);
	crypto_ed25519_sign(signature, seed, covered, sizeof(covered));
	write_bytes(&w, m->cookie, COOKIE_SIZE);
	write_bytes(&w, m->service, sizeof(m->service));
	write_bytes(&w, m->asking, sizeof(m->asking));
	write_bytes(&w, m->instance, INSTANCE_SIZE);
	write_addr(&w, &m->dialled, id);
	write_u32(&w, m->lease);
	write_bytes(&w, signature, sizeof(signature));
	return writer_len(&w);
}

bool register_decode(struct register_message *m, const uint8_t *buf, size_t len)
{
	struct reader r = message_read(buf, len);

	read_bytes(&r, m->cookie, COOKIE_SIZE);
	read_bytes(&r, m->service, sizeof(m->service));
	read_bytes(&r, m->asking, sizeof(m->asking));
	read_bytes(&r, m->instance, INSTANCE_SIZE);
	m->dialled = read_addr(&r, message_id(buf));
	m->lease = read_u32(&r);
	read_bytes(&r, m->signature, CRYPTO_SIGNATURE_SIZE);
	return r.ok && reader_left(&r) == 0;
}

bool register_verify(const struct register_message *m)
{
	uint8_t covered[REGISTER_SIGNED];

	register_signed(covered, m);
	return crypto_ed25519_verify(m->signature, m->service, covered, sizeof(covered));
}

static size_t granted_encode(uint8_t *out, enum message_type type,
	const uint8_t id[ID_SIZE], const struct registered_message *m)
{
	struct writer w = message_write(out, REGISTERED_SIZE, type, id);

	write_bytes(&w, m->token, TOKEN_SIZE);
	write_u32(&w, m->lease);
	write_addr(&w, &m->observed, id);
	return writer_len(&w);
}

size_t registered_encode(
	uint8_t *out, const uint8_t id[ID_SIZE], const struct registered_message *m)
{
	return granted_encode(out, MESSAGE_REGISTERED, id, m);
}

size_t refreshed_encode(
	uint8_t *out, const uint8_t id[ID_SIZE], const struct registered_message *m)
{
	return granted_encode(out, MESSAGE_REFRESHED, id, m);
}

bool registered_decode(struct registered_message *m, const uint8_t *buf, size_t len)
{
	struct reader r = message_read(buf, len);

	read_bytes(&r, m->token, TOKEN_SIZE);
	m->lease = read_u32(&r);
	m->observed = read_addr(&r, message_id(buf));
	return r.ok;
}

size_t lease_encode(uint8_t *out, enum message_type type, const uint8_t id[ID_SIZE],
	const struct lease_message *m, const uint8_t token[TOKEN_SIZE])
{
	struct writer w = message_write(out, LEASE_MESSAGE_SIZE, type, id);

	write_bytes(&w, no_mac, CRYPTO_MAC_SIZE);
	write_bytes(&w, m->service, sizeof(m->service));
	write_bytes(&w, m->instance, INSTANCE_SIZE);
	return message_seal_mac(&w, token);
}

bool lease_decode(struct lease_message *m, const uint8_t *buf, size_t len)
{
	struct reader r = message_read(buf, len);

	read_bytes(&r, m->mac, CRYPTO_MAC_SIZE);
	read_bytes(&r, m->service, sizeof(m->service));
	read_bytes(&r, m->instance, INSTANCE_SIZE);
	return r.ok && reader_left(&r) == 0;
}

/* Bytes an ask's proof covers: the payload by its hash. */
#define ASK_PROVED (13 + ID_SIZE + COOKIE_SIZE + 32 + 19 + CRYPTO_HASH_SIZE)

static void ask_proved(uint8_t out[ASK_PROVED], const struct ask_message *m,
	const uint8_t attempt[ID_SIZE])
{
	struct writer w = writer_over(out, ASK_PROVED);
	const struct crypto_slice payload = {m->payload, m->payload_len};
	uint8_t hash[CRYPTO_HASH_SIZE];

	crypto_hash(hash, &payload, 1);
	write_bytes(&w, (const uint8_t *)"eyelet ask v1", 13);
	write_bytes(&w, attempt, ID_SIZE);
	write_bytes(&w, m->cookie, COOKIE_SIZE);
	write_bytes(&w, m->service, sizeof(m->service));
	write_addr(&w, &m->dialled, NULL);
	write_bytes(&w, hash, sizeof(hash));
}

static void ask_token_mac(uint8_t mac[CRYPTO_HASH_SIZE],
	const uint8_t covered[ASK_PROVED], const uint8_t *token)
{
	const struct crypto_slice part = {covered, ASK_PROVED};

	crypto_hmac(mac, token, TOKEN_SIZE, &part, 1);
}

size_t ask_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const struct ask_message *m, const uint8_t *seed_or_token)
{
	struct writer w = message_write(out, ASK_SIZE, MESSAGE_ASK, attempt);
	uint8_t covered[ASK_PROVED], proof[CRYPTO_SIGNATURE_SIZE] = {0};

	ask_proved(covered, m, attempt);
	if (m->proof_kind == PROOF_TOKEN)
		ask_token_mac(proof, covered, seed_or_token);
	else
		crypto_ed25519_sign(proof, seed_or_token, covered, sizeof(covered));
	write_bytes(&w, m->cookie, COOKIE_SIZE);
	write_bytes(&w, m->service, sizeof(m->service));
	write_addr(&w, &m->dialled, attempt);
	write_u8(&w, m->proof_kind);
	write_bytes(&w, proof, sizeof(proof));
	write_u16(&w, (uint16_t)m->payload_len);
	write_bytes(&w, m->payload, m->payload_len);
	write_pad(&w, ASK_SIZE);
	return writer_len(&w);
}

bool ask_decode(struct ask_message *m, const uint8_t *buf, size_t len)
{
	struct reader r = message_read(buf, len);

	read_bytes(&r, m->cookie, COOKIE_SIZE);
	read_bytes(&r, m->service, sizeof(m->service));
	m->dialled = read_addr(&r, message_id(buf));
	m->proof_kind = read_u8(&r);
	read_bytes(&r, m->proof, sizeof(m->proof));
	m->payload_len = read_u16(&r);
	m->payload = read_view(&r, m->payload_len);
	return r.ok && len == ASK_SIZE && m->payload_len <= PAYLOAD_MAX &&
	       m->proof_kind <= PROOF_TOKEN;
}

bool ask_verify(const struct ask_message *m, const uint8_t attempt[ID_SIZE],
	const uint8_t asking[CRYPTO_KEY_SIZE])
{
	uint8_t covered[ASK_PROVED];

	ask_proved(covered, m, attempt);
	return crypto_ed25519_verify(m->proof, asking, covered, sizeof(covered));
}

bool ask_verify_token(const struct ask_message *m, const uint8_t attempt[ID_SIZE],
	const uint8_t token[TOKEN_SIZE])
{
	uint8_t covered[ASK_PROVED], mac[CRYPTO_HASH_SIZE];

	ask_proved(covered, m, attempt);
	ask_token_mac(mac, covered, token);
	return crypto_equal(mac, m->proof, sizeof(mac));
}

size_t asked_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const uint8_t token[TOKEN_SIZE], const struct addr *observed)
{
	struct writer w = message_write(out, ASKED_SIZE, MESSAGE_ASKED, attempt);

	write_bytes(&w, token, TOKEN_SIZE);
	write_addr(&w, observed, attempt);
	return writer_len(&w);
}

bool asked_decode(
	uint8_t token[TOKEN_SIZE], struct addr *observed, const uint8_t *buf, size_t len)
{
	struct reader r = message_read(buf, len);

	read_bytes(&r, token, TOKEN_SIZE);
	*observed = read_addr(&r, message_id(buf));
	return r.ok;
}

size_t introduce_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const struct introduce_message *m, const uint8_t token[TOKEN_SIZE])
{
	struct writer w = message_write(out, INTRODUCE_MAX, MESSAGE_INTRODUCE, attempt);

	write_bytes(&w, no_mac, CRYPTO_MAC_SIZE);
	write_addr(&w, &m->guest, attempt);
	write_bytes(&w, m->payload, m->payload_len);
	return message_seal_mac(&w, token);
}

/* Takes what is left as the payload. */
static bool read_payload(struct reader *r, const uint8_t **payload, size_t *len)
{
	*len = reader_left(r);
	*payload = read_view(r, *len);
	return r->ok && *len <= PAYLOAD_MAX;
}

bool introduce_decode(struct introduce_message *m, const uint8_t *buf, size_t len)
{
	struct reader r = message_read(buf, len);

	read_bytes(&r, m->mac, CRYPTO_MAC_SIZE);
	m->guest = read_addr(&r, message_id(buf));
	return read_payload(&r, &m->payload, &m->payload_len);
}

size_t answer_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const struct answer_message *m, const uint8_t token[TOKEN_SIZE])
{
	struct writer w = message_write(out, ANSWER_MAX, MESSAGE_ANSWER, attempt);

	write_bytes(&w, no_mac, CRYPTO_MAC_SIZE);
	write_bytes(&w, m->service, sizeof(m->service));
	write_bytes(&w, m->instance, INSTANCE_SIZE);
	write_u8(&w, m->sequence);
	write_bytes(&w, m->payload, m->payload_len);
	return message_seal_mac(&w, token);
}

bool answer_decode(struct answer_message *m, const uint8_t *buf, size_t len)
{
	struct reader r = message_read(buf, len);

	read_bytes(&r, m->mac, CRYPTO_MAC_SIZE);
	read_bytes(&r, m->service, sizeof(m->service));
	read_bytes(&r, m->instance, INSTANCE_SIZE);
	m->sequence = read_u8(&r);
	return read_payload(&r, &m->payload, &m->payload_len);
}

size_t answered_encode(
	uint8_t *out, const uint8_t attempt[ID_SIZE], const struct answered_message *m)
{
	struct writer w = message_write(out, ANSWERED_MAX, MESSAGE_ANSWERED, attempt);

	write_addr(&w, &m->host, attempt);
	write_bytes(&w, m->instance, INSTANCE_SIZE);
	write_u8(&w, m->sequence);
	write_u32(&w, m->channel);
	write_bytes(&w, m->payload, m->payload_len);
	return writer_len(&w);
}

bool answered_decode(struct answered_message *m, const uint8_t *buf, size_t len)
{
	struct reader r = message_read(buf, len);

	m->host = read_addr(&r, message_id(buf));
	read_bytes(&r, m->instance, INSTANCE_SIZE);
	m->sequence = read_u8(&r);
	m->channel = read_u32(&r);
	return read_payload(&r, &m->payload, &m->payload_len) &&
	       m->channel <= CHANNEL_MAX;
}
