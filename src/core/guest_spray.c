/* SPDX-License-Identifier: MIT */
/* The guest's part in trying many ports at once (core/spray.h), in a trial of its own, and
 * what it remembers of which way led to which network. */
#include <stdlib.h>
#include <string.h>

#include "core/guest_parts.h"

struct behaviour guest_behaviour(const struct guest *g)
{
	return effort_behaviour(&g->behaviour, g->config.effort);
}

static bool is_udp(const struct addr *a)
{
	return a->family == ADDR_V4 && a->transport == ADDR_UDP;
}

/* Our own IPv4 address at a rendezvous; family ADDR_NONE if none is known. */
static struct addr own_network(const struct guest *g)
{
	for (size_t i = 0; i < g->config.server_count; i++)
		if (is_udp(&g->askers[i].observed))
			return g->askers[i].observed;
	return (struct addr){0};
}

uint16_t guest_last_port(const struct guest *g)
{
	return g->behaviour.mapping == BEHAVIOUR_SEQUENTIAL ? own_network(g).port : 0;
}

/* What was remembered. */

static struct remembered *recall(struct guest *g, const struct addr *host)
{
	struct addr own = own_network(g);

	for (unsigned i = 0; i < REMEMBERED_MAX; i++)
		if (g->remembered[i].known && addr_same_ip(&g->remembered[i].own, &own) &&
			addr_same_ip(&g->remembered[i].host, host))
			return &g->remembered[i];
	return NULL;
}

void guest_remember(struct guest *g, const struct path *path)
{
	struct addr own = own_network(g);
	struct remembered *r;

	if (path->channel != 0 || own.family != ADDR_V4 || !is_udp(&path->remote))
		return;
	r = recall(g, &path->remote);
	if (r == NULL)
		r = &g->remembered[g->remembered_next++ % REMEMBERED_MAX];
	*r = (struct remembered){.known = true,
		.spray = g->spray != NULL && g->spray->live ? g->trial.spray
							    : BEHAVIOUR_SPRAY_NONE,
		.own = own,
		.host = path->remote};
}

/* When to try. */

static uint32_t first_spray(struct guest *g)
{
	const struct remembered *r = recall(g, &g->host_seen);

	if (r != NULL && r->spray != BEHAVIOUR_SPRAY_NONE)
		return 1;
	if (r != NULL) /* a plain one led there before */
		return 3;
	return g->improvements == 0 ? 2 : 1;
}

static bool is_worth_it(const struct guest *g)
{
	struct behaviour own = guest_behaviour(g);

	return spray_plan(&own, &g->host_behaviour).part != SPRAY_PART_NONE;
}

bool guest_spray_follows(struct guest *g)
{
	return is_worth_it(g) && g->trial.number + 1 == first_spray(g);
}

/* Plain trials led nowhere, and yet both NATs look fixed: perhaps one of them is not, towards
 * another address than a rendezvous'. Taken in turn, with plain trials between. */
static enum behaviour_spray guess(struct guest *g)
{
	const struct remembered *r = recall(g, &g->host_seen);
	uint32_t turn = g->improvements == 0 ? g->trial.number : g->improvements;
	struct behaviour own = guest_behaviour(g), host = g->host_behaviour;

	behaviour_suppose(&host, &own, BEHAVIOUR_SPRAY_HOST_MOVES);
	if (spray_plan(&own, &host).part == SPRAY_PART_NONE)
		return BEHAVIOUR_SPRAY_NONE;
	if (r != NULL && r->spray != BEHAVIOUR_SPRAY_NONE && g->trial.number == 1)
		return r->spray;
	return turn % 4 == 2   ? BEHAVIOUR_SPRAY_HOST_MOVES
	       : turn % 4 == 3 ? BEHAVIOUR_SPRAY_GUEST_MOVES
			       : BEHAVIOUR_SPRAY_NONE;
}

/* A sequence that was not met may be none: every other time it is supposed to be random. */
static enum behaviour_spray other_than_measured(const struct guest *g, uint32_t turn)
{
	if (turn % 2 == 0)
		return BEHAVIOUR_SPRAY_MEASURED;
	if (g->behaviour.mapping == BEHAVIOUR_SEQUENTIAL &&
		g->host_behaviour.mapping == BEHAVIOUR_FIXED)
		return BEHAVIOUR_SPRAY_GUEST_MOVES;
	if (g->behaviour.mapping == BEHAVIOUR_FIXED &&
		g->host_behaviour.mapping == BEHAVIOUR_SEQUENTIAL)
		return BEHAVIOUR_SPRAY_HOST_MOVES;
	return BEHAVIOUR_SPRAY_MEASURED;
}

enum behaviour_spray guest_spray_wanted(struct guest *g)
{
	uint32_t first;

