/* SPDX-License-Identifier: MIT */
/* What to expect of the actual pair: this network as measured, the host's as it tells. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/netcheck.h"

static const char *const ways[NETCHECK_WAY_COUNT] = {
#define X(name, text) text,
	NETCHECK_WAY_MAP(X)
#undef X
};

/* name by kind of candidate */
static const char *kind_name(uint8_t kind)
{
	switch (kind) {
	case CANDIDATE_LOCAL: return "own";
	case CANDIDATE_OBSERVED: return "observed";
	case CANDIDATE_PUBLIC: return "configured";
	case CANDIDATE_MAPPED: return "mapped by its router";
	case CANDIDATE_PREDICTED: return "predicted";
	default: return "of a kind not known here";
	}
}

static bool behind_one_nat(
	const struct netcheck_result *own, const struct guest_host *host)
{
	return own->network.translated && addr_same_ip(&own->mapped, &host->seen);
}

static bool on_one_lan(
	const struct addr *locals, size_t count, const struct guest_host *host)
{
	for (unsigned i = 0; i < host->candidates.count; i++) {
		const struct candidate *c = &host->candidates.of[i];

		for (size_t k = 0; k < count; k++)
			if (c->kind == CANDIDATE_LOCAL &&
				locals[k].family == c->addr.family &&
				addr_is_private(&c->addr) &&
				addr_same_prefix(&locals[k], &c->addr,
					c->addr.family == ADDR_V4 ? 24 : 64))
				return true;
	}
	return false;
}

/* A port that is forwarded to the host, of a family that is to be had here. */
static bool is_forwarded(const struct netcheck_result *own, const struct guest_host *host)
{
	for (unsigned i = 0; i < host->candidates.count; i++) {
		const struct candidate *c = &host->candidates.of[i];

		if ((c->kind == CANDIDATE_MAPPED || c->kind == CANDIDATE_PUBLIC) &&
			(c->addr.family == ADDR_V4 || own->mapped6.family != ADDR_NONE))
			return true;
	}
	return false;
}

static struct reason_facts facts_of(const struct netcheck_result *own,
	const struct netcheck_router *router, const struct guest_host *host)
{
	struct reason_facts f = reason_facts_of("host");

	f.ours = netcheck_router_network(router, own);
	f.theirs = host->network;
	f.observed = own->mapped;
	f.peer_observed = host->seen;
	f.blocked_here = !own->heard;
	f.blocked_there = host->seen.transport != ADDR_UDP;
	f.carrier = own->network.carrier;
	f.v6_here = own->mapped6.family != ADDR_NONE;
	f.v6_there = candidates_have_v6(&host->candidates);
	return f;
}

static enum netcheck_way way_of_networks(const struct netcheck_forecast *f)
{
	if (f->facts.ours.mapping == NETWORK_UNKNOWN ||
		f->facts.theirs.mapping == NETWORK_UNKNOWN)
		return NETCHECK_WAY_UNKNOWN;
	if (f->chance.way == CHANCE_DIRECT)
		return NETCHECK_WAY_DIRECT;
	return f->chance.way == CHANCE_RELAY ? NETCHECK_WAY_RELAY : NETCHECK_WAY_TRYING;
}

struct netcheck_forecast netcheck_forecast(const struct netcheck_result *own,
	const struct netcheck_router *router, const struct addr *locals,
	size_t local_count, const struct guest_host *host)
{
	struct netcheck_forecast f = {.mapped = netcheck_router_helps(router, own),
		.facts = facts_of(own, router, host)};
	bool one_nat = behind_one_nat(own, host);

	f.chance = chance_between(&f.facts.ours, &f.facts.theirs, &f.facts.budget);
	if (f.facts.blocked_here || f.facts.blocked_there)
		f.way = NETCHECK_WAY_RELAY;
	else if ((one_nat || addr_is_private(&host->seen)) &&
		 on_one_lan(locals, local_count, host))
		f.way = NETCHECK_WAY_LAN;
	else if (f.facts.v6_here && f.facts.v6_there)
		f.way = NETCHECK_WAY_IPV6;
	else if (!one_nat && is_forwarded(own, host))
		f.way = NETCHECK_WAY_FORWARDED;
	else if (one_nat && own->network.hairpin != NETWORK_ANSWER_UNKNOWN)
		f.way = own->network.hairpin == NETWORK_ANSWER_YES ? NETCHECK_WAY_HAIRPIN
								   : NETCHECK_WAY_RELAY;
	else
		f.way = way_of_networks(&f);
	return f;
}

