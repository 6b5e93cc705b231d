/* SPDX-License-Identifier: MIT */
#include "core/stun.h"

#include <string.h>

#include "core/wire.h"

#define HEADER_SIZE     20
#define COOKIE          UINT32_C(0x2112a442)
#define FINGERPRINT_XOR UINT32_C(0x5354554e)
#define FIRST_OPTIONAL  0x8000 /* attribute types below are comprehension-required */
#define FAMILY_V4       1
#define FAMILY_V6       2
#define XOR_MASK_SIZE   16 /* cookie and id */

enum { TYPE_REQUEST = 0x0001, TYPE_SUCCESS = 0x0101 };

/* RFC 8489, section 18.3, and what of RFC 3489's was given up. */
enum {
	ATTR_MAPPED_ADDRESS = 0x0001,
	ATTR_RESPONSE_ADDRESS = 0x0002,
	ATTR_CHANGE_REQUEST = 0x0003,
	ATTR_SOURCE_ADDRESS = 0x0004,
	ATTR_CHANGED_ADDRESS = 0x0005,
	ATTR_USERNAME = 0x0006,
	ATTR_PASSWORD = 0x0007,
	ATTR_MESSAGE_INTEGRITY = 0x0008,
	ATTR_ERROR_CODE = 0x0009,
	ATTR_UNKNOWN_ATTRIBUTES = 0x000a,
	ATTR_REFLECTED_FROM = 0x000b,
	ATTR_REALM = 0x0014,
	ATTR_NONCE = 0x0015,
	ATTR_MESSAGE_INTEGRITY_SHA256 = 0x001c,
	ATTR_PASSWORD_ALGORITHM = 0x001d,
	ATTR_USERHASH = 0x001e,
	ATTR_XOR_MAPPED_ADDRESS = 0x0020,
	ATTR_FINGERPRINT = 0x8028,
};

struct attribute {
	uint16_t type;
	uint16_t len;         /* of the value, without padding */
	const uint8_t *value; /* inside the datagram */
};

/* What one walk over the attributes found. */
struct contents {
	bool unknown; /* a comprehension-required attribute nobody here knows */
	struct attribute mapped; /* the first of its type; value NULL if there is none */
	struct attribute xored;  /* likewise */
	struct attribute integrity; /* of either kind, likewise */
};

