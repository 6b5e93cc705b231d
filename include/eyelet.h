/* SPDX-License-Identifier: MIT */
/* libeyelet: a path through the NATs between two machines, for any UDP application.
 *
 * The library has two parts, and a program may use either.
 *
 * Passive (eyelet_guest, eyelet_host, eyelet_rendezvous): the protocol alone. It opens no
 * socket, reads no clock, draws no randomness, calls nobody back: nothing happens unless you
 * call. You hand it datagrams and the time, and ask it for datagrams, events and the next
 * deadline:
 *
 *	on a datagram:   X_input; then the round below
 *	at the deadline: X_expire; then the round below
 *	the round:       while (X_output) send; while (X_next_event) handle, until neither has
 *	                 any; then sleep until X_next_timeout
 *
 * Active (eyelet_connect, eyelet_serve, eyelet_serve_rendezvous): a forwarder with sockets
 * on a libev loop of yours, or in a thread of its own.
 *
 * All over the library: functions that can fail return 0 (EYELET_OK) or more, or a negative
 * EYELET_E...; pointers are not NULL unless said otherwise; what a parameter points to stays
 * the caller's and is copied if it is kept. Time is in nanoseconds of any clock that never
 * goes back, and had better count suspend (eyelet_now); a deadline that does not come is
 * EYELET_NEVER. Two objects may be used by two threads at once; one object may not, but for
 * what is said at eyelet_forwarder. */
#ifndef EYELET_H
#define EYELET_H

#include "eyelet_basics.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Flows. */

/* One local application socket's traffic. Flows belong to their guest or host and outlive
 * sessions; each lives until its FLOW_CLOSED event is told (5 minutes idle), or its owner is
 * freed. */

/* Return the id on the wire, the host's number of the guest (host only, else 0), and the
 * application's address (guest only, else of no family). */
EYELET_API uint16_t eyelet_flow_id(const struct eyelet_flow *flow);
EYELET_API uint32_t eyelet_flow_guest(const struct eyelet_flow *flow);
EYELET_API struct eyelet_addr eyelet_flow_app(const struct eyelet_flow *flow);

/* A pointer of the passive part's user, NULL at first. */
EYELET_API void *eyelet_flow_user(const struct eyelet_flow *flow);
EYELET_API void eyelet_flow_set_user(struct eyelet_flow *flow, void *user);

/* A payload on its way to an application. */
struct eyelet_delivery {
	struct eyelet_flow *flow;
	/* In the input's buffer; or the library's, valid until the next call with the same
	 * object. */
	uint8_t *payload;
	size_t len; /* bytes, 0..EYELET_PAYLOAD_MAX */
};

/* The guest, passive. */

struct eyelet_guest;

#define EYELET_RENDEZVOUS_MAX 16 /* addresses to meet at */
#define EYELET_SOCKETS_MAX    8  /* public sockets, numbered from 0 */
#define EYELET_LOCALS_MAX     8

#define EYELET_CIPHER_CHACHA20_POLY1305 1 /* RFC 8439 */
#define EYELET_CIPHER_AES_256_GCM       2 /* NIST SP 800-38D */

struct eyelet_guest_config {
	struct eyelet_entropy entropy; /* required */
	/* Required; copied; the text of its servers is not read. */
	const struct eyelet_ticket *ticket;
	/* 32 random bytes, secret, the same in each run: a host numbers its guests by it. */
	uint8_t identity[EYELET_KEY_SIZE];
	struct eyelet_addr servers[EYELET_RENDEZVOUS_MAX]; /* each as dialled */
	uint32_t server_count;
	struct eyelet_addr listens[2]; /* own addresses for applications: never sent to */
	uint32_t flows_max;            /* 1..65,535; default 256 */
	/* Set of EYELET_CIPHER_...; default: ChaCha20-Poly1305, and AES where this processor
	 * has instructions for it. */
	uint8_t ciphers;
	bool no_relay; /* take a direct path only; default false */
	/* Tell the host no address of an own interface; default false. */
	bool no_local_candidates;
	uint8_t reserved[25]; /* 0 */
};

/* Zeroes all and fills in the defaults. */
EYELET_API void eyelet_guest_config_init(struct eyelet_guest_config *config);

