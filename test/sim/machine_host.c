/* SPDX-License-Identifier: MIT */
/* The host's driver, with the target behind it. */
#include <stdlib.h>
#include <string.h>

#include "core/frame.h"
#include "core/session.h"
#include "sim/machine.h"
#include "sim/packet.h"

static void start(struct machine *m)
{
	struct host_settings *s = &m->host;
	struct host_config c;
	struct addr locals[2];

	host_config_init(&c);
	c.entropy = rng_entropy(&m->rng);
	c.service = &s->service;
	memcpy(c.servers, m->servers, sizeof(c.servers));
	c.server_count = m->server_count;
	c.ciphers = CIPHER_CHACHA20_POLY1305 | CIPHER_AES_256_GCM;
	c.targets[0] = addr_v4(127, 0, 0, 1, 27015);
	c.no_local_candidates = s->no_local_candidates;
	c.effort = s->effort;
	if (s->guests_max > 0)
		c.guests_max = s->guests_max;
	if (s->flows_max > 0)
		c.flows_max = s->flows_max;
	if (s->half_open_max > 0)
		c.half_open_max = s->half_open_max;
	s->guests_max = c.guests_max;
	s->flows_max = c.flows_max;
	s->half_open_max = c.half_open_max;
	m->core = host_new(&c, m->node.world->now);
	for (size_t i = 0; i < s->known_count; i++)
		host_know_guest(m->core, s->known[i].identity, s->known[i].number);
	host_set_locals(m->core, locals, machine_locals(m, locals));
	if (m->v4.family != ADDR_NONE)
		machine_open(m, 0, &m->v4, 0);
	if (m->v6.family != ADDR_NONE)
		machine_open(m, 1, &m->v6, 0);
}

static void destroy(struct machine *m)
{
	while (m->host.sockets != NULL) {
		struct target_socket *t = m->host.sockets;

		m->host.sockets = t->next;
		free(t);
	}
	host_free(m->core);
}

static enum verdict input(struct machine *m, const struct path *path, uint8_t *buf,
	size_t len, struct delivery *delivery)
{
	return host_input(m->core, path, buf, len, m->node.world->now, delivery);
}

static void icmp(struct machine *m, const struct path *path, const struct packet *error)
{
	host_icmp(m->core, path, &error->src, packet_icmp_type(error),
		packet_icmp_code(error), error->data, error->len, m->node.world->now);
}

static bool output(struct machine *m, struct datagram *d)
{
	return host_output(m->core, d, m->node.world->now);
}

static void expire(struct machine *m)
{
	host_expire(m->core, m->node.world->now);
}

static uint64_t next_timeout(struct machine *m)
{
	return host_next_timeout(m->core);
}

static bool next_event(struct machine *m, struct event *event)
{
	return host_next_event(m->core, event);
}

static void add_socket(struct machine *m, uint32_t number, const struct addr *bound)
{
	host_add_socket(m->core, number, bound, m->node.world->now);
}

static void network_changed(struct machine *m)
{
	struct addr locals[2];

	host_set_locals(m->core, locals, machine_locals(m, locals));
	host_network_changed(m->core, m->node.world->now);
}

static void shutdown(struct machine *m)
{
	host_shutdown(m->core, m->node.world->now);
}

/* As a driver writes it to its disk. */
static void remember(struct machine *m, const struct event *event)
{
	struct host_settings *s = &m->host;

	for (size_t i = 0; i < s->known_count; i++)
		if (memcmp(s->known[i].identity, event->identity, 32) == 0 ||
			s->known[i].number == event->number)
			world_fail(m->node.world, "%s: guest number %u given anew",
				m->node.name, event->number);
	if (event->number == 0 || event->number > 4194302)
		world_fail(m->node.world, "%s: guest number %u", m->node.name,
			event->number);
	if (s->known_count == s->known_cap) {
		s->known_cap = s->known_cap > 0 ? 2 * s->known_cap : 16;
		s->known = realloc(s->known, s->known_cap * sizeof(*s->known));
		if (s->known == NULL)
			abort();
	}
	memcpy(s->known[s->known_count].identity, event->identity, 32);
	s->known[s->known_count++].number = event->number;
}

static void close_socket(struct machine *m, struct target_socket *t)
{
	struct target_socket **at = &m->host.sockets;

	while (*at != NULL && *at != t)
		at = &(*at)->next;
	if (*at == NULL) {
		world_fail(m->node.world, "%s: a flow closed with a foreign handle",
			m->node.name);
		return;
	}
	*at = t->next;
	free(t);
}

static void event(struct machine *m, const struct event *event)
{
	if (event->type == EVENT_GUEST_NEW)
		remember(m, event);
	if (event->type == EVENT_FLOW_CLOSED && event->flow->handle != NULL)
		close_socket(m, event->flow->handle);
}

static struct target_socket *socket_for(struct machine *m, struct flow *flow)
{
	struct target_socket *t = flow->handle;

