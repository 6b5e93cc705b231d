/* SPDX-License-Identifier: MIT */
#include "net/pacer.h"

#include <stdlib.h>
#include <string.h>

static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents);

void pacer_init(struct pacer *p, struct driver *d)
{
	memset(p, 0, sizeof(*p));
	p->driver = d;
	p->round = 1;
	fan_init(&p->fan);
	receiver_query_init(&p->query);
	ev_timer_init(&p->tick, on_tick, PACER_TICK, PACER_TICK);
	p->tick.data = p;
}

void pacer_fini(struct pacer *p)
{
	if (p->count > 0)
		ev_timer_stop(p->driver->loop, &p->tick);
	receiver_query_fini(&p->query);
	free(p->entries);
	free(p->bytes);
	p->entries = NULL;
	p->bytes = NULL;
	p->count = 0;
}

void pacer_flush(struct pacer *p)
{
	fan_flush(&p->fan);
}

/* Room. */

static uint64_t cost_of(size_t len)
{
	return len + RECEIVER_OVERHEAD;
}

static void grant(struct pacer *p, struct pacer_room *room, uint64_t bytes)
{
	room->left = room->granted = bytes;
	room->at = p->driver->now;
}

static struct addr source_of(const struct pacer_user *user)
{
	struct addr from = user->path->local;

	if (from.family == ADDR_NONE)
		return user->socket->bound;
	from.port = user->socket->bound.port;
	return from;
}

static void note_drops(
	struct pacer *p, struct pacer_room *room, const struct receiver_state *state)
{
	if (room->cookie == state->cookie)
		p->counts.overrun += state->drops - room->drops;
	room->cookie = state->cookie;
	room->drops = state->drops;
}

/* Fast traffic to an application that empties its buffer needs fewer looks. */
static unsigned trust(struct pacer_room *room, const struct receiver_state *state)
{
	unsigned before = room->trust;

	if (state->used > state->size / 4)
		return room->trust = 0;
	if (before < PACER_TRUST)
		room->trust++;
	return before;
}

/* A sixteenth is left to others. Even a buffer that is too small takes one datagram. */
static uint64_t room_of(const struct receiver_state *state, uint64_t cost)
{
	size_t end = state->size - state->size / 16;
	uint64_t room = state->used < end ? end - state->used : 0;

	return room < cost && state->used == 0 ? cost : room;
}

/* Looks at the user's buffer. What was collected may all be going there. Returns true if the
 * cost fits. */
static bool look(struct pacer *p, struct pacer_user *user, uint64_t cost)
{
	const struct addr from = source_of(user);
	struct receiver_state state;

	if (receiver_look(&p->query, &from, user->to, &state)) {
		state.used += fan_collected(&p->fan, RECEIVER_OVERHEAD);
		note_drops(p, user->room, &state);
		grant(p, user->room, room_of(&state, cost) << trust(user->room, &state));
	} else {
		grant(p, user->room, PACER_BLIND);
	}
	if (user->room->left >= cost)
		return true;
	user->full_in = p->round;
	return false;
}

/* True if what was granted lasted as long as it does in slow traffic. */
static bool is_slow(const struct pacer *p, const struct pacer_room *room)
{
	uint64_t span = p->driver->now - room->at;
	uint64_t bytes = room->granted > PACER_UNSEEN ? room->granted : PACER_UNSEEN;

	return span >= SECOND || span * PACER_RATE >= bytes * SECOND;
}

/* Rounds go on while something is held. */
static bool make_room(struct pacer *p, struct pacer_user *user, uint64_t cost)
{
	if (p->count > 0 && user->full_in == p->round)
		return false;
	if (cost > PACER_UNSEEN || !is_slow(p, user->room))
		return look(p, user, cost);
	user->room->trust = 0;
	grant(p, user->room, PACER_UNSEEN);
	return true;
}

/* Holding. */

static struct pacer_entry *entry_at(const struct pacer *p, size_t i)
{
	return &p->entries[(p->first + i) % PACER_DATAGRAMS];
}

