/* SPDX-License-Identifier: MIT */
/* One question, asked until it is answered or given up. */
#include <string.h>

#include "core/netcheck_parts.h"
#include "core/wire.h"

#define PROBE_INTERVAL (200 * MILLISECOND)
#define PROBE_SPAN     (3 * SECOND)

struct probe *probe_add(struct netcheck *n, enum purpose purpose, unsigned index,
	uint32_t socket, const struct netcheck_server *server, uint64_t now)
{
	/* Every table of what is asked has a bound, and they sum up to less than PROBES_MAX. */
	struct probe *p = &n->probes[n->probe_count];

	if (n->probe_count + 1 < PROBES_MAX)
		n->probe_count++;
	*p = (struct probe){.purpose = purpose,
		.index = (uint8_t)index,
		.protocol = server->protocol,
		.path = {.socket = socket, .remote = server->addr},
		.begin_at = now,
		.interval = PROBE_INTERVAL,
		.end_at = now + PROBE_SPAN};
	n->config.entropy.fill(n->config.entropy.arg, p->id, sizeof(p->id));
	memcpy(p->stun.id, p->id, sizeof(p->stun.id));
	return p;
}

bool probe_over(const struct probe *p)
{
	return p->state == PROBE_ANSWERED || p->state == PROBE_SILENT;
}

uint64_t probe_next(const struct probe *p)
{
	if (p->state == PROBE_WAITING)
		return p->begin_at;
	if (p->state == PROBE_ASKING)
		return p->next_at < p->end_at ? p->next_at : p->end_at;
	return NEVER;
}

/* A COOKIE_ASK may be longer than it must be. */
static size_t write_cookie_ask(uint8_t *out, const struct probe *p)
{
	size_t len = cookie_ask_encode(out, p->id);

	if (p->size <= len)
		return len;
	memset(out + len, 0, p->size - len);
	return p->size;
}

static void send(struct netcheck *n, struct probe *p, uint64_t now)
{
	struct datagram *d = outbox_add(&n->outbox, &p->path, p->ttl);

	if (p->protocol == NETCHECK_STUN)
		d->len = (uint16_t)stun_write_question(d->data, &p->stun, p->size);
	else
		d->len = (uint16_t)write_cookie_ask(d->data, p);
	p->asked_at = now;
}

static bool want_socket(struct netcheck *n, const struct probe *p)
{
	uint32_t number = p->path.socket;
	struct event *event;

	if (!n->sockets[number].wanted) {
		n->sockets[number].wanted = true;
		event = events_add(&n->events, EVENT_SOCKET_WANTED);
		event->number = number;
		event->addr.family = p->path.remote.family;
	}
	return n->sockets[number].open;
}

void probe_run(struct netcheck *n, struct probe *p, uint64_t now)
{
	if (p->state == PROBE_WAITING && now >= p->begin_at) {
		p->state = PROBE_ASKING;
		p->next_at = now;
	}
	if (p->state != PROBE_ASKING)
		return;
	if (now >= p->end_at) {
		p->state = PROBE_SILENT;
		return;
	}
	if (!want_socket(n, p)) {
		p->next_at = p->end_at; /* until it is there */
		return;
	}
	if (p->asked_at != 0 && now < p->next_at)
		return;
	send(n, p, now);
	p->next_at = now + p->interval;
}

const struct probe *probe_find(
	const struct netcheck *n, enum purpose purpose, unsigned index)
{
	for (unsigned i = 0; i < n->probe_count; i++)
		if (n->probes[i].purpose == purpose && n->probes[i].index == index)
			return &n->probes[i];
	return NULL;
}

const struct probe *probe_answered(
	const struct netcheck *n, enum purpose purpose, unsigned index)
{
	for (unsigned i = 0; i < n->probe_count; i++) {
		const struct probe *p = &n->probes[i];

		if (p->purpose == purpose && p->index == index &&
			p->state == PROBE_ANSWERED)
			return p;
	}
	return NULL;
}
