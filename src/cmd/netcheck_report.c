/* SPDX-License-Identifier: MIT */
/* What a network check found, as a table for people. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/netcheck.h"

struct table {
	char *text;
	size_t len, cap;
};

__attribute__((format(printf, 2, 3))) static void put(
	struct table *t, const char *format, ...)
{
	va_list values;
	int len;

	va_start(values, format);
	len = vsnprintf(t->text + t->len, t->cap - t->len, format, values);
	va_end(values);
	if (len > 0)
		t->len +=
			(size_t)len < t->cap - t->len ? (size_t)len : t->cap - t->len - 1;
}

static void put_server(struct table *t, const struct netcheck_result *r)
{
	char text[ADDR_TEXT_MAX];

	put(t, "%-14s %s (%s), round trip %.1f ms\n", "asked",
		addr_format(text, &r->server.addr),
		r->server.protocol == NETCHECK_STUN ? "STUN" : "rendezvous",
		(double)r->rtt / 1e6);
}

static void put_address(struct table *t, const struct netcheck_result *r)
{
	char text[ADDR_TEXT_MAX];

	put(t, "%-14s %s", "seen as", addr_format(text, &r->mapped));
	put(t,
		r->network.translated
			? ", sent from port %u\n"
			: ", which is the machine's own address (port %u)\n",
		r->local.port);
}

static const char *unsure(bool is)
{
	return is ? " (or address-dependent: one server address cannot tell)" : "";
}

static void put_filtering(struct table *t, const struct netcheck_result *r)
{
	const struct network *w = &r->network;

	put(t, "%-14s %s%s\n", "filtering",
		w->filtering == NETWORK_UNKNOWN
			? "unknown: the server answers from one port only"
			: network_dependence_name(w->filtering),
		unsure(w->filtering_unsure));
}

static void put_ports(struct table *t, const struct network *w)
{
	put(t, "%-14s %s", "ports", network_allocation_name(w->allocation));
	if (w->allocation == NETWORK_PORTS_SEQUENTIAL)
		put(t,
			", by %+" PRId32 ", %" PRIu32 " of others' between %" PRIu32
			" of ours",
			w->delta, w->strays, w->steps + 1);
	if (w->allocation == NETWORK_PORTS_RANDOM && w->ports != NETWORK_PORTS)
		put(t, ", out of a block of about %" PRIu32, w->ports);
	put(t, "\n");
}

static const char *poison_words(uint8_t answer)
{
	switch (answer) {
	case NETWORK_ANSWER_YES:
		return "an unsolicited datagram spoils the mapping towards its sender";
	case NETWORK_ANSWER_NO: return "no: unsolicited datagrams do no harm";
	default: return "unknown";
	}
}

static void put_nat(struct table *t, const struct netcheck_result *r)
{
	const struct network *w = &r->network;

	put(t, "%-14s %s%s\n", "mapping", network_dependence_name(w->mapping),
		unsure(w->mapping_unsure));
	put_filtering(t, r);
	put_ports(t, w);
	put(t, "%-14s %s\n", "hairpin", network_answer_name(w->hairpin));
	put(t, "%-14s %s\n", "poison", poison_words(w->poison));
}

static void put_levels(struct table *t, const struct netcheck_result *r)
{
	char text[ADDR_TEXT_MAX];

	if (!r->network.translated)
		return;
	put(t, "%-14s ", "NAT levels");
	if (r->network.levels == 0)
		put(t, "unknown: no router told");
	else
		put(t, "%u", r->network.levels);
	for (unsigned i = 0; i < r->network.levels && i < NETCHECK_HOPS; i++) {
		struct addr hop = r->hops[i];

		if (hop.family == ADDR_NONE)
			continue;
		addr_format(text, &hop);
		put(t, "%s%.*s", i == 0 ? ": " : ", ", (int)(strlen(text) - 2), text);
	}
	put(t, "%s\n",
		r->network.carrier ? "; one is the carrier's (100.64.0.0/10)" : "");
}

static void put_router(struct table *t, const struct netcheck_result *r,
	const struct netcheck_router *router)
{
	const struct portmap_event *answer = &router->answer;
	char text[ADDR_TEXT_MAX];

	if (!r->network.translated)
		return;
	put(t, "%-14s ", "port mapping");
	addr_format(text, &answer->external);
	if (netcheck_router_helps(router, r))
		put(t, "%s, by %s\n", text, answer->protocol);
	else if (answer->type == PORTMAP_MAPPED && answer->external.family != ADDR_NONE)
		put(t, "of no use: %s, by %s, is not where the server sees us\n", text,
			answer->protocol);
	else if (answer->type == PORTMAP_NESTED)
		put(t, "of no use: the router's own address %s is a private one (%s)\n",
			text, answer->protocol);
	else if (answer->why != NULL)
		put(t, "none: %s\n", answer->why);
	else
		put(t, router->driver != NULL ? "no answer\n" : "not asked for\n");
}

static void put_lifetime(struct table *t, const struct network *w, bool measured)
{
	put(t, "%-14s ", "lifetime");
	if (!measured)
		put(t, "not measured (--long)\n");
	else if (w->lifetime_least == 0 && w->lifetime_most == 0)
		put(t, "cannot be told here\n");
	else if (w->lifetime_most == 0)
		put(t, "%" PRIu32 " s of silence or more\n", w->lifetime_least);
	else
		put(t, "forgets between %" PRIu32 " and %" PRIu32 " s of silence\n",
			w->lifetime_least, w->lifetime_most);
}

static void put_ipv6(struct table *t, const struct netcheck_result *r)
{
	char text[ADDR_TEXT_MAX];

	put(t, "%-14s ", "IPv6");
	if (!r->asked6)
		put(t, "not asked: no server with an IPv6 address, or no IPv6 here\n");
	else if (r->mapped6.family == ADDR_NONE)
		put(t, "no answer\n");
	else
		put(t, "%s, seen as %s\n", r->translated6 ? "translated" : "yes",
			addr_format(text, &r->mapped6));
}

static void put_chance(struct table *t, const struct network *own, enum network_kind kind)
{
	const struct chance_budget budget = chance_budget_normal();
	const struct network peer = network_of_kind(kind);
	struct chance c = chance_between(own, &peer, &budget);

	put(t, "  %-36s", network_kind_words(kind));
	if (c.way == CHANCE_DIRECT)
		put(t, "yes\n");
	else if (c.way == CHANCE_RELAY)
		put(t, "no: %" PRIu32 " probes for an even chance; needs a relay\n",
			c.even);
	else
		put(t, "%u %% by %s: %" PRIu32 " packets in %.1f s\n",
			reason_percent(c.ppm), chance_way_name(c.way), c.packets,
			(double)c.span / 1e3);
}

/* Both where one address of the server could not tell. */
static const char *kind_words(const struct network *w)
{
	enum network_kind kind = network_kind(w);

	if (w->mapping == NETWORK_UNKNOWN)
		return "not known: the server has one address and port only";
	if (kind != NETWORK_KIND_ADDRESS_RESTRICTED || !w->filtering_unsure)
		return network_kind_words(kind);
	return w->translated ? "full cone or address-restricted NAT"
			     : "no NAT; an address-restricted firewall, if any";
}

