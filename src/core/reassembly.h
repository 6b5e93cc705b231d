/* SPDX-License-Identifier: MIT */
/* Putting datagrams that went in parts together again, in buffers from a bounded pool. */
#ifndef EYELET_CORE_REASSEMBLY_H
#define EYELET_CORE_REASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/path.h"

#define REASSEMBLY_SIZE  65535  /* bytes of a buffer */
#define REASSEMBLY_SPAN  SECOND /* a datagram whose rest does not come is dropped */
#define REASSEMBLY_SLOTS 4      /* datagrams of one session under way at once */

struct reassembly_buffer {
	struct reassembly_buffer *next;
	uint8_t bytes[REASSEMBLY_SIZE];
};

/* Buffers for all sessions of a host or guest, made when first needed. */
struct reassembly_pool {
	struct reassembly_buffer *free;
	unsigned made, max;
};
void reassembly_pool_init(struct reassembly_pool *pool, unsigned max);
void reassembly_pool_fini(struct reassembly_pool *pool);

/* One datagram under way. */
struct reassembly_slot {
	struct reassembly_buffer *buffer; /* NULL while unused */
	uint16_t id;
	size_t total; /* bytes of the whole datagram */
	size_t have;  /* bytes that came; the replay window lets none come twice */
	uint64_t began_at;
};

struct reassembly {
	struct reassembly_pool *pool;
	struct reassembly_slot slots[REASSEMBLY_SLOTS];
	uint64_t dropped; /* unfinished datagrams given up */
};
void reassembly_init(struct reassembly *r, struct reassembly_pool *pool);
void reassembly_fini(struct reassembly *r);

/* Adds the len bytes at offset of datagram id, of total bytes. Where all slots are taken,
 * or the pool is empty, the oldest datagram of the session gives way. Returns the whole
 * datagram (total bytes, valid until the next call) when this completed it, else NULL. */
uint8_t *reassembly_add(struct reassembly *r, uint16_t id, size_t offset, size_t total,
	const uint8_t *bytes, size_t len, uint64_t now);

/* Returns when the oldest is to be given up, NEVER if there is none. */
uint64_t reassembly_next(const struct reassembly *r);

/* Gives up datagrams older than REASSEMBLY_SPAN. */
void reassembly_expire(struct reassembly *r, uint64_t now);

#endif
