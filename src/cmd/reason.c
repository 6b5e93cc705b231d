/* SPDX-License-Identifier: MIT */
#include "cmd/reason.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[REASON_COUNT] = {
#define X(name, text) text,
	REASON_MAP(X)
#undef X
};

const char *reason_name(enum reason reason)
{
	return reason < REASON_COUNT ? names[reason] : "?";
}

struct reason_facts reason_facts_of(const char *peer)
{
	return (struct reason_facts){.peer = peer, .budget = chance_budget_normal()};
}

/* With low effort the figures are those of what could be had. */
void reason_set_effort(struct reason_facts *f, enum effort effort)
{
	f->low_effort = effort == EFFORT_LOW;
	f->budget = effort_budget(f->low_effort ? EFFORT_NORMAL : effort);
}

static void learn_pair(struct reason_facts *f, const struct event *e)
{
	f->ours = e->ours;
	f->theirs = e->theirs;
	f->v6_there = e->theirs_v6;
	if (e->peer.family != ADDR_NONE) {
		f->peer_observed = e->peer;
		f->blocked_there = e->peer.transport != ADDR_UDP;
	}
	if (e->path.channel != 0)
		f->blocked_here = e->path.remote.transport != ADDR_UDP;
}

void reason_learn(struct reason_facts *f, const struct event *e)
{
	switch (e->type) {
	case EVENT_OBSERVED:
	case EVENT_REGISTERED:
		if (e->peer.family == ADDR_V4)
			f->observed = e->peer;
		break;
	case EVENT_HOST_FOUND:
	case EVENT_PUNCHING:
	case EVENT_RELAYED:
	case EVENT_GUEST_CONNECTED: learn_pair(f, e); break;
	default: break;
	}
}

static bool is_of_carrier(const struct addr *a) /* RFC 6598 */
{
	const struct addr shared = addr_v4(100, 64, 0, 0, 0);

	return a->family == ADDR_V4 && addr_same_prefix(a, &shared, 10);
}

void reason_learn_own(struct reason_facts *f, const struct addr *own, size_t count)
{
	f->v6_here = false;
	for (size_t i = 0; i < count; i++) {
		f->v6_here = f->v6_here ||
			     (own[i].family == ADDR_V6 && !addr_is_private(&own[i]));
		f->carrier = f->carrier || is_of_carrier(&own[i]);
	}
}

void reason_learn_router(struct reason_facts *f, const struct portmap_event *e)
{
	static const enum reason_router routers[PORTMAP_EVENT_COUNT] = {
		[PORTMAP_MAPPED] = ROUTER_MAPS,
		[PORTMAP_LOST] = ROUTER_REFUSES,
		[PORTMAP_FAILED] = ROUTER_REFUSES,
		[PORTMAP_NESTED] = ROUTER_NESTED,
	};

	f->carrier = f->carrier || is_of_carrier(&e->external);
	f->router = routers[e->type];
	f->router_why = e->why;
}

static bool is_sequence(const struct network *n)
{
	return n->allocation == NETWORK_PORTS_SEQUENTIAL;
}

static bool is_random(const struct network *n)
{
	return !network_is_fixed(n) && !is_sequence(n);
}

static bool behind_one_nat(const struct reason_facts *f)
{
	return f->observed.family != ADDR_NONE && f->ours.translated &&
	       addr_same_ip(&f->observed, &f->peer_observed);
}

static struct chance chance_of(const struct reason_facts *f)
{
	return chance_between(&f->ours, &f->theirs, &f->budget);
}

static bool is_known(const struct reason_facts *f)
{
	return f->ours.mapping != NETWORK_UNKNOWN && f->theirs.mapping != NETWORK_UNKNOWN;
}

static enum reason reason_of_networks(const struct reason_facts *f)
{
	bool here = is_random(&f->ours), there = is_random(&f->theirs);

