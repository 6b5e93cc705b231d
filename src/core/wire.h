/* SPDX-License-Identifier: MIT */
/* Bounded cursors over bytes: big-endian integers, byte strings, addresses. A cursor that
 * ran out stays failed; look at ok once, at the end. */
#ifndef EYELET_CORE_WIRE_H
#define EYELET_CORE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

struct reader {
	const uint8_t *at, *end;
	bool ok;
};

struct writer {
	uint8_t *start, *at, *end;
	bool ok;
};

struct reader reader_over(const uint8_t *bytes, size_t len);
size_t reader_left(const struct reader *r);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
/* Copies len bytes out; zeros them where the reader ran out. */
void read_bytes(struct reader *r, uint8_t *bytes, size_t len);
/* Returns the len bytes in place, or NULL where the reader ran out. */
const uint8_t *read_view(struct reader *r, size_t len);

struct writer writer_over(uint8_t *bytes, size_t cap);
size_t writer_len(const struct writer *w);
void write_u8(struct writer *w, uint8_t v);
void write_u16(struct writer *w, uint16_t v);
void write_u32(struct writer *w, uint32_t v);
void write_u64(struct writer *w, uint64_t v);
void write_bytes(struct writer *w, const uint8_t *bytes, size_t len);
/* Writes zeros until the writer holds len bytes in all. */
void write_pad(struct writer *w, size_t len);

/* An address is 19 bytes: family (0, 4 or 6) and, in the four bits above, transport; 16 of
 * address, 2 of port; each byte but the first is xored with mask (16 bytes, used cyclically; NULL for none), so that no NAT's
 * application gateway rewrites it on the way (the reason of RFC 8489's XOR-MAPPED-ADDRESS). */
#define WIRE_ADDR_SIZE 19
void write_addr(struct writer *w, const struct addr *a, const uint8_t *mask);
/* A family other than 0, 4 and 6, or an unknown transport, fails the reader. Scope is not carried. */
struct addr read_addr(struct reader *r, const uint8_t *mask);

#endif
