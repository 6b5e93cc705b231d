/* SPDX-License-Identifier: MIT */
/* Steps follow each other; each adds probes, one turn after the other where their order
 * matters (a NAT gives ports in the order in which mappings are made), and is judged when
 * all of them were answered or given up. */
#include <stdlib.h>
#include <string.h>

#include "core/netcheck_parts.h"

#define OUTBOX_SIZE 64

static const char *const step_names[NETCHECK_STEP_COUNT] = {
#define X(name, text) text,
	NETCHECK_STEP_MAP(X)
#undef X
};

enum netcheck_step netcheck_step(const struct netcheck *n)
{
	return n->step;
}

const char *netcheck_step_name(enum netcheck_step step)
{
	return step < NETCHECK_STEP_COUNT ? step_names[step] : "?";
}

bool netcheck_done(const struct netcheck *n)
{
	return n->step == NETCHECK_DONE;
}

void netcheck_get_result(const struct netcheck *n, struct netcheck_result *result)
{
	*result = n->result;
}

static bool all_over(const struct netcheck *n)
{
	for (unsigned i = 0; i < n->probe_count; i++)
		if (!probe_over(&n->probes[i]))
			return false;
	return true;
}

/* Gives up what is under way. */
static void abandon(struct netcheck *n)
{
	for (unsigned i = 0; i < n->probe_count; i++)
		if (!probe_over(&n->probes[i]))
			n->probes[i].state = PROBE_SILENT;
}

/* Goes on to where there is something to wait for. */
static void advance(struct netcheck *n, uint64_t now)
{
	for (unsigned i = 0; i < n->probe_count; i++)
		probe_run(n, &n->probes[i], now);
	if (step_cut(n))
		abandon(n);
	while (n->step != NETCHECK_DONE && all_over(n)) {
		unsigned before = n->probe_count;

		if (step_begin(n, now)) {
			n->turn++;
			for (unsigned i = before; i < n->probe_count; i++)
				probe_run(n, &n->probes[i], now);
			continue;
		}
		judge(n);
		n->step = n->result.heard ? n->step + 1 : NETCHECK_DONE;
		n->turn = 0;
	}
}

struct netcheck *netcheck_new(const struct netcheck_config *config, uint64_t now)
{
	struct netcheck *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->config = *config;
	if (!outbox_init(&n->outbox, OUTBOX_SIZE)) {
		free(n);
		return NULL;
	}
	advance(n, now);
	return n;
}

void netcheck_free(struct netcheck *n)
{
	if (n == NULL)
		return;
	outbox_fini(&n->outbox);
	free(n);
}

void netcheck_add_socket(
	struct netcheck *n, uint32_t number, const struct addr *bound, uint64_t now)
{
	if (number >= NETCHECK_SOCKETS_MAX || !n->sockets[number].wanted)
		return;
	n->sockets[number].open = true;
	n->sockets[number].bound = *bound;
	advance(n, now);
}

/* An answer counts if it comes from where was asked; one that was asked to come from
 * elsewhere, if it does so. */
static bool is_from(const struct probe *p, const struct addr *from)
{
	const struct addr *asked = &p->path.remote;

	if (p->stun.change_address)
		return !addr_same_ip(from, asked);
	if (p->stun.change_port)
		return addr_same_ip(from, asked) && from->port != asked->port;
	return addr_equal(from, asked);
}

static void answered(
	struct netcheck *n, struct probe *p, const struct addr *from, uint64_t now)
{
	p->state = PROBE_ANSWERED;
	p->from = *from;
	p->took = now - p->asked_at;
	advance(n, now);
}

static enum verdict input_stun(struct netcheck *n, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct stun_answer a;

	if (!stun_read_answer(buf, len, &a))
		return VERDICT_DROP_MALFORMED;
	for (unsigned i = 0; i < n->probe_count; i++) {
		struct probe *p = &n->probes[i];

		if (p->state != PROBE_ASKING || p->protocol != NETCHECK_STUN ||
			p->path.socket != path->socket ||
			memcmp(p->id, a.id, STUN_ID_SIZE) != 0)
			continue;
		if (!is_from(p, &path->remote)) {
			p->unchanged = addr_equal(&path->remote, &p->path.remote);
			continue;
		}
		p->mapped = a.mapped;
		p->other = a.other;
		answered(n, p, &path->remote, now);
		return VERDICT_CONSUMED;
	}
	return VERDICT_DROP_UNSOLICITED;
}

