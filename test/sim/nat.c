/* SPDX-License-Identifier: MIT */
#include "sim/nat.h"

#include <stdlib.h>

#include "sim/nat_table.h"
#include "sim/packet.h"

enum { INSIDE, OUTSIDE };

/* Takes one off the TTL. Returns false, the packet being gone, if it runs out here. */
static bool hop(struct nat *n, unsigned side, struct packet *packet)
{
	const struct addr *own = side == INSIDE ? &n->inner : &n->outer;
	struct packet *error;

	if (packet->ttl > 1) {
		packet->ttl--;
		return true;
	}
	error = packet_error(n->node.world, packet, own, ICMP_TIME_EXCEEDED);
	packet_drop(&n->node, packet, "time exceeded");
	if (error != NULL)
		wire_send(n->node.world, side == INSIDE ? n->inside : n->outside, error);
	return false;
}

static void refuse(struct nat *n, struct packet *packet)
{
	struct packet *error = NULL;

	n->refused++;
	/* Linux answers by ICMP too what no socket of the router wants. */
	if (n->config.unsolicited != NAT_DROP)
		error = packet_error(
			n->node.world, packet, &n->outer, ICMP_PORT_UNREACHABLE);
	if (n->config.unsolicited == NAT_POISON && packet->icmp == ICMP_NONE)
		nat_note_stranger(n, packet->dst.port, &packet->src);
	packet_drop(&n->node, packet, "unsolicited");
	if (error != NULL)
		wire_send(n->node.world, n->outside, error);
}

/* An ICMP error about something that went out through here. */
static void inward_error(struct nat *n, struct packet *packet)
{
	const struct nat_binding *b = nat_binding_at(n, packet->quoted_src.port);

	if (b == NULL || !addr_same_ip(&packet->quoted_src, &n->outer)) {
		packet_drop(&n->node, packet, "about nothing known");
		return;
	}
	packet->quoted_src = b->key.inner;
	packet->dst = b->key.inner;
	wire_send(n->node.world, n->inside, packet);
}

static void inward(struct nat *n, struct packet *packet)
{
	const struct nat_binding *b = nat_binding_at(n, packet->dst.port);

	if (!addr_same_ip(&packet->dst, &n->outer)) {
		packet_drop(&n->node, packet, "not mine");
	} else if (packet->icmp != ICMP_NONE) {
		inward_error(n, packet);
	} else if (b == NULL || b->key.inner.transport != packet->dst.transport ||
		   !nat_permits(n, b, &packet->src)) {
		refuse(n, packet); /* for the router itself: its TTL does not matter */
	} else if (hop(n, OUTSIDE, packet)) {
		packet->dst = b->key.inner;
		wire_send(n->node.world, n->inside, packet);
	}
}

static void outward_error(struct nat *n, struct packet *packet)
{
	const struct nat_binding *b =
		nat_bind(n, &packet->quoted_dst, &packet->quoted_src);

	packet->src = n->outer;
	packet->quoted_dst = n->outer;
	packet->quoted_dst.port = (uint16_t)b->port;
	wire_send(n->node.world, n->outside, packet);
}

static void outward(struct nat *n, struct packet *packet)
{
	bool back = addr_same_ip(&packet->dst, &n->outer);
	struct nat_binding *b;

	if (!hop(n, INSIDE, packet))
		return;
	if (back && (!n->config.hairpin || packet->icmp != ICMP_NONE)) {
		packet_drop(&n->node, packet, "no hairpin");
		return;
	}
	if (packet->icmp != ICMP_NONE) {
		outward_error(n, packet);
		return;
	}
	b = nat_bind(n, &packet->src, &packet->dst);
	nat_permit(n, b, &packet->dst);
	packet->src = n->outer;
	packet->src.port = (uint16_t)b->port;
	packet->src.transport = packet->dst.transport;
	if (back)
		inward(n, packet);
	else
		wire_send(n->node.world, n->outside, packet);
}

static void forward(struct node *node, unsigned side, struct packet *packet)
{
	if (side == INSIDE)
		outward((struct nat *)node, packet);
	else
		inward((struct nat *)node, packet);
}

static void destroy(struct node *node)
{
	struct nat *n = (struct nat *)node;

	nat_flush(n);
	free(n);
}

struct nat *nat_new(struct world *w, const char *name, const struct nat_config *config,
	const struct addr *inner, const struct addr *outer)
{
	struct nat *n = sim_alloc(sizeof(*n));

	n->config = *config;
	if (n->config.timeout == 0)
		n->config.timeout = 120 * SECOND;
	n->inner = *inner;
	n->outer = *outer;
	n->inner.port = n->outer.port = 0;
	n->node.forward = forward;
	n->node.destroy = destroy;
	rng_seed(&n->rng, rng_u64(&w->rng));
	world_add(w, &n->node, name);
	return n;
}
