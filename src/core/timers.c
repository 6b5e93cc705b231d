/* SPDX-License-Identifier: MIT */
#include "core/timers.h"

#include <stdlib.h>

#include "core/path.h"

void timers_init(struct timers *t)
{
	*t = (struct timers){0};
}

void timers_fini(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){0};
}

static void place(struct timers *t, size_t i, struct timer *timer)
{
	t->heap[i] = timer;
	timer->place = i + 1;
}

static void sift_up(struct timers *t, size_t i)
{
	struct timer *timer = t->heap[i];

	while (i > 0 && t->heap[(i - 1) / 2]->at > timer->at) {
		place(t, i, t->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(t, i, timer);
}

static void sift_down(struct timers *t, size_t i)
{
	struct timer *timer = t->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= t->count)
			break;
		if (child + 1 < t->count && t->heap[child + 1]->at < t->heap[child]->at)
			child++;
		if (t->heap[child]->at >= timer->at)
			break;
		place(t, i, t->heap[child]);
		i = child;
	}
	place(t, i, timer);
}

static bool grow(struct timers *t)
{
	size_t cap = t->cap ? 2 * t->cap : 16;
	struct timer **heap = realloc(t->heap, cap * sizeof(struct timer *));

	if (heap == NULL)
		return false;
	t->heap = heap;
	t->cap = cap;
	return true;
}

bool timers_set(struct timers *t, struct timer *timer, uint64_t at)
{
	if (at == NEVER) {
		timers_clear(t, timer);
		return true;
	}
	if (timer->place == 0) {
		if (t->count == t->cap && !grow(t))
			return false;
		timer->at = at;
		place(t, t->count++, timer);
		sift_up(t, timer->place - 1);
		return true;
	}
	timer->at = at;
	sift_up(t, timer->place - 1);
	sift_down(t, timer->place - 1);
	return true;
}

void timers_clear(struct timers *t, struct timer *timer)
{
	size_t i = timer->place;

	if (i == 0)
		return;
	i--;
	timer->place = 0;
	t->count--;
	if (i == t->count)
		return;
	place(t, i, t->heap[t->count]);
	sift_up(t, i);
	sift_down(t, t->heap[i]->place - 1);
}

uint64_t timers_next(const struct timers *t)
{
	return t->count ? t->heap[0]->at : NEVER;
}

struct timer *timers_pop(struct timers *t, uint64_t now)
{
	struct timer *timer;

	if (t->count == 0 || t->heap[0]->at > now)
		return NULL;
	timer = t->heap[0];
	timers_clear(t, timer);
	return timer;
}
