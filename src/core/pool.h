/* SPDX-License-Identifier: MIT */
/* Records of one size by the million: each has a number of 32 bits, which takes half the room
 * of a pointer, and stays where it is. They come in chunks, so that there is never a pause to
 * copy them all; memory once taken is kept for the next ones. */
#ifndef EYELET_CORE_POOL_H
#define EYELET_CORE_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_CHUNK 1024 /* records */

struct pool {
	size_t size; /* bytes of a record, at least 4 */
	uint32_t max;
	uint32_t count;   /* in use */
	uint32_t begun;   /* ever used */
	uint32_t free;    /* the first of a chain; 0: none */
	uint8_t **chunks; /* owned, each of POOL_CHUNK records */
	uint32_t chunks_max;
};

/* A pool of at most max records of size bytes. */
void pool_init(struct pool *p, size_t size, uint32_t max);
void pool_fini(struct pool *p);

/* Returns the number of a zeroed record, from 1 on; 0 at the limit, or if memory ran out. */
uint32_t pool_take(struct pool *p);
void pool_give(struct pool *p, uint32_t number);

/* The record of that number. */
static inline void *pool_at(const struct pool *p, uint32_t number)
{
	const uint32_t i = number - 1;

	return p->chunks[i / POOL_CHUNK] + i % POOL_CHUNK * p->size;
}

#endif