static void put_chances(struct table *t, const struct netcheck_result *r,
	const struct netcheck_router *router)
{
	struct network own = netcheck_router_network(router, r);

	if (own.mapping == NETWORK_UNKNOWN)
		return;
	put(t, "\n%s direct path over IPv%u to a peer with\n",
		netcheck_router_helps(router, r) ? "With the port mapping, a" : "A",
		r->server.addr.family == ADDR_V6 ? 6 : 4);
	for (int kind = 0; kind < NETWORK_KIND_COUNT; kind++)
		put_chance(t, &own, (enum network_kind)kind);
}

void netcheck_report(char *text, const struct netcheck_result *r,
	const struct netcheck_router *router, bool lifetime)
{
	struct table t = {text, 0, NETCHECK_REPORT_MAX};
	char help[NETCHECK_HELP_MAX];

	text[0] = '\0';
	if (!r->heard) {
		put(&t,
			"%-14s blocked, or no server is there: %" PRIu32
			" asked, none answered\n",
			"UDP", r->asked[0] + r->asked[1]);
		put(&t, "\n%s\n", netcheck_help(help, r, router));
		return;
	}
	put_server(&t, r);
	put_address(&t, r);
	put(&t, "%-14s %s\n", "that is", kind_words(&r->network));
	if (r->network.translated)
		put_nat(&t, r);
	else
		put_filtering(&t, r);
	put_levels(&t, r);
	put_router(&t, r, router);
	put(&t, r->network.mtu != 0 ? "%-14s %u\n" : "%-14s below 1124\n", "path MTU",
		r->network.mtu);
	put_lifetime(&t, &r->network, lifetime);
	put_ipv6(&t, r);
	put_chances(&t, r, router);
	put(&t, "\n%s\n", netcheck_help(help, r, router));
}

