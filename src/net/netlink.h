/* SPDX-License-Identifier: MIT */
/* Watches the machine's own addresses and routes on a loop: by rtnetlink(7), and where
 * there is none by looking every 10 s. */
#ifndef EYELET_NET_NETLINK_H
#define EYELET_NET_NETLINK_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/addr.h"

#define NETLINK_ADDRS_MAX 16

struct netlink {
	struct ev_loop *loop;
	/* Something changed: addrs and count hold what interfaces_list says now. */
	void (*changed)(struct netlink *n);
	void *arg; /* the owner's */
	struct addr addrs[NETLINK_ADDRS_MAX];
	size_t count;
	int fd;      /* -1 where it polls */
	bool routes; /* a route changed since the last look */
	ev_io io;
	ev_timer timer; /* ends the 200 ms in which news are gathered, or polls */
};

/* Reads the addresses and begins to watch; changed and arg are set by the owner, changed
 * is called from the loop alone. */
void netlink_start(struct netlink *n, struct ev_loop *loop);
/* Does nothing to one that is all zeros, never started. */
void netlink_stop(struct netlink *n);

/* The system's part. */
enum netlink_news {
	NETLINK_QUIET,
	NETLINK_ADDRS, /* the list of addresses may be another one now */
	NETLINK_ROUTES /* what leads where has changed */
};
/* Returns a non-blocking socket, readable when there is news; -1 if there is none to be
 * had. */
int netlink_open(void);
/* Takes the news that wait; returns the greatest. */
enum netlink_news netlink_read(int fd);

#endif