	if (t == NULL) {
		t = sim_alloc(sizeof(*t));
		t->number = flow->guest;
		t->next = m->host.sockets;
		m->host.sockets = t;
		flow->handle = t;
	}
	return t;
}

/* The target must see the same source address for the same guest, always. */
static void check_number(struct machine *m, uint32_t guest, uint32_t number)
{
	struct host_settings *s = &m->host;
	struct world *w = m->node.world;

	if (guest >= s->number_of_count) {
		s->number_of =
			realloc(s->number_of, w->machine_count * sizeof(*s->number_of));
		if (s->number_of == NULL)
			abort();
		memset(s->number_of + s->number_of_count, 0,
			(w->machine_count - s->number_of_count) * sizeof(*s->number_of));
		s->number_of_count = w->machine_count;
	}
	if (s->number_of[guest] == 0)
		s->number_of[guest] = number;
	if (s->number_of[guest] != number)
		world_fail(w, "%s: guest %s has number %u, had %u", m->node.name,
			w->machines[guest]->node.name, number, s->number_of[guest]);
}

/* Whose payload it is, by its stamp; short ones follow those before them in the flow. */
static struct app *app_of(
	struct machine *m, struct target_socket *t, const uint8_t *buf, size_t len)
{
	struct world *w = m->node.world;
	struct stamp stamp = stream_read(buf, len);
	bool told = stamp.known && stamp.guest < w->machine_count &&
		    w->machines[stamp.guest]->kind == MACHINE_GUEST &&
		    stamp.app < w->machines[stamp.guest]->guest.app_count;

	if (!told && (!t->bound || stamp.known)) {
		world_fail(w, "%s: a payload of %zu bytes of nobody delivered",
			m->node.name, len);
		return NULL;
	}
	if (told && t->bound && (t->guest != stamp.guest || t->app != stamp.app) &&
		(len < STREAM_STAMPED || t->incarnation == stamp.incarnation)) {
		world_fail(w,
			"%s: a payload of guest %u app %u came in the flow of guest %u "
			"app %u",
			m->node.name, stamp.guest, stamp.app, t->guest, t->app);
		return NULL;
	}
	if (told) {
		t->bound = true;
		t->guest = stamp.guest;
		t->app = stamp.app;
		if (len >= STREAM_STAMPED)
			t->incarnation = stamp.incarnation;
	}
	return w->machines[t->guest]->guest.apps[t->app];
}

static void echo(struct machine *m, struct flow *flow, struct app *app,
	const uint8_t *payload, size_t len)
{
	uint8_t *copy = sim_alloc(len), *out = sim_alloc(len + FRAME_OVERHEAD_MAX);

	memcpy(copy, payload, len);
	stream_echo(&app->stream, copy, len);
	unsigned parts = host_parts(flow, len);

	for (unsigned part = 0; part < parts; part++) {
		struct path path = {0};
		size_t n = host_seal(m->core, flow, part, parts, copy, len, out, &path,
			m->node.world->now);

		if (n > 0)
			machine_emit(m, &path, 0, 0, out, n);
	}
	free(copy);
	free(out);
}

static void deliver(struct machine *m, const struct delivery *d)
{
	struct world *w = m->node.world;
	struct target_socket *t = socket_for(m, d->flow);
	struct app *app = app_of(m, t, d->payload, d->len);
	const struct arrival arrival = {!w->may_reorder, m->relayed};
	const char *wrong;

	if (app == NULL)
		return;
	wrong = stream_take(&app->stream, true, &arrival, d->payload, d->len, w->now);
	if (wrong != NULL)
		world_fail(w, "%s: at the target: %s", m->node.name, wrong);
	check_number(m, t->guest, d->flow->guest);
	if (d->flow->guest != t->number)
		world_fail(w, "%s: a flow's guest changed its number", m->node.name);
	if (!w->failed && m->host.target == TARGET_ECHO)
		echo(m, d->flow, app, d->payload, d->len);
}

static void check(struct machine *m)
{
	struct host_settings *s = &m->host;

	host_get_counts(m->core, &s->counts);
	if (s->counts.guests > s->guests_max || s->counts.half_open > s->half_open_max)
		world_fail(m->node.world, "%s: %u guests of %u, %u half-open of %u",
			m->node.name, s->counts.guests, s->guests_max,
			s->counts.half_open, s->half_open_max);
	if (s->counts.unproved_bytes < m->promise.punch_bytes)
		world_fail(m->node.world,
			"%s: counts fewer unproved bytes than it punched", m->node.name);
}

const struct role role_host = {
	.name = "host",
	.start = start,
	.destroy = destroy,
	.input = input,
	.icmp = icmp,
	.output = output,
	.expire = expire,
	.next_timeout = next_timeout,
	.next_event = next_event,
	.add_socket = add_socket,
	.shutdown = shutdown,
	.network_changed = network_changed,
	.event = event,
	.deliver = deliver,
	.check = check,
};