static enum verdict input_cookie(struct netcheck *n, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct cookie_message m;

	if (!cookie_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	for (unsigned i = 0; i < n->probe_count; i++) {
		struct probe *p = &n->probes[i];

		if (p->state != PROBE_ASKING || p->protocol != NETCHECK_RENDEZVOUS ||
			p->path.socket != path->socket ||
			memcmp(p->id, message_id(buf), ID_SIZE) != 0 ||
			!is_from(p, &path->remote))
			continue;
		p->mapped = m.observed;
		p->alt_base = m.alt_base;
		p->alt_mask = m.alt_mask;
		answered(n, p, &path->remote, now);
		return VERDICT_CONSUMED;
	}
	return VERDICT_DROP_UNSOLICITED;
}

/* One of our own questions, come back by the NAT: to another socket than asked. */
static enum verdict input_hairpin(
	struct netcheck *n, const struct path *path, const uint8_t *buf, uint64_t now)
{
	for (unsigned i = 0; i < n->probe_count; i++) {
		struct probe *p = &n->probes[i];

		if (p->state != PROBE_ASKING || p->purpose != PURPOSE_HAIRPIN ||
			p->path.socket == path->socket ||
			memcmp(p->id, message_id(buf), ID_SIZE) != 0)
			continue;
		answered(n, p, &path->remote, now);
		return VERDICT_CONSUMED;
	}
	return VERDICT_DROP_UNSOLICITED;
}

enum verdict netcheck_input(struct netcheck *n, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	if (stun_is_message(buf, len))
		return input_stun(n, path, buf, len, now);
	if (!message_is(buf, len))
		return VERDICT_DROP_MALFORMED;
	if (message_version(buf) != WIRE_VERSION)
		return VERDICT_DROP_VERSION;
	switch (message_type(buf)) {
	case MESSAGE_COOKIE: return input_cookie(n, path, buf, len, now);
	case MESSAGE_COOKIE_ASK: return input_hairpin(n, path, buf, now);
	default: return VERDICT_DROP_UNKNOWN_TYPE;
	}
}

static bool is_time_exceeded(const struct path *path, uint8_t type)
{
	return type == (path->remote.family == ADDR_V6 ? 3 : 11); /* RFC 4443, RFC 792 */
}

/* Believed if it quotes the question; routers quote 8 bytes behind the IP header at least,
 * which is none of ours, so most quote more. */
void netcheck_icmp(struct netcheck *n, const struct path *path,
	const struct addr *offender, uint8_t type, uint8_t code, const uint8_t *quoted,
	size_t quoted_len, uint64_t now)
{
	(void)code;
	for (unsigned i = 0; i < n->probe_count; i++) {
		struct probe *p = &n->probes[i];
		size_t at = p->protocol == NETCHECK_STUN ? 8 : 2;
		size_t len = p->protocol == NETCHECK_STUN ? STUN_ID_SIZE : ID_SIZE;

		if (p->purpose != PURPOSE_HOP || p->state != PROBE_ASKING ||
			!is_time_exceeded(path, type) || quoted_len < at + len ||
			memcmp(quoted + at, p->id, len) != 0)
			continue;
		p->offender = *offender;
		p->state = PROBE_SILENT;
		advance(n, now);
		return;
	}
}

bool netcheck_output(struct netcheck *n, struct datagram *d, uint64_t now)
{
	(void)now;
	return outbox_take(&n->outbox, d);
}

void netcheck_expire(struct netcheck *n, uint64_t now)
{
	advance(n, now);
}

uint64_t netcheck_next_timeout(const struct netcheck *n)
{
	uint64_t at = NEVER;

	for (unsigned i = 0; i < n->probe_count; i++)
		if (probe_next(&n->probes[i]) < at)
			at = probe_next(&n->probes[i]);
	return at;
}

bool netcheck_next_event(struct netcheck *n, struct event *event)
{
	return events_take(&n->events, event);
}
