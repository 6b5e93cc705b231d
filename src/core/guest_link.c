/* SPDX-License-Identifier: MIT */
/* The guest's session with its host: the active one, and the one it replaced, which still
 * receives for a while. A silent one is not given up: a new attempt runs beside it, and
 * whichever is heard first wins. */
#include <string.h>

#include "core/guest_parts.h"

static void link_end(struct guest *g, struct link *link)
{
	if (!link->live)
		return;
	g->counts.datagrams_out += link->session.counts.datagrams_out;
	g->counts.bytes_out += link->session.counts.bytes_out;
	g->counts.datagrams_in += link->session.counts.datagrams_in;
	g->counts.bytes_in += link->session.counts.bytes_in;
	session_fini(&link->session);
	*link = (struct link){0};
}

void links_end(struct guest *g)
{
	link_end(g, &g->active);
	link_end(g, &g->old);
}

/* Moves the active link aside; its timer is embedded and must not be moved while set. */
static void replace_active(struct guest *g, uint64_t now)
{
	link_end(g, &g->old);
	if (!g->active.live)
		return;
	timers_clear(&g->timers, &g->active.session.timer);
	g->old = g->active;
	g->active = (struct link){0};
	g->old.session.timer.owner = &g->old;
	timers_set(&g->timers, &g->old.session.timer, now + REPLACED_LIFE);
}

static void tell_connected(struct guest *g, uint64_t now)
{
	struct event *event = events_add(&g->events, EVENT_CONNECTED);

	event->path = g->active.session.path;
	event->span = now - g->began_at;
	g->lost = false;
	g->progress = (struct guest_progress){0};
}

bool link_open(struct guest *g, const struct noise_keys *keys, enum cipher cipher,
	const uint8_t session_id[SESSION_ID_SIZE], const uint8_t instance[INSTANCE_SIZE],
	const struct path *path, uint64_t now)
{
	struct session *s = &g->active.session;

	replace_active(g, now);
	if (!session_init(
		    s, keys, cipher, false, path, &g->timers, &g->outbox, &g->pool, now))
		return false;
	g->active.live = true;
	memcpy(s->id, session_id, SESSION_ID_SIZE);
	memcpy(g->active.instance, instance, INSTANCE_SIZE);
	memcpy(g->favourite, instance, INSTANCE_SIZE);
	s->timer.owner = &g->active;
	s->timer.kind = TIMER_LINK;
	tell_connected(g, now);
	/* The host believes us at our first frame: repeat it until it is answered. */
	session_ping(s, now);
	session_hint(s, now);
	return true;
}

static void tell_lost(struct guest *g, const char *why)
{
	struct event *event;

	if (g->lost)
		return;
	g->lost = true;
	event = events_add(&g->events, EVENT_LOST);
	event->path = g->active.session.path;
	event->why = why;
}

static void try_again(struct guest *g, const char *why, uint64_t now)
{
	tell_lost(g, why);
	if (!g->trial.live && !g->stopped)
		trial_begin(g, 0, now);
}

void link_expire(struct guest *g, struct link *link, uint64_t now)
{
	enum session_health health;

	if (link == &g->old) {
		link_end(g, link);
		return;
	}
	health = session_expire(&link->session, now);
	if (health == SESSION_FINE)
		return;
	try_again(g, health == SESSION_GONE ? "silent for 45 s" : "silent", now);
	if (health == SESSION_GONE)
		link_end(g, link);
}

/* The active link speaks again while a new attempt is under way: no need for that. */
static void heard_again(struct guest *g, uint64_t now)
{
	if (!g->lost)
		return;
	trial_end(g);
	tell_connected(g, now);
}

static enum verdict take_frame(struct guest *g, struct link *link,
	const struct frame *frame, enum verdict verdict, uint64_t now,
	struct delivery *delivery)
{
	struct flow *flow;

	if (verdict == VERDICT_CONSUMED && frame->control && frame->type == CONTROL_BYE) {
		if (link == &g->active)
			try_again(g, "the host said goodbye", now);
		link_end(g, link);
		return verdict;
	}
	if (link == &g->active)
		heard_again(g, now);
	if (verdict != VERDICT_DELIVER)
		return verdict;
	flow = flow_find(&g->flows, frame->flow);
	if (flow == NULL)
		return VERDICT_DROP_UNSOLICITED;
	flow->used_at = now;
	*delivery = (struct delivery){flow, frame->payload, frame->len};
	return VERDICT_DELIVER;
}

static bool on_path(const struct link *link, const struct path *path)
{
	return link->live && link->session.path.socket == path->socket &&
	       addr_equal(&link->session.path.remote, &path->remote);
}

enum verdict link_input(struct guest *g, const struct path *path, uint8_t *buf,
	size_t len, uint64_t now, struct delivery *delivery)
{
	struct link *links[2] = {&g->active, &g->old};
	bool both = on_path(links[0], path) && on_path(links[1], path);
	enum verdict verdict = VERDICT_DROP_NO_SESSION;
	struct frame frame;

	for (unsigned i = 0; i < 2; i++) {
		uint8_t *at = buf;

		if (!on_path(links[i], path))
			continue;
		/* Opening in place spoils what the other might open. */
		if (both)
			at = memcpy(g->scratch, buf, len);
		verdict = session_open(&links[i]->session, at, len, &frame, now);
		if (verdict != VERDICT_DROP_FORGED && verdict != VERDICT_DROP_REPLAY)
			return take_frame(g, links[i], &frame, verdict, now, delivery);
	}
	return verdict;
}

void link_hint(struct guest *g, const struct path *path, uint64_t now)
{
	if (on_path(&g->active, path))
		session_hint(&g->active.session, now);
}
