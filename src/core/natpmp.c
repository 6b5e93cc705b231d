/* SPDX-License-Identifier: MIT */
#include "core/natpmp.h"

#include "core/path.h"
#include "core/wire.h"

#define RESPONSE 128

const char *natpmp_result_text(uint16_t code)
{
	switch (code) {
#define X(name, value, text)                                                             \
	case value: return text;
		NATPMP_RESULT_MAP(X)
#undef X
	default: return "it gives a reason that this version does not know";
	}
}

size_t natpmp_address_encode(uint8_t out[NATPMP_ADDRESS_SIZE])
{
	out[0] = NATPMP_VERSION;
	out[1] = NATPMP_ADDRESS;
	return NATPMP_ADDRESS_SIZE;
}

size_t natpmp_map_encode(uint8_t out[NATPMP_MAP_SIZE], uint16_t internal_port,
	uint16_t suggested_port, uint32_t lifetime)
{
	struct writer w = writer_over(out, NATPMP_MAP_SIZE);

	write_u8(&w, NATPMP_VERSION);
	write_u8(&w, NATPMP_MAP_UDP);
	write_u16(&w, 0);
	write_u16(&w, internal_port);
	write_u16(&w, suggested_port);
	write_u32(&w, lifetime);
	return writer_len(&w);
}

static bool read_success(struct natpmp_response *p, struct reader *r)
{
	if (p->opcode == NATPMP_ADDRESS) {
		p->external.family = ADDR_V4;
		read_bytes(r, p->external.ip, 4);
	} else {
		p->internal_port = read_u16(r);
		p->external_port = read_u16(r);
		p->lifetime = read_u32(r);
	}
	return r->ok;
}

/* Errors may be as short as their epoch: section 3.5 gives no more for an opcode that is
 * not known, and a PCP request is one of those (RFC 6887, appendix A). */
bool natpmp_response_decode(struct natpmp_response *p, const uint8_t *buf, size_t len)
{
	struct reader r = reader_over(buf, len);
	uint8_t version = read_u8(&r), opcode = read_u8(&r);

	*p = (struct natpmp_response){.opcode = (uint8_t)(opcode - RESPONSE),
		.result = read_u16(&r),
		.epoch = read_u32(&r)};
	if (!r.ok || version != NATPMP_VERSION || opcode < RESPONSE)
		return false;
	if (p->result != NATPMP_SUCCESS)
		return true;
	return p->opcode <= NATPMP_MAP_UDP && read_success(p, &r);
}

bool natpmp_epoch_check(struct natpmp_epoch *e, uint32_t server, uint64_t now)
{
	struct natpmp_epoch before = *e;
	uint64_t elapsed;

	*e = (struct natpmp_epoch){.known = true, .server = server, .heard_at = now};
	if (!before.known)
		return true;
	elapsed = (now - before.heard_at) / SECOND;
	return (uint64_t)server + 2 >= before.server + elapsed - elapsed / 8;
}