/* Makes a guest. EYELET_EINVAL, EYELET_ENOMEM; *guest is then NULL. */
EYELET_API int eyelet_guest_new(struct eyelet_guest **guest,
	const struct eyelet_guest_config *config, uint64_t now);
/* Forgets everything, silently (see eyelet_guest_shutdown), and wipes its secrets; its flows
 * are gone. Nothing happens for NULL. */
EYELET_API void eyelet_guest_free(struct eyelet_guest *guest);

/* Tells of a public socket: its number (0 and 1 for the first two, else that of the
 * SOCKET_WANTED event) and the address it is bound to, with the real port. EYELET_EINVAL for
 * other numbers, or no family. */
EYELET_API int eyelet_guest_add_socket(struct eyelet_guest *guest, uint32_t number,
	const struct eyelet_addr *bound, uint64_t now);

/* Tells the own interface addresses, ports ignored, best first; replaces those told before;
 * further than EYELET_LOCALS_MAX are ignored. */
EYELET_API void eyelet_guest_set_locals(
	struct eyelet_guest *guest, const struct eyelet_addr *locals, size_t count);

/* Tells that a router forwards mapped to the socket of that number from now on, or nothing any
 * more (NULL); it is offered to the host. EYELET_EINVAL for other numbers. */
EYELET_API int eyelet_guest_set_mapped(
	struct eyelet_guest *guest, uint32_t number, const struct eyelet_addr *mapped);

/* Begins to ask; to be called once, after the first sockets were told. */
EYELET_API void eyelet_guest_start(struct eyelet_guest *guest, uint64_t now);

/* Finds the flow of an application's address, or makes it. NULL at the limit, or if memory
 * ran out. */
EYELET_API struct eyelet_flow *eyelet_guest_flow(
	struct eyelet_guest *guest, const struct eyelet_addr *app, uint64_t now);

/* Takes one datagram of len bytes that came in over path; buf is used in place and its
 * contents are lost. EYELET_VERDICT_DELIVER fills *delivery; any other leaves it alone. */
EYELET_API enum eyelet_verdict eyelet_guest_input(struct eyelet_guest *guest,
	const struct eyelet_path *path, uint8_t *buf, size_t len, uint64_t now,
	struct eyelet_delivery *delivery);

/* Tells of an ICMP error for a datagram sent to path->remote: type and code of ICMP (ICMPv6
 * on an IPv6 path), the router that sent it, the start of the datagram's payload. A hint. */
EYELET_API void eyelet_guest_icmp(struct eyelet_guest *guest,
	const struct eyelet_path *path, const struct eyelet_addr *offender, uint8_t type,
	uint8_t code, const uint8_t *quoted, size_t quoted_len, uint64_t now);

EYELET_API bool eyelet_guest_connected(const struct eyelet_guest *guest);
/* True if it is, and over a relay. */
EYELET_API bool eyelet_guest_relayed(const struct eyelet_guest *guest);

/* Returns in how many parts a payload of len bytes travels: as many as keep each within what
 * the path carries, which is found while it is used (RFC 8899), so ask anew for each datagram;
 * 1 if not connected; 0 if len is above EYELET_PAYLOAD_MAX. */
EYELET_API unsigned eyelet_guest_parts(
	const struct eyelet_guest *guest, const struct eyelet_flow *flow, size_t len);

/* Seals one of the parts (1 or more, as eyelet_guest_parts said, the same for all of them) of
 * an application datagram of len bytes: part is 0 .. parts - 1, each in turn, with no other
 * datagram sealed in between. out gets len / parts + 1 + EYELET_OVERHEAD bytes at most and does
 * not overlap payload; *path is where to send them. Returns how many. EYELET_ENOTCONN, with
 * *path untouched, if none may be sent now: not connected (the caller may keep the datagram
 * for later), or the other end's address is not proved yet and got as much as came from it.
 * EYELET_EINVAL if part, parts or len is out of range, or len too short for so many parts. */
EYELET_API int eyelet_guest_seal(struct eyelet_guest *guest, struct eyelet_flow *flow,
	unsigned part, unsigned parts, const uint8_t *payload, size_t len, uint8_t *out,
	struct eyelet_path *path, uint64_t now);

