/* SPDX-License-Identifier: MIT */
/* The bytes lie in a ring whose positions only grow; place % bytes_max is where a
 * datagram begins. One that would wrap begins at the ring's start instead, so that each
 * lies in one piece, and the bytes it left over are free again when those before it are.
 */
#include "core/queue.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	struct flow *flow;
	uint64_t place;
	size_t len;
};

struct queue {
	struct entry *entries; /* a ring too */
	uint8_t *bytes;
	size_t datagrams_max, bytes_max;
	size_t first, count;
	uint64_t end; /* place behind the newest */
	uint64_t dropped;
};

struct queue *queue_new(size_t datagrams_max, size_t bytes_max)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->datagrams_max = datagrams_max;
	q->bytes_max = bytes_max;
	q->entries = calloc(datagrams_max + 1, sizeof(*q->entries));
	q->bytes = malloc(bytes_max + 1);
	if (!q->entries || !q->bytes) {
		queue_free(q);
		return NULL;
	}
	return q;
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	free(q->entries);
	free(q->bytes);
	free(q);
}

static struct entry *entry_at(const struct queue *q, size_t i)
{
	return &q->entries[(q->first + i) % q->datagrams_max];
}

static void remove_oldest(struct queue *q)
{
	q->first = (q->first + 1) % q->datagrams_max;
	q->count--;
}

/* The place where a datagram of len bytes would begin. */
static uint64_t next_place(const struct queue *q, size_t len)
{
	size_t at = (size_t)(q->end % q->bytes_max);

	return at + len > q->bytes_max ? q->end + (q->bytes_max - at) : q->end;
}

static bool has_room(const struct queue *q, size_t len)
{
	if (q->count == 0)
		return true;
	if (q->count == q->datagrams_max)
		return false;
	return next_place(q, len) + len - entry_at(q, 0)->place <= q->bytes_max;
}

void queue_put(struct queue *q, struct flow *flow, const uint8_t *payload, size_t len)
{
	struct entry *entry;

	if (len > q->bytes_max || q->datagrams_max == 0 || q->bytes_max == 0) {
		q->dropped++;
		return;
	}
	while (!has_room(q, len)) {
		remove_oldest(q);
		q->dropped++;
	}
	if (q->count == 0)
		q->end = 0;
	entry = entry_at(q, q->count++);
	*entry = (struct entry){.flow = flow, .place = next_place(q, len), .len = len};
	q->end = entry->place + len;
	if (len > 0)
		memcpy(q->bytes + entry->place % q->bytes_max, payload, len);
}

bool queue_take(struct queue *q, struct flow **flow, const uint8_t **payload, size_t *len)
{
	const struct entry *entry;

	if (q->count == 0)
		return false;
	entry = entry_at(q, 0);
	*flow = entry->flow;
	*payload = q->bytes + entry->place % q->bytes_max;
	*len = entry->len;
	remove_oldest(q);
	return true;
}

void queue_forget(struct queue *q, const struct flow *flow)
{
	size_t kept = 0;

	for (size_t i = 0; i < q->count; i++) {
		struct entry *entry = entry_at(q, i);

		if (entry->flow == flow)
			q->dropped++;
		else
			*entry_at(q, kept++) = *entry;
	}
	q->count = kept;
}

uint64_t queue_dropped(const struct queue *q)
{
	return q->dropped;
}
