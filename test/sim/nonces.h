/* SPDX-License-Identifier: MIT */
/* A tap on every seal of the core, linked in by --wrap: no (key, nonce) pair may ever be
 * used twice in a world, whatever restarts, moves or is lost. */
#ifndef EYELET_SIM_NONCES_H
#define EYELET_SIM_NONCES_H

#include <stdbool.h>
#include <stdint.h>

struct world;

/* A new world: what was sealed before is forgotten, breaches are told to this one. */
void nonces_begin(struct world *w);

/* Seals heard of since then; 0 where the program was linked without the tap. */
uint64_t nonces_heard(void);

/* Keys heard of. */
uint64_t nonces_keys(void);

/* Notes one use. Returns false if the pair was used before. */
bool nonces_use(uint64_t key, uint64_t counter);

#endif
