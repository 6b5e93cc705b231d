/* SPDX-License-Identifier: MIT */
/* How much of a table one of those who share it may hold: no more than a part of what is
 * free. One alone so gets a good part of it, n of them get less each, and some of it stays
 * free whatever their number, for one who has nothing yet (the dynamic thresholds of
 * Choudhury and Hahne, 1998). What is held already is never taken away. */
#ifndef EYELET_CORE_ROOM_H
#define EYELET_CORE_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if one who holds that many may have another, of max places of which count are
 * taken: it holds less than few, or less than the free ones divided by part. */
bool room_allows(
	uint32_t held, uint32_t max, uint32_t count, uint32_t part, uint32_t few);

/* Counts by a keyed hash: keys that meet in a cell are counted together. */
#define TALLY_CELLS 16384
struct tally {
	uint8_t hash_key[16];
	uint32_t cells[TALLY_CELLS];
};

void tally_init(struct tally *t, const uint8_t hash_key[16]);

/* Where those of that key, of len bytes, are counted. */
uint32_t *tally_of(struct tally *t, const void *key, size_t len);

#endif
