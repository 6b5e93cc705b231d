/* SPDX-License-Identifier: MIT */
/* Noise_IKpsk1_25519_ChaChaPoly_SHA256 (Noise Protocol Framework, revision 34): one
 * handshake of two messages, the guest being its initiator and the host its responder.
 *
 *   <- s
 *   ...
 *   -> e, es, s, ss, psk
 *   <- e, ee, se
 */
#ifndef EYELET_CORE_NOISE_H
#define EYELET_CORE_NOISE_H

#include "core/crypto.h"

#define NOISE_HELLO_OVERHEAD   (32 + 48 + 16) /* e, sealed s, tag of the payload */
#define NOISE_WELCOME_OVERHEAD (32 + 16)      /* e, tag of the payload */

struct noise {
	uint8_t hash[32];      /* h */
	uint8_t chain[32];     /* ck */
	uint8_t key[32];       /* k */
	uint64_t counter;      /* n */
	uint8_t ephemeral[32]; /* own e, secret half */
	uint8_t ephemeral_public[32];
	uint8_t own_static[32]; /* own s, secret half */
	uint8_t own_static_public[32];
	uint8_t peer_static[32];    /* rs; the responder has it after noise_read_hello */
	uint8_t peer_ephemeral[32]; /* re */
	uint8_t psk[32];
};

/* Both keys of the transport, after the last message. */
struct noise_keys {
	uint8_t to_host[32];  /* the initiator seals with it */
	uint8_t to_guest[32]; /* the responder seals with it */
	uint8_t hash[32];     /* handshake hash, for channel binding */
};

/* Starts an initiator: its static secret, a fresh ephemeral secret (32 random bytes), the
 * responder's static public key, the 32-byte psk and the prologue. Nothing fails. */
void noise_start_guest(struct noise *n, const uint8_t own_static[32],
	const uint8_t ephemeral[32], const uint8_t host_static[32], const uint8_t psk[32],
	const void *prologue, size_t prologue_len);

/* Starts a responder. The ephemeral is used in noise_write_welcome only. */
void noise_start_host(struct noise *n, const uint8_t own_static[32],
	const uint8_t ephemeral[32], const uint8_t psk[32], const void *prologue,
	size_t prologue_len);

/* Writes payload_len + NOISE_HELLO_OVERHEAD bytes. Returns false if host_static is a point
 * of low order. */
bool noise_write_hello(
	struct noise *n, const uint8_t *payload, size_t payload_len, uint8_t *out);

/* Reads len bytes; payload gets len - NOISE_HELLO_OVERHEAD. Returns false (and n is then
 * good for nothing but wiping) if it does not authenticate. */
bool noise_read_hello(struct noise *n, const uint8_t *in, size_t len, uint8_t *payload);

/* Writes payload_len + NOISE_WELCOME_OVERHEAD bytes and gives the keys. */
bool noise_write_welcome(struct noise *n, const uint8_t *payload, size_t payload_len,
	uint8_t *out, struct noise_keys *keys);

/* Reads a welcome. Returns false, with n as it was (another welcome may still be good), if
 * it does not authenticate. */
bool noise_read_welcome(struct noise *n, const uint8_t *in, size_t len, uint8_t *payload,
	struct noise_keys *keys);

#endif
