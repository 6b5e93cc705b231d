/* SPDX-License-Identifier: MIT */
/* What the parts of eyelet netcheck share. */
#ifndef EYELET_CMD_NETCHECK_H
#define EYELET_CMD_NETCHECK_H

#include <ev.h>

#include "cmd/json.h"
#include "cmd/key.h"
#include "cmd/options.h"
#include "cmd/reason.h"
#include "cmd/servers.h"
#include "core/guest.h"
#include "core/netcheck.h"
#include "core/ticket.h"
#include "net/portmap_driver.h"
#include "net/udp.h"

#define NETCHECK_STUNS_MAX 4

struct netcheck_options {
	struct servers rendezvous;
	const char *stuns[NETCHECK_STUNS_MAX]; /* HOST[:PORT], in the arguments */
	size_t stun_count;
	bool lifetime, json, no_port_mapping;
	bool ticketed; /* the host of that ticket is asked, too, or that of the key, if given */
	struct ticket ticket;
	struct key key;
};

/* Returns false when o->code is to be returned. */
bool netcheck_parse(struct netcheck_options *c, struct options *o, int argc, char **argv);

/* A router that is asked for a port; all zeros: none is. */
struct netcheck_router {
	bool settled;                /* there is nothing to wait for */
	struct portmap_event answer; /* all zeros: there is none */
	struct ev_loop *loop;
	struct udp_socket socket;      /* whose port it is, and that is all it is for */
	struct portmap_driver *driver; /* NULL: not asked */
	unsigned failures;             /* ways of asking that had none */
	ev_timer patience;
	void (*done)(void *arg);
	void *arg;
};

/* netcheck_router.c: asks; r stays where it is. done is called once, from the loop, when the
 * answer is there or is not waited for any longer; never, if r is settled on return. */
void netcheck_router_ask(struct netcheck_router *r, struct ev_loop *loop,
	void (*done)(void *arg), void *arg);
/* Has the port removed, which may take a router 2 s. */
void netcheck_router_end(struct netcheck_router *r);

/* True if it maps a port to this machine at the address that servers see: peers of every kind
 * get in by that. */
bool netcheck_router_helps(
	const struct netcheck_router *r, const struct netcheck_result *own);
/* Returns what was measured; where the router helps, as what peers will find: a full cone. */
struct network netcheck_router_network(
	const struct netcheck_router *r, const struct netcheck_result *own);

#define NETCHECK_REPORT_MAX 8192
/* Writes the table, whole lines, into text (NETCHECK_REPORT_MAX bytes); lifetime tells if
 * that was to be measured. */
void netcheck_report(char *text, const struct netcheck_result *r,
	const struct netcheck_router *router, bool lifetime);

/* The host of a ticket or key, as it tells of itself. */
struct netcheck_pair {
	struct guest_host host;
	uint64_t took; /* ns until it answered */
};

#define NETCHECK_ASK_TIMEOUT 5 /* seconds for an answer */
/* netcheck_ask.c: asks the host where it is, without connecting, on a loop of its own. Returns
 * EXIT_DONE, or another code with a sentence said. */
enum exit_code netcheck_ask(struct netcheck_pair *pair, const struct netcheck_options *o);

/* name, text: by what way the two are expected to come together, for programs. */
#define NETCHECK_WAY_MAP(X)                                                              \
	X(LAN, "one-network")                                                            \
	X(IPV6, "ipv6")                                                                  \
	X(FORWARDED, "forwarded-port")                                                   \
	X(HAIRPIN, "hairpin")                                                            \
	X(DIRECT, "direct")                                                              \
	X(TRYING, "trying")                                                              \
	X(RELAY, "relay")                                                                \
	X(UNKNOWN, "unknown")

enum netcheck_way {
#define X(name, text) NETCHECK_WAY_##name,
	NETCHECK_WAY_MAP(X)
#undef X
		NETCHECK_WAY_COUNT
};

struct netcheck_forecast {
	enum netcheck_way way;
	struct chance chance; /* of TRYING and RELAY */
	bool mapped;          /* it counts on the port that the router here maps */
	struct reason_facts facts;
};

/* netcheck_pair.c: what to expect of that pair; own addresses without ports. */
struct netcheck_forecast netcheck_forecast(const struct netcheck_result *own,
	const struct netcheck_router *router, const struct addr *locals,
	size_t local_count, const struct guest_host *host);
/* Writes it, whole lines, into text (NETCHECK_REPORT_MAX bytes). */
void netcheck_pair_report(char *text, const struct netcheck_pair *pair,
	const struct netcheck_forecast *forecast);
/* Adds the same to an object. */
void netcheck_pair_add(struct json *j, const struct netcheck_pair *pair,
	const struct netcheck_forecast *forecast);

/* Writes what netcheck_report does as the start of an object. */
void netcheck_object(struct json *j, const struct netcheck_result *r,
	const struct netcheck_router *router);

#define NETCHECK_STREAMS_MAX (SERVERS_DIAL_MAX - SERVERS_MAX)
/* Where rendezvous are asked for by TCP, then where they would be by TLS. */
struct netcheck_streams {
	struct addr addrs[NETCHECK_STREAMS_MAX];
	bool open[NETCHECK_STREAMS_MAX]; /* it connects */
	size_t count;
};

/* netcheck_stream.c: tries to connect to each rendezvous by TCP, at its port and at that of
 * TLS, for 2 s at most. */
void netcheck_streams_try(struct netcheck_streams *s, const struct servers *servers);
/* True if any connects by that transport. */
bool netcheck_streams_any(
	const struct netcheck_streams *s, enum addr_transport transport);
/* Writes a line for each, whole lines, into text (NETCHECK_REPORT_MAX bytes). */
void netcheck_streams_report(char *text, const struct netcheck_streams *s);
/* Adds the same to an object. */
void netcheck_streams_add(struct json *j, const struct netcheck_streams *s);

#define NETCHECK_HELP_MAX 1024
/* Writes what would help this network to direct paths, in sentences, and returns it. */
const char *netcheck_help(char *text, const struct netcheck_result *r,
	const struct netcheck_router *router);

#endif
