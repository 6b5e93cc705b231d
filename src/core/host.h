/* SPDX-License-Identifier: MIT */
/* The host: holds leases at rendezvous, meets guests, keeps their sessions and flows.
 *
 * The shape is that of all three machines: input, output, expire, next_timeout, next_event;
 * nothing happens in between, and nothing is sent but what host_output gives. `now` is in
 * nanoseconds and never goes back. */
#ifndef EYELET_CORE_HOST_H
#define EYELET_CORE_HOST_H

#include "core/event.h"
#include "core/flow.h"
#include "core/path.h"
#include "core/secrets.h"
#include "core/spray.h"
#include "core/verdict.h"

struct host;
struct session;

/* Why a host refuses a guest: name, value, sentence. */
#define HOST_REFUSAL_MAP(X)                                                              \
	X(FULL, 1, "the host has as many guests as it takes")                            \
	X(CIPHER, 2, "host and guest have no cipher in common")                          \
	X(DENIED, 3, "the host does not let this guest in")                              \
	X(HALF_OPEN, 4, "the host is in the middle of as many handshakes as it takes")   \
	X(NETWORK, 5, "the host has as many guests of this network as it takes")

enum host_refusal {
#define X(name, value, text) HOST_REFUSAL_##name = value,
	HOST_REFUSAL_MAP(X)
#undef X
};
const char *host_refusal_text(uint8_t code);

/* Rendezvous addresses: 16, by each transport. Each takes 432 bytes, and 32 in each attempt:
 * 4 MB more than 16 would, with as many attempts as there may be. */
#define HOST_SERVERS_MAX 48
#define HOST_SOCKETS_MAX 8
#define HOST_LOCALS_MAX  8
/* Sockets for many ports at once, and those of them that won, have the numbers from
 * HOST_SOCKETS_MAX on. */
#define HOST_SPRAY_SOCKETS (2 * SPRAY_SOCKETS)
#define HOST_SOCKETS_ALL   (HOST_SOCKETS_MAX + HOST_SPRAY_SOCKETS)

struct host_config {
	struct entropy entropy;
	const struct service *service; /* copied */
	/* Rendezvous, each as dialled: by UDP, then those by streams. */
	struct addr servers[HOST_SERVERS_MAX];
	size_t server_count;
	struct addr publics[2]; /* configured addresses (--public), or none */
	struct addr targets[2]; /* never punched; or none */
	uint8_t ciphers;        /* set of enum cipher this machine runs well */
	uint32_t guests_max;    /* identities connected at once */
	uint32_t network_max; /* sessions of one network (addr_network), half-open too */
	uint32_t flows_max;   /* per guest, at most 65,535 */
	uint32_t sockets_max; /* flows of all guests: each takes a descriptor */
	uint32_t half_open_max;   /* sessions not yet confirmed, in all; a quarter of them
				   at most of one network, HOST_HALF_OPEN_MAX of one guest */
	bool no_local_candidates; /* own interface addresses are told nobody */
	enum effort effort;       /* for a direct path; default low: no further sockets */
};

#define HOST_HALF_OPEN_MAX 8 /* as many as lost welcomes may leave in 10 s */

/* Fills in the limits' defaults: 16,384 guests, 1,024 of one network, 256 flows each and
 * 65,536 in all, 1,024 half-open. */
void host_config_init(struct host_config *config);

/* Returns NULL if memory ran out. */
struct host *host_new(const struct host_config *config, uint64_t now);
void host_free(struct host *h);

/* A public socket the driver opened: its number (below HOST_SOCKETS_MAX, 0 and 1 for the
 * first two, else the event's) and the address it is bound to, with the real port. The
 * newest of a family becomes its default: leases and new guests use it. */
void host_add_socket(
	struct host *h, uint32_t number, const struct addr *bound, uint64_t now);

/* Own interface addresses (ports ignored), the best first; replaces those told before. */
void host_set_locals(struct host *h, const struct addr *locals, size_t count);

