/* SPDX-License-Identifier: MIT */
/* The network check on a loop, with sockets of its own. */
#ifndef EYELET_NET_NETCHECK_DRIVER_H
#define EYELET_NET_NETCHECK_DRIVER_H

#include <ev.h>

#include "core/netcheck.h"

struct netcheck_driver;

struct netcheck_hooks {
	/* A step begins; the last one is NETCHECK_DONE. Must not free the driver. */
	void (*step)(void *arg, enum netcheck_step step);
	void (*notice)(void *arg, const char *text); /* as forwarder_hooks */
	void *arg;
};

/* Fills in the own addresses and begins as soon as the loop runs. Returns NULL if memory ran
 * out. */
struct netcheck_driver *netcheck_driver_new(struct ev_loop *loop,
	const struct netcheck_config *config, const struct netcheck_hooks *hooks);
void netcheck_driver_free(struct netcheck_driver *d);
const struct netcheck *netcheck_driver_core(const struct netcheck_driver *d);

#endif
