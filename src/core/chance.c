/* SPDX-License-Identifier: MIT */
/* Chances of missing are held as numbers of 46 bits behind the point: times a port's 16 bits
 * they fit 64, and what 65,535 roundings take away is far below a millionth. */
#include "core/chance.h"

#define ONE (UINT64_C(1) << 46)

#define EVEN (CHANCE_CERTAIN / 2)

static uint32_t ppm_of_miss(uint64_t miss)
{
	return (uint32_t)(((ONE - miss) / 64 * CHANCE_CERTAIN + ONE / 128) / (ONE / 64));
}

uint32_t chance_of_hit(uint32_t ports, uint32_t open, uint32_t probes)
{
	uint64_t miss = ONE;

	if (open == 0 || ports == 0)
		return 0;
	for (uint32_t i = 0; i < probes; i++) {
		if (open + i >= ports)
			return CHANCE_CERTAIN;
		miss = miss * (ports - open - i) / (ports - i);
	}
	return ppm_of_miss(miss);
}

/* (1 - part / whole) ^ times */
static uint64_t miss_of(uint64_t part, uint64_t whole, uint32_t times)
{
	uint64_t miss = ONE;

	if (part >= whole)
		return times > 0 ? 0 : ONE;
	for (uint32_t i = 0; i < times && miss > 0; i++)
		miss -= (miss * part + whole - 1) / whole;
	return miss;
}

uint32_t chance_of_meeting(uint32_t ports_a, uint32_t ports_b, uint32_t probes)
{
	return ppm_of_miss(miss_of(probes, (uint64_t)ports_a * ports_b, probes));
}

uint32_t chance_probes_to_meet(uint32_t ports_a, uint32_t ports_b, uint32_t ppm)
{
	uint32_t low = 0, high = UINT16_MAX * 2;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (chance_of_meeting(ports_a, ports_b, middle) >= ppm)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Others' mappings come between two of ours by the law of a coin that falls so with each
 * port; one more of each than was seen is assumed, since little was seen. */
uint32_t chance_of_prediction(uint32_t steps, uint32_t strays, uint32_t window)
{
	uint64_t whole = (uint64_t)steps + strays + 2;

	return ppm_of_miss(miss_of(steps + UINT64_C(1), whole, window));
}

static const char *const ways[CHANCE_WAY_COUNT] = {
#define X(name, text) text,
	CHANCE_WAY_MAP(X)
#undef X
};

const char *chance_way_name(enum chance_way way)
{
	return way < CHANCE_WAY_COUNT ? ways[way] : "?";
}

struct chance_budget chance_budget_normal(void)
{
	return (struct chance_budget){
		.sockets = 256, .probes = 756, .window = 64, .rate = 250};
}

static bool admits_other_ports(const struct network *n)
{
	return n->filtering == NETWORK_INDEPENDENT || n->filtering == NETWORK_ADDRESS;
}

static bool admits_all(const struct network *n)
{
	return n->filtering == NETWORK_INDEPENDENT && !n->filtering_unsure;
}

/* Each sends to where the rendezvous saw the other. What arrives tells where the other
 * really is, and the answer must come back in. */
static bool is_direct(const struct network *a, const struct network *b)
{
	bool a_fixed = network_is_fixed(a), b_fixed = network_is_fixed(b);

	if (a_fixed && b_fixed)
		return true;
	if (a_fixed || b_fixed)
		return admits_other_ports(a_fixed ? a : b);
	return (admits_all(a) && admits_other_ports(b)) ||
	       (admits_all(b) && admits_other_ports(a));
}

static bool is_sequential(const struct network *n)
{
	return n->allocation == NETWORK_PORTS_SEQUENTIAL;
}

static uint32_t ports_of(const struct network *n)
{
	return n->ports != 0 ? n->ports : NETWORK_PORTS;
}

static uint32_t predict(const struct network *n, const struct chance_budget *budget)
{
	if (network_is_fixed(n))
		return CHANCE_CERTAIN;
	return chance_of_prediction(n->steps, n->strays, budget->window);
}

static struct chance by_prediction(const struct network *a, const struct network *b,
	const struct chance_budget *budget)
{
	uint64_t both = (uint64_t)predict(a, budget) * predict(b, budget);

	return (struct chance){.way = CHANCE_PREDICTED,
		.ppm = (uint32_t)(both / CHANCE_CERTAIN),
		.packets = 2 * budget->window,
		.span = budget->window * 1000 / budget->rate};
}

/* The random side opens sockets towards the other's one address, once that has tried its
 * ports. */
static struct chance by_birthday(
	const struct network *random, const struct chance_budget *budget)
{
	uint32_t ports = ports_of(random);
	uint32_t open = budget->sockets < ports / 2 ? budget->sockets : ports / 2;
	uint32_t probes = budget->probes < ports ? budget->probes : ports;

	return (struct chance){.way = CHANCE_BIRTHDAY,
		.ppm = chance_of_hit(ports, open, probes),
		.packets = open + probes,
		.span = (open + probes) * 1000 / budget->rate};
}

/* A sequence against random ports: each datagram of the sequence's side comes from a port that
 * is known, and goes to one of the other's that one of its datagrams must come from. */
static struct chance by_half(
	const struct network *random, const struct chance_budget *budget)
{
	uint32_t ports = ports_of(random);

	return (struct chance){.way = CHANCE_BIRTHDAY,
		.ppm = ppm_of_miss(miss_of(1, ports, budget->probes)),
		.packets = 2 * budget->probes,
		.span = budget->probes * 1000 / budget->rate,
		.even = (uint32_t)((uint64_t)ports * 693147 / 1000000)}; /* ln 2 */
}

static struct chance by_two_birthdays(const struct network *a, const struct network *b,
	const struct chance_budget *budget)
{
	return (struct chance){.way = CHANCE_BIRTHDAY,
		.ppm = chance_of_meeting(ports_of(a), ports_of(b), budget->probes),
		.packets = 2 * budget->probes,
		.span = budget->probes * 1000 / budget->rate,
		.even = chance_probes_to_meet(ports_of(a), ports_of(b), EVEN)};
}

static struct chance by_trying(const struct network *a, const struct network *b,
	const struct chance_budget *budget)
{
	bool a_known = network_is_fixed(a) || is_sequential(a);
	bool b_known = network_is_fixed(b) || is_sequential(b);

	if (a_known && b_known)
		return by_prediction(a, b, budget);
	if (network_is_fixed(a) || network_is_fixed(b))
		return by_birthday(network_is_fixed(a) ? b : a, budget);
	if (a_known || b_known)
		return by_half(a_known ? b : a, budget);
	return by_two_birthdays(a, b, budget);
}

struct chance chance_between(const struct network *a, const struct network *b,
	const struct chance_budget *budget)
{
	struct chance c;

	if (is_direct(a, b))
		return (struct chance){.way = CHANCE_DIRECT, .ppm = CHANCE_CERTAIN};
	c = by_trying(a, b, budget);
	if (c.ppm < CHANCE_WORTH)
		c.way = CHANCE_RELAY;
	else
		c.even = 0;
	return c;
}
