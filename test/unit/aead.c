/* SPDX-License-Identifier: MIT */
/* The AEAD half of core/crypto.h. */
#include "core/crypto.h"
#include "unit.h"

#define TAG CRYPTO_TAG_SIZE

static const enum cipher ciphers[] = {CIPHER_CHACHA20_POLY1305, CIPHER_AES_256_GCM};

/* A key with both its contexts. */
struct pair {
	struct crypto_aead *seal, *open;
};

static struct pair pair_new(enum cipher cipher, const uint8_t key[CRYPTO_KEY_SIZE])
{
	struct pair p = {
		crypto_aead_new(cipher, key, true), crypto_aead_new(cipher, key, false)};

	assert_non_null(p.seal);
	assert_non_null(p.open);
	return p;
}

static void pair_free(struct pair *p)
{
	crypto_aead_free(p->seal);
	crypto_aead_free(p->open);
}

/* Seals the plaintext, compares with the expected text and opens it again. */
static void check_vector(enum cipher cipher, const char *key_hex, uint64_t counter,
	const char *ad_hex, const char *plain_hex, const char *sealed_hex)
{
	uint8_t key[32], ad[64], plain[512], sealed[512 + TAG], opened[512];
	size_t ad_len = unhex(ad, sizeof(ad), ad_hex);
	size_t len = unhex(plain, sizeof(plain), plain_hex);
	struct pair p;

	unhex(key, sizeof(key), key_hex);
	p = pair_new(cipher, key);
	crypto_aead_seal(p.seal, counter, ad, ad_len, plain, len, sealed);
	assert_hex(sealed, len + TAG, sealed_hex);
	assert_true(
		crypto_aead_open(p.open, counter, ad, ad_len, sealed, len + TAG, opened));
	assert_memory_equal(opened, plain, len);
	pair_free(&p);
}

/* RFC 8439, appendix A.5: its nonce is 4 zero bytes, then the counter (that of section
 * 2.8.2 is not, and cannot be had here). */
static void seals_as_rfc_8439(void **state)
{
	(void)state;
	check_vector(CIPHER_CHACHA20_POLY1305,
		"1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
		UINT64_C(0x0807060504030201), "f33388860000000000004e91",
		"496e7465726e65742d4472616674732061726520647261667420646f63756d65"
		"6e74732076616c696420666f722061206d6178696d756d206f6620736978206d"
		"6f6e74687320616e64206d617920626520757064617465642c207265706c6163"
		"65642c206f72206f62736f6c65746564206279206f7468657220646f63756d65"
		"6e747320617420616e792074696d652e20497420697320696e617070726f7072"
		"6961746520746f2075736520496e7465726e65742d4472616674732061732072"
		"65666572656e6365206d6174657269616c206f7220746f206369746520746865"
		"6d206f74686572207468616e206173202fe2809c776f726b20696e2070726f67"
		"726573732e2fe2809d",
		"64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
		"4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
		"332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
		"9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
		"b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
		"af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
		"0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
		"49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
		"a6ad5cb4022b02709b eead9d67890cbb22392336fea1851f38");
}

/* The GCM specification's test cases 13 and 14. */
static void seals_as_the_gcm_specification(void **state)
{
	static const char zeros[] =
		"0000000000000000000000000000000000000000000000000000000000000000";

	(void)state;
	check_vector(
		CIPHER_AES_256_GCM, zeros, 0, "", "", "530f8afbc74536b9a963b4f1c4cb738b");
	check_vector(CIPHER_AES_256_GCM, zeros, 0, "", "00000000000000000000000000000000",
		"cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919");
}

/* The byte order of the counter, by Python's `cryptography` with the nonces 00000000
 * 0807060504030201 (ChaCha20-Poly1305) and 00000000 0102030405060708 (AES-256-GCM). */
