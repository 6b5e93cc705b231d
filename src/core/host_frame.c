/* SPDX-License-Identifier: MIT */
/* The frames on connections, and what they make of them.
 *
 *   half-open -> open       the guest's first frame opened: now, and not before, the guest
 *                           has a number, and an older connection of its is replaced
 *   open      -> replaced   a newer one opened; it still receives for 3 s
 *   any       -> gone       goodbye, a silence that is death, or 10 s half-open */
#include <string.h>
#include <utlist.h>

#include "core/host_parts.h"

/* Is the guest there? The address of a frame can be forged, the answer to a ping that went
 * there cannot. */
static void ask_place(struct connection *c, const struct path *path, uint64_t now)
{
	c->session.asked_at = now;
	session_ping_at(&c->session, path, now);
}

/* A pong proves the place that its ping went to, whichever way it came (RFC 9000, section
 * 8.2.3). */
static void prove(
	struct host *h, struct connection *c, const struct frame *frame, uint64_t now)
{
	for (unsigned i = 0; i < ROUTES_MAX; i++) {
		const struct route *route = c->routes[i].route;
		struct path path;

		if (route == NULL)
			continue;
		path = (struct path){.socket = route->key.socket,
			.remote = route->key.remote,
			.channel = route->key.channel};
		if (!session_pong_proves(&c->session, &path, frame))
			continue;
		session_prove(&c->session, &path, now);
		connection_settle(h, c, &path);
		return;
	}
	if (now - c->session.asked_at >= SESSION_PING_INTERVAL)
		ask_place(c, &c->session.path, now);
}

/* A newer connection takes over: what the old one still receives is the guest's. */
static void replace(struct host *h, struct connection *old, uint64_t now)
{
	old->replaced = true;
	old->session.draining = true;
	old->peer->connection = NULL;
	old->peer->before = old;
	h->counts.guests--;
	timers_set(&h->timers, &old->session.timer, now + DRAIN);
}

/* The guest is another process than before: its flow 0 is not the flow 0 of then, so nothing
 * more is heard of that, however late it was carried. */
static void end_other_lives(struct host *h, const struct connection *c)
{
	struct connection *other, *next;

	if (c->peer->links == 1)
		return;
	DL_FOREACH_SAFE (h->connections, other, next)
		if (other->peer == c->peer &&
			memcmp(other->process, c->process, PROCESS_SIZE) != 0)
			connection_free(h, other);
}

/* The guest's first frame opened: the connection is real. Returns false if it is not to be,
 * since a newer one is there already or the limit is reached. */
static bool promote(struct host *h, struct connection *c, uint64_t now)
{
	struct peer *peer = NULL;
	struct connection *old;

	if (peer_refusal(h, c->identity) == 0)
		peer = peer_of(h, c);
	if (peer == NULL)
		return false;
	home_seen(h, peer);
	old = peer->connection;
	if (old != NULL && old->began_at > c->began_at)
		return false;
	if (old != NULL)
		replace(h, old, now);
	h->counts.guests++;
	c->peer = peer;
	peer->links++;
	peer->connection = c;
	end_other_lives(h, c);
	limit_confirm(h, c);
	timers_set(&h->timers, &c->session.timer, now + SESSION_UNHEARD);
	connection_tell(h, EVENT_GUEST_CONNECTED, c, NULL, now);
	ask_place(c, &c->session.path, now);
	return true;
}

/* Frames. */

static enum verdict take_control(
	struct host *h, struct connection *c, const struct frame *frame, uint64_t now)
{
	struct flow *flow;

	if (frame->type == CONTROL_BYE) {
		connection_end(h, c, "it said goodbye", now);
	} else if (frame->type == CONTROL_REKEY) {
		return rekey_host_input(&c->rekey, &c->session, frame, &h->credentials,
			h->service.host_static, c->identity, &h->config.entropy,
			&h->handshakes, now);
	} else if (frame->type == CONTROL_FLOW_CLOSED) {
		flow = flow_find(&c->peer->flows, frame->flow);
		if (flow != NULL)
			flow_close(&c->peer->flows, flow, now);
	}
	return VERDICT_CONSUMED;
}

