/* SPDX-License-Identifier: MIT */
#include "sim/mischief.h"

#include <string.h>

#include "core/channel.h"
#include "sim/machine.h"

const char *mischief_name(enum mischief_kind kind)
{
	static const char *const names[] = {
#define X(name, text) text,
		MISCHIEF_MAP(X)
#undef X
	};

	return names[kind];
}

static void send(
	struct machine *m, const struct path *to, const uint8_t *data, size_t len)
{
	machine_emit(m, to, 0, 0, data, len);
}

static const struct mischief_heard *hear(
	struct mischief *x, const struct path *to, const uint8_t *data, size_t len)
{
	struct mischief_heard *h = &x->heard[x->heard_count++ % MISCHIEF_HEARD];

	h->to = *to;
	h->len = len < MISCHIEF_MTU ? len : MISCHIEF_MTU;
	memcpy(h->data, data, h->len);
	return h;
}

static const struct mischief_heard *earlier(const struct mischief *x, struct rng *rng)
{
	uint64_t count =
		x->heard_count < MISCHIEF_HEARD ? x->heard_count : MISCHIEF_HEARD;

	return &x->heard[rng_below(rng, count)];
}

/* The one before it has waited for this. */
static void send_held(struct mischief *x, struct machine *m)
{
	const struct mischief_heard *h = x->held;

	x->held = NULL;
	if (h != NULL)
		send(m, &h->to, h->data, h->len);
}

static void send_altered(
	struct machine *m, enum mischief_kind kind, const struct mischief_heard *h)
{
	struct mischief_heard altered = *h;
	struct rng *rng = &m->rng;

	if (kind == MISCHIEF_TRUNCATE)
		altered.len = rng_below(rng, h->len);
	if (kind == MISCHIEF_FLIP)
		altered.data[rng_below(rng, h->len)] ^=
			(uint8_t)(1u << rng_below(rng, 8));
	send(m, &altered.to, altered.data, altered.len);
}

static void send_crossed(struct machine *m, const struct mischief_heard *h,
	const struct mischief_heard *other)
{
	uint8_t crossed[MISCHIEF_MTU];

	memcpy(crossed, h->data, h->len);
	memcpy(crossed, other->data, CHANNEL_SIZE);
	send(m, &other->to, crossed, h->len);
}

static void act(struct mischief *x, struct machine *m, enum mischief_kind kind,
	const struct path *from, const struct mischief_heard *h)
{
	const struct mischief_heard *other = earlier(x, &m->rng);

	switch (kind) {
	case MISCHIEF_DROP: break;
	case MISCHIEF_SWAP: x->held = h; break;
	case MISCHIEF_REPLAY:
		send(m, &h->to, h->data, h->len);
		send(m, &other->to, other->data, other->len);
		break;
	case MISCHIEF_DELAY: send(m, &other->to, other->data, other->len); break;
	case MISCHIEF_REDIRECT: send(m, &other->to, h->data, h->len); break;
	case MISCHIEF_CROSS: send_crossed(m, h, other); break;
	case MISCHIEF_REFLECT: send(m, from, h->data, h->len); break;
	case MISCHIEF_BARE:
		send(m, &h->to, h->data + CHANNEL_SIZE, h->len - CHANNEL_SIZE);
		break;
	default: send_altered(m, kind, h);
	}
}

void mischief_relay(struct mischief *x, struct machine *m, const struct path *from,
	const struct path *to, const uint8_t *data, size_t len)
{
	enum mischief_kind kind = MISCHIEF_NONE;
	const struct mischief_heard *held = x->held;

	if (rng_chance(&m->rng, 500000))
		kind = (enum mischief_kind)rng_below(&m->rng, MISCHIEF_COUNT);
	if (kind == MISCHIEF_SWAP && held != NULL)
		kind = MISCHIEF_NONE;
	x->done[kind]++;
	act(x, m, kind, from, hear(x, to, data, len));
	if (held != NULL)
		send_held(x, m);
}
