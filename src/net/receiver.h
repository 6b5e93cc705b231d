/* SPDX-License-Identifier: MIT */
/* The socket of an application on this machine, as its kernel sees it: what is sent to a
 * full one is lost, and no error tells the sender. */
#ifndef EYELET_NET_RECEIVER_H
#define EYELET_NET_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

/* What a datagram takes in a receive buffer beside its own bytes: of Linux 6, where it
 * comes in a run. */
#define RECEIVER_OVERHEAD 832

struct receiver_state {
	uint64_t cookie;   /* tells it from every other socket */
	size_t used, size; /* bytes of its buffer, overhead included */
	uint32_t drops;    /* datagrams since it was opened; wraps */
};

/* What questions go through. */
struct receiver_query {
	int fd; /* -1 while there is none */
	uint32_t sequence;
};

void receiver_query_init(struct receiver_query *q);
void receiver_query_fini(struct receiver_query *q);

/* Looks at the UDP socket that gets what is sent from one address to the other; takes 2
 * system calls and 3 us. Returns false if there is none in this network namespace, or if
 * the system does not tell. */
bool receiver_look(struct receiver_query *q, const struct addr *from,
	const struct addr *to, struct receiver_state *state);

#endif
