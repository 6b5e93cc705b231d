/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/stun_parts.h"
#include "core/wire.h"

#define FINGERPRINT_XOR UINT32_C(0x5354554e)
#define FIRST_OPTIONAL  0x8000 /* attribute types below are comprehension-required */

struct attribute {
	uint16_t type;
	uint16_t len;         /* of the value, without padding */
	const uint8_t *value; /* inside the datagram */
};

/* What one walk over the attributes found. */
struct contents {
	bool unknown; /* a comprehension-required attribute nobody here knows */
	/* The first of each type; value NULL if there is none. */
	struct attribute mapped, xored, integrity;
	struct attribute change, response_port; /* of a request */
	struct attribute origin, other;         /* of a response */
	struct attribute source, changed;       /* what RFC 3489 called these two */
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
	if (!r.ok || type & 0xc000 || cookie != STUN_COOKIE || length % 4 != 0 ||
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
	case STUN_ATTR_MAPPED_ADDRESS:
	case STUN_ATTR_USERNAME:
	case STUN_ATTR_MESSAGE_INTEGRITY:
	case STUN_ATTR_ERROR_CODE:
	case STUN_ATTR_UNKNOWN_ATTRIBUTES:
	case STUN_ATTR_REALM:
	case STUN_ATTR_NONCE:
	case STUN_ATTR_MESSAGE_INTEGRITY_SHA256:
	case STUN_ATTR_PASSWORD_ALGORITHM:
	case STUN_ATTR_USERHASH:
	case STUN_ATTR_XOR_MAPPED_ADDRESS: return true;
	default: return type >= FIRST_OPTIONAL;
	}
}

/* True if a response may carry the type: RFC 3489's servers still add theirs, and RFC
 * 5780's PADDING, which ask nothing of a client (a request with them does ask something of
 * the server). */
