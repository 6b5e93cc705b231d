/* SPDX-License-Identifier: MIT */
/* Connections: sessions with guests, and the places that their frames come from. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/host_parts.h"

/* Routes. */

static struct route_key route_key_of(const struct path *path)
{
	return (struct route_key){
		.socket = path->socket, .channel = path->channel, .remote = path->remote};
}

struct route *route_find(struct host *h, const struct path *path)
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

struct route *route_open(struct host *h, const struct path *path)
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

void route_leave(struct host *h, struct route_link *link)
{
	struct route *route = link->route;

	if (route == NULL)
		return;
	LL_DELETE(route->links, link);
	link->route = NULL;
	route_tidy(h, route);
}

bool connection_is_routed(const struct connection *c, const struct route *route)
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
	if (connection_is_routed(c, route))
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

static void leave_socket(struct host *h, const struct connection *c)
{
	struct host_socket *s = host_socket(h, c->socket);

	if (s != NULL)
		s->connections--;
}

/* A path by a stream has no socket of ours. */
static void enter_socket(struct host *h, struct connection *c, const struct path *path)
{
	struct host_socket *s;

	c->socket = path->remote.transport == ADDR_UDP ? path->socket : HOST_SOCKETS_ALL;
	s = host_socket(h, c->socket);
	if (s != NULL)
		s->connections++;
}

void connection_use_socket(struct host *h, struct connection *c, const struct path *path)
{
	leave_socket(h, c);
	enter_socket(h, c, path);
}

void connection_settle(struct host *h, struct connection *c, const struct path *path)
{
	const struct route *chosen = route_find(h, path);

	for (unsigned i = 0; i < ROUTES_MAX; i++)
		if (c->routes[i].route != chosen)
			route_leave(h, &c->routes[i]);
	connection_use_socket(h, c, path);
}

/* Connections. */

struct connection *connection_open(struct host *h, const struct noise_keys *keys,
	enum cipher cipher, const uint8_t session_id[SESSION_ID_SIZE],
	const uint8_t identity[CRYPTO_KEY_SIZE], const struct path *path,
	const struct addr *from, uint64_t now)
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
	enter_socket(h, c, path);
	DL_APPEND(h->connections, c);
	connection_route(h, c, path);
	if (TABLE_HOLDS(c) && limit_enter(h, c, from) &&
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
	limit_leave(h, c);
	if (c->peer != NULL && c->peer->connection == c) {
		c->peer->connection = NULL;
		home_seen(h, c->peer);
		h->counts.guests--;
	}
	if (c->peer != NULL && c->peer->before == c)
		c->peer->before = NULL;
	if (c->attempt != NULL)
		c->attempt->connection = NULL;
	leave_socket(h, c);
	if (h->leaving == c)
		h->leaving = c->next;
	DL_DELETE(h->connections, c);
	if (TABLE_HOLDS(c))
		HASH_DEL(h->by_id, c);
	session_fini(&c->session);
	free(c);
}

void connection_tell(struct host *h, enum event_type type, const struct connection *c,
	const char *why, uint64_t now)
{
	struct event *event = events_add(&h->events, type);

	event->number = c->peer->number;
	event->path = c->session.path;
	event->span = now - c->began_at;
	event->why = why;
	memcpy(event->identity, c->identity, CRYPTO_KEY_SIZE);
	if (type != EVENT_GUEST_CONNECTED || c->attempt == NULL)
		return;
	event->peer = c->attempt->from;
	event->ours = behaviour_network(&h->behaviour);
	event->theirs = behaviour_network(&c->attempt->theirs);
	event->theirs_v6 = c->attempt->theirs_v6;
}

void connection_end(struct host *h, struct connection *c, const char *why, uint64_t now)
{
	if (c->peer != NULL && !c->replaced)
		connection_tell(h, EVENT_GUEST_GONE, c, why, now);
	connection_free(h, c);
}

/* A guest that does not answer may be where it was, and we may not. */
static void check_health(struct host *h, struct connection *c, uint64_t now)
{
	enum session_health health = session_expire(&c->session, now);

	if (health == SESSION_GONE)
		connection_end(h, c, "silent", now);
	else if (health != SESSION_FINE)
		leases_doubt(h, now);
}

void connection_expire(struct host *h, struct connection *c, uint64_t now)
{
	if (c->peer == NULL || c->replaced)
		connection_end(h, c, NULL, now);
	else
		check_health(h, c, now);
}
