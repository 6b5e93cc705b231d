/* SPDX-License-Identifier: MIT */
#include "sim/machine.h"

#include <stdlib.h>
#include <string.h>

#include "sim/packet.h"

#define SETTLE_ROUNDS 1000 /* of outputs and events, until it is a busy loop */

static struct machine *machine_of(struct node *node)
{
	return (struct machine *)node;
}

size_t machine_locals(const struct machine *m, struct addr locals[2])
{
	size_t count = 0;

	if (m->v6.family != ADDR_NONE)
		locals[count++] = m->v6;
	if (m->v4.family != ADDR_NONE)
		locals[count++] = m->v4;
	return count;
}

struct addr machine_addr(const struct machine *m, uint16_t port, bool v6)
{
	struct addr a = v6 ? m->v6 : m->v4;

	a.port = port;
	return a;
}

void machine_dial(struct machine *m, const struct machine *rendezvous, bool v6)
{
	m->servers[m->server_count++] = machine_addr(rendezvous, RENDEZVOUS_PORT, v6);
}

void machine_dial_streams(struct machine *m, const struct machine *rendezvous, bool v6)
{
	struct addr tcp = machine_addr(rendezvous, RENDEZVOUS_PORT, v6);
	struct addr tls = machine_addr(rendezvous, TLS_PORT, v6);

	tcp.transport = ADDR_TCP;
	tls.transport = ADDR_TLS;
	m->servers[m->server_count++] = tcp;
	m->servers[m->server_count++] = tls;
}

static bool port_taken(const struct machine *m, uint8_t family, uint16_t port)
{
	for (unsigned i = 0; i < m->sockets_used; i++)
		if (m->sockets[i].open && m->sockets[i].bound.family == family &&
			m->sockets[i].bound.port == port)
			return true;
	return false;
}

void machine_open(
	struct machine *m, uint32_t number, const struct addr *family, uint16_t port)
{
	struct machine_socket *s = &m->sockets[number % MACHINE_SOCKETS];

	if (number >= MACHINE_SOCKETS || s->open) {
		world_fail(m->node.world, "%s: wants socket %u, which it has",
			m->node.name, number);
		return;
	}
	while (port == 0 || port_taken(m, family->family, port))
		port = (uint16_t)rng_between(&m->rng, 32768, 60999);
	s->open = true;
	m->sockets_used = number < m->sockets_used ? m->sockets_used : number + 1;
	m->open_sockets++;
	m->open_most = m->open_sockets > m->open_most ? m->open_sockets : m->open_most;
	s->bound = (struct addr){.family = family->family, .port = port};
	if (m->role->add_socket != NULL)
		m->role->add_socket(m, number, &s->bound);
}

static void note_event(struct machine *m, const struct event *event)
{
	struct happened *h = &m->seen[event->type];
	struct world *w = m->node.world;
	char addr[ADDR_TEXT_MAX], peer[ADDR_TEXT_MAX], remote[ADDR_TEXT_MAX];

	if (h->count++ == 0)
		h->first_at = w->now;
	h->last_at = w->now;
	h->last = *event;
	h->last.flow = NULL; /* gone after this call */
	if (w->verbose)
		trace(w,
			"%-12s EVENT %s addr %s peer %s path %u %s number %u span %u us "
			"%s",
			m->node.name, event_name(event->type),
			addr_format(addr, &event->addr), addr_format(peer, &event->peer),
			event->path.socket, addr_format(remote, &event->path.remote),
			event->number, (unsigned)(event->span / 1000),
			event->why != NULL ? event->why : "");
}

static void close_done(struct machine *m, uint32_t number)
{
	if (number >= MACHINE_SOCKETS || !m->sockets[number].open) {
		world_fail(m->node.world, "%s: closes socket %u, which it has not",
			m->node.name, number);
		return;
	}
	m->sockets[number].open = false;
	m->open_sockets--;
}

static void take_event(struct machine *m, const struct event *event)
{
	note_event(m, event);
	if (event->type == EVENT_SOCKET_WANTED)
		machine_open(m, event->number, &event->addr, 0);
	else if (event->type == EVENT_SOCKET_DONE)
		close_done(m, event->number);
	else if (m->role->event != NULL)
		m->role->event(m, event);
}

static bool pull(struct machine *m)
{
	struct datagram d;
	struct event event;
	bool any = false;

	while (!m->node.world->failed && m->role->output(m, &d)) {
		machine_emit(m, &d.path, d.ttl, d.tos, d.data, d.len);
		any = true;
	}
	while (!m->node.world->failed && m->role->next_event(m, &event)) {
		take_event(m, &event);
		any = true;
	}
	if (m->role->flush != NULL && m->role->flush(m))
		any = true;
	return any;
}

static uint64_t app_next(const struct machine *m)
{
	uint64_t at = NEVER;

	if (m->kind != MACHINE_GUEST)
		return NEVER;
	for (unsigned i = 0; i < m->guest.app_count; i++)
		if (m->guest.apps[i]->next_at < at)
			at = m->guest.apps[i]->next_at;
	return at;
}

