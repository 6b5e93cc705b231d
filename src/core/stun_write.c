/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/stun_parts.h"
#include "core/wire.h"

#define SOFTWARE_MAX 760 /* bytes; RFC 8489, section 14.14, says below 763 */

static void write_header(
	struct writer *w, uint16_t type, uint16_t length, const uint8_t id[STUN_ID_SIZE])
{
	write_u16(w, type);
	write_u16(w, length);
	write_u32(w, STUN_COOKIE);
	write_bytes(w, id, STUN_ID_SIZE);
}

size_t stun_write_request(uint8_t *out, const uint8_t id[STUN_ID_SIZE])
{
	struct writer w = writer_over(out, STUN_REQUEST_SIZE);

	write_header(&w, STUN_TYPE_REQUEST, 0, id);
	return writer_len(&w);
}

/* Fills up to len bytes by SOFTWARE, which every server may pass over: PADDING, made for
 * it, is one that a server has to know. */
static void write_filling(struct writer *w, size_t len)
{
	static const char name[] = "eyelet";

	while (writer_len(w) + 4 <= len) {
		size_t left = len - writer_len(w) - 4;
		size_t size = left < SOFTWARE_MAX ? left : SOFTWARE_MAX;

		write_u16(w, STUN_ATTR_SOFTWARE);
		write_u16(w, (uint16_t)size);
		for (size_t i = 0; i < size; i++)
			write_u8(w, (uint8_t)(i < strlen(name) ? name[i] : ' '));
	}
}

size_t stun_write_question(uint8_t *out, const struct stun_question *q, size_t len)
{
	size_t least = STUN_HEADER_SIZE + (q->has_change ? 8u : 0u) +
		       (q->response_port != 0 ? 8u : 0u);
	size_t whole = len > least ? (len & ~(size_t)3) : least;
	struct writer w = writer_over(out, whole);

	write_header(&w, STUN_TYPE_REQUEST, (uint16_t)(whole - STUN_HEADER_SIZE), q->id);
	if (q->has_change) {
		write_u16(&w, STUN_ATTR_CHANGE_REQUEST);
		write_u16(&w, 4);
		write_u32(&w, (q->change_address ? STUN_CHANGE_ADDRESS : 0u) |
				      (q->change_port ? STUN_CHANGE_PORT : 0u));
	}
	if (q->response_port != 0) {
		write_u16(&w, STUN_ATTR_RESPONSE_PORT);
		write_u16(&w, 2);
		write_u16(&w, q->response_port);
		write_u16(&w, 0); /* padding */
	}
	write_filling(&w, whole);
	return writer_len(&w);
}

size_t stun_write_response(
	uint8_t *out, const uint8_t id[STUN_ID_SIZE], const struct addr *mapped)
{
	struct writer w = writer_over(out, STUN_RESPONSE_MAX);
	bool v6 = mapped->family == ADDR_V6;
	uint16_t ip_len = v6 ? 16 : 4;
	struct addr xored = *mapped;

	write_header(&w, STUN_TYPE_SUCCESS, (uint16_t)(4 + 4 + ip_len), id);
	stun_xor_address(&xored, ip_len, out + 4);
	write_u16(&w, STUN_ATTR_XOR_MAPPED_ADDRESS);
	write_u16(&w, (uint16_t)(4 + ip_len));
	write_u16(&w, v6 ? STUN_FAMILY_V6 : STUN_FAMILY_V4);
	write_u16(&w, xored.port);
	write_bytes(&w, xored.ip, ip_len);
	return writer_len(&w);
}
