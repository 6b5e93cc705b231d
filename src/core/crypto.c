/* SPDX-License-Identifier: MIT */

/* SHA256_Init and its like: EVP looks the algorithm up anew for each hash, and takes four
 * times as long for an HMAC. They are there in all versions up to now. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "core/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#ifdef EYELET_SODIUM
#include <sodium/crypto_sign_ed25519.h>
#endif
#include <stdlib.h>
#include <string.h>

#define NONCE_SIZE      12
#define HMAC_BLOCK_SIZE 64 /* of SHA-256 */

#define SCRYPT_N (UINT64_C(1) << 15)
#define SCRYPT_R 8
#define SCRYPT_P 1
/* Bytes; libcrypto's own limit is a bit short. */
#define SCRYPT_MEMORY (UINT64_C(64) << 20)

struct crypto_aead {
	EVP_CIPHER_CTX *ctx; /* NULL between uses where it is not kept */
	enum cipher cipher;
	bool seal, keep;
	uint8_t key[CRYPTO_KEY_SIZE];
};

/* For calls that fail only if memory ran out or a caller broke its contract: none of them
 * can tell its own caller, and going on with an undefined hash or signature is worse. */
static void require(bool ok)
{
	if (!ok)
		abort();
}

uint8_t crypto_ciphers(void)
{
#if defined(__x86_64__) || defined(__i386__)
	bool aes = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__ARM_FEATURE_AES)
	bool aes = true;
#else
	bool aes = false;
#endif
	return CIPHER_CHACHA20_POLY1305 | (aes ? CIPHER_AES_256_GCM : 0);
}

void crypto_wipe(void *bytes, size_t len)
{
	OPENSSL_cleanse(bytes, len);
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

/* Hashes a first string, then count parts. */
static void hash_parts(uint8_t out[CRYPTO_HASH_SIZE], const void *first, size_t first_len,
	const struct crypto_slice *parts, size_t count)
{
	SHA256_CTX ctx;
	bool ok = SHA256_Init(&ctx) == 1;

	if (first_len)
		ok = ok && SHA256_Update(&ctx, first, first_len) == 1;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len)
			ok = ok && SHA256_Update(&ctx, parts[i].bytes, parts[i].len) == 1;
	}
	require(ok && SHA256_Final(out, &ctx) == 1);
	crypto_wipe(&ctx, sizeof(ctx));
}

void crypto_hash(
	uint8_t out[CRYPTO_HASH_SIZE], const struct crypto_slice *parts, size_t count)
{
	hash_parts(out, NULL, 0, parts, count);
}

/* RFC 2104 by hand: libcrypto's HMAC() takes no parts. */
void crypto_hmac(uint8_t out[CRYPTO_HASH_SIZE], const uint8_t *key, size_t key_len,
	const struct crypto_slice *parts, size_t count)
{
	uint8_t pad[HMAC_BLOCK_SIZE] = {0};
	uint8_t inner[CRYPTO_HASH_SIZE];
	struct crypto_slice last = {inner, sizeof(inner)};

	if (key_len > sizeof(pad))
		hash_parts(pad, key, key_len, NULL, 0);
	else if (key_len)
		memcpy(pad, key, key_len);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	hash_parts(inner, pad, sizeof(pad), parts, count);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	hash_parts(out, pad, sizeof(pad), &last, 1);
	crypto_wipe(pad, sizeof(pad));
	crypto_wipe(inner, sizeof(inner));
}

void crypto_mac(uint8_t out[CRYPTO_MAC_SIZE], const uint8_t key[CRYPTO_KEY_SIZE],
	const void *bytes, size_t len)
{
	uint8_t full[CRYPTO_HASH_SIZE];

	crypto_hmac(full, key, CRYPTO_KEY_SIZE, &(struct crypto_slice){bytes, len}, 1);
	memcpy(out, full, CRYPTO_MAC_SIZE);
	crypto_wipe(full, sizeof(full));
}

void crypto_hkdf(uint8_t *out, size_t out_len, const uint8_t *secret, size_t secret_len,
	const uint8_t *salt, size_t salt_len, const char *info)
{
	uint8_t extracted[CRYPTO_HASH_SIZE];
	uint8_t block[CRYPTO_HASH_SIZE];
	uint8_t number = 0;

	require(out_len <= 255 * sizeof(block));
	crypto_hmac(
		extracted, salt, salt_len, &(struct crypto_slice){secret, secret_len}, 1);
	while (out_len) {
		size_t len = out_len < sizeof(block) ? out_len : sizeof(block);
		struct crypto_slice parts[] = {
			{block, number ? sizeof(block) : 0}, /* T(0) is empty */
			{info, strlen(info)},
			{&number, 1},
		};

		number++;
		crypto_hmac(block, extracted, sizeof(extracted), parts, 3);
		memcpy(out, block, len);
		out += len;
		out_len -= len;
	}
	crypto_wipe(extracted, sizeof(extracted));
	crypto_wipe(block, sizeof(block));
}

