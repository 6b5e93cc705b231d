/* SPDX-License-Identifier: MIT */
/* A stateful firewall as home routers have for IPv6 (RFC 6092): outbound opens the way
 * back for that pair of addresses, nothing else comes in. Inside at side 0, outside at
 * side 1. */
#ifndef EYELET_SIM_FIREWALL_H
#define EYELET_SIM_FIREWALL_H

#include "sim/world.h"

struct firewall_state;

struct firewall {
	struct node node;
	bool open;        /* admits everything: a plain router */
	bool reject;      /* answers by ICMP what it does not admit */
	uint64_t timeout; /* ns after the last datagram either way */
	struct addr own;
	struct wire inside, outside;
	struct firewall_state *states;
	uint64_t refused;
};

struct firewall *firewall_new(struct world *w, const char *name, const struct addr *own);

#endif
