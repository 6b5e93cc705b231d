/* SPDX-License-Identifier: MIT */
/* An address realm: what is attached to it by network, and a way up. The internet is one
 * that hops; a LAN is one that does not. */
#ifndef EYELET_SIM_ZONE_H
#define EYELET_SIM_ZONE_H

#include "sim/world.h"

struct zone_route;

struct zone {
	struct node node;
	unsigned bits_v4, bits_v6; /* length of the prefix that a route covers */
	struct zone_route *routes; /* hash by prefix */
	struct wire up_v4, up_v6;  /* for all else; to nowhere in the internet */
	/* The internet: this many routers on any way through it, each of which takes one
	 * off the TTL; 0 in a LAN. */
	unsigned hops;
	bool isolated; /* of a LAN: attached ones cannot reach each other */
	void *owned;   /* freed with it; may be NULL */
	/* Hears of every packet that passes; may be NULL. Does not take it. */
	void (*tap)(void *arg, const struct packet *packet);
	void *tap_arg;
};

struct zone *zone_new(struct world *w, const char *name, unsigned bits_v4,
	unsigned bits_v6, unsigned hops);

/* The prefix around addr is reached by that wire. */
void zone_attach(struct zone *z, const struct addr *addr, struct wire to);

/* The wire into the zone. */
struct wire zone_wire(struct zone *z);

#endif
