/* SPDX-License-Identifier: MIT */
/* The IPv4 router that leads to the internet. */
#ifndef EYELET_NET_GATEWAY_H
#define EYELET_NET_GATEWAY_H

#include <stdbool.h>

#include "core/addr.h"

struct gateway {
	struct addr router; /* port 0; family ADDR_NONE where the system does not tell */
	struct addr own;    /* own address towards it, port 0 */
};

/* An address that only a way to the internet leads to, for asking the system about that
 * way: a root name server's. Nothing is ever sent there. */
#define GATEWAY_FAR addr_v4(198, 41, 0, 4, 53)

/* Returns false if there is no way out, or none by a router. */
bool gateway_find(struct gateway *g);

#endif
