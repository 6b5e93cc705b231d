/* SPDX-License-Identifier: MIT */
#include "core/frame.h"

#define MARKER  0x40
#define CONTROL 0x08
#define FLOW    0x04
#define PART    0x02
#define SPARE   0x01

bool frame_is(const uint8_t *buf, size_t len)
{
	return len >= FRAME_OVERHEAD && buf[0] >> 6 == 1;
}

void frame_header_encode(uint8_t out[FRAME_HEADER_SIZE], const struct frame_header *h)
{
	out[0] = (uint8_t)(MARKER | (h->epoch & 3) << 4 | (h->control ? CONTROL : 0) |
			   (h->flow ? FLOW : 0) | (h->part ? PART : 0));
	out[1] = (uint8_t)(h->counter >> 16);
	out[2] = (uint8_t)(h->counter >> 8);
	out[3] = (uint8_t)h->counter;
}

bool frame_header_decode(struct frame_header *h, const uint8_t *buf)
{
	h->epoch = buf[0] >> 4 & 3;
	h->control = (buf[0] & CONTROL) != 0;
	h->flow = (buf[0] & FLOW) != 0;
	h->part = (buf[0] & PART) != 0;
	h->counter = (uint32_t)buf[1] << 16 | (uint32_t)buf[2] << 8 | buf[3];
	return (buf[0] & SPARE) == 0;
}
