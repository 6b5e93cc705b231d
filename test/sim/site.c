/* SPDX-License-Identifier: MIT */
#include "sim/site.h"

#include <stdio.h>
#include <stdlib.h>

#define LAN_DELAY (100000) /* ns */

static const char *const names[GUARD_COUNT] = {
#define X(name, text) text,
	GUARD_MAP(X)
#undef X
};

const char *guard_name(enum guard guard)
{
	return guard < GUARD_COUNT ? names[guard] : "?";
}

struct site_config site_config_plain(void)
{
	return (struct site_config){
		.v4 = true, .access = {.delay = 10 * MILLISECOND, .mtu = 1500}};
}

static struct nat_config nat_of(enum guard guard)
{
	struct nat_config c = {.filtering = NAT_ADDRESS_AND_PORT};

	if (guard == GUARD_FULL_CONE)
		c.filtering = NAT_INDEPENDENT;
	if (guard == GUARD_ADDRESS)
		c.filtering = NAT_ADDRESS;
	if (guard == GUARD_REJECT)
		c.unsolicited = NAT_REJECT;
	if (guard == GUARD_POISON)
		c.unsolicited = NAT_POISON;
	return c;
}

struct site_config site_config_of(enum guard guard)
{
	struct site_config c = site_config_plain();

	c.v4 = guard != GUARD_FIREWALL;
	c.v6 = c.firewall = guard == GUARD_FIREWALL;
	c.nat = guard != GUARD_NONE && guard != GUARD_FIREWALL;
	c.nat_config = nat_of(guard);
	return c;
}

static struct addr outer_addr(const struct site *s)
{
	const struct site *parent = s->config.parent;

	if (parent != NULL)
		return addr_v4(100, 64, (uint8_t)parent->number,
			(uint8_t)(10 + parent->attached), 0);
	return addr_v4(20, (uint8_t)(s->number >> 8), (uint8_t)s->number, 7, 0);
}

static struct addr v6_addr(const struct site *s, unsigned machine)
{
	struct addr a;
	char text[64];

	snprintf(text, sizeof(text), "2001:db8:%x::%x", s->number, machine);
	addr_parse(&a, text, 0);
	return a;
}

/* The gate parts the families behind the access link: IPv4 to the NAT, IPv6 to the
 * firewall.
 */
static struct zone *gate_new(struct world *w, struct site *s)
{
	struct zone *gate = zone_new(w, "gate", 32, 128, 0);

	gate->up_v4 = zone_wire(s->lan);
	if (s->nat != NULL)
		gate->up_v4 = (struct wire){.node = &s->nat->node, .side = 1};
	if (s->firewall != NULL)
		gate->up_v6 = (struct wire){.node = &s->firewall->node, .side = 1};
	return gate;
}

static void guards_new(struct world *w, struct site *s, const char *name)
{
	struct addr inner = addr_v4(192, 168, (uint8_t)(s->number % 200), 1, 0);
	struct addr own = v6_addr(s, 1);
	struct wire out = link_side(s->access, 0);

	s->lan->up_v4 = out;
	if (s->config.nat) {
		s->nat = nat_new(w, name, &s->config.nat_config, &inner, &s->outer);
		s->nat->inside = zone_wire(s->lan);
		s->nat->outside = out;
		s->lan->up_v4 = (struct wire){.node = &s->nat->node};
	}
	if (s->config.v6) {
		s->firewall = firewall_new(w, name, &own);
		s->firewall->open = !s->config.firewall;
		s->firewall->reject = s->config.reject;
		s->firewall->inside = zone_wire(s->lan);
		s->firewall->outside = out;
		s->lan->up_v6 = (struct wire){.node = &s->firewall->node};
	}
}

struct site *site_new(struct world *w, const struct site_config *config)
{
	struct site *s = sim_alloc(sizeof(*s));
	struct zone *up = config->parent != NULL ? config->parent->lan : w->internet;
	struct addr own;
	char name[24];

	s->config = *config;
	s->number = ++w->sites;
	s->outer = outer_addr(s);
	snprintf(name, sizeof(name), "site%u", s->number);
	s->lan = zone_new(w, name, 32, 128, 0);
	s->lan->isolated = config->isolated;
	s->lan->owned = s;
	s->access = link_new(w, name, &config->access);
	guards_new(w, s, name);
	s->access->ends[0] = zone_wire(gate_new(w, s));
	s->access->ends[1] = zone_wire(up);
	zone_attach(up, &s->outer, link_side(s->access, 1));
	if (config->v6) {
		own = v6_addr(s, 1);
		zone_attach(w->internet, &own, link_side(s->access, 1));
	}
	if (config->parent != NULL)
		config->parent->attached++;
	return s;
}

struct site *site_of(struct world *w, enum guard guard, const struct link_config *access)
{
	struct site_config c = site_config_of(guard);

	if (guard == GUARD_DOUBLE) {
		struct site_config carrier = site_config_of(GUARD_PORT);

		if (access != NULL)
			carrier.access = *access;
		c.parent = site_new(w, &carrier);
		c.access = (struct link_config){.delay = MILLISECOND};
	} else if (access != NULL) {
		c.access = *access;
	}
	return site_new(w, &c);
}

static struct addr inner_addr(const struct site *s)
{
	/* Networks differ, but for one in 200: that is what homes are like. */
	if (s->config.nat)
		return addr_v4(192, 168, (uint8_t)(s->number % 200),
			(uint8_t)(10 + s->attached), 0);
	return addr_v4(s->outer.ip[0], s->outer.ip[1], s->outer.ip[2],
		(uint8_t)(10 + s->attached), 0);
}

struct wire site_attach(
	struct site *s, struct wire machine, struct addr *v4, struct addr *v6)
{
	struct link_config cable = {.delay = LAN_DELAY};
	struct link *l = link_new(s->lan->node.world, "lan", &cable);

	l->ends[0] = machine;
	l->ends[1] = zone_wire(s->lan);
	*v4 = *v6 = (struct addr){0};
	if (s->config.v4) {
		*v4 = inner_addr(s);
		zone_attach(s->lan, v4, link_side(l, 1));
	}
	if (s->config.v6) {
		*v6 = v6_addr(s, 10 + s->attached);
		zone_attach(s->lan, v6, link_side(l, 1));
	}
	s->attached++;
	return link_side(l, 0);
}

void site_detach(struct site *s, const struct addr *v4, const struct addr *v6)
{
	const struct wire nowhere = {0};

	if (v4->family != ADDR_NONE)
		zone_attach(s->lan, v4, nowhere);
	if (v6->family != ADDR_NONE)
		zone_attach(s->lan, v6, nowhere);
}

struct world *internet_new(uint64_t seed, bool verbose, unsigned hops)
{
	struct world *w = world_new(seed, verbose);

	w->internet = zone_new(w, "internet", 24, 48, hops);
	return w;
}