/* Tells that the own addresses or routes changed: the path is checked at once instead of after
 * a silence. New addresses are told by eyelet_guest_set_locals. */
EYELET_API void eyelet_guest_network_changed(struct eyelet_guest *guest, uint64_t now);

/* Takes the next datagram to be sent. Returns false if there is none. */
EYELET_API bool eyelet_guest_output(
	struct eyelet_guest *guest, struct eyelet_datagram *datagram, uint64_t now);
/* Does what has become due. */
EYELET_API void eyelet_guest_expire(struct eyelet_guest *guest, uint64_t now);
/* Returns when eyelet_guest_expire is to be called, ns; EYELET_NEVER; may be past. */
EYELET_API uint64_t eyelet_guest_next_timeout(const struct eyelet_guest *guest);
/* Takes the next event. Returns false if there is none. Events for the user's information are
 * lost, oldest first, if more than 128 wait. */
EYELET_API bool eyelet_guest_next_event(
	struct eyelet_guest *guest, struct eyelet_event *event);

/* Ends the session: eyelet_guest_output then gives a goodbye. */
EYELET_API void eyelet_guest_shutdown(struct eyelet_guest *guest, uint64_t now);

/* What was seen since the guest was last connected, or made: why it is not. */
struct eyelet_guest_progress {
	uint32_t tries;        /* attempts begun */
	uint32_t addresses;    /* of the host, tried in the last attempt */
	bool rendezvous_heard; /* any rendezvous answered */
	bool no_service;       /* its last word was that it knows no such service */
	bool service_found;    /* a rendezvous knew the service */
	bool host_answered;    /* the host answered through the rendezvous */
	uint8_t refused_by_rendezvous; /* for eyelet_refusal_text; 0 none */
	uint8_t refused;               /* for eyelet_host_refusal_text; 0 none */
	uint8_t version;               /* other than ours, that somebody spoke; 0 none */
	uint8_t reserved[9];
};
EYELET_API void eyelet_guest_get_progress(
	const struct eyelet_guest *guest, struct eyelet_guest_progress *progress);

struct eyelet_guest_counts {
	uint64_t verdicts[EYELET_VERDICTS_MAX]; /* inputs by enum eyelet_verdict */
	uint64_t datagrams_out, bytes_out, datagrams_in, bytes_in; /* payloads */
	uint64_t rtt;     /* ns, of the last ping; 0 unknown */
	uint64_t lost_in; /* the host's frames that did not come, or came too late */
	uint64_t reserved[3];
};
EYELET_API void eyelet_guest_get_counts(
	const struct eyelet_guest *guest, struct eyelet_guest_counts *counts);

/* The host, passive. */

struct eyelet_host;

struct eyelet_host_config {
	struct eyelet_entropy entropy;                     /* required */
	const struct eyelet_service *service;              /* required; copied */
	struct eyelet_addr servers[EYELET_RENDEZVOUS_MAX]; /* each as dialled */
	uint32_t server_count;
	uint32_t guests_max;           /* connected at once; default 16,384 */
	uint32_t flows_max;            /* per guest, 1..65,535; default 256 */
	uint32_t half_open_max;        /* sessions not yet confirmed; default 1,024 */
	uint32_t network_max;          /* sessions of one /24 or /56; default 1,024 */
	uint32_t sockets_max;          /* flows of all guests; default 65,536 */
	struct eyelet_addr publics[2]; /* own ones by configuration, or none */
	struct eyelet_addr targets[2]; /* never punched; or none */
	uint8_t ciphers;               /* as the guest's */
	bool no_local_candidates;      /* likewise: tell no guest */
	uint8_t reserved[22];          /* 0 */
};

/* As those of the guest, but for what is said here. */
EYELET_API void eyelet_host_config_init(struct eyelet_host_config *config);
EYELET_API int eyelet_host_new(
	struct eyelet_host **host, const struct eyelet_host_config *config, uint64_t now);
EYELET_API void eyelet_host_free(struct eyelet_host *host);
/* The newest socket of a family is the one that leases and new guests use. */
EYELET_API int eyelet_host_add_socket(struct eyelet_host *host, uint32_t number,
	const struct eyelet_addr *bound, uint64_t now);
