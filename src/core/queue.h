/* SPDX-License-Identifier: MIT */
/* Datagrams that wait for a path: bounded in number and bytes, the oldest dropped and
 * counted. */
#ifndef EYELET_CORE_QUEUE_H
#define EYELET_CORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;
struct flow;

/* Returns NULL if memory ran out. */
struct queue *queue_new(size_t datagrams_max, size_t bytes_max);
void queue_free(struct queue *q);

/* Copies one datagram in, dropping old ones to make room. */
void queue_put(struct queue *q, struct flow *flow, const uint8_t *payload, size_t len);

/* Takes the oldest; payload stays valid until the next put. False when empty. */
bool queue_take(
	struct queue *q, struct flow **flow, const uint8_t **payload, size_t *len);

/* Drops what waits for a flow that closes. */
void queue_forget(struct queue *q, const struct flow *flow);

uint64_t queue_dropped(const struct queue *q);

#endif
