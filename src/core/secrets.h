/* SPDX-License-Identifier: MIT */
/* What a host keeps secret, what a ticket's holder knows, and what both derive from it. */
#ifndef EYELET_CORE_SECRETS_H
#define EYELET_CORE_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/crypto.h"
#include "core/path.h"

#define SECRET_SIZE   16 /* a ticket's secret */
#define INSTANCE_SIZE 16 /* names one host among those of a service */

/* All a host needs to be a service. Kept in its state directory as these bytes. */
struct service {
	uint8_t seed[CRYPTO_KEY_SIZE]; /* Ed25519: names the service, signs for it */
	uint8_t host_static[CRYPTO_KEY_SIZE]; /* X25519 secret */
	uint8_t secret[SECRET_SIZE];
	uint8_t instance[INSTANCE_SIZE];
};

/* What both sides derive: a ticket's holder has no more than this. */
struct credentials {
	uint8_t service[CRYPTO_KEY_SIZE];     /* Ed25519 public key: the service's name */
	uint8_t asking_seed[CRYPTO_KEY_SIZE]; /* Ed25519: authorises asking */
	uint8_t asking_public[CRYPTO_KEY_SIZE]; /* part of the registration */
	uint8_t psk[CRYPTO_KEY_SIZE];           /* of the handshake */
	uint8_t seal_key[CRYPTO_KEY_SIZE];      /* of candidates on their way */
	uint8_t mac_key[CRYPTO_KEY_SIZE];       /* of punch, hello and busy */
};

/* Makes a new random service. */
void service_generate(struct service *s, const struct entropy *entropy);

/* Derives a service from a text key: scrypt, then HKDF. In "name:passphrase", the name
 * salts. Every holder of the text gets the same service; the instance is left zero for the
 * caller to fill. Returns false if memory ran out. */
bool service_from_key(struct service *s, const char *key);

/* Derives what a ticket's holder knows. */
void credentials_derive(struct credentials *c, const uint8_t service[CRYPTO_KEY_SIZE],
	const uint8_t secret[SECRET_SIZE]);
void credentials_of(struct credentials *c, const struct service *s);

/* Estimates the strength of a text key in bits, from its length, the kinds of characters
 * and repetitions; deliberately pessimistic. */
unsigned key_strength(const char *key);

#define GENERATED_KEY_MAX 40
/* Writes a key with 128 random bits in groups of base-32 characters, NUL-terminated. */
void key_generate(char *text, const struct entropy *entropy);

#endif