static bool known_in_response(uint16_t type)
{
	switch (type) {
	case STUN_ATTR_RESPONSE_ADDRESS:
	case STUN_ATTR_CHANGE_REQUEST:
	case STUN_ATTR_SOURCE_ADDRESS:
	case STUN_ATTR_CHANGED_ADDRESS:
	case STUN_ATTR_PASSWORD:
	case STUN_ATTR_REFLECTED_FROM:
	case STUN_ATTR_PADDING: return true;
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

/* Where a walk keeps attributes of that type; NULL for those that it does not. */
static struct attribute *place_of(struct contents *c, uint16_t type, bool response)
{
	switch (type) {
	case STUN_ATTR_MAPPED_ADDRESS: return &c->mapped;
	case STUN_ATTR_XOR_MAPPED_ADDRESS: return &c->xored;
	case STUN_ATTR_MESSAGE_INTEGRITY:
	case STUN_ATTR_MESSAGE_INTEGRITY_SHA256: return &c->integrity;
	case STUN_ATTR_CHANGE_REQUEST: return response ? NULL : &c->change;
	case STUN_ATTR_RESPONSE_PORT: return response ? NULL : &c->response_port;
	case STUN_ATTR_RESPONSE_ORIGIN: return &c->origin;
	case STUN_ATTR_OTHER_ADDRESS: return &c->other;
	case STUN_ATTR_SOURCE_ADDRESS: return response ? &c->source : NULL;
	case STUN_ATTR_CHANGED_ADDRESS: return response ? &c->changed : NULL;
	default: return NULL;
	}
}

static void note(struct contents *c, const struct attribute *a, bool response)
{
	struct attribute *place = place_of(c, a->type, response);

	if (place != NULL && place->value == NULL)
		*place = *a;
	if (place == NULL && !(response ? known_in_response(a->type) : known(a->type)))
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
	read_view(&r, STUN_HEADER_SIZE - 2);
	while (reader_left(&r) && next_attribute(&r, &a)) {
		if (a.type == STUN_ATTR_FINGERPRINT) {
			if (!fingerprint_is_right(buf, &r, &a))
				return false;
		} else if (!c->integrity
				    .value) { /* section 14.5: what follows it is void */
			note(c, &a, type == STUN_TYPE_SUCCESS);
		}
	}
	return true;
}

/* RFC 5780, section 7.2: four bytes, of which two bits count. */
static bool read_change(const struct attribute *attribute, struct stun_question *q)
{
	struct reader r = reader_over(attribute->value, attribute->len);
	uint32_t flags;

	if (attribute->value == NULL)
		return true;
	flags = read_u32(&r);
	q->has_change = true;
	q->change_address = flags & STUN_CHANGE_ADDRESS;
	q->change_port = flags & STUN_CHANGE_PORT;
	return r.ok && reader_left(&r) == 0;
}

/* Section 7.5: two bytes; some count the padding behind them into the length. */
static bool read_response_port(const struct attribute *attribute, struct stun_question *q)
{
	struct reader r = reader_over(attribute->value, attribute->len);

	if (attribute->value == NULL)
		return true;
	q->response_port = read_u16(&r);
	return r.ok && (attribute->len == 2 || attribute->len == 4) &&
	       q->response_port != 0;
}

bool stun_read_question(const uint8_t *buf, size_t len, struct stun_question *q)
{
	struct contents c;

	if (!walk(buf, len, STUN_TYPE_REQUEST, &c) || c.unknown)
		return false;
	*q = (struct stun_question){.has_change = false};
	memcpy(q->id, buf + STUN_HEADER_SIZE - STUN_ID_SIZE, STUN_ID_SIZE);
	return read_change(&c.change, q) && read_response_port(&c.response_port, q);
}

bool stun_read_request(const uint8_t *buf, size_t len, uint8_t id[STUN_ID_SIZE])
{
	struct stun_question q;

	if (!stun_read_question(buf, len, &q) || q.has_change || q.response_port != 0)
		return false;
	memcpy(id, q.id, STUN_ID_SIZE);
	return true;
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
	if (family != STUN_FAMILY_V4 && family != STUN_FAMILY_V6)
		return false;
	a.family = family == STUN_FAMILY_V4 ? ADDR_V4 : ADDR_V6;
	ip_len = family == STUN_FAMILY_V4 ? 4 : 16;
	read_bytes(&r, a.ip, ip_len);
	if (!r.ok || reader_left(&r))
		return false;
	if (mask)
		stun_xor_address(&a, ip_len, mask);
	*out = a;
	return true;
}

/* Reads one of two attributes that say the same; an address without family if neither is
 * there and right. */
static struct addr read_either(
	const struct attribute *attribute, const struct attribute *older)
{
	struct addr a = {0};

	if (attribute->value == NULL || !read_address(attribute, NULL, &a))
		(void)(older->value != NULL && read_address(older, NULL, &a));
	return a;
}

bool stun_read_answer(const uint8_t *buf, size_t len, struct stun_answer *answer)
{
	struct contents c;

	if (!walk(buf, len, STUN_TYPE_SUCCESS, &c) || c.unknown)
		return false;
	if (c.xored.value ? !read_address(&c.xored, buf + 4, &answer->mapped)
			  : !c.mapped.value ||
				    !read_address(&c.mapped, NULL, &answer->mapped))
		return false;
	memcpy(answer->id, buf + STUN_HEADER_SIZE - STUN_ID_SIZE, STUN_ID_SIZE);
	answer->origin = read_either(&c.origin, &c.source);
	answer->other = read_either(&c.other, &c.changed);
	return true;
}

bool stun_read_response(
	const uint8_t *buf, size_t len, uint8_t id[STUN_ID_SIZE], struct addr *mapped)
{
	struct stun_answer answer;

	if (!stun_read_answer(buf, len, &answer))
		return false;
	memcpy(id, answer.id, STUN_ID_SIZE);
	*mapped = answer.mapped;
	return true;
}
