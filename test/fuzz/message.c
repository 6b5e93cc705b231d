/* SPDX-License-Identifier: MIT */
/* Every message decoder: what it takes, encoded again, is the same message. The first byte
 * chooses which MACs are made right first; the rest is the datagram. */
#include "core/message.h"

#include "core/wire.h"
#include "fuzz/fuzz.h"

#define BODY     MESSAGE_HEADER_SIZE
#define OUT_SIZE DATAGRAM_MAX

enum {
	FIX_HEADER = 1,
	FIX_TOKEN_MAC = 2,
	FIX_LAST_MAC = 4,
	FIX_PUNCH = 8,
	FIX_LENGTH = 16
};

static const uint8_t token[TOKEN_SIZE] = "fuzzer's token.";
static uint8_t out[OUT_SIZE];

static const uint8_t *mac_key(void)
{
	return fuzz_known()->credentials.mac_key;
}

/* True if an address stands there as an encoder would write it: an IPv4 one has a tail of
 * masked zeros, and none has nothing but masked zeros. */
static bool canonical(const uint8_t *at, const uint8_t *mask)
{
	size_t used = at[0] == ADDR_V6 ? 16 : at[0] == ADDR_V4 ? 4 : 0;

	for (size_t i = used; i < 16; i++)
		if (at[1 + i] != mask[i])
			return false;
	return at[0] != ADDR_NONE || (at[17] == mask[0] && at[18] == mask[1]);
}

/* Requires that out is buf but for those of the count bytes at skip. */
static void same_but(const uint8_t *buf, size_t len, size_t skip, size_t count)
{
	REQUIRE(memcmp(out, buf, skip < len ? skip : len) == 0);
	if (skip + count < len)
		REQUIRE(memcmp(out + skip + count, buf + skip + count,
				len - skip - count) == 0);
}

static void try_cookie(const uint8_t *buf, size_t len)
{
	struct cookie_message m;

	if (!cookie_decode(&m, buf, len))
		return;
	REQUIRE(len >= COOKIE_MESSAGE_SIZE);
	REQUIRE(cookie_encode(out, message_id(buf), &m) == COOKIE_MESSAGE_SIZE);
	if (canonical(buf + BODY + COOKIE_SIZE, message_id(buf)))
		same_but(buf, COOKIE_MESSAGE_SIZE, 0, 0);
}

static void try_register(const uint8_t *buf, size_t len)
{
	const size_t dialled = BODY + COOKIE_SIZE + 32 + 32 + INSTANCE_SIZE;
	struct register_message m;

	if (!register_decode(&m, buf, len))
		return;
	REQUIRE(len == REGISTER_SIZE);
	memcpy(m.service, fuzz_known()->credentials.service, sizeof(m.service));
	REQUIRE(register_encode(out, message_id(buf), &m, fuzz_known()->service.seed) ==
		REGISTER_SIZE);
	if (canonical(buf + dialled, message_id(buf)) &&
		memcmp(buf + BODY + COOKIE_SIZE, m.service, sizeof(m.service)) == 0)
		same_but(buf, len, REGISTER_SIZE - CRYPTO_SIGNATURE_SIZE,
			CRYPTO_SIGNATURE_SIZE);
	REQUIRE(register_decode(&m, out, REGISTER_SIZE) && register_verify(&m));
	m.cookie[0] ^= 1;
	REQUIRE(!register_verify(&m));
}

/* REGISTERED, and REFRESHED, which has its layout. */
static void try_registered(const uint8_t *buf, size_t len)
{
	struct registered_message m;
	size_t size;

	if (!registered_decode(&m, buf, len))
		return;
	size = message_type(buf) == MESSAGE_REGISTERED
		       ? registered_encode(out, message_id(buf), &m)
		       : refreshed_encode(out, message_id(buf), &m);
	REQUIRE(size == REGISTERED_SIZE);
	if (canonical(buf + BODY + TOKEN_SIZE + 4, message_id(buf)))
		same_but(buf, REGISTERED_SIZE, 0, 0);
}

/* The MAC behind the header: right in what was encoded, and by chance only in buf. */
static void check_mac(const uint8_t *buf, size_t len, bool same)
{
	REQUIRE(message_mac_verify(out, len, token));
	if (same && message_mac_verify(buf, len, token))
		REQUIRE(memcmp(buf, out, len) == 0);
	out[0] ^= 1;
	REQUIRE(!message_mac_verify(out, len, token));
	out[0] ^= 1;
	out[len - 1] ^= 0x80;
	REQUIRE(!message_mac_verify(out, len, token));
}

