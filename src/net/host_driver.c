/* SPDX-License-Identifier: MIT */
/* The host on a loop: public sockets on one side, a socket for each flow on the other,
 * and perhaps a rendezvous on the public sockets too. */
#include <stdlib.h>

#include "core/message.h"
#include "core/session.h"
#include "net/driver_common.h"
#include "net/driver_send.h"
#include "net/driver_socket.h"
#include "net/driver_target.h"
#include "net/portmap_driver.h"
#include "net/streams.h"
#include "net/system.h"

struct host_driver {
	struct driver base; /* the first member */
	struct host *host;
	struct rendezvous *inner;
	struct driver_socket publics[HOST_SOCKETS_MAX];
	struct targets targets;
	struct outbound out;
	struct streams streams;         /* to rendezvous that UDP does not reach */
	struct portmap_driver *portmap; /* NULL: routers are not asked */
	uint32_t mapped;                /* number of the socket it is for */
	forwarder_portmap *on_portmap;
};

static struct host_driver *of(struct driver *d)
{
	return (struct host_driver *)(void *)d;
}

static void deliver(struct host_driver *d, const struct udp_message *m,
	const struct delivery *delivery)
{
	targets_send(
		&d->targets, delivery->flow, m->tos, delivery->payload, delivery->len);
	/* One that came in parts lies elsewhere and stays there until the next input. */
	if (delivery->payload < m->buf || delivery->payload > m->buf + m->len)
		pacer_flush(&d->targets.pacer);
}

static enum verdict input(
	struct host_driver *d, const struct udp_message *m, uint8_t *buf, size_t len)
{
	struct delivery delivery;
	enum verdict verdict;

	if (d->inner && message_is_for_rendezvous(buf, len))
		return rendezvous_input(d->inner, &m->path, buf, len, d->base.now);
	verdict = host_input(d->host, &m->path, buf, len, d->base.now, &delivery);
	if (verdict == VERDICT_DELIVER)
		deliver(d, m, &delivery);
	return verdict;
}

static void take_public(struct driver_socket *s, struct udp_message *m)
{
	struct host_driver *d = of(s->driver);
	size_t at = 0, len;
	uint8_t *buf;

	while (driver_next_datagram(m, &at, &buf, &len)) {
		if (input(d, m, buf, len) != VERDICT_DELIVER)
			driver_pull(&d->base);
	}
}

