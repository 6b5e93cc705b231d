/* SPDX-License-Identifier: MIT */
#include "core/room.h"

#include <string.h>

#include "core/hash.h"

bool room_allows(uint32_t held, uint32_t max, uint32_t count, uint32_t part, uint32_t few)
{
	uint32_t free = count < max ? max - count : 0;

	return held < few || held < free / part;
}

void tally_init(struct tally *t, const uint8_t hash_key[16])
{
	memset(t, 0, sizeof(*t));
	memcpy(t->hash_key, hash_key, sizeof(t->hash_key));
}

uint32_t *tally_of(struct tally *t, const void *key, size_t len)
{
	return &t->cells[hash_sip(t->hash_key, key, len) % TALLY_CELLS];
}
