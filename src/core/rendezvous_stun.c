/* SPDX-License-Identifier: MIT */
/* Bare STUN Binding requests (RFC 8489, 5780). */
#include "core/rendezvous_parts.h"
#include "core/stun.h"

static bool is_further(const struct rendezvous *r, uint16_t port)
{
	unsigned bit = (unsigned)port - r->config.alt_base;

	return bit < 32 && r->config.alt_mask >> bit & 1;
}

static const struct rendezvous_socket *socket_of(
	const struct rendezvous *r, const struct path *path)
{
	for (unsigned i = 0; i < r->socket_count; i++)
		if (r->sockets[i].number == path->socket &&
			r->sockets[i].bound.port == path->local.port)
			return &r->sockets[i];
	return NULL;
}

/* Changes the path to the other port of the same address: from the listening one to the
 * first of the further ones, from any of those to the listening one, so that two questions
 * are enough to be answered from where was asked before. Returns false if there is none. */
static bool change_port(const struct rendezvous *r, struct path *path)
{
	const struct rendezvous_socket *asked = socket_of(r, path);

	for (unsigned i = 0; asked != NULL && i < r->socket_count; i++) {
		const struct rendezvous_socket *other = &r->sockets[i];

		if (!addr_same_ip(&other->bound, &asked->bound) ||
			is_further(r, other->bound.port) ==
				is_further(r, asked->bound.port))
			continue;
		path->socket = other->number;
		path->local.port = other->bound.port;
		return true;
	}
	return false;
}

/* Where the answer leaves from. One from elsewhere than was asked is not longer than the
 * question: who asks for it pads. */
static bool stun_path(const struct rendezvous *r, struct path *path,
	const struct stun_question *q, size_t len)
{
	if (q->change_address || q->response_port != 0)
		return false;
	if (!q->change_port)
		return true;
	return len >= (path->remote.family == ADDR_V6 ? STUN_RESPONSE_MAX
						      : STUN_RESPONSE_V4) &&
	       change_port(r, path);
}

enum verdict binding_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct path from = *path;
	struct stun_question q;
	struct datagram *d;

	if (path->remote.transport != ADDR_UDP)
		return VERDICT_DROP_UNKNOWN_TYPE;
	if (!stun_read_question(buf, len, &q) || !stun_path(r, &from, &q, len))
		return VERDICT_DROP_MALFORMED;
	if (!r->config.stun)
		return VERDICT_DROP_NOT_ALLOWED;
	if (!bucket_field_take(&r->stun, &path->remote, 1, now) ||
		!bucket_take(&r->stun_all, 1, now))
		return VERDICT_DROP_LIMIT;
	d = rendezvous_reply(r, &from);
	d->len = (uint16_t)stun_write_response(d->data, q.id, &path->remote);
	r->counts.stun++;
	return VERDICT_CONSUMED;
}
