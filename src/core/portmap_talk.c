/* SPDX-License-Identifier: MIT */
/* What the port mapper asks a router, and what it takes for an answer: from the router's
 * address and port, of a nonce or an internal port that is ours. */
#include <string.h>

#include "core/portmap_parts.h"

static struct datagram *to_router(struct portmap *p)
{
	const struct path path = {.remote = p->gateway};

	return outbox_add(&p->outbox, &path, 0);
}

/* Asked for is what was given before, or else the same port as inside. */
void portmap_ask_port(
	struct portmap *p, const struct mapping *m, uint32_t lifetime, bool natpmp)
{
	struct pcp_map map = {
		.internal_port = m->port, .external = m->external, .lifetime = lifetime};
	struct datagram *d = to_router(p);

	if (map.external.family != ADDR_V4)
		map.external = addr_v4(0, 0, 0, 0, m->port);
	if (lifetime == 0)
		map.external = addr_v4(0, 0, 0, 0, 0);
	memcpy(map.nonce, m->nonce, sizeof(map.nonce));
	if (natpmp)
		d->len = (uint16_t)natpmp_map_encode(
			d->data, m->port, map.external.port, lifetime);
	else
		d->len = (uint16_t)pcp_map_encode(d->data, &p->own, &map);
}

void portmap_ask_address(struct portmap *p)
{
	struct datagram *d = to_router(p);

	d->len = (uint16_t)natpmp_address_encode(d->data);
}

/* What makes the router say its epoch. */
void portmap_ask_epoch(struct portmap *p)
{
	struct datagram *d;

	if (p->natpmp) {
		portmap_ask_address(p);
		return;
	}
	d = to_router(p);
	d->len = (uint16_t)pcp_announce_encode(d->data, &p->own);
}

static bool is_trying(const struct portmap *p)
{
	return p->state == STATE_PCP || p->state == STATE_ADDRESS ||
	       p->state == STATE_NATPMP;
}

/* PCP. */

static struct mapping *mapping_of_nonce(struct portmap *p, const struct pcp_map *map)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->mappings[i].port == map->internal_port &&
			memcmp(p->mappings[i].nonce, map->nonce, PCP_NONCE_SIZE) == 0)
			return &p->mappings[i];
	return NULL;
}

static void pcp_mapped(
	struct portmap *p, struct mapping *m, const struct pcp_response *r, uint64_t now)
{
	const struct addr *external = &r->map.external;

	if (r->result != PCP_SUCCESS) {
		portmap_denied(p, m, pcp_result_text(r->result), now);
		return;
	}
	p->natpmp = false;
	if (r->map.lifetime == 0 || external->port == 0 || external->family != ADDR_V4 ||
		addr_is_unspecified(external)) {
		portmap_denied(p, m, pcp_result_text(PCP_NETWORK_FAILURE), now);
	} else if (!portmap_is_global(external)) {
		portmap_nested(p, external, now);
	} else {
		portmap_granted(p, m, external, r->map.lifetime, now);
	}
}

/* An answer to PCP may come when NAT-PMP is tried already. */
static enum verdict pcp_input(
	struct portmap *p, const struct pcp_response *r, uint64_t now)
{
	bool held = p->state == STATE_HELD && !p->natpmp;
	struct mapping *m = NULL;

	/* Routers that speak both announce a restart in PCP alone. */
	if (p->state == STATE_HELD && p->natpmp && r->opcode == PCP_ANNOUNCE) {
		portmap_doubt(p, now);
		return VERDICT_CONSUMED;
	}
	if (!held && !is_trying(p))
		return VERDICT_DROP_UNSOLICITED;
	if (r->opcode == PCP_MAP) {
		m = mapping_of_nonce(p, &r->map);
		if (m == NULL)
			return VERDICT_DROP_UNSOLICITED;
		if (r->result != PCP_SUCCESS && !held && p->state != STATE_PCP)
			return VERDICT_DROP_STALE;
	} else if (!held) {
		return VERDICT_DROP_UNSOLICITED;
	}
	if (!pcp_epoch_check(&p->pcp_epoch, r->epoch, now) && held)
		portmap_recover(p, m == NULL ? PORTMAP_JITTER : 0, now);
	if (m != NULL)
		pcp_mapped(p, m, r, now);
	return VERDICT_CONSUMED;
}

