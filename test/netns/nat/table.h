/* SPDX-License-Identifier: MIT */
/* What the NAT remembers. There are three tables:
 *
 *   mappings     (protocol, inner endpoint, remote as far as the mapping depends on it)
 *                -> outer port, by which it is found too: one mapping has it at a time
 *   permissions  (mapping, remote as far as the filter depends on it): to whom the
 *                mapping has sent, who therefore may answer
 *   strangers    (outer port, remote): who came uncalled, where that leaves a trace
 *
 * A mapping and a permission live for the timeout after they were last used, a mapping
 * no longer than the lifetime after it was made; its permissions go with it. TCP always
 * has endpoint-independent mapping, preserved ports and the strictest filter: it is there
 * only so that connections from the inside work. */
#ifndef EYELET_TEST_NAT_TABLE_H
#define EYELET_TEST_NAT_TABLE_H

#include <uthash.h>

#include "packet.h"

#define TABLE_STRANGER_MS 30000 /* nf_conntrack_udp_timeout */
#define TABLE_TCP_MS      3600000
#define TABLE_INSIDES_MAX 64 /* inner addresses with a block of ports */

/* Of the remote endpoint: RFC 4787, 4.1 and 5. */
enum dependence { ON_NOTHING, ON_ADDRESS, ON_ADDRESS_AND_PORT };

/* RFC 4787, 4.2. What cannot be preserved is random. */
enum allocation { ALLOCATE_PRESERVED, ALLOCATE_SEQUENTIAL, ALLOCATE_RANDOM };

enum unsolicited {
	UNSOLICITED_DROP,
	UNSOLICITED_REJECT, /* ICMP port unreachable */
	/* As Linux masquerade without an input rule: rejected too, and for 30 s what an
	 * inner endpoint sends to that remote from that outer port leaves from another
	 * one. */
	UNSOLICITED_POISON,
};

struct table_config {
	enum dependence mapping, filtering;
	enum allocation allocation;
	uint32_t delta; /* between sequential ports */
	uint32_t block; /* ports for each inner address; 0: all for all */
	enum unsolicited unsolicited;
	uint64_t timeout_ms;
	uint64_t lifetime_ms;   /* 0: unlimited */
	bool refreshed_inbound; /* by accepted inbound packets, not by outbound ones only */
	uint64_t seed;
};

struct mapping {
	struct {
		uint32_t protocol;
		struct endpoint inner, remote;
	} key;
	struct {
		uint32_t protocol;
		uint32_t port;
	} outer;
	uint64_t serial; /* never used twice */
	bool moved;      /* to another port for one remote, because of a stranger */
	uint64_t made_at, used_at;
	UT_hash_handle hh, hh_outer;
};

struct permission;
struct stranger;

struct table {
	struct table_config config;
	uint64_t now; /* ms, set by the caller before each packet */
	struct mapping *mappings, *by_outer;
	struct permission *permissions;
	struct stranger *strangers;
	uint64_t random;
	uint64_t serial;
	uint32_t next;        /* sequential port, from 0 */
	uint32_t first_block; /* that of the first inner address */
	uint32_t insides
		[TABLE_INSIDES_MAX]; /* inner addresses in the order of their blocks */
	size_t inside_count;
	uint32_t until_sweep;
};

void table_init(struct table *t, const struct table_config *config);

/* Forgets everything, as a router that restarts. */
void table_flush(struct table *t);

/* The mapping for what inner sends to remote, which may answer from now on; NULL if no
 * port is left. */
struct mapping *table_outward(
	struct table *t, uint8_t protocol, struct endpoint inner, struct endpoint remote);

/* The mapping through which remote reaches an outer port; NULL if nobody is there or the
 * filter does not admit it, which is noted where it poisons. */
struct mapping *table_inward(
	struct table *t, uint8_t protocol, uint32_t port, struct endpoint remote);

/* The mapping of an outer port, whoever may use it, or of what inner has sent to remote;
 * NULL if there is none. For errors, which refresh nothing. */
struct mapping *table_at(struct table *t, uint8_t protocol, uint32_t port);
struct mapping *table_find(
	struct table *t, uint8_t protocol, struct endpoint inner, struct endpoint remote);

/* A port for a new mapping of inner, or 0. (port.c) */
uint32_t port_allocate(
	struct table *t, uint8_t protocol, struct endpoint inner, bool random);

/* A number below bound, from the seed. (port.c) */
uint32_t port_random(struct table *t, uint32_t bound);

#endif
