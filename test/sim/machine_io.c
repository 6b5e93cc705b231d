/* SPDX-License-Identifier: MIT */
/* A machine's kernel: which socket a packet is for, what comes of it, and how one leaves.
 */
#include <stdlib.h>
#include <string.h>

#include "core/channel.h"
#include "sim/machine.h"
#include "sim/packet.h"

void machine_emit(struct machine *m, const struct path *path, uint8_t ttl, uint8_t tos,
	const uint8_t *data, size_t len)
{
	struct world *w = m->node.world;
	const struct machine_socket *s = &m->sockets[path->socket % MACHINE_SOCKETS];
	struct addr src = path->remote.family == ADDR_V6 ? m->v6 : m->v4;
	char text[PACKET_TEXT_MAX];
	struct packet *p;

	if (path->remote.transport != ADDR_UDP) {
		promise_output(m, &path->remote, data, len);
		m->outputs++;
		tcp_send(m, &path->remote, data, len);
		return;
	}
	if (path->socket >= MACHINE_SOCKETS || !s->open ||
		s->bound.family != path->remote.family) {
		world_fail(w, "%s: sends to %s by socket %u, which cannot", m->node.name,
			addr_format(text, &path->remote), path->socket);
		return;
	}
	promise_output(m, &path->remote, data, len);
	m->outputs++;
	src.port = s->bound.port;
	p = packet_new(w, &src, &path->remote, ttl, tos, data, len);
	if (w->verbose)
		trace(w, "%-12s send %s", m->node.name, packet_describe(text, p));
	wire_send(w, m->up, p);
}

static bool is_own(const struct machine *m, const struct packet *packet)
{
	return addr_same_ip(&packet->dst, &m->v4) || addr_same_ip(&packet->dst, &m->v6);
}

/* The socket a packet is for; of an ICMP error, the one it is about. */
static int socket_of(const struct machine *m, const struct packet *packet)
{
	const struct addr *own =
		packet->icmp != ICMP_NONE ? &packet->quoted_src : &packet->dst;

	if (!addr_same_ip(own, &m->v4) && !addr_same_ip(own, &m->v6))
		return -1;
	for (int i = 0; i < (int)m->sockets_used; i++)
		if (m->sockets[i].open && m->sockets[i].bound.family == own->family &&
			m->sockets[i].bound.port == own->port)
			return i;
	return -1;
}

static void input(struct machine *m, const struct path *path, struct packet *packet)
{
	struct delivery delivery = {0};
	uint8_t *buf =
		malloc(packet->len + 1); /* exact, so that ASan sees a byte too far */
	enum verdict v;
	char text[PACKET_TEXT_MAX];

	if (buf == NULL)
		abort();
	memcpy(buf, packet->data, packet->len);
	m->inputs++;
	m->relayed = channel_is(packet->data, packet->len);
	v = m->role->input(m, path, buf, packet->len, &delivery);
	if (m->node.world->verbose)
		trace(m->node.world, "%-12s recv %s: %s", m->node.name,
			packet_describe(text, packet), verdict_name(v));
	verdict_count(&m->verdicts, v);
	promise_input(m, &packet->src, packet->data, packet->len, v);
	if (v == VERDICT_DELIVER)
		m->role->deliver(m, &delivery);
	free(buf);
}

static void closed_port(struct machine *m, struct packet *packet)
{
	struct packet *error = NULL;

	if (packet->icmp == ICMP_NONE)
		error = packet_error(
			m->node.world, packet, &packet->dst, ICMP_PORT_UNREACHABLE);
	packet_drop(&m->node, packet, "closed port");
	if (error != NULL)
		wire_send(m->node.world, m->up, error);
}

/* A packet of a stream: what is in it comes as if by the family's first socket. */
static void forward_stream(struct machine *m, struct packet *packet)
{
	struct path path = {.socket = packet->dst.family == ADDR_V6,
		.ifindex = 2,
		.local = packet->dst,
		.remote = packet->src};

	if (is_own(m, packet) && packet->icmp == ICMP_NONE && tcp_input(m, packet))
		input(m, &path, packet);
	packet_free(m->node.world, packet);
	machine_settle(m);
}

void machine_forward(struct node *node, unsigned side, struct packet *packet)
{
	struct machine *m = (struct machine *)node;
	int number = socket_of(m, packet);
	struct path path = {.socket = (uint32_t)number, .ifindex = 2};

	(void)side;
	if (m->asleep || (number < 0 && !is_own(m, packet))) {
		packet_drop(node, packet, m->asleep ? "asleep" : "not mine");
		return;
	}
	if (packet->dst.transport != ADDR_UDP ||
		packet->quoted_dst.transport != ADDR_UDP) {
		forward_stream(m, packet);
		return;
	}
	if (number < 0) {
		closed_port(m, packet);
		return;
	}
	if (m->tap != NULL)
		m->tap(m->tap_arg, m, packet);
	if (packet->icmp != ICMP_NONE) {
		path.local = packet->quoted_src;
		path.remote = packet->quoted_dst;
		if (m->role->icmp != NULL)
			m->role->icmp(m, &path, packet);
	} else {
		path.local = packet->dst;
		path.remote = packet->src;
		input(m, &path, packet);
	}
	packet_free(node->world, packet);
	machine_settle(m);
}