EYELET_API void eyelet_host_set_locals(
	struct eyelet_host *host, const struct eyelet_addr *locals, size_t count);

/* The socket stays open meanwhile; else as that of the guest. */
EYELET_API int eyelet_host_set_mapped(struct eyelet_host *host, uint32_t number,
	const struct eyelet_addr *mapped, uint64_t now);

/* Tells of a guest known from an earlier run, by public identity and number
 * (1..4,194,302), as the GUEST_NEW event told. EYELET_EINVAL. */
EYELET_API int eyelet_host_know_guest(struct eyelet_host *host,
	const uint8_t identity[EYELET_KEY_SIZE], uint32_t number);

EYELET_API enum eyelet_verdict eyelet_host_input(struct eyelet_host *host,
	const struct eyelet_path *path, uint8_t *buf, size_t len, uint64_t now,
	struct eyelet_delivery *delivery);
EYELET_API void eyelet_host_icmp(struct eyelet_host *host, const struct eyelet_path *path,
	const struct eyelet_addr *offender, uint8_t type, uint8_t code,
	const uint8_t *quoted, size_t quoted_len, uint64_t now);
/* To the guest of that flow, which is one of this host's. */
EYELET_API unsigned eyelet_host_parts(const struct eyelet_flow *flow, size_t len);
/* EYELET_ENOTCONN, too, is counted as a datagram dropped: a host keeps none for later. */
EYELET_API int eyelet_host_seal(struct eyelet_host *host, struct eyelet_flow *flow,
	unsigned part, unsigned parts, const uint8_t *payload, size_t len, uint8_t *out,
	struct eyelet_path *path, uint64_t now);
/* The leases too are checked at once. */
EYELET_API void eyelet_host_network_changed(struct eyelet_host *host, uint64_t now);
EYELET_API bool eyelet_host_output(
	struct eyelet_host *host, struct eyelet_datagram *datagram, uint64_t now);
EYELET_API void eyelet_host_expire(struct eyelet_host *host, uint64_t now);
EYELET_API uint64_t eyelet_host_next_timeout(const struct eyelet_host *host);
EYELET_API bool eyelet_host_next_event(
	struct eyelet_host *host, struct eyelet_event *event);
/* Ends all sessions and leases. */
EYELET_API void eyelet_host_shutdown(struct eyelet_host *host, uint64_t now);

struct eyelet_host_counts {
	uint64_t verdicts[EYELET_VERDICTS_MAX];
	uint64_t hellos, handshakes; /* hellos with a right MAC; X25519 handshakes done */
	uint64_t dropped_out;        /* datagrams for a guest that was not connected */
	uint64_t unproved_bytes;     /* sent to addresses nothing had proved (punches) */
	uint32_t guests, half_open, attempts; /* now */
	uint32_t reserved[9];
};
EYELET_API void eyelet_host_get_counts(
	const struct eyelet_host *host, struct eyelet_host_counts *counts);

/* The rendezvous, passive. */

struct eyelet_rendezvous;

#define EYELET_RENDEZVOUS_PORT 3478
#define EYELET_PUBLICS_MAX     8

struct eyelet_rendezvous_config {
	struct eyelet_entropy entropy; /* required */
	/* Addresses it goes by beyond those its sockets receive at (1:1 NAT); with none of
	 * them, and a private receiving address, any of the same port is accepted. */
	struct eyelet_addr publics[EYELET_PUBLICS_MAX];
	uint32_t public_count;
	uint32_t alt_mask; /* bit i: it also answers on port alt_base + i */
	uint16_t alt_base;
	bool stun;              /* answer bare STUN Binding requests; default true */
	bool listed_only;       /* serve only services told by eyelet_rendezvous_allow */
	uint32_t services_max;  /* default 1,000,000 */
	uint32_t attempts_max;  /* default 16,384 */
	uint32_t attempt_rate;  /* new attempts a second per network and service, 200 */
	uint32_t attempt_burst; /* 1,000 */
	/* STUN answers a second per network, 20; in all 50 times as many */
	uint32_t stun_rate;
	uint32_t relay_max;      /* channels at once, 0 for no relay; default 16,384 */
	uint32_t relay_rate;     /* bytes a second over one, both ways; 1,250,000 */
	uint32_t relay_rate_all; /* bytes a second over all; 125,000,000 */
	uint8_t reserved[20];    /* 0 */
};

