/* SPDX-License-Identifier: MIT */
#include "core/noise.h"
#include "unit.h"

/* The vector of that name in cacophony's vectors/cacophony.txt (public domain), whose
 * last four messages are the transport's; cacophony gives no handshake hash, that one is
 * from a Rust implementation's copy of the vector. */
static const char guest_static[] =
	"e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
static const char guest_ephemeral[] =
	"893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
static const char host_static[] =
	"4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
static const char host_static_public[] =
	"31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
static const char host_ephemeral[] =
	"bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
static const char vector_psk[] =
	"54686973206973206d7920417573747269616e20706572737065637469766521";
static const char vector_prologue[] = "4a6f686e2047616c74";
static const char vector_hash[] =
	"3ad252ed6f724c52da3450383b7d8b806c183e1ef157bbe0465ad24997ec4717";

static const struct {
	const char *payload, *message;
} vector[] = {
	{"4c756477696720766f6e204d69736573",
		"ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
		"ac58a6c31948ce200911c5b27b67f1c4d1bed490532dd94ed17164fcc5784d37"
		"30fc302b70cc0f19beedaeb56bd974c0e57d747d11534c746eb2a32ac3fde3e4"
		"cdf6c3a4705762a6c6ca664b3bc89490"},
	{"4d757272617920526f746862617264",
		"95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
		"846a944a0652fb390d213d0700d5ae8fef7aad0ecc79a9216d15de5d7f3ee4"},
	{"462e20412e20486179656b",
		"5d872673f64813a47a00369b15c8da92691605ad71ba019de8e718"},
	{"4361726c204d656e676572",
		"2045266a750b6af2547f7eb1391058196b742d0aac4b3a1bcc1913"},
	{"4a65616e2d426170746973746520536179",
		"9ec47ed0e7628c7d7a4eed631b963740ac2fd754eadaa9232e99054af4f7b29174"},
	{"457567656e2042f6686d20766f6e2042617765726b",
		"310e359407350594cfb96eb4596e35677d4a71ceb42aa8cbba097bb9e7150b0d1bd749c4"
		"aa"},
};

#define HELLO_SIZE   112 /* of the vector */
#define WELCOME_SIZE 63

/* Both ends of one handshake. */
struct ends {
	struct noise guest, host;
};

static void vector_start(struct ends *e)
{
	uint8_t gs[32], ge[32], hs[32], he[32], hp[32], psk[32], prologue[16];
	size_t len = unhex(prologue, sizeof(prologue), vector_prologue);

	unhex(gs, sizeof(gs), guest_static);
	unhex(ge, sizeof(ge), guest_ephemeral);
	unhex(hs, sizeof(hs), host_static);
	unhex(he, sizeof(he), host_ephemeral);
	unhex(hp, sizeof(hp), host_static_public);
	unhex(psk, sizeof(psk), vector_psk);
	noise_start_guest(&e->guest, gs, ge, hp, psk, prologue, len);
	noise_start_host(&e->host, hs, he, psk, prologue, len);
}

/* Brings both ends to where the host has written its welcome; gives both messages. */
static void vector_exchange(struct ends *e, uint8_t hello[HELLO_SIZE],
	uint8_t welcome[WELCOME_SIZE], struct noise_keys *keys)
{
	uint8_t payload[32], read[32];
	size_t len = unhex(payload, sizeof(payload), vector[0].payload);

	vector_start(e);
	assert_true(noise_write_hello(&e->guest, payload, len, hello));
	assert_true(noise_read_hello(&e->host, hello, HELLO_SIZE, read));
	assert_memory_equal(read, payload, len);
	len = unhex(payload, sizeof(payload), vector[1].payload);
	assert_true(noise_write_welcome(&e->host, payload, len, welcome, keys));
}

