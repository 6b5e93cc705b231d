/* SPDX-License-Identifier: MIT */
#include "sim/rng.h"

#include <string.h>

uint64_t rng_mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		r->s[i] = rng_mix(seed + i * UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return (x << bits) | (x >> (64 - bits));
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t result = rotate(r->s[1] * 5, 7) * 9;
	uint64_t t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = rotate(r->s[3], 45);
	return result;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	return rng_u64(r) % n;
}

uint64_t rng_between(struct rng *r, uint64_t low, uint64_t high)
{
	return low + rng_below(r, high - low + 1);
}

bool rng_chance(struct rng *r, uint32_t ppm)
{
	/* Draws nothing for 0, so that a network without loss leaves the stream alone. */
	return ppm > 0 && rng_below(r, 1000000) < ppm;
}

void rng_fill(struct rng *r, uint8_t *bytes, size_t len)
{
	while (len > 0) {
		uint64_t v = rng_u64(r);
		size_t n = len < sizeof(v) ? len : sizeof(v);

		memcpy(bytes, &v, n);
		bytes += n;
		len -= n;
	}
}

static void fill(void *arg, uint8_t *bytes, size_t len)
{
	rng_fill(arg, bytes, len);
}

struct entropy rng_entropy(struct rng *r)
{
	return (struct entropy){.fill = fill, .arg = r};
}