EYELET_API void eyelet_rendezvous_config_init(struct eyelet_rendezvous_config *config);
/* Returns the bytes of memory that a full table of services takes. */
EYELET_API size_t eyelet_rendezvous_memory(const struct eyelet_rendezvous_config *config);
/* EYELET_EINVAL, EYELET_ENOMEM; *rendezvous is then NULL. */
EYELET_API int eyelet_rendezvous_new(struct eyelet_rendezvous **rendezvous,
	const struct eyelet_rendezvous_config *config, uint64_t now);
EYELET_API void eyelet_rendezvous_free(struct eyelet_rendezvous *rendezvous);

/* Lists a service by its public key (eyelet_ticket.service). EYELET_ENOMEM. The second
 * empties the list; leases stay until they run out. */
EYELET_API int eyelet_rendezvous_allow(
	struct eyelet_rendezvous *rendezvous, const uint8_t service[EYELET_KEY_SIZE]);
EYELET_API void eyelet_rendezvous_forget_allowed(struct eyelet_rendezvous *rendezvous);

/* path->local must be the address that the datagram was sent to. Never
 * EYELET_VERDICT_DELIVER. What eyelet_rendezvous_is_relayed is not for this one. */
EYELET_API enum eyelet_verdict eyelet_rendezvous_input(
	struct eyelet_rendezvous *rendezvous, const struct eyelet_path *path,
	const uint8_t *buf, size_t len, uint64_t now);
/* True if a datagram came over a channel of the relay: it is for eyelet_rendezvous_relay. */
EYELET_API bool eyelet_rendezvous_is_relayed(const uint8_t *buf, size_t len);
/* Takes such a datagram, with path as above. EYELET_VERDICT_DELIVER: the caller is to send it
 * on now, the same bytes, by *to. Else it goes nowhere, and *to is untouched:
 * EYELET_VERDICT_DROP_UNSOLICITED, there is no such channel; _FORGED, path is none of its two
 * ends; _LIMIT, more than relay_rate or relay_rate_all. */
EYELET_API enum eyelet_verdict eyelet_rendezvous_relay(
	struct eyelet_rendezvous *rendezvous, const struct eyelet_path *path,
	const uint8_t *buf, size_t len, uint64_t now, struct eyelet_path *to);
EYELET_API bool eyelet_rendezvous_output(struct eyelet_rendezvous *rendezvous,
	struct eyelet_datagram *datagram, uint64_t now);
EYELET_API void eyelet_rendezvous_expire(
	struct eyelet_rendezvous *rendezvous, uint64_t now);
EYELET_API uint64_t eyelet_rendezvous_next_timeout(
	const struct eyelet_rendezvous *rendezvous);
EYELET_API bool eyelet_rendezvous_next_event(
	struct eyelet_rendezvous *rendezvous, struct eyelet_event *event);

struct eyelet_rendezvous_counts {
	uint64_t verdicts[EYELET_VERDICTS_MAX];
	uint64_t registrations, refreshes, asks, introductions, answers, stun, refusals;
	uint64_t signatures;             /* verified, right or wrong */
	uint64_t relayed, relayed_bytes; /* datagrams passed on */
	uint64_t relay_dropped;          /* not, for the limits' sake */
	uint64_t relay_refused;          /* channels that were not opened, likewise */
	uint32_t services, hosts, attempts, channels; /* now */
	uint32_t reserved[8];
};
EYELET_API void eyelet_rendezvous_get_counts(const struct eyelet_rendezvous *rendezvous,
	struct eyelet_rendezvous_counts *counts);

/* Active: forwarders. */

/* A guest, a host or a rendezvous with its sockets, on a libev loop.
 *
 * With a loop of the caller's in its configuration, it lives in that loop's thread: it and
 * all functions on it are to be called there, and the loop outlives it. Nothing is sent and
 * nothing told before the loop runs.
 *
 * Without one it makes its own, and waits for eyelet_forwarder_start_thread; from then on the
 * functions below may be called from any thread. */
struct eyelet_forwarder;
struct ev_loop;