static void try_lease(const uint8_t *buf, size_t len)
{
	struct lease_message m;

	if (!lease_decode(&m, buf, len))
		return;
	REQUIRE(len == LEASE_MESSAGE_SIZE);
	REQUIRE(lease_encode(out, message_type(buf), message_id(buf), &m, token) == len);
	same_but(buf, len, BODY, CRYPTO_MAC_SIZE);
	check_mac(buf, len, true);
}

static void try_code(const uint8_t *buf, size_t len)
{
	uint8_t code;

	if (!code_decode(&code, buf, len))
		return;
	REQUIRE(code_encode(out, message_type(buf), message_id(buf), code) == CODE_SIZE);
	same_but(buf, CODE_SIZE, 0, 0);
	REQUIRE(refusal_text(code) != NULL);
}

static void check_ask_proof(const struct ask_message *m, const uint8_t *attempt)
{
	const struct credentials *c = &fuzz_known()->credentials;
	bool by_token = m->proof_kind == PROOF_TOKEN;
	struct ask_message again;

	REQUIRE(ask_encode(out, attempt, m, by_token ? token : c->asking_seed) ==
		ASK_SIZE);
	REQUIRE(ask_decode(&again, out, ASK_SIZE));
	REQUIRE(by_token ? ask_verify_token(&again, attempt, token)
			 : ask_verify(&again, attempt, c->asking_public));
	again.service[31] ^= 1;
	REQUIRE(!(by_token ? ask_verify_token(&again, attempt, token)
			   : ask_verify(&again, attempt, c->asking_public)));
}

static void try_ask(const uint8_t *buf, size_t len)
{
	const size_t dialled = BODY + COOKIE_SIZE + 32,
		     proof = dialled + WIRE_ADDR_SIZE + 1;
	struct ask_message m;

	if (!ask_decode(&m, buf, len))
		return;
	REQUIRE(len == ASK_SIZE && m.payload_len <= PAYLOAD_MAX);
	REQUIRE(m.payload >= buf && m.payload + m.payload_len <= buf + len);
	check_ask_proof(&m, message_id(buf));
	if (canonical(buf + dialled, message_id(buf)))
		same_but(buf, (size_t)(m.payload - buf) + m.payload_len, proof,
			sizeof(m.proof));
}

static void try_asked(const uint8_t *buf, size_t len)
{
	struct addr observed;
	uint8_t given[TOKEN_SIZE];

	if (!asked_decode(given, &observed, buf, len))
		return;
	REQUIRE(asked_encode(out, message_id(buf), given, &observed) == ASKED_SIZE);
	if (canonical(buf + BODY + TOKEN_SIZE, message_id(buf)))
		same_but(buf, ASKED_SIZE, 0, 0);
}

static void try_introduce(const uint8_t *buf, size_t len)
{
	struct introduce_message m;
	bool same;

	if (!introduce_decode(&m, buf, len))
		return;
	REQUIRE(len <= INTRODUCE_MAX && m.payload + m.payload_len == buf + len);
	REQUIRE(introduce_encode(out, message_id(buf), &m, token) == len);
	same = canonical(buf + BODY + CRYPTO_MAC_SIZE, message_id(buf));
	if (same)
		same_but(buf, len, BODY, CRYPTO_MAC_SIZE);
	check_mac(buf, len, same);
}

static void try_answer(const uint8_t *buf, size_t len)
{
	struct answer_message m;

	if (!answer_decode(&m, buf, len))
		return;
	REQUIRE(len <= ANSWER_MAX && m.payload + m.payload_len == buf + len);
	REQUIRE(answer_encode(out, message_id(buf), &m, token) == len);
	same_but(buf, len, BODY, CRYPTO_MAC_SIZE);
	check_mac(buf, len, true);
}

static void try_answered(const uint8_t *buf, size_t len)
{
	struct answered_message m;

	if (!answered_decode(&m, buf, len))
		return;
	REQUIRE(len <= ANSWERED_MAX && m.payload + m.payload_len == buf + len);
	REQUIRE(answered_encode(out, message_id(buf), &m) == len);
	if (canonical(buf + BODY, message_id(buf)))
		same_but(buf, len, 0, 0);
}

static void try_punch(const uint8_t *buf, size_t len)
{
	bool right = punch_verify(buf, len, mac_key());

	REQUIRE(!right || len == PUNCH_SIZE);
	REQUIRE(punch_encode(out, message_id(buf), mac_key()) == PUNCH_SIZE);
	if (right && message_type(buf) == MESSAGE_PUNCH)
		REQUIRE(memcmp(buf, out, PUNCH_SIZE) == 0);
}

