/* SPDX-License-Identifier: MIT */
/* What the unit tests share: cmocka with the headers it needs first, hex text, and random
 * numbers that can be had again. */
#ifndef EYELET_TEST_UNIT_H
#define EYELET_TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Reads pairs of hex digits, spaces between them ignored, into at most cap bytes; returns
 * how many. */
static inline size_t unhex(uint8_t *out, size_t cap, const char *text)
{
	size_t len = 0;

	for (; *text; text++) {
		char pair[3] = {text[0], text[1], 0};

		if (*text == ' ')
			continue;
		assert_true(len < cap);
		out[len++] = (uint8_t)strtoul(pair, NULL, 16);
		text++;
	}
	return len;
}

/* Asserts that a decoder takes the whole of the hex text and no shorter beginning of it. */
static inline void assert_refuses_truncations(
	bool (*decodes)(const uint8_t *bytes, size_t len), const char *text)
{
	uint8_t bytes[1500];
	size_t size = unhex(bytes, sizeof(bytes), text);

	for (size_t len = 0; len < size; len++)
		assert_false(decodes(bytes, len));
	assert_true(decodes(bytes, size));
}

/* Asserts that a decoder takes none of the hex texts, of which NULL is the last. */
static inline void assert_refuses_all(
	bool (*decodes)(const uint8_t *bytes, size_t len), const char *const *texts)
{
	uint8_t bytes[1500];

	for (; *texts != NULL; texts++)
		assert_false(decodes(bytes, unhex(bytes, sizeof(bytes), *texts)));
}

/* Asserts that the bytes are those of the hex text. */
#define assert_hex(bytes, len, text)                                                     \
	do {                                                                             \
		uint8_t hex_expected[4096];                                              \
		size_t hex_len = unhex(hex_expected, sizeof(hex_expected), text);        \
                                                                                         \
		assert_int_equal(len, hex_len);                                          \
		assert_memory_equal(bytes, hex_expected, hex_len);                       \
	} while (0)

/* Returns the state for random_u64: EYELET_SEED, or another one each time; prints it. */
static inline uint64_t random_start(void)
{
	const char *given = getenv("EYELET_SEED");
	struct timespec now;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = given ? strtoull(given, NULL, 0)
		     : (uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec;
	print_message("           EYELET_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

/* SplitMix64. */
static inline uint64_t random_u64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
	return random_u64(state) % limit;
}

static inline void random_bytes(uint64_t *state, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)random_u64(state);
}

#endif