/* Calls, in the loop's thread; each may be NULL. They may call anything on the forwarder, and
 * eyelet_forwarder_free too: it is then freed when the loop's present round has ended. With a
 * thread of its own they run while eyelet_forwarder_lock is held. */
struct eyelet_hooks {
	/* An event of enum eyelet_event_type happened; valid until the return. */
	void (*event)(
		void *arg, struct eyelet_forwarder *f, const struct eyelet_event *event);
	/* A rare thing of the sockets' (a target refuses, the kernel limits a buffer, out of
	 * descriptors): one sentence, seldom repeated. */
	void (*notice)(void *arg, struct eyelet_forwarder *f, const char *text);
	void *arg;
};

/* How much is spent on a direct path through NATs that pick a random port per destination. */
enum eyelet_effort {
	EYELET_EFFORT_LOW = 0,    /* nothing beyond the usual attempts */
	EYELET_EFFORT_NORMAL = 1, /* at most 256 sockets and 756 probes at once */
	EYELET_EFFORT_HIGH = 2    /* at most 256 sockets and 2,048 probes */
};

/* Here and in eyelet_serve_config, servers are asked by UDP, and by TCP at the same port where
 * UDP does not get through. */
struct eyelet_connect_config {
	struct ev_loop *loop; /* NULL: its own */
	struct eyelet_hooks hooks;
	const struct eyelet_ticket *ticket; /* required; copied */
	/* As in eyelet_guest_config; all 0: one for this run. */
	uint8_t identity[EYELET_KEY_SIZE];
	struct eyelet_addr servers[EYELET_RENDEZVOUS_MAX];
	uint32_t server_count;         /* 0: the ticket's are resolved */
	uint32_t listen_count;         /* 0: 127.0.0.1 and a port the system picks */
	struct eyelet_addr listens[2]; /* where applications send to; port 0 picks one */
	uint32_t flows_max;            /* 0: 256 */
	bool no_relay;                 /* as in eyelet_guest_config */
	bool no_local_candidates;      /* likewise */
	/* Ask the router, by PCP, NAT-PMP or UPnP-IGD, for a port; default false. What becomes
	 * of that is told by hooks.notice. */
	bool port_mapping;
	uint8_t effort;       /* enum eyelet_effort; default EYELET_EFFORT_NORMAL */
	uint8_t reserved[24]; /* 0 */
};

/* A guest a host met in an earlier run. */
struct eyelet_known_guest {
	uint8_t identity[EYELET_KEY_SIZE]; /* public */
	uint32_t number;
};

struct eyelet_serve_config {
	struct ev_loop *loop;
	struct eyelet_hooks hooks;
	const struct eyelet_service *service; /* required; copied */
	const char *server_names; /* as eyelet_ticket.servers, resolved; or NULL */
	struct eyelet_addr servers[EYELET_RENDEZVOUS_MAX]; /* and these */
	uint32_t server_count;
	uint32_t target_count; /* 1 or 2 */
	/* The application's server: the second where the first refuses. */
	struct eyelet_addr targets[2];
	struct eyelet_addr publics[2]; /* own ones by configuration, or none */
	uint16_t port;                 /* public UDP port; 0 picks one */
	/* Run a rendezvous for this service on the public port (which is then not 0), as its
	 * only one, without a relay. */
	bool inside;
	/* 0: as eyelet_host_config */
	uint32_t guests_max, flows_max, half_open_max, network_max, sockets_max;
	uint32_t known_count;
	const struct eyelet_known_guest *known; /* or NULL */
	/* As in eyelet_connect_config. A rendezvous inside goes by the mapped address as well. */
	bool no_local_candidates, port_mapping;
	uint8_t effort;
	uint8_t reserved[21]; /* 0 */
};

struct eyelet_serve_rendezvous_config {
	struct ev_loop *loop;
	struct eyelet_hooks hooks;
	/* alt_base and alt_mask are filled in; entropy is by default eyelet_random. */
	struct eyelet_rendezvous_config rendezvous;
	struct eyelet_addr listens[8]; /* port 0 picks one */
	uint32_t listen_count;         /* 0: all addresses, port 3478 */
	uint32_t alt;                  /* further ports to answer on, 0..32 */
	uint8_t reserved[32];          /* 0 */
};