	if (here && there)
		return REASON_BOTH_RANDOM;
	if ((here && is_sequence(&f->theirs)) || (there && is_sequence(&f->ours)))
		return REASON_RANDOM_AND_SEQUENCE;
	if (here || there)
		return here ? REASON_RANDOM_HERE : REASON_RANDOM_THERE;
	return is_sequence(&f->ours) || is_sequence(&f->theirs) ? REASON_SEQUENCE
								: REASON_FILTERED;
}

enum reason reason_of(const struct reason_facts *f)
{
	if (f->blocked_here)
		return REASON_BLOCKED_HERE;
	if (f->blocked_there)
		return REASON_BLOCKED_THERE;
	if (behind_one_nat(f))
		return REASON_NO_HAIRPIN;
	return is_known(f) ? reason_of_networks(f) : REASON_UNKNOWN;
}

bool reason_is_expected(const struct reason_facts *f)
{
	enum reason reason = reason_of(f);
	enum chance_way way;

	if (reason == REASON_BLOCKED_HERE || reason == REASON_BLOCKED_THERE)
		return true;
	if (reason == REASON_NO_HAIRPIN || !is_known(f))
		return false;
	way = chance_of(f).way;
	return way == CHANCE_RELAY || (way == CHANCE_BIRTHDAY && f->low_effort);
}

struct words {
	char *text;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(
	struct words *w, const char *format, ...)
{
	va_list values;
	int len;