static void writes_the_vector(void **state)
{
	uint8_t hello[HELLO_SIZE], welcome[WELCOME_SIZE];
	struct noise_keys keys;
	struct ends e;

	(void)state;
	vector_exchange(&e, hello, welcome, &keys);
	assert_hex(hello, sizeof(hello), vector[0].message);
	assert_hex(welcome, sizeof(welcome), vector[1].message);
	assert_hex(keys.hash, sizeof(keys.hash), vector_hash);
	assert_memory_equal(e.host.peer_static, e.guest.own_static_public, 32);
}

static void reads_the_vector(void **state)
{
	uint8_t hello[HELLO_SIZE], welcome[WELCOME_SIZE], payload[32];
	struct noise_keys keys, host_keys;
	struct ends e;

	(void)state;
	vector_exchange(&e, hello, welcome, &host_keys);
	assert_true(
		noise_read_welcome(&e.guest, welcome, sizeof(welcome), payload, &keys));
	assert_hex(payload, sizeof(welcome) - NOISE_WELCOME_OVERHEAD, vector[1].payload);
	assert_memory_equal(&keys, &host_keys, sizeof(keys));
}

/* Messages 3 to 6: the guest's key first, then the host's, two datagrams each. */
static void carries_the_vector(void **state)
{
	uint8_t hello[HELLO_SIZE], welcome[WELCOME_SIZE], payload[32], sealed[64];
	struct crypto_aead *aead[2];
	struct noise_keys keys;
	struct ends e;

	(void)state;
	vector_exchange(&e, hello, welcome, &keys);
	aead[0] = crypto_aead_new(CIPHER_CHACHA20_POLY1305, keys.to_host, true);
	aead[1] = crypto_aead_new(CIPHER_CHACHA20_POLY1305, keys.to_guest, true);
	for (unsigned i = 0; i < 4; i++) {
		size_t len = unhex(payload, sizeof(payload), vector[2 + i].payload);

		crypto_aead_seal(aead[i % 2], i / 2, NULL, 0, payload, len, sealed);
		assert_hex(sealed, len + CRYPTO_TAG_SIZE, vector[2 + i].message);
	}
	crypto_aead_free(aead[0]);
	crypto_aead_free(aead[1]);
}

