/* SPDX-License-Identifier: MIT */
/* The rendezvous: keeps leases of hosts, introduces guests to them, answers bare STUN.
 * Shaped as host.h says. It sends to an address only what that address asked for and proved
 * by a cookie, never more bytes than the question had (introductions go to hosts that hold
 * a lease). */
#ifndef EYELET_CORE_RENDEZVOUS_H
#define EYELET_CORE_RENDEZVOUS_H

#include "core/event.h"
#include "core/path.h"
#include "core/relay.h"
#include "core/verdict.h"

struct rendezvous;

#define RENDEZVOUS_PORT        3478
#define RENDEZVOUS_LEASE       15 /* seconds a lease is granted for */
#define RENDEZVOUS_PUBLICS_MAX 8
#define RENDEZVOUS_HOSTS_MAX   8 /* instances of one service */

/* Listen addresses, with 32 further ports each. */
#define RENDEZVOUS_SOCKETS_MAX (8 * 33)

struct rendezvous_config {
	struct entropy entropy;
	/* Addresses it goes by beyond those its sockets receive at (1:1 NAT). A dialled
	 * address is accepted if it is the receiving one, one of these, or, with none of
	 * these given and a private receiving address, any of the same port. */
	struct addr publics[RENDEZVOUS_PUBLICS_MAX];
	size_t public_count;
	uint16_t alt_base; /* bit i of alt_mask: it also answers on port alt_base + i */
	uint32_t alt_mask;
	bool stun;             /* answer bare STUN Binding requests */
	bool private;          /* only services told by rendezvous_allow */
	uint32_t services_max; /* default 1,000,000 */
	uint32_t attempts_max; /* default 16,384 */
	uint32_t
		attempt_rate; /* new attempts a second per network and per service, 200 */
	uint32_t attempt_burst; /* 1,000 */
	uint32_t
		stun_rate; /* bare answers a second per network, 20; in all 50 times that */
	/* Default: 16,384 channels, 1.25 MB/s over one, 125 MB/s over all. */
	struct relay_limits relay;
};

void rendezvous_config_init(struct rendezvous_config *config);
struct rendezvous *rendezvous_new(const struct rendezvous_config *config, uint64_t now);
void rendezvous_free(struct rendezvous *r);

/* Bytes a full table of services takes, for the line printed at start. */
size_t rendezvous_memory(const struct rendezvous_config *config);

/* Tells of a socket and where it is bound, listens first, so that STUN can be answered from
 * another port than was asked (RFC 5780's CHANGE-REQUEST; without, such questions are
 * dropped). Those above RENDEZVOUS_SOCKETS_MAX are ignored. */
void rendezvous_add_socket(
	struct rendezvous *r, uint32_t number, const struct addr *bound);

/* A router forwards that address to its first socket, so it goes by it as well; NULL: not any
 * more. */
void rendezvous_set_mapped(struct rendezvous *r, const struct addr *mapped);

/* Lists a service of a private rendezvous. forget_allowed empties the list first (leases
 * stay until they run out). Returns false if memory ran out. */
bool rendezvous_allow(struct rendezvous *r, const uint8_t service[32]);
void rendezvous_forget_allowed(struct rendezvous *r);

/* Takes one datagram; path->local must be the address it was sent to. */
enum verdict rendezvous_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now);
/* Takes a datagram that channel_is(). VERDICT_DELIVER: it is to be sent, just as it is, by
 * *to. */
enum verdict rendezvous_relay(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now, struct path *to);
bool rendezvous_output(struct rendezvous *r, struct datagram *d, uint64_t now);
void rendezvous_expire(struct rendezvous *r, uint64_t now);
uint64_t rendezvous_next_timeout(const struct rendezvous *r);
bool rendezvous_next_event(struct rendezvous *r, struct event *event);

struct rendezvous_counts {
	struct verdict_counts verdicts;
	uint64_t registrations, refreshes, asks, introductions, answers, stun, refusals;
	uint64_t signatures;             /* verified, right or wrong */
	uint64_t relayed, relayed_bytes; /* datagrams */
	uint64_t relay_dropped;          /* for the limits' sake */
	uint64_t relay_refused;          /* channels that were not opened, likewise */
	uint32_t services, hosts, attempts, channels;
};
void rendezvous_get_counts(const struct rendezvous *r, struct rendezvous_counts *counts);

#endif
