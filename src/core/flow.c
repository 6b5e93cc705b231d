/* SPDX-License-Identifier: MIT */
#include "core/flow.h"

#include <stdlib.h>
#include <string.h>

void flow_table_init(struct flow_table *t, uint32_t max, struct flow_ledger *ledger)
{
	*t = (struct flow_table){.max = max, .ledger = ledger};
}

void flow_table_fini(struct flow_table *t)
{
	for (uint32_t i = 0; i < t->cap; i++)
		free(t->of[i]);
	if (t->ledger != NULL)
		t->ledger->count -= t->count;
	free(t->of);
	free(t->closed_at);
	*t = (struct flow_table){0};
}

struct flow *flow_find(const struct flow_table *t, uint16_t id)
{
	return id < t->cap ? t->of[id] : NULL;
}

static bool grow(struct flow_table *t, uint32_t least)
{
	uint32_t cap = t->cap > 0 ? t->cap : 1;
	struct flow **of;
	uint64_t *closed_at;

	while (cap < least)
		cap *= 2;
	of = realloc(t->of, cap * sizeof(struct flow *));
	if (of == NULL)
		return false;
	t->of = of;
	closed_at = realloc(t->closed_at, cap * sizeof(*closed_at));
	if (closed_at == NULL)
		return false;
	t->closed_at = closed_at;
	memset(t->of + t->cap, 0, (cap - t->cap) * sizeof(struct flow *));
	memset(t->closed_at + t->cap, 0, (cap - t->cap) * sizeof(*closed_at));
	t->cap = cap;
	return true;
}

struct flow *flow_open(struct flow_table *t, uint16_t id, uint64_t now)
{
	struct flow *flow;

	if (id >= t->max || t->count >= t->max || t->ledger->count >= t->ledger->max)
		return NULL;
	if (id >= t->cap && !grow(t, (uint32_t)id + 1))
		return NULL;
	flow = calloc(1, sizeof(*flow));
	if (flow == NULL)
		return NULL;
	flow->id = id;
	flow->used_at = now;
	t->of[id] = flow;
	t->count++;
	t->ledger->count++;
	return flow;
}

struct flow *flow_open_any(struct flow_table *t, uint64_t now)
{
	uint32_t id = 0;

	while (id < t->cap &&
		(t->of[id] != NULL ||
			(t->closed_at[id] != 0 && now - t->closed_at[id] < FLOW_REST)))
		id++;
	return id < t->max ? flow_open(t, (uint16_t)id, now) : NULL;
}

void flow_close(struct flow_table *t, struct flow *flow, uint64_t now)
{
	if (flow->closing)
		return;
	flow->closing = true;
	t->of[flow->id] = NULL;
	t->closed_at[flow->id] = now;
	t->count--;
	flow->next = t->ledger->closing;
	t->ledger->closing = flow;
}

void flow_expire(struct flow_table *t, uint64_t span, uint64_t now)
{
	for (uint32_t i = 0; i < t->cap; i++)
		if (t->of[i] != NULL && now - t->of[i]->used_at >= span)
			flow_close(t, t->of[i], now);
}

struct flow *flow_take_closing(struct flow_ledger *ledger)
{
	struct flow *flow = ledger->closing;

	if (flow == NULL)
		return NULL;
	ledger->closing = flow->next;
	ledger->count--;
	return flow;
}
