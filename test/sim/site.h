/* SPDX-License-Identifier: MIT */
/* Places where machines stand: a LAN, what guards it, and its access link to the internet
 * or to another site (a carrier's NAT). */
#ifndef EYELET_SIM_SITE_H
#define EYELET_SIM_SITE_H

#include "sim/firewall.h"
#include "sim/link.h"
#include "sim/nat.h"
#include "sim/zone.h"

/* name, text: what stands between a LAN and the outside. */
#define GUARD_MAP(X)                                                                     \
	X(NONE, "none")                                                                  \
	X(FULL_CONE, "full-cone")                                                        \
	X(ADDRESS, "address-restricted")                                                 \
	X(PORT, "port-restricted")                                                       \
	X(REJECT, "reject")                                                              \
	X(POISON, "poison")                                                              \
	X(DOUBLE, "double-nat")                                                          \
	X(FIREWALL, "ipv6-firewall")

enum guard {
#define X(name, text) GUARD_##name,
	GUARD_MAP(X)
#undef X
		GUARD_COUNT
};

const char *guard_name(enum guard guard);

struct site_config {
	bool v4, v6;
	bool nat;      /* before IPv4; without, machines have public addresses */
	bool firewall; /* before IPv6 */
	bool reject;   /* the firewall answers by ICMP */
	bool isolated; /* machines of the LAN cannot reach each other */
	struct nat_config nat_config;
	struct link_config access;
	struct site *parent; /* NULL: the internet */
};

struct site {
	struct site_config config;
	unsigned number;
	struct zone *lan;
	struct nat *nat;           /* NULL without */
	struct firewall *firewall; /* NULL without IPv6 */
	struct link *access;       /* side 0 is the site's */
	struct addr outer;         /* of the NAT, port 0 */
	unsigned attached;
};

/* An access of 10 ms each way and nothing in its way. */
struct site_config site_config_plain(void);

/* IPv4 behind that NAT, or both families behind the firewall. */
struct site_config site_config_of(enum guard guard);

/* The site lives as long as the world. GUARD_DOUBLE's outer NAT is made with it. */
struct site *site_new(struct world *w, const struct site_config *config);
struct site *site_of(struct world *w, enum guard guard, const struct link_config *access);

/* Gives the next machine its addresses (family ADDR_NONE where the site has none) and the
 * wire to send into; what is for it goes to machine. */
struct wire site_attach(
	struct site *s, struct wire machine, struct addr *v4, struct addr *v6);

/* What is for these addresses goes nowhere any more. */
void site_detach(struct site *s, const struct addr *v4, const struct addr *v6);

/* The world with its internet, of that many hops. */
struct world *internet_new(uint64_t seed, bool verbose, unsigned hops);

#endif