static void expire(struct machine *m)
{
	struct world *w = m->node.world;

	while (!w->failed && m->role->next_timeout(m) <= w->now) {
		if (m->expired_at != w->now) {
			m->expired_at = w->now;
			m->expires = 0;
		}
		if (++m->expires > EXPIRES_MAX)
			world_fail(w, "%s: still due after %u calls of expire",
				m->node.name, EXPIRES_MAX);
		m->role->expire(m);
		pull(m);
	}
}

void machine_settle(struct machine *m)
{
	unsigned rounds = 0;
	uint64_t at;

	if (m->core == NULL)
		return;
	do {
		while (pull(m))
			if (++rounds > SETTLE_ROUNDS) {
				world_fail(m->node.world, "%s: no end of outputs",
					m->node.name);
				return;
			}
		expire(m);
	} while (!m->node.world->failed && pull(m));
	m->role->check(m);
	at = m->role->next_timeout(m);
	node_wake_at(&m->node, at < app_next(m) ? at : app_next(m));
}

static void run_apps(struct machine *m)
{
	struct world *w = m->node.world;

	for (unsigned i = 0; i < m->guest.app_count; i++) {
		struct app *app = m->guest.apps[i];

		if (app->next_at > w->now)
			continue;
		app->left--;
		app->next_at = app->left > 0 ? w->now + app->interval : NEVER;
		app_send(m, app, app->size);
	}
}

static void run(struct node *node)
{
	struct machine *m = machine_of(node);

	if (m->asleep)
		return;
	if (m->kind == MACHINE_GUEST)
		run_apps(m);
	if (m->core != NULL)
		machine_settle(m);
	else
		node_wake_at(node, app_next(m));
}

void machine_start(struct machine *m)
{
	m->incarnation++;
	m->started_at = m->node.world->now;
	trace(m->node.world, "%-12s START", m->node.name);
	m->role->start(m);
	machine_settle(m);
}

void machine_kill(struct machine *m)
{
	if (m->core == NULL)
		return;
	trace(m->node.world, "%-12s KILL", m->node.name);
	m->role->destroy(m);
	m->core = NULL;
	for (unsigned i = 0; i < MACHINE_SOCKETS; i++)
		m->sockets[i].open = false;
	tcp_fini(m);
	m->open_sockets = 0;
	promise_fini(&m->promise);
	node_wake_at(&m->node, app_next(m));
}

void machine_shutdown(struct machine *m)
{
	if (m->core == NULL)
		return;
	if (m->role->shutdown != NULL)
		m->role->shutdown(m);
	machine_settle(m);
	machine_kill(m);
}

void machine_move(struct machine *m, struct site *s, bool told)
{
	trace(m->node.world, "%-12s MOVES to %s", m->node.name, s->lan->node.name);
	site_detach(m->site, &m->v4, &m->v6);
	m->site = s;
	m->up = site_attach(s, (struct wire){.node = &m->node}, &m->v4, &m->v6);
	if (!told || m->core == NULL)
		return;
	m->role->network_changed(m);
	machine_settle(m);
}

void machine_suspend(struct machine *m)
{
	trace(m->node.world, "%-12s SUSPENDS", m->node.name);
	m->asleep = true;
}

void machine_wake(struct machine *m)
{
	trace(m->node.world, "%-12s WAKES", m->node.name);
	m->asleep = false;
	node_wake_at(&m->node, m->node.world->now);
}

static void destroy(struct node *node)
{
	struct machine *m = machine_of(node);

	if (m->core != NULL)
		m->role->destroy(m);
	tcp_fini(m);
	promise_fini(&m->promise);
	if (m->kind == MACHINE_GUEST)
		for (unsigned i = 0; i < m->guest.app_count; i++)
			app_free(m->guest.apps[i]);
	if (m->kind == MACHINE_HOST) {
		free(m->host.known);
		free(m->host.number_of);
	}
	free(m);
}

static void machine_register(struct world *w, struct machine *m)
{
	if (w->machine_count == w->machine_cap) {
		w->machine_cap = w->machine_cap > 0 ? 2 * w->machine_cap : 16;
		w->machines =
			realloc(w->machines, w->machine_cap * sizeof(struct machine *));
		if (w->machines == NULL)
			abort();
	}
	m->index = w->machine_count;
	w->machines[w->machine_count++] = m;
}

struct machine *machine_new(struct site *s, enum machine_kind kind, const char *name)
{
	static const struct role *const roles[] = {
		&role_host, &role_guest, &role_rendezvous};
	struct world *w = s->lan->node.world;
	struct machine *m = sim_alloc(sizeof(*m));
	struct entropy entropy;

	m->kind = kind;
	m->role = roles[kind];
	m->site = s;
	m->node.forward = machine_forward;
	m->node.run = run;
	m->node.destroy = destroy;
	world_add(w, &m->node, name);
	machine_register(w, m);
	m->up = site_attach(s, (struct wire){.node = &m->node}, &m->v4, &m->v6);
	rng_seed(&m->rng, rng_mix(w->seed) + m->index);
	entropy = rng_entropy(&m->rng);
	if (kind == MACHINE_HOST)
		service_generate(&m->host.service, &entropy);
	if (kind == MACHINE_GUEST)
		rng_fill(&m->rng, m->guest.identity, sizeof(m->guest.identity));
	if (kind == MACHINE_RENDEZVOUS)
		m->rendezvous.stun = true;
	return m;
}