/* Returns false if the guest is not connected now. */
static bool seal(struct host_driver *d, struct flow *flow, uint8_t tos,
	const uint8_t *payload, size_t len)
{
	unsigned parts = host_parts(flow, len);

	for (unsigned part = 0; part < parts; part++) {
		uint8_t *out =
			outbound_room(&d->out, len / parts + 1 + FRAME_OVERHEAD_MAX);
		struct udp_socket *s;
		struct path path;
		size_t size = host_seal(d->host, flow, part, parts, payload, len, out,
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

static void take_answer(
	struct driver *base, struct flow *flow, const struct udp_message *m)
{
	size_t at = 0, len;
	uint8_t *buf;

	while (driver_next_datagram(m, &at, &buf, &len))
		(void)seal(of(base), flow, m->tos, buf, len);
}

static void end_round(struct driver *d)
{
	pacer_flush(&of(d)->targets.pacer);
}

static void flush(struct driver *d)
{
	outbound_flush(&of(d)->out);
	pacer_flush(&of(d)->targets.pacer);
}

/* Port mapping. */

static void set_mapped(struct host_driver *d, const struct addr *mapped)
{
	host_set_mapped(d->host, d->mapped, mapped, d->base.now);
	if (d->inner)
		rendezvous_set_mapped(d->inner, mapped);
}

static void on_portmap(void *arg, const struct portmap_event *event)
{
	struct host_driver *d = arg;

	driver_wake(&d->base);
	if (event->type == PORTMAP_MAPPED)
		set_mapped(d, &event->external);
	else if (event->type == PORTMAP_LOST)
		set_mapped(d, NULL);
	d->on_portmap(d->base.hooks.arg, event);
	driver_settle(&d->base);
}

/* For the first IPv4 socket that others can reach. Without memory it goes without. */
static void start_portmap(struct host_driver *d, forwarder_portmap *event)
{
	struct portmap_driver_config config = {.event = on_portmap, .arg = d};

	for (d->mapped = 0; event && d->mapped < HOST_SOCKETS_MAX; d->mapped++) {
		const struct udp_socket *s = driver_public(&d->base, d->mapped);

		if (!s || s->bound.family != ADDR_V4 || addr_is_loopback(&s->bound))
			continue;
		d->on_portmap = event;
		config.bound = s->bound;
		d->portmap = portmap_driver_new(d->base.loop, &config);
		break;
	}
}

/* The socket that it was for closes when nothing has been mapped to it for a while, and
 * others have taken its place. */
static void restart_portmap(struct host_driver *d)
{
	portmap_driver_free(d->portmap);
	d->portmap = NULL;
	start_portmap(d, d->on_portmap);
}

static void on_event(struct driver *d, const struct event *event)
{
	if (event->type == EVENT_FLOW_CLOSED)
		targets_close(&of(d)->targets, event->flow);
	if (event->type == EVENT_SOCKET_DONE && of(d)->portmap &&
		event->number == of(d)->mapped)
		restart_portmap(of(d));
}

static void on_icmp(struct driver *d, const struct udp_error *e)
{
	host_icmp(of(d)->host, &e->path, &e->offender, e->type, e->code, e->quoted,
		e->quoted_len, d->now);
}

static void add_socket(struct driver *d, uint32_t number, const struct addr *bound)
{
	host_add_socket(of(d)->host, number, bound, d->now);
}

static void set_locals(struct driver *d, const struct addr *addrs, size_t count)
{
	host_set_locals(of(d)->host, addrs, count);
}

static void network_changed(struct driver *d)
{
	host_network_changed(of(d)->host, d->now);
	portmap_driver_network_changed(of(d)->portmap);
}

static const struct driver_ops ops = {.round = end_round,
	.flush = flush,
	.event = on_event,
	.icmp = on_icmp,
	.add_socket = add_socket,
	.set_locals = set_locals,
	.network_changed = network_changed};

/* Returns 0 or -errno. Sockets 0 and 1 are those of IPv4 and IPv6, in any order if both
 * are of one family. */
static int bind_public(struct host_driver *d, const struct addr *bind)
{
	bool v6 = bind->family == ADDR_V6;
	uint32_t number = v6 ? 1 : 0;

	if (driver_public(&d->base, number))
		number = 1 - number;
	d->base.binds[v6] = *bind;
	d->base.binds[v6].port = 0;
	return driver_socket_open_public(&d->base, number, bind);
}

/* A system without IPv6 (or IPv4) is no reason to give up. */
static bool bind_publics(
	struct host_driver *d, const struct host_driver_config *config, const char **why)
{
	unsigned opened = 0;

	*why = "no address to bind";
	for (size_t i = 0; i < config->bind_count && i < 2; i++) {
		const struct addr *bind = &config->binds[i];
		int error = bind_public(d, bind);

		opened += error == 0;
		if (error)
			*why = driver_why("bind", bind, error);
		if (error &&
			!(driver_socket_is_absent(error) && addr_is_unspecified(bind)))
			return false;
	}
	return opened > 0;
}

static bool make_core(struct host_driver *d, const struct host_driver_config *config)
{
	struct host_config core = config->core;

	for (size_t i = 0; i < d->targets.count; i++)
		core.targets[i] = d->targets.addrs[i];
	d->host = host_new(&core, d->base.now);
	if (!d->host)
		return false;
	driver_add_machine(&d->base, &machine_host, d->host);
	for (uint32_t i = 0; i < 2; i++) {
		const struct udp_socket *s = driver_public(&d->base, i);

		if (s)
			host_add_socket(d->host, i, &s->bound, d->base.now);
	}
	return true;
}

/* Takes what the caller gave up to now; nothing is said on the wire. */
static void destroy(struct host_driver *d)
{
	targets_fini(&d->targets);
	driver_fini(&d->base);
	portmap_driver_free(d->portmap); /* the last: a router may be slow */
	outbound_fini(&d->out);
	host_free(d->host);
	free(d);
}

static void make_streams(struct host_driver *d, const struct forwarder_tls *tls)
{
	const struct streams_config config = {.dials = true,
		.client = tls->context,
		.name = tls->name,
		.arg = d->base.hooks.arg};

	streams_init(&d->streams, &d->base, &config);
	d->base.streams = &d->streams;
}

struct host_driver *host_driver_new(struct ev_loop *loop,
	const struct host_driver_config *config, const struct forwarder_hooks *hooks,
	const char **why)
{
	struct host_driver *d = calloc(1, sizeof(*d));

	*why = "out of memory";
	if (!d)
		return NULL;
	d->base.take = take_public;
	targets_init(&d->targets, &d->base, config->targets,
		config->target_count < 2 ? config->target_count : 2, take_answer);
	if (!driver_init(&d->base, loop, hooks, &ops, d->publics, HOST_SOCKETS_MAX) ||
		!outbound_init(&d->out))
		goto fail;
	driver_allow_further(&d->base, HOST_SOCKETS_ALL);
	make_streams(d, &config->tls);
	if (!bind_publics(d, config, why))
		goto fail;
	*why = "out of memory";
	if (!make_core(d, config))
		goto fail;
	d->inner = config->inner;
	if (d->inner)
		driver_add_machine(&d->base, &machine_rendezvous, d->inner);
	driver_start(&d->base);
	driver_busy_poll(&d->base, config->busy_poll);
	if (config->moderate && config->busy_poll == 0)
		driver_moderate(&d->base);
	start_portmap(d, config->portmap);
	return d;
fail:
	destroy(d);
	return NULL;
}

struct host *host_driver_core(struct host_driver *d)
{
	return d->host;
}

void host_driver_settle(struct host_driver *d)
{
	d->base.now = clock_now();
	driver_settle(&d->base);
}

bool host_driver_bound(const struct host_driver *d, size_t i, struct addr *addr)
{
	for (size_t number = 0; number < HOST_SOCKETS_MAX; number++) {
		const struct udp_socket *s = &d->publics[number].udp;

		if (s->fd < 0 || i-- > 0)
			continue;
		*addr = s->bound;
		return true;
	}
	return false;
}

void host_driver_get_counts(const struct host_driver *d, struct forwarder_counts *counts)
{
	*counts = (struct forwarder_counts){
		.send_failed = d->base.lost, .pacing = d->targets.pacer.counts};
	for (size_t i = 0; i < HOST_SOCKETS_MAX; i++)
		counts->send_failed += d->publics[i].udp.send_failed;
	counts->send_failed += targets_failed(&d->targets);
	counts->send_failed += d->streams.counts.dropped;
}

void host_driver_set_servers(
	struct host_driver *d, const struct addr *addrs, size_t count)
{
	driver_wake(&d->base);
	host_set_servers(d->host, addrs, count, d->base.now);
	driver_settle(&d->base);
}

void host_driver_free(struct host_driver *d)
{
	struct rendezvous *inner;

	if (!d)
		return;
	inner = d->inner;
	d->base.now = clock_now();
	host_shutdown(d->host, d->base.now);
	destroy(d);
	rendezvous_free(inner);
}