/* A router forwards mapped to that socket from now on; NULL: nothing any more. It is offered
 * to guests, and the socket stays open meanwhile. */
void host_set_mapped(
	struct host *h, uint32_t number, const struct addr *mapped, uint64_t now);

/* Whether a guest may connect; one that is connected and may not any more is sent away.
 * forget_policies makes all unknown again; guests without a policy of their own follow
 * allow_unknown (true at first). */
void host_set_guest_policy(
	struct host *h, const uint8_t identity[32], bool allowed, uint64_t now);
void host_forget_policies(struct host *h);
void host_allow_unknown(struct host *h, bool allow_unknown, uint64_t now);

/* Other addresses of rendezvous than before (names resolved anew): leases at those that stay
 * are kept. */
void host_set_servers(
	struct host *h, const struct addr *servers, size_t count, uint64_t now);

/* A guest known from an earlier run, by identity and number (1..4,194,302). */
void host_know_guest(struct host *h, const uint8_t identity[32], uint32_t number);

/* Takes one datagram from a public socket, buf being writable and used in place.
 * VERDICT_DELIVER fills *delivery: the payload is for the target. */
enum verdict host_input(struct host *h, const struct path *path, uint8_t *buf, size_t len,
	uint64_t now, struct delivery *delivery);

/* An ICMP error came in for a datagram sent to path->remote: type and code of ICMP, the
 * router that sent it, and the start of the datagram's payload. A hint: nothing of it is
 * believed but the place of a TTL probe. */
void host_icmp(struct host *h, const struct path *path, const struct addr *offender,
	uint8_t type, uint8_t code, const uint8_t *quoted, size_t quoted_len,
	uint64_t now);

/* Returns how many frames a payload of len bytes takes on the way to the flow's guest. */
unsigned host_parts(const struct flow *flow, size_t len);

/* Seals part (0 .. parts - 1, in turn) of one datagram from the target into out, with room
 * for len + FRAME_OVERHEAD_MAX bytes, and gives its path. Returns the frame's length; 0 if
 * the guest is not connected now (the datagram is dropped and counted). */
size_t host_seal(struct host *h, struct flow *flow, unsigned part, unsigned parts,
	const uint8_t *payload, size_t len, uint8_t *out, struct path *path,
	uint64_t now);

/* The machine's own addresses or routes changed: leases and paths are checked at once. */
void host_network_changed(struct host *h, uint64_t now);

bool host_output(struct host *h, struct datagram *d, uint64_t now);
void host_expire(struct host *h, uint64_t now);
uint64_t host_next_timeout(const struct host *h);
bool host_next_event(struct host *h, struct event *event);

/* Says goodbye to all guests and ends the leases: output gives what is to be sent. */
void host_shutdown(struct host *h, uint64_t now);

struct host_counts {
	struct verdict_counts verdicts;
	uint64_t hellos, handshakes; /* hellos with a right MAC; X25519 handshakes done */
	uint64_t dropped_out;        /* target's datagrams for a guest not connected */
	uint64_t
		unproved_bytes; /* bytes sent to addresses nothing had proved (punches) */
	uint32_t guests, half_open, attempts;
};
void host_get_counts(const struct host *h, struct host_counts *counts);

/* A connected guest. */
struct host_guest {
	uint8_t identity[32];
	uint32_t number, flows;
	struct path path;
	uint64_t span; /* ns since it asked */
	uint64_t rtt;  /* ns, of the last ping; 0 before */
	uint64_t datagrams_out, bytes_out, datagrams_in, bytes_in; /* payloads */
	uint64_t lost_in; /* frames of the guest's that did not come, or came too late */
	uint64_t rekeys, moves; /* of this session */
};
/* Fills list with at most max guests. Returns how many. */
size_t host_list_guests(
	const struct host *h, struct host_guest *list, size_t max, uint64_t now);

#endif