static void refuses_a_changed_hello(void **state)
{
	uint8_t hello[HELLO_SIZE], welcome[WELCOME_SIZE], payload[32];
	struct noise_keys keys;
	struct ends e, fresh;

	(void)state;
	vector_exchange(&e, hello, welcome, &keys);
	vector_start(&fresh);
	for (size_t bit = 0; bit < sizeof(hello) * 8; bit++) {
		struct noise n = fresh.host;

		hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(noise_read_hello(&n, hello, sizeof(hello), payload));
		hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(noise_read_hello(&fresh.host, hello, sizeof(hello), payload));
}

static void refuses_a_truncated_hello(void **state)
{
	uint8_t hello[HELLO_SIZE + 1] = {0}, welcome[WELCOME_SIZE], payload[32];
	struct noise_keys keys;
	struct ends e, fresh;

	(void)state;
	vector_exchange(&e, hello, welcome, &keys);
	vector_start(&fresh);
	for (size_t len = 0; len <= HELLO_SIZE + 1; len++) {
		struct noise n = fresh.host;
		uint8_t *cut = malloc(len ? len : 1);

		memcpy(cut, hello, len);
		assert_int_equal(
			noise_read_hello(&n, cut, len, payload), len == HELLO_SIZE);
		free(cut);
	}
}

/* Each bad welcome leaves the state as it was, so that the good one still completes. */
static void survives_bad_welcomes(void **state)
{
	uint8_t hello[HELLO_SIZE], welcome[WELCOME_SIZE + 1] = {0}, payload[32];
	struct noise_keys keys, host_keys, untouched;
	struct noise before;
	struct ends e;

	(void)state;
	vector_exchange(&e, hello, welcome, &host_keys);
	memset(&keys, 0xee, sizeof(keys));
	untouched = keys;
	before = e.guest;
	for (size_t bit = 0; bit < WELCOME_SIZE * 8; bit++) {
		welcome[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(noise_read_welcome(
			&e.guest, welcome, WELCOME_SIZE, payload, &keys));
		assert_memory_equal(&e.guest, &before, sizeof(before));
		welcome[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len <= WELCOME_SIZE + 1; len++) {
		uint8_t *cut = malloc(len ? len : 1);

		memcpy(cut, welcome, len);
		if (len != WELCOME_SIZE)
			assert_false(
				noise_read_welcome(&e.guest, cut, len, payload, &keys));
		assert_memory_equal(&e.guest, &before, sizeof(before));
		free(cut);
	}
	assert_memory_equal(&keys, &untouched, sizeof(keys));
	assert_true(noise_read_welcome(&e.guest, welcome, WELCOME_SIZE, payload, &keys));
	assert_memory_equal(&keys, &host_keys, sizeof(keys));
}

/* Where guest and host may differ. */
enum difference { SAME, PSK, PROLOGUE, PROLOGUE_SPLIT, HOST_KEY };

static bool hello_passes(enum difference difference)
{
	uint8_t own[32] = {1}, peer[32] = {2}, ephemeral[32] = {3}, psk[32] = {4},
		public[32];
	uint8_t hello[NOISE_HELLO_OVERHEAD], payload[1], prologue[4] = {5, 6, 7, 8};
	struct noise guest, host;

	crypto_x25519_public(public, peer);
	noise_start_guest(
		&guest, own, ephemeral, public, psk, prologue, sizeof(prologue));
	assert_true(noise_write_hello(&guest, NULL, 0, hello));
	psk[31] ^= difference == PSK;
	prologue[3] ^= difference == PROLOGUE;
	peer[1] ^= difference == HOST_KEY;
	noise_start_host(&host, peer, ephemeral, psk, prologue,
		sizeof(prologue) - (difference == PROLOGUE_SPLIT));
	return noise_read_hello(&host, hello, sizeof(hello), payload);
}

static void needs_the_same_context(void **state)
{
	(void)state;
	assert_true(hello_passes(SAME));
	assert_false(hello_passes(PSK));
	assert_false(hello_passes(PROLOGUE));
	assert_false(hello_passes(PROLOGUE_SPLIT));
	assert_false(hello_passes(HOST_KEY));
}

static void refuses_points_of_low_order(void **state)
{
	uint8_t secret[32] = {1}, zeros[32] = {0}, psk[32] = {2},
		out[NOISE_HELLO_OVERHEAD];
	uint8_t hello[HELLO_SIZE], welcome[WELCOME_SIZE], payload[32];
	struct noise_keys keys;
	struct noise n;
	struct ends e;

	(void)state;
	noise_start_guest(&n, secret, secret, zeros, psk, NULL, 0);
	assert_false(noise_write_hello(&n, NULL, 0, out));
	noise_start_host(&n, secret, secret, psk, NULL, 0);
	assert_false(noise_read_hello(
		&n, (const uint8_t[HELLO_SIZE]){0}, HELLO_SIZE, payload));
	vector_exchange(&e, hello, welcome, &keys);
	memset(welcome, 0, 32);
	assert_false(noise_read_welcome(&e.guest, welcome, WELCOME_SIZE, payload, &keys));
	memset(e.host.peer_ephemeral, 0, 32);
	assert_false(noise_write_welcome(&e.host, NULL, 0, out, &keys));
	vector_exchange(&e, hello, welcome, &keys);
	memset(e.host.peer_static, 0, 32);
	assert_false(noise_write_welcome(&e.host, NULL, 0, out, &keys));
}

/* A guest may name any static key, and seal it rightly. */
static void refuses_a_static_key_of_low_order(void **state)
{
	uint8_t hello[HELLO_SIZE], payload[32];
	struct ends e;

	(void)state;
	vector_start(&e);
	memset(e.guest.own_static_public, 0, 32);
	assert_true(noise_write_hello(
		&e.guest, (const uint8_t *)"0123456789abcdef", 16, hello));
	assert_false(noise_read_hello(&e.host, hello, sizeof(hello), payload));
}

static void carries_empty_payloads(void **state)
{
	uint8_t hello[NOISE_HELLO_OVERHEAD], welcome[NOISE_WELCOME_OVERHEAD];
	struct noise_keys guest_keys, host_keys;
	struct ends e;

	(void)state;
	vector_start(&e);
	assert_true(noise_write_hello(&e.guest, NULL, 0, hello));
	assert_true(noise_read_hello(&e.host, hello, sizeof(hello), NULL));
	assert_true(noise_write_welcome(&e.host, NULL, 0, welcome, &host_keys));
	assert_true(noise_read_welcome(
		&e.guest, welcome, sizeof(welcome), NULL, &guest_keys));
	assert_memory_equal(&guest_keys, &host_keys, sizeof(guest_keys));
}

/* A guest that knows the psk, but not the static key that it names, gets no keys: what se
 * is for. */
static void binds_the_guest_to_its_key(void **state)
{
	uint8_t hello[HELLO_SIZE], welcome[WELCOME_SIZE], payload[32];
	struct noise_keys keys;
	struct ends e;

	(void)state;
	vector_exchange(&e, hello, welcome, &keys);
	e.guest.own_static[5] ^= 1;
	assert_false(noise_read_welcome(&e.guest, welcome, WELCOME_SIZE, payload, &keys));
}

/* Any keys and payloads, the payloads opened where they lie. */
static void completes_with_any_input(void **state)
{
	uint64_t random = random_start();
	uint8_t hello[1200], welcome[1200], payload[1000], keys_bytes[5][32],
		prologue[64];

	(void)state;
	for (int i = 0; i < 100; i++) {
		size_t len = random_below(&random, sizeof(payload) + 1);
		size_t prologue_len = random_below(&random, sizeof(prologue) + 1);
		uint8_t host_public[32],
			*at = hello + NOISE_HELLO_OVERHEAD - CRYPTO_TAG_SIZE;
		struct noise_keys guest_keys, host_keys;
		struct ends e;

		random_bytes(&random, keys_bytes[0], sizeof(keys_bytes));
		random_bytes(&random, payload, len);
		random_bytes(&random, prologue, prologue_len);
		crypto_x25519_public(host_public, keys_bytes[2]);
		noise_start_guest(&e.guest, keys_bytes[0], keys_bytes[1], host_public,
			keys_bytes[4], prologue, prologue_len);
		noise_start_host(&e.host, keys_bytes[2], keys_bytes[3], keys_bytes[4],
			prologue, prologue_len);
		assert_true(noise_write_hello(&e.guest, payload, len, hello));
		assert_true(
			noise_read_hello(&e.host, hello, len + NOISE_HELLO_OVERHEAD, at));
		assert_memory_equal(at, payload, len);
		assert_true(
			noise_write_welcome(&e.host, payload, len, welcome, &host_keys));
		at = welcome + NOISE_WELCOME_OVERHEAD - CRYPTO_TAG_SIZE;
		assert_true(noise_read_welcome(&e.guest, welcome,
			len + NOISE_WELCOME_OVERHEAD, at, &guest_keys));
		assert_memory_equal(at, payload, len);
		assert_memory_equal(&guest_keys, &host_keys, sizeof(guest_keys));
		assert_memory_not_equal(guest_keys.to_host, guest_keys.to_guest, 32);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_vector),
		cmocka_unit_test(reads_the_vector),
		cmocka_unit_test(carries_the_vector),
		cmocka_unit_test(refuses_a_changed_hello),
		cmocka_unit_test(refuses_a_truncated_hello),
		cmocka_unit_test(survives_bad_welcomes),
		cmocka_unit_test(needs_the_same_context),
		cmocka_unit_test(refuses_points_of_low_order),
		cmocka_unit_test(refuses_a_static_key_of_low_order),
		cmocka_unit_test(carries_empty_payloads),
		cmocka_unit_test(binds_the_guest_to_its_key),
		cmocka_unit_test(completes_with_any_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
