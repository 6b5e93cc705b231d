/* SPDX-License-Identifier: MIT */
/* An attacker in the middle of the internet: hears everything, alters nothing under way,
 * and sends whatever it likes from whatever address. */
#ifndef EYELET_SIM_ATTACKER_H
#define EYELET_SIM_ATTACKER_H

#include "sim/packet.h"

/* name, text: what it sends. */
#define ATTACK_MAP(X)                                                                    \
	X(RANDOM, "random")       /* bytes without sense */                              \
	X(HEADER, "header")       /* a right header, then bytes without sense */         \
	X(TRUNCATED, "truncated") /* the start of something heard */                     \
	X(FLIPPED, "flipped")     /* something heard with one bit turned */              \
	X(REPLAYED, "replayed")   /* something heard, again */                           \
	X(STOLEN, "stolen")       /* something heard, from the attacker's own address */ \
	X(CROSSED, "crossed") /* something heard, from one address heard to another */   \
	X(ICMP, "icmp")       /* a forged error about something heard */

enum attack {
#define X(name, text) ATTACK_##name,
	ATTACK_MAP(X)
#undef X
		ATTACK_COUNT
};

#define ATTACKER_HEARD 512

struct attacker {
	struct node node;
	struct rng rng;
	struct addr own, own_v6;
	uint64_t interval; /* ns between attacks */
	uint32_t kinds;    /* bit set of enum attack */
	uint64_t sent[ATTACK_COUNT];
	uint64_t
		received; /* bytes that came back to its own address, but for challenges */
	struct packet *heard[ATTACKER_HEARD];
	uint64_t heard_count; /* in all; the ring keeps the last */
	/* Hears only what this says yes to; NULL: everything. */
	bool (*wants)(const struct packet *packet);
};

/* Attacks from now on, every interval; interval 0: only when told to. */
struct attacker *attacker_new(struct world *w, uint64_t interval);

/* One attack of that kind. */
void attacker_strike(struct attacker *a, enum attack kind);

/* Sends those bytes. */
void attacker_send(struct attacker *a, const struct addr *src, const struct addr *dst,
	const uint8_t *data, size_t len);

/* Sends a forged error about something heard. */
void attacker_send_error(struct attacker *a, const struct packet *heard,
	const struct addr *offender, enum packet_icmp icmp);

/* Something heard at random; NULL if nothing was. */
const struct packet *attacker_heard(struct attacker *a);

#endif
