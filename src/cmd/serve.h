/* SPDX-License-Identifier: MIT */
/* The parts of `eyelet serve`. */
#ifndef EYELET_CMD_SERVE_H
#define EYELET_CMD_SERVE_H

#include <ev.h>

#include "cmd/endpoint.h"
#include "cmd/feed.h"
#include "cmd/guests.h"
#include "cmd/key.h"
#include "cmd/numbers.h"
#include "cmd/options.h"
#include "cmd/policy.h"
#include "cmd/reason.h"
#include "cmd/renew.h"
#include "cmd/rhythm.h"
#include "cmd/servers.h"
#include "cmd/state.h"
#include "cmd/trust.h"
#include "core/ticket.h"
#include "net/forwarder.h"

#define SERVE_PUBLICS_MAX 2 /* --public: what the core takes */

#define ANNOUNCED_MAX 6 /* addresses of the rendezvous inside that a ticket names */

/* Where guests ask the rendezvous inside. */
struct announced {
	struct addr own[ANNOUNCED_MAX];
	size_t count;
	struct addr mapped; /* by a router, to that; family ADDR_NONE before */
	bool waits;         /* for the router's answer, before the ticket is printed */
	ev_timer patience;  /* for that */
};

#define RELAYED_GUESTS_MAX 16

/* Guests that came over the relay lately, and of whom it is not known yet why. */
struct relayed_guests {
	struct relayed_guest {
		bool waits;
		uint32_t number;
		uint8_t identity[32];
		struct addr seen; /* where its rendezvous sees it */
	} of[RELAYED_GUESTS_MAX];
	unsigned next;
};

/* What was asked for on the command line. */
struct serve_options {
	struct endpoint target;
	struct addr publics[SERVE_PUBLICS_MAX];
	size_t public_count;
	char name[STATE_NAME_MAX];
	uint32_t port; /* public UDP port; 0 for any */
	/* Limits; 0: the default */
	uint32_t guests_max, network_max, flows_max, sockets_max, half_open_max;
	bool no_moderation;
	uint32_t busy_poll; /* us; 0: not */
	bool weak_key;
	bool no_port_mapping;
	enum effort effort; /* for a direct path */
	bool no_local_candidates;
	const char *guests; /* file, or NULL */
	const char *ca;     /* file, or NULL */
};

struct serve {
	struct serve_options options;
	struct servers servers;                 /* where it registers */
	char announced[TICKET_SERVERS_MAX + 1]; /* where guests ask: into the ticket */
	bool inside;                            /* it runs the rendezvous itself */
	struct announced inner;                 /* then, what guests are told of that */
	bool keyed; /* guests have the key: there is no ticket */
	struct state state;
	struct guests guests;   /* met in earlier runs */
	struct policy policy;   /* the file of --guests */
	struct numbers numbers; /* with that file: who has which */
	struct service service;
	struct addr own[8]; /* the machine's addresses */
	size_t own_count;
	struct ev_loop *loop;
	struct host_driver *driver;
	struct tls_context *tls;
	char host[SERVERS_NAME_MAX]; /* what a certificate has to bear */
	ev_timer patience;           /* until it is registered anywhere */
	unsigned waited;             /* seconds, when patience runs out next */
	bool spoilt;                 /* it was told that the NAT's mapping is */
	bool told;                   /* the ticket */
	uint32_t guest_count;        /* connected in this run */
	/* By which transports each server holds a lease, as a set; by index. */
	uint8_t leases[SERVERS_MAX];
	uint32_t lost;             /* set of those that held one, and do not now */
	struct renew renew;        /* follows the names of servers */
	struct feed feed;          /* --json */
	struct reason_facts facts; /* of the guest that asked or connected last */
	struct relayed_guests relayed;
	struct rhythms rhythms; /* of guests that are connected */
	ev_signal usr1;         /* asks for the counters */
	ev_signal hangup;       /* reads the file of --guests again */
	/* What each server refused with, or the version it spoke: said once. */
	uint32_t complaint[SERVERS_MAX];
};

/* serve_options.c: reads the command line. Returns false when o->code is to be returned.
 */
bool serve_parse(
	struct serve *s, struct key *key, struct options *o, int argc, char **argv);

/* serve_inside.c: makes a rendezvous of this process' own for the sockets it will open,
 * fills in config's binds, servers and inner, and what guests are told. Returns an exit
 * code, with a sentence said unless it is EXIT_DONE. */
enum exit_code serve_inside(struct serve *s, struct host_driver_config *config);
/* A router was asked for a port: takes what became of that. Returns true if the ticket is
 * another one now, or is not waited for any longer: it is to be printed. */
bool serve_inside_mapped(struct serve *s, const struct portmap_event *event);
/* The router does not answer in time. Warns where only the own network gets here. */
void serve_inside_settle(struct serve *s);

/* serve.c: true while any rendezvous holds a lease. */
bool serve_is_registered(const struct serve *s);

/* serve_guests.c: reads the file of --guests, if there is one. Returns false with a
 * sentence said. */
bool serve_guests_read(struct serve *s);
/* Tells the host whom to take and whom it knows; reads the file again at SIGHUP. */
void serve_guests_start(struct serve *s);
void serve_guests_end(struct serve *s);
void serve_guests_free(struct serve *s);
/* Notes the number of a guest. Returns false if it is another one's. */
bool serve_guests_note(struct serve *s, const uint8_t identity[32], uint32_t number);

#define SERVE_GUEST_MAX (POLICY_NAME_MAX + 2 + 8)
/* Writes "NAME, " where the file has one, and the first characters of the fingerprint,
 * into text (SERVE_GUEST_MAX bytes) and returns it. */
const char *serve_guest_name(
	const struct serve *s, char *text, const uint8_t identity[32]);

/* serve_log.c: says what happened. */
void serve_tell(struct serve *s, const struct event *event);

/* serve_relayed.c: says why a guest stays on the relay, once that is known. */
void serve_relayed(struct serve *s, const struct event *event);

/* serve_counters.c: says how much happened, in all and with each guest. */
void serve_log_counters(struct serve *s);
void serve_feed_counters(struct serve *s);

/* serve_json.c: says it to programs. */
void serve_feed_ticket(struct serve *s, const char *ticket);
void serve_feed(struct serve *s, const struct event *event);
void serve_feed_relayed(struct serve *s, const struct relayed_guest *guest);
void serve_feed_mapping(struct serve *s, const struct portmap_event *event);
/* Begins an object, with the state of registration. */
void serve_feed_start(const struct serve *s, struct json *j, const char *event);
void serve_feed_renamed(struct serve *s);

#endif
