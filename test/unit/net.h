/* SPDX-License-Identifier: MIT */
/* A perfect network in memory: hosts, guests and rendezvous by address, every datagram
 * delivered after the same time, unless a test's hook says otherwise. It keeps what was
 * sent, for tests to look at, and opens the sockets that machines want. */
#ifndef EYELET_TEST_UNIT_NET_H
#define EYELET_TEST_UNIT_NET_H

#include "core/frame.h"
#include "core/guest.h"
#include "core/host.h"
#include "core/message.h"
#include "core/rendezvous.h"
#include "unit.h"

#define NET_NODES    8
#define NET_SOCKETS  8
#define NET_MAPPINGS 64
#define NET_EVENTS   4096
#define NET_SENT     262144
#define NET_START    (1000 * SECOND)

enum net_kind { NET_HOST, NET_GUEST, NET_RENDEZVOUS };

struct net;
struct net_node;

/* A datagram under way, and the record of it afterwards. */
struct net_packet {
	uint64_t at, due; /* sent, delivered */
	struct net_node *from;
	uint32_t socket;
	struct addr source, to; /* as the receiver sees the source */
	uint8_t ttl;
	bool lost, delivered;
	size_t len;
	uint8_t *bytes;
};

/* A payload that came out, and whose it was. */
struct net_delivery {
	uint64_t at;
	uint32_t guest; /* number, at a host */
	uint16_t flow;
	struct flow *handle;
	struct addr app;
	size_t len;
	uint8_t *bytes;
};

struct net_node {
	enum net_kind kind;
	void *machine;
	struct addr ip[2]; /* IPv4, IPv6; port 0 */
	struct addr bound[NET_SOCKETS];
	uint16_t next_port;
	bool deaf; /* neither hears nor speaks */
	/* How the world sees a datagram of that socket to that address; NULL: as bound.
	 */
	struct addr (*nat)(struct net_node *n, uint32_t socket, const struct addr *to);
	struct {
		struct addr outside;
		uint32_t socket;
	} mappings[NET_MAPPINGS];
	unsigned mapping_count;
	struct event events[NET_EVENTS];
	unsigned event_count;
	struct net_delivery last;
	unsigned deliveries;
};

struct net {
	uint64_t now, flight; /* ns one way */
	uint64_t random;
	struct net_node nodes[NET_NODES];
	unsigned node_count;
	struct net_packet *sent;
	unsigned head, count; /* packets before head are delivered */
	/* Called for each datagram before it leaves; may change or lose it. NULL: none.
	 */
	void (*hook)(struct net *net, struct net_packet *p);
};

static inline void net_fill(void *arg, uint8_t *bytes, size_t len)
{
	random_bytes(arg, bytes, len);
}

static inline struct entropy net_entropy(struct net *net)
{
	return (struct entropy){.fill = net_fill, .arg = &net->random};
}

static inline struct net *net_new(void)
{
	struct net *net = calloc(1, sizeof(*net));

	assert_non_null(net);
	net->now = NET_START;
	net->flight = 5 * MILLISECOND;
	net->random = 1;
	net->sent = calloc(NET_SENT, sizeof(*net->sent));
	assert_non_null(net->sent);
	return net;
}

/* Machines by kind. */

static inline void net_machine_free(struct net_node *n)
{
	if (n->kind == NET_HOST)
		host_free(n->machine);
	else if (n->kind == NET_GUEST)
		guest_free(n->machine);
	else
		rendezvous_free(n->machine);
	n->machine = NULL;
}

static inline bool net_machine_output(
	struct net_node *n, struct datagram *d, uint64_t now)
{
	if (n->kind == NET_HOST)
		return host_output(n->machine, d, now);
	if (n->kind == NET_GUEST)
		return guest_output(n->machine, d, now);
	return rendezvous_output(n->machine, d, now);
}

static inline uint64_t net_machine_timeout(const struct net_node *n)
{
	if (n->machine == NULL)
		return NEVER;
	if (n->kind == NET_HOST)
		return host_next_timeout(n->machine);
	if (n->kind == NET_GUEST)
		return guest_next_timeout(n->machine);
	return rendezvous_next_timeout(n->machine);
}

static inline void net_machine_expire(struct net_node *n, uint64_t now)
{
	if (n->kind == NET_HOST)
		host_expire(n->machine, now);
	else if (n->kind == NET_GUEST)
		guest_expire(n->machine, now);
	else
		rendezvous_expire(n->machine, now);
}

static inline bool net_machine_event(struct net_node *n, struct event *e)
{
	if (n->kind == NET_HOST)
		return host_next_event(n->machine, e);
	if (n->kind == NET_GUEST)
		return guest_next_event(n->machine, e);
	return rendezvous_next_event(n->machine, e);
}

