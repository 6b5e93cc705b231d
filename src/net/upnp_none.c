/* SPDX-License-Identifier: MIT */
/* In place of upnp.c in a build without miniupnpc (make WITH_UPNP=no). */
#ifndef EYELET_UPNP

#include "net/upnp.h"

bool upnp_available(void)
{
	return false;
}

struct upnp *upnp_start(struct ev_loop *loop, const struct addr *own, uint16_t port,
	void (*event)(void *arg, const struct portmap_event *event), void *arg)
{
	(void)loop, (void)own, (void)port, (void)event, (void)arg;
	return NULL;
}

void upnp_stop(struct upnp *u, uint64_t wait)
{
	(void)u, (void)wait;
}

#endif
