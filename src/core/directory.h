/* SPDX-License-Identifier: MIT */
/* Finds records of a pool by a key of 32 bytes, with which they begin, and behind which they
 * have the number of the next in their chain. Linear hashing (Litwin, 1980): each record that is
 * added splits one chain in two, so that growing never stops the rest. The hash is SipHash. */
#ifndef EYELET_CORE_DIRECTORY_H
#define EYELET_CORE_DIRECTORY_H

#include <stdbool.h>

#include "core/pool.h"

#define DIRECTORY_KEY_SIZE 32

/* What a record begins with. */
struct directory_entry {
	uint8_t key[DIRECTORY_KEY_SIZE];
	uint32_t next; /* in its chain; 0: it is the last */
};

struct directory {
	uint8_t hash_key[16];
	struct pool *records;
	struct pool heads; /* numbers of the chains' first records */
};

/* For records of that pool, which must outlive it. */
void directory_init(
	struct directory *d, struct pool *records, const uint8_t hash_key[16]);
void directory_fini(struct directory *d);

/* Returns the number of the record with that key, 0 if there is none. */
uint32_t directory_find(const struct directory *d, const uint8_t *key);

/* Adds a record whose key is set and that is not there yet. Returns false if memory ran out. */
bool directory_add(struct directory *d, uint32_t number);
void directory_remove(struct directory *d, uint32_t number);

#endif