bool crypto_scrypt(uint8_t *out, size_t out_len, const char *text, size_t text_len,
	const uint8_t *salt, size_t salt_len)
{
	return EVP_PBE_scrypt(text, text_len, salt, salt_len, SCRYPT_N, SCRYPT_R,
		       SCRYPT_P, SCRYPT_MEMORY, out, out_len) == 1;
}

/* Gives the public half of a secret key of that type. */
static void public_of(int type, uint8_t public[CRYPTO_KEY_SIZE], const uint8_t *secret)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(type, NULL, secret, CRYPTO_KEY_SIZE);
	size_t len = CRYPTO_KEY_SIZE;

	require(key && EVP_PKEY_get_raw_public_key(key, public, &len) == 1);
	EVP_PKEY_free(key);
}

void crypto_x25519_public(
	uint8_t public[CRYPTO_KEY_SIZE], const uint8_t secret[CRYPTO_KEY_SIZE])
{
	public_of(EVP_PKEY_X25519, public, secret);
}

bool crypto_x25519(uint8_t out[CRYPTO_KEY_SIZE], const uint8_t secret[CRYPTO_KEY_SIZE],
	const uint8_t peer[CRYPTO_KEY_SIZE])
{
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(
		EVP_PKEY_X25519, NULL, secret, CRYPTO_KEY_SIZE);
	EVP_PKEY *other =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, CRYPTO_KEY_SIZE);
	EVP_PKEY_CTX *ctx = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
	size_t len = CRYPTO_KEY_SIZE;
	bool ok;

	/* libcrypto itself refuses the all-zero result. */
	ok = ctx && other && EVP_PKEY_derive_init(ctx) == 1 &&
	     EVP_PKEY_derive_set_peer(ctx, other) == 1 &&
	     EVP_PKEY_derive(ctx, out, &len) == 1 && len == CRYPTO_KEY_SIZE;
	if (!ok)
		crypto_wipe(out, CRYPTO_KEY_SIZE);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(other);
	EVP_PKEY_free(own);
	return ok;
}

void crypto_ed25519_public(
	uint8_t public[CRYPTO_KEY_SIZE], const uint8_t seed[CRYPTO_KEY_SIZE])
{
	public_of(EVP_PKEY_ED25519, public, seed);
}

void crypto_ed25519_sign(uint8_t signature[CRYPTO_SIGNATURE_SIZE],
	const uint8_t seed[CRYPTO_KEY_SIZE], const void *bytes, size_t len)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(
		EVP_PKEY_ED25519, NULL, seed, CRYPTO_KEY_SIZE);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t signature_len = CRYPTO_SIGNATURE_SIZE;

	require(key && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1);
	require(EVP_DigestSign(ctx, signature, &signature_len, bytes, len) == 1);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
}

/* libsodium needs 56 us where libcrypto 3.0 needs 130; the one that verifies much is a
 * rendezvous. It refuses public keys of low order besides, which no signer makes. */
bool crypto_ed25519_verify(const uint8_t signature[CRYPTO_SIGNATURE_SIZE],
	const uint8_t public[CRYPTO_KEY_SIZE], const void *bytes, size_t len)
{
#ifdef EYELET_SODIUM
	return crypto_sign_ed25519_verify_detached(signature, bytes, len, public) == 0;
#else
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(
		EVP_PKEY_ED25519, NULL, public, CRYPTO_KEY_SIZE);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	ok = key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, signature, CRYPTO_SIGNATURE_SIZE, bytes, len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
#endif
}

static const EVP_CIPHER *cipher_of(enum cipher cipher)
{
	switch (cipher) {
	case CIPHER_CHACHA20_POLY1305: return EVP_chacha20_poly1305();
	case CIPHER_AES_256_GCM: return EVP_aes_256_gcm();
	default: return NULL;
	}
}

