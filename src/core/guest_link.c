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
	g->counts.lost_in += link->session.counts.lost_in;
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
	g->old.session.draining = true;
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

/* Silences. */

/* Before a frame that comes. */
struct hush {
	uint64_t span; /* nothing went either way */
	uint64_t
		silence; /* the same before what we sent then and got no answer to; 0: none */
	unsigned pings; /* of it */
};

static struct hush hush_of(const struct session *s, uint64_t now)
{
	return (struct hush){session_silence(s, now), s->silence, s->pings};
}

void link_keep(struct guest *g)
{
	const struct keepalive *k = &g->keepalive;
	uint64_t span = keepalive_span(k, link_is_relayed(g));

	if (g->active.live)
		session_keep(&g->active.session, span, k->hosts_turn,
			span + (k->hosts_turn ? KEEPALIVE_GRACE : 0));
}

/* A ping that ends a silence tells what is to be kept to if it is answered. */
static void tell_next(struct guest *g, uint64_t now)
{
	struct session *s = &g->active.session;
	struct keepalive next = g->keepalive;

	if (session_silence(s, now) < s->quiet)
		return;
	keepalive_answered(&next, session_silence(s, now), now);
	session_keep(
		s, keepalive_span(&next, link_is_relayed(g)), next.hosts_turn, s->quiet);
}

/* What a frame that came tells, from what was before it. One that came only when the session
 * was given up, and the host punched for another one, was not let in before. */
static void note_silence(struct guest *g, const struct hush *was, uint64_t now)
{
	if (was->silence > 0 && was->pings >= SESSION_PINGS)
		keepalive_died(&g->keepalive, was->silence, now);
	else if (was->silence > 0)
		keepalive_answered(&g->keepalive, was->silence, now);
	else if (was->span >= SESSION_SILENCE)
		keepalive_heard(&g->keepalive, was->span, now);
	else
		return;
	link_keep(g);
	if (session_owes_word(&g->active.session))
		session_ping(&g->active.session, now);
}

/* The path of a session that is given up died in a silence of that length, or under
 * traffic, and so at that age. */
static void note_death(struct guest *g, uint64_t now)
{
	const struct session *s = &g->active.session;

	if (!g->active.live || link_is_fine(g))
		return;
	if (s->silence > 0)
		keepalive_died(&g->keepalive, s->silence, now);
	else if (!link_is_relayed(g) && s->unheard_at != NEVER &&
		 s->unheard_at - s->heard_at < UNDER_TRAFFIC)
		expiry_died(&g->expiry, s->heard_at - g->active.since, now);
}

