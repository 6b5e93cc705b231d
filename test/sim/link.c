/* SPDX-License-Identifier: MIT */
#include "sim/link.h"

#include <stdlib.h>

#include "sim/packet.h"

#define HEADERS_V4 28 /* IPv4 and UDP */
#define HEADERS_V6 48
#define RESEND                                                                           \
	(200 * MILLISECOND) /* a segment that was lost (RFC 6298, as Linux has it) */
#define RESENDS 10

static size_t packet_size(const struct packet *packet)
{
	return packet->len + (packet->dst.family == ADDR_V6 ? HEADERS_V6 : HEADERS_V4);
}

/* Every datagram has DF set, as the drivers send them; nobody is told (a black hole). */
static bool too_long(struct link *l, unsigned side, const struct packet *packet)
{
	size_t mtu = l->config.mtu;

	if (side == 1 && l->config.mtu_inward > 0)
		mtu = l->config.mtu_inward;
	if (mtu == 0 || packet_size(packet) <= mtu)
		return false;
	l->too_long[side]++;
	return true;
}

static bool barred(const struct link *l, const struct packet *packet)
{
	const struct addr *ip = &l->config.barred;

	return ip->family != ADDR_NONE &&
	       (addr_same_ip(ip, &packet->src) || addr_same_ip(ip, &packet->dst));
}

static bool lost(struct link *l, unsigned side, const struct packet *packet)
{
	return l->config.cut[side] || barred(l, packet) ||
	       rng_chance(&l->rng, l->config.loss[side]);
}

static bool is_stream(const struct packet *packet)
{
	return packet->icmp == ICMP_NONE && packet->dst.transport != ADDR_UDP;
}

static bool blocked(const struct link *l, unsigned side, const struct packet *packet)
{
	return packet->icmp == ICMP_NONE &&
	       (l->config.blocked >> packet->dst.transport & 1 ||
		       (is_stream(packet) && (l->config.cut[side] || barred(l, packet))));
}

/* What is lost of a stream comes late, and all behind it with it. */
static uint64_t arrival_in_stream(struct link *l, unsigned side)
{
	uint64_t at = l->node.world->now + l->config.delay;

	if (l->config.jitter > 0)
		at += rng_below(&l->rng, l->config.jitter + 1);
	for (unsigned i = 0; i < RESENDS && rng_chance(&l->rng, l->config.loss[side]);
		i++)
		at += RESEND;
	if (at < l->stream_free_at[side])
		at = l->stream_free_at[side];
	l->stream_free_at[side] = at;
	return at;
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

	if (blocked(l, side, packet)) {
		packet_drop(node, packet, "blocked");
		return;
	}
	if (is_stream(packet)) {
		wire_send_at(node->world, to, packet, arrival_in_stream(l, side));
		return;
	}
	if (too_long(l, side, packet)) {
		packet_drop(node, packet, "too long");
		return;
	}
	if (lost(l, side, packet)) {
		l->lost[side]++;
		packet_drop(node, packet, "lost");
		return;
	}
	l->forwarded[side]++;
	if (packet_size(packet) > l->longest[side])
		l->longest[side] = packet_size(packet);
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
