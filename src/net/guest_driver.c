/* SPDX-License-Identifier: MIT */
/* The guest on a loop: listening sockets for local applications on one side, public
 * sockets on the other. */
#include <stdlib.h>
#include <utlist.h>

#include "core/queue.h"
#include "core/session.h"
#include "net/driver_common.h"
#include "net/driver_socket.h"
#include "net/pacer.h"
#include "net/portmap_driver.h"
#include "net/streams.h"
#include "net/system.h"

#define QUEUE_DATAGRAMS 64
#define QUEUE_BYTES     (256 * 1024)

/* One application socket's way back; what flow->handle points to. */
struct app {
	struct udp_socket *listen; /* where its last datagram came in */
	struct path path;          /* from the address that it was sent to */
	struct pacer_user pacing;
	struct pacer_room room;
	struct app *prev, *next;
};

struct guest_driver {
	struct driver base; /* the first member */
	struct guest *guest;
	struct driver_socket publics[GUEST_SOCKETS_MAX];
	struct driver_socket listens[2];
	struct app *apps;
	struct pacer pacer;
	struct outbound out;
	struct streams streams;         /* to rendezvous that UDP does not reach */
	struct portmap_driver *portmap; /* NULL: routers are not asked */
	uint32_t mapped;                /* number of the socket it is for */
	forwarder_portmap *on_portmap;
	struct queue *queue; /* what waits for a path */
	bool waiting;        /* something may be in it */
};

static struct guest_driver *of(struct driver *d)
{
	return (struct guest_driver *)(void *)d;
}

static void deliver(struct guest_driver *d, const struct udp_message *m,
	const struct delivery *delivery)
{
	struct app *app = delivery->flow->handle;

	if (!app)
		return;
	pacer_send(&d->pacer, &app->pacing, app->listen, &app->path, &app->path.remote,
		m->tos, delivery->payload, delivery->len);
	/* One that came in parts lies elsewhere and stays there until the next input. */
	if (delivery->payload < m->buf || delivery->payload > m->buf + m->len)
		pacer_flush(&d->pacer);
}

static void take_public(struct driver_socket *s, struct udp_message *m)
{
	struct guest_driver *d = of(s->driver);
	size_t at = 0, len;
	uint8_t *buf;

	while (driver_next_datagram(m, &at, &buf, &len)) {
		struct delivery delivery;

		if (guest_input(d->guest, &m->path, buf, len, d->base.now, &delivery) ==
			VERDICT_DELIVER)
			deliver(d, m, &delivery);
		else
			driver_pull(&d->base);
	}
}

/* Returns false if there is no path now. */
static bool seal(struct guest_driver *d, struct flow *flow, uint8_t tos,
	const uint8_t *payload, size_t len)
{
	unsigned parts = guest_parts(d->guest, flow, len);

	for (unsigned part = 0; part < parts; part++) {
		uint8_t *out =
			outbound_room(&d->out, len / parts + 1 + FRAME_OVERHEAD_MAX);
		struct udp_socket *s;
		struct path path;
		size_t size = guest_seal(d->guest, flow, part, parts, payload, len, out,
			&path, d->base.now);

		if (size == 0)
			return false;
		s = driver_public(&d->base, path.socket);
		if (path.remote.transport != ADDR_UDP)
			driver_send_framed(&d->base, &path, out, size);
		else if (s)
			outbound_add(&d->out, s, &path, tos, size);
	}
	return true;
}

static void forward(struct guest_driver *d, struct flow *flow, uint8_t tos,
	const uint8_t *payload, size_t len)
{
	if (seal(d, flow, tos, payload, len) || guest_connected(d->guest))
		return;
	queue_put(d->queue, flow, payload, len);
	d->waiting = true;
}

static void flush_queue(struct guest_driver *d)
{
	const uint8_t *payload;
	struct flow *flow;
	size_t len;

	while (queue_take(d->queue, &flow, &payload, &len))
		(void)seal(d, flow, 0, payload, len);
	d->waiting = false;
}

/* Remembers where the application's datagrams come in, to answer from there. Returns
 * false if memory ran out. */
static bool remember(struct guest_driver *d, struct flow *flow, struct udp_socket *listen,
	const struct path *from)
{
	struct app *app = flow->handle;

	if (!app) {
		app = flow->handle = calloc(1, sizeof(*app));
		if (!app)
			return false;
		app->pacing.room = &app->room;
		DL_APPEND(d->apps, app);
	}
	app->listen = listen;
	app->path.remote = from->remote;
	app->path.local = from->local;
	return true;
}

