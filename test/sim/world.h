/* SPDX-License-Identifier: MIT */
/* The simulator's ground: a virtual clock, a queue of what happens when, and the network
 * as a graph of nodes that forward packets to each other. */
#ifndef EYELET_SIM_WORLD_H
#define EYELET_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/path.h"
#include "sim/rng.h"

struct packet;
struct world;
struct zone;
struct machine;
struct attacker;

/* One box of the network, embedded first in what it is. */
struct node {
	char name[24];
	struct world *world;
	/* Takes the packet, which came in at that side. */
	void (*forward)(struct node *node, unsigned side, struct packet *packet);
	void (*run)(struct node *node);     /* next_run_at has come */
	void (*destroy)(struct node *node); /* frees it */
	uint64_t next_run_at;
	uint64_t scheduled_at; /* earliest wake in the queue; the world's */
	struct node *next;
};

/* One end of a cable: what is sent into it comes in at that side of that node. */
struct wire {
	struct node *node;
	unsigned side;
};

struct occurrence {
	uint64_t at, serial; /* order; the serial makes ties deterministic */
	struct wire to;
	struct packet *packet; /* NULL: a wake */
};

struct world {
	uint64_t seed;
	uint64_t now; /* ns; frozen while one occurrence is handled */
	struct rng rng;
	struct occurrence *heap;
	size_t count, cap;
	uint64_t serial;
	struct node *nodes;
	uint64_t packets_made;
	size_t packets_live;
	bool verbose;
	bool failed;
	char failure[512]; /* the first promise that was broken */
	/* What the topology holds. */
	struct zone *internet;
	struct machine **machines;
	unsigned machine_count, machine_cap;
	unsigned sites; /* public networks given out */
	struct attacker *attacker;
	/* What the network may do to packets, for the promises that depend on it. */
	bool may_reorder;
};

#define WORLD_START (1000 * SECOND) /* so that 0 is never a time anything happened at */

struct world *world_new(uint64_t seed, bool verbose);
void world_free(struct world *w);

/* Takes a node whose forward, run and destroy are set; name is copied. */
void world_add(struct world *w, struct node *node, const char *name);

/* The node's run is called at that time; replaces what was set before. NEVER cancels. */
void node_wake_at(struct node *node, uint64_t at);

/* Hands a packet over at that time, or now. A wire to nowhere drops it. */
void wire_send_at(struct world *w, struct wire to, struct packet *packet, uint64_t at);
void wire_send(struct world *w, struct wire to, struct packet *packet);

/* Lets things happen until time `at` or a failure. */
void world_run_until(struct world *w, uint64_t at);
void world_run(struct world *w, uint64_t span);

/* Lets things happen until the predicate holds (true), or for at most span (false). It is
 * asked after every occurrence. */
bool world_wait(struct world *w, bool (*holds)(void *arg), void *arg, uint64_t span);

/* Notes a broken promise; the first one stands. */
__attribute__((format(printf, 2, 3))) void world_fail(
	struct world *w, const char *format, ...);

/* A line of the trace, with the time, when verbose. */
__attribute__((format(printf, 2, 3))) void trace(
	struct world *w, const char *format, ...);

/* Leaves the function when the condition does not hold. */
#define REQUIRE(w, condition, ...)                                                       \
	do {                                                                             \
		if ((w)->failed)                                                         \
			return;                                                          \
		if (!(condition)) {                                                      \
			world_fail((w), __VA_ARGS__);                                    \
			return;                                                          \
		}                                                                        \
	} while (0)

/* Never returns NULL. */
void *sim_alloc(size_t size);

#endif