/* CRC-32 of ISO 3309 (RFC 8489, section 14.7), by half bytes. */
static uint32_t crc32_of(const uint8_t *bytes, size_t len)
{
	static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344,
		0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* Reads one attribute with its padding; a false return leaves the reader failed. */
static bool next_attribute(struct reader *r, struct attribute *a)
{
	a->type = read_u16(r);
	a->len = read_u16(r);
	a->value = read_view(r, a->len);
	read_view(r, (4u - a->len % 4u) % 4u);
	return r->ok;
}

bool stun_is_message(const uint8_t *buf, size_t len)
{
	struct reader r = reader_over(buf, len);
	struct attribute a;
	uint16_t type = read_u16(&r);
	uint16_t length = read_u16(&r);
	uint32_t cookie = read_u32(&r);

	read_view(&r, STUN_ID_SIZE);
	if (!r.ok || type & 0xc000 || cookie != COOKIE || length % 4 != 0 ||
		length != reader_left(&r))
		return false;
	while (reader_left(&r)) {
		if (!next_attribute(&r, &a))
			return false;
	}
	return true;
}

/* True if the type may be passed over: it is optional, or RFC 8489 has it and asks
 * nothing for it of one that checks no credentials. */
static bool known(uint16_t type)
{
	switch (type) {
	case ATTR_MAPPED_ADDRESS:
	case ATTR_USERNAME:
	case ATTR_MESSAGE_INTEGRITY:
	case ATTR_ERROR_CODE:
	case ATTR_UNKNOWN_ATTRIBUTES:
	case ATTR_REALM:
	case ATTR_NONCE:
	case ATTR_MESSAGE_INTEGRITY_SHA256:
	case ATTR_PASSWORD_ALGORITHM:
	case ATTR_USERHASH:
	case ATTR_XOR_MAPPED_ADDRESS: return true;
	default: return type >= FIRST_OPTIONAL;
	}
}

/* True if a response may carry the type: RFC 3489's servers still add theirs, which ask
 * nothing of a client (a request with them does ask something of the server). */
static bool known_in_response(uint16_t type)
{
	switch (type) {
	case ATTR_RESPONSE_ADDRESS:
	case ATTR_CHANGE_REQUEST:
	case ATTR_SOURCE_ADDRESS:
	case ATTR_CHANGED_ADDRESS:
	case ATTR_PASSWORD:
	case ATTR_REFLECTED_FROM: return true;
	default: return known(type);
	}
}

/* True if the attribute is the last one, and its CRC that of all before it. */
static bool fingerprint_is_right(
	const uint8_t *buf, const struct reader *r, const struct attribute *a)
{
	struct reader value = reader_over(a->value, a->len);
	size_t covered = (size_t)(a->value - buf) - 4;

	return a->len == 4 && reader_left(r) == 0 &&
	       read_u32(&value) == (crc32_of(buf, covered) ^ FINGERPRINT_XOR);
}

static void note(struct contents *c, const struct attribute *a, bool response)
{
	if (a->type == ATTR_MAPPED_ADDRESS && !c->mapped.value)
		c->mapped = *a;
	else if (a->type == ATTR_XOR_MAPPED_ADDRESS && !c->xored.value)
		c->xored = *a;
	else if (a->type == ATTR_MESSAGE_INTEGRITY ||
		 a->type == ATTR_MESSAGE_INTEGRITY_SHA256)
		c->integrity = *a;
	else if (!(response ? known_in_response(a->type) : known(a->type)))
		c->unknown = true;
}

/* Checks a message of that type and walks over its attributes. Returns false if it is
 * another one, malformed or has a wrong FINGERPRINT. */
static bool walk(const uint8_t *buf, size_t len, uint16_t type, struct contents *c)
{
	struct reader r = reader_over(buf, len);
	struct attribute a;

	if (!stun_is_message(buf, len) || read_u16(&r) != type)
		return false;
	memset(c, 0, sizeof(*c));
	read_view(&r, HEADER_SIZE - 2);
	while (reader_left(&r) && next_attribute(&r, &a)) {
		if (a.type == ATTR_FINGERPRINT) {
			if (!fingerprint_is_right(buf, &r, &a))
				return false;
		} else if (!c->integrity
				    .value) { /* section 14.5: what follows it is void */
			note(c, &a, type == TYPE_SUCCESS);
		}
	}
	return true;
}

static void write_header(
	struct writer *w, uint16_t type, uint16_t length, const uint8_t id[STUN_ID_SIZE])
{
	write_u16(w, type);
	write_u16(w, length);
	write_u32(w, COOKIE);
	write_bytes(w, id, STUN_ID_SIZE);
}

size_t stun_write_request(uint8_t *out, const uint8_t id[STUN_ID_SIZE])
{
	struct writer w = writer_over(out, STUN_REQUEST_SIZE);

	write_header(&w, TYPE_REQUEST, 0, id);
	return writer_len(&w);
}

bool stun_read_request(const uint8_t *buf, size_t len, uint8_t id[STUN_ID_SIZE])
{
	struct contents c;

	if (!walk(buf, len, TYPE_REQUEST, &c) || c.unknown)
		return false;
	memcpy(id, buf + HEADER_SIZE - STUN_ID_SIZE, STUN_ID_SIZE);
	return true;
}

/* Xors an address of ip_len bytes and a port with the cookie and the id, which stand side
 * by side in the header. */
static void xor_address(struct addr *a, size_t ip_len, const uint8_t mask[XOR_MASK_SIZE])
{
	for (size_t i = 0; i < ip_len; i++)
		a->ip[i] ^= mask[i];
	a->port = (uint16_t)(a->port ^ (mask[0] << 8 | mask[1]));
}

size_t stun_write_response(
	uint8_t *out, const uint8_t id[STUN_ID_SIZE], const struct addr *mapped)
{
	struct writer w = writer_over(out, STUN_RESPONSE_MAX);
	bool v6 = mapped->family == ADDR_V6;
	uint16_t ip_len = v6 ? 16 : 4;
	struct addr xored = *mapped;

	write_header(&w, TYPE_SUCCESS, (uint16_t)(4 + 4 + ip_len), id);
	xor_address(&xored, ip_len, out + 4);
	write_u16(&w, ATTR_XOR_MAPPED_ADDRESS);
	write_u16(&w, (uint16_t)(4 + ip_len));
	write_u16(&w, v6 ? FAMILY_V6 : FAMILY_V4);
	write_u16(&w, xored.port);
	write_bytes(&w, xored.ip, ip_len);
	return writer_len(&w);
}

/* Reads the value of a MAPPED-ADDRESS, xored with the mask unless that is NULL. */
static bool read_address(
	const struct attribute *attribute, const uint8_t *mask, struct addr *out)
{
	struct reader r = reader_over(attribute->value, attribute->len);
	struct addr a = {0};
	uint8_t family;
	size_t ip_len;

	read_u8(&r); /* reserved */
	family = read_u8(&r);
	a.port = read_u16(&r);
	if (family != FAMILY_V4 && family != FAMILY_V6)
		return false;
	a.family = family == FAMILY_V4 ? ADDR_V4 : ADDR_V6;
	ip_len = family == FAMILY_V4 ? 4 : 16;
	read_bytes(&r, a.ip, ip_len);
	if (!r.ok || reader_left(&r))
		return false;
	if (mask)
		xor_address(&a, ip_len, mask);
	*out = a;
	return true;
}

bool stun_read_response(
	const uint8_t *buf, size_t len, uint8_t id[STUN_ID_SIZE], struct addr *mapped)
{
	struct contents c;

	if (!walk(buf, len, TYPE_SUCCESS, &c) || c.unknown)
		return false;
	if (c.xored.value ? !read_address(&c.xored, buf + 4, mapped)
			  : !c.mapped.value || !read_address(&c.mapped, NULL, mapped))
		return false;
	memcpy(id, buf + HEADER_SIZE - STUN_ID_SIZE, STUN_ID_SIZE);
	return true;
}