static void try_welcome(const uint8_t *buf, size_t len)
{
	const uint8_t *noise = welcome_decode(buf, len, mac_key());

	if (noise == NULL)
		return;
	REQUIRE(len == WELCOME_SIZE && noise == buf + BODY);
	REQUIRE(welcome_encode(out, message_id(buf), noise, mac_key()) == len);
	REQUIRE(memcmp(buf, out, len) == 0);
}

static void try_busy(const uint8_t *buf, size_t len)
{
	uint8_t cookie[COOKIE_SIZE];

	if (!busy_decode(cookie, buf, len, mac_key()))
		return;
	REQUIRE(len == BUSY_SIZE);
	REQUIRE(busy_encode(out, message_id(buf), cookie, mac_key()) == len);
	REQUIRE(memcmp(buf, out, len) == 0);
}

static void try_refuse(const uint8_t *buf, size_t len)
{
	uint8_t code;

	if (!refuse_decode(&code, buf, len, mac_key()))
		return;
	REQUIRE(len == REFUSE_SIZE);
	REQUIRE(refuse_encode(out, message_id(buf), code, mac_key()) == len);
	REQUIRE(memcmp(buf, out, len) == 0);
}

static void try_datagram(const uint8_t *buf, size_t len)
{
	REQUIRE(message_name(message_type(buf)) != NULL);
	switch (message_type(buf)) {
	case MESSAGE_COOKIE: try_cookie(buf, len); break;
	case MESSAGE_REGISTER: try_register(buf, len); break;
	case MESSAGE_REGISTERED:
	case MESSAGE_REFRESHED: try_registered(buf, len); break;
	case MESSAGE_REFRESH:
	case MESSAGE_UNREGISTER: try_lease(buf, len); break;
	case MESSAGE_ERROR:
	case MESSAGE_ACK: try_code(buf, len); break;
	case MESSAGE_ASK: try_ask(buf, len); break;
	case MESSAGE_ASKED: try_asked(buf, len); break;
	case MESSAGE_INTRODUCE: try_introduce(buf, len); break;
	case MESSAGE_ANSWER: try_answer(buf, len); break;
	case MESSAGE_ANSWERED: try_answered(buf, len); break;
	case MESSAGE_PUNCH: try_punch(buf, len); break;
	case MESSAGE_HELLO: hello_decode(buf, len, mac_key()); break;
	case MESSAGE_WELCOME: try_welcome(buf, len); break;
	case MESSAGE_BUSY: try_busy(buf, len); break;
	case MESSAGE_REFUSE: try_refuse(buf, len); break;
	default: break;
	}
}

/* Behind the header, over the header and all after the MAC (PROTOCOL.md). */
static void put_token_mac(uint8_t *buf, size_t len)
{
	const struct crypto_slice parts[] = {{buf, BODY},
		{buf + BODY + CRYPTO_MAC_SIZE, len - BODY - CRYPTO_MAC_SIZE}};
	uint8_t full[CRYPTO_HASH_SIZE];

	crypto_hmac(full, token, sizeof(token), parts, 2);
	memcpy(buf + BODY, full, CRYPTO_MAC_SIZE);
}

static void put_right(uint8_t *buf, size_t len, uint8_t what)
{
	uint8_t mac[CRYPTO_MAC_SIZE];

	if (len < BODY)
		return;
	if (what & FIX_HEADER) {
		buf[0] = 0x80 | (buf[0] & 0x3f);
		buf[1] = WIRE_VERSION;
	}
	if (what & FIX_TOKEN_MAC && len >= BODY + CRYPTO_MAC_SIZE)
		put_token_mac(buf, len);
	if (what & FIX_LAST_MAC && len >= BODY + CRYPTO_MAC_SIZE)
		crypto_mac(buf + len - CRYPTO_MAC_SIZE, mac_key(), buf,
			len - CRYPTO_MAC_SIZE);
	if (what & FIX_PUNCH && len == PUNCH_SIZE) {
		crypto_mac(mac, mac_key(), buf, BODY);
		memcpy(buf + BODY, mac, PUNCH_SIZE - BODY);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = input_over(data, size);
	uint8_t what = input_u8(&in);
	size_t len = in.left;
	uint8_t *buf;

	if (what & FIX_LENGTH) /* an ask has one length only */
		len = ASK_SIZE;
	buf = fuzz_alloc(len);
	input_bytes(&in, buf, len);
	put_right(buf, len, what);
	if (message_is(buf, len) && message_version(buf) == WIRE_VERSION)
		try_datagram(buf, len);
	message_is_for_rendezvous(buf, len);
	free(buf);
	return 0;
}
