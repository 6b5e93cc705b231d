/* SPDX-License-Identifier: MIT */
#include "core/wire.h"

#include <string.h>

struct reader reader_over(const uint8_t *bytes, size_t len)
{
	/* NULL + 0 is undefined in C. */
	return (struct reader){.at = bytes, .end = len ? bytes + len : bytes, .ok = true};
}

size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

const uint8_t *read_view(struct reader *r, size_t len)
{
	const uint8_t *view = r->at;

	if (!r->ok || len > reader_left(r)) {
		r->ok = false;
		r->at = r->end; /* so that a loop over what is left ends */
		return NULL;
	}
	if (len)
		r->at += len;
	return view;
}

/* Returns the big-endian integer of len bytes, 0 where the reader ran out. */
static uint64_t read_integer(struct reader *r, size_t len)
{
	const uint8_t *view = read_view(r, len);
	uint64_t v = 0;

	for (size_t i = 0; view && i < len; i++)
		v = v << 8 | view[i];
	return v;
}

uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_integer(r, 1);
}

uint16_t read_u16(struct reader *r)
{
	return (uint16_t)read_integer(r, 2);
}

uint32_t read_u32(struct reader *r)
{
	return (uint32_t)read_integer(r, 4);
}

uint64_t read_u64(struct reader *r)
{
	return read_integer(r, 8);
}

void read_bytes(struct reader *r, uint8_t *bytes, size_t len)
{
	const uint8_t *view = read_view(r, len);

	if (len == 0)
		return;
	if (view)
		memcpy(bytes, view, len);
	else
		memset(bytes, 0, len);
}

struct writer writer_over(uint8_t *bytes, size_t cap)
{
	uint8_t *end = cap ? bytes + cap : bytes;

	return (struct writer){.start = bytes, .at = bytes, .end = end, .ok = true};
}

size_t writer_len(const struct writer *w)
{
	return (size_t)(w->at - w->start);
}

/* Returns room for len bytes, or NULL (with the writer failed) if there is none. */
static uint8_t *reserve(struct writer *w, size_t len)
{
	uint8_t *room = w->at;

	if (!w->ok || len > (size_t)(w->end - w->at)) {
		w->ok = false;
		return NULL;
	}
	if (len)
		w->at += len;
	return room;
}

static void write_integer(struct writer *w, uint64_t v, size_t len)
{
	uint8_t *room = reserve(w, len);

	for (size_t i = len; room && i-- > 0; v >>= 8)
		room[i] = (uint8_t)v;
}

void write_u8(struct writer *w, uint8_t v)
{
	write_integer(w, v, 1);
}

void write_u16(struct writer *w, uint16_t v)
{
	write_integer(w, v, 2);
}

void write_u32(struct writer *w, uint32_t v)
{
	write_integer(w, v, 4);
}

void write_u64(struct writer *w, uint64_t v)
{
	write_integer(w, v, 8);
}

void write_bytes(struct writer *w, const uint8_t *bytes, size_t len)
{
	uint8_t *room = reserve(w, len);

	if (room && len)
		memcpy(room, bytes, len);
}

void write_pad(struct writer *w, size_t len)
{
	size_t missing = len > writer_len(w) ? len - writer_len(w) : 0;
	uint8_t *room = reserve(w, missing);

	if (room && missing)
		memset(room, 0, missing);
}

/* Xors the 18 bytes of address and port with the mask, read cyclically. */
static void apply_mask(uint8_t *bytes, const uint8_t *mask)
{
	for (size_t i = 0; mask && i < WIRE_ADDR_SIZE - 1; i++)
		bytes[i] ^= mask[i % 16];
}

void write_addr(struct writer *w, const struct addr *a, const uint8_t *mask)
{
	uint8_t bytes[WIRE_ADDR_SIZE - 1];

	memcpy(bytes, a->ip, sizeof(a->ip));
	bytes[16] = (uint8_t)(a->port >> 8);
	bytes[17] = (uint8_t)a->port;
	apply_mask(bytes, mask);
	write_u8(w, (uint8_t)(a->transport << 4 | a->family));
	write_bytes(w, bytes, sizeof(bytes));
}

struct addr read_addr(struct reader *r, const uint8_t *mask)
{
	uint8_t kind = read_u8(r);
	uint8_t bytes[WIRE_ADDR_SIZE - 1];
	struct addr a = {.family = kind & 15, .transport = kind >> 4};

	read_bytes(r, bytes, sizeof(bytes));
	if (kind != 0 &&
		((a.family != ADDR_V4 && a.family != ADDR_V6) || a.transport > ADDR_TLS))
		r->ok = false;
	if (!r->ok || kind == 0)
		return (struct addr){0};
	apply_mask(bytes, mask);
	/* A peer's stray bytes behind an IPv4 address must not make it unequal to itself.
	 */
	memcpy(a.ip, bytes, a.family == ADDR_V4 ? 4 : 16);
	a.port = (uint16_t)(bytes[16] << 8 | bytes[17]);
	return a;
}
