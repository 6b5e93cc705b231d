/* SPDX-License-Identifier: MIT */
/* What a rendezvous remembers: services with the hosts that hold their leases, and attempts
 * of guests with the answers they got. Both bounded; memory of the one never eats the
 * other's.
 *
 * A service with its only host takes REGISTRY_SERVICE_SIZE bytes, so that a million have
 * room; nothing that is done with one depends on how many there are. */
#ifndef EYELET_CORE_REGISTRY_H
#define EYELET_CORE_REGISTRY_H

#include "core/directory.h"
#include "core/doors.h"
#include "core/message.h"
#include "core/path.h"
#include "core/rendezvous.h"
#include "core/room.h"
#include "core/table.h"
#include "core/timers.h"

#define LEASE_SPAN (RENDEZVOUS_LEASE * SECOND)

/* What proves a host's address is not older than that, and orders its leases: one does not go
 * back to an address that was proved before. */
#define REGISTRY_ORDER (120 * SECOND)

/* Times are milliseconds cut to 32 bits, of which those near the present are told apart. */
struct registered_service {
	struct directory_entry entry;    /* by its name, an Ed25519 public key */
	uint8_t asking[CRYPTO_KEY_SIZE]; /* Ed25519 public key of those who may ask */
	uint32_t hosts;                  /* number of the first */
	uint32_t attempts_at;            /* when new attempts were counted last */
	uint32_t attempts;               /* thousandths of one that were left then */
};

/* A host's lease at one of its addresses: by UDP over IPv4, and over IPv6; and by streams,
 * over either, which few have: each stands in a record of its own. A host tries one while it
 * keeps another. */
enum lease_place { LEASE_V4, LEASE_V6, LEASE_TCP, LEASE_TLS, LEASE_PLACES };
#define LEASE_STREAMS (LEASE_PLACES - LEASE_TCP)

#define ATTEMPT_PLACES 6 /* a guest may ask from: by each transport, over IPv4 and IPv6 */
#define STREAMS_MAX    UINT16_MAX

struct lease_v4 {
	uint8_t ip[4];
	uint16_t port;
	uint16_t door; /* 0: there is no lease */
	uint32_t ends_at;
};

struct lease_v6 {
	uint8_t ip[16];
	uint16_t port, door;
	uint32_t ends_at;
};

struct lease_stream {
	struct lease_v6 lease;
	uint16_t proved_at;
	uint8_t family;
};

struct registered_host {
	uint8_t instance[INSTANCE_SIZE];
	uint32_t service;
	uint32_t next;                   /* of the service; 0: it is the last */
	uint32_t older, newer;           /* by the last renewal of a lease */
	uint16_t streams[LEASE_STREAMS]; /* numbers of lease_streams; 0: none */
	/* Of the two below: when their addresses were, or REGISTRY_ORDER ago if that was
	 * later, in 16 ms cut to 16 bits. */
	uint16_t proved_at[2];
	struct lease_v4 v4;
	struct lease_v6 v6;
};

#define REGISTRY_SERVICE_SIZE                                                            \
	(sizeof(struct registered_service) + sizeof(struct registered_host) +            \
		sizeof(uint32_t))

/* A lease as it is used. */
struct lease_path {
	struct path path;
	uint64_t renewed_at; /* ns */
};

/* One host's answer to an attempt. */
struct kept_answer {
	uint8_t instance[INSTANCE_SIZE];
	struct path host;
	uint8_t sequence;
	uint32_t channels[ATTEMPT_PLACES]; /* of the relay, to each; 0 before */
	uint8_t *payload;                  /* owned */
	size_t payload_len;
};

#define ATTEMPT_ANSWERS 4
#define ATTEMPT_SPAN    (30 * SECOND) /* after the last ask */

struct registered_attempt {
	uint8_t id[ID_SIZE];
	uint8_t service[CRYPTO_KEY_SIZE];
	struct attempt_guest {
		struct path path; /* family ADDR_NONE until it asked from there */
		size_t credit;    /* bytes it has asked with, less those sent to it */
		unsigned asks;    /* how often */
	} guests[ATTEMPT_PLACES];
	uint64_t asked_at;
	uint32_t *tallies[2]; /* where it is counted: by network, by service */
	struct kept_answer answers[ATTEMPT_ANSWERS];
	unsigned answer_count, answer_turn;
	unsigned introduce_turn; /* which host is told first */
	struct timer timer;
	UT_hash_handle hh;
};

