/* SPDX-License-Identifier: MIT */
/* Guests by identity, their connections, and the frames on them.
 *
 *   half-open -> open       the guest's first frame opened: now, and not before, the guest
 *                           has a number, and an older connection of its is replaced
 *   open      -> replaced   a newer one opened; it still receives for 3 s
 *   any       -> gone       goodbye, 45 s of silence, or 10 s half-open */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/host_parts.h"

/* Routes. */

static struct route_key route_key_of(const struct path *path)
{
	return (struct route_key){.socket = path->socket, .remote = path->remote};
}

static struct route *route_find(struct host *h, const struct path *path)
{
	struct route_key key = route_key_of(path);
	struct route *route = h->last_route;

	if (route != NULL && memcmp(&route->key, &key, sizeof(key)) == 0)
		return route;
	TABLE_FIND(h->routes, h->hash_key, &key, sizeof(key), route);
	if (route != NULL)
		h->last_route = route;
	return route;
}

static struct route *route_open(struct host *h, const struct path *path)
{
	struct route *route = route_find(h, path);

	if (route != NULL)
		return route;
	route = calloc(1, sizeof(*route));
	if (route == NULL)
		return NULL;
	route->key = route_key_of(path);
	TABLE_ADD(h->routes, h->hash_key, key, sizeof(route->key), route);
	if (TABLE_HOLDS(route))
		return route;
	free(route);
	return NULL;
}

/* Frees a route that leads nowhere. */
static void route_tidy(struct host *h, struct route *route)
{
	if (route->links != NULL)
		return;
	if (h->last_route == route)
		h->last_route = NULL;
	HASH_DEL(h->routes, route);
	free(route);
}

static void route_leave(struct host *h, struct route_link *link)
{
	struct route *route = link->route;

	if (route == NULL)
		return;
	LL_DELETE(route->links, link);
	link->route = NULL;
	route_tidy(h, route);
}

static bool routed_to(const struct connection *c, const struct route *route)
{
	for (unsigned i = 0; i < ROUTES_MAX; i++)
		if (c->routes[i].route == route)
			return true;
	return false;
}

bool connection_route(struct host *h, struct connection *c, const struct path *path)
{
	struct route *route = route_open(h, path);

	if (route == NULL)
		return false;
	if (routed_to(c, route))
		return true;
	for (unsigned i = 0; i < ROUTES_MAX; i++) {
		struct route_link *link = &c->routes[i];

		if (link->route != NULL)
			continue;
		*link = (struct route_link){.route = route, .connection = c};
		LL_PREPEND(route->links, link);
		return true;
	}
	route_tidy(h, route);
	return false;
}

/* The socket that the connection's path goes by serves one more, its last one one less. */
static void count_socket(struct host *h, struct connection *c, uint32_t socket)
{
	h->sockets[c->socket].connections--;
	c->socket = socket;
	h->sockets[c->socket].connections++;
}

/* Keeps the one route that path is; the others were only possible ones. */
static void settle_routes(struct host *h, struct connection *c, const struct path *path)
{
	const struct route *chosen = route_find(h, path);

	for (unsigned i = 0; i < ROUTES_MAX; i++)
		if (c->routes[i].route != chosen)
			route_leave(h, &c->routes[i]);
	count_socket(h, c, path->socket);
}

/* Connections. */

struct connection *connection_open(struct host *h, const struct noise_keys *keys,
	enum cipher cipher, const uint8_t session_id[SESSION_ID_SIZE],
	const uint8_t identity[CRYPTO_KEY_SIZE], const struct path *path, uint64_t now)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	if (!session_init(&c->session, keys, cipher, true, path, &h->config.entropy,
		    &h->timers, &h->outbox, &h->pool, now)) {
		free(c);
		return NULL;
	}
	memcpy(c->identity, identity, CRYPTO_KEY_SIZE);
	memcpy(c->session.id, session_id, SESSION_ID_SIZE);
	TABLE_ADD(h->by_id, h->hash_key, session.id, SESSION_ID_SIZE, c);
	c->session.timer.owner = c;
	c->session.timer.kind = TIMER_CONNECTION;
	c->socket = path->socket;
	h->sockets[c->socket].connections++;
	DL_APPEND(h->connections, c);
	h->counts.half_open++;
	connection_route(h, c, path);
	if (TABLE_HOLDS(c) &&
		timers_set(&h->timers, &c->session.timer, now + HALF_OPEN_LIFE))
		return c;
	connection_free(h, c);
	return NULL;
}

