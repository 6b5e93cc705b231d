/* SPDX-License-Identifier: MIT */
/* What a network check found, as one object for programs. */
#include <stdio.h>

#include "cmd/netcheck.h"

static void add_address(struct json *j, const char *name, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	if (a->family != ADDR_NONE)
		json_string(j, name, addr_format(text, a));
}

static void add_answer(struct json *j, const char *name, uint8_t answer)
{
	if (answer != NETWORK_ANSWER_UNKNOWN)
		json_bool(j, name, answer == NETWORK_ANSWER_YES);
}

static void add_number(struct json *j, const char *name, uint64_t value)
{
	if (value != 0)
		json_number(j, name, value);
}

static void add_ports(struct json *j, const struct network *w)
{
	char text[16];

	json_string(j, "ports", network_allocation_name(w->allocation));
	if (w->allocation == NETWORK_PORTS_SEQUENTIAL) {
		snprintf(text, sizeof(text), "%+d", (int)w->delta);
		json_string(j, "ports_delta", text);
	}
	if (w->allocation == NETWORK_PORTS_RANDOM)
		json_number(j, "ports_range", w->ports);
}

static void add_network(struct json *j, const struct network *w)
{
	json_bool(j, "nat", w->translated);
	json_string(j, "kind",
		w->mapping == NETWORK_UNKNOWN ? "unknown"
					      : network_kind_name(network_kind(w)));
	json_string(j, "mapping", network_dependence_name(w->mapping));
	json_bool(j, "mapping_sure", !w->mapping_unsure);
	json_string(j, "filtering", network_dependence_name(w->filtering));
	json_bool(j, "filtering_sure", !w->filtering_unsure);
	add_ports(j, w);
	add_answer(j, "hairpin", w->hairpin);
	add_answer(j, "poison", w->poison);
	add_number(j, "mtu", w->mtu);
	add_number(j, "levels", w->levels);
	json_bool(j, "carrier", w->carrier);
	add_number(j, "lifetime_least", w->lifetime_least);
	add_number(j, "lifetime_most", w->lifetime_most);
}

static void add_chance(struct json *j, const struct network *own, enum network_kind kind)
{
	const struct chance_budget budget = chance_budget_normal();
	const struct network peer = network_of_kind(kind);
	struct chance c = chance_between(own, &peer, &budget);
	char name[64];

	snprintf(name, sizeof(name), "chance_%s", network_kind_name(kind));
	json_thousandths(j, name, (c.ppm + 500) / 1000);
	snprintf(name, sizeof(name), "way_%s", network_kind_name(kind));
	json_string(j, name, chance_way_name(c.way));
}

/* The lines of a table are of no use here. */
static void add_help(struct json *j, const struct netcheck_result *r,
	const struct netcheck_router *router)
{
	char text[NETCHECK_HELP_MAX];

	netcheck_help(text, r, router);
	for (char *c = text; *c != '\0'; c++)
		if (*c == '\n')
			*c = ' ';
	json_string(j, "help", text);
}

static void add_router(struct json *j, const struct netcheck_result *r,
	const struct netcheck_router *router)
{
	if (router->driver == NULL || !r->network.translated)
		return;
	json_bool(j, "port_mapping", netcheck_router_helps(router, r));
	add_address(j, "port_mapped", &router->answer.external);
	json_string(j, "port_mapping_protocol", router->answer.protocol);
	json_string(j, "port_mapping_why", router->answer.why);
}

void netcheck_object(struct json *j, const struct netcheck_result *r,
	const struct netcheck_router *router)
{
	struct network own = netcheck_router_network(router, r);
	char name[8];

	json_start(j);
	json_bool(j, "udp", r->heard);
	if (r->heard) {
		add_address(j, "server", &r->server.addr);
		json_string(j, "protocol",
			r->server.protocol == NETCHECK_STUN ? "stun" : "rendezvous");
		json_thousandths(j, "rtt_ms", r->rtt / 1000);
		add_address(j, "mapped", &r->mapped);
		json_number(j, "local_port", r->local.port);
		add_network(j, &r->network);
		for (unsigned i = 0; i < NETCHECK_HOPS; i++) {
			snprintf(name, sizeof(name), "hop%u", i + 1);
			add_address(j, name, &r->hops[i]);
		}
		json_bool(j, "ipv6", r->mapped6.family != ADDR_NONE);
		add_address(j, "mapped6", &r->mapped6);
		add_router(j, r, router);
		for (int kind = 0;
			own.mapping != NETWORK_UNKNOWN && kind < NETWORK_KIND_COUNT;
			kind++)
			add_chance(j, &own, (enum network_kind)kind);
	}
	add_help(j, r, router);
}
