/* SPDX-License-Identifier: MIT */
/* The rendezvous on a loop: a socket for each listen address, and further ports beside
 * them by which a NAT's mapping can be checked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/channel.h"
#include "net/driver_common.h"
#include "net/driver_send.h"
#include "net/driver_socket.h"
#include "net/streams_listen.h"

#define ALT_SPAN 32 /* ports that are tried: the bits of alt_mask */

struct rendezvous_driver {
	struct driver base; /* the first member */
	struct rendezvous *rendezvous;
	struct driver_socket *sockets; /* the listens first, then the further ports */
	size_t listen_count, socket_count, socket_max;
	struct outbound out; /* what is relayed */
	struct streams streams;
	struct tls_context *tls;
};

static struct rendezvous_driver *of(struct driver *d)
{
	return (struct rendezvous_driver *)(void *)d;
}

/* Relayed datagrams go on as they came, in runs where they came in runs. */
static void relay(struct rendezvous_driver *d, const struct udp_message *m,
	const uint8_t *buf, size_t len)
{
	struct udp_socket *s;
	struct path to;

	if (rendezvous_relay(d->rendezvous, &m->path, buf, len, d->base.now, &to) !=
		VERDICT_DELIVER)
		return;
	if (to.remote.transport != ADDR_UDP) {
		driver_send_framed(&d->base, &to, buf, len);
		return;
	}
	s = driver_public(&d->base, to.socket);
	if (!s)
		return;
	memcpy(outbound_room(&d->out, len), buf, len);
	outbound_add(&d->out, s, &to, m->tos, len);
}

static void flush(struct driver *d)
{
	outbound_flush(&of(d)->out);
}

static void take(struct driver_socket *s, struct udp_message *m)
{
	struct rendezvous_driver *d = of(s->driver);
	size_t at = 0, len;
	uint8_t *buf;

	while (driver_next_datagram(m, &at, &buf, &len)) {
		if (channel_is(buf, len)) {
			relay(d, m, buf, len);
			continue;
		}
		(void)rendezvous_input(d->rendezvous, &m->path, buf, len, d->base.now);
		driver_pull(&d->base);
	}
}

static const struct driver_ops ops = {.flush = flush};

static int open_next(struct rendezvous_driver *d, const struct addr *bind)
{
	int error = driver_socket_open_public(&d->base, (uint32_t)d->socket_count, bind);

	if (error == 0)
		d->socket_count++;
	return error;
}

/* :: may be missing as long as another address is there. */
static bool open_listens(struct rendezvous_driver *d,
	const struct rendezvous_driver_config *config, const char **why)
{
	*why = "no address to listen on";
	for (size_t i = 0; i < config->listen_count; i++) {
		const struct addr *listen = &config->listens[i];
		int error = open_next(d, listen);

		if (error)
			*why = driver_why("bind", listen, error);
		if (error &&
			!(driver_socket_is_absent(error) && addr_is_unspecified(listen)))
			return false;
	}
	d->listen_count = d->socket_count;
	return d->listen_count > 0;
}

static bool listen_streams(struct rendezvous_driver *d, const char *how,
	const struct addr *listen, struct tls_context *const *tls, const char **why)
{
	int error = streams_listen(&d->streams, listen, tls);

	if (error == 0 || (driver_socket_is_absent(error) && addr_is_unspecified(listen)))
		return true;
	*why = driver_why(how, listen, error);
	return false;
}

/* TCP at the very addresses that UDP has got. */
static bool open_streams(struct rendezvous_driver *d,
	const struct rendezvous_driver_config *config, const char **why)
{
	const struct streams_config streams = {
		.max = config->streams_max ? config->streams_max : STREAMS_MAX,
		.network_max = config->streams_network_max ? config->streams_network_max
							   : STREAMS_NETWORK_MAX};

	streams_init(&d->streams, &d->base, &streams);
	d->base.streams = &d->streams;
	d->tls = config->tls;
	for (size_t i = 0; config->tcp && i < d->listen_count; i++) {
		if (!listen_streams(
			    d, "listen by TCP on", &d->sockets[i].udp.bound, NULL, why))
			return false;
	}
	for (size_t i = 0; i < config->tls_listen_count; i++) {
		if (!listen_streams(
			    d, "listen by TLS on", &config->tls_listens[i], &d->tls, why))
			return false;
	}
	return true;
}

