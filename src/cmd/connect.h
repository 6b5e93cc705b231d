/* SPDX-License-Identifier: MIT */
/* The parts of `eyelet connect`. */
#ifndef EYELET_CMD_CONNECT_H
#define EYELET_CMD_CONNECT_H

#include <ev.h>

#include "cmd/endpoint.h"
#include "cmd/feed.h"
#include "cmd/key.h"
#include "cmd/options.h"
#include "cmd/reason.h"
#include "cmd/renew.h"
#include "cmd/servers.h"
#include "cmd/state.h"
#include "cmd/trust.h"
#include "cmd/wrap.h"
#include "core/ticket.h"
#include "net/forwarder.h"

#define CONNECT_TIMEOUT 30 /* seconds */

/* What was asked for on the command line. */
struct connect_options {
	struct endpoint listen;
	uint32_t timeout; /* seconds */
	uint32_t flows_max;
	bool no_relay;
	bool no_moderation;
	uint32_t busy_poll; /* us; 0: not */
	bool no_port_mapping;
	enum effort effort; /* for a direct path */
	const char *ca;     /* file, or NULL */
	bool no_local_candidates;
	bool ticketed; /* else by key */
	struct ticket ticket;
	struct key key;
};

struct connect {
	struct connect_options options;
	struct servers servers;
	struct state state;
	struct credentials credentials;
	uint8_t identity[CRYPTO_KEY_SIZE];
	char fingerprint[SERVICE_NAME_MAX]; /* of it, as hosts' logs show it */
	struct ev_loop *loop;
	struct guest_driver *driver;
	struct tls_context *tls;
	char host[SERVERS_NAME_MAX]; /* what a certificate has to bear */
	struct renew renew;          /* follows the names of servers */
	ev_timer timeout;            /* until the first connection */
	bool connected;              /* now; before an event that is being told */
	bool was_connected;          /* ever */
	ev_tstamp lost_at;           /* when the last connection was lost */
	bool asked;                  /* this attempt's asking was said */
	bool found;                  /* and that the host was found */
	bool anew;                   /* it asks since it has no path, or doubts it */
	struct addr direct;  /* of the connection; family ADDR_NONE if relayed or lost */
	uint8_t heard;       /* transports that a rendezvous answered by, as a set */
	enum exit_code code; /* what the loop ended with */
	struct wrap wrap;    /* the command to run, if there is one */
	struct feed feed;    /* --json */
	ev_signal usr1;      /* asks for the counters */
	uint32_t refusal;    /* the host's, since it was connected; said once */
	struct reason_facts facts; /* why it stays on the relay, if it does */
	/* What each server refused with, or the version it spoke: said once. */
	uint32_t complaint[SERVERS_MAX];
};

/* connect_options.c: reads the command line; the ticket or key with it. Returns false
 * when o->code is to be returned. */
bool connect_parse(struct connect *c, struct options *o, int argc, char **argv);

/* connect_log.c: says what happened. */
void connect_tell(struct connect *c, const struct event *event);

/* connect_json.c: says it to programs. */
void connect_feed_listening(struct connect *c, const struct addr *bound, size_t count);
void connect_feed(struct connect *c, const struct event *event);
void connect_feed_mapping(struct connect *c, const struct portmap_event *event);
void connect_feed_counters(struct connect *c);
/* The names of rendezvous stand for other addresses than before. */
void connect_feed_renamed(struct connect *c);
void connect_feed_failed(struct connect *c, const char *why);

#endif
