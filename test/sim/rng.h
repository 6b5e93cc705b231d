/* SPDX-License-Identifier: MIT */
/* The simulator's only randomness: xoshiro256** (Blackman and Vigna, 2018), seeded by
 * splitmix64. A seed decides a whole run. */
#ifndef EYELET_SIM_RNG_H
#define EYELET_SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/path.h"

struct rng {
	uint64_t s[4];
};

/* One step of splitmix64: also the simulator's way to spread a number. */
uint64_t rng_mix(uint64_t x);

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);

/* Below n, which is not 0. The bias for the n used here is below 2^-40. */
uint64_t rng_below(struct rng *r, uint64_t n);

/* From low to high, both included. */
uint64_t rng_between(struct rng *r, uint64_t low, uint64_t high);

/* True in ppm of a million cases. */
bool rng_chance(struct rng *r, uint32_t ppm);

void rng_fill(struct rng *r, uint8_t *bytes, size_t len);

/* The core's view of r, which must outlive it. */
struct entropy rng_entropy(struct rng *r);

#endif
