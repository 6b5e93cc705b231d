/* SPDX-License-Identifier: MIT */
#include "core/census.h"

#include <stdlib.h>
#include <string.h>

#include "core/table.h"

struct census_entry {
	uint8_t key[CENSUS_KEY_SIZE];
	uint32_t count, active;
	UT_hash_handle hh;
};

void census_init(struct census *c, const uint8_t hash_key[16])
{
	c->entries = NULL;
	memcpy(c->hash_key, hash_key, sizeof(c->hash_key));
}

void census_fini(struct census *c)
{
	struct census_entry *entry, *next;

	HASH_ITER (hh, c->entries, entry, next) {
		HASH_DEL(c->entries, entry);
		free(entry);
	}
}

static struct census_entry *find(
	const struct census *c, const uint8_t key[CENSUS_KEY_SIZE])
{
	struct census_entry *entry;

	TABLE_FIND(c->entries, c->hash_key, key, CENSUS_KEY_SIZE, entry);
	return entry;
}

uint32_t census_count(const struct census *c, const uint8_t key[CENSUS_KEY_SIZE])
{
	const struct census_entry *entry = find(c, key);

	return entry != NULL ? entry->count : 0;
}

struct census_entry *census_enter(struct census *c, const uint8_t key[CENSUS_KEY_SIZE])
{
	struct census_entry *entry = find(c, key);

	if (entry == NULL) {
		entry = calloc(1, sizeof(*entry));
		if (entry == NULL)
			return NULL;
		memcpy(entry->key, key, CENSUS_KEY_SIZE);
		TABLE_ADD(c->entries, c->hash_key, key, CENSUS_KEY_SIZE, entry);
		if (!TABLE_HOLDS(entry)) {
			free(entry);
			return NULL;
		}
	}
	entry->count++;
	return entry;
}

uint32_t census_size(const struct census_entry *entry)
{
	return entry->count;
}

uint32_t *census_active(struct census_entry *entry)
{
	return &entry->active;
}

void census_leave_entry(struct census *c, struct census_entry *entry)
{
	if (--entry->count > 0)
		return;
	HASH_DEL(c->entries, entry);
	free(entry);
}

void census_leave(struct census *c, const uint8_t key[CENSUS_KEY_SIZE])
{
	struct census_entry *entry = find(c, key);

	if (entry != NULL)
		census_leave_entry(c, entry);
}
