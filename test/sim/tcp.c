/* SPDX-License-Identifier: MIT */
#include "sim/tcp.h"

#include <stdlib.h>
#include <string.h>

#include "sim/machine.h"
#include "sim/packet.h"

#define SYN_AGAIN     SECOND
#define UNACKED_MAX   (3 * SECOND) /* then it is given up (RFC 5482) */
#define WAITING_BYTES 1500

struct tcp_end {
	struct addr local, remote;
	bool open, dialled;
	uint64_t asked_at;   /* the last segment of its handshake */
	uint64_t unacked_at; /* NEVER while all is acknowledged */
	struct {
		size_t len;
		uint8_t data[WAITING_BYTES];
	} waiting[TCP_WAITING];
	unsigned first, count;
	struct tcp_end *next;
};

static void emit(struct machine *m, const struct addr *local, const struct addr *remote,
	enum packet_tcp kind, const uint8_t *data, size_t len)
{
	struct world *w = m->node.world;
	struct packet *p = packet_new(w, local, remote, 0, 0, data, len);
	char text[PACKET_TEXT_MAX];

	p->tcp = kind;
	if (w->verbose)
		trace(w, "%-12s send %s", m->node.name, packet_describe(text, p));
	wire_send(w, m->up, p);
}

static void tell(struct machine *m, struct tcp_end *end, enum packet_tcp kind)
{
	end->asked_at = m->node.world->now;
	emit(m, &end->local, &end->remote, kind, NULL, 0);
}

static struct tcp_end *find(const struct machine *m, const struct addr *remote)
{
	struct tcp_end *end = m->tcp_ends;

	while (end != NULL && !addr_equal(&end->remote, remote))
		end = end->next;
	return end;
}

static void forget(struct machine *m, struct tcp_end *end)
{
	struct tcp_end **at = &m->tcp_ends;

	while (*at != end)
		at = &(*at)->next;
	*at = end->next;
	free(end);
}

void tcp_fini(struct machine *m)
{
	while (m->tcp_ends != NULL)
		forget(m, m->tcp_ends);
}

static struct tcp_end *add(
	struct machine *m, const struct addr *local, const struct addr *remote)
{
	struct tcp_end *end = sim_alloc(sizeof(*end));

	end->local = *local;
	end->remote = *remote;
	end->unacked_at = NEVER;
	end->next = m->tcp_ends;
	m->tcp_ends = end;
	return end;
}

static struct tcp_end *dial(struct machine *m, const struct addr *remote)
{
	struct addr local = machine_addr(m, (uint16_t)rng_between(&m->rng, 32768, 60999),
		remote->family == ADDR_V6);
	struct tcp_end *end;

	local.transport = remote->transport;
	end = add(m, &local, remote);
	end->dialled = true;
	tell(m, end, TCP_SYN);
	return end;
}

/* True if it is of no use: the machine is elsewhere, or nobody acknowledges. */
static bool is_dead(const struct machine *m, const struct tcp_end *end)
{
	const struct addr *own = end->local.family == ADDR_V6 ? &m->v6 : &m->v4;

	return !addr_same_ip(own, &end->local) ||
	       (end->unacked_at != NEVER &&
		       m->node.world->now - end->unacked_at >= UNACKED_MAX);
}

static void put(struct machine *m, struct tcp_end *end, const uint8_t *data, size_t len)
{
	if (end->unacked_at == NEVER)
		end->unacked_at = m->node.world->now;
	emit(m, &end->local, &end->remote, TCP_DATA, data, len);
}

static void wait(struct tcp_end *end, const uint8_t *data, size_t len)
{
	unsigned last = (end->first + end->count) % TCP_WAITING;

	if (len > WAITING_BYTES)
		return;
	if (end->count == TCP_WAITING)
		end->first = (end->first + 1) % TCP_WAITING;
	else
		end->count++;
	end->waiting[last].len = len;
	memcpy(end->waiting[last].data, data, len);
}

void tcp_send(
	struct machine *m, const struct addr *remote, const uint8_t *data, size_t len)
{
	struct tcp_end *end = find(m, remote);

	if (end != NULL && is_dead(m, end)) {
		forget(m, end);
		end = NULL;
	}
	if (end == NULL && m->kind != MACHINE_RENDEZVOUS)
		end = dial(m, remote);
	if (end == NULL)
		return;
	if (end->open) {
		put(m, end, data, len);
		return;
	}
	if (m->node.world->now - end->asked_at >= SYN_AGAIN)
		tell(m, end, TCP_SYN);
	wait(end, data, len);
}

static void opened(struct machine *m, struct tcp_end *end)
{
	end->open = true;
	for (; end->count > 0; end->count--) {
		put(m, end, end->waiting[end->first].data, end->waiting[end->first].len);
		end->first = (end->first + 1) % TCP_WAITING;
	}
}

static bool listens(const struct machine *m, const struct addr *local)
{
	return m->kind == MACHINE_RENDEZVOUS && m->core != NULL &&
	       local->port == (local->transport == ADDR_TLS ? TLS_PORT : RENDEZVOUS_PORT);
}

/* What is about no stream: somebody who opens one, or knows of one that is forgotten. */
static void input_stranger(struct machine *m, const struct packet *p)
{
	struct tcp_end *end;

	if (p->tcp != TCP_SYN || !listens(m, &p->dst)) {
		if (p->tcp != TCP_RST)
			emit(m, &p->dst, &p->src, TCP_RST, NULL, 0);
		return;
	}
	end = add(m, &p->dst, &p->src);
	end->open = p->dst.transport == ADDR_TCP;
	tell(m, end, TCP_SYN_ACK);
}

static void shake(struct machine *m, struct tcp_end *end, enum packet_tcp kind)
{
	if (kind == TCP_SYN && !end->dialled)
		tell(m, end, TCP_SYN_ACK);
	else if (kind == TCP_SYN_ACK && end->local.transport == ADDR_TLS && !end->open)
		tell(m, end, TCP_HELLO);
	else if ((kind == TCP_SYN_ACK || kind == TCP_HELLO_ACK) && !end->open)
		opened(m, end);
	else if (kind == TCP_HELLO && !end->dialled) {
		end->open = true;
		tell(m, end, TCP_HELLO_ACK);
	}
}

bool tcp_input(struct machine *m, const struct packet *packet)
{
	struct tcp_end *end = find(m, &packet->src);

	if (end == NULL || !addr_equal(&end->local, &packet->dst)) {
		input_stranger(m, packet);
	} else if (packet->tcp == TCP_RST) {
		forget(m, end);
	} else if (packet->tcp == TCP_ACK) {
		end->unacked_at = NEVER;
	} else if (packet->tcp != TCP_DATA) {
		shake(m, end, packet->tcp);
	} else if (end->open) {
		emit(m, &end->local, &end->remote, TCP_ACK, NULL, 0);
		return m->core != NULL;
	}
	return false;
}
