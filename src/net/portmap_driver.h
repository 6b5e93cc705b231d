/* SPDX-License-Identifier: MIT */
/* Port mapping on a libev loop: the core's port mapper with its socket, and UPnP where
 * routers know neither PCP nor NAT-PMP. */
#ifndef EYELET_NET_PORTMAP_DRIVER_H
#define EYELET_NET_PORTMAP_DRIVER_H

#include <ev.h>

#include "core/portmap.h"

struct portmap_driver;

struct portmap_driver_config {
	struct addr bound; /* the IPv4 socket whose port is to be mapped */
	/* Called from the loop: at most one MAPPED without a LOST at a time, but that a
	 * MAPPED may replace another. FAILED comes with each way that failed, and again when
	 * the reason has become another one. */
	void (*event)(void *arg, const struct portmap_event *event);
	void *arg;
};

/* Asks the router of the default route as soon as the loop runs; nobody, while the own
 * address towards it is a global one (there is no NAT) or not the bound one. Returns NULL
 * if memory ran out. */
struct portmap_driver *portmap_driver_new(
	struct ev_loop *loop, const struct portmap_driver_config *config);

/* Own addresses or routes may have changed, or the machine was suspended. */
void portmap_driver_network_changed(struct portmap_driver *d);

/* Removes the mapping; waits 2 s at most for a router that does so by UPnP. */
void portmap_driver_free(struct portmap_driver *d);

#endif
