/* SPDX-License-Identifier: MIT */
/* Looking at what machines sent on the network of net.h, and speaking over it. */
#ifndef EYELET_TEST_UNIT_NET_LOOK_H
#define EYELET_TEST_UNIT_NET_LOOK_H

#include "net.h"

/* Finding what was sent. */

static inline bool net_is(const struct net_packet *p, uint8_t type)
{
	return message_is(p->bytes, p->len) && message_type(p->bytes) == type;
}

/* The index'th message of a type that a node (NULL: any) sent; NULL if there is none. */
static inline struct net_packet *net_find(
	const struct net *net, const struct net_node *from, uint8_t type, unsigned index)
{
	for (unsigned i = 0; i < net->count; i++)
		if ((from == NULL || net->sent[i].from == from) &&
			net_is(&net->sent[i], type) && index-- == 0)
			return &net->sent[i];
	return NULL;
}

static inline unsigned net_count(
	const struct net *net, const struct net_node *from, uint8_t type)
{
	unsigned count = 0;

	for (unsigned i = 0; i < net->count; i++)
		count += (from == NULL || net->sent[i].from == from) &&
			 net_is(&net->sent[i], type);
	return count;
}

/* Data. */

/* Sends a payload of a flow; returns false if it could not be sealed. */
static inline bool net_say(struct net *net, struct net_node *n, struct flow *flow,
	const uint8_t *payload, size_t len)
{
	static uint8_t out[65536];
	unsigned parts = n->kind == NET_HOST ? host_parts(flow, len)
					     : guest_parts(n->machine, flow, len);
	struct path path;

	for (unsigned i = 0; i < parts; i++) {
		size_t size = n->kind == NET_HOST
				      ? host_seal(n->machine, flow, i, parts, payload,
						len, out, &path, net->now)
				      : guest_seal(n->machine, flow, i, parts, payload,
						len, out, &path, net->now);

		if (size == 0)
			return false;
		net_send(net, n, path.socket, &path.local, &path.remote, 0, out, size);
	}
	return true;
}

#endif
