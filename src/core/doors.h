/* SPDX-License-Identifier: MIT */
/* The near side of paths, by number: few hold for very many, since a rendezvous has few
 * sockets and addresses, and each lease so needs two bytes for it. */
#ifndef EYELET_CORE_DOORS_H
#define EYELET_CORE_DOORS_H

#include "core/path.h"

#define DOORS_MAX UINT16_MAX

struct door;

struct doors {
	struct door *table;      /* by what they are */
	struct door **by_number; /* owned; NULL where none is */
	uint32_t room;           /* of by_number */
	uint32_t lowest;         /* no number below is free */
};

void doors_init(struct doors *d);
void doors_fini(struct doors *d);

/* Returns the number of that path's door, from 1 on, to be let go of once for each time; 0
 * if there are DOORS_MAX others, or memory ran out. */
uint16_t doors_hold(struct doors *d, const struct path *path);
void doors_let_go(struct doors *d, uint16_t number);

/* Sets all of *path that a door says: all but the remote's address and port. */
void doors_path(const struct doors *d, uint16_t number, struct path *path);

/* True if that is the path's door. */
bool doors_is(const struct doors *d, uint16_t number, const struct path *path);

#endif