void connection_free(struct host *h, struct connection *c)
{
	for (unsigned i = 0; i < ROUTES_MAX; i++)
		route_leave(h, &c->routes[i]);
	if (c->peer != NULL)
		c->peer->links--;
	if (c->peer == NULL)
		h->counts.half_open--;
	else if (c->peer->connection == c) {
		c->peer->connection = NULL;
		h->counts.guests--;
	}
	if (c->attempt != NULL)
		c->attempt->connection = NULL;
	h->sockets[c->socket].connections--;
	if (h->leaving == c)
		h->leaving = c->next;
	DL_DELETE(h->connections, c);
	if (TABLE_HOLDS(c))
		HASH_DEL(h->by_id, c);
	session_fini(&c->session);
	free(c);
}

static void tell_guest(struct host *h, enum event_type type, const struct connection *c,
	const char *why, uint64_t now)
{
	struct event *event = events_add(&h->events, type);

	event->number = c->peer->number;
	event->path = c->session.path;
	event->span = now - c->began_at;
	event->why = why;
	memcpy(event->identity, c->identity, CRYPTO_KEY_SIZE);
}

static void connection_end(
	struct host *h, struct connection *c, const char *why, uint64_t now)
{
	if (c->peer != NULL && !c->replaced)
		tell_guest(h, EVENT_GUEST_GONE, c, why, now);
	connection_free(h, c);
}

void connection_expire(struct host *h, struct connection *c, uint64_t now)
{
	if (c->peer == NULL || c->replaced)
		connection_end(h, c, NULL, now);
	else if (session_expire(&c->session, now) == SESSION_GONE)
		connection_end(h, c, "silent for 45 s", now);
}

/* Peers. */

static struct peer *peer_find(
	const struct host *h, const uint8_t identity[CRYPTO_KEY_SIZE])
{
	struct peer *peer;

	TABLE_FIND(h->peers, h->hash_key, identity, CRYPTO_KEY_SIZE, peer);
	return peer;
}

uint8_t peer_refusal(const struct host *h, const uint8_t identity[CRYPTO_KEY_SIZE])
{
	const struct peer *peer = peer_find(h, identity);
	enum peer_policy policy = peer != NULL ? peer->policy : POLICY_NONE;

	if (policy == POLICY_DENIED || (policy == POLICY_NONE && h->deny_unknown))
		return HOST_REFUSAL_DENIED;
	if (peer != NULL && peer->connection != NULL)
		return 0;
	return h->counts.guests >= h->config.guests_max ? HOST_REFUSAL_FULL : 0;
}

static bool number_used(const struct host *h, uint32_t number)
{
	return h->numbers[number / 8] >> (number % 8) & 1;
}

static void number_mark(struct host *h, uint32_t number, bool used)
{
	uint8_t bit = (uint8_t)(1u << (number % 8));

	if (used)
		h->numbers[number / 8] |= bit;
	else
		h->numbers[number / 8] &= (uint8_t)~bit;
}

/* The next number that nobody has; there are more of them than peers. */
static uint32_t number_take(struct host *h)
{
	while (number_used(h, h->next_number))
		h->next_number = h->next_number < NUMBER_MAX ? h->next_number + 1 : 1;
	return h->next_number;
}

static void peer_free(struct host *h, struct peer *peer)
{
	if (peer->number != 0)
		number_mark(h, peer->number, false);
	HASH_DEL(h->peers, peer);
	flow_table_fini(&peer->flows);
	free(peer);
}

/* When as many identities are remembered as may be, the one that was away longest goes,
 * with its number: anybody with a ticket can make up identities. */
static bool make_room(struct host *h)
{
	struct peer *peer, *next, *oldest = NULL;

	if (HASH_COUNT(h->peers) < PEERS_MAX)
		return true;
	HASH_ITER (hh, h->peers, peer, next)
		if (peer->connection == NULL && peer->policy == POLICY_NONE &&
			peer->links == 0 && peer->flows.count == 0 &&
			(oldest == NULL || peer->seen_at < oldest->seen_at))
			oldest = peer;
	if (oldest != NULL)
		peer_free(h, oldest);
	return oldest != NULL;
}

struct peer *peer_open(
	struct host *h, const uint8_t identity[CRYPTO_KEY_SIZE], uint32_t number)
{
	struct peer *peer = peer_find(h, identity);

