/* SPDX-License-Identifier: MIT */
#include "nat.h"

#include <netinet/in.h>
#include <netinet/ip_icmp.h>

void nat_start(struct nat *n)
{
	table_init(&n->table, &n->config.table);
}

static struct endpoint outer_of(const struct nat *n, const struct mapping *m)
{
	return (struct endpoint){.ip = n->config.outer, .port = m->outer.port};
}

static const struct nat_inside *inside_at(const struct nat *n, uint32_t address)
{
	for (size_t i = 0; i < n->inside_count; i++) {
		if (n->insides[i].address == address)
			return &n->insides[i];
	}
	return NULL;
}

static void send_inside(struct nat *n, const struct packet *p)
{
	const struct nat_inside *inside = inside_at(n, p->dst.ip);

	if (inside != NULL)
		n->write(inside->port, p->data, p->len);
}

static void send_error(struct nat *n, int port, const struct packet *p, uint8_t type)
{
	uint8_t error[PACKET_ERROR_MAX];
	uint32_t own = port == n->outside ? n->config.outer : n->config.own;
	uint8_t code = type == ICMP_DEST_UNREACH ? ICMP_PORT_UNREACH : ICMP_EXC_TTL;
	size_t len = packet_error(error, p, own, type, code);

	if (len > 0)
		n->write(port, error, len);
}

/* ---- fragments on their way in ---- */

static void note_fragment(struct nat *n, const struct packet *p, uint32_t inner)
{
	if (!p->more_fragments)
		return;
	n->fragments[n->fragment_next++ % NAT_FRAGMENTS_MAX] =
		(struct nat_fragment){p->src.ip, inner, p->id, p->protocol};
}

/* Where the first of these fragments went, or 0. */
static uint32_t find_fragment(const struct nat *n, const struct packet *p)
{
	for (size_t i = 0; i < NAT_FRAGMENTS_MAX; i++) {
		const struct nat_fragment *f = &n->fragments[i];

		if (f->remote == p->src.ip && f->id == p->id &&
			f->protocol == p->protocol)
			return f->inner;
	}
	return 0;
}

/* ---- inward ---- */

static void inward_error(struct nat *n, struct packet *p)
{
	struct mapping *m = table_at(&n->table, p->protocol, p->quoted_src.port);

	if (m == NULL || p->quoted_src.ip != n->config.outer)
		return;
	packet_set_quoted_src(p, m->key.inner);
	send_inside(n, p);
}

/* For the router itself, so its TTL does not matter. */
static void refuse(struct nat *n, int port, const struct packet *p)
{
	if (port == n->outside && p->protocol == IPPROTO_UDP &&
		n->config.table.unsolicited != UNSOLICITED_DROP)
		send_error(n, port, p, ICMP_DEST_UNREACH);
}

/* The packet comes from the outside or, by hairpin, from an inside. */
static void inward(struct nat *n, int port, struct packet *p)
{
	struct mapping *m = NULL;
	struct endpoint inner = {0};

	if (p->kind == PACKET_ERROR) {
		inward_error(n, p);
		return;
	}
	if (p->kind == PACKET_FRAGMENT) {
		inner.ip = find_fragment(n, p);
	} else {
		m = table_inward(&n->table, p->protocol, p->dst.port, p->src);
		inner = m != NULL ? m->key.inner : inner;
	}
	if (inner.ip == 0) {
		refuse(n, port, p);
		return;
	}
	if (port == n->outside && !packet_hop(p)) {
		send_error(n, port, p, ICMP_TIME_EXCEEDED);
		return;
	}
	note_fragment(n, p, inner.ip);
	packet_set_dst(p, inner);
	send_inside(n, p);
}

/* ---- outward ---- */

/* About something that came in through a mapping. */
static bool translate_error(struct nat *n, struct packet *p)
{
	const struct mapping *m =
		table_find(&n->table, p->protocol, p->quoted_dst, p->quoted_src);

	if (m == NULL)
		return false;
	packet_set_quoted_dst(p, outer_of(n, m));
	return true;
}

static bool translate_source(struct nat *n, struct packet *p)
{
	const struct mapping *m;

	if (p->kind == PACKET_ERROR)
		return translate_error(n, p);
	if (p->kind == PACKET_FRAGMENT) {
		packet_set_src(p, (struct endpoint){.ip = n->config.outer});
		return true;
	}
	m = table_outward(&n->table, p->protocol, p->src, p->dst);
	if (m == NULL)
		return false;
	packet_set_src(p, outer_of(n, m));
	return true;
}

static void outward(struct nat *n, int port, struct packet *p)
{
	bool back = p->dst.ip == n->config.outer;

	if (p->dst.ip == n->config.own) {
		send_error(n, port, p, ICMP_DEST_UNREACH); /* nobody listens here */
		return;
	}
	if (inside_at(n, p->dst.ip) != NULL) {
		if (n->config.switched)
			send_inside(n, p);
		return;
	}
	if (!packet_hop(p)) {
		send_error(n, port, p, ICMP_TIME_EXCEEDED);
		return;
	}
	if ((back && !n->config.hairpin) || !translate_source(n, p))
		return;
	if (back)
		inward(n, port, p);
	else
		n->write(n->outside, p->data, p->len);
}

void nat_input(struct nat *n, int port, uint8_t *data, size_t len, uint64_t now)
{
	struct packet p;

	n->table.now = now;
	if (!packet_parse(&p, data, len))
		return;
	if (port != n->outside) {
		if (p.kind != PACKET_OTHER || p.dst.ip != n->config.own)
			outward(n, port, &p);
	} else if (p.dst.ip == n->config.outer && p.kind != PACKET_OTHER) {
		inward(n, port, &p);
	}
}
