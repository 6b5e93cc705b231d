/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share: checks that end the process, a cursor over the input that
 * never runs dry, and entropy that is the same in every run. */
#ifndef EYELET_FUZZ_H
#define EYELET_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/path.h"
#include "core/secrets.h"

/* libFuzzer's door to a target. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, which libFuzzer takes for a finding, unless what was promised holds. */
#define REQUIRE(promised)                                                                \
	do {                                                                             \
		if (!(promised))                                                         \
			fuzz_fail(__FILE__, __LINE__, #promised);                        \
	} while (0)
__attribute__((noreturn)) void fuzz_fail(
	const char *file, int line, const char *promised);

/* The input, eaten from its front; zeros come when it is used up. */
struct input {
	const uint8_t *at;
	size_t left;
};
struct input input_over(const uint8_t *data, size_t size);
uint8_t input_u8(struct input *in);
uint16_t input_u16(struct input *in);
uint32_t input_u32(struct input *in);
void input_bytes(struct input *in, uint8_t *bytes, size_t len);
/* Returns up to want bytes in place and says how many. */
const uint8_t *input_view(struct input *in, size_t want, size_t *len);
/* An address of any family: sometimes a nonsensical one. */
struct addr input_addr(struct input *in);

/* A copy on the heap of exactly that length, so that ASan sees a byte too far. */
uint8_t *fuzz_copy(const uint8_t *bytes, size_t len);
/* The same with a NUL behind. */
char *fuzz_text(const uint8_t *bytes, size_t len);
/* Memory or the end. */
void *fuzz_alloc(size_t size);

/* The core's objects are built to call these in the place of malloc and its kin. After
 * fuzz_starve(n) its n-th allocation from now fails, once; 0: none does. */
void *core_malloc(size_t size);
void *core_calloc(size_t count, size_t size);
void *core_realloc(void *memory, size_t size);
void fuzz_starve(unsigned n);

/* Randomness from a fixed seed (SplitMix64). */
struct dice {
	uint64_t state;
};
uint64_t dice_u64(struct dice *d);
struct entropy dice_entropy(struct dice *d);

/* A service made of fixed randomness, and what its guests know; computed once. */
struct known {
	struct service service;
	struct credentials credentials;
	uint8_t host_static_public[CRYPTO_KEY_SIZE];
};
const struct known *fuzz_known(void);

/* The context that seals (or opens) that service's offers of an attempt, as PROTOCOL.md has
 * it, written a second time; of a guest's where instance is NULL. random is what the payload
 * begins with. */
#define OFFER_RANDOM 16
struct crypto_aead *fuzz_offer_cipher(const uint8_t attempt[16], const uint8_t *instance,
	const uint8_t random[OFFER_RANDOM], bool seal);

#endif