	if (peer == NULL && make_room(h))
		peer = calloc(1, sizeof(*peer));
	else if (peer == NULL || peer->number != 0)
		return peer;
	if (peer == NULL)
		return NULL;
	if (number != 0 && !number_used(h, number)) {
		peer->number = number;
		number_mark(h, number, true);
		if (number >= h->next_number)
			h->next_number = number < NUMBER_MAX ? number + 1 : 1;
	}
	if (peer->flows.closing != NULL) /* known before, without a number */
		return peer;
	memcpy(peer->identity, identity, CRYPTO_KEY_SIZE);
	flow_table_init(&peer->flows, h->config.flows_max, &h->closing);
	TABLE_ADD(h->peers, h->hash_key, identity, CRYPTO_KEY_SIZE, peer);
	if (TABLE_HOLDS(peer))
		return peer;
	free(peer);
	return NULL;
}

/* Sends away those who may not stay. */
void peers_enforce(struct host *h, uint64_t now)
{
	struct peer *peer, *next;

	HASH_ITER (hh, h->peers, peer, next) {
		if (peer->connection == NULL ||
			peer_refusal(h, peer->identity) != HOST_REFUSAL_DENIED)
			continue;
		session_bye(&peer->connection->session, HOST_REFUSAL_DENIED, now);
		connection_end(h, peer->connection, "it may not stay", now);
	}
}

void peers_free(struct host *h)
{
	while (h->peers != NULL)
		peer_free(h, h->peers);
}

void peers_sweep(struct host *h, uint64_t now)
{
	struct peer *peer, *next;

	HASH_ITER (hh, h->peers, peer, next)
		flow_expire(&peer->flows, FLOW_IDLE_HOST, now);
}

static struct peer *peer_of(struct host *h, const struct connection *c)
{
	struct peer *peer = peer_find(h, c->identity);
	struct event *event;

	if (peer != NULL && peer->number != 0)
		return peer;
	peer = peer_open(h, c->identity, number_take(h));
	if (peer == NULL)
		return NULL;
	event = events_add(&h->events, EVENT_GUEST_NEW);
	event->number = peer->number;
	memcpy(event->identity, c->identity, CRYPTO_KEY_SIZE);
	return peer;
}

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
		path = (struct path){
			.socket = route->key.socket, .remote = route->key.remote};
		if (!session_pong_proves(&c->session, &path, frame))
			continue;
		session_prove(&c->session, &path, now);
		settle_routes(h, c, &path);
		return;
	}
	if (now - c->session.asked_at >= SESSION_PING_INTERVAL)
		ask_place(c, &c->session.path, now);
}

/* A newer connection takes over. What the old one still receives is the guest's, unless
 * that is another process now: its flow 0 is not the flow 0 of before. */
static void replace(
	struct host *h, struct connection *old, const struct connection *by, uint64_t now)
{
	old->replaced = true;
	old->session.draining = true;
	old->peer->connection = NULL;
	h->counts.guests--;
	if (memcmp(old->process, by->process, PROCESS_SIZE) == 0)
		timers_set(&h->timers, &old->session.timer, now + DRAIN);
	else
		connection_free(h, old);
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
	peer->seen_at = now;
	old = peer->connection;
	if (old != NULL && old->began_at > c->began_at)
		return false;
	if (old != NULL)
		replace(h, old, c, now);
	h->counts.guests++;
	c->peer = peer;
	peer->links++;
	peer->connection = c;
	h->counts.half_open--;
	timers_set(&h->timers, &c->session.timer, now + SESSION_UNHEARD);
	tell_guest(h, EVENT_GUEST_CONNECTED, c, NULL, now);
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

static enum verdict take_data(struct connection *c, const struct frame *frame,
	uint64_t now, struct delivery *delivery)
{
	struct peer *peer = c->peer;
	struct flow *flow = flow_find(&peer->flows, frame->flow);

	if (flow == NULL) {
		flow = flow_open(&peer->flows, frame->flow, now);
		if (flow == NULL)
			return VERDICT_DROP_LIMIT;
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
		count_socket(h, c, path->socket);
		tell_guest(h, EVENT_GUEST_MOVED, c, NULL, now);
	}
	if (verdict == VERDICT_DELIVER)
		return take_data(c, frame, now, delivery);
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
		if (opened(verdict))
			return take_frame(h, c, path, &frame, verdict, now, delivery);
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
		if (link->route == NULL && !routed_to(c, route)) {
			*link = (struct route_link){.route = route, .connection = c};
			LL_PREPEND(route->links, link);
		}
	}
	count_socket(h, c, path->socket);
	session_move(&c->session, path, now);
	tell_guest(h, EVENT_GUEST_MOVED, c, NULL, now);
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
	session_heard(&c->session, now);
	if (!session_is_on(&c->session, path, now))
		connection_move(h, c, path, now);
	return VERDICT_CONSUMED;
}
