/* SPDX-License-Identifier: MIT */
#include "net/netlink.h"

#include <string.h>
#include <unistd.h>

#include "net/system.h"

#define GATHER 0.2  /* seconds: one change comes as a handful of messages */
#define POLL   10.0 /* seconds */

/* Returns true if the addresses are others than before. */
static bool look(struct netlink *n)
{
	struct addr before[NETLINK_ADDRS_MAX];
	size_t count = n->count;

	memcpy(before, n->addrs, sizeof(before));
	n->count = interfaces_list(n->addrs, NETLINK_ADDRS_MAX);
	if (n->count != count)
		return true;
	for (size_t i = 0; i < count; i++) {
		if (!addr_equal(&before[i], &n->addrs[i]))
			return true;
	}
	return false;
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct netlink *n = timer->data;
	bool routes = n->routes;

	(void)loop, (void)revents;
	n->routes = false;
	if (look(n) || routes)
		n->changed(n);
}

/* The timer is not moved by what comes while it runs: routes that never rest are told of
 * all the same. */
static void on_news(struct ev_loop *loop, ev_io *io, int revents)
{
	struct netlink *n = io->data;
	enum netlink_news news = netlink_read(n->fd);

	(void)revents;
	if (news == NETLINK_QUIET)
		return;
	n->routes |= news == NETLINK_ROUTES;
	if (!ev_is_active(&n->timer)) {
		ev_timer_set(&n->timer, GATHER, 0.0);
		ev_timer_start(loop, &n->timer);
	}
}

void netlink_start(struct netlink *n, struct ev_loop *loop)
{
	n->loop = loop;
	n->routes = false;
	n->fd = netlink_open(); /* before the look, so that nothing is missed */
	(void)look(n);
	ev_timer_init(&n->timer, on_timer, POLL, POLL);
	n->timer.data = n;
	if (n->fd < 0) {
		ev_timer_start(loop, &n->timer);
		return;
	}
	ev_io_init(&n->io, on_news, n->fd, EV_READ);
	n->io.data = n;
	ev_io_start(loop, &n->io);
}

void netlink_stop(struct netlink *n)
{
	if (!n->loop)
		return;
	ev_timer_stop(n->loop, &n->timer);
	if (n->fd >= 0) {
		ev_io_stop(n->loop, &n->io);
		close(n->fd);
	}
	n->loop = NULL;
}
