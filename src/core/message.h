/* SPDX-License-Identifier: MIT */
/* Every message but sealed frames and STUN: layouts, limits, encode and decode. PROTOCOL.md
 * draws the bytes.
 *
 * The first two bits of a datagram tell what it is: 00 STUN, 01 a sealed frame, 10 a
 * message, 11 nothing yet. A message begins with 10 and six bits of type, a version octet
 * and a 16-byte id: random per request and echoed in its answer, or the attempt's. */
#ifndef EYELET_CORE_MESSAGE_H
#define EYELET_CORE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/crypto.h"
#include "core/secrets.h"

#define WIRE_VERSION 1

#define ID_SIZE             16
#define MESSAGE_HEADER_SIZE (2 + ID_SIZE)
#define COOKIE_SIZE         16
#define TOKEN_SIZE          CRYPTO_MAC_SIZE

/* name, value, text */
#define MESSAGE_MAP(X)                                                                   \
	X(COOKIE_ASK, 1, "cookie-ask")                                                   \
	X(COOKIE, 2, "cookie")                                                           \
	X(REGISTER, 3, "register")                                                       \
	X(REGISTERED, 4, "registered")                                                   \
	X(REFRESH, 5, "refresh")                                                         \
	X(REFRESHED, 6, "refreshed")                                                     \
	X(ERROR, 7, "error")                                                             \
	X(ASK, 8, "ask")                                                                 \
	X(ASKED, 9, "asked")                                                             \
	X(INTRODUCE, 10, "introduce")                                                    \
	X(ANSWER, 11, "answer")                                                          \
	X(ANSWERED, 12, "answered")                                                      \
	X(ACK, 13, "ack")                                                                \
	X(UNREGISTER, 14, "unregister")                                                  \
	X(PUNCH, 16, "punch")                                                            \
	X(HELLO, 17, "hello")                                                            \
	X(WELCOME, 18, "welcome")                                                        \
	X(BUSY, 19, "busy")                                                              \
	X(REFUSE, 20, "refuse")                                                          \
	X(KNOCK, 21, "knock")                                                            \
	X(VERSION, 31, "version")

enum message_type {
#define X(name, value, text) MESSAGE_##name = value,
	MESSAGE_MAP(X)
#undef X
};

/* Why a rendezvous says no: name, value, sentence. */
#define REFUSAL_MAP(X)                                                                   \
	X(UNKNOWN_LEASE, 1, "the rendezvous does not know the lease")                    \
	X(STALE_COOKIE, 2, "the cookie is stale")                                        \
	X(NO_SERVICE, 3, "no such service is registered, or the key is wrong")           \
	X(NOT_ALLOWED, 4, "the rendezvous is private and does not list this service")    \
	X(FULL, 5, "the rendezvous is full")                                             \
	X(BAD_SIGNATURE, 6, "the signature is wrong")                                    \
	X(WRONG_ADDRESS, 7,                                                              \
		"the rendezvous does not go by the address it was dialled at")           \
	X(BUSY, 8, "the rendezvous is limiting this network or service")

enum refusal {
#define X(name, value, text) REFUSAL_##name = value,
	REFUSAL_MAP(X)
#undef X
};

const char *message_name(uint8_t type);
const char *refusal_text(uint8_t code);

/* True if the datagram's first bits say it is a message, and it holds a whole header. */
bool message_is(const uint8_t *buf, size_t len);
static inline uint8_t message_type(const uint8_t *buf)
{
	return buf[0] & 0x3f;
}
static inline uint8_t message_version(const uint8_t *buf)
{
	return buf[1];
}
static inline const uint8_t *message_id(const uint8_t *buf)
{
	return buf + 2;
}

/* True for the types that go to a rendezvous (a host that runs one on its own socket tells
 * by this whom a datagram is for). */
bool message_is_for_rendezvous(const uint8_t *buf, size_t len);

/* Every encoder below writes into a buffer of at least its size and returns the length;
 * every decoder takes a whole datagram that message_is() and has the right type, and
 * returns false if it is malformed. Views point into the datagram. */

#define COOKIE_ASK_SIZE 64 /* padded: its answer is not longer */
size_t cookie_ask_encode(uint8_t *out, const uint8_t id[ID_SIZE]);

struct cookie_message {
	uint8_t cookie[COOKIE_SIZE];
	struct addr observed; /* the asker, as the rendezvous sees it */
	uint16_t alt_base;    /* bit i of alt_mask set: port alt_base + i answers too */
	uint32_t alt_mask;
};
#define COOKIE_MESSAGE_SIZE (MESSAGE_HEADER_SIZE + COOKIE_SIZE + 19 + 2 + 4)
size_t cookie_encode(
	uint8_t *out, const uint8_t id[ID_SIZE], const struct cookie_message *m);
bool cookie_decode(struct cookie_message *m, const uint8_t *buf, size_t len);

