/* SPDX-License-Identifier: MIT */
/* Token buckets: one, and a fixed field of them by network, for limits per source. */
#ifndef EYELET_CORE_BUCKET_H
#define EYELET_CORE_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

struct bucket {
	uint32_t rate;      /* tokens a second */
	uint32_t burst;     /* tokens it holds at most */
	uint64_t level;     /* billionths of a token */
	uint64_t filled_at; /* ns */
};

/* A full bucket. */
void bucket_init(struct bucket *b, uint32_t rate, uint32_t burst, uint64_t now);

/* Takes count tokens; returns false, taking none, if there are not enough. */
bool bucket_take(struct bucket *b, uint32_t count, uint64_t now);

/* The same, if reserve tokens are left then. */
bool bucket_take_above(struct bucket *b, uint32_t count, uint32_t reserve, uint64_t now);

/* True if count tokens could be taken. */
bool bucket_has(struct bucket *b, uint32_t count, uint64_t now);

/* From now on it fills at that rate and holds burst; what it has above that is lost. */
void bucket_change(struct bucket *b, uint32_t rate, uint32_t burst, uint64_t now);

/* Networks (addr_network) share cells by a keyed hash: two may meet in one cell, which then
 * limits them together; none escapes. */
#define BUCKET_CELLS 4096
struct bucket_field {
	uint32_t rate, burst;
	uint8_t key[16];
	struct bucket cell[BUCKET_CELLS];
};

void bucket_field_init(struct bucket_field *f, uint32_t rate, uint32_t burst,
	const uint8_t key[16], uint64_t now);
bool bucket_field_take(
	struct bucket_field *f, const struct addr *source, uint32_t count, uint64_t now);
/* The same by another key, of len bytes. */
bool bucket_field_take_key(struct bucket_field *f, const void *key, size_t len,
	uint32_t count, uint64_t now);

#endif
