/* SPDX-License-Identifier: MIT */
#include "sim/zone.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "sim/packet.h"

struct zone_route {
	struct addr prefix;
	struct wire to;
	UT_hash_handle hh;
};

static struct addr prefix_of(const struct zone *z, const struct addr *addr)
{
	struct addr p = *addr;
	unsigned bits = addr->family == ADDR_V6 ? z->bits_v6 : z->bits_v4;

	p.port = 0;
	p.scope = 0;
	p.transport = ADDR_UDP;
	memset(p.ip + bits / 8, 0, sizeof(p.ip) - bits / 8);
	return p;
}

static struct zone_route *route_find(const struct zone *z, const struct addr *addr)
{
	struct addr prefix = prefix_of(z, addr);
	struct zone_route *r;

	HASH_FIND(hh, z->routes, &prefix, sizeof(prefix), r);
	return r;
}

/* The n-th router on the way from the packet's source. */
static struct addr router_addr(const struct packet *packet, unsigned n)
{
	struct addr a = addr_v4(9, packet->src.ip[1], packet->src.ip[2], (uint8_t)n, 0);

	if (packet->src.family == ADDR_V6)
		addr_parse(&a, "2001:db8:ffff::1", 0);
	return a;
}

static bool expired(struct zone *z, struct packet *packet)
{
	if (packet->ttl > z->hops) {
		packet->ttl = (uint8_t)(packet->ttl - z->hops);
		return false;
	}
	struct addr router = router_addr(packet, packet->ttl);
	struct packet *error =
		packet_error(z->node.world, packet, &router, ICMP_TIME_EXCEEDED);

	packet_drop(&z->node, packet, "time exceeded");
	if (error != NULL)
		wire_send(z->node.world, zone_wire(z), error);
	return true;
}

/* Neither comes from an attached one and goes to another, where the zone keeps them
 * apart. */
static bool kept_apart(const struct zone *z, const struct packet *packet)
{
	return z->isolated && route_find(z, &packet->src) != NULL;
}

static void forward(struct node *node, unsigned side, struct packet *packet)
{
	struct zone *z = (struct zone *)node;
	struct zone_route *r = route_find(z, &packet->dst);
	struct wire to = packet->dst.family == ADDR_V6 ? z->up_v6 : z->up_v4;

	(void)side;
	if (z->tap != NULL)
		z->tap(z->tap_arg, packet);
	if (z->hops > 0 && expired(z, packet))
		return;
	if (r != NULL && kept_apart(z, packet)) {
		packet_drop(node, packet, "isolated");
		return;
	}
	if (r != NULL)
		to = r->to;
	if (to.node == NULL)
		packet_drop(node, packet, "no route");
	else
		wire_send(node->world, to, packet);
}

static void destroy(struct node *node)
{
	struct zone *z = (struct zone *)node;
	struct zone_route *r, *next;

	HASH_ITER (hh, z->routes, r, next) {
		HASH_DEL(z->routes, r);
		free(r);
	}
	free(z->owned);
	free(z);
}

struct zone *zone_new(struct world *w, const char *name, unsigned bits_v4,
	unsigned bits_v6, unsigned hops)
{
	struct zone *z = sim_alloc(sizeof(*z));

	z->bits_v4 = bits_v4;
	z->bits_v6 = bits_v6;
	z->hops = hops;
	z->node.forward = forward;
	z->node.destroy = destroy;
	world_add(w, &z->node, name);
	return z;
}

void zone_attach(struct zone *z, const struct addr *addr, struct wire to)
{
	struct zone_route *r = route_find(z, addr);

	if (r == NULL) {
		r = sim_alloc(sizeof(*r));
		r->prefix = prefix_of(z, addr);
		HASH_ADD(hh, z->routes, prefix, sizeof(r->prefix), r);
	}
	r->to = to;
}

struct wire zone_wire(struct zone *z)
{
	return (struct wire){.node = &z->node};
}
