/* SPDX-License-Identifier: MIT */
/* Whether a router here maps ports: asked for one, of a socket that nothing else uses, so that
 * what is measured meanwhile is the NAT as it is without. */
#include "cmd/netcheck.h"
#include "net/upnp.h"

#define PATIENCE 6. /* seconds for all ways of asking */

/* That may fail, each by itself: PCP with NAT-PMP, and UPnP. */
static unsigned ways(void)
{
	return upnp_available() ? 2 : 1;
}

static void settle(struct netcheck_router *r)
{
	if (r->settled)
		return;
	r->settled = true;
	ev_timer_stop(r->loop, &r->patience);
	r->done(r->arg);
}

static void on_event(void *arg, const struct portmap_event *e)
{
	struct netcheck_router *r = arg;

	if (r->settled)
		return;
	r->answer = *e;
	r->failures += e->type == PORTMAP_FAILED;
	if (e->type != PORTMAP_FAILED || r->failures == ways())
		settle(r);
}

static void on_patience(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	settle(w->data);
}

void netcheck_router_ask(struct netcheck_router *r, struct ev_loop *loop,
	void (*done)(void *arg), void *arg)
{
	const struct addr any = {.family = ADDR_V4};
	const struct udp_options options = {.public_side = false};
	struct portmap_driver_config config = {.event = on_event, .arg = r};

	*r = (struct netcheck_router){.loop = loop, .done = done, .arg = arg};
	ev_timer_init(&r->patience, on_patience, PATIENCE, 0.);
	r->patience.data = r;
	if (udp_open(&r->socket, &any, &options) == 0) {
		config.bound = r->socket.bound;
		r->driver = portmap_driver_new(loop, &config);
	}
	if (r->driver != NULL)
		ev_timer_start(loop, &r->patience);
	else
		r->settled = true;
}

void netcheck_router_end(struct netcheck_router *r)
{
	if (r->driver == NULL)
		return;
	r->settled = true;
	ev_timer_stop(r->loop, &r->patience);
	portmap_driver_free(r->driver);
	udp_close(&r->socket);
}

bool netcheck_router_helps(
	const struct netcheck_router *r, const struct netcheck_result *own)
{
	return r->answer.type == PORTMAP_MAPPED &&
	       addr_same_ip(&r->answer.external, &own->mapped);
}

struct network netcheck_router_network(
	const struct netcheck_router *r, const struct netcheck_result *own)
{
	struct network n = own->network;

	if (!netcheck_router_helps(r, own))
		return n;
	n.mapping = n.filtering = NETWORK_INDEPENDENT;
	n.mapping_unsure = n.filtering_unsure = false;
	n.allocation = NETWORK_PORTS_UNKNOWN;
	return n;
}
