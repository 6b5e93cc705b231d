/* SPDX-License-Identifier: MIT */
/* The names of sections 5.1 to 5.3 and 9 of the framework: mix_key is its MixKey, and so
 * on. */
#include "core/noise.h"

#include <string.h>

#define KEY  CRYPTO_KEY_SIZE
#define HASH CRYPTO_HASH_SIZE
#define TAG  CRYPTO_TAG_SIZE

static void mix_hash(struct noise *n, const void *bytes, size_t len)
{
	struct crypto_slice parts[] = {{n->hash, HASH}, {bytes, len}};

	crypto_hash(n->hash, parts, 2);
}

/* Noise's HKDF is RFC 5869's with the chaining key as salt and no info. */
static void mix_key(struct noise *n, const uint8_t *material, size_t len)
{
	uint8_t out[2 * HASH];

	crypto_hkdf(out, sizeof(out), material, len, n->chain, HASH, "");
	memcpy(n->chain, out, HASH);
	memcpy(n->key, out + HASH, KEY);
	n->counter = 0;
	crypto_wipe(out, sizeof(out));
}

static void mix_key_and_hash(struct noise *n, const uint8_t psk[32])
{
	uint8_t out[3 * HASH];

	crypto_hkdf(out, sizeof(out), psk, 32, n->chain, HASH, "");
	memcpy(n->chain, out, HASH);
	mix_hash(n, out + HASH, HASH);
	memcpy(n->key, out + sizeof(out) - KEY, KEY);
	n->counter = 0;
	crypto_wipe(out, sizeof(out));
}

/* Mixes a public ephemeral in; with a psk in the pattern it goes into the key as well, or
 * two handshakes under one psk could share a key and nonce (section 9.2). */
static void mix_ephemeral(struct noise *n, const uint8_t public[KEY])
{
	mix_hash(n, public, KEY);
	mix_key(n, public, KEY);
}

/* Returns false if the shared secret would be all zeros. */
static bool mix_dh(struct noise *n, const uint8_t secret[KEY], const uint8_t public[KEY])
{
	uint8_t shared[KEY];
	bool ok = crypto_x25519(shared, secret, public);

	if (ok)
		mix_key(n, shared, KEY);
	crypto_wipe(shared, sizeof(shared));
	return ok;
}

/* Writes len + TAG bytes. */
static bool encrypt_and_hash(struct noise *n, const uint8_t *in, size_t len, uint8_t *out)
{
	struct crypto_aead *aead =
		crypto_aead_new(CIPHER_CHACHA20_POLY1305, n->key, true);

	if (!aead)
		return false;
	crypto_aead_seal(aead, n->counter++, n->hash, HASH, in, len, out);
	crypto_aead_free(aead);
	mix_hash(n, out, len + TAG);
	return true;
}

/* Reads len bytes, tag included. */
static bool decrypt_and_hash(struct noise *n, const uint8_t *in, size_t len, uint8_t *out)
{
	struct crypto_aead *aead =
		crypto_aead_new(CIPHER_CHACHA20_POLY1305, n->key, false);
	uint8_t before[HASH];
	bool ok;

	if (!aead)
		return false;
	memcpy(before, n->hash, HASH);
	mix_hash(n, in, len); /* first, since out may be in */
	ok = crypto_aead_open(aead, n->counter++, before, HASH, in, len, out);
	crypto_aead_free(aead);
	return ok;
}

/* What both roles begin with: section 5.3's Initialize, up to the pre-message. */
static void start(struct noise *n, const uint8_t own_static[KEY],
	const uint8_t ephemeral[KEY], const uint8_t psk[32], const void *prologue,
	size_t prologue_len)
{
	static const char name[] = "Noise_IKpsk1_25519_ChaChaPoly_SHA256";

	memset(n, 0, sizeof(*n));
	memcpy(n->own_static, own_static, KEY);
	memcpy(n->ephemeral, ephemeral, KEY);
	memcpy(n->psk, psk, sizeof(n->psk));
	crypto_x25519_public(n->own_static_public, own_static);
	crypto_x25519_public(n->ephemeral_public, ephemeral);
	crypto_hash(n->hash, &(struct crypto_slice){name, sizeof(name) - 1}, 1);
	memcpy(n->chain, n->hash, HASH);
	mix_hash(n, prologue, prologue_len);
}

