/* SPDX-License-Identifier: MIT */
/* Some carriers end a mapping at an age, whatever the traffic over it. Learned from paths
 * that die under traffic: two in a row at nearly the same age, and the next one is replaced
 * before it gets there. */
#ifndef EYELET_CORE_EXPIRY_H
#define EYELET_CORE_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/path.h"

#define EXPIRY_LEAST    (10 * SECOND)   /* ages below this are no rule of a NAT's */
#define EXPIRY_MOST     (3600 * SECOND) /* nor do those above matter */
#define EXPIRY_NEAR     (3 * SECOND) /* two ages that differ by this much are the same */
#define EXPIRY_LEAD_MIN (3 * SECOND) /* a fifth of the age, within these bounds */
#define EXPIRY_LEAD_MAX (10 * SECOND)
/* After that long a path is left to itself, to see whether it still dies. */
#define EXPIRY_HOLD (3600 * SECOND)

/* All zeros: nothing is known. */
struct expiry {
	uint64_t last; /* age at which a path died last, ns; 0: none did */
	uint64_t age;  /* at which paths die, ns; 0: they do not, as far as is known */
	uint64_t known_until;
};

/* A path died under traffic at that age (ns). */
void expiry_died(struct expiry *e, uint64_t age, uint64_t now);

/* A path of that age lives: forgets what it has outlived. */
void expiry_lives(struct expiry *e, uint64_t age);

/* Returns the age (ns) at which a path's successor is to be begun, NEVER if none is
 * needed. */
uint64_t expiry_renewal(struct expiry *e, uint64_t now);

/* Returns the age at which a path has outlived what is known; NEVER if nothing is. */
uint64_t expiry_outlived(const struct expiry *e);

#endif