struct register_message {
	uint8_t cookie[COOKIE_SIZE];
	uint8_t service[CRYPTO_KEY_SIZE];
	uint8_t asking[CRYPTO_KEY_SIZE];
	uint8_t instance[INSTANCE_SIZE];
	struct addr dialled; /* the rendezvous, as the host dialled it */
	uint32_t lease;      /* seconds wanted */
	uint8_t signature[CRYPTO_SIGNATURE_SIZE];
};
#define REGISTER_SIZE                                                                    \
	(MESSAGE_HEADER_SIZE + COOKIE_SIZE + 32 + 32 + INSTANCE_SIZE + 19 + 4 + 64)
/* Signs with the service's seed. */
size_t register_encode(uint8_t *out, const uint8_t id[ID_SIZE],
	const struct register_message *m, const uint8_t seed[CRYPTO_KEY_SIZE]);
bool register_decode(struct register_message *m, const uint8_t *buf, size_t len);
bool register_verify(const struct register_message *m);

struct registered_message {
	uint8_t token[TOKEN_SIZE];
	uint32_t lease; /* seconds granted */
	struct addr observed;
};
#define REGISTERED_SIZE (MESSAGE_HEADER_SIZE + TOKEN_SIZE + 4 + 19)
size_t registered_encode(
	uint8_t *out, const uint8_t id[ID_SIZE], const struct registered_message *m);
bool registered_decode(struct registered_message *m, const uint8_t *buf, size_t len);

/* refresh and unregister: a service and an instance under the token's MAC. */
struct lease_message {
	uint8_t service[CRYPTO_KEY_SIZE];
	uint8_t instance[INSTANCE_SIZE];
	uint8_t mac[CRYPTO_MAC_SIZE];
};
#define LEASE_MESSAGE_SIZE (MESSAGE_HEADER_SIZE + 32 + INSTANCE_SIZE + CRYPTO_MAC_SIZE)
size_t lease_encode(uint8_t *out, enum message_type type, const uint8_t id[ID_SIZE],
	const struct lease_message *m, const uint8_t token[TOKEN_SIZE]);
bool lease_decode(struct lease_message *m, const uint8_t *buf, size_t len);

/* REFRESHED has the layout of REGISTERED: tokens turn over, and this is the new one. */
size_t refreshed_encode(
	uint8_t *out, const uint8_t id[ID_SIZE], const struct registered_message *m);

/* ERROR, REFUSE and ACK: one octet of code or sequence. */
#define CODE_SIZE (MESSAGE_HEADER_SIZE + 1)
size_t code_encode(
	uint8_t *out, enum message_type type, const uint8_t id[ID_SIZE], uint8_t code);
bool code_decode(uint8_t *code, const uint8_t *buf, size_t len);

enum ask_proof { PROOF_SIGNATURE = 0, PROOF_TOKEN = 1 };

#define PAYLOAD_MAX 420 /* sealed candidates, bytes */
#define ASK_SIZE    600 /* padded: what comes back through the rendezvous is not longer */
struct ask_message {
	uint8_t cookie[COOKIE_SIZE];
	uint8_t service[CRYPTO_KEY_SIZE];
	struct addr dialled;
	uint8_t proof_kind;                   /* enum ask_proof */
	uint8_t proof[CRYPTO_SIGNATURE_SIZE]; /* a MAC fills its first 16 bytes */
	const uint8_t *payload;               /* opaque to the rendezvous */
	size_t payload_len;
};
/* Proves with the asking seed, or with the token where proof_kind is PROOF_TOKEN. */
size_t ask_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const struct ask_message *m, const uint8_t *seed_or_token);
bool ask_decode(struct ask_message *m, const uint8_t *buf, size_t len);
bool ask_verify(const struct ask_message *m, const uint8_t attempt[ID_SIZE],
	const uint8_t asking[CRYPTO_KEY_SIZE]);
bool ask_verify_token(const struct ask_message *m, const uint8_t attempt[ID_SIZE],
	const uint8_t token[TOKEN_SIZE]);

/* ASKED: the service is there, its host has been told. */
#define ASKED_SIZE (MESSAGE_HEADER_SIZE + TOKEN_SIZE + 19)
size_t asked_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const uint8_t token[TOKEN_SIZE], const struct addr *observed);
bool asked_decode(
	uint8_t token[TOKEN_SIZE], struct addr *observed, const uint8_t *buf, size_t len);

struct introduce_message {
	struct addr guest; /* as the rendezvous proved it */
	uint8_t mac[CRYPTO_MAC_SIZE];
	const uint8_t *payload;
	size_t payload_len;
};
#define INTRODUCE_MAX (MESSAGE_HEADER_SIZE + CRYPTO_MAC_SIZE + 19 + PAYLOAD_MAX)
size_t introduce_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const struct introduce_message *m, const uint8_t token[TOKEN_SIZE]);
bool introduce_decode(struct introduce_message *m, const uint8_t *buf, size_t len);

struct answer_message {
	uint8_t service[CRYPTO_KEY_SIZE];
	uint8_t instance[INSTANCE_SIZE];
	uint8_t sequence; /* rises when the host has more to say about the attempt */
	uint8_t mac[CRYPTO_MAC_SIZE];
	const uint8_t *payload;
	size_t payload_len;
};
#define ANSWER_MAX                                                                       \
	(MESSAGE_HEADER_SIZE + CRYPTO_MAC_SIZE + 32 + INSTANCE_SIZE + 1 + PAYLOAD_MAX)
