/* SPDX-License-Identifier: MIT */
#include "core/pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void pool_init(struct pool *p, size_t size, uint32_t max)
{
	*p = (struct pool){.size = size, .max = max};
}

void pool_fini(struct pool *p)
{
	for (uint32_t i = 0; i < p->begun; i += POOL_CHUNK)
		free(p->chunks[i / POOL_CHUNK]);
	free(p->chunks);
	pool_init(p, p->size, p->max);
}

/* The list of chunks doubles: at a million records it has 8 kB. */
static bool grow(struct pool *p)
{
	uint32_t chunk = p->begun / POOL_CHUNK;

	if (chunk == p->chunks_max) {
		uint32_t max = p->chunks_max ? 2 * p->chunks_max : 16;
		uint8_t **chunks = realloc(p->chunks, max * sizeof(*chunks));

		if (chunks == NULL)
			return false;
		p->chunks = chunks;
		p->chunks_max = max;
	}
	p->chunks[chunk] = malloc(POOL_CHUNK * p->size);
	return p->chunks[chunk] != NULL;
}

uint32_t pool_take(struct pool *p)
{
	uint32_t number = p->free;
	uint8_t *record;

	if (p->count == p->max)
		return 0;
	if (number == 0) {
		if (p->begun % POOL_CHUNK == 0 && !grow(p))
			return 0;
		number = ++p->begun;
	} else {
		memcpy(&p->free, pool_at(p, number), sizeof(p->free));
	}
	record = pool_at(p, number);
	memset(record, 0, p->size);
	p->count++;
	return number;
}

void pool_give(struct pool *p, uint32_t number)
{
	memcpy(pool_at(p, number), &p->free, sizeof(p->free));
	p->free = number;
	p->count--;
}
