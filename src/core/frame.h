/* SPDX-License-Identifier: MIT */
/* Sealed frames: 4 bytes of header, the sealed payload, 16 of tag.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   |0 1|epo|C|F|P|0|         low 24 bits of the counter            |
 *
 * C control, F a flow id (2 bytes) begins the plaintext, P a part of a datagram: its id,
 * offset and total length (2 bytes each) come next. */
#ifndef EYELET_CORE_FRAME_H
#define EYELET_CORE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/channel.h"
#include "core/crypto.h"

#define FRAME_HEADER_SIZE 4
#define FRAME_OVERHEAD    (FRAME_HEADER_SIZE + CRYPTO_TAG_SIZE) /* flow 0, whole: 20 bytes */
#define FRAME_FLOW_SIZE   2
#define FRAME_PART_SIZE   6
#define FRAME_OVERHEAD_MAX                                                               \
	(CHANNEL_SIZE + FRAME_OVERHEAD + FRAME_FLOW_SIZE + FRAME_PART_SIZE)

struct frame_header {
	uint8_t epoch; /* 2 bits */
	bool control;
	bool flow;
	bool part;
	uint32_t counter; /* low 24 bits */
};

/* True if the first two bits say so and there is room for header and tag. */
bool frame_is(const uint8_t *buf, size_t len);
void frame_header_encode(uint8_t out[FRAME_HEADER_SIZE], const struct frame_header *h);
/* Returns false if the spare bit is set. */
bool frame_header_decode(struct frame_header *h, const uint8_t *buf);

#endif
