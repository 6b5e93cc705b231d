/* SPDX-License-Identifier: MIT */
/* A sliding window over frame counters, by blocks of bits (RFC 6479). */
#ifndef EYELET_CORE_REPLAY_H
#define EYELET_CORE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW                                                                    \
	1024 /* counters below the highest that are still accepted, once each */

struct replay {
	uint64_t next; /* one more than the highest counter seen; 0 at first */
	uint64_t bits[REPLAY_WINDOW / 64 + 1];
};

void replay_init(struct replay *r);

/* True if counter was not seen and is not below the window. Changes nothing: call it before
 * the frame is opened. */
bool replay_check(const struct replay *r, uint64_t counter);

/* Marks counter as seen: call it after the frame opened. Returns what replay_check would. */
bool replay_update(struct replay *r, uint64_t counter);

/* Returns the 64-bit counter nearest to the expected one whose low 24 bits are low (as
 * RFC 9000, appendix A.3, does for packet numbers). */
uint64_t replay_reconstruct(const struct replay *r, uint32_t low);

#endif
