/* SPDX-License-Identifier: MIT */
#include "net/netcheck_driver.h"

#include <stdlib.h>

#include "net/driver_common.h"
#include "net/driver_socket.h"
#include "net/system.h"

struct netcheck_driver {
	struct driver base; /* the first member */
	struct netcheck *core;
	struct driver_socket sockets[NETCHECK_SOCKETS_MAX];
	struct netcheck_hooks hooks;
	enum netcheck_step step; /* told last */
};

static struct netcheck_driver *of(struct driver *d)
{
	return (struct netcheck_driver *)(void *)d;
}

static bool output(void *core, struct datagram *d, uint64_t now)
{
	return netcheck_output(core, d, now);
}

static void expire(void *core, uint64_t now)
{
	netcheck_expire(core, now);
}

static uint64_t next_timeout(const void *core)
{
	return netcheck_next_timeout(core);
}

static bool next_event(void *core, struct event *event)
{
	return netcheck_next_event(core, event);
}

static const struct machine_ops machine = {output, expire, next_timeout, next_event};

static void take(struct driver_socket *s, struct udp_message *m)
{
	struct netcheck_driver *d = of(s->driver);
	size_t at = 0, len;
	uint8_t *buf;

	while (driver_next_datagram(m, &at, &buf, &len)) {
		(void)netcheck_input(d->core, &m->path, buf, len, d->base.now);
		driver_pull(&d->base);
	}
}

static void add_socket(struct driver *base, uint32_t number, const struct addr *bound)
{
	netcheck_add_socket(of(base)->core, number, bound, base->now);
}

static void icmp(struct driver *base, const struct udp_error *error)
{
	netcheck_icmp(of(base)->core, &error->path, &error->offender, error->type,
		error->code, error->quoted, error->quoted_len, base->now);
}

/* The last thing of each wakeup. */
static void flush(struct driver *base)
{
	struct netcheck_driver *d = of(base);
	enum netcheck_step step = netcheck_step(d->core);

	if (step == d->step)
		return;
	d->step = step;
	d->hooks.step(d->hooks.arg, step);
}

static const struct driver_ops ops = {
	.flush = flush, .icmp = icmp, .add_socket = add_socket};

static bool start(struct netcheck_driver *d, const struct netcheck_config *config)
{
	struct netcheck_config own = *config;

	own.local_count = interfaces_list(own.locals, NETCHECK_LOCALS_MAX);
	d->core = netcheck_new(&own, d->base.now);
	if (!d->core)
		return false;
	driver_add_machine(&d->base, &machine, d->core);
	driver_start(&d->base);
	return true;
}

struct netcheck_driver *netcheck_driver_new(struct ev_loop *loop,
	const struct netcheck_config *config, const struct netcheck_hooks *hooks)
{
	struct netcheck_driver *d = calloc(1, sizeof(*d));
	const struct forwarder_hooks driver_hooks = {
		.notice = hooks->notice, .arg = hooks->arg};

	if (!d)
		return NULL;
	d->hooks = *hooks;
	d->base.take = take;
	if (!driver_init(&d->base, loop, &driver_hooks, &ops, d->sockets,
		    NETCHECK_SOCKETS_MAX) ||
		!start(d, config)) {
		netcheck_driver_free(d);
		return NULL;
	}
	return d;
}

void netcheck_driver_free(struct netcheck_driver *d)
{
	if (!d)
		return;
	driver_fini(&d->base);
	netcheck_free(d->core);
	free(d);
}

const struct netcheck *netcheck_driver_core(const struct netcheck_driver *d)
{
	return d->core;
}
