/* SPDX-License-Identifier: MIT */
#include "sim/link.h"

#include <stdlib.h>

#include "sim/packet.h"

#define HEADERS_V4 28 /* IPv4 and UDP */
#define HEADERS_V6 48

static unsigned fragments(const struct link *l, const struct packet *packet)
{
	size_t headers = packet->dst.family == ADDR_V6 ? HEADERS_V6 : HEADERS_V4;
	size_t room = l->config.mtu > headers ? l->config.mtu - headers : 0;

	if (room == 0 || packet->len <= room)
		return 1;
	return (unsigned)((packet->len + room - 1) / room);
}

/* A datagram is lost with any one of its fragments. */
static bool lost(struct link *l, unsigned side, const struct packet *packet)
{
	if (l->config.cut[side])
		return true;
	for (unsigned i = fragments(l, packet); i > 0; i--)
		if (rng_chance(&l->rng, l->config.loss[side]))
			return true;
	return false;
}

static uint64_t arrival(struct link *l, unsigned side)
{
	uint64_t at = l->node.world->now + l->config.delay;

	if (l->config.jitter > 0)
		at += rng_below(&l->rng, l->config.jitter + 1);
	if (rng_chance(&l->rng, l->config.reorder))
		return at + rng_below(&l->rng, l->config.reorder_span + 1);
	if (at < l->free_at[side])
		at = l->free_at[side];
	l->free_at[side] = at;
	return at;
}

static void forward(struct node *node, unsigned side, struct packet *packet)
{
	struct link *l = (struct link *)node;
	struct wire to = l->ends[1 - side];

	if (lost(l, side, packet)) {
		l->lost[side]++;
		packet_drop(node, packet, "lost");
		return;
	}
	l->forwarded[side]++;
	if (rng_chance(&l->rng, l->config.duplicate))
		wire_send_at(node->world, to, packet_copy(node->world, packet),
			arrival(l, side));
	wire_send_at(node->world, to, packet, arrival(l, side));
}

static void destroy(struct node *node)
{
	free(node);
}

struct link *link_new(struct world *w, const char *name, const struct link_config *config)
{
	struct link *l = sim_alloc(sizeof(*l));

	l->config = *config;
	l->node.forward = forward;
	l->node.destroy = destroy;
	rng_seed(&l->rng, rng_u64(&w->rng));
	world_add(w, &l->node, name);
	if (config->reorder > 0)
		w->may_reorder = true;
	return l;
}

struct wire link_side(struct link *l, unsigned side)
{
	return (struct wire){.node = &l->node, .side = side};
}