struct registry {
	uint8_t hash_key[16];
	uint32_t attempts_max;
	struct pool services, hosts, streams;
	struct directory directory; /* of services */
	uint32_t oldest, newest;    /* hosts */
	uint64_t now;               /* when it was called last, or shortly before */
	struct doors doors;
	struct tally leases; /* by network */
	struct registered_attempt *attempts;
	struct tally attempts_from, attempts_for; /* by network, by service */
	struct timers timers;                     /* of attempts */
};

/* Which of an attempt's places that address is. */
static inline unsigned attempt_place(const struct addr *remote)
{
	return 2u * remote->transport + (remote->family == ADDR_V4 ? 0 : 1);
}

/* For so many services, and as many hosts of all of them together. */
void registry_init(struct registry *r, const uint8_t hash_key[16], uint32_t services_max,
	uint32_t attempts_max);
void registry_fini(struct registry *r);

/* The record lasts until its last host is gone. */
struct registered_service *registry_find(
	const struct registry *r, const uint8_t name[CRYPTO_KEY_SIZE]);

/* Fills in the hosts of a service. Returns how many there are. */
unsigned registry_hosts(const struct registry *r, const struct registered_service *s,
	struct registered_host *hosts[RENDEZVOUS_HOSTS_MAX]);
struct registered_host *registry_host(const struct registry *r,
	const struct registered_service *s, const uint8_t instance[INSTANCE_SIZE]);

/* True if the instance holds a lease at another address than that, of the same kind, which
 * was proved later. */
bool registry_is_newer(const struct registry *r, const uint8_t name[CRYPTO_KEY_SIZE],
	const uint8_t instance[INSTANCE_SIZE], const struct addr *remote,
	uint64_t proved_at, uint64_t now);

/* Gives (or moves) the lease of an instance at a path, for RENDEZVOUS_LEASE seconds, making
 * service and host if need be; proved_at is at most REGISTRY_ORDER ago. Returns false if the
 * service has RENDEZVOUS_HOSTS_MAX other hosts, the table is full, that network has too many
 * leases, or memory ran out. */
bool registry_lease(struct registry *r, const uint8_t name[CRYPTO_KEY_SIZE],
	const uint8_t asking[CRYPTO_KEY_SIZE], const uint8_t instance[INSTANCE_SIZE],
	const struct path *path, uint64_t proved_at, uint64_t now);

/* Gives the lease that a host holds at that place. Returns false if there is none. */
bool registry_lease_of(const struct registry *r, struct registered_host *host,
	enum lease_place place, uint64_t now, struct lease_path *lease);

/* True if the host holds a lease at that address. */
bool registry_holds(const struct registry *r, struct registered_host *host,
	const struct addr *remote, uint64_t now);

/* Prolongs a lease that is held at path's address; it may have come by another socket. */
void registry_renew(struct registry *r, struct registered_host *host,
	const struct path *path, uint64_t now);

/* Ends an instance's leases. */
void registry_drop_host(struct registry *r, struct registered_service *s,
	const uint8_t instance[INSTANCE_SIZE]);

/* Takes one of the new attempts that a service may have: rate a second, burst at once. */
bool registry_service_take(
	struct registered_service *s, uint32_t rate, uint32_t burst, uint64_t now);

struct registered_attempt *registry_attempt(
	const struct registry *r, const uint8_t id[ID_SIZE]);

/* NULL if there are too many, of all, of that guest's network or of the service, or memory
 * ran out. */
struct registered_attempt *registry_attempt_open(struct registry *r,
	const uint8_t id[ID_SIZE], const uint8_t service[CRYPTO_KEY_SIZE],
	const struct addr *guest, uint64_t now);

/* Keeps the newest answer of each instance. Returns true if it is news. */
bool registry_keep_answer(struct registered_attempt *a, const struct answer_message *m,
	const struct path *host);

/* Forgets what is over, at most REGISTRY_SWEEP of each kind at a time: the next timeout tells
 * if there is more. */
#define REGISTRY_SWEEP 256
void registry_expire(struct registry *r, uint64_t now);
uint64_t registry_next_timeout(const struct registry *r);

#endif
