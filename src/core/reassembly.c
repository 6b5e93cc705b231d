/* SPDX-License-Identifier: MIT */
#include "core/reassembly.h"

#include <stdlib.h>
#include <string.h>

void reassembly_pool_init(struct reassembly_pool *pool, unsigned max)
{
	*pool = (struct reassembly_pool){.max = max};
}

void reassembly_pool_fini(struct reassembly_pool *pool)
{
	while (pool->free != NULL) {
		struct reassembly_buffer *buffer = pool->free;

		pool->free = buffer->next;
		free(buffer);
	}
}

static struct reassembly_buffer *pool_take(struct reassembly_pool *pool)
{
	struct reassembly_buffer *buffer = pool->free;

	if (buffer != NULL) {
		pool->free = buffer->next;
		return buffer;
	}
	if (pool->made == pool->max)
		return NULL;
	buffer = malloc(sizeof(*buffer));
	if (buffer != NULL)
		pool->made++;
	return buffer;
}

static void release(struct reassembly *r, struct reassembly_slot *slot)
{
	if (slot->buffer == NULL)
		return;
	slot->buffer->next = r->pool->free;
	r->pool->free = slot->buffer;
	slot->buffer = NULL;
}

void reassembly_init(struct reassembly *r, struct reassembly_pool *pool)
{
	*r = (struct reassembly){.pool = pool};
}

void reassembly_fini(struct reassembly *r)
{
	for (unsigned i = 0; i < REASSEMBLY_SLOTS; i++)
		release(r, &r->slots[i]);
}

void reassembly_expire(struct reassembly *r, uint64_t now)
{
	for (unsigned i = 0; i < REASSEMBLY_SLOTS; i++) {
		struct reassembly_slot *slot = &r->slots[i];

		if (slot->buffer == NULL || now - slot->began_at < REASSEMBLY_SPAN)
			continue;
		r->dropped++;
		release(r, slot);
	}
}

uint64_t reassembly_next(const struct reassembly *r)
{
	uint64_t at = NEVER;

	for (unsigned i = 0; i < REASSEMBLY_SLOTS; i++)
		if (r->slots[i].buffer != NULL &&
			r->slots[i].began_at + REASSEMBLY_SPAN < at)
			at = r->slots[i].began_at + REASSEMBLY_SPAN;
	return at;
}

static struct reassembly_slot *find(struct reassembly *r, uint16_t id, size_t total)
{
	for (unsigned i = 0; i < REASSEMBLY_SLOTS; i++) {
		struct reassembly_slot *slot = &r->slots[i];

		if (slot->buffer != NULL && slot->id == id && slot->total == total)
			return slot;
	}
	return NULL;
}

/* A slot with a buffer: a free one with one of the pool's, or the one begun first. NULL if
 * there is none. */
static struct reassembly_slot *take_slot(struct reassembly *r)
{
	struct reassembly_slot *oldest = NULL;

	for (unsigned i = 0; i < REASSEMBLY_SLOTS; i++) {
		struct reassembly_slot *slot = &r->slots[i];

		if (slot->buffer == NULL) {
			slot->buffer = pool_take(r->pool);
			if (slot->buffer != NULL)
				return slot;
		} else if (oldest == NULL || slot->began_at < oldest->began_at) {
			oldest = slot;
		}
	}
	r->dropped++;
	return oldest;
}

/* Begins a datagram; its buffer is zeroed, since parts of a hostile peer may leave holes,
 * and nothing of another session's may show through them. */
static struct reassembly_slot *begin(
	struct reassembly *r, uint16_t id, size_t total, uint64_t now)
{
	struct reassembly_slot *slot;

	slot = take_slot(r);
	if (slot == NULL)
		return NULL;
	memset(slot->buffer->bytes, 0, total);
	slot->id = id;
	slot->total = total;
	slot->have = 0;
	slot->began_at = now;
	return slot;
}

uint8_t *reassembly_add(struct reassembly *r, uint16_t id, size_t offset, size_t total,
	const uint8_t *bytes, size_t len, uint64_t now)
{
	struct reassembly_slot *slot;
	uint8_t *whole;

	if (len == 0 || total > REASSEMBLY_SIZE || offset > total || len > total - offset)
		return NULL;
	reassembly_expire(r, now);
	slot = find(r, id, total);
	if (slot == NULL)
		slot = begin(r, id, total, now);
	if (slot == NULL)
		return NULL;
	memcpy(slot->buffer->bytes + offset, bytes, len);
	slot->have += len;
	if (slot->have < slot->total)
		return NULL;
	/* The buffer is free again, and yet stays as it is until the next part of any
	 * session: the caller uses it at once. */
	whole = slot->buffer->bytes;
	release(r, slot);
	return whole;
}
