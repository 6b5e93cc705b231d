/* SPDX-License-Identifier: MIT */
/* Candidates (in the sense of RFC 8445): addresses where a peer may be reachable, which of
 * them may be sent to, and how they travel sealed through the rendezvous. */
#ifndef EYELET_CORE_CANDIDATE_H
#define EYELET_CORE_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/addr.h"
#include "core/behaviour.h"
#include "core/message.h"
#include "core/secrets.h"

#define CANDIDATES_MAX 8 /* addresses of one attempt */

enum candidate_kind {
	CANDIDATE_LOCAL = 1,
	CANDIDATE_OBSERVED = 2,
	CANDIDATE_PUBLIC = 3,
	CANDIDATE_MAPPED = 4,   /* a router forwards it, whoever sends there */
	CANDIDATE_PREDICTED = 5 /* where the own NAT may have put us towards the peer */
};

struct candidate {
	struct addr addr;
	uint8_t kind; /* enum candidate_kind */
};

struct candidates {
	struct candidate of[CANDIDATES_MAX];
	unsigned count;
};

/* Adds unless it is there or the list is full, or it is the end of a stream, which nobody
 * else reaches. Returns true if it is new. */
bool candidates_add(
	struct candidates *list, const struct addr *addr, enum candidate_kind kind);

/* True if the list has seen's IP address as an observed one. */
bool candidates_name(const struct candidates *list, const struct addr *seen);

/* True if one of them is a global IPv6 address. */
bool candidates_have_v6(const struct candidates *list);

/* What one side knows of itself, to judge a stranger's candidates by. */
struct vantage {
	const struct addr *servers; /* rendezvous as dialled */
	size_t server_count;
	const struct addr *locals; /* own addresses, ports ignored */
	size_t local_count;
	const struct addr *observed; /* own observed addresses */
	size_t observed_count;
	const struct addr *forbidden; /* own sockets and targets: never sent to */
	size_t forbidden_count;
};

/* True if the vantage may send to addr on the word of a peer observed at peer (family
 * ADDR_NONE if unknown): sendable addresses of UDP; private ones only on-link (same /24 or /64 as
 * an own address), behind the same observed address, or as a rendezvous of our own private
 * network observed them; loopback only if a rendezvous was dialled there, and the peer seen
 * there, which means one machine. What a rendezvous says is believed no further. */
bool candidate_allowed(
	const struct vantage *v, const struct addr *addr, const struct addr *peer);

/* What a guest tells the host in its ask. */
struct guest_offer {
	uint8_t trial; /* 0 for the first attempt, rising: the host punches further */
	struct behaviour behaviour;
	struct candidates candidates;
};

/* What a host tells the guest in its answer. */
struct host_offer {
	uint8_t host_static
		[CRYPTO_KEY_SIZE]; /* X25519 public key, signed by the service */
	struct behaviour behaviour;
	struct candidates candidates;
};

/* Seals into out (PAYLOAD_MAX bytes); returns the length, 0 if memory ran out. In front
 * stand 16 random bytes: from them, the attempt (and the instance) comes a key that serves
 * once. */
size_t guest_offer_seal(uint8_t *out, const struct guest_offer *offer,
	const struct credentials *c, const uint8_t attempt[ID_SIZE],
	const struct entropy *entropy);
bool guest_offer_open(struct guest_offer *offer, const uint8_t *payload, size_t len,
	const struct credentials *c, const uint8_t attempt[ID_SIZE]);
size_t host_offer_seal(uint8_t *out, const struct host_offer *offer,
	const struct service *s, const struct credentials *c,
	const uint8_t attempt[ID_SIZE], uint8_t sequence, const struct entropy *entropy);
/* Returns false too if the service did not sign the static key. */
bool host_offer_open(struct host_offer *offer, const uint8_t *payload, size_t len,
	const struct credentials *c, const uint8_t attempt[ID_SIZE],
	const uint8_t instance[INSTANCE_SIZE], uint8_t sequence);

#endif