size_t answer_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const struct answer_message *m, const uint8_t token[TOKEN_SIZE]);
bool answer_decode(struct answer_message *m, const uint8_t *buf, size_t len);

/* True if the MAC of a refresh, unregister, introduce or answer is that of the token. */
bool message_mac_verify(const uint8_t *buf, size_t len, const uint8_t token[TOKEN_SIZE]);

struct answered_message {
	struct addr host; /* the address of the host's lease */
	uint8_t instance[INSTANCE_SIZE];
	uint8_t sequence;
	uint32_t channel; /* of the relay to that host; 0: there is none */
	const uint8_t *payload;
	size_t payload_len;
};
#define ANSWERED_MAX (MESSAGE_HEADER_SIZE + 19 + INSTANCE_SIZE + 1 + 4 + PAYLOAD_MAX)
size_t answered_encode(
	uint8_t *out, const uint8_t attempt[ID_SIZE], const struct answered_message *m);
bool answered_decode(struct answered_message *m, const uint8_t *buf, size_t len);

/* PUNCH: 8 bytes of MAC under the service's MAC key. */
#define PUNCH_SIZE (MESSAGE_HEADER_SIZE + 8)
size_t punch_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const uint8_t mac_key[CRYPTO_KEY_SIZE]);
/* KNOCK: the same from a guest, which tries many ports at once. */
size_t knock_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const uint8_t mac_key[CRYPTO_KEY_SIZE]);
/* Of either. */
bool punch_verify(const uint8_t *buf, size_t len, const uint8_t mac_key[CRYPTO_KEY_SIZE]);

/* HELLO: the first Noise message, then a MAC over all before it, then a cookie's MAC or
 * zeros. WELCOME: the second Noise message, then a MAC over all before it. */
#define HELLO_PAYLOAD_SIZE   16 /* ciphers (1), the guest's process (8), zeros */
#define PROCESS_SIZE         8  /* random, made when the guest starts */
#define WELCOME_PAYLOAD_SIZE 16
#define HELLO_NOISE_SIZE     (HELLO_PAYLOAD_SIZE + 32 + 48 + 16)
#define WELCOME_NOISE_SIZE   (WELCOME_PAYLOAD_SIZE + 32 + 16)
#define HELLO_SIZE           (MESSAGE_HEADER_SIZE + HELLO_NOISE_SIZE + 2 * CRYPTO_MAC_SIZE)
#define WELCOME_SIZE         (MESSAGE_HEADER_SIZE + WELCOME_NOISE_SIZE + CRYPTO_MAC_SIZE)
size_t hello_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const uint8_t noise[HELLO_NOISE_SIZE], const uint8_t mac_key[CRYPTO_KEY_SIZE],
	const uint8_t *cookie);
/* Returns the Noise message in place, or NULL if the size or the first MAC is wrong. */
const uint8_t *hello_decode(
	const uint8_t *buf, size_t len, const uint8_t mac_key[CRYPTO_KEY_SIZE]);
/* True if the second MAC was made with that cookie. */
bool hello_has_cookie(const uint8_t *buf, const uint8_t cookie[COOKIE_SIZE]);
size_t welcome_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const uint8_t noise[WELCOME_NOISE_SIZE], const uint8_t mac_key[CRYPTO_KEY_SIZE]);
/* Returns the Noise message in place, or NULL if the size or the MAC is wrong. */
const uint8_t *welcome_decode(
	const uint8_t *buf, size_t len, const uint8_t mac_key[CRYPTO_KEY_SIZE]);

/* BUSY: a cookie for a hello, and REFUSE: why not, each under the service's MAC key. */
#define BUSY_SIZE   (MESSAGE_HEADER_SIZE + COOKIE_SIZE + CRYPTO_MAC_SIZE)
#define REFUSE_SIZE (MESSAGE_HEADER_SIZE + 1 + CRYPTO_MAC_SIZE)
size_t busy_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const uint8_t cookie[COOKIE_SIZE], const uint8_t mac_key[CRYPTO_KEY_SIZE]);
bool busy_decode(uint8_t cookie[COOKIE_SIZE], const uint8_t *buf, size_t len,
	const uint8_t mac_key[CRYPTO_KEY_SIZE]);
size_t refuse_encode(uint8_t *out, const uint8_t attempt[ID_SIZE], uint8_t code,
	const uint8_t mac_key[CRYPTO_KEY_SIZE]);
bool refuse_decode(uint8_t *code, const uint8_t *buf, size_t len,
	const uint8_t mac_key[CRYPTO_KEY_SIZE]);

/* VERSION: an answer to a message of another version; says in its version octet which one
 * the answerer speaks. The layout of its 18 bytes holds for all versions. */
size_t version_encode(uint8_t *out, const uint8_t id[ID_SIZE]);

#endif
