/* SPDX-License-Identifier: MIT */
#include "core/pcp.h"

#include <string.h>

#include "core/path.h"
#include "core/wire.h"

#define RESPONSE 0x80 /* the R bit beside the opcode */
#define UDP      17

const char *pcp_result_text(uint8_t code)
{
	switch (code) {
#define X(name, value, text)                                                             \
	case value: return text;
		PCP_RESULT_MAP(X)
#undef X
	default: return "it gives a reason that this version does not know";
	}
}

/* Section 5: IPv4 addresses are v4-mapped; none is the family's unspecified one. */
static void write_ip(struct writer *w, const struct addr *a)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	if (a->family == ADDR_V6) {
		write_bytes(w, a->ip, 16);
		return;
	}
	write_bytes(w, prefix, sizeof(prefix));
	write_bytes(w, a->ip, 4);
}

static struct addr read_ip(struct reader *r)
{
	struct addr a = {.family = ADDR_V6};

	read_bytes(r, a.ip, 16);
	return addr_is_v4_mapped(&a) ? addr_v4(a.ip[12], a.ip[13], a.ip[14], a.ip[15], 0)
				     : a;
}

static struct writer request(uint8_t *out, size_t cap, enum pcp_opcode opcode,
	uint32_t lifetime, const struct addr *client)
{
	struct writer w = writer_over(out, cap);

	write_u8(&w, PCP_VERSION);
	write_u8(&w, (uint8_t)opcode);
	write_u16(&w, 0);
	write_u32(&w, lifetime);
	write_ip(&w, client);
	return w;
}

size_t pcp_announce_encode(uint8_t out[PCP_ANNOUNCE_SIZE], const struct addr *client)
{
	struct writer w = request(out, PCP_ANNOUNCE_SIZE, PCP_ANNOUNCE, 0, client);

	return writer_len(&w);
}

size_t pcp_map_encode(
	uint8_t out[PCP_MAP_SIZE], const struct addr *client, const struct pcp_map *map)
{
	struct writer w = request(out, PCP_MAP_SIZE, PCP_MAP, map->lifetime, client);

	write_bytes(&w, map->nonce, PCP_NONCE_SIZE);
	write_u8(&w, UDP);
	write_pad(&w, writer_len(&w) + 3);
	write_u16(&w, map->internal_port);
	write_u16(&w, map->external.port);
	write_ip(&w, &map->external);
	return writer_len(&w);
}

static bool read_map(struct reader *r, struct pcp_map *map)
{
	uint16_t port;
	bool udp;

	read_bytes(r, map->nonce, PCP_NONCE_SIZE);
	udp = read_u8(r) == UDP;
	read_view(r, 3);
	map->internal_port = read_u16(r);
	port = read_u16(r);
	map->external = read_ip(r);
	map->external.port = port;
	return r->ok && udp;
}

bool pcp_response_decode(struct pcp_response *p, const uint8_t *buf, size_t len)
{
	struct reader r = reader_over(buf, len);
	uint8_t opcode;

	*p = (struct pcp_response){.version = read_u8(&r)};
	opcode = read_u8(&r);
	if (!r.ok || (opcode & RESPONSE) == 0)
		return false;
	p->opcode = opcode & (uint8_t)~RESPONSE;
	if (p->version != PCP_VERSION)
		return true;
	if (len > PCP_SIZE_MAX || len % 4 != 0)
		return false;
	read_u8(&r);
	p->result = read_u8(&r);
	p->map.lifetime = read_u32(&r);
	p->epoch = read_u32(&r);
	read_view(&r, 12);
	if (p->opcode == PCP_MAP)
		return read_map(&r, &p->map);
	return r.ok && p->opcode == PCP_ANNOUNCE;
}

bool pcp_epoch_check(struct pcp_epoch *e, uint32_t server, uint64_t now)
{
	struct pcp_epoch before = *e;
	uint64_t ours, theirs;

	*e = (struct pcp_epoch){.known = true, .server = server, .heard_at = now};
	if (!before.known)
		return true;
	if ((uint64_t)server + 1 < before.server)
		return false;
	ours = (now - before.heard_at) / SECOND;
	theirs = server > before.server ? server - before.server : 0;
	return ours + 2 >= theirs - theirs / 16 && theirs + 2 >= ours - ours / 16;
}