	va_start(values, format);
	len = vsnprintf(w->text + w->len, REASON_MAX - w->len, format, values);
	va_end(values);
	if (len > 0)
		w->len += (size_t)len < REASON_MAX - w->len ? (size_t)len
							    : REASON_MAX - w->len - 1;
}

/* To two digits, which is more than is known: 53,709 as "54,000". */
static void say_about(struct words *w, uint32_t count)
{
	uint32_t unit = 1;

	while (count / unit >= 100)
		unit *= 10;
	count = (count + unit / 2) / unit * unit;
	if (count < 1000)
		say(w, "%" PRIu32, count);
	else
		say(w, "%" PRIu32 ",%03" PRIu32, count / 1000, count % 1000);
}

unsigned reason_percent(uint32_t ppm)
{
	unsigned percent = (ppm + 5000) / 10000;

	return percent < 99 ? percent : 99;
}

/* What a try costs and gives, or what it would take. */
static void say_chance(struct words *w, const struct reason_facts *f)
{
	struct chance c = chance_of(f);

	if (c.way == CHANCE_RELAY && c.even != 0) {
		say(w, "a direct path would take ");
		say_about(w, c.even);
		say(w, " probes of each side for an even chance");
		return;
	}
	say(w,
		"a try of %" PRIu32
		" packets in %.1f s finds a direct path with a chance "
		"of %u %%, and %s",
		c.packets, (double)c.span / 1e3, reason_percent(c.ppm),
		c.way == CHANCE_RELAY ? "is not made"
		: c.way == CHANCE_BIRTHDAY && f->low_effort
			? "is not made with --effort low"
			: "none has yet");
}

static void say_random(struct words *w, const struct reason_facts *f, bool here)
{
	if (here)
		say(w, "our NAT picks");
	else
		say(w, "the %s's NAT picks", f->peer);
	say(w, " a random port per destination");
}

static void say_one_nat(struct words *w, const struct reason_facts *f)
{
	char text[ADDR_TEXT_MAX];
	struct addr ip = f->observed;
	const char *end;

	ip.port = 0;
	end = addr_format(text, &ip) + strlen(text) - 2; /* ":0" */
	say(w,
		"both are behind %s at %.*s, which leads nobody inside back in (no "
		"hairpinning)",
		f->carrier ? "one carrier's NAT" : "one NAT", (int)(end - text), text);
}

static void say_cause(struct words *w, const struct reason_facts *f)
{
	switch (reason_of(f)) {
	case REASON_BLOCKED_HERE:
		say(w, "UDP does not get through here, and the relay is reached by TCP");
		break;
	case REASON_BLOCKED_THERE:
		say(w, "UDP does not get through at the %s, which is reached by TCP",
			f->peer);
		break;
	case REASON_NO_HAIRPIN: say_one_nat(w, f); break;
	case REASON_BOTH_RANDOM:
		say(w, "both NATs pick a random port per destination; ");
		say_chance(w, f);
		break;
	case REASON_RANDOM_AND_SEQUENCE:
		say_random(w, f, is_random(&f->ours));
		say(w, ", the other one the next in its sequence; ");
		say_chance(w, f);
		break;
	case REASON_RANDOM_HERE:
	case REASON_RANDOM_THERE:
		say_random(w, f, is_random(&f->ours));
		say(w, "; ");
		say_chance(w, f);
		break;
	case REASON_SEQUENCE:
		say(w, "ports of a NAT have to be guessed; ");
		say_chance(w, f);
		break;
	case REASON_FILTERED:
		say(w, "both NATs keep one port for all destinations, and yet nothing "
		       "came "
		       "through: a firewall that admits no UDP from the other side, as "
		       "a "
		       "rule");
		break;
	default:
		say(w, "no attempt found a direct path; the usual cause is a NAT that "
		       "takes another port for each destination, as eyelet "
		       "netcheck tells");
	}
}

static void say_router(struct words *w, const struct reason_facts *f)
{
	if (f->router == ROUTER_NESTED)
		say(w,
			"our own router, behind another NAT itself, maps no port that is "
			"of "
			"use; UPnP, NAT-PMP or PCP in the %s's",
			f->peer);
	else if (f->router == ROUTER_REFUSES && f->router_why != NULL)
		say(w, "our router maps no port (%s); UPnP, NAT-PMP or PCP in either one",
			f->router_why);
	else
		say(w, "UPnP, NAT-PMP or PCP in either router");
}

static void say_v6(struct words *w, const struct reason_facts *f)
{
	if (f->v6_here && f->v6_there)
		say(w, "firewalls that admit IPv6 between the two");
	else if (f->v6_here)
		say(w, "IPv6 at the %s, too", f->peer);
	else if (f->v6_there)
		say(w, "IPv6 here, which the %s has", f->peer);
	else
		say(w, "IPv6 on both sides");
}

static void say_help(struct words *w, const struct reason_facts *f)
{
	enum reason reason = reason_of(f);

	say(w, "; ");
	if (reason == REASON_BLOCKED_HERE || reason == REASON_BLOCKED_THERE) {
		say(w, "a firewall %s that lets UDP out, or another network",
			reason == REASON_BLOCKED_HERE ? "here" : "there");
	} else if (reason == REASON_NO_HAIRPIN && f->carrier) {
		say_v6(w, f);
	} else {
		if (reason == REASON_NO_HAIRPIN)
			say(w, "hairpinning in that router");
		else
			say_router(w, f);
		say(w, ", or ");
		say_v6(w, f);
		say(w, ",");
	}
	say(w, " would help");
}

const char *reason_sentence(char text[REASON_MAX], const struct reason_facts *f)
{
	struct words w = {.text = text};

	text[0] = '\0';
	say_cause(&w, f);
	say_help(&w, f);
	return text;
}

static const char *kind_of(const struct network *n)
{
	return n->mapping == NETWORK_UNKNOWN ? "unknown"
					     : network_kind_name(network_kind(n));
}

void reason_add_cause(struct json *j, const struct reason_facts *f)
{
	char text[REASON_MAX];

	json_string(j, "reason", reason_name(reason_of(f)));
	json_string(j, "why", reason_sentence(text, f));
}

void reason_add_figures(struct json *j, const struct reason_facts *f)
{
	struct chance c;

	json_string(j, "network", kind_of(&f->ours));
	json_string(j, "peer_network", kind_of(&f->theirs));
	if (!is_known(f))
		return;
	c = chance_of(f);
	json_thousandths(j, "chance", (c.ppm + 500) / 1000);
	json_number(j, "packets", c.packets);
	json_number(j, "span_ms", c.span);
	if (c.even != 0)
		json_number(j, "probes_for_even", c.even);
}

void reason_add(struct json *j, const struct reason_facts *f)
{
	reason_add_cause(j, f);
	reason_add_figures(j, f);
}