static enum verdict take_data(struct host *h, struct connection *c,
	const struct frame *frame, uint64_t now, struct delivery *delivery)
{
	struct peer *peer = c->peer;
	struct flow *flow = flow_find(&peer->flows, frame->flow);

	if (flow == NULL) {
		flow = flow_open(&peer->flows, frame->flow, now);
		if (flow == NULL) {
			peer_tell_flow_refused(h, peer, now);
			return VERDICT_DROP_LIMIT;
		}
		flow->guest = peer->number;
		flow->owner = peer;
	}
	flow->used_at = now;
	*delivery = (struct delivery){flow, frame->payload, frame->len};
	return VERDICT_DELIVER;
}

static enum verdict take_frame(struct host *h, struct connection *c,
	const struct path *path, const struct frame *frame, enum verdict verdict,
	uint64_t now, struct delivery *delivery)
{
	if (c->peer == NULL && !promote(h, c, now)) {
		connection_free(h, c);
		return VERDICT_DROP_LIMIT;
	}
	if (!c->session.proved && verdict != VERDICT_DROP_MALFORMED)
		prove(h, c, frame, now);
	if (session_moved_back(&c->session, path, frame, now)) {
		connection_use_socket(h, c, path);
		connection_tell(h, EVENT_GUEST_MOVED, c, NULL, now);
	}
	if (verdict == VERDICT_DELIVER)
		return take_data(h, c, frame, now, delivery);
	return frame->control && verdict == VERDICT_CONSUMED
		       ? take_control(h, c, frame, now)
		       : verdict;
}

/* Nobody opens the frame: whose it is may be found out by a challenge. */
static enum verdict challenge(struct host *h, const struct path *path,
	const uint8_t *frame, size_t len, uint64_t now)
{
	uint8_t out[CHALLENGE_SIZE];
	size_t size = challenge_make(&h->challenger, out, path, frame, len, now);
	struct datagram *d;

	if (size > 0) {
		d = outbox_add(&h->outbox, path, 0);
		memcpy(d->data, out, size);
		d->len = (uint16_t)size;
	}
	return VERDICT_DROP_NO_SESSION;
}

static bool opened(enum verdict verdict)
{
	return verdict != VERDICT_DROP_FORGED && verdict != VERDICT_DROP_REPLAY;
}

enum verdict frame_input(struct host *h, const struct path *path, uint8_t *buf,
	size_t len, uint64_t now, struct delivery *delivery)
{
	struct route *route = route_find(h, path);
	struct route_link *link, *next;
	uint8_t edges[FRAME_OVERHEAD];
	struct path was;
	struct frame frame;
	enum verdict verdict = VERDICT_DROP_NO_SESSION;
	bool several;

#ifdef EYELET_PLANT_ROAM
	if (route == NULL && h->connections != NULL) {
		h->connections->session.path = *path;
		route = h->connections->routes[0].route;
	}
#endif
	if (route == NULL)
		return challenge(h, path, buf, len, now);
	/* Header and tag, all that a challenge needs: opening spoils the tag's place never,
	 * the rest always. */
	memcpy(edges, buf, FRAME_HEADER_SIZE);
	memcpy(edges + FRAME_HEADER_SIZE, buf + len - CRYPTO_TAG_SIZE, CRYPTO_TAG_SIZE);
	several = route->links->next != NULL;
	LL_FOREACH_SAFE(route->links, link, next)
	{
		struct connection *c = link->connection;
		uint8_t *at = buf;

		/* It was here before it moved: to come back, it has to say so. */
		if (c->session.proved && !session_is_on(&c->session, path, now)) {
			route_leave(h, link);
			continue;
		}
		/* Opening in place spoils what another session might open. */
		if (several)
			at = memcpy(h->scratch, buf, len);
		/* Until the guest's place is proved, answers go where its frames come from. */
		was = c->session.path;
		if (!c->session.proved)
			c->session.path = *path;
		verdict = session_open(&c->session, at, len, &frame, now);
		if (opened(verdict)) {
			if (!c->session.proved)
				connection_use_socket(h, c, path);
			return take_frame(h, c, path, &frame, verdict, now, delivery);
		}
		c->session.path = was;
		/* Somebody may be carrying copies of its frames ahead of the guest. */
		if (verdict == VERDICT_DROP_REPLAY && c->peer != NULL &&
			!c->session.proved)
			ask_place(c, path, now);
	}
	if (verdict == VERDICT_DROP_FORGED || verdict == VERDICT_DROP_NO_SESSION)
		challenge(h, path, edges, sizeof(edges), now);
	return verdict;
}