static void orders_the_counter_as_noise(void **state)
{
	static const char key[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

	(void)state;
	check_vector(CIPHER_CHACHA20_POLY1305, key, UINT64_C(0x0102030405060708), "6164",
		"6579656c6574", "9530c888ce4def4ba00d412a5964c2704cde2fc57a29");
	check_vector(CIPHER_AES_256_GCM, key, UINT64_C(0x0102030405060708), "6164",
		"6579656c6574", "61280062b89503ca6377c4649b06d84caeb416fb9879");
	check_vector(CIPHER_AES_256_GCM, key, UINT64_MAX, "", "6579656c6574",
		"67780230e247a83ea606bd0a473f4685fd9695fadfea");
}

static void refuses_an_unknown_cipher(void **state)
{
	uint8_t key[32] = {0};

	(void)state;
	for (unsigned cipher = 0; cipher < 256; cipher++) {
		struct crypto_aead *aead =
			crypto_aead_new((enum cipher)cipher, key, true);

		assert_int_equal(aead != NULL, cipher == 1 || cipher == 2);
		crypto_aead_free(aead);
	}
}

/* Contexts kept over many datagrams, in place or not, in any order of counters, give what
 * fresh ones give. */
static void keeps_its_context(void **state)
{
	uint64_t random = random_start();
	uint8_t key[32], ad[64], plain[2000], sealed[2000 + TAG],
		fresh_sealed[2000 + TAG];

	(void)state;
	random_bytes(&random, key, sizeof(key));
	for (size_t c = 0; c < 2; c++) {
		struct pair p = pair_new(ciphers[c], key);

		for (int i = 0; i < 500; i++) {
			uint64_t counter =
				random_u64(&random) >> random_below(&random, 64);
			size_t len = random_below(&random, sizeof(plain) + 1);
			size_t ad_len = random_below(&random, sizeof(ad) + 1);
			struct pair fresh = pair_new(ciphers[c], key);

			random_bytes(&random, plain, len);
			random_bytes(&random, ad, ad_len);
			memcpy(sealed, plain, len);
			crypto_aead_seal(
				p.seal, counter, ad, ad_len, sealed, len, sealed);
			crypto_aead_seal(fresh.seal, counter, ad, ad_len, plain, len,
				fresh_sealed);
			assert_memory_equal(sealed, fresh_sealed, len + TAG);
			assert_true(crypto_aead_open(
				p.open, counter, ad, ad_len, sealed, len + TAG, sealed));
			assert_memory_equal(sealed, plain, len);
			pair_free(&fresh);
		}
		pair_free(&p);
	}
}

static void refuses_what_was_changed(void **state)
{
	uint8_t key[32] = {1}, ad[5] = {1, 2, 3, 4, 5}, plain[20] = {7}, sealed[20 + TAG];
	uint8_t out[20];

	(void)state;
	for (size_t c = 0; c < 2; c++) {
		struct pair p = pair_new(ciphers[c], key);

		crypto_aead_seal(p.seal, 9, ad, sizeof(ad), plain, sizeof(plain), sealed);
		for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
			sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(crypto_aead_open(
				p.open, 9, ad, sizeof(ad), sealed, sizeof(sealed), out));
			sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t bit = 0; bit < sizeof(ad) * 8; bit++) {
			ad[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(crypto_aead_open(
				p.open, 9, ad, sizeof(ad), sealed, sizeof(sealed), out));
			ad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (int bit = 0; bit < 64; bit++)
			assert_false(crypto_aead_open(p.open, 9 ^ UINT64_C(1) << bit, ad,
				sizeof(ad), sealed, sizeof(sealed), out));
		assert_false(
			crypto_aead_open(p.open, 9, ad, 4, sealed, sizeof(sealed), out));
		/* After all that the context still opens what is right. */
		assert_true(crypto_aead_open(
			p.open, 9, ad, sizeof(ad), sealed, sizeof(sealed), out));
		assert_memory_equal(out, plain, sizeof(plain));
		pair_free(&p);
	}
}

static void refuses_what_was_cut(void **state)
{
	uint8_t key[32] = {1}, plain[20] = {7}, sealed[20 + TAG], out[20 + TAG];

	(void)state;
	for (size_t c = 0; c < 2; c++) {
		struct pair p = pair_new(ciphers[c], key);

		crypto_aead_seal(p.seal, 0, NULL, 0, plain, sizeof(plain), sealed);
		for (size_t len = 0; len < sizeof(sealed); len++) {
			uint8_t *cut = malloc(len ? len : 1);

			memcpy(cut, sealed, len);
			assert_false(crypto_aead_open(p.open, 0, NULL, 0, cut, len, out));
			free(cut);
		}
		pair_free(&p);
	}
}

/* Also what an empty payload and the longest one need. */
static void seals_every_size(void **state)
{
	static uint8_t plain[65535], sealed[65535 + TAG];
	static const size_t sizes[] = {0, 1, 15, 16, 17, 63, 64, 65, 65534, 65535};
	uint8_t key[32] = {3};

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7);
	for (size_t c = 0; c < 2; c++) {
		struct pair p = pair_new(ciphers[c], key);

		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			memset(sealed, 0, sizeof(sealed));
			crypto_aead_seal(p.seal, i, NULL, 0, plain, sizes[i], sealed);
			assert_true(crypto_aead_open(
				p.open, i, NULL, 0, sealed, sizes[i] + TAG, sealed));
			assert_memory_equal(sealed, plain, sizes[i]);
		}
		pair_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seals_as_rfc_8439),
		cmocka_unit_test(seals_as_the_gcm_specification),
		cmocka_unit_test(orders_the_counter_as_noise),
		cmocka_unit_test(refuses_an_unknown_cipher),
		cmocka_unit_test(keeps_its_context),
		cmocka_unit_test(refuses_what_was_changed),
		cmocka_unit_test(refuses_what_was_cut),
		cmocka_unit_test(seals_every_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
