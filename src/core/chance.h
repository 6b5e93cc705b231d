/* SPDX-License-Identifier: MIT */
/* The chance of a direct path between two networks, before anything is tried: in millionths
 * (ppm), computed in integers. */
#ifndef EYELET_CORE_CHANCE_H
#define EYELET_CORE_CHANCE_H

#include "core/network.h"

#define CHANCE_CERTAIN 1000000 /* ppm */
#define CHANCE_WORTH   100000  /* ppm; below, nothing is tried but the relay */

/* Of `ports` that a NAT draws from, `open` distinct ones admit us, and we send to `probes`
 * distinct ones: the chance that one of them is met,
 *     1 - (1 - open / ports) (1 - open / (ports - 1)) ... of `probes` factors.
 * 256 sockets and 756 probes meet with 95 % in 64,511 ports (1025 to 65535). */
uint32_t chance_of_hit(uint32_t ports, uint32_t open, uint32_t probes);

/* Two NATs that give a random port to each destination, and `probes` datagrams from each
 * side to random ports of the other: one of ours must come from where one of theirs went,
 * and go to where that came from,
 *     1 - (1 - probes / (ports_a ports_b)) ^ probes. */
uint32_t chance_of_meeting(uint32_t ports_a, uint32_t ports_b, uint32_t probes);

/* How many probes chance_of_meeting takes for that chance (in ppm, below certainty). */
uint32_t chance_probes_to_meet(uint32_t ports_a, uint32_t ports_b, uint32_t ppm);

/* A sequence in which others took `strays` ports between `steps` of ours: the chance that our
 * next one is among the next `window` of it. */
uint32_t chance_of_prediction(uint32_t steps, uint32_t strays, uint32_t window);

/* name, text: how two networks come together. */
#define CHANCE_WAY_MAP(X)                                                                \
	X(DIRECT, "direct")                                                              \
	X(PREDICTED, "port prediction")                                                  \
	X(BIRTHDAY, "many ports at once")                                                \
	X(RELAY, "relay")

enum chance_way {
#define X(name, text) CHANCE_##name,
	CHANCE_WAY_MAP(X)
#undef X
		CHANCE_WAY_COUNT
};

const char *chance_way_name(enum chance_way way);

struct chance_budget {
	uint32_t sockets; /* the random side opens */
	uint32_t probes;  /* a side sends */
	uint32_t window;  /* ports tried of a sequence */
	uint32_t rate;    /* datagrams a second and side */
};

/* 256 sockets (carriers give blocks of 512 ports), 756 probes, 64 ports, 250 a second. */
struct chance_budget chance_budget_normal(void);

struct chance {
	enum chance_way way;
	uint32_t ppm;     /* within the budget; with RELAY, what trying would give */
	uint32_t packets; /* of both sides; 0 where hardly more than one each is needed */
	uint32_t span;    /* ms they take at that rate */
	uint32_t even;    /* with RELAY: probes of each side for an even chance */
};

struct chance chance_between(const struct network *a, const struct network *b,
	const struct chance_budget *budget);

#endif
