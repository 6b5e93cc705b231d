/* SPDX-License-Identifier: MIT */
#include "sim/nat_table.h"

#include <stdlib.h>

#define SWEEP_EVERY 4096 /* lookups between sweeps of what expired */

static struct addr mask(const struct addr *remote, enum nat_dependence dependence)
{
	struct addr a = *remote;

	if (dependence == NAT_INDEPENDENT)
		return (struct addr){0};
	if (dependence == NAT_ADDRESS)
		a.port = 0;
	return a;
}

static bool binding_dead(const struct nat *n, const struct nat_binding *b)
{
	uint64_t now = n->node.world->now;

	return now - b->used_at >= n->config.timeout ||
	       (n->config.life > 0 && now - b->made_at >= n->config.life);
}

static void binding_free(struct nat *n, struct nat_binding *b)
{
	HASH_DELETE(hh, n->by_key, b);
	HASH_DELETE(hh_port, n->by_port, b);
	free(b);
}

static void permissions_sweep(struct nat_permission **table, uint64_t now, uint64_t span)
{
	struct nat_permission *p, *next;

	HASH_ITER (hh, *table, p, next) {
		if (now - p->used_at < span)
			continue;
		HASH_DEL(*table, p);
		free(p);
	}
}

static void sweep(struct nat *n)
{
	struct nat_binding *b, *next;
	uint64_t now = n->node.world->now;

	if (n->until_sweep-- > 0)
		return;
	n->until_sweep = SWEEP_EVERY;
	HASH_ITER (hh, n->by_key, b, next) {
		if (binding_dead(n, b))
			binding_free(n, b);
	}
	permissions_sweep(&n->permissions, now, n->config.timeout);
	permissions_sweep(&n->strangers, now, NAT_STRANGER_SPAN);
}

void nat_flush(struct nat *n)
{
	while (n->by_key != NULL)
		binding_free(n, n->by_key);
	permissions_sweep(&n->permissions, n->node.world->now, 0);
	permissions_sweep(&n->strangers, n->node.world->now, 0);
}

void nat_renumber(struct nat *n)
{
	nat_flush(n);
	n->outer.ip[3]++;
}

static struct nat_permission *permission_find(
	struct nat_permission *table, uint32_t port, const struct addr *remote)
{
	struct nat_permission like = {.key = {.port = port, .remote = *remote}}, *p;

	HASH_FIND(hh, table, &like.key, sizeof(like.key), p);
	return p;
}

static void permission_note(struct nat_permission **table, uint32_t port,
	const struct addr *remote, uint64_t now)
{
	struct nat_permission *p = permission_find(*table, port, remote);

	if (p == NULL) {
		p = sim_alloc(sizeof(*p));
		p->key.port = port;
		p->key.remote = *remote;
		HASH_ADD(hh, *table, key, sizeof(p->key), p);
	}
	p->used_at = now;
}

void nat_note_stranger(struct nat *n, uint16_t port, const struct addr *remote)
{
	permission_note(&n->strangers, port, remote, n->node.world->now);
}

static bool stranger_lives(const struct nat *n, uint32_t port, const struct addr *remote)
{
	const struct nat_permission *p = permission_find(n->strangers, port, remote);

	return p != NULL && n->node.world->now - p->used_at < NAT_STRANGER_SPAN;
}

void nat_permit(struct nat *n, struct nat_binding *b, const struct addr *remote)
{
	struct addr masked = mask(remote, n->config.filtering);

	b->used_at = n->node.world->now;
	permission_note(&n->permissions, b->port, &masked, b->used_at);
}

bool nat_permits(struct nat *n, const struct nat_binding *b, const struct addr *remote)
{
	struct addr masked = mask(remote, n->config.filtering);
	const struct nat_permission *p =
		permission_find(n->permissions, b->port, &masked);

	if (b->remapped && !addr_equal(&b->key.remote, remote))
		return false;
	return p != NULL && n->node.world->now - p->used_at < n->config.timeout;
}

struct nat_binding *nat_binding_at(struct nat *n, uint16_t port)
{
	struct nat_binding *b;
	uint32_t key = port;

