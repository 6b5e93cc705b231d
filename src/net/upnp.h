/* SPDX-License-Identifier: MIT */
/* Has a router forward a UDP port by UPnP-IGD. miniupnpc blocks, so it runs in a thread of
 * its own; what it finds is told from the loop. A mapping is made for 2 h, and made again
 * each 10 minutes, so that a restarted router has it soon; after a failure all is tried
 * again 10 minutes later. */
#ifndef EYELET_NET_UPNP_H
#define EYELET_NET_UPNP_H

#include <ev.h>

#include "core/portmap.h"

struct upnp;

/* False in a build without it: upnp_start then returns NULL. */
bool upnp_available(void);

/* Forwards port of own, an IPv4 address, on whatever router answers there. event is called
 * from the loop with events of protocol "UPnP". Returns NULL if it cannot be. */
struct upnp *upnp_start(struct ev_loop *loop, const struct addr *own, uint16_t port,
	void (*event)(void *arg, const struct portmap_event *event), void *arg);

/* Removes the mapping and ends; event is not called any more. Waits for that at most wait
 * nanoseconds, 0 for not at all; the thread goes on by itself if it takes longer. */
void upnp_stop(struct upnp *u, uint64_t wait);

#endif
