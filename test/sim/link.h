/* SPDX-License-Identifier: MIT */
/* A cable between two nodes: delay, jitter, loss, duplication, reordering, MTU. */
#ifndef EYELET_SIM_LINK_H
#define EYELET_SIM_LINK_H

#include "sim/world.h"

struct link_config {
	uint64_t delay;        /* ns, one way */
	uint64_t jitter;       /* ns on top, at most; does not reorder */
	uint32_t loss[2];      /* of a million: from side 0 to 1, from side 1 to 0 */
	uint32_t duplicate;    /* of a million: comes twice */
	uint32_t reorder;      /* of a million: is held up and overtaken */
	uint64_t reorder_span; /* ns it is held up, at most */
	size_t mtu;            /* bytes of IP packet; longer ones are dropped; 0: any */
	size_t mtu_inward;     /* from side 1 to 0; 0: as mtu */
	bool cut[2];           /* drops everything of that direction */
	struct addr
		barred; /* drops what goes to or comes from that IP; ADDR_NONE: nothing */
	uint8_t blocked; /* drops what goes by these transports: bits 1 << enum */
};

struct link {
	struct node node;
	struct link_config config;
	struct wire ends[2];
	struct rng rng;
	uint64_t free_at[2]; /* nothing arrives before what went before it */
	uint64_t stream_free_at[2];
	uint64_t forwarded[2], lost[2], too_long[2];
	size_t longest[2]; /* bytes of IP packet forwarded; to be zeroed at will */
};

/* What comes in at side 0 goes to ends[1], and the other way round. */
struct link *link_new(
	struct world *w, const char *name, const struct link_config *config);

/* The wire that leads into that side of the link. */
struct wire link_side(struct link *l, unsigned side);

#endif
