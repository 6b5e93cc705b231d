/* SPDX-License-Identifier: MIT */
/* Connections that only renew the one before, as a host sees them, to whom no guest tells why
 * it connects. Where a NAT ends mappings at an age, guests replace their sessions before they
 * get there, for ever and at the same pace: to say so each time would drown what is news. */
#ifndef EYELET_CMD_RHYTHM_H
#define EYELET_CMD_RHYTHM_H

#include "core/path.h"

/* Of one guest; all zeros: nothing is known, or the connection was lost. */
struct rhythm {
	struct addr
		remote; /* of the connection; family ADDR_NONE: there was no direct one */
	uint64_t since; /* ns */
	uint64_t age;   /* ns, at which it had replaced the one before; 0: it had not */
	unsigned steady; /* so many before had done so at nearly the same age */
};

/* Notes a connection over path, made at now. Returns true if it renews: from the same address,
 * whatever the port, direct ones have replaced each other, this one is the third in a row
 * to do so at an age that is the last one's, give or take an eighth. Fewer may have any cause:
 * two paths that die at the same age are what a guest learns to renew by. */
bool rhythm_renews(struct rhythm *r, const struct path *path, uint64_t now);

#define RHYTHMS_MAX 256
/* Of many guests. Two whose numbers share a place are told of in full. */
struct rhythms {
	struct rhythm of[RHYTHMS_MAX];
	uint32_t numbers[RHYTHMS_MAX];
};

/* Returns that of a guest, all zeros if another has had its place. */
struct rhythm *rhythms_find(struct rhythms *r, uint32_t number);

#endif