static void split(const struct noise *n, struct noise_keys *keys)
{
	uint8_t out[2 * KEY];

	crypto_hkdf(out, sizeof(out), NULL, 0, n->chain, HASH, "");
	memcpy(keys->to_host, out, KEY);
	memcpy(keys->to_guest, out + KEY, KEY);
	memcpy(keys->hash, n->hash, HASH);
	crypto_wipe(out, sizeof(out));
}

void noise_start_guest(struct noise *n, const uint8_t own_static[32],
	const uint8_t ephemeral[32], const uint8_t host_static[32], const uint8_t psk[32],
	const void *prologue, size_t prologue_len)
{
	start(n, own_static, ephemeral, psk, prologue, prologue_len);
	memcpy(n->peer_static, host_static, KEY);
	mix_hash(n, n->peer_static, KEY);
}

void noise_start_host(struct noise *n, const uint8_t own_static[32],
	const uint8_t ephemeral[32], const uint8_t psk[32], const void *prologue,
	size_t prologue_len)
{
	start(n, own_static, ephemeral, psk, prologue, prologue_len);
	mix_hash(n, n->own_static_public, KEY);
}

bool noise_write_hello(
	struct noise *n, const uint8_t *payload, size_t payload_len, uint8_t *out)
{
	memcpy(out, n->ephemeral_public, KEY);
	mix_ephemeral(n, n->ephemeral_public);
	if (!mix_dh(n, n->ephemeral, n->peer_static)) /* es */
		return false;
	if (!encrypt_and_hash(n, n->own_static_public, KEY, out + KEY))
		return false;
	if (!mix_dh(n, n->own_static, n->peer_static)) /* ss */
		return false;
	mix_key_and_hash(n, n->psk);
	return encrypt_and_hash(n, payload, payload_len, out + KEY + KEY + TAG);
}

bool noise_read_hello(struct noise *n, const uint8_t *in, size_t len, uint8_t *payload)
{
	if (len < NOISE_HELLO_OVERHEAD)
		return false;
	memcpy(n->peer_ephemeral, in, KEY);
	mix_ephemeral(n, n->peer_ephemeral);
	if (!mix_dh(n, n->own_static, n->peer_ephemeral)) /* es */
		return false;
	if (!decrypt_and_hash(n, in + KEY, KEY + TAG, n->peer_static))
		return false;
	if (!mix_dh(n, n->own_static, n->peer_static)) /* ss */
		return false;
	mix_key_and_hash(n, n->psk);
	return decrypt_and_hash(n, in + KEY + KEY + TAG, len - KEY - KEY - TAG, payload);
}

bool noise_write_welcome(struct noise *n, const uint8_t *payload, size_t payload_len,
	uint8_t *out, struct noise_keys *keys)
{
	memcpy(out, n->ephemeral_public, KEY);
	mix_ephemeral(n, n->ephemeral_public);
	if (!mix_dh(n, n->ephemeral, n->peer_ephemeral)) /* ee */
		return false;
	if (!mix_dh(n, n->ephemeral, n->peer_static)) /* se */
		return false;
	if (!encrypt_and_hash(n, payload, payload_len, out + KEY))
		return false;
	split(n, keys);
	return true;
}

/* noise_read_welcome on a state that may be spoilt. */
static bool read_welcome(struct noise *n, const uint8_t *in, size_t len, uint8_t *payload)
{
	memcpy(n->peer_ephemeral, in, KEY);
	mix_ephemeral(n, n->peer_ephemeral);
	if (!mix_dh(n, n->ephemeral, n->peer_ephemeral)) /* ee */
		return false;
	if (!mix_dh(n, n->own_static, n->peer_ephemeral)) /* se */
		return false;
	return decrypt_and_hash(n, in + KEY, len - KEY, payload);
}

bool noise_read_welcome(struct noise *n, const uint8_t *in, size_t len, uint8_t *payload,
	struct noise_keys *keys)
{
	struct noise attempt = *n;
	bool ok;

	if (len < NOISE_WELCOME_OVERHEAD)
		return false;
	ok = read_welcome(&attempt, in, len, payload);
	if (ok) {
		*n = attempt;
		split(n, keys);
	}
	crypto_wipe(&attempt, sizeof(attempt));
	return ok;
}