static inline void net_free(struct net *net)
{
	for (unsigned i = 0; i < net->node_count; i++) {
		net_machine_free(&net->nodes[i]);
		free(net->nodes[i].last.bytes);
	}
	for (unsigned i = 0; i < net->count; i++)
		free(net->sent[i].bytes);
	free(net->sent);
	free(net);
}

/* Sockets and events. */

static inline struct net_node *net_add(
	struct net *net, enum net_kind kind, struct addr ip)
{
	struct net_node *n = &net->nodes[net->node_count++];

	assert_true(net->node_count <= NET_NODES);
	n->kind = kind;
	ip.port = 0;
	n->ip[ip.family == ADDR_V4 ? 0 : 1] = ip;
	n->next_port = 40000;
	return n;
}

/* Opens socket number at the node's address of that family. */
static inline void net_open(struct net *net, struct net_node *n, uint32_t number,
	uint8_t family, uint16_t port)
{
	struct addr *bound = &n->bound[number];

	*bound = n->ip[family == ADDR_V4 ? 0 : 1];
	bound->port = port != 0 ? port : n->next_port++;
	if (n->kind == NET_HOST)
		host_add_socket(n->machine, number, bound, net->now);
	else if (n->kind == NET_GUEST)
		guest_add_socket(n->machine, number, bound, net->now);
}

static inline void net_take_event(
	struct net *net, struct net_node *n, const struct event *e)
{
	assert_true(n->event_count < NET_EVENTS);
	n->events[n->event_count++] = *e;
	if (e->type == EVENT_SOCKET_WANTED) {
		assert_in_range(e->number, 2, NET_SOCKETS - 1);
		assert_int_equal(n->bound[e->number].family, ADDR_NONE);
		net_open(net, n, e->number, e->addr.family, 0);
	} else if (e->type == EVENT_SOCKET_DONE) {
		n->bound[e->number] = (struct addr){0};
	}
}

/* The index'th event of a type, NULL if there is none. */
static inline const struct event *net_event(
	const struct net_node *n, enum event_type type, unsigned index)
{
	for (unsigned i = 0; i < n->event_count; i++)
		if (n->events[i].type == type && index-- == 0)
			return &n->events[i];
	return NULL;
}

static inline unsigned net_events(const struct net_node *n, enum event_type type)
{
	unsigned count = 0;

	while (net_event(n, type, count) != NULL)
		count++;
	return count;
}

/* Datagrams. */

static inline struct addr net_outside(
	struct net_node *n, uint32_t socket, const struct addr *to)
{
	struct addr outside = n->nat != NULL ? n->nat(n, socket, to) : n->bound[socket];

	for (unsigned i = 0; i < n->mapping_count; i++)
		if (addr_equal(&n->mappings[i].outside, &outside))
			return outside;
	assert_true(n->mapping_count < NET_MAPPINGS);
	n->mappings[n->mapping_count].outside = outside;
	n->mappings[n->mapping_count++].socket = socket;
	return outside;
}

static inline void net_send(struct net *net, struct net_node *n, uint32_t socket,
	const struct addr *local, const struct addr *to, uint8_t ttl,
	const uint8_t *bytes, size_t len)
{
	struct net_packet *p = &net->sent[net->count];

	if (n->deaf)
		return;
	assert_true(net->count < NET_SENT && socket < NET_SOCKETS);
	if (n->bound[socket].family == ADDR_NONE)
		return; /* closed */
	net->count++;
	*p = (struct net_packet){.at = net->now,
		.due = net->now + net->flight,
		.from = n,
		.socket = socket,
		.source = n->kind == NET_RENDEZVOUS ? *local : net_outside(n, socket, to),
		.to = *to,
		.ttl = ttl,
		.len = len,
		.bytes = malloc(len + 1)};
	assert_non_null(p->bytes);
	memcpy(p->bytes, bytes, len);
	if (net->hook != NULL)
		net->hook(net, p);
}

static inline bool net_owns(
	const struct net_node *n, const struct addr *to, uint32_t *socket)
{
	for (uint32_t i = 0; i < NET_SOCKETS; i++)
		if (n->bound[i].family != ADDR_NONE && addr_equal(&n->bound[i], to)) {
			*socket = i;
			return true;
		}
	for (unsigned i = 0; i < n->mapping_count; i++)
		if (addr_equal(&n->mappings[i].outside, to)) {
			*socket = n->mappings[i].socket;
			return n->bound[*socket].family != ADDR_NONE;
		}
	return false;
}

