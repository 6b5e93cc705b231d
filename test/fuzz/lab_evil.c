/* SPDX-License-Identifier: MIT */
/* Hostile peers: guest and host with the right keys, and those on the path who read ids. */
#include "core/candidate.h"
#include "core/frame.h"
#include "fuzz/lab.h"

#define STORMS 2
#define STORM  1001 /* one more than the host's handshakes in a burst */

void lab_evil_frame(struct lab *lab, enum lab_role from, uint8_t bits,
	const uint8_t *plain, size_t len)
{
	struct lab_machine *m = &lab->machines[from];
	struct session *s = lab_parts(m)->session(m);
	struct generation *g = s != NULL ? session_current(s) : NULL;
	struct frame_header h = {.epoch = bits >> 6,
		.control = bits & 1,
		.flow = bits & 2,
		.part = bits & 4};
	uint8_t *text, *out;
	size_t prefix = bits & 8 ? 8 : 0;

	if (s == NULL)
		return;
	text = fuzz_alloc(len + prefix);
	out = fuzz_alloc(len + prefix + FRAME_OVERHEAD);
	for (size_t i = 0; i < prefix; i++)
		text[i] = (uint8_t)(g->sent >> (56 - 8 * i));
	if (len > 0)
		memcpy(text + prefix, plain, len);
	h.counter = (uint32_t)(g->sent & 0xffffff);
	h.epoch = (h.epoch ^ s->epoch) & 3;
	frame_header_encode(out, &h);
	out[0] |= bits >> 4 & 1;
	crypto_aead_seal(g->seal, g->sent++, out, FRAME_HEADER_SIZE, text, len + prefix,
		out + FRAME_HEADER_SIZE);
	lab->evil[from == LAB_GUEST ? 0 : 1] = true;
	lab_emit(lab, m, &s->path, 0, out, len + prefix + FRAME_OVERHEAD);
	free(text);
	free(out);
}

/* Opens a sealed offer, changes a byte, seals it again. */
static void change_offer(uint8_t *payload, size_t len, const uint8_t *attempt,
	const uint8_t *instance, uint8_t sequence, uint8_t new_sequence, size_t at,
	uint8_t bits)
{
	const uint8_t *service = fuzz_known()->credentials.service;
	struct crypto_aead *open, *seal;
	uint8_t plain[PAYLOAD_MAX];

	if (len <= OFFER_RANDOM + CRYPTO_TAG_SIZE)
		return;
	open = fuzz_offer_cipher(attempt, instance, payload, false);
	seal = fuzz_offer_cipher(attempt, instance, payload, true);
	payload += OFFER_RANDOM;
	len -= OFFER_RANDOM;
	if (crypto_aead_open(
		    open, sequence, service, CRYPTO_KEY_SIZE, payload, len, plain)) {
		plain[at % (len - CRYPTO_TAG_SIZE)] ^= bits;
		crypto_aead_seal(seal, new_sequence, service, CRYPTO_KEY_SIZE, plain,
			len - CRYPTO_TAG_SIZE, payload);
	}
	crypto_aead_free(open);
	crypto_aead_free(seal);
}

static void change_ask(struct lab_datagram *d, size_t at, uint8_t bits)
{
	const struct credentials *c = &fuzz_known()->credentials;
	uint8_t payload[PAYLOAD_MAX], id[ID_SIZE];
	struct ask_message m;

	if (!ask_decode(&m, d->data, d->len))
		return;
	memcpy(payload, m.payload, m.payload_len);
	memcpy(id, message_id(d->data), ID_SIZE);
	change_offer(payload, m.payload_len, id, NULL, 0, 0, at, bits);
	m.payload = payload;
	m.proof_kind = PROOF_SIGNATURE;
	ask_encode(d->data, id, &m, c->asking_seed);
}

static void change_introduce(
	const struct lab *lab, struct lab_datagram *d, size_t at, uint8_t bits)
{
	uint8_t payload[PAYLOAD_MAX], id[ID_SIZE];
	struct introduce_message m;

	if (!introduce_decode(&m, d->data, d->len))
		return;
	memcpy(payload, m.payload, m.payload_len);
	memcpy(id, message_id(d->data), ID_SIZE);
	change_offer(payload, m.payload_len, id, NULL, 0, 0, at, bits);
	m.payload = payload;
	introduce_encode(d->data, id, &m, lab->token);
}

static void change_answered(struct lab_datagram *d, size_t at, uint8_t bits, bool newer)
{
	uint8_t payload[PAYLOAD_MAX], id[ID_SIZE];
	struct answered_message m;
	uint8_t sequence;

	if (!answered_decode(&m, d->data, d->len))
		return;
	memcpy(payload, m.payload, m.payload_len);
	memcpy(id, message_id(d->data), ID_SIZE);
	sequence = m.sequence;
	m.sequence = (uint8_t)(m.sequence + (newer ? 1 : 0));
	change_offer(
		payload, m.payload_len, id, m.instance, sequence, m.sequence, at, bits);
	m.payload = payload;
	answered_encode(d->data, id, &m);
}

void lab_evil_offer(struct lab *lab, unsigned i, size_t at, uint8_t bits, bool newer)
{
	struct lab_datagram *d = &lab->flights[i];

	if (!message_is(d->data, d->len))
		return;
	switch (message_type(d->data)) {
	case MESSAGE_ASK: change_ask(d, at, bits); break;
	case MESSAGE_INTRODUCE: change_introduce(lab, d, at, bits); break;
	case MESSAGE_ANSWERED: change_answered(d, at, bits, newer); break;
	default: break;
	}
}