	sweep(n);
	HASH_FIND(hh_port, n->by_port, &key, sizeof(key), b);
	if (b != NULL && binding_dead(n, b)) {
		binding_free(n, b);
		return NULL;
	}
	return b;
}

#define BLOCK       512 /* ports, as carriers give them */
#define BLOCK_TRIES 64  /* until an address is given ports of others */

/* The block of that inner address. */
static uint16_t port_in_block(struct nat *n, const struct addr *inner)
{
	uint32_t number = inner->ip[2] * 31u + inner->ip[3] * 7u;

	return (uint16_t)(1024 + number % (64512 / BLOCK) * BLOCK +
			  rng_between(&n->rng, 0, BLOCK - 1));
}

static uint16_t port_try(struct nat *n, enum nat_allocation allocation)
{
	if (allocation == NAT_RANDOM)
		return (uint16_t)rng_between(&n->rng, 1024, 65535);
	n->next_port = n->next_port < 65535 && n->next_port >= 1024
			       ? (uint16_t)(n->next_port + 1)
			       : 1024;
	return n->next_port;
}

static uint16_t port_allocate(struct nat *n, const struct addr *inner, bool remapped)
{
	enum nat_allocation allocation = remapped ? NAT_RANDOM : n->config.allocation;
	uint16_t port = inner->port;

	if (allocation == NAT_PRESERVING && nat_binding_at(n, port) == NULL)
		return port;
	for (unsigned i = 0; allocation == NAT_BLOCK && i < BLOCK_TRIES; i++) {
		port = port_in_block(n, inner);
		if (nat_binding_at(n, port) == NULL)
			return port;
	}
	if (allocation == NAT_BLOCK)
		allocation = NAT_RANDOM;
	/* 64,512 ports outlast any of our topologies, so this ends. */
	do
		port = port_try(n, allocation);
	while (nat_binding_at(n, port) != NULL);
	return port;
}

static struct nat_binding *binding_find(
	struct nat *n, const struct addr *inner, const struct addr *remote)
{
	struct nat_binding like = {.key = {.inner = *inner, .remote = *remote}}, *b;

	HASH_FIND(hh, n->by_key, &like.key, sizeof(like.key), b);
	if (b != NULL && binding_dead(n, b)) {
		binding_free(n, b);
		return NULL;
	}
	return b;
}

static struct nat_binding *binding_new(
	struct nat *n, const struct addr *inner, const struct addr *remote, bool remapped)
{
	struct nat_binding *b = sim_alloc(sizeof(*b));

	b->key.inner = *inner;
	b->key.remote = *remote;
	b->port = port_allocate(n, inner, remapped);
	b->remapped = remapped;
	b->made_at = b->used_at = n->node.world->now;
	HASH_ADD(hh, n->by_key, key, sizeof(b->key), b);
	HASH_ADD(hh_port, n->by_port, port, sizeof(b->port), b);
	return b;
}

struct nat_binding *nat_bind(
	struct nat *n, const struct addr *inner, const struct addr *remote)
{
	struct addr masked = mask(remote, n->config.mapping);
	struct nat_binding *b;

	sweep(n);
	/* A connection that was remapped once stays so while it is in use. */
	b = binding_find(n, inner, remote);
	if (b != NULL)
		return b;
	b = binding_find(n, inner, &masked);
	if (b == NULL)
		b = binding_new(n, inner, &masked, false);
	if (n->config.unsolicited != NAT_POISON || nat_permits(n, b, remote) ||
		!stranger_lives(n, b->port, remote))
		return b;
	n->remapped++;
	if (addr_equal(&b->key.remote, remote)) /* it had none for another remote */
		binding_free(n, b);
	return binding_new(n, inner, remote, true);
}

void nat_hand_over(struct nat *n, const struct addr *from, const struct addr *to)
{
	const struct addr anywhere = {0};
	struct nat_binding *b = binding_find(n, from, &anywhere);
	struct nat_binding *old = binding_find(n, to, &anywhere);

	if (b == NULL || old == NULL) {
		world_fail(n->node.world, "%s: no mapping to hand over", n->node.name);
		return;
	}
	binding_free(n, old);
	HASH_DELETE(hh, n->by_key, b);
	b->key.inner = *to;
	HASH_ADD(hh, n->by_key, key, sizeof(b->key), b);
}
