/* SPDX-License-Identifier: MIT */
/* What a rendezvous remembers: services with the hosts that hold their leases, and attempts
 * of guests with the answers they got. Both bounded; memory of the one never eats the
 * other's. */
#ifndef EYELET_CORE_REGISTRY_H
#define EYELET_CORE_REGISTRY_H

#include "core/bucket.h"
#include "core/message.h"
#include "core/path.h"
#include "core/rendezvous.h"
#include "core/table.h"
#include "core/timers.h"

#define LEASE_PATHS    3 /* of one host: by UDP over IPv4, and over IPv6; by a stream */
#define ATTEMPT_PLACES 6 /* a guest may ask from: by each transport, over IPv4 and IPv6 */

/* A host's lease at one of its addresses. */
struct lease_path {
	struct path path;
	uint64_t expires_at; /* 0: none */
	uint64_t turn;       /* of the token that the host has */
};

struct registered_host {
	uint8_t instance[INSTANCE_SIZE];
	struct lease_path paths[LEASE_PATHS];
	struct registered_host *next;
};

struct registered_service {
	uint8_t name[CRYPTO_KEY_SIZE];   /* Ed25519 public key */
	uint8_t asking[CRYPTO_KEY_SIZE]; /* Ed25519 public key of those who may ask */
	struct registered_host *hosts;
	unsigned host_count;
	struct bucket attempts; /* new ones a second */
	struct timer timer;     /* at the first lease's end or before */
	UT_hash_handle hh;
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
	struct kept_answer answers[ATTEMPT_ANSWERS];
	unsigned answer_count, answer_turn;
	unsigned introduce_turn; /* which host is told first */
	struct timer timer;
	UT_hash_handle hh;
};

enum registry_timer { REGISTRY_SERVICE = 1, REGISTRY_ATTEMPT = 2 };

struct registry {
	uint8_t hash_key[16];
	struct registered_service *services;
	struct registered_attempt *attempts;
	struct timers timers;
	uint32_t services_max, attempts_max;
	uint32_t host_count;
};

/* Which of an attempt's places that address is. */
static inline unsigned attempt_place(const struct addr *remote)
{
	return 2u * remote->transport + (remote->family == ADDR_V4 ? 0 : 1);
}

void registry_init(struct registry *r, const uint8_t hash_key[16], uint32_t services_max,
	uint32_t attempts_max);
void registry_fini(struct registry *r);

struct registered_service *registry_find(
	const struct registry *r, const uint8_t name[CRYPTO_KEY_SIZE]);

/* Makes the service if need be; NULL when the table is full or memory ran out. */
struct registered_service *registry_open(
	struct registry *r, const uint8_t name[CRYPTO_KEY_SIZE], uint64_t now);

struct registered_host *registry_host(
	const struct registered_service *s, const uint8_t instance[INSTANCE_SIZE]);

/* Gives (or moves) the lease of an instance at a path. Returns false if the service has RENDEZVOUS_HOSTS_MAX other hosts, or memory ran out. */
bool registry_lease(struct registry *r, struct registered_service *s,
	const uint8_t instance[INSTANCE_SIZE], const struct lease_path *lease);

/* Returns the lease that this path holds; NULL if none or expired. */
struct lease_path *registry_lease_at(
	struct registered_host *host, const struct addr *remote, uint64_t now);

/* Ends an instance's leases. */
void registry_drop_host(
	struct registry *r, struct registered_service *s, const uint8_t *instance);

struct registered_attempt *registry_attempt(
	const struct registry *r, const uint8_t id[ID_SIZE]);
struct registered_attempt *registry_attempt_open(struct registry *r,
	const uint8_t id[ID_SIZE], const uint8_t service[CRYPTO_KEY_SIZE], uint64_t now);

/* Keeps the newest answer of each instance. Returns true if it is news. */
bool registry_keep_answer(struct registered_attempt *a, const struct answer_message *m,
	const struct path *host);

void registry_expire(struct registry *r, uint64_t now);

#endif