static void put_token_mac(const struct lab *lab, uint8_t *buf, size_t len)
{
	const size_t rest = MESSAGE_HEADER_SIZE + CRYPTO_MAC_SIZE;
	const struct crypto_slice parts[] = {
		{buf, MESSAGE_HEADER_SIZE}, {buf + rest, len - rest}};
	uint8_t full[CRYPTO_HASH_SIZE];

	crypto_hmac(full, lab->token, TOKEN_SIZE, parts, 2);
	memcpy(buf + MESSAGE_HEADER_SIZE, full, CRYPTO_MAC_SIZE);
}

void lab_evil_mac(struct lab *lab, unsigned i)
{
	const uint8_t *key = fuzz_known()->credentials.mac_key;
	uint8_t *buf = lab->flights[i].data, id[ID_SIZE], noise[HELLO_NOISE_SIZE];
	size_t len = lab->flights[i].len;

	if (!message_is(buf, len) || len < MESSAGE_HEADER_SIZE + CRYPTO_MAC_SIZE)
		return;
	memcpy(id, message_id(buf), ID_SIZE);
	switch (message_type(buf)) {
	case MESSAGE_PUNCH:
		if (len >= PUNCH_SIZE)
			punch_encode(buf, id, key);
		break;
	case MESSAGE_HELLO:
		if (len < HELLO_SIZE)
			break;
		memcpy(noise, buf + MESSAGE_HEADER_SIZE, sizeof(noise));
		hello_encode(buf, id, noise, key, NULL);
		break;
	case MESSAGE_WELCOME:
	case MESSAGE_BUSY:
	case MESSAGE_REFUSE:
		crypto_mac(buf + len - CRYPTO_MAC_SIZE, key, buf, len - CRYPTO_MAC_SIZE);
		break;
	default: put_token_mac(lab, buf, len);
	}
}

/* Returns the id of a record that is a message, or NULL. */
static const uint8_t *recorded_id(const struct lab *lab, unsigned record)
{
	const struct lab_datagram *d = &lab->records[record % LAB_RECORDS];

	return d->data != NULL && message_is(d->data, d->len) ? message_id(d->data)
							      : NULL;
}

/* Where the other end is seen. */
static uint16_t other_port(const struct lab *lab, enum lab_role to)
{
	const struct lab_machine *m =
		&lab->machines[to == LAB_HOST ? LAB_GUEST : LAB_HOST];

	return (uint16_t)(m->sockets[0].bound.port + m->moved);
}

void lab_evil_message(
	struct lab *lab, unsigned record, uint8_t type, uint8_t code, enum lab_role to)
{
	const uint8_t *id = recorded_id(lab, record),
		      *key = fuzz_known()->credentials.mac_key;
	struct lab_machine *m = &lab->machines[to];
	struct addr from = lab_server(lab, false), at = m->public;
	uint8_t out[DATAGRAM_MAX], cookie[COOKIE_SIZE] = {code};
	size_t len;

	if (id == NULL)
		return;
	if (type == MESSAGE_BUSY || type == MESSAGE_REFUSE || type == MESSAGE_PUNCH ||
		(type == MESSAGE_VERSION && code & 1)) {
		from = lab->machines[to == LAB_HOST ? LAB_GUEST : LAB_HOST].public;
		from.port = other_port(lab, to);
		if (type == MESSAGE_PUNCH && code != 0)
			from.port = code;
	}
	at.port = (uint16_t)(m->sockets[0].bound.port + m->moved);
	switch (type) {
	case MESSAGE_BUSY: len = busy_encode(out, id, cookie, key); break;
	case MESSAGE_REFUSE: len = refuse_encode(out, id, code, key); break;
	case MESSAGE_PUNCH: len = punch_encode(out, id, key); break;
	case MESSAGE_VERSION:
		len = version_encode(out, id);
		out[1] = code;
		break;
	default: len = code_encode(out, type & 0x3f, id, code);
	}
	lab_send(lab, &from, &at, out, len, true);
}

void lab_evil_storm(struct lab *lab)
{
	struct lab_machine *m = &lab->machines[LAB_HOST];
	struct path path = {.socket = 0, .remote = lab->machines[LAB_GUEST].public};
	uint8_t hello[HELLO_SIZE], noise[HELLO_NOISE_SIZE] = {0};
	const uint8_t *id = NULL;
	struct delivery delivery;
	enum verdict v = VERDICT_CONSUMED;

	for (unsigned i = 0; i < LAB_RECORDS; i++)
		if (lab->records[i].data != NULL && recorded_id(lab, i) != NULL &&
			message_type(lab->records[i].data) == MESSAGE_INTRODUCE)
			id = recorded_id(lab, i);
	while (path.socket < LAB_SOCKETS &&
		!(m->sockets[path.socket].open &&
			m->sockets[path.socket].bound.family == ADDR_V4))
		path.socket++; /* it may have left the first one for a fresh one */
	if (id == NULL || path.socket == LAB_SOCKETS || lab->storms++ >= STORMS)
		return;
	path.remote.port = 9;
	hello_encode(hello, id, noise, fuzz_known()->credentials.mac_key, NULL);
	for (unsigned i = 0; i < STORM && v != VERDICT_DROP_LIMIT; i++) {
		v = lab_parts(m)->input(lab, m, &path, hello, sizeof(hello), &delivery);
		judge_input(lab, m, &path.remote, hello, sizeof(hello), v, true);
	}
	m->outputs = 0;
	lab_settle(lab, m);
}
