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

static void release(struct reassembly *r)
{
	if (r->buffer == NULL)
		return;
	r->buffer->next = r->pool->free;
	r->pool->free = r->buffer;
	r->buffer = NULL;
}

void reassembly_init(struct reassembly *r, struct reassembly_pool *pool)
{
	*r = (struct reassembly){.pool = pool};
}

void reassembly_fini(struct reassembly *r)
{
	release(r);
}

/* Begins datagram id; its buffer is zeroed, since parts of a hostile peer may leave holes,
 * and nothing of another session's may show through them. */
static bool begin(struct reassembly *r, uint16_t id, size_t total, uint64_t now)
{
	if (r->buffer != NULL)
		r->dropped++;
	else
		r->buffer = pool_take(r->pool);
	if (r->buffer == NULL) {
		r->dropped++;
		return false;
	}
	memset(r->buffer->bytes, 0, total);
	r->id = id;
	r->total = total;
	r->have = 0;
	r->began_at = now;
	return true;
}

uint8_t *reassembly_add(struct reassembly *r, uint16_t id, size_t offset, size_t total,
	const uint8_t *bytes, size_t len, uint64_t now)
{
	bool same = r->buffer != NULL && r->id == id && r->total == total &&
		    r->have < r->total && now - r->began_at < REASSEMBLY_SPAN;

	if (len == 0 || total > REASSEMBLY_SIZE || offset > total || len > total - offset)
		return NULL;
	if (!same && !begin(r, id, total, now))
		return NULL;
	memcpy(r->buffer->bytes + offset, bytes, len);
	r->have += len;
	if (r->have < r->total)
		return NULL;
	/* The buffer is free again, and yet stays as it is until the next part of any
	 * session: the caller uses it at once. */
	uint8_t *whole = r->buffer->bytes;

	release(r);
	return whole;
}