static inline void net_note_delivery(
	struct net *net, struct net_node *n, const struct delivery *d)
{
	free(n->last.bytes);
	n->last = (struct net_delivery){.at = net->now,
		.guest = d->flow->guest,
		.flow = d->flow->id,
		.handle = d->flow,
		.app = d->flow->app,
		.len = d->len,
		.bytes = malloc(d->len + 1)};
	memcpy(n->last.bytes, d->payload, d->len);
	n->deliveries++;
}

static inline enum verdict net_input_rendezvous(struct net *net, struct net_node *n,
	const struct path *path, uint8_t *buf, size_t len)
{
	struct path to;

	if (!channel_is(buf, len))
		return rendezvous_input(n->machine, path, buf, len, net->now);
	if (rendezvous_relay(n->machine, path, buf, len, net->now, &to) !=
		VERDICT_DELIVER)
		return VERDICT_DROP_UNSOLICITED;
	net_send(net, n, to.socket, &to.local, &to.remote, 0, buf, len);
	return VERDICT_CONSUMED;
}

static inline enum verdict net_input(struct net *net, struct net_node *n, uint32_t socket,
	const struct addr *local, const struct addr *remote, const uint8_t *bytes,
	size_t len)
{
	struct path path = {.socket = socket, .local = *local, .remote = *remote};
	struct delivery delivery = {0};
	uint8_t *buf = malloc(len + 1);
	enum verdict verdict;

	memcpy(buf, bytes, len);
	if (n->kind == NET_RENDEZVOUS) {
		verdict = net_input_rendezvous(net, n, &path, buf, len);
	} else {
		path.local = (struct addr){0};
		verdict = n->kind == NET_HOST ? host_input(n->machine, &path, buf, len,
							net->now, &delivery)
					      : guest_input(n->machine, &path, buf, len,
							net->now, &delivery);
	}
	if (verdict == VERDICT_DELIVER)
		net_note_delivery(net, n, &delivery);
	free(buf);
	return verdict;
}

static inline void net_deliver(struct net *net, const struct net_packet *p)
{
	uint32_t socket;

	for (unsigned i = 0; !p->lost && i < net->node_count; i++) {
		struct net_node *n = &net->nodes[i];

		if (n->machine != NULL && !n->deaf && net_owns(n, &p->to, &socket)) {
			net_input(net, n, socket, &p->to, &p->source, p->bytes, p->len);
			return;
		}
	}
}

/* Takes all that the machines have to say now. */
static inline void net_pump(struct net *net)
{
	struct datagram d;
	struct event e;

	for (unsigned i = 0; i < net->node_count; i++) {
		struct net_node *n = &net->nodes[i];

		while (n->machine != NULL && net_machine_event(n, &e))
			net_take_event(net, n, &e);
		while (n->machine != NULL && net_machine_output(n, &d, net->now))
			net_send(net, n, d.path.socket, &d.path.local, &d.path.remote,
				d.ttl, d.data, d.len);
	}
}

static inline uint64_t net_next_due(const struct net *net)
{
	uint64_t due = NEVER;

	for (unsigned i = net->head; i < net->count; i++)
		if (!net->sent[i].delivered && net->sent[i].due < due)
			due = net->sent[i].due;
	return due;
}

static inline void net_deliver_due(struct net *net)
{
	for (unsigned i = net->head; i < net->count; i++) {
		struct net_packet *p = &net->sent[i];

		if (p->delivered || p->due > net->now)
			continue;
		p->delivered = true;
		net_deliver(net, p);
	}
	while (net->head < net->count && net->sent[net->head].delivered)
		net->head++;
}

/* Runs until that time. Machines that want to be woken again and again at one time fail.
 */
static inline void net_run_until(struct net *net, uint64_t until)
{
	unsigned rounds = 0;

	for (;;) {
		uint64_t next = until;

		net_pump(net);
		if (net_next_due(net) < next)
			next = net_next_due(net);
		for (unsigned i = 0; i < net->node_count; i++)
			if (net_machine_timeout(&net->nodes[i]) < next)
				next = net_machine_timeout(&net->nodes[i]);
		rounds = next > net->now ? 0 : rounds + 1;
		assert_true(rounds < 1000);
		net->now = next > net->now ? next : net->now;
		net_deliver_due(net);
		for (unsigned i = 0; i < net->node_count; i++)
			if (net_machine_timeout(&net->nodes[i]) <= net->now)
				net_machine_expire(&net->nodes[i], net->now);
		net_pump(net);
		if (next >= until)
			return;
	}
}

static inline void net_run(struct net *net, uint64_t span)
{
	net_run_until(net, net->now + span);
}

#endif
