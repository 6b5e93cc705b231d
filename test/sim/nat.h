/* SPDX-License-Identifier: MIT */
/* A NAT with the behaviours of RFC 4787, its inside at side 0 and its outside at side 1.
 */
#ifndef EYELET_SIM_NAT_H
#define EYELET_SIM_NAT_H

#include "sim/world.h"

/* Sections 4.1 (mapping) and 5 (filtering): what of the remote address it depends on. */
enum nat_dependence { NAT_INDEPENDENT, NAT_ADDRESS, NAT_ADDRESS_AND_PORT };

enum nat_allocation {
	NAT_PRESERVING, /* the inner port if it is free, else another (4.2.1) */
	NAT_SEQUENTIAL,
	NAT_RANDOM,
	NAT_BLOCK, /* random in a block that each inner address has (RFC 7422) */
};

/* What becomes of an inbound datagram that the filter does not admit. */
enum nat_unsolicited {
	NAT_DROP,
	NAT_REJECT, /* ICMP port unreachable */
	/* Linux masquerade without an input rule: the datagram is for the router itself
	 * and leaves a conntrack entry. While that lives, a new connection of an inner
	 * socket that would be its reverse gets another port, for that destination only.
	 */
	NAT_POISON,
};

#define NAT_STRANGER_SPAN (30 * SECOND) /* nf_conntrack_udp_timeout */

struct nat_config {
	enum nat_dependence mapping, filtering;
	enum nat_allocation allocation;
	enum nat_unsolicited unsolicited;
	bool hairpin;
	uint64_t timeout; /* ns after the last outbound datagram; 0: 120 s */
	uint64_t life; /* ns after a mapping was made, whatever the traffic; 0: no end */
};

struct nat_binding;
struct nat_permission;

struct nat {
	struct node node;
	struct nat_config config;
	struct addr inner, outer; /* own addresses, ports 0 */
	struct wire inside, outside;
	struct rng rng;
	struct nat_binding *by_key, *by_port;
	struct nat_permission *permissions, *strangers;
	uint16_t next_port;
	unsigned until_sweep;
	uint64_t remapped; /* bindings that poison made differ */
	uint64_t refused;  /* unsolicited inbound datagrams */
};

struct nat *nat_new(struct world *w, const char *name, const struct nat_config *config,
	const struct addr *inner, const struct addr *outer);

/* Forgets everything, as a router that restarts. */
void nat_flush(struct nat *n);

/* Forgets everything and has another outer address of its network. */
void nat_renumber(struct nat *n);

/* The outer port of one inner socket is another's now, with all that it admits; what that
 * one had is forgotten. */
void nat_hand_over(struct nat *n, const struct addr *from, const struct addr *to);

#endif