	if (!g->sockets[0].open)
		return BEHAVIOUR_SPRAY_NONE;
	if (!is_worth_it(g))
		return guess(g);
	/* Without a relay trials go on and on: now and then a plain one. */
	if (g->trial.number >= 4 && g->trial.number % 2 == 1)
		return BEHAVIOUR_SPRAY_NONE;
	first = first_spray(g);
	if (g->trial.number < first)
		return BEHAVIOUR_SPRAY_NONE;
	return other_than_measured(g, g->improvements > 0   ? g->improvements
				      : g->trial.number < 4 ? g->trial.number - first
							    : g->trial.number / 2);
}

/* Sockets. */

struct guest_socket *guest_socket(struct guest *g, uint32_t number)
{
	if (number < GUEST_SOCKETS_MAX)
		return &g->sockets[number];
	if (g->spray == NULL || number >= GUEST_SOCKETS_ALL)
		return NULL;
	return &g->spray->sockets[number - GUEST_SOCKETS_MAX];
}

static uint32_t free_spray_socket(const struct guest_spray *y)
{
	uint32_t i = 0;

	while (i < GUEST_SPRAY_SOCKETS && (y->sockets[i].open || y->sockets[i].wanted))
		i++;
	return i;
}

void guest_spray_release(struct guest *g)
{
	for (uint32_t i = 0; g->spray != NULL && i < GUEST_SPRAY_SOCKETS; i++) {
		struct guest_socket *s = &g->spray->sockets[i];
		uint32_t number = GUEST_SOCKETS_MAX + i;
		bool used = (g->active.live && g->active.session.path.socket == number) ||
			    (g->old.live && g->old.session.path.socket == number);

		if (!g->spray->live && s->open && !used)
			s->done = true;
		if (!g->spray->live)
			s->wanted = false;
	}
}

/* The course of one. */

static void send_knock(struct guest *g, uint32_t socket, const struct addr *to)
{
	const struct path path = {.socket = socket, .remote = *to};
	struct datagram *d = outbox_add(&g->outbox, &path, 0);

	d->len = (uint16_t)knock_encode(d->data, g->trial.id, g->credentials.mac_key);
}

void guest_spray_opened(struct guest *g, uint32_t number)
{
	if (g->spray->live)
		send_knock(g, number, &g->spray->spray.to);
}

void guest_spray_expire(struct guest *g, uint64_t now)
{
	struct guest_spray *y = g->spray;
	struct addr to;

	for (unsigned i = 0; i < SPRAY_BURST && spray_next(&y->spray, &to); i++) {
		uint32_t fresh = free_spray_socket(y);

		if (y->spray.plan.part != SPRAY_PART_SOCKETS)
			send_knock(g, g->trial.sockets[0], &to);
		else if (fresh < GUEST_SPRAY_SOCKETS)
			y->sockets[fresh].wanted = true;
	}
	spray_tick(&y->spray, now);
	timers_set(&g->timers, &y->timer, y->spray.next_at);
}

static void tell_trying(struct guest *g, const struct spray_plan *plan)
{
	struct event *event = events_add(&g->events, EVENT_TRYING);

	event->peer = g->host_seen;
	event->sockets = plan->sockets;
	event->number = plan->probes;
	event->span = plan->span;
	event->ppm = plan->ppm;
	event->why = g->trial.spray == BEHAVIOUR_SPRAY_HOST_MOVES
			     ? "in case the host's NAT takes any port"
		     : g->trial.spray == BEHAVIOUR_SPRAY_GUEST_MOVES
			     ? "in case the NAT here takes any port"
			     : NULL;
}

static bool make_room(struct guest *g)
{
	if (g->spray != NULL)
		return true;
	g->spray = calloc(1, sizeof(*g->spray));
	if (g->spray == NULL)
		return false;
	g->spray->timer.kind = TIMER_SPRAY;
	return true;
}

bool guest_spray_begin(struct guest *g, const struct host_offer *offer,
	const struct addr *host, uint64_t now)
{
	struct behaviour own = guest_behaviour(g), other = offer->behaviour;
	struct spray_plan plan;
	uint32_t key;

	behaviour_suppose(&other, &own, g->trial.spray);
	plan = spray_plan(&own, &other);
	if (!candidates_name(&offer->candidates, host) || !is_udp(host) ||
		plan.part == SPRAY_PART_NONE || (g->spray != NULL && g->spray->live) ||
		!make_room(g))
		return false;
	guest_fill(g, (uint8_t *)&key, sizeof(key));
	spray_start(&g->spray->spray, &plan, host, &other, key, false, now);
	g->spray->live = true;
	timers_set(&g->timers, &g->spray->timer, g->spray->spray.next_at);
	tell_trying(g, &plan);
	return true;
}

uint64_t guest_spray_ends_at(const struct guest *g)
{
	return g->spray != NULL && g->spray->live ? g->spray->spray.ends_at : 0;
}

void guest_spray_end(struct guest *g)
{
	if (g->spray == NULL)
		return;
	g->spray->live = false;
	timers_clear(&g->timers, &g->spray->timer);
	guest_spray_release(g);
}
