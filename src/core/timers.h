/* SPDX-License-Identifier: MIT */
/* Deadlines in a binary heap: the earliest is found at once among ten thousand sessions,
 * setting and clearing one costs its logarithm. */
#ifndef EYELET_CORE_TIMERS_H
#define EYELET_CORE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in what it wakes. All zeros is a timer that is not set. */
struct timer {
	uint64_t at;  /* ns; meaningful while set */
	size_t place; /* 1 + index in the heap; 0 while not set */
	void *owner;  /* what the timer belongs to */
	int kind;     /* the owner's kind, for whoever expires it */
};

struct timers {
	struct timer **heap;
	size_t count, cap;
};

void timers_init(struct timers *t);
void timers_fini(struct timers *t);

/* Sets or moves the timer; NEVER clears it. Returns false if memory ran out (the heap grows
 * by doubling; the timer is then as it was). */
bool timers_set(struct timers *t, struct timer *timer, uint64_t at);
void timers_clear(struct timers *t, struct timer *timer);

/* Returns the earliest deadline, NEVER if there is none. */
uint64_t timers_next(const struct timers *t);

/* Clears and returns one timer that is due at now, NULL if none is. */
struct timer *timers_pop(struct timers *t, uint64_t now);

#endif
