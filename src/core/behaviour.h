/* SPDX-License-Identifier: MIT */
/* What host and guest tell each other of their NATs, and how far they are willing to go to
 * get through. */
#ifndef EYELET_CORE_BEHAVIOUR_H
#define EYELET_CORE_BEHAVIOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/network.h"
#include "core/wire.h"

/* How one socket looks to two destinations, value, text. */
#define BEHAVIOUR_MAP(X)                                                                 \
	X(UNKNOWN, 0, "unknown")                                                         \
	X(FIXED, 1, "one mapping for all")                                               \
	X(SEQUENTIAL, 2, "the next port for each")                                       \
	X(RANDOM, 3, "any port for each")

enum behaviour_mapping {
#define X(name, value, text) BEHAVIOUR_##name = value,
	BEHAVIOUR_MAP(X)
#undef X
};

/* Whether many ports are to be tried in an attempt, value, text. Nobody sees at one address
 * that a NAT takes another mapping for each address: two that look fixed and do not come
 * together may be such a one and another. And two ports of the small block that a carrier
 * gives a customer may look like a sequence. */
#define BEHAVIOUR_SPRAY_MAP(X)                                                           \
	X(NONE, 0, "no")                                                                 \
	X(MEASURED, 1, "by what was measured")                                           \
	X(HOST_MOVES, 2, "as if the host's NAT took any port")                           \
	X(GUEST_MOVES, 3, "as if the guest's NAT took any port")

enum behaviour_spray {
#define X(name, value, text) BEHAVIOUR_SPRAY_##name = value,
	BEHAVIOUR_SPRAY_MAP(X)
#undef X
};

struct behaviour {
	uint8_t mapping; /* enum behaviour_mapping */
	uint8_t spray;   /* enum behaviour_spray */
	int16_t delta; /* of SEQUENTIAL: from one destination's port to the next one's */
	uint16_t port; /* of SEQUENTIAL: the last one given to us, 0 if not known */
	uint16_t sockets; /* that this side would open at most, 0: none */
	uint16_t probes;  /* that it would send at most, 0: none */
};

#define BEHAVIOUR_SIZE 10
void behaviour_write(struct writer *w, const struct behaviour *b);
/* A mapping of a kind that is not known here becomes UNKNOWN. */
struct behaviour behaviour_read(struct reader *r);

/* Learns the mapping from how one socket looks to two destinations, the second asked right
 * after the first. */
void behaviour_learn(
	struct behaviour *b, const struct addr *first, const struct addr *second);

/* Makes of both what that attempt takes for granted: nothing, unless one looks fixed, and
 * the other fixed or like a sequence. */
void behaviour_suppose(
	struct behaviour *host, struct behaviour *guest, enum behaviour_spray spray);

/* The network of such a NAT, with nothing else known of it: its filtering neither. */
struct network behaviour_network(const struct behaviour *b);

#endif