struct table {
	char *text;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(
	struct table *t, const char *format, ...)
{
	size_t room = NETCHECK_REPORT_MAX - t->len;
	va_list values;
	int len;

	va_start(values, format);
	len = vsnprintf(t->text + t->len, room, format, values);
	va_end(values);
	if (len > 0)
		t->len += (size_t)len < room ? (size_t)len : room - 1;
}

static void put_expected(struct table *t, const struct netcheck_forecast *f, bool relay)
{
	const char *otherwise = relay ? "else the relay" : "and there is no relay";
	char why[REASON_MAX];

	put(t, "%-14s ", "this pair");
	switch (f->way) {
	case NETCHECK_WAY_LAN: put(t, "directly, in the network that both are in"); break;
	case NETCHECK_WAY_IPV6: put(t, "directly, over IPv6"); break;
	case NETCHECK_WAY_FORWARDED:
		put(t, "directly, at a port that is forwarded to the host");
		break;
	case NETCHECK_WAY_HAIRPIN:
		put(t, "directly, by the NAT that both are behind (hairpinning)");
		break;
	case NETCHECK_WAY_DIRECT:
		put(t, f->mapped ? "directly, with the port mapping here" : "directly");
		break;
	case NETCHECK_WAY_TRYING:
		put(t, "%u %% by %s: %" PRIu32 " packets in %.1f s; %s",
			reason_percent(f->chance.ppm), chance_way_name(f->chance.way),
			f->chance.packets, (double)f->chance.span / 1e3, otherwise);
		break;
	case NETCHECK_WAY_RELAY:
		put(t, "%s: %s", relay ? "over the relay" : "not at all, without a relay",
			reason_sentence(why, &f->facts));
		break;
	default:
		put(t, "cannot be told before one of the two has measured its NAT; %s",
			otherwise);
	}
	put(t, "\n");
}

void netcheck_pair_report(char *text, const struct netcheck_pair *pair,
	const struct netcheck_forecast *forecast)
{
	const struct guest_host *host = &pair->host;
	struct table t = {.text = text};
	char one[ADDR_TEXT_MAX];

	text[0] = '\0';
	put(&t, "\n%-14s seen at %s, answered in %.0f ms\n", "the host",
		addr_format(one, &host->seen), (double)pair->took / 1e6);
	put(&t, "%-14s %s\n", "it is behind",
		host->network.mapping == NETWORK_UNKNOWN
			? "what it has not measured"
			: network_kind_words(network_kind(&host->network)));
	for (unsigned i = 0; i < host->candidates.count; i++)
		put(&t, "%-14s %s (%s)\n", i == 0 ? "its addresses" : "",
			addr_format(one, &host->candidates.of[i].addr),
			kind_name(host->candidates.of[i].kind));
	put_expected(&t, forecast, host->relay);
}

void netcheck_pair_add(struct json *j, const struct netcheck_pair *pair,
	const struct netcheck_forecast *forecast)
{
	const struct guest_host *host = &pair->host;
	char one[ADDR_TEXT_MAX], name[32];

	json_string(j, "host_seen", addr_format(one, &host->seen));
	json_thousandths(j, "host_ms", pair->took / 1000);
	json_bool(j, "relay", host->relay);
	for (unsigned i = 0; i < host->candidates.count; i++) {
		snprintf(name, sizeof(name), "host_address%u", i + 1);
		json_string(j, name, addr_format(one, &host->candidates.of[i].addr));
		snprintf(name, sizeof(name), "host_address%u_kind", i + 1);
		json_string(j, name, kind_name(host->candidates.of[i].kind));
	}
	json_string(j, "pair", ways[forecast->way]);
	if (forecast->way == NETCHECK_WAY_RELAY)
		reason_add_cause(j, &forecast->facts);
	reason_add_figures(j, &forecast->facts);
}
