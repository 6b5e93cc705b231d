/* SPDX-License-Identifier: MIT */
/* The guest's driver, with the local applications before it. */
#include <stdlib.h>
#include <string.h>

#include "core/frame.h"
#include "core/session.h"
#include "sim/machine.h"
#include "sim/packet.h"

#define QUEUE_DATAGRAMS 256
#define QUEUE_BYTES     (1024 * 1024)

static void start(struct machine *m)
{
	struct guest_settings *s = &m->guest;
	struct guest_config c;
	struct addr locals[2];
	uint64_t now = m->node.world->now;

	guest_config_init(&c);
	c.entropy = rng_entropy(&m->rng);
	c.credentials = &s->credentials;
	memcpy(c.identity, s->identity, sizeof(c.identity));
	memcpy(c.servers, m->servers, sizeof(c.servers));
	c.server_count = m->server_count;
	c.ciphers = CIPHER_CHACHA20_POLY1305 | CIPHER_AES_256_GCM;
	c.listens[0] = addr_v4(127, 0, 0, 1, 27015);
	c.no_local_candidates = s->no_local_candidates;
	c.effort = s->effort;
	if (s->flows_max > 0)
		c.flows_max = s->flows_max;
	s->was_connected = false;
	s->queue = queue_new(QUEUE_DATAGRAMS, QUEUE_BYTES);
	m->core = guest_new(&c, now);
	guest_set_locals(m->core, locals, machine_locals(m, locals));
	if (m->v4.family != ADDR_NONE)
		machine_open(m, 0, &m->v4, 0);
	if (m->v6.family != ADDR_NONE)
		machine_open(m, 1, &m->v6, 0);
	guest_start(m->core, now);
}

static void destroy(struct machine *m)
{
	m->guest.queue_dropped += queue_dropped(m->guest.queue);
	queue_free(m->guest.queue);
	m->guest.queue = NULL;
	guest_free(m->core);
}

static enum verdict input(struct machine *m, const struct path *path, uint8_t *buf,
	size_t len, struct delivery *delivery)
{
	return guest_input(m->core, path, buf, len, m->node.world->now, delivery);
}

static void icmp(struct machine *m, const struct path *path, const struct packet *error)
{
	guest_icmp(m->core, path, &error->src, packet_icmp_type(error),
		packet_icmp_code(error), error->data, error->len, m->node.world->now);
}

static bool output(struct machine *m, struct datagram *d)
{
	return guest_output(m->core, d, m->node.world->now);
}

static void expire(struct machine *m)
{
	guest_expire(m->core, m->node.world->now);
}

static uint64_t next_timeout(struct machine *m)
{
	return guest_next_timeout(m->core);
}

static bool next_event(struct machine *m, struct event *event)
{
	return guest_next_event(m->core, event);
}

static void add_socket(struct machine *m, uint32_t number, const struct addr *bound)
{
	guest_add_socket(m->core, number, bound, m->node.world->now);
}

static void network_changed(struct machine *m)
{
	struct addr locals[2];

	guest_set_locals(m->core, locals, machine_locals(m, locals));
	guest_network_changed(m->core, m->node.world->now);
}

static void shutdown(struct machine *m)
{
	guest_shutdown(m->core, m->node.world->now);
}

static void event(struct machine *m, const struct event *event)
{
	if (event->type == EVENT_FLOW_CLOSED)
		queue_forget(m->guest.queue, event->flow);
}

static void send(struct machine *m, struct flow *flow, const uint8_t *payload, size_t len)
{
	uint8_t *out = sim_alloc(len + FRAME_OVERHEAD_MAX);
	unsigned parts = guest_parts(m->core, flow, len);

	for (unsigned part = 0; part < parts; part++) {
		struct path path = {0};
		size_t n = guest_seal(m->core, flow, part, parts, payload, len, out,
			&path, m->node.world->now);

		if (n == 0)
			world_fail(m->node.world, "%s: connected, and seals nothing",
				m->node.name);
		else
			machine_emit(m, &path, 0, 0, out, n);
	}
	free(out);
}

static bool flush(struct machine *m)
{
	struct flow *flow;
	const uint8_t *payload;
	size_t len;
	bool any = false;

	while (!m->node.world->failed && guest_connected(m->core) &&
		queue_take(m->guest.queue, &flow, &payload, &len)) {
		send(m, flow, payload, len);
		any = true;
	}
	return any;
}

void app_send(struct machine *m, struct app *app, size_t size)
{
	uint8_t *buf = sim_alloc(size);
	uint64_t now = m->node.world->now;
	struct flow *flow;

	if (m->core == NULL) {
		free(buf); /* nobody listens; the number is not used up */
		return;
	}
	flow = guest_flow(m->core, &app->addr, now);
	if (flow == NULL) {
		m->guest.refused_flows++;
	} else {
		stream_write(&app->stream, buf, size, now, m->incarnation);
		if (guest_connected(m->core))
			send(m, flow, buf, size);
		else
			queue_put(m->guest.queue, flow, buf, size);
	}
	free(buf);
	machine_settle(m);
}

static void deliver(struct machine *m, const struct delivery *d)
{
	struct world *w = m->node.world;
	const struct arrival arrival = {!w->may_reorder, m->relayed};
	const char *wrong;

	for (unsigned i = 0; i < m->guest.app_count; i++) {
		struct app *app = m->guest.apps[i];

		if (!addr_equal(&app->addr, &d->flow->app))
			continue;
		wrong = stream_take(
			&app->stream, false, &arrival, d->payload, d->len, w->now);
		if (wrong != NULL)
			world_fail(w, "%s: at app %u: %s", m->node.name, i, wrong);
		return;
	}
	world_fail(w, "%s: a delivery to no application", m->node.name);
}

static void check(struct machine *m)
{
	struct guest_settings *s = &m->guest;
	bool connected = guest_connected(m->core);

	/* A connection comes and goes with an event. */
	if (connected && !s->was_connected &&
		m->seen[EVENT_CONNECTED].last_at < m->started_at)
		world_fail(m->node.world, "%s: connected without an event", m->node.name);
	s->was_connected = connected;
}

struct app *machine_app(struct machine *m, size_t size, uint64_t interval, uint64_t count)
{
	struct guest_settings *s = &m->guest;
	struct app *app = sim_alloc(sizeof(*app));

	if (s->app_count == MACHINE_APPS)
		abort(); /* the scenario's own mistake */
	s->apps[s->app_count] = app;
	stream_init(&app->stream, m->index, (uint16_t)s->app_count);
	app->addr = addr_v4(127, 0, 0, 1, (uint16_t)(40000 + s->app_count));
	app->size = size;
	app->next_at = NEVER;
	s->app_count++;
	app_continue(m, app, interval, count);
	return app;
}

void app_free(struct app *app)
{
	stream_fini(&app->stream);
	free(app);
}

void app_continue(struct machine *m, struct app *app, uint64_t interval, uint64_t count)
{
	app->interval = interval;
	app->left = count;
	app->next_at = count > 0 ? m->node.world->now : NEVER;
	if (app->next_at < m->node.next_run_at)
		node_wake_at(&m->node, app->next_at);
}

const struct role role_guest = {
	.name = "guest",
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
	.flush = flush,
	.check = check,
};
