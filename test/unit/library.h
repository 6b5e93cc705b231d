/* SPDX-License-Identifier: MIT */
/* A network in memory for the passive part of eyelet.h: what one machine sends is the input
 * of the machine whose address it was sent to; time passes by leaps to the next deadline. The
 * rendezvous passes on what comes over a channel of its relay. */
#ifndef EYELET_TEST_LIBRARY_H
#define EYELET_TEST_LIBRARY_H

#include <eyelet.h>
#include "unit.h"

#define NODES 3 /* rendezvous, host, guest */

struct node {
	struct eyelet_addr addr;
	struct eyelet_rendezvous *rendezvous; /* one of the three */
	struct eyelet_host *host;
	struct eyelet_guest *guest;
	unsigned events[EYELET_EVENT_COUNT];
	struct eyelet_event last; /* for a person */
	unsigned closed;          /* flows */
	uint8_t got[65536];       /* the last delivery, its length, its flow, how many */
	size_t got_len;
	struct eyelet_flow *flow;
	unsigned deliveries;
};

struct net {
	struct node nodes[NODES];
	uint64_t now; /* ns */
	uint64_t seed;
	size_t limit; /* longer datagrams are lost; 0 none are */
	bool parted;  /* what host and guest send each other directly is lost */
	unsigned datagrams, relayed;
};

static inline void seeded_fill(void *arg, uint8_t *bytes, size_t len)
{
	random_bytes(arg, bytes, len);
}

static inline bool node_output(struct node *n, struct eyelet_datagram *d, uint64_t now)
{
	if (n->rendezvous)
		return eyelet_rendezvous_output(n->rendezvous, d, now);
	if (n->host)
		return eyelet_host_output(n->host, d, now);
	return n->guest && eyelet_guest_output(n->guest, d, now);
}

static inline bool node_next_event(struct node *n, struct eyelet_event *event)
{
	if (n->rendezvous)
		return eyelet_rendezvous_next_event(n->rendezvous, event);
	if (n->host)
		return eyelet_host_next_event(n->host, event);
	return n->guest && eyelet_guest_next_event(n->guest, event);
}

static inline uint64_t node_next_timeout(const struct node *n)
{
	if (n->rendezvous)
		return eyelet_rendezvous_next_timeout(n->rendezvous);
	if (n->host)
		return eyelet_host_next_timeout(n->host);
	return n->guest ? eyelet_guest_next_timeout(n->guest) : EYELET_NEVER;
}

static inline void node_expire(struct node *n, uint64_t now)
{
	if (n->rendezvous)
		eyelet_rendezvous_expire(n->rendezvous, now);
	if (n->host)
		eyelet_host_expire(n->host, now);
	if (n->guest)
		eyelet_guest_expire(n->guest, now);
}

static inline enum eyelet_verdict node_input(struct node *n,
	const struct eyelet_path *path, uint8_t *buf, size_t len, uint64_t now)
{
	struct eyelet_delivery delivery;
	enum eyelet_verdict verdict = EYELET_VERDICT_CONSUMED;

	if (n->rendezvous)
		return eyelet_rendezvous_input(n->rendezvous, path, buf, len, now);
	if (n->host)
		verdict = eyelet_host_input(n->host, path, buf, len, now, &delivery);
	else if (n->guest)
		verdict = eyelet_guest_input(n->guest, path, buf, len, now, &delivery);
	if (verdict == EYELET_VERDICT_DELIVER) {
		memcpy(n->got, delivery.payload, delivery.len);
		n->got_len = delivery.len;
		n->flow = delivery.flow;
		n->deliveries++;
	}
	return verdict;
}

static inline struct node *net_find(struct net *net, const struct eyelet_addr *addr)
{
	for (size_t i = 0; i < NODES; i++)
		if (memcmp(&net->nodes[i].addr, addr, sizeof(*addr)) == 0)
			return &net->nodes[i];
	return NULL;
}

/* Carries a datagram from one node to the one it is addressed to, over the relay if it says
 * so; to nobody if there is no such node. */
static inline enum eyelet_verdict net_carry(struct net *net, const struct node *from,
	const struct eyelet_path *path, const uint8_t *bytes, size_t len)
{
	static uint8_t buf[65536];
	struct node *to = net_find(net, &path->remote);
	struct eyelet_path in = {.remote = from->addr}, on;
	enum eyelet_verdict verdict;

	net->datagrams++;
	if (!to || (net->limit > 0 && len > net->limit) ||
		(net->parted && !from->rendezvous && !to->rendezvous))
		return EYELET_VERDICT_DROP_UNSOLICITED;
	in.local = to->addr;
	if (to->rendezvous && eyelet_rendezvous_is_relayed(bytes, len)) {
		verdict = eyelet_rendezvous_relay(
			to->rendezvous, &in, bytes, len, net->now, &on);
		if (verdict != EYELET_VERDICT_DELIVER)
			return verdict;
		net->relayed++;
		from = to;
		to = net_find(net, &on.remote);
		in = (struct eyelet_path){.remote = from->addr, .local = on.remote};
	}
	if (!to)
		return EYELET_VERDICT_DROP_UNSOLICITED;
	memcpy(buf, bytes, len);
	return node_input(to, &in, buf, len, net->now);
}

static inline void node_take_event(struct node *n, const struct eyelet_event *event)
{
	n->events[event->type]++;
	if (event->type == EYELET_EVENT_FLOW_CLOSED) {
		assert_non_null(event->flow);
		n->closed++;
	} else if (event->type > EYELET_EVENT_FLOW_CLOSED) {
		n->last = *event;
	}
}

/* Carries what there is, and what that leads to, until all is quiet. */
static inline void net_settle(struct net *net)
{
	bool any = true;

	while (any) {
		any = false;
		for (size_t i = 0; i < NODES; i++) {
			struct node *n = &net->nodes[i];
			struct eyelet_datagram d;
			struct eyelet_event event;

			for (; node_output(n, &d, net->now); any = true)
				(void)net_carry(net, n, &d.path, d.data, d.len);
			for (; node_next_event(n, &event); any = true)
				node_take_event(n, &event);
		}
	}
}

/* Lets at most span pass, deadline by deadline, or until *count is not 0. */
static inline void net_run(struct net *net, uint64_t span, const unsigned *count)
{
	uint64_t end = net->now + span;

	net_settle(net);
	while (net->now < end && (!count || *count == 0)) {
		uint64_t at = end;

		for (size_t i = 0; i < NODES; i++) {
			uint64_t next = node_next_timeout(&net->nodes[i]);

			at = next < at ? next : at;
		}
		net->now = at > net->now ? at : net->now + 1;
		for (size_t i = 0; i < NODES; i++)
			node_expire(&net->nodes[i], net->now);
		net_settle(net);
	}
}

#endif