/* The rings are made when the first datagram has to wait: few ever need them. */
static bool make_rings(struct pacer *p)
{
	if (!p->entries)
		p->entries = calloc(PACER_DATAGRAMS, sizeof(*p->entries));
	if (!p->bytes)
		p->bytes = malloc(PACER_BYTES);
	return p->entries && p->bytes;
}

/* Leaves in *place where len bytes lie in one piece; false if there is no such place. */
static bool find_place(const struct pacer *p, size_t len, uint64_t *place)
{
	size_t at = (size_t)(p->end % PACER_BYTES);

	*place = at + len > PACER_BYTES ? p->end + (PACER_BYTES - at) : p->end;
	if (p->count == 0)
		return true;
	return p->count < PACER_DATAGRAMS &&
	       *place + len - entry_at(p, 0)->place <= PACER_BYTES;
}

static void hold(struct pacer *p, struct pacer_user *user, uint8_t tos,
	const uint8_t *buf, size_t len)
{
	struct pacer_entry *entry;
	uint64_t place;

	p->counts.held++;
	if (!make_rings(p) || !find_place(p, len, &place)) {
		p->counts.dropped++;
		return;
	}
	if (p->count == 0)
		ev_timer_again(p->driver->loop, &p->tick);
	entry = entry_at(p, p->count++);
	*entry = (struct pacer_entry){.user = user,
		.place = place,
		.at = p->driver->now,
		.len = len,
		.tos = tos};
	p->end = place + len;
	memcpy(p->bytes + place % PACER_BYTES, buf, len);
	user->held++;
}

static void take(struct pacer_entry *entry)
{
	entry->user->held--;
	entry->user = NULL;
}

static void remove_taken(struct pacer *p)
{
	while (p->count > 0 && !entry_at(p, 0)->user) {
		p->first = (p->first + 1) % PACER_DATAGRAMS;
		p->count--;
	}
	if (p->count == 0)
		ev_timer_stop(p->driver->loop, &p->tick);
}

/* Returns true if there is room, of which len bytes are taken then. One look in each round
 * finds out that there is none. */
static bool fits(struct pacer *p, struct pacer_user *user, size_t len)
{
	uint64_t cost = cost_of(len);

	if (user->full_in == p->round ||
		(user->room->left < cost && !look(p, user, cost)))
		return false;
	user->room->left -= cost;
	return true;
}

static void release(struct pacer *p)
{
	p->round++;
	for (size_t i = 0; i < p->count; i++) {
		struct pacer_entry *e = entry_at(p, i);
		struct pacer_user *user = e->user;

		if (!user)
			continue;
		if (fits(p, user, e->len)) {
			fan_add(&p->fan, &user->fan, user->socket, user->path, e->tos,
				p->bytes + e->place % PACER_BYTES, e->len);
			take(e);
		} else if (p->driver->now - e->at >= PACER_HOLD) {
			p->counts.dropped++;
			take(e);
		}
	}
	fan_flush(&p->fan);
	remove_taken(p);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct pacer *p = timer->data;

	(void)loop, (void)revents;
	driver_wake(p->driver);
	release(p);
	driver_settle(p->driver);
}

void pacer_send(struct pacer *p, struct pacer_user *user, struct udp_socket *s,
	const struct path *path, const struct addr *to, uint8_t tos, uint8_t *buf,
	size_t len)
{
	uint64_t cost = cost_of(len);

	user->socket = s;
	user->path = path;
	user->to = to;
	if (user->held > 0 || (user->room->left < cost && !make_room(p, user, cost))) {
		hold(p, user, tos, buf, len);
		return;
	}
	user->room->left -= cost;
	fan_add(&p->fan, &user->fan, s, path, tos, buf, len);
}

void pacer_leave(struct pacer *p, struct pacer_user *user)
{
	fan_leave(&p->fan, &user->fan);
	for (size_t i = 0; user->held > 0 && i < p->count; i++) {
		struct pacer_entry *e = entry_at(p, i);

		if (e->user != user)
			continue;
		p->counts.dropped++;
		take(e);
	}
	if (p->count > 0)
		remove_taken(p);
}
