/* SPDX-License-Identifier: MIT */
#include "core/bucket.h"

#include <string.h>

#include "core/hash.h"
#include "core/path.h"

void bucket_init(struct bucket *b, uint32_t rate, uint32_t burst, uint64_t now)
{
	*b = (struct bucket){rate, burst, (uint64_t)burst * SECOND, now};
}

static void fill(struct bucket *b, uint64_t now)
{
	uint64_t full = (uint64_t)b->burst * SECOND, span = now - b->filled_at;

	b->filled_at = now;
	if (b->rate == 0)
		return;
	if (span >= (full - b->level) / b->rate + 1)
		b->level = full;
	else
		b->level += span * b->rate;
}

bool bucket_has(struct bucket *b, uint32_t count, uint64_t now)
{
	fill(b, now);
	return b->level >= (uint64_t)count * SECOND;
}

bool bucket_take_above(struct bucket *b, uint32_t count, uint32_t reserve, uint64_t now)
{
	fill(b, now);
	if (b->level < ((uint64_t)count + reserve) * SECOND)
		return false;
	b->level -= (uint64_t)count * SECOND;
	return true;
}

bool bucket_take(struct bucket *b, uint32_t count, uint64_t now)
{
	return bucket_take_above(b, count, 0, now);
}

void bucket_change(struct bucket *b, uint32_t rate, uint32_t burst, uint64_t now)
{
	fill(b, now);
	b->rate = rate;
	b->burst = burst;
	if (b->level > (uint64_t)burst * SECOND)
		b->level = (uint64_t)burst * SECOND;
}

void bucket_field_init(struct bucket_field *f, uint32_t rate, uint32_t burst,
	const uint8_t key[16], uint64_t now)
{
	f->rate = rate;
	f->burst = burst;
	memcpy(f->key, key, sizeof(f->key));
	for (size_t i = 0; i < BUCKET_CELLS; i++)
		bucket_init(&f->cell[i], rate, burst, now);
}

bool bucket_field_take_key(
	struct bucket_field *f, const void *key, size_t len, uint32_t count, uint64_t now)
{
	uint64_t hash = hash_sip(f->key, key, len);

	return bucket_take(&f->cell[hash % BUCKET_CELLS], count, now);
}

bool bucket_field_take(
	struct bucket_field *f, const struct addr *source, uint32_t count, uint64_t now)
{
	struct addr network = addr_network(source);

	return bucket_field_take_key(f, &network, sizeof(network), count, now);
}
