/* SPDX-License-Identifier: MIT */
#include "sim/nonces.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "core/crypto.h"
#include "sim/world.h"

/* A key by its first 8 bytes, which are as good as random. Counters of one key only grow,
 * so the next one stands for all that were used. */
struct used_key {
	uint64_t key;
	uint64_t next; /* 0: an empty place */
};

struct context {
	const struct crypto_aead *aead;
	uint64_t key;
	UT_hash_handle hh;
};

static struct world *world;
static struct used_key *keys; /* hash table, open addressing */
static size_t count, cap;
static uint64_t heard;
static struct context *contexts; /* those that seal */

/* Weak, so that the program links without the tap, too: the self-test then fails. */
#define WEAK __attribute__((weak))
WEAK struct crypto_aead *__real_crypto_aead_new(
	enum cipher cipher, const uint8_t key[CRYPTO_KEY_SIZE], bool seal);
WEAK void __real_crypto_aead_free(struct crypto_aead *aead);
WEAK void __real_crypto_aead_seal(struct crypto_aead *aead, uint64_t counter,
	const uint8_t *ad, size_t ad_len, const uint8_t *in, size_t len, uint8_t *out);
struct crypto_aead *__wrap_crypto_aead_new(
	enum cipher cipher, const uint8_t key[CRYPTO_KEY_SIZE], bool seal);
void __wrap_crypto_aead_free(struct crypto_aead *aead);
void __wrap_crypto_aead_seal(struct crypto_aead *aead, uint64_t counter,
	const uint8_t *ad, size_t ad_len, const uint8_t *in, size_t len, uint8_t *out);

void nonces_begin(struct world *w)
{
	world = w;
	free(keys);
	keys = NULL;
	count = cap = 0;
	heard = 0;
}

uint64_t nonces_heard(void)
{
	return heard;
}

uint64_t nonces_keys(void)
{
	return count;
}

static struct used_key *place_of(uint64_t key)
{
	size_t i = rng_mix(key) & (cap - 1);

	while (keys[i].next != 0 && keys[i].key != key)
		i = (i + 1) & (cap - 1);
	return &keys[i];
}

static void grow(void)
{
	struct used_key *old = keys;
	size_t old_cap = cap;

	cap = cap > 0 ? 2 * cap : 1024;
	keys = sim_alloc(cap * sizeof(*keys));
	for (size_t i = 0; i < old_cap; i++)
		if (old[i].next != 0)
			*place_of(old[i].key) = old[i];
	free(old);
}

bool nonces_use(uint64_t key, uint64_t counter)
{
	struct used_key *k;

	heard++;
	if (2 * count >= cap)
		grow();
	k = place_of(key);
	if (counter < k->next)
		return false;
	count += k->next == 0;
	k->key = key;
	k->next = counter + 1;
	return true;
}

/* The tap. */

struct crypto_aead *__wrap_crypto_aead_new(
	enum cipher cipher, const uint8_t key[CRYPTO_KEY_SIZE], bool seal)
{
	struct crypto_aead *aead = __real_crypto_aead_new(cipher, key, seal);
	struct context *c;

	if (aead == NULL || !seal)
		return aead;
	c = sim_alloc(sizeof(*c));
	c->aead = aead;
	memcpy(&c->key, key, sizeof(c->key));
	HASH_ADD_PTR(contexts, aead, c);
	return aead;
}

static struct context *context_of(const struct crypto_aead *aead)
{
	struct context *c;

	HASH_FIND_PTR(contexts, &aead, c);
	return c;
}

void __wrap_crypto_aead_free(struct crypto_aead *aead)
{
	struct context *c = context_of(aead);

	if (c != NULL) {
		HASH_DEL(contexts, c);
		free(c);
	}
	__real_crypto_aead_free(aead);
}

void __wrap_crypto_aead_seal(struct crypto_aead *aead, uint64_t counter,
	const uint8_t *ad, size_t ad_len, const uint8_t *in, size_t len, uint8_t *out)
{
	const struct context *c = context_of(aead);

	if (world != NULL && c != NULL && !nonces_use(c->key, counter))
		world_fail(world, "nonce %" PRIu64 " of key %016" PRIx64 " used twice",
			counter, c->key);
	__real_crypto_aead_seal(aead, counter, ad, ad_len, in, len, out);
}
