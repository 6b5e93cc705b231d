/* SPDX-License-Identifier: MIT */
/* The guest: asks for the service, punches, keeps one session with its host and the flows
 * of the local application's sockets. Shaped as host.h says. */
#ifndef EYELET_CORE_GUEST_H
#define EYELET_CORE_GUEST_H

#include "core/candidate.h"
#include "core/event.h"
#include "core/flow.h"
#include "core/path.h"
#include "core/secrets.h"
#include "core/spray.h"
#include "core/verdict.h"

struct guest;

#define GUEST_SERVERS_MAX 48 /* 16, by each transport */
#define GUEST_SOCKETS_MAX 8
#define GUEST_LOCALS_MAX  8
/* Sockets for many ports at once, and those of them that won, have the numbers from
 * GUEST_SOCKETS_MAX on. */
#define GUEST_SPRAY_SOCKETS (SPRAY_SOCKETS + 2)
#define GUEST_SOCKETS_ALL   (GUEST_SOCKETS_MAX + GUEST_SPRAY_SOCKETS)
#define GUEST_HOSTS_MAX     4 /* hosts of one service tried at once */

struct guest_config {
	struct entropy entropy;
	const struct credentials *credentials; /* copied */
	uint8_t identity[32];                  /* X25519 secret of this guest */
	/* Rendezvous, each as dialled: by UDP, then those by streams. */
	struct addr servers[GUEST_SERVERS_MAX];
	size_t server_count;
	struct addr listens[2]; /* own listen addresses, never sent to */
	uint8_t ciphers;        /* set of enum cipher */
	uint32_t flows_max;     /* local application sockets, default 256 */
	bool no_relay;          /* only ever a direct path */
	enum effort effort;     /* for a direct path; default low: no further sockets */
	/* Own interface addresses are told nobody; they still judge the host's candidates. */
	bool no_local_candidates;
	/* The host is asked where it is, and no more: it gets no hello, there is no session. */
	bool ask_only;
};

void guest_config_init(struct guest_config *config);
struct guest *guest_new(const struct guest_config *config, uint64_t now);
void guest_free(struct guest *g);

/* As host_add_socket. The first attempt begins when guest_start is called. */
void guest_add_socket(
	struct guest *g, uint32_t number, const struct addr *bound, uint64_t now);
void guest_set_locals(struct guest *g, const struct addr *locals, size_t count);
/* As host_set_mapped; trials that begin from now on offer it. */
void guest_set_mapped(struct guest *g, uint32_t number, const struct addr *mapped);
void guest_start(struct guest *g, uint64_t now);

/* Other addresses of rendezvous than before (names resolved anew); an attempt under way
 * begins again. */
void guest_set_servers(
	struct guest *g, const struct addr *servers, size_t count, uint64_t now);

/* Returns the flow of that application address, a new one if need be; NULL if there are too
 * many. */
struct flow *guest_flow(struct guest *g, const struct addr *app, uint64_t now);

enum verdict guest_input(struct guest *g, const struct path *path, uint8_t *buf,
	size_t len, uint64_t now, struct delivery *delivery);
void guest_icmp(struct guest *g, const struct path *path, const struct addr *offender,
	uint8_t type, uint8_t code, const uint8_t *quoted, size_t quoted_len,
	uint64_t now);

bool guest_connected(const struct guest *g);
/* True if it is, and over a relay. */
bool guest_relayed(const struct guest *g);

/* As host_parts and host_seal; 0 while not connected: the caller queues (core/queue.h). */
unsigned guest_parts(const struct guest *g, const struct flow *flow, size_t len);
size_t guest_seal(struct guest *g, struct flow *flow, unsigned part, unsigned parts,
	const uint8_t *payload, size_t len, uint8_t *out, struct path *path,
	uint64_t now);

/* The machine's own addresses or routes changed: the path is checked at once. */
void guest_network_changed(struct guest *g, uint64_t now);

bool guest_output(struct guest *g, struct datagram *d, uint64_t now);
void guest_expire(struct guest *g, uint64_t now);
uint64_t guest_next_timeout(const struct guest *g);
bool guest_next_event(struct guest *g, struct event *event);

/* Says goodbye to the host: output gives what is to be sent. */
void guest_shutdown(struct guest *g, uint64_t now);

/* What was seen while connecting: the stuff of the final sentence and exit code. */
struct guest_progress {
	uint32_t tries;                /* attempts begun since last connected */
	bool rendezvous_heard;         /* any rendezvous answered */
	bool no_service;               /* the last word of a rendezvous was NO_SERVICE */
	uint8_t refused_by_rendezvous; /* last other enum refusal, or 0 */
	bool service_found;            /* a rendezvous knew the service */
	bool host_answered;            /* the host answered through the rendezvous */
	uint8_t refused;               /* enum host_refusal, or 0 */
	uint8_t version;    /* a version other than ours that somebody spoke, or 0 */
	unsigned addresses; /* tried in the last attempt */
	/* What is known of both networks now; mapping unknown before it was measured or
	 * told. */
	struct network ours, theirs;
};
void guest_get_progress(const struct guest *g, struct guest_progress *progress);

/* What the host told that answered first in the attempt under way. */
struct guest_host {
	struct addr seen;             /* by its rendezvous */
	struct candidates candidates; /* as offered, tried or not */
	struct network network;       /* mapping unknown if it has not measured it */
	bool relay;                   /* there is one */
};
/* Returns false if none has answered. */
bool guest_get_host(const struct guest *g, struct guest_host *host);

struct guest_counts {
	struct verdict_counts verdicts;
	uint64_t datagrams_out, bytes_out, datagrams_in,
		bytes_in; /* payloads, all sessions */
	uint64_t lost_in; /* the host's frames that did not come, or came too late */
	uint64_t rtt;     /* ns, of the last ping */
};
void guest_get_counts(const struct guest *g, struct guest_counts *counts);

#endif
