/* SPDX-License-Identifier: MIT */
/* A host's sockets towards its target: one connected socket for each flow.
 *
 * A target on 127/8 sees flow f of guest g come from 127.64.0.0/10 + g, port 49152 + f
 * where that is free: the same after a restart of either side. */
#ifndef EYELET_NET_DRIVER_TARGET_H
#define EYELET_NET_DRIVER_TARGET_H

#include "core/flow.h"
#include "net/driver_socket.h"
#include "net/pacer.h"

/* One flow's socket; what flow->handle points to. */
struct target {
	struct driver_socket socket; /* the first member */
	struct targets *owner;
	struct flow *flow;
	struct pacer_user pacing;
	unsigned which; /* of the owner's addresses */
	bool refused;   /* by ICMP, and nothing came since */
	struct target *prev, *next;
};

/* All of a host. */
struct targets {
	struct driver *driver;
	struct addr addrs[2];
	size_t count;
	unsigned preferred;     /* index of the address that new sockets connect to */
	uint64_t preferred_for; /* ns: not changed again before */
	struct pacer pacer;
	struct pacer_room rooms[2]; /* of the addresses */
	struct target *list;
	/* Takes one message of the target's that belongs to the flow. */
	void (*answer)(struct driver *d, struct flow *flow, const struct udp_message *m);
};

void targets_init(struct targets *ts, struct driver *d, const struct addr *addrs,
	size_t count,
	void (*answer)(struct driver *d, struct flow *flow, const struct udp_message *m));
/* Closes and frees all. */
void targets_fini(struct targets *ts);

/* Sends a payload of the flow's guest, opening the flow's socket if there is none yet.
 * The bytes must stay where they are until pacer_flush(&ts->pacer). */
void targets_send(
	struct targets *ts, struct flow *flow, uint8_t tos, uint8_t *payload, size_t len);

/* Closes and frees the socket of a flow that ends, if it has one. */
void targets_close(struct targets *ts, struct flow *flow);

/* Datagrams that open sockets failed to send. */
uint64_t targets_failed(const struct targets *ts);

#endif
