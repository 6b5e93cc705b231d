/* SPDX-License-Identifier: MIT */
#include "net/portmap_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/pcp.h"
#include "net/gateway.h"
#include "net/sockaddr.h"
#include "net/system.h"
#include "net/upnp.h"

#define SOON      1e-9 /* seconds; a timer of libev with repeat 0 would stop */
#define UPNP_WAIT (2 * SECOND)
#define READS_MAX 16 /* in one wakeup */

/* A socket of its own for what is asked, connected, so that ICMP errors are heard; one for
 * what the router tells everybody, where that can be had. */
struct portmap_driver {
	struct ev_loop *loop;
	struct portmap_driver_config config;
	struct portmap *machine;
	struct gateway gateway; /* that it asks; router of family ADDR_NONE: none */
	int fd, news_fd;        /* -1: closed */
	ev_io io, news;
	ev_timer deadline;
	struct upnp *upnp; /* NULL: not running */
	bool upnp_mapped;  /* what is mapped is by UPnP */
	struct addr external;
	const char *why[2]; /* told of PCP and NAT-PMP, and of UPnP; NULL: nothing */
};

/* Sockets. */

static bool set_flags(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

static int open_socket(const struct addr *own, const struct addr *router)
{
	union sockaddr_any any;
	socklen_t len = sockaddr_encode(&any, own);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return -1;
	if (set_flags(fd) && bind(fd, &any.sa, len) == 0) {
		len = sockaddr_encode(&any, router);
		if (connect(fd, &any.sa, len) == 0)
			return fd;
	}
	close(fd);
	return -1;
}

/* Others listen there, too. Bound to the group, it hears nothing else. */
static int open_news(const struct addr *own)
{
	const struct addr group = addr_v4(224, 0, 0, 1, PCP_CLIENT_PORT);
	struct ip_mreq membership = {.imr_multiaddr = {0}};
	union sockaddr_any any;
	socklen_t len = sockaddr_encode(&any, &group);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	if (fd < 0)
		return -1;
	memcpy(&membership.imr_multiaddr, group.ip, 4);
	memcpy(&membership.imr_interface, own->ip, 4);
	if (set_flags(fd) &&
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		bind(fd, &any.sa, len) == 0 &&
		setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership,
			sizeof(membership)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void close_sockets(struct portmap_driver *d)
{
	ev_io_stop(d->loop, &d->io);
	ev_io_stop(d->loop, &d->news);
	if (d->fd >= 0)
		close(d->fd);
	if (d->news_fd >= 0)
		close(d->news_fd);
	d->fd = d->news_fd = -1;
}

static void open_sockets(struct portmap_driver *d)
{
	struct addr router = d->gateway.router;

	close_sockets(d);
	if (router.family == ADDR_NONE)
		return;
	router.port = PCP_SERVER_PORT;
	d->fd = open_socket(&d->gateway.own, &router);
	d->news_fd = open_news(&d->gateway.own);
	if (d->fd >= 0) {
		ev_io_set(&d->io, d->fd, EV_READ);
		ev_io_start(d->loop, &d->io);
	}
	if (d->news_fd >= 0) {
		ev_io_set(&d->news, d->news_fd, EV_READ);
		ev_io_start(d->loop, &d->news);
	}
}

/* Telling. */

static void on_upnp(void *arg, const struct portmap_event *event);

static void start_upnp(struct portmap_driver *d)
{
	if (d->upnp == NULL && d->gateway.own.family == ADDR_V4)
		d->upnp = upnp_start(
			d->loop, &d->gateway.own, d->config.bound.port, on_upnp, d);
}

static void tell(struct portmap_driver *d, const struct portmap_event *event)
{
	d->config.event(d->config.arg, event);
}

static void tell_failed(
	struct portmap_driver *d, unsigned way, const struct portmap_event *event)
{
	bool news = d->why[way] == NULL || strcmp(d->why[way], event->why) != 0;

	d->why[way] = event->why;
	if (news)
		tell(d, event);
}

/* What one way has mapped ends the other's reasons. */
static void tell_mapped(
	struct portmap_driver *d, bool by_upnp, const struct portmap_event *event)
{
	d->upnp_mapped = by_upnp;
	d->external = event->external;
	d->why[0] = d->why[1] = NULL;
	tell(d, event);
}

static void stop_upnp(struct portmap_driver *d, const char *why)
{
	const struct portmap_event lost = {.type = PORTMAP_LOST,
		.port = d->config.bound.port,
		.external = d->external,
		.protocol = "UPnP",
		.why = why};

	if (d->upnp == NULL)
		return;
	upnp_stop(d->upnp, 0);
	d->upnp = NULL;
	if (d->upnp_mapped && why != NULL)
		tell(d, &lost);
	d->upnp_mapped = false;
}

static void on_upnp(void *arg, const struct portmap_event *event)
{
	struct portmap_driver *d = arg;

	switch (event->type) {
	case PORTMAP_MAPPED: tell_mapped(d, true, event); break;
	case PORTMAP_LOST:
		d->upnp_mapped = false;
		tell(d, event);
		break;
	default: tell_failed(d, 1, event);
	}
}

static void on_machine_event(struct portmap_driver *d, const struct portmap_event *event)
{
	switch (event->type) {
	case PORTMAP_MAPPED:
		stop_upnp(d, NULL);
		tell_mapped(d, false, event);
		break;
	case PORTMAP_FAILED:
		if (!d->upnp_mapped)
			tell_failed(d, 0, event);
		start_upnp(d);
		break;
	case PORTMAP_NESTED: tell_failed(d, 0, event); break;
	default: tell(d, event);
	}
}

/* The machine. */

static void set_deadline(struct portmap_driver *d, uint64_t now)
{
	uint64_t at = portmap_next_timeout(d->machine);

	if (at == NEVER) {
		ev_timer_stop(d->loop, &d->deadline);
		return;
	}
	d->deadline.repeat = at > now ? (double)(at - now) / 1e9 : SOON;
	ev_timer_again(d->loop, &d->deadline);
}

static void send_all(struct portmap_driver *d, uint64_t now)
{
	struct datagram out;

	while (portmap_output(d->machine, &out, now))
		if (d->fd >= 0 && send(d->fd, out.data, out.len, 0) < 0 &&
			errno == ECONNREFUSED)
			portmap_refused(d->machine, now);
}

static void settle(struct portmap_driver *d, uint64_t now)
{
	struct portmap_event event;

	send_all(d, now);
	while (portmap_next_event(d->machine, &event))
		on_machine_event(d, &event);
	set_deadline(d, now);
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct portmap_driver *d = timer->data;
	uint64_t now = clock_now();

	(void)loop, (void)revents;
	portmap_expire(d->machine, now);
	settle(d, now);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct portmap_driver *d = io->data;
	uint64_t now = clock_now();

	(void)loop, (void)revents;
	for (int i = 0; i < READS_MAX; i++) {
		uint8_t bytes[PCP_SIZE_MAX + 1];
		union sockaddr_any from = {.sa = {0}};
		socklen_t from_len = sizeof(from);
		struct path path = {.socket = 0};
		ssize_t len =
			recvfrom(io->fd, bytes, sizeof(bytes), 0, &from.sa, &from_len);

		if (len < 0 && errno == ECONNREFUSED)
			portmap_refused(d->machine, now);
		else if (len < 0)
			break;
		path.remote = sockaddr_decode(&from.sa);
		if (len >= 0)
			(void)portmap_input(d->machine, &path, bytes, (size_t)len, now);
	}
	settle(d, now);
}

/* Where there is no NAT to be asked, none is. */
static void find_gateway(struct portmap_driver *d, struct gateway *g)
{
	const struct addr *bound = &d->config.bound;
	const struct gateway none = {.router = {.family = ADDR_NONE}};

	if (!gateway_find(g) || !addr_is_private(&g->own) ||
		(!addr_is_unspecified(bound) && !addr_same_ip(bound, &g->own)))
		*g = none;
}

/* Everything that was there has gone, or is asked for again. */
static void look(struct portmap_driver *d)
{
	uint64_t now = clock_now();
	struct gateway g;
	bool moved;

	find_gateway(d, &g);
	moved = !addr_equal(&g.router, &d->gateway.router) ||
		!addr_equal(&g.own, &d->gateway.own);
	if (moved) {
		stop_upnp(d, "the network changed");
		d->gateway = g;
		open_sockets(d);
	}
	portmap_set_gateway(d->machine, d->fd >= 0 ? &g.router : NULL, &g.own, now);
	if (d->fd < 0)
		start_upnp(d);
	settle(d, now);
}

static void on_first(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct portmap_driver *d = timer->data;

	(void)revents;
	ev_timer_stop(loop, timer);
	ev_set_cb(timer, on_deadline);
	look(d);
}

struct portmap_driver *portmap_driver_new(
	struct ev_loop *loop, const struct portmap_driver_config *config)
{
	const struct portmap_config machine = {.entropy = {random_fill, NULL},
		.ports = {config->bound.port},
		.port_count = 1};
	struct portmap_driver *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->machine = portmap_new(&machine);
	if (d->machine == NULL) {
		free(d);
		return NULL;
	}
	d->loop = loop;
	d->config = *config;
	d->fd = d->news_fd = -1;
	ev_init(&d->io, on_readable);
	ev_init(&d->news, on_readable);
	ev_timer_init(&d->deadline, on_first, 0.0, 0.0);
	d->io.data = d->news.data = d->deadline.data = d;
	ev_timer_start(loop, &d->deadline);
	return d;
}

void portmap_driver_network_changed(struct portmap_driver *d)
{
	if (d == NULL)
		return;
	ev_set_cb(&d->deadline, on_deadline);
	look(d);
}

void portmap_driver_free(struct portmap_driver *d)
{
	uint64_t now = clock_now();

	if (d == NULL)
		return;
	portmap_shutdown(d->machine, now);
	send_all(d, now);
	upnp_stop(d->upnp, UPNP_WAIT);
	ev_timer_stop(d->loop, &d->deadline);
	close_sockets(d);
	portmap_free(d->machine);
	free(d);
}
