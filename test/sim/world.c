/* SPDX-License-Identifier: MIT */
#include "sim/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/nonces.h"
#include "sim/packet.h"

void *sim_alloc(size_t size)
{
	void *p = calloc(1, size > 0 ? size : 1);

	if (p == NULL) {
		fprintf(stderr, "sim: out of memory\n");
		abort();
	}
	return p;
}

struct world *world_new(uint64_t seed, bool verbose)
{
	struct world *w = sim_alloc(sizeof(*w));

	w->seed = seed;
	w->now = WORLD_START;
	w->verbose = verbose;
	rng_seed(&w->rng, seed);
	nonces_begin(w);
	return w;
}

void world_free(struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->heap[i].packet != NULL)
			packet_free(w, w->heap[i].packet);
	free(w->heap);
	while (w->nodes != NULL) {
		struct node *node = w->nodes;

		w->nodes = node->next;
		node->destroy(node);
	}
	if (w->packets_live > 0) {
		fprintf(stderr, "sim: %zu packets lost track of\n", w->packets_live);
		abort();
	}
	free(w->machines);
	free(w);
	nonces_begin(NULL);
}

void world_add(struct world *w, struct node *node, const char *name)
{
	snprintf(node->name, sizeof(node->name), "%s", name);
	node->world = w;
	node->next_run_at = NEVER;
	node->scheduled_at = NEVER;
	node->next = w->nodes;
	w->nodes = node;
}

static bool earlier(const struct occurrence *a, const struct occurrence *b)
{
	return a->at != b->at ? a->at < b->at : a->serial < b->serial;
}

static void push(struct world *w, struct occurrence o)
{
	size_t i = w->count++;

	if (w->count > w->cap) {
		w->cap = w->cap > 0 ? 2 * w->cap : 256;
		w->heap = realloc(w->heap, w->cap * sizeof(*w->heap));
		if (w->heap == NULL)
			abort();
	}
	o.serial = w->serial++;
	for (; i > 0 && earlier(&o, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = o;
}

static struct occurrence pop(struct world *w)
{
	struct occurrence first = w->heap[0], last = w->heap[--w->count];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < w->count) {
		if (child + 1 < w->count && earlier(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (!earlier(&w->heap[child], &last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	w->heap[i] = last;
	return first;
}

void node_wake_at(struct node *node, uint64_t at)
{
	struct world *w = node->world;

	node->next_run_at = at;
	if (at == NEVER || at >= node->scheduled_at)
		return;
	if (at < w->now)
		at = w->now;
	node->scheduled_at = at;
	push(w, (struct occurrence){.at = at, .to = {.node = node}});
}

void wire_send_at(struct world *w, struct wire to, struct packet *packet, uint64_t at)
{
	if (to.node == NULL)
		packet_free(w, packet);
	else
		push(w, (struct occurrence){.at = at, .to = to, .packet = packet});
}

void wire_send(struct world *w, struct wire to, struct packet *packet)
{
	if (to.node == NULL)
		packet_free(w, packet);
	else
		to.node->forward(to.node, to.side, packet);
}

static void wake(struct world *w, struct node *node, uint64_t scheduled_at)
{
	/* An entry that a sooner one overtook is void: its node was scheduled anew. */
	if (node->scheduled_at != scheduled_at)
		return;
	node->scheduled_at = NEVER;
	if (node->next_run_at <= w->now)
		node->run(node);
	else
		node_wake_at(node, node->next_run_at);
}

static void step(struct world *w)
{
	struct occurrence o = pop(w);

	w->now = o.at;
	if (o.packet != NULL)
		wire_send(w, o.to, o.packet);
	else
		wake(w, o.to.node, o.at);
}

void world_run_until(struct world *w, uint64_t at)
{
	while (!w->failed && w->count > 0 && w->heap[0].at <= at)
		step(w);
	if (!w->failed && w->now < at)
		w->now = at;
}

void world_run(struct world *w, uint64_t span)
{
	world_run_until(w, w->now + span);
}

bool world_wait(struct world *w, bool (*holds)(void *arg), void *arg, uint64_t span)
{
	uint64_t until = w->now + span;

	while (!w->failed) {
		if (holds(arg))
			return true;
		if (w->count == 0 || w->heap[0].at > until)
			break;
		step(w);
	}
	if (!w->failed)
		w->now = until;
	return false;
}

void world_fail(struct world *w, const char *format, ...)
{
	char text[400];
	va_list args;

	if (w->failed)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	w->failed = true;
	snprintf(w->failure, sizeof(w->failure), "at %" PRIu64 ".%06" PRIu64 " s: %s",
		(w->now - WORLD_START) / SECOND, (w->now - WORLD_START) % SECOND / 1000,
		text);
	trace(w, "FAIL %s", text);
}

void trace(struct world *w, const char *format, ...)
{
	va_list args;

	if (!w->verbose)
		return;
	printf("# %6" PRIu64 ".%06" PRIu64 " ", (w->now - WORLD_START) / SECOND,
		(w->now - WORLD_START) % SECOND / 1000);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}