static bool is_repeated(const struct rendezvous_driver *d, size_t listen)
{
	for (size_t i = 0; i < listen; i++) {
		if (addr_same_ip(&d->sockets[i].udp.bound, &d->sockets[listen].udp.bound))
			return true;
	}
	return false;
}

/* Opens the port on all addresses or on none, since the mask is one for all. Returns 0 or
 * -errno. */
static int open_alt(struct rendezvous_driver *d, uint16_t port)
{
	size_t before = d->socket_count;
	int error = 0;

	for (size_t i = 0; i < d->listen_count; i++) {
		struct addr bind = d->sockets[i].udp.bound;

		bind.port = port;
		if (!is_repeated(d, i))
			error = open_next(d, &bind);
		if (error != 0)
			break;
	}
	while (error != 0 && d->socket_count > before)
		driver_socket_close(&d->sockets[--d->socket_count]);
	return error;
}

/* Opens as many further ports as wanted, leaving out those in use. Returns 0, or -errno of
 * what is wrong with all of them: no descriptors, no memory. */
static int open_alts(
	struct rendezvous_driver *d, struct rendezvous_config *core, unsigned wanted)
{
	unsigned base = d->sockets[0].udp.bound.port + 1u, opened = 0;

	core->alt_base = 0;
	core->alt_mask = 0;
	for (unsigned bit = 0; bit < ALT_SPAN && base + bit <= UINT16_MAX; bit++) {
		if (opened == wanted)
			break;
		int error = open_alt(d, (uint16_t)(base + bit));

		if (driver_is_exhausted(error))
			return error;
		if (error != 0)
			continue;
		core->alt_base = (uint16_t)base;
		core->alt_mask |= UINT32_C(1) << bit;
		opened++;
	}
	return 0;
}

/* Room for the listens and all that open_alts opens. */
static bool make_room(
	struct rendezvous_driver *d, const struct rendezvous_driver_config *config)
{
	unsigned alts = config->alt < ALT_SPAN ? config->alt : ALT_SPAN;

	d->socket_max = config->listen_count * (1 + alts);
	d->sockets = calloc(d->socket_max + 1, sizeof(*d->sockets));
	return d->sockets != NULL;
}

static void destroy(struct rendezvous_driver *d)
{
	driver_fini(&d->base);
	outbound_fini(&d->out);
	rendezvous_free(d->rendezvous);
	free(d->sockets);
	free(d);
}

static bool start(struct rendezvous_driver *d,
	const struct rendezvous_driver_config *config, const char **why)
{
	struct rendezvous_config core = config->core;
	int error;

	if (!open_listens(d, config, why) || !open_streams(d, config, why))
		return false;
	error = open_alts(d, &core, config->alt);
	if (error != 0) {
		*why = driver_why(
			"open further ports beside", &config->listens[0], error);
		return false;
	}
	*why = "out of memory";
	d->rendezvous = rendezvous_new(&core, d->base.now);
	if (!d->rendezvous)
		return false;
	for (size_t i = 0; i < d->socket_count; i++)
		rendezvous_add_socket(
			d->rendezvous, (uint32_t)i, &d->sockets[i].udp.bound);
	driver_add_machine(&d->base, &machine_rendezvous, d->rendezvous);
	driver_start(&d->base);
	return true;
}

struct rendezvous_driver *rendezvous_driver_new(struct ev_loop *loop,
	const struct rendezvous_driver_config *config,
	const struct forwarder_hooks *hooks, const char **why)
{
	struct rendezvous_driver *d = calloc(1, sizeof(*d));

	*why = "out of memory";
	if (!d || !make_room(d, config)) {
		free(d);
		return NULL;
	}
	d->base.take = take;
	if (!driver_init(&d->base, loop, hooks, &ops, d->sockets, d->socket_max) ||
		!outbound_init(&d->out) || !start(d, config, why)) {
		destroy(d);
		return NULL;
	}
	return d;
}

void rendezvous_driver_free(struct rendezvous_driver *d)
{
	if (d)
		destroy(d);
}

void rendezvous_driver_set_tls(struct rendezvous_driver *d, struct tls_context *tls)
{
	d->tls = tls;
}

struct rendezvous *rendezvous_driver_core(struct rendezvous_driver *d)
{
	return d->rendezvous;
}

bool rendezvous_driver_listen(
	const struct rendezvous_driver *d, size_t i, struct addr *addr)
{
	if (i >= d->listen_count)
		return false;
	*addr = d->sockets[i].udp.bound;
	return true;
}