static void take_app(struct driver_socket *s, struct udp_message *m)
{
	struct guest_driver *d = of(s->driver);
	struct flow *flow = guest_flow(d->guest, &m->path.remote, d->base.now);
	size_t at = 0, len;
	uint8_t *buf;

	if (!flow || !remember(d, flow, &s->udp, &m->path)) {
		driver_notice(&d->base, NOTICE_FLOWS,
			"too many local sockets: datagrams of further ones are dropped");
		return;
	}
	while (driver_next_datagram(m, &at, &buf, &len))
		forward(d, flow, m->tos, buf, len);
}

static void end_round(struct driver *d)
{
	pacer_flush(&of(d)->pacer);
}

static void flush(struct driver *base)
{
	struct guest_driver *d = of(base);

	if (d->waiting && guest_connected(d->guest))
		flush_queue(d);
	outbound_flush(&d->out);
	pacer_flush(&d->pacer);
}

static void forget(struct guest_driver *d, struct flow *flow)
{
	struct app *app = flow->handle;

	queue_forget(d->queue, flow);
	if (!app)
		return;
	pacer_leave(&d->pacer, &app->pacing);
	DL_DELETE(d->apps, app);
	free(app);
	flow->handle = NULL;
}

static void on_event(struct driver *d, const struct event *event)
{
	if (event->type == EVENT_FLOW_CLOSED)
		forget(of(d), event->flow);
}

static void on_icmp(struct driver *d, const struct udp_error *e)
{
	guest_icmp(of(d)->guest, &e->path, &e->offender, e->type, e->code, e->quoted,
		e->quoted_len, d->now);
}

static void add_socket(struct driver *d, uint32_t number, const struct addr *bound)
{
	guest_add_socket(of(d)->guest, number, bound, d->now);
}

static void set_locals(struct driver *d, const struct addr *addrs, size_t count)
{
	guest_set_locals(of(d)->guest, addrs, count);
}

static void network_changed(struct driver *d)
{
	guest_network_changed(of(d)->guest, d->now);
	portmap_driver_network_changed(of(d)->portmap);
}

static const struct driver_ops ops = {.round = end_round,
	.flush = flush,
	.event = on_event,
	.icmp = on_icmp,
	.add_socket = add_socket,
	.set_locals = set_locals,
	.network_changed = network_changed};

/* ::1 may be missing as long as the other address is there. */
static bool open_listens(struct guest_driver *d, const struct guest_driver_config *config,
	const char **why)
{
	unsigned opened = 0;

	*why = "no address to listen on";
	for (size_t i = 0; i < config->listen_count && i < 2; i++) {
		const struct addr *listen = &config->listens[i];
		int error = driver_socket_open_local(
			&d->base, &d->listens[i], listen, take_app);

		opened += error == 0;
		if (error)
			*why = driver_why("bind", listen, error);
		if (error && !driver_socket_is_absent(error))
			return false;
	}
	return opened > 0 || config->core.ask_only;
}

/* Opens sockets 0 and 1, of IPv4 and IPv6; either may be missing. */
static bool open_publics(struct guest_driver *d, const char **why)
{
	unsigned opened = 0;

	for (uint32_t i = 0; i < 2; i++) {
		const struct addr *bind = &d->base.binds[i];
		int error = driver_socket_open_public(&d->base, i, bind);

		opened += error == 0;
		if (error)
			*why = driver_why("bind", bind, error);
	}
	return opened > 0;
}

static bool make_core(struct guest_driver *d, const struct guest_driver_config *config)
{
	struct guest_config core = config->core;

	for (size_t i = 0; i < 2; i++) {
		if (d->listens[i].udp.fd >= 0)
			core.listens[i] = d->listens[i].udp.bound;
	}
	d->guest = guest_new(&core, d->base.now);
	if (!d->guest)
		return false;
	driver_add_machine(&d->base, &machine_guest, d->guest);
	for (uint32_t i = 0; i < 2; i++) {
		const struct udp_socket *s = driver_public(&d->base, i);

		if (s)
			guest_add_socket(d->guest, i, &s->bound, d->base.now);
	}
	return true;
}

static void destroy(struct guest_driver *d)
{
	driver_fini(&d->base);
	pacer_fini(&d->pacer);
	portmap_driver_free(d->portmap); /* a router may be slow: goodbyes come first */
	for (size_t i = 0; i < 2; i++)
		driver_socket_close(&d->listens[i]);
	while (d->apps) {
		struct app *app = d->apps;

		DL_DELETE(d->apps, app);
		free(app);
	}
	outbound_fini(&d->out);
	queue_free(d->queue);
	guest_free(d->guest);
	free(d);
}

