/* SPDX-License-Identifier: MIT */
/* A relay that nobody should have trusted: what it may do to the datagrams it carries. */
#ifndef EYELET_SIM_MISCHIEF_H
#define EYELET_SIM_MISCHIEF_H

#include "core/path.h"
#include "sim/world.h"

/* name, text: what it does with a datagram. */
#define MISCHIEF_MAP(X)                                                                  \
	X(NONE, "passed")                                                                \
	X(DROP, "dropped")                                                               \
	X(SWAP, "swapped with the next")                                                 \
	X(REPLAY, "passed, and an earlier one again")                                    \
	X(DELAY, "kept, an earlier one in its place")                                    \
	X(TRUNCATE, "cut short")                                                         \
	X(FLIP, "one bit turned")                                                        \
	X(REDIRECT, "to another end")                                                    \
	X(CROSS, "to another end, under its channel")                                    \
	X(REFLECT, "back to where it came from")                                         \
	X(BARE, "without its channel")

enum mischief_kind {
#define X(name, text) MISCHIEF_##name,
	MISCHIEF_MAP(X)
#undef X
		MISCHIEF_COUNT
};

#define MISCHIEF_HEARD 256
#define MISCHIEF_MTU   1500

struct mischief {
	bool on;
	uint64_t done[MISCHIEF_COUNT];
	struct mischief_heard {
		struct path to;
		size_t len;
		uint8_t data[MISCHIEF_MTU];
	} heard[MISCHIEF_HEARD]; /* a ring */
	uint64_t heard_count;
	const struct mischief_heard *held; /* goes after the next one */
};

const char *mischief_name(enum mischief_kind kind);

/* What the rendezvous m does with a datagram that came in by from and should go on to. */
void mischief_relay(struct mischief *x, struct machine *m, const struct path *from,
	const struct path *to, const uint8_t *data, size_t len);

#endif
