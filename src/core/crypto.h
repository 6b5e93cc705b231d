/* SPDX-License-Identifier: MIT */
/* All cryptography the core uses; crypto.c is the one file that knows libcrypto, and
 * libsodium. */
#ifndef EYELET_CORE_CRYPTO_H
#define EYELET_CORE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPTO_KEY_SIZE       32 /* X25519, Ed25519 and AEAD keys */
#define CRYPTO_SIGNATURE_SIZE 64 /* Ed25519 (RFC 8032) */
#define CRYPTO_HASH_SIZE      32 /* SHA-256 */
#define CRYPTO_TAG_SIZE       16 /* both AEADs */
#define CRYPTO_MAC_SIZE       16 /* HMAC-SHA-256, truncated to 128 bits */

/* AEAD algorithms, as bits of a set on the wire. */
enum cipher {
	CIPHER_CHACHA20_POLY1305 = 1, /* RFC 8439 */
	CIPHER_AES_256_GCM = 2,       /* NIST SP 800-38D */
};

/* Returns the set of AEADs this processor runs well: ChaCha20-Poly1305 always, AES-256-GCM
 * where the processor has instructions for AES and carry-less multiplication. */
uint8_t crypto_ciphers(void);

/* Overwrites len bytes with zeros in a way the compiler keeps. */
void crypto_wipe(void *bytes, size_t len);

/* Compares in time that depends on len only. */
bool crypto_equal(const void *a, const void *b, size_t len);

/* SHA-256 of the concatenation of count byte strings. */
struct crypto_slice {
	const void *bytes;
	size_t len;
};
void crypto_hash(
	uint8_t out[CRYPTO_HASH_SIZE], const struct crypto_slice *parts, size_t count);

/* HMAC-SHA-256 (RFC 2104) of the concatenation, under a key of key_len bytes. */
void crypto_hmac(uint8_t out[CRYPTO_HASH_SIZE], const uint8_t *key, size_t key_len,
	const struct crypto_slice *parts, size_t count);

/* The first CRYPTO_MAC_SIZE bytes of crypto_hmac under a 32-byte key, over one string. */
void crypto_mac(uint8_t out[CRYPTO_MAC_SIZE], const uint8_t key[CRYPTO_KEY_SIZE],
	const void *bytes, size_t len);

/* HKDF-SHA-256 (RFC 5869), extract then expand: out_len at most 255 * 32. info is a NUL-
 * terminated label, its NUL not included. */
void crypto_hkdf(uint8_t *out, size_t out_len, const uint8_t *secret, size_t secret_len,
	const uint8_t *salt, size_t salt_len, const char *info);

/* scrypt (RFC 7914) with N = 2^15, r = 8, p = 1. Returns false if memory ran out. */
bool crypto_scrypt(uint8_t *out, size_t out_len, const char *text, size_t text_len,
	const uint8_t *salt, size_t salt_len);

/* X25519 (RFC 7748). */
void crypto_x25519_public(
	uint8_t public[CRYPTO_KEY_SIZE], const uint8_t secret[CRYPTO_KEY_SIZE]);
/* Returns false if peer's point is of low order (an all-zero result), with out zeroed. */
bool crypto_x25519(uint8_t out[CRYPTO_KEY_SIZE], const uint8_t secret[CRYPTO_KEY_SIZE],
	const uint8_t peer[CRYPTO_KEY_SIZE]);

/* Ed25519 (RFC 8032), keys as 32-byte seeds. */
void crypto_ed25519_public(
	uint8_t public[CRYPTO_KEY_SIZE], const uint8_t seed[CRYPTO_KEY_SIZE]);
void crypto_ed25519_sign(uint8_t signature[CRYPTO_SIGNATURE_SIZE],
	const uint8_t seed[CRYPTO_KEY_SIZE], const void *bytes, size_t len);
bool crypto_ed25519_verify(const uint8_t signature[CRYPTO_SIGNATURE_SIZE],
	const uint8_t public[CRYPTO_KEY_SIZE], const void *bytes, size_t len);

/* One AEAD key with its context, kept as long as the key: per datagram only the nonce is
 * set anew. The nonce is 4 zero bytes and the 64-bit counter: little-endian for ChaCha20-
 * Poly1305, big-endian for AES-256-GCM (as Noise has it, sections 12.3 and 12.4). */
struct crypto_aead;

/* Returns NULL if memory ran out or the cipher is not one of enum cipher. A context seals
 * or opens, not both. */
struct crypto_aead *crypto_aead_new(
	enum cipher cipher, const uint8_t key[CRYPTO_KEY_SIZE], bool seal);
void crypto_aead_free(struct crypto_aead *aead);

/* Whether the context, 1.2 kB of it, is kept between uses, as at first, or made anew for each,
 * which takes about two microseconds. */
void crypto_aead_keep(struct crypto_aead *aead, bool keep);

/* out gets len + CRYPTO_TAG_SIZE bytes; out may be in itself, and must not overlap it
 * otherwise. Never fails for len up to 65,535. */
void crypto_aead_seal(struct crypto_aead *aead, uint64_t counter, const uint8_t *ad,
	size_t ad_len, const uint8_t *in, size_t len, uint8_t *out);

/* in has len bytes with the tag; out gets len - CRYPTO_TAG_SIZE and may be in itself.
 * Returns false if the tag is wrong; out is then undefined. */
bool crypto_aead_open(struct crypto_aead *aead, uint64_t counter, const uint8_t *ad,
	size_t ad_len, const uint8_t *in, size_t len, uint8_t *out);

#endif
