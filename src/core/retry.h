/* SPDX-License-Identifier: MIT */
/* When to say a message again: every 100 ms for the first 5 s, then after a fiftieth of the
 * time since it was first said, up to 2 s. So there are some 35 more tries each time that the
 * wait doubles, and who comes back after a minute is found as surely as at once, even where
 * a question and its answer pass one time in four. */
#ifndef EYELET_CORE_RETRY_H
#define EYELET_CORE_RETRY_H

#include <stdint.h>

#include "core/path.h"

#define RETRY_INTERVAL (100 * MILLISECOND)
#define RETRY_EAGER    (5 * SECOND)
#define RETRY_STEPS    50
#define RETRY_LONGEST  (2 * SECOND)

struct retry {
	uint64_t began_at;
	uint64_t next_at; /* NEVER while there is nothing to repeat */
};

/* The message goes out now, for the first time. */
void retry_start(struct retry *r, uint64_t now);

/* It has gone out again at now: sets next_at. */
void retry_sent(struct retry *r, uint64_t now);

void retry_stop(struct retry *r);

#endif
