/* SPDX-License-Identifier: MIT */
/* The host's part in trying many ports at once (core/spray.h): for one attempt at a time,
 * only towards the address that the rendezvous proved and the guest's sealed offer names. */
#include <stdlib.h>
#include <string.h>

#include "core/host_parts.h"

struct behaviour host_behaviour(const struct host *h)
{
	return effort_behaviour(&h->behaviour, h->config.effort);
}

/* Sockets. */

struct host_socket *host_socket(struct host *h, uint32_t number)
{
	if (number < HOST_SOCKETS_MAX)
		return &h->sockets[number];
	if (h->spray == NULL || number >= HOST_SOCKETS_ALL)
		return NULL;
	return &h->spray->sockets[number - HOST_SOCKETS_MAX];
}

static uint32_t free_spray_socket(const struct host_spray *y)
{
	uint32_t i = 0;

	while (i < HOST_SPRAY_SOCKETS && (y->sockets[i].open || y->sockets[i].wanted))
		i++;
	return i;
}

void host_spray_release(struct host *h)
{
	for (uint32_t i = 0; h->spray != NULL && i < HOST_SPRAY_SOCKETS; i++) {
		struct host_socket *s = &h->spray->sockets[i];

		if (h->spray->live)
			continue;
		s->wanted = false;
		if (s->open && s->connections == 0)
			s->done = true;
	}
}

bool host_spray_next_event(struct host *h, struct event *event)
{
	for (uint32_t i = 0; h->spray != NULL && i < HOST_SPRAY_SOCKETS; i++) {
		struct host_socket *s = &h->spray->sockets[i];

		if (!s->wanted && !s->done)
			continue;
		*event = (struct event){
			.type = s->done ? EVENT_SOCKET_DONE : EVENT_SOCKET_WANTED,
			.number = HOST_SOCKETS_MAX + i};
		event->addr.family = ADDR_V4;
		if (s->done)
			*s = (struct host_socket){0};
		s->wanted = false;
		return true;
	}
	return false;
}

/* The course of one. */

static void send_punch(
	struct host *h, const uint8_t id[ID_SIZE], const struct path *path, uint64_t now)
{
	struct datagram *d;

	if (!bucket_take(&h->punches, 1, now))
		return;
	d = outbox_add(&h->outbox, path, 0);
	d->len = (uint16_t)punch_encode(d->data, id, h->credentials.mac_key);
	h->counts.unproved_bytes += d->len;
}

void host_spray_opened(
	struct host *h, uint32_t number, const struct addr *bound, uint64_t now)
{
	struct host_socket *s = host_socket(h, number);
	const struct path path = {.socket = number, .remote = h->spray->spray.to};

	if (s->open)
		return;
	*s = (struct host_socket){.open = true, .bound = *bound, .unused_at = now};
	if (h->spray->live)
		send_punch(h, h->spray->id, &path, now);
	else
		s->done = true;
}

static void host_spray_end(struct host *h)
{
	h->spray->live = false;
	timers_clear(&h->timers, &h->spray->timer);
	host_spray_release(h);
}

void host_spray_expire(struct host *h, uint64_t now)
{
	struct host_spray *y = h->spray;
	struct spray *s = &y->spray;
	struct path path = {.socket = y->socket};

	if (now >= s->ends_at) {
		host_spray_end(h);
		return;
	}
	for (unsigned i = 0;
		now >= s->next_at && i < SPRAY_BURST && spray_next(s, &path.remote);
		i++) {
		uint32_t fresh = free_spray_socket(y);

		if (s->plan.part != SPRAY_PART_SOCKETS)
			send_punch(h, y->id, &path, now);
		else if (fresh < HOST_SPRAY_SOCKETS)
			y->sockets[fresh].wanted = true;
	}
	if (now >= s->next_at)
		spray_tick(s, now);
	timers_set(
		&h->timers, &y->timer, s->next_at < s->ends_at ? s->next_at : s->ends_at);
}

static bool make_room(struct host *h)
{
	if (h->spray != NULL)
		return true;
	h->spray = calloc(1, sizeof(*h->spray));
	if (h->spray == NULL)
		return false;
	h->spray->timer.kind = TIMER_SPRAY;
	return true;
}

bool host_spray_begin(struct host *h, const struct attempt *a, const struct lease *lease,
	const struct guest_offer *offer, const struct addr *seen, uint64_t now)
{
	struct behaviour own = host_behaviour(h), other = offer->behaviour;
	struct spray_plan plan;
	uint32_t key;

	behaviour_suppose(&own, &other, other.spray);
	plan = spray_plan(&own, &other);
	if (other.spray == BEHAVIOUR_SPRAY_NONE || plan.part == SPRAY_PART_NONE ||
		seen->family != ADDR_V4 || seen->transport != ADDR_UDP ||
		lease->server.transport != ADDR_UDP ||
		!candidates_name(&offer->candidates, seen) ||
		(h->spray != NULL && h->spray->live) || !make_room(h))
		return false;
	host_fill(h, (uint8_t *)&key, sizeof(key));
	spray_start(&h->spray->spray, &plan, seen, &other, key, true, now);
	h->spray->live = true;
	h->spray->socket = lease->socket;
	h->spray->echoes = 0;
	memcpy(h->spray->id, a->id, ID_SIZE);
	timers_set(&h->timers, &h->spray->timer, h->spray->spray.next_at);
	return true;
}

/* A knock got through: the guest is there, and learns by the answer where we are. */
enum verdict host_spray_knock(struct host *h, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now)
{
	struct host_spray *y = h->spray;

	if (y == NULL || !y->live || memcmp(message_id(buf), y->id, ID_SIZE) != 0)
		return VERDICT_DROP_UNSOLICITED;
	if (!punch_verify(buf, len, h->credentials.mac_key))
		return VERDICT_DROP_FORGED;
	if (!addr_same_ip(&path->remote, &y->spray.to))
		return VERDICT_DROP_NOT_ALLOWED;
	if (y->echoes == SPRAY_ECHOES)
		return VERDICT_DROP_LIMIT;
	y->echoes++;
	send_punch(h, y->id, path, now);
	return VERDICT_CONSUMED;
}

/* A guest came in: no more is sent. What is on its way may still arrive. */
void host_spray_met(struct host *h, const struct attempt *a, uint64_t now)
{
	struct host_spray *y = h->spray;

	if (y == NULL || !y->live || memcmp(a->id, y->id, ID_SIZE) != 0)
		return;
	y->spray.next_at = NEVER;
	if (now + SPRAY_GRACE < y->spray.ends_at)
		y->spray.ends_at = now + SPRAY_GRACE;
	timers_set(&h->timers, &y->timer, y->spray.ends_at);
}
