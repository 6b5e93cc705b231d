/* SPDX-License-Identifier: MIT */
#include "core/directory.h"

#include <string.h>

#include "core/hash.h"

void directory_init(struct directory *d, struct pool *records, const uint8_t hash_key[16])
{
	d->records = records;
	memcpy(d->hash_key, hash_key, sizeof(d->hash_key));
	pool_init(&d->heads, sizeof(uint32_t), UINT32_MAX);
}

void directory_fini(struct directory *d)
{
	pool_fini(&d->heads);
}

static struct directory_entry *entry_of(const struct directory *d, uint32_t number)
{
	return pool_at(d->records, number);
}

/* Chains are numbered from 0; n of them are told apart by the last bits of the hash, by one
 * bit less where that leads beyond the last. */
static uint32_t chain_of(uint32_t hash, uint32_t n)
{
	uint32_t mask = n > 1 ? UINT32_MAX >> __builtin_clz(n - 1) : 0;

	return (hash & mask) < n ? hash & mask : hash & mask >> 1;
}

static uint32_t *head_of(const struct directory *d, const uint8_t *key)
{
	uint32_t hash = (uint32_t)hash_sip(d->hash_key, key, DIRECTORY_KEY_SIZE);

	return pool_at(&d->heads, chain_of(hash, d->heads.count) + 1);
}

uint32_t directory_find(const struct directory *d, const uint8_t *key)
{
	uint32_t number = d->heads.count > 0 ? *head_of(d, key) : 0;

	while (number != 0 &&
		memcmp(entry_of(d, number)->key, key, DIRECTORY_KEY_SIZE) != 0)
		number = entry_of(d, number)->next;
	return number;
}

static void chain(struct directory *d, uint32_t number)
{
	struct directory_entry *entry = entry_of(d, number);
	uint32_t *head = head_of(d, entry->key);

	entry->next = *head;
	*head = number;
}

/* One chain more: that of which it takes its part is linked anew. */
static bool split(struct directory *d)
{
	uint32_t n = d->heads.count, number;
	uint32_t *head;

	if (pool_take(&d->heads) == 0)
		return false;
	head = pool_at(&d->heads, chain_of(n, n) + 1);
	number = *head;
	*head = 0;
	while (number != 0) {
		uint32_t next = entry_of(d, number)->next;

		chain(d, number);
		number = next;
	}
	return true;
}

bool directory_add(struct directory *d, uint32_t number)
{
	if (d->heads.count < d->records->count && !split(d) && d->heads.count == 0)
		return false;
	chain(d, number);
	return true;
}

void directory_remove(struct directory *d, uint32_t number)
{
	struct directory_entry *entry = entry_of(d, number);
	uint32_t *at = head_of(d, entry->key);

	while (*at != number)
		at = &entry_of(d, *at)->next;
	*at = entry->next;
}
