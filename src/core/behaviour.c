/* SPDX-License-Identifier: MIT */
#include "core/behaviour.h"

#include "core/step.h"

void behaviour_write(struct writer *w, const struct behaviour *b)
{
	write_u8(w, b->mapping);
	write_u8(w, b->spray);
	write_u16(w, (uint16_t)b->delta);
	write_u16(w, b->port);
	write_u16(w, b->sockets);
	write_u16(w, b->probes);
}

struct behaviour behaviour_read(struct reader *r)
{
	struct behaviour b = {.mapping = read_u8(r)};

	b.spray = read_u8(r);
	if (b.spray > BEHAVIOUR_SPRAY_GUEST_MOVES)
		b.spray = BEHAVIOUR_SPRAY_NONE;
	b.delta = (int16_t)read_u16(r);
	b.port = read_u16(r);
	b.sockets = read_u16(r);
	b.probes = read_u16(r);
	if (b.mapping > BEHAVIOUR_RANDOM)
		b.mapping = BEHAVIOUR_UNKNOWN;
	return b;
}

void behaviour_learn(
	struct behaviour *b, const struct addr *first, const struct addr *second)
{
	b->delta = 0;
	b->port = 0;
	if (addr_equal(first, second)) {
		b->mapping = BEHAVIOUR_FIXED;
		return;
	}
	b->mapping = BEHAVIOUR_RANDOM;
	b->delta = (int16_t)step_between(first, second);
	if (b->delta == 0)
		return;
	b->mapping = BEHAVIOUR_SEQUENTIAL;
	b->port = second->port;
}

/* What was measured to be random needs no supposing. */
static void suppose_random(struct behaviour *b, const struct behaviour *other)
{
	if (other->mapping != BEHAVIOUR_FIXED ||
		(b->mapping != BEHAVIOUR_FIXED && b->mapping != BEHAVIOUR_SEQUENTIAL))
		return;
	b->mapping = BEHAVIOUR_RANDOM;
	b->delta = 0;
	b->port = 0;
}

void behaviour_suppose(
	struct behaviour *host, struct behaviour *guest, enum behaviour_spray spray)
{
	if (spray == BEHAVIOUR_SPRAY_HOST_MOVES)
		suppose_random(host, guest);
	else if (spray == BEHAVIOUR_SPRAY_GUEST_MOVES)
		suppose_random(guest, host);
}

struct network behaviour_network(const struct behaviour *b)
{
	struct network n = {.translated = b->mapping != BEHAVIOUR_UNKNOWN};

	if (b->mapping == BEHAVIOUR_FIXED)
		n.mapping = NETWORK_INDEPENDENT;
	else if (b->mapping != BEHAVIOUR_UNKNOWN)
		n.mapping = NETWORK_ADDRESS_AND_PORT;
	if (b->mapping == BEHAVIOUR_SEQUENTIAL) {
		n.allocation = NETWORK_PORTS_SEQUENTIAL;
		n.delta = b->delta;
		n.steps = 1;
	} else if (b->mapping == BEHAVIOUR_RANDOM) {
		n.allocation = NETWORK_PORTS_RANDOM;
	}
	return n;
}