/* NAT-PMP. */

static void natpmp_told_address(
	struct portmap *p, const struct natpmp_response *r, uint64_t now)
{
	if (r->result != NATPMP_SUCCESS) {
		if (p->state == STATE_ADDRESS)
			portmap_denied(p, NULL, natpmp_result_text(r->result), now);
		return;
	}
	if (addr_is_unspecified(&r->external)) {
		if (p->state == STATE_ADDRESS)
			portmap_denied(
				p, NULL, natpmp_result_text(NATPMP_NETWORK_FAILURE), now);
		return;
	}
	if (!portmap_is_global(&r->external)) {
		portmap_nested(p, &r->external, now);
		return;
	}
	if (p->state == STATE_HELD && !addr_equal(&p->external, &r->external))
		portmap_recover(p, PORTMAP_JITTER, now);
	p->external = r->external;
	if (p->state == STATE_ADDRESS)
		portmap_try_ports(p, now);
}

static struct mapping *mapping_of_port(struct portmap *p, uint16_t port)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->mappings[i].port == port)
			return &p->mappings[i];
	return NULL;
}

static enum verdict natpmp_mapped(
	struct portmap *p, const struct natpmp_response *r, uint64_t now)
{
	struct mapping *m = mapping_of_port(p, r->internal_port);
	struct addr external = p->external;

	if (p->state == STATE_ADDRESS)
		return VERDICT_DROP_STALE;
	if (r->result != NATPMP_SUCCESS) {
		/* It names no port: one of those asked for. */
		for (size_t i = 0; i < p->count; i++)
			if (p->mappings[i].question.next_at != NEVER)
				m = &p->mappings[i];
		if (m == NULL)
			return VERDICT_DROP_UNSOLICITED;
		portmap_denied(p, m, natpmp_result_text(r->result), now);
		return VERDICT_CONSUMED;
	}
	if (m == NULL)
		return VERDICT_DROP_UNSOLICITED;
	external.port = r->external_port;
	if (r->lifetime == 0 || external.port == 0)
		portmap_denied(p, m, natpmp_result_text(NATPMP_NO_RESOURCES), now);
	else
		portmap_granted(p, m, &external, r->lifetime, now);
	return VERDICT_CONSUMED;
}

static enum verdict natpmp_input(
	struct portmap *p, const struct natpmp_response *r, uint64_t now)
{
	bool held = p->state == STATE_HELD;

	if (!p->natpmp || (!held && !is_trying(p)))
		return VERDICT_DROP_UNSOLICITED;
	if (!natpmp_epoch_check(&p->natpmp_epoch, r->epoch, now) && held)
		portmap_recover(p, r->opcode == NATPMP_ADDRESS ? PORTMAP_JITTER : 0, now);
	if (r->opcode == NATPMP_MAP_UDP)
		return natpmp_mapped(p, r, now);
	if (r->opcode != NATPMP_ADDRESS)
		return VERDICT_DROP_UNKNOWN_TYPE;
	natpmp_told_address(p, r, now);
	return VERDICT_CONSUMED;
}

/* RFC 6887, section 9: a server answers a version that it does not speak in one it does;
 * appendix A: one of NAT-PMP in version 0. */
enum verdict portmap_input(struct portmap *p, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now)
{
	struct natpmp_response natpmp;
	struct pcp_response pcp;

	if (p->gateway.family == ADDR_NONE || !addr_equal(&path->remote, &p->gateway))
		return VERDICT_DROP_UNSOLICITED;
	if (!pcp_response_decode(&pcp, buf, len))
		return VERDICT_DROP_MALFORMED;
	if (pcp.version == PCP_VERSION)
		return pcp_input(p, &pcp, now);
	if (p->state == STATE_PCP) {
		portmap_try_natpmp(p, now);
		return VERDICT_CONSUMED;
	}
	if (!natpmp_response_decode(&natpmp, buf, len))
		return VERDICT_DROP_MALFORMED;
	return natpmp_input(p, &natpmp, now);
}
