/* SPDX-License-Identifier: MIT */
#include "sim/firewall.h"

#include <stdlib.h>
#include <uthash.h>

#include "sim/packet.h"

struct firewall_state {
	struct {
		struct addr inner, remote;
	} key;
	uint64_t used_at;
	UT_hash_handle hh;
};

static struct firewall_state *state_find(
	struct firewall *f, const struct addr *inner, const struct addr *remote)
{
	struct firewall_state like = {.key = {.inner = *inner, .remote = *remote}}, *s;

	HASH_FIND(hh, f->states, &like.key, sizeof(like.key), s);
	if (s != NULL && f->node.world->now - s->used_at >= f->timeout) {
		HASH_DEL(f->states, s);
		free(s);
		return NULL;
	}
	return s;
}

static void outward(struct firewall *f, struct packet *packet)
{
	struct firewall_state *s = state_find(f, &packet->src, &packet->dst);

	if (s == NULL && packet->icmp == ICMP_NONE) {
		s = sim_alloc(sizeof(*s));
		s->key.inner = packet->src;
		s->key.remote = packet->dst;
		HASH_ADD(hh, f->states, key, sizeof(s->key), s);
	}
	if (s != NULL)
		s->used_at = f->node.world->now;
	wire_send(f->node.world, f->outside, packet);
}

static void inward(struct firewall *f, struct packet *packet)
{
	bool is_error = packet->icmp != ICMP_NONE;
	const struct addr *inner = is_error ? &packet->quoted_src : &packet->dst;
	const struct addr *remote = is_error ? &packet->quoted_dst : &packet->src;
	struct firewall_state *s = state_find(f, inner, remote);
	struct packet *error = NULL;

	if (s != NULL || f->open) {
		if (s != NULL && !is_error)
			s->used_at = f->node.world->now;
		wire_send(f->node.world, f->inside, packet);
		return;
	}
	f->refused++;
	if (f->reject)
		error = packet_error(
			f->node.world, packet, &f->own, ICMP_PORT_UNREACHABLE);
	packet_drop(&f->node, packet, "unsolicited");
	if (error != NULL)
		wire_send(f->node.world, f->outside, error);
}

static void forward(struct node *node, unsigned side, struct packet *packet)
{
	struct firewall *f = (struct firewall *)node;
	struct packet *error;

	if (packet->ttl <= 1) {
		error = packet_error(node->world, packet, &f->own, ICMP_TIME_EXCEEDED);
		packet_drop(node, packet, "time exceeded");
		if (error != NULL)
			wire_send(node->world, side == 0 ? f->inside : f->outside, error);
		return;
	}
	packet->ttl--;
	if (side == 0)
		outward(f, packet);
	else
		inward(f, packet);
}

static void destroy(struct node *node)
{
	struct firewall *f = (struct firewall *)node;
	struct firewall_state *s, *next;

	HASH_ITER (hh, f->states, s, next) {
		HASH_DEL(f->states, s);
		free(s);
	}
	free(f);
}

struct firewall *firewall_new(struct world *w, const char *name, const struct addr *own)
{
	struct firewall *f = sim_alloc(sizeof(*f));

	f->own = *own;
	f->own.port = 0;
	f->timeout = 120 * SECOND;
	f->node.forward = forward;
	f->node.destroy = destroy;
	world_add(w, &f->node, name);
	return f;
}
