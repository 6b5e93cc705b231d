/* SPDX-License-Identifier: MIT */
/* Why a session stays on the relay, and what would help, from what is known of both sides. */
#ifndef EYELET_CMD_REASON_H
#define EYELET_CMD_REASON_H

#include "cmd/json.h"
#include "core/addr.h"
#include "core/chance.h"
#include "core/event.h"
#include "core/portmap.h"
#include "core/spray.h"

/* name, text: the cause, for programs. In the order in which they are asked for. */
#define REASON_MAP(X)                                                                    \
	X(BLOCKED_HERE, "udp-blocked-here")                                              \
	X(BLOCKED_THERE, "udp-blocked-there")                                            \
	X(NO_HAIRPIN, "no-hairpin")                                                      \
	X(UNKNOWN, "unknown")                                                            \
	X(BOTH_RANDOM, "both-random")                                                    \
	X(RANDOM_AND_SEQUENCE, "random-and-sequence")                                    \
	X(RANDOM_HERE, "random-here")                                                    \
	X(RANDOM_THERE, "random-there")                                                  \
	X(SEQUENCE, "sequence")                                                          \
	X(FILTERED, "filtered")

enum reason {
#define X(name, text) REASON_##name,
	REASON_MAP(X)
#undef X
		REASON_COUNT
};
const char *reason_name(enum reason reason);

/* What is known of the own router's port mapping. */
enum reason_router {
	ROUTER_NOT_ASKED, /* --no-port-mapping, or nothing heard yet */
	ROUTER_REFUSES,   /* or does not answer */
	ROUTER_NESTED,    /* it would, but another NAT stands before it */
	ROUTER_MAPS,
};

struct reason_facts {
	const char *peer;                 /* "host" or "guest": who is at the other end */
	struct network ours, theirs;      /* mapping unknown: not measured or told */
	struct addr observed;             /* own outer IPv4 address; or none */
	struct addr peer_observed;        /* the other's */
	bool blocked_here, blocked_there; /* reaches the rendezvous by TCP only */
	bool carrier;                     /* this side is behind a carrier's NAT */
	bool v6_here, v6_there;           /* has a global IPv6 address */
	enum reason_router router;
	const char *router_why; /* ROUTER_REFUSES: a sentence part, or NULL */
	struct chance_budget budget;
	bool low_effort; /* it is not spent on this side */
};

/* Nothing known but who is at the other end, with the normal budget. */
struct reason_facts reason_facts_of(const char *peer);

/* What --effort allows. */
void reason_set_effort(struct reason_facts *f, enum effort effort);

/* Takes what an event tells of both networks, and by which path. */
void reason_learn(struct reason_facts *f, const struct event *e);
/* Takes the addresses of own interfaces. */
void reason_learn_own(struct reason_facts *f, const struct addr *own, size_t count);
/* Takes what became of the port that the router was asked for. */
void reason_learn_router(struct reason_facts *f, const struct portmap_event *e);

enum reason reason_of(const struct reason_facts *f);

/* True if the networks make a direct path so unlikely that the relay was to be expected. */
bool reason_is_expected(const struct reason_facts *f);

/* A chance in percent for people, rounded, and never above 99: no figure of ours is a promise,
 * since NATs need not go on as they were measured. */
unsigned reason_percent(uint32_t ppm);

#define REASON_MAX 512
/* Writes the cause with the pair's figures and what would help, a sentence without its
 * first capital and full stop, and returns it. */
const char *reason_sentence(char text[REASON_MAX], const struct reason_facts *f);

/* Adds the same for programs: "reason" and "why", the sentence. */
void reason_add_cause(struct json *j, const struct reason_facts *f);
/* Adds "network", "peer_network", and of a direct path "chance", "packets", "span_ms" and
 * "probes_for_even". */
void reason_add_figures(struct json *j, const struct reason_facts *f);
/* Both. */
void reason_add(struct json *j, const struct reason_facts *f);

#endif