/* Makes the context if there is none. Returns false if memory ran out. */
static bool prepare(struct crypto_aead *aead)
{
	if (aead->ctx)
		return true;
	aead->ctx = EVP_CIPHER_CTX_new();
	if (aead->ctx && EVP_CipherInit_ex(aead->ctx, cipher_of(aead->cipher), NULL,
				 aead->key, NULL, aead->seal) == 1)
		return true;
	EVP_CIPHER_CTX_free(aead->ctx);
	aead->ctx = NULL;
	return false;
}

static void release(struct crypto_aead *aead)
{
	EVP_CIPHER_CTX_free(aead->ctx);
	aead->ctx = NULL;
}

struct crypto_aead *crypto_aead_new(
	enum cipher cipher, const uint8_t key[CRYPTO_KEY_SIZE], bool seal)
{
	struct crypto_aead *aead;

	if (!cipher_of(cipher))
		return NULL;
	aead = malloc(sizeof(*aead));
	if (!aead)
		return NULL;
	*aead = (struct crypto_aead){.cipher = cipher, .seal = seal, .keep = true};
	memcpy(aead->key, key, sizeof(aead->key));
	if (prepare(aead))
		return aead;
	crypto_aead_free(aead);
	return NULL;
}

void crypto_aead_free(struct crypto_aead *aead)
{
	if (!aead)
		return;
	release(aead);
	crypto_wipe(aead->key, sizeof(aead->key));
	free(aead);
}

void crypto_aead_keep(struct crypto_aead *aead, bool keep)
{
	aead->keep = keep;
	if (!keep)
		release(aead);
}

/* Tags go by parameters: EVP_CIPHER_CTX_ctrl only makes such of its arguments, after it
 * has looked up the nonce's length. */
static void name_tag(OSSL_PARAM params[2], uint8_t tag[CRYPTO_TAG_SIZE])
{
	params[0] = OSSL_PARAM_construct_octet_string(
		OSSL_CIPHER_PARAM_AEAD_TAG, tag, CRYPTO_TAG_SIZE);
	params[1] = OSSL_PARAM_construct_end();
}

/* Sets the nonce anew, keeps the key, and takes the additional data in. tag is the one
 * that must come out, or NULL. */
static bool begin(struct crypto_aead *aead, uint64_t counter, const uint8_t *ad,
	size_t ad_len, const OSSL_PARAM *tag)
{
	uint8_t nonce[NONCE_SIZE] = {0};
	int n;

	for (size_t i = 0; i < 8; i++) {
		size_t at =
			aead->cipher == CIPHER_AES_256_GCM ? NONCE_SIZE - 1 - i : 4 + i;

		nonce[at] = (uint8_t)(counter >> (8 * i));
	}
	if (EVP_CipherInit_ex2(aead->ctx, NULL, NULL, nonce, -1, tag) != 1)
		return false;
	return ad_len == 0 || EVP_CipherUpdate(aead->ctx, NULL, &n, ad, (int)ad_len) == 1;
}

void crypto_aead_seal(struct crypto_aead *aead, uint64_t counter, const uint8_t *ad,
	size_t ad_len, const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t none[CRYPTO_TAG_SIZE];
	OSSL_PARAM tag[2];
	int n;

	require(len <= UINT16_MAX && ad_len <= UINT16_MAX && prepare(aead) &&
		begin(aead, counter, ad, ad_len, NULL));
	require(len == 0 || EVP_CipherUpdate(aead->ctx, out, &n, in, (int)len) == 1);
	require(EVP_CipherFinal_ex(aead->ctx, none, &n) == 1);
	name_tag(tag, out + len);
	require(EVP_CIPHER_CTX_get_params(aead->ctx, tag) == 1);
	if (!aead->keep)
		release(aead);
}

bool crypto_aead_open(struct crypto_aead *aead, uint64_t counter, const uint8_t *ad,
	size_t ad_len, const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t given[CRYPTO_TAG_SIZE], none[CRYPTO_TAG_SIZE];
	OSSL_PARAM tag[2];
	bool ok;
	int n;

	if (len < CRYPTO_TAG_SIZE || len > UINT16_MAX + CRYPTO_TAG_SIZE ||
		ad_len > UINT16_MAX || !prepare(aead))
		return false;
	len -= CRYPTO_TAG_SIZE;
	memcpy(given, in + len, sizeof(given)); /* out may be where it lies */
	name_tag(tag, given);
	ok = begin(aead, counter, ad, ad_len, tag) &&
	     (len == 0 || EVP_CipherUpdate(aead->ctx, out, &n, in, (int)len) == 1) &&
	     EVP_CipherFinal_ex(aead->ctx, none, &n) == 1;
	if (!aead->keep)
		release(aead);
	return ok;
}
