/* SPDX-License-Identifier: MIT */
/* What the tests of the message codecs share: words to put in, and what is done to every
 * message. The golden bytes were computed by another implementation, in Python, from
 * PROTOCOL.md. */
#ifndef EYELET_TEST_UNIT_MESSAGES_H
#define EYELET_TEST_UNIT_MESSAGES_H

#include "core/message.h"
#include "unit.h"

#define ID       "101112131415161718191a1b1c1d1e1f"
#define TOKEN    "202122232425262728292a2b2c2d2e2f"
#define COOKIE   "303132333435363738393a3b3c3d3e3f"
#define SERVICE  "cd14b37f956e953194ff7fb73b3d81dcc561d61a7538094b7c3e1a643ee5f3aa"
#define ASKING   "4fd099ccd47d7893dfe9ec24414ecb0d9b5420232aad30d91c465be33cbe65c4"
#define INSTANCE "505152535455565758595a5b5c5d5e5f"
#define PAYLOAD  "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7"

/* The same as bytes: each counts up from its first. */
struct words {
	uint8_t id[16], token[16], cookie[16], instance[16];
	uint8_t mac_key[32], seed[32], asking_seed[32];
	uint8_t service[32], asking[32]; /* public keys of the two seeds */
	uint8_t payload[24], noise[112];
	struct addr guest, v4, v6;
};

static inline void words_count(uint8_t *out, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(first + i);
}

static inline struct words words(void)
{
	struct words w;

	words_count(w.id, 16, 0x10);
	words_count(w.token, 16, 0x20);
	words_count(w.cookie, 16, 0x30);
	words_count(w.instance, 16, 0x50);
	words_count(w.mac_key, 32, 0x60);
	words_count(w.seed, 32, 0x80);
	words_count(w.asking_seed, 32, 0xa0);
	words_count(w.payload, 24, 0xc0);
	words_count(w.noise, 112, 0);
	crypto_ed25519_public(w.service, w.seed);
	crypto_ed25519_public(w.asking, w.asking_seed);
	w.guest = addr_v4(203, 0, 113, 20, 40000);
	w.v4 = addr_v4(192, 0, 2, 1, 3478);
	assert_true(addr_parse(&w.v6, "[2001:db8::1]:3478", 0));
	return w;
}

/* Reads a message; true if it is taken for good. */
typedef bool message_reader(const struct words *w, const uint8_t *buf, size_t len);

/* A copy of just that size, to have overreading noticed. */
static inline bool reads_exactly(
	message_reader *read, const struct words *w, const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len);
	bool taken;

	memcpy(exact, bytes, len);
	taken = read(w, exact, len);
	free(exact);
	return taken;
}

/* Nothing shorter than least is taken; longer ones only if they may be. */
static inline void expect_sizes(message_reader *read, const struct words *w,
	const uint8_t *bytes, size_t len, size_t least, bool longer)
{
	uint8_t more[1500] = {0};

	memcpy(more, bytes, len);
	for (size_t cut = MESSAGE_HEADER_SIZE; cut < least; cut++)
		assert_false(reads_exactly(read, w, more, cut));
	for (size_t cut = least; cut <= len; cut++)
		assert_true(reads_exactly(read, w, more, cut));
	assert_int_equal(reads_exactly(read, w, more, len + 1), longer);
	assert_int_equal(reads_exactly(read, w, more, len + 900), longer);
}

/* No bit between two bytes may change. */
static inline void expect_no_flips(message_reader *read, const struct words *w,
	const uint8_t *bytes, size_t len, size_t from, size_t to)
{
	uint8_t changed[1500];

	memcpy(changed, bytes, len);
	assert_true(read(w, changed, len));
	for (size_t bit = 8 * from; bit < 8 * to; bit++) {
		changed[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		assert_false(read(w, changed, len));
		changed[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
}

#endif