/* Zero all, and fill in the defaults. */
EYELET_API void eyelet_connect_config_init(struct eyelet_connect_config *config);
EYELET_API void eyelet_serve_config_init(struct eyelet_serve_config *config);
EYELET_API void eyelet_serve_rendezvous_config_init(
	struct eyelet_serve_rendezvous_config *config);

/* Make a forwarder and open its sockets: of a guest (applications send to its listens), of a
 * host (its guests reach the target), of a rendezvous. Resolving names may take seconds; give
 * addresses where that matters. EYELET_EINVAL, EYELET_ERESOLVE, EYELET_ESOCKET,
 * EYELET_ENOMEM: *f is then NULL, and *why (unless why is NULL) a part of a sentence that says
 * what is wrong, valid until the next call in this thread. */
EYELET_API int eyelet_connect(struct eyelet_forwarder **f,
	const struct eyelet_connect_config *config, const char **why);
EYELET_API int eyelet_serve(struct eyelet_forwarder **f,
	const struct eyelet_serve_config *config, const char **why);
EYELET_API int eyelet_serve_rendezvous(struct eyelet_forwarder **f,
	const struct eyelet_serve_rendezvous_config *config, const char **why);

/* Stops its thread if it has one, says goodbye on the wire, closes the sockets, frees.
 * Nothing happens for NULL. No other thread may use it meanwhile. */
EYELET_API void eyelet_forwarder_free(struct eyelet_forwarder *f);

/* Runs the forwarder's own loop in a new thread, in which all signals are blocked.
 * EYELET_EINVAL with a loop of the caller's, EYELET_EBUSY if it runs, EYELET_ETHREAD. */
EYELET_API int eyelet_forwarder_start_thread(struct eyelet_forwarder *f);

/* Ends the thread and waits for that; sockets and sessions stay, and it may be started again
 * before they die of silence (45 s). From a hook it only asks for the end. EYELET_EINVAL with a
 * loop of the caller's. */
EYELET_API int eyelet_forwarder_stop_thread(struct eyelet_forwarder *f);

/* Waits at most span ns until the guest is connected, or the host was registered for the first
 * time; a rendezvous is ready at once. EYELET_ETIMEDOUT, EYELET_EREFUSED (by the guest's host),
 * EYELET_EINVAL with a loop of the caller's or from a hook. */
EYELET_API int eyelet_forwarder_wait(struct eyelet_forwarder *f, uint64_t span);

/* Give the i-th of its addresses (a guest's or rendezvous' listens, a host's public sockets)
 * with the real port. EYELET_EINVAL past the last. */
EYELET_API int eyelet_forwarder_bound(
	struct eyelet_forwarder *f, size_t i, struct eyelet_addr *addr);

/* Datagrams dropped before there was a path, and at full socket buffers; held for some
 * milliseconds because an application's buffer was full, those of them that were dropped,
 * and those lost at such buffers, as far as was seen. */
struct eyelet_forwarder_counts {
	uint64_t queue_dropped, send_failed;
	uint64_t held, expired, overrun;
	uint64_t reserved[3];
};
EYELET_API void eyelet_forwarder_get_counts(
	struct eyelet_forwarder *f, struct eyelet_forwarder_counts *counts);

/* Keep the forwarder's thread from running in between, so that several calls see one state;
 * they nest. Short, please: nothing is forwarded meanwhile. Without a thread of its own they do
 * nothing of use. */
EYELET_API void eyelet_forwarder_lock(struct eyelet_forwarder *f);
EYELET_API void eyelet_forwarder_unlock(struct eyelet_forwarder *f);

/* Return what the forwarder runs, or NULL if it is another kind; its property. To be used
 * from hooks, or while locked, and only for get_progress, get_counts, connected, allow and
 * forget_allowed. A host's inner rendezvous is not given. */
EYELET_API struct eyelet_guest *eyelet_forwarder_guest(struct eyelet_forwarder *f);
EYELET_API struct eyelet_host *eyelet_forwarder_host(struct eyelet_forwarder *f);
EYELET_API struct eyelet_rendezvous *eyelet_forwarder_rendezvous(
	struct eyelet_forwarder *f);

#ifdef __cplusplus
}
#endif

#endif
