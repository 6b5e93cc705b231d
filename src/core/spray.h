/* SPDX-License-Identifier: MIT */
/* Many ports at once, where one side's NAT takes another port for each destination: the side
 * that is seen at one place sends a probe to each of many ports of the other's, and then the
 * other a datagram from each of several sockets to that place. One that leaves by a port that
 * was probed gets through. The probes go first, so that what arrives unasked spoils nothing:
 * no probe follows to where it came from. */
#ifndef EYELET_CORE_SPRAY_H
#define EYELET_CORE_SPRAY_H

#include "core/behaviour.h"
#include "core/chance.h"
#include "core/path.h"

enum effort { EFFORT_LOW, EFFORT_NORMAL, EFFORT_HIGH };

/* What may be spent on it: nothing, chance_budget_normal, 256 sockets and 2,048 probes. */
struct chance_budget effort_budget(enum effort effort);

/* What a side that was found to behave so is willing to spend with that effort. */
struct behaviour effort_behaviour(const struct behaviour *found, enum effort effort);

#define SPRAY_SOCKETS 256  /* that a side opens at most */
#define SPRAY_PROBES  2048 /* that it sends at most */
#define SPRAY_WINDOW  64   /* ports of a sequence that are tried */
#define SPRAY_FEW     4    /* sockets that take the next ports of a sequence */

#define SPRAY_TICK  (20 * MILLISECOND)
#define SPRAY_BURST 5 /* datagrams in each: 250 a second */
/* Until the other side has begun, for one that was not told when. */
#define SPRAY_DELAY (400 * MILLISECOND)
/* For the answers to what was sent last. */
#define SPRAY_GRACE (700 * MILLISECOND)

enum spray_part {
	SPRAY_PART_NONE,    /* not worth trying */
	SPRAY_PART_PROBES,  /* from one socket to many ports */
	SPRAY_PART_SOCKETS, /* from many sockets to one place, after the probes */
	SPRAY_PART_PAIRS /* from one socket to the next ports of a sequence, both sides */
};

struct spray_plan {
	enum spray_part part; /* ours */
	uint32_t sockets;     /* opened by one side, 1 with PAIRS */
	uint32_t probes;      /* sent by the other, by each with PAIRS */
	uint64_t span;        /* ns from the first datagram to the last one */
	uint32_t ppm;         /* chance that one gets through */
};

/* What is to be done between two NATs within what both sides are willing to spend. */
struct spray_plan spray_plan(const struct behaviour *own, const struct behaviour *other);

/* One under way. */
struct spray {
	struct spray_plan plan;
	struct addr to; /* the other side */
	uint16_t base;  /* the last port of its sequence, */
	int16_t delta;  /* and how far it is to the next; 0: its ports are random */
	bool shifted;   /* PAIRS: against what others took of either sequence */
	uint32_t key;   /* of the order of random ports */
	uint32_t count; /* datagrams that this side sends in all */
	uint32_t sent;
	uint64_t next_at; /* NEVER when all were sent */
	uint64_t ends_at;
};

/* Begins; own datagrams go out from now + delay on. to: where the other side was proved to
 * be. */
void spray_start(struct spray *s, const struct spray_plan *plan, const struct addr *to,
	const struct behaviour *other, uint32_t key, bool is_host, uint64_t now);

/* Gives the address of one more datagram of this tick, false if there is none. */
bool spray_next(struct spray *s, struct addr *to);
/* The tick is over. */
void spray_tick(struct spray *s, uint64_t now);

/* The i-th of the ports 1025 to 65535 in an order that the key gives: each once. */
uint16_t spray_random_port(uint32_t key, uint32_t i);
/* The i-th port after base (from 0), around the end of 1024 to 65535. */
uint16_t spray_next_port(uint16_t base, int delta, uint32_t i);

#endif
