/* SPDX-License-Identifier: MIT */
/* The rendezvous' insides, shared by its rooms: rendezvous_proof.c (cookies and tokens),
 * rendezvous_lease.c (hosts), rendezvous_attempt.c (guests' asks and hosts' answers),
 * rendezvous_stun.c, rendezvous_limit.c (what operators hear). rendezvous.c is the door. */
#ifndef EYELET_CORE_RENDEZVOUS_PARTS_H
#define EYELET_CORE_RENDEZVOUS_PARTS_H

#include "core/message.h"
#include "core/outbox.h"
#include "core/registry.h"
#include "core/relay.h"
#include "core/rendezvous.h"

#define COOKIE_LIFE     REGISTRY_ORDER /* a cookie is good for so long */
#define TOKEN_TURN      (300 * SECOND) /* a token is good for one to two of these */
#define OUTBOX_SIZE     256
#define COPIES          2   /* of introductions and answers passed on */
#define SIGNATURE_RATE  500 /* signatures verified a second for one network */
#define SIGNATURE_BURST 1000

/* What operators are told of: name, text. */
#define LIMIT_MAP(X)                                                                     \
	X(SERVICES, "there is no room for another service")                              \
	X(ATTEMPTS, "guests ask more often than they may")                               \
	X(SIGNATURES, "more signatures come from one network than are verified")         \
	X(CHANNELS, "the relay has no room for another session")                         \
	X(BYTES, "more is sent over the relay than may pass")

enum limit {
#define X(name, text) LIMIT_##name,
	LIMIT_MAP(X)
#undef X
		LIMITS
};

#define LIMIT_PAUSE (60 * SECOND) /* from one word about a limit to the next */

struct limit_note {
	uint64_t told_at; /* 0: not yet */
	uint32_t count;   /* since then */
};

struct allowed_service {
	uint8_t name[CRYPTO_KEY_SIZE];
	UT_hash_handle hh;
};

struct rendezvous {
	struct rendezvous_config config;
	struct addr mapped; /* what a router forwards to it; family ADDR_NONE: nothing */
	struct registry registry;
	struct outbox outbox;
	struct events events;
	struct rendezvous_counts counts;
	struct limit_note notes[LIMITS];
	struct allowed_service *allowed;
	uint8_t cookie_key[CRYPTO_KEY_SIZE];
	uint8_t token_key[CRYPTO_KEY_SIZE];
	struct bucket_field attempts, signatures, stun;
	struct bucket stun_all;
	struct relay relay;
	struct rendezvous_socket {
		uint32_t number;
		struct addr bound;
	} sockets[RENDEZVOUS_SOCKETS_MAX];
	unsigned socket_count;
};

void rendezvous_fill(struct rendezvous *r, uint8_t *bytes, size_t len);
struct datagram *rendezvous_reply(struct rendezvous *r, const struct path *path);
/* Answers with an ERROR. */
enum verdict rendezvous_refuse(struct rendezvous *r, const struct path *path,
	const uint8_t id[ID_SIZE], enum refusal code);

/* rendezvous_limit.c: somebody was refused something. */
void rendezvous_note(
	struct rendezvous *r, enum limit limit, const struct addr *remote, uint64_t now);

/* rendezvous_proof.c */
void cookie_make(const struct rendezvous *r, uint8_t cookie[COOKIE_SIZE],
	const struct addr *remote, uint64_t now);
bool cookie_valid(const struct rendezvous *r, const uint8_t cookie[COOKIE_SIZE],
	const struct addr *remote, uint64_t now);
/* When a valid one was made. */
uint64_t cookie_made_at(const uint8_t cookie[COOKIE_SIZE], uint64_t now);
/* A host's token names its instance, a guest's has none. It is good for the turn it was
 * made in and the next: who once held an address keeps nothing there for long. */
void token_make(const struct rendezvous *r, uint8_t token[TOKEN_SIZE],
	const struct addr *remote, const uint8_t service[32], const uint8_t *instance,
	uint64_t turn);
uint64_t token_turn(uint64_t now);
/* True if a message's MAC is that of the address's token, of this turn or the last. */
bool token_of_turns(const struct rendezvous *r, const uint8_t *buf, size_t len,
	const struct addr *remote, const uint8_t *service, const uint8_t *instance,
	uint64_t now);
/* True if that is an address which the rendezvous goes by. */
bool dialled_right(
	const struct rendezvous *r, const struct path *path, const struct addr *dialled);

/* rendezvous_lease.c */
bool service_is_allowed(const struct rendezvous *r, const uint8_t service[32]);
/* Finds the host that a refresh, unregister or answer comes from; NULL if its MAC is not
 * that of its address's token, or it has no lease there. */
struct registered_host *host_of(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, const uint8_t *service, const uint8_t *instance,
	uint64_t now);
enum verdict register_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now);
enum verdict refresh_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now);
enum verdict unregister_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now);

/* rendezvous_attempt.c */
enum verdict ask_input(struct rendezvous *r, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now);
enum verdict answer_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now);

/* rendezvous_stun.c */
enum verdict binding_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now);

#endif
