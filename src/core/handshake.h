/* SPDX-License-Identifier: MIT */
/* The Noise handshake as host and guest use it: for an attempt, and for new keys inside a
 * session. Both differ in the prologue only. */
#ifndef EYELET_CORE_HANDSHAKE_H
#define EYELET_CORE_HANDSHAKE_H

#include "core/bucket.h"
#include "core/message.h"
#include "core/noise.h"
#include "core/session.h"

enum handshake_purpose { HANDSHAKE_ATTEMPT, HANDSHAKE_REKEY };

#define HANDSHAKE_CONTEXT_SIZE 16 /* the attempt's id; or session id, epoch and zeros */

/* Fills in the context of a rekey. */
void handshake_rekey_context(uint8_t context[HANDSHAKE_CONTEXT_SIZE],
	const uint8_t session_id[SESSION_ID_SIZE], uint8_t epoch);

void handshake_guest(struct noise *noise, enum handshake_purpose purpose,
	const uint8_t context[HANDSHAKE_CONTEXT_SIZE], const struct credentials *c,
	const uint8_t own_static[32], const uint8_t host_static[32],
	const struct entropy *entropy);
void handshake_host(struct noise *noise, enum handshake_purpose purpose,
	const uint8_t context[HANDSHAKE_CONTEXT_SIZE], const struct credentials *c,
	const uint8_t own_static[32], const struct entropy *entropy);

/* New keys inside a session. */

/* The guest's side: one handshake under way, its message repeated until answered. */
struct rekey_guest {
	bool live;
	uint8_t epoch;
	uint64_t next_at;
	struct noise noise;
	uint8_t message[HELLO_NOISE_SIZE];
};

/* The host's side: the last answer, for repeated questions. */
struct rekey_host {
	bool live;
	uint8_t epoch;
	uint8_t hello[HELLO_NOISE_SIZE];
	uint8_t message[WELCOME_NOISE_SIZE];
};

/* Begins or repeats where the session wants new keys and the time has come. */
void rekey_guest_run(struct rekey_guest *r, struct session *s,
	const struct credentials *c, const uint8_t own_static[32],
	const uint8_t host_static[32], const struct entropy *entropy, uint64_t now);

/* Takes a REKEYED frame: installs the new keys if it is the answer. */
enum verdict rekey_guest_input(struct rekey_guest *r, struct session *s,
	const struct frame *frame, uint64_t now);

/* Takes a REKEY frame: installs the new keys and answers; identity is the guest's static
 * key, which must be the one of the session; a handshake costs one token of paid. */
enum verdict rekey_host_input(struct rekey_host *r, struct session *s,
	const struct frame *frame, const struct credentials *c,
	const uint8_t own_static[32], const uint8_t identity[32],
	const struct entropy *entropy, struct bucket *paid, uint64_t now);

#endif
