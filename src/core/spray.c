/* SPDX-License-Identifier: MIT */
#include "core/spray.h"

#define LOWEST       1024 /* no NAT gives those below to others (RFC 4787, REQ-3) */
#define RANDOM_FIRST (65536 - NETWORK_PORTS)
#define ROUNDS       4
#define SHIFTS       8 /* ports of either sequence that others may take meanwhile */

struct chance_budget effort_budget(enum effort effort)
{
	struct chance_budget b = chance_budget_normal();

	if (effort == EFFORT_HIGH)
		b.probes = SPRAY_PROBES;
	if (effort == EFFORT_LOW)
		b.sockets = b.probes = 0;
	return b;
}

struct behaviour effort_behaviour(const struct behaviour *found, enum effort effort)
{
	struct chance_budget budget = effort_budget(effort);
	struct behaviour b = *found;

	b.sockets = (uint16_t)budget.sockets;
	b.probes = (uint16_t)budget.probes;
	return b;
}

static uint32_t at_most(uint32_t value, uint32_t most)
{
	return value < most ? value : most;
}

static uint64_t span_of(uint32_t datagrams)
{
	return (datagrams + SPRAY_BURST - 1) / SPRAY_BURST * SPRAY_TICK;
}

static enum spray_part part_of(const struct behaviour *own, const struct behaviour *other)
{
	if (own->mapping == BEHAVIOUR_FIXED)
		return SPRAY_PART_PROBES;
	return other->mapping == BEHAVIOUR_FIXED ? SPRAY_PART_SOCKETS : SPRAY_PART_PAIRS;
}

struct spray_plan spray_plan(const struct behaviour *own, const struct behaviour *other)
{
	bool probes = own->mapping == BEHAVIOUR_FIXED;
	const struct behaviour *fixed = probes ? own : other;
	const struct behaviour *moving = probes ? other : own;
	const struct network a = behaviour_network(own), b = behaviour_network(other);
	struct chance_budget budget = chance_budget_normal();
	struct spray_plan plan = {.part = SPRAY_PART_NONE};
	struct chance chance;

	if (own->mapping == BEHAVIOUR_UNKNOWN || other->mapping == BEHAVIOUR_UNKNOWN)
		return plan;
	budget.sockets = at_most(moving->sockets, SPRAY_SOCKETS);
	budget.probes = at_most(fixed->probes, SPRAY_PROBES);
	budget.window = at_most(budget.probes, SPRAY_WINDOW);
	if (budget.sockets == 0 || budget.probes == 0)
		return plan;
	chance = chance_between(&a, &b, &budget);
	if (chance.way != CHANCE_PREDICTED && chance.way != CHANCE_BIRTHDAY)
		return plan;
	plan.part = part_of(own, other);
	plan.ppm = chance.ppm;
	plan.sockets = budget.sockets;
	plan.probes = budget.probes;
	if (chance.way == CHANCE_PREDICTED) {
		plan.sockets = at_most(budget.sockets, SPRAY_FEW);
		plan.probes = budget.window;
	}
	if (plan.part == SPRAY_PART_PAIRS)
		plan.sockets = 1;
	plan.span = span_of(plan.probes);
	if (plan.part != SPRAY_PART_PAIRS)
		plan.span += span_of(plan.sockets);
	return plan;
}

void spray_start(struct spray *s, const struct spray_plan *plan, const struct addr *to,
	const struct behaviour *other, uint32_t key, bool is_host, uint64_t now)
{
	uint64_t delay = 0;

	*s = (struct spray){.plan = *plan, .to = *to, .key = key};
	s->base = other->port;
	if (other->mapping == BEHAVIOUR_SEQUENTIAL)
		s->delta = other->delta;
	s->shifted = is_host;
	s->count = plan->part == SPRAY_PART_SOCKETS ? plan->sockets : plan->probes;
	if (plan->part == SPRAY_PART_SOCKETS)
		delay = span_of(plan->probes);
	/* A guest begins when the host has; a host, before its guest hears of it. */
	if (is_host && plan->part != SPRAY_PART_PROBES)
		delay += SPRAY_DELAY;
	s->next_at = now + delay;
	s->ends_at = now + plan->span + SPRAY_GRACE + SPRAY_DELAY;
}

bool spray_next(struct spray *s, struct addr *to)
{
	uint32_t i = s->sent;

	if (s->sent == s->count)
		return false;
	s->sent++;
	*to = s->to;
	if (s->plan.part == SPRAY_PART_SOCKETS)
		return true;
	if (s->plan.part == SPRAY_PART_PAIRS && s->shifted)
		i += i / SHIFTS;
	to->port = s->delta != 0 ? spray_next_port(s->base, s->delta, i)
				 : spray_random_port(s->key, i);
	return true;
}

void spray_tick(struct spray *s, uint64_t now)
{
	s->next_at = s->sent < s->count ? now + SPRAY_TICK : NEVER;
}

/* A Feistel network over 16 bits is a permutation of them; who lands outside of the ports
 * walks on, and so it is one of the ports. */
static uint32_t permute(uint32_t key, uint32_t value)
{
	uint32_t left = value >> 8, right = value & 0xff;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t mixed = (right + 1) * UINT32_C(0x9e3779b1) ^
				 (key + round) * UINT32_C(0x85ebca6b);
		uint32_t next;

		mixed = (mixed ^ mixed >> 15) * UINT32_C(0x2c1b3c6d);
		next = left ^ (mixed >> 19 & 0xff);
		left = right;
		right = next;
	}
	return left << 8 | right;
}

uint16_t spray_random_port(uint32_t key, uint32_t i)
{
	uint32_t value = i % NETWORK_PORTS;

	do
		value = permute(key, value);
	while (value >= NETWORK_PORTS);
	return (uint16_t)(RANDOM_FIRST + value);
}

uint16_t spray_next_port(uint16_t base, int delta, uint32_t i)
{
	const int range = 65536 - LOWEST;
	int port = ((int)base - LOWEST + delta * (int)(i + 1)) % range;

	return (uint16_t)(LOWEST + (port < 0 ? port + range : port));
}