/* Adds a sentence. */
static void say(struct table *t, const char *sentence)
{
	put(t, "%s%s", t->len > 0 ? "\n" : "", sentence);
}

static void say_router(struct table *t, const struct netcheck_result *r,
	const struct netcheck_router *router)
{
	const struct network *w = &r->network;

	if (w->levels > 1 || w->carrier || router->answer.type == PORTMAP_NESTED)
		say(t, "There is a NAT beyond your own router: a port mapping there "
		       "alone "
		       "does not help; a public\nIPv4 address of the provider, or IPv6, "
		       "would.");
	else if (!network_is_fixed(w))
		say(t, "A port mapping (UPnP, NAT-PMP or PCP at the router, or a UDP "
		       "port "
		       "forwarded by hand and\n\"eyelet serve --public\") would make the "
		       "symmetric NAT no matter.");
	else
		say(t, "A port mapping (UPnP, NAT-PMP or PCP at the router, or a UDP "
		       "port "
		       "forwarded by hand and\n\"eyelet serve --public\") would let "
		       "peers "
		       "behind symmetric NATs in as well.");
}

const char *netcheck_help(
	char *text, const struct netcheck_result *r, const struct netcheck_router *router)
{
	struct table t = {text, 0, NETCHECK_HELP_MAX};
	bool mapped = netcheck_router_helps(router, r);
	struct network own = netcheck_router_network(router, r);
	enum network_kind kind = network_kind(&own);

	text[0] = '\0';
	if (!r->heard) {
		say(&t, "If the servers are up, a firewall stops UDP: only the relay of "
			"a "
			"rendezvous\nthat TCP or TLS reaches, or another network, "
			"helps.");
		return text;
	}
	if (mapped)
		say(&t, "Nothing has to be done: by the port that the router maps, peers "
			"of "
			"every kind\nget through.");
	else if (r->network.mapping == NETWORK_UNKNOWN)
		say(&t, "Ask a rendezvous, or an RFC 5780 server with two addresses: "
			"they "
			"can tell more.");
	else if (kind < NETWORK_KIND_PORT_RESTRICTED)
		say(&t, "Nothing has to be done: peers of every kind get through.");
	else if (r->network.translated)
		say_router(&t, r, router);
	else
		say(&t, "The firewall admits only who was sent to: opening a UDP port "
			"for "
			"\"eyelet serve --public\" would\nlet peers behind symmetric "
			"NATs in "
			"as well.");
	if (kind >= NETWORK_KIND_PORT_RESTRICTED && r->mapped6.family != ADDR_NONE &&
		!r->translated6 && r->server.addr.family == ADDR_V4)
		say(&t, "Peers that have IPv6, too, need none of this.");
	if (r->network.poison == NETWORK_ANSWER_YES)
		say(&t, "A rule at the router that drops unsolicited UDP would end the "
			"poisoning.");
	return text;
}