bool link_open(struct guest *g, const struct noise_keys *keys, enum cipher cipher,
	const uint8_t session_id[SESSION_ID_SIZE], const struct reach *host,
	const struct path *path, uint64_t now)
{
	struct session *s = &g->active.session;

	note_death(g, now);
	replace_active(g, now);
	if (!session_init(s, keys, cipher, false, path, &g->config.entropy, &g->timers,
		    &g->outbox, &g->pool, now))
		return false;
	g->active.live = true;
	g->active.since = now;
	g->active.streamed =
		path->channel != 0 &&
		(path->remote.transport != ADDR_UDP ||
			path->channel != host->relay.channel || host->relay_streamed);
	memcpy(s->id, session_id, SESSION_ID_SIZE);
	memcpy(g->active.instance, host->instance, INSTANCE_SIZE);
	memcpy(g->active.host_static, host->noise.peer_static, CRYPTO_KEY_SIZE);
	memcpy(g->favourite, host->instance, INSTANCE_SIZE);
	s->timer.owner = &g->active;
	s->timer.kind = TIMER_LINK;
	link_keep(g);
	timers_set(&g->timers, &s->timer, now);
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

/* An attempt to improve a session that fell silent will not do: its channel is likely as dead,
 * and it may have asked from an address that is not ours any more. */
static void try_again(struct guest *g, uint64_t now)
{
	if ((!g->trial.live || g->trial.improving) && !g->stopped)
		trial_begin(g, 0, now);
	g->trial.improving = false;
}

/* A direct path is perhaps dying: asking early has the answer there when it is given up. */
static void ask_early(struct guest *g, uint64_t now)
{
	if (!link_is_relayed(g) && !g->trial.live)
		try_again(g, now);
}

void link_expire(struct guest *g, struct link *link, uint64_t now)
{
	enum session_health health;

	if (link == &g->old) {
		link_end(g, link);
		return;
	}
	tell_next(g, now);
	health = session_expire(&link->session, now);
	if (health != SESSION_GONE)
		rekey_guest_run(&link->rekey, &link->session, &g->credentials,
			g->config.identity, link->host_static, &g->config.entropy, now);
	if (health == SESSION_DOUBTED)
		ask_early(g, now);
	if (health < SESSION_SUSPECT)
		return;
	if (health == SESSION_GONE || link->session.pings >= PINGS_LOST)
		tell_lost(g, "silent");
	try_again(g, now);
	if (health == SESSION_GONE)
		link_end(g, link);
}

/* The active link speaks again while a new attempt is under way: no need for that. */
static void heard_again(struct guest *g, uint64_t now)
{
	if (g->active.session.moved_at != NEVER)
		return; /* heard, but from where nothing of ours may arrive */
	if (g->trial.live && !g->trial.improving) {
		trial_end(g);
		improve_soon(g, now);
	}
	if (g->lost)
		tell_connected(g, now);
}

static enum verdict take_frame(struct guest *g, struct link *link,
	const struct frame *frame, enum verdict verdict, uint64_t now,
	struct delivery *delivery)
{
	struct flow *flow;

	if (verdict == VERDICT_CONSUMED && frame->control && frame->type == CONTROL_BYE) {
		if (link == &g->active) {
			tell_lost(g, "the host said goodbye");
			try_again(g, now);
		}
		link_end(g, link);
		return verdict;
	}
	if (link == &g->active && link_is_fine(g))
		heard_again(g, now);
	if (verdict == VERDICT_CONSUMED && frame->control &&
		frame->type == CONTROL_REKEYED)
		return rekey_guest_input(&link->rekey, &link->session, frame, now);
	if (verdict != VERDICT_DELIVER)
		return verdict;
	flow = flow_find(&g->flows, frame->flow);
	if (flow == NULL)
		return VERDICT_DROP_UNSOLICITED;
	flow->used_at = now;
	*delivery = (struct delivery){flow, frame->payload, frame->len};
	return VERDICT_DELIVER;
}

static bool on_path(const struct link *link, const struct path *path, uint64_t now)
{
	return link->live && session_is_on(&link->session, path, now);
}

static void tell_moved(struct guest *g, const struct path *path)
{
	struct event *event = events_add(&g->events, EVENT_MOVED);

	event->path = *path;
}

static void challenge(struct guest *g, const struct path *path,
	const uint8_t edges[FRAME_OVERHEAD], uint64_t now)
{
	uint8_t out[CHALLENGE_SIZE];
	size_t size =
		challenge_make(&g->challenger, out, path, edges, FRAME_OVERHEAD, now);
	struct datagram *d;

	if (size == 0)
		return;
	d = outbox_add(&g->outbox, path, 0);
	memcpy(d->data, out, size);
	d->len = (uint16_t)size;
}

enum verdict link_input(struct guest *g, const struct path *path, uint8_t *buf,
	size_t len, uint64_t now, struct delivery *delivery)
{
	struct link *links[2] = {&g->active, &g->old};
	bool both = on_path(links[0], path, now) && on_path(links[1], path, now);
	enum verdict verdict = VERDICT_DROP_NO_SESSION;
	uint8_t edges[FRAME_OVERHEAD];
	struct frame frame;

	memcpy(edges, buf, FRAME_HEADER_SIZE);
	memcpy(edges + FRAME_HEADER_SIZE, buf + len - CRYPTO_TAG_SIZE, CRYPTO_TAG_SIZE);

	for (unsigned i = 0; i < 2; i++) {
		uint8_t *at = buf;
		struct hush was;

		if (!on_path(links[i], path, now))
			continue;
		was = hush_of(&links[i]->session, now);
		/* Opening in place spoils what the other might open. */
		if (both)
			at = memcpy(g->scratch, buf, len);
		verdict = session_open(&links[i]->session, at, len, &frame, now);
		if (verdict == VERDICT_DROP_FORGED || verdict == VERDICT_DROP_REPLAY)
			continue;
		if (session_moved_back(&links[i]->session, path, &frame, now))
			tell_moved(g, path);
		if (i == 0)
			note_silence(g, &was, now);
		return take_frame(g, links[i], &frame, verdict, now, delivery);
	}
	if (verdict != VERDICT_DROP_REPLAY && g->active.live)
		challenge(g, path, edges, now);
	return verdict;
}

/* Moving. */

/* Our NAT made another mapping under way. */
static void note_new_mapping(struct guest *g, uint64_t now)
{
	if (g->active.session.silence > 0)
		keepalive_died(&g->keepalive, g->active.session.silence, now);
	else if (now - g->active.since >= REPLACED_LIFE)
		expiry_died(&g->expiry, now - g->active.since, now);
	g->active.session.silence = 0;
	g->active.since = now;
	link_keep(g);
	if (session_owes_word(&g->active.session))
		session_ping(&g->active.session, now);
	improve_soon(g, now);
}

/* The host does not know us at this address: tell it which session we are. */
static enum verdict input_challenge(
	struct guest *g, const struct path *path, const uint8_t *buf, uint64_t now)
{
	struct datagram *d;

	if (!on_path(&g->active, path, now) || !challenge_means(&g->active.session, buf))
		return VERDICT_DROP_UNSOLICITED;
	if (!resume_may(&g->active.session, now))
		return VERDICT_DROP_LIMIT;
	d = outbox_add(&g->outbox, path, 0);
	d->len = (uint16_t)resume_make(&g->active.session, d->data, buf, now);
	note_new_mapping(g, now);
	return VERDICT_CONSUMED;
}

static void link_move(struct guest *g, const struct path *path, uint64_t now)
{
	session_move(&g->active.session, path, now);
	tell_moved(g, path);
	heard_again(g, now);
}

enum verdict link_resume_input(struct guest *g, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct session *s = &g->active.session;

	if (!g->active.live)
		return VERDICT_DROP_NO_SESSION;
	if (challenge_is(buf, len))
		return input_challenge(g, path, buf, now);
	if (!resume_is_asked(&g->challenger, buf, path, now))
		return VERDICT_DROP_STALE;
	if (memcmp(resume_session_id(buf), s->id, SESSION_ID_SIZE) != 0)
		return VERDICT_DROP_NO_SESSION;
	if (!resume_open(s, buf, now))
		return VERDICT_DROP_FORGED;
	session_answered(s, now);
	if (!on_path(&g->active, path, now))
		link_move(g, path, now);
	return VERDICT_CONSUMED;
}

void link_hint(struct guest *g, const struct path *path, uint64_t now)
{
	if (on_path(&g->active, path, now))
		session_hint(&g->active.session, now);
}