void route_hint(struct host *h, const struct path *path, uint64_t now)
{
	struct route *route = route_find(h, path);
	struct route_link *link;

	if (route == NULL)
		return;
	LL_FOREACH (route->links, link)
		if (link->connection->peer != NULL && !link->connection->replaced)
			session_hint(&link->connection->session, now);
}

void connections_recheck(struct host *h, uint64_t now)
{
	struct connection *c;

	for (c = h->connections; c != NULL; c = c->next)
		if (c->peer != NULL && !c->replaced)
			session_recheck(&c->session, now);
}

/* Moving. */

/* A guest does not know us at this address: tell it which session we are. */
static enum verdict input_challenge(
	struct host *h, const struct path *path, const uint8_t *buf, uint64_t now)
{
	struct route *route = route_find(h, path);
	struct route_link *link;
	struct datagram *d;

	for (link = route != NULL ? route->links : NULL; link != NULL;
		link = link->next) {
		struct connection *c = link->connection;

		if (c->peer == NULL || !challenge_means(&c->session, buf))
			continue;
		if (!resume_may(&c->session, now))
			return VERDICT_DROP_LIMIT;
		d = outbox_add(&h->outbox, path, 0);
		d->len = (uint16_t)resume_make(&c->session, d->data, buf, now);
		return VERDICT_CONSUMED;
	}
	return VERDICT_DROP_UNSOLICITED;
}

static void connection_move(
	struct host *h, struct connection *c, const struct path *path, uint64_t now)
{
	struct route *route = route_open(h, path), *leaving;

	if (route == NULL)
		return;
	/* The route it leaves stays, for the move to be taken back by. */
	leaving = route_find(h, &c->session.path);
	for (unsigned i = 0; i < ROUTES_MAX; i++) {
		struct route_link *link = &c->routes[i];

		if (link->route != NULL && link->route != route && link->route != leaving)
			route_leave(h, link);
		if (link->route == NULL && !connection_is_routed(c, route)) {
			*link = (struct route_link){.route = route, .connection = c};
			LL_PREPEND(route->links, link);
		}
	}
	connection_use_socket(h, c, path);
	session_move(&c->session, path, now);
	connection_tell(h, EVENT_GUEST_MOVED, c, NULL, now);
}

enum verdict resume_input(struct host *h, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now)
{
	struct connection *c;

	if (challenge_is(buf, len))
		return input_challenge(h, path, buf, now);
	if (!resume_is_asked(&h->challenger, buf, path, now))
		return VERDICT_DROP_STALE;
	TABLE_FIND(h->by_id, h->hash_key, resume_session_id(buf), SESSION_ID_SIZE, c);
	if (c == NULL || c->peer == NULL || c->replaced)
		return VERDICT_DROP_NO_SESSION;
	if (!resume_open(&c->session, buf, now))
		return VERDICT_DROP_FORGED;
	session_answered(&c->session, now);
	if (!session_is_on(&c->session, path, now))
		connection_move(h, c, path, now);
	return VERDICT_CONSUMED;
}