/* Port mapping. */

static void on_portmap(void *arg, const struct portmap_event *event)
{
	struct guest_driver *d = arg;

	driver_wake(&d->base);
	if (event->type == PORTMAP_MAPPED)
		guest_set_mapped(d->guest, d->mapped, &event->external);
	else if (event->type == PORTMAP_LOST)
		guest_set_mapped(d->guest, d->mapped, NULL);
	d->on_portmap(d->base.hooks.arg, event);
	driver_settle(&d->base);
}

/* For the first IPv4 socket that others can reach. Without memory it goes without. */
static void start_portmap(struct guest_driver *d, forwarder_portmap *event)
{
	struct portmap_driver_config config = {.event = on_portmap, .arg = d};

	for (d->mapped = 0; event && d->mapped < 2; d->mapped++) {
		const struct udp_socket *s = driver_public(&d->base, d->mapped);

		if (!s || s->bound.family != ADDR_V4 || addr_is_loopback(&s->bound))
			continue;
		d->on_portmap = event;
		config.bound = s->bound;
		d->portmap = portmap_driver_new(d->base.loop, &config);
		break;
	}
}

static void make_streams(struct guest_driver *d, const struct forwarder_tls *tls)
{
	const struct streams_config config = {.dials = true,
		.client = tls->context,
		.name = tls->name,
		.arg = d->base.hooks.arg};

	streams_init(&d->streams, &d->base, &config);
	d->base.streams = &d->streams;
}

struct guest_driver *guest_driver_new(struct ev_loop *loop,
	const struct guest_driver_config *config, const struct forwarder_hooks *hooks,
	const char **why)
{
	struct guest_driver *d = calloc(1, sizeof(*d));

	*why = "out of memory";
	if (!d)
		return NULL;
	d->base.take = take_public;
	driver_sockets_init(d->listens, 2);
	pacer_init(&d->pacer, &d->base);
	d->queue = queue_new(QUEUE_DATAGRAMS, QUEUE_BYTES);
	if (!driver_init(&d->base, loop, hooks, &ops, d->publics, GUEST_SOCKETS_MAX) ||
		!outbound_init(&d->out) || !d->queue)
		goto fail;
	driver_allow_further(&d->base, GUEST_SOCKETS_ALL);
	make_streams(d, &config->tls);
	if (!open_listens(d, config, why) || !open_publics(d, why))
		goto fail;
	*why = "out of memory";
	if (!make_core(d, config))
		goto fail;
	driver_start(&d->base);
	driver_busy_poll(&d->base, config->busy_poll);
	if (config->moderate && config->busy_poll == 0)
		driver_moderate(&d->base);
	start_portmap(d, config->portmap);
	guest_start(d->guest, d->base.now);
	return d;
fail:
	destroy(d);
	return NULL;
}

struct guest *guest_driver_core(struct guest_driver *d)
{
	return d->guest;
}

bool guest_driver_listen(const struct guest_driver *d, size_t i, struct addr *addr)
{
	for (size_t n = 0; n < 2; n++) {
		const struct udp_socket *s = &d->listens[n].udp;

		if (s->fd < 0 || i-- > 0)
			continue;
		*addr = s->bound;
		return true;
	}
	return false;
}

void guest_driver_get_counts(
	const struct guest_driver *d, struct forwarder_counts *counts)
{
	*counts = (struct forwarder_counts){.queue_dropped = queue_dropped(d->queue),
		.send_failed = d->base.lost,
		.pacing = d->pacer.counts};
	for (size_t i = 0; i < GUEST_SOCKETS_MAX; i++)
		counts->send_failed += d->publics[i].udp.send_failed;
	for (size_t i = 0; i < 2; i++)
		counts->send_failed += d->listens[i].udp.send_failed;
	counts->send_failed += d->streams.counts.dropped;
}

const char *guest_driver_trouble(const struct guest_driver *d)
{
	return d->streams.why;
}

void guest_driver_set_servers(
	struct guest_driver *d, const struct addr *addrs, size_t count)
{
	driver_wake(&d->base);
	guest_set_servers(d->guest, addrs, count, d->base.now);
	driver_settle(&d->base);
}

void guest_driver_free(struct guest_driver *d)
{
	if (!d)
		return;
	d->base.now = clock_now();
	guest_shutdown(d->guest, d->base.now);
	destroy(d);
}
