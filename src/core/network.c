/* SPDX-License-Identifier: MIT */
#include "core/network.h"

#define SAMPLES_MAX   32
#define SAMPLES_LEAST 4   /* mappings; fewer say nothing of the order of ports */
#define DELTA_MAX     256 /* ports from one mapping to the next that are a sequence still */
#define STRAYS_MAX    16   /* others' mappings between two of ours, in a sequence */
#define BLOCK_MAX     4096 /* ports; random ones of a wider range come from all there are */

static const char *const dependences[NETWORK_DEPENDENCE_COUNT] = {
#define X(name, text) text,
	NETWORK_DEPENDENCE_MAP(X)
#undef X
};

static const char *const allocations[NETWORK_PORTS_COUNT] = {
#define X(name, text) text,
	NETWORK_ALLOCATION_MAP(X)
#undef X
};

static const char *const answers[NETWORK_ANSWER_COUNT] = {
#define X(name, text) text,
	NETWORK_ANSWER_MAP(X)
#undef X
};

static const struct {
	const char *name, *words;
} kinds[NETWORK_KIND_COUNT] = {
#define X(name, text, words) {text, words},
	NETWORK_KIND_MAP(X)
#undef X
};

const char *network_dependence_name(uint8_t dependence)
{
	return dependence < NETWORK_DEPENDENCE_COUNT ? dependences[dependence] : "?";
}

const char *network_allocation_name(uint8_t allocation)
{
	return allocation < NETWORK_PORTS_COUNT ? allocations[allocation] : "?";
}

const char *network_answer_name(uint8_t answer)
{
	return answer < NETWORK_ANSWER_COUNT ? answers[answer] : "?";
}

const char *network_kind_name(enum network_kind kind)
{
	return kind < NETWORK_KIND_COUNT ? kinds[kind].name : "?";
}

const char *network_kind_words(enum network_kind kind)
{
	return kind < NETWORK_KIND_COUNT ? kinds[kind].words : "?";
}

struct network network_of_kind(enum network_kind kind)
{
	struct network n = {.translated = kind != NETWORK_KIND_NONE,
		.mapping = NETWORK_INDEPENDENT,
		.filtering = NETWORK_ADDRESS_AND_PORT};

	switch (kind) {
	case NETWORK_KIND_NONE:
	case NETWORK_KIND_CONE: n.filtering = NETWORK_INDEPENDENT; break;
	case NETWORK_KIND_ADDRESS_RESTRICTED: n.filtering = NETWORK_ADDRESS; break;
	case NETWORK_KIND_SEQUENTIAL:
		n.mapping = NETWORK_ADDRESS_AND_PORT;
		n.allocation = NETWORK_PORTS_SEQUENTIAL;
		n.delta = 1;
		break;
	case NETWORK_KIND_RANDOM:
		n.mapping = NETWORK_ADDRESS_AND_PORT;
		n.allocation = NETWORK_PORTS_RANDOM;
		break;
	default: break;
	}
	return n;
}

bool network_is_fixed(const struct network *n)
{
	return n->mapping == NETWORK_INDEPENDENT;
}

enum network_kind network_kind(const struct network *n)
{
	if (!network_is_fixed(n))
		return n->allocation == NETWORK_PORTS_SEQUENTIAL ? NETWORK_KIND_SEQUENTIAL
								 : NETWORK_KIND_RANDOM;
	if (n->filtering == NETWORK_INDEPENDENT && !n->filtering_unsure)
		return n->translated ? NETWORK_KIND_CONE : NETWORK_KIND_NONE;
	if (n->filtering == NETWORK_INDEPENDENT || n->filtering == NETWORK_ADDRESS)
		return NETWORK_KIND_ADDRESS_RESTRICTED;
	return NETWORK_KIND_PORT_RESTRICTED;
}

static uint32_t magnitude(int32_t step)
{
	return (uint32_t)(step < 0 ? -step : step);
}

/* The way from one port to the next one, around the end of the range if that is shorter. */
static int32_t step_between(uint16_t from, uint16_t to)
{
	int32_t step = (int32_t)to - from;

	if (step > NETWORK_PORTS / 2)
		step -= NETWORK_PORTS + 1;
	else if (step < -NETWORK_PORTS / 2)
		step += NETWORK_PORTS + 1;
	return step;
}

static bool is_preserving(const uint16_t *local, const uint16_t *mapped, size_t count)
{
	size_t fresh = 0, kept = 0;

	for (size_t i = 0; i < count; i++) {
		fresh += local[i] != 0;
		kept += local[i] != 0 && local[i] == mapped[i];
	}
	return kept > 0 && 2 * kept >= fresh;
}

/* A sequence goes one way, by the smallest step there is or, where others took ports in
 * between, a multiple of it. The end of a range, where it begins anew, is one step that may
 * be anything. */
static bool judge_sequence(struct network *n, const uint16_t *mapped, size_t count)
{
	uint32_t least = DELTA_MAX + 1, breaks = 0, steps = 0, strays = 0;
	int32_t delta = 0;

	for (size_t i = 1; i < count; i++) {
		int32_t step = step_between(mapped[i - 1], mapped[i]);

		if (step != 0 && magnitude(step) < least) {
			least = magnitude(step);
			delta = step;
		}
	}
	if (delta == 0)
		return false;
	for (size_t i = 1; i < count; i++) {
		int32_t step = step_between(mapped[i - 1], mapped[i]);
		int32_t times = step / delta;

		if (step % delta != 0 || times < 1 || times > 1 + STRAYS_MAX) {
			breaks++;
			continue;
		}
		steps++;
		strays += (uint32_t)times - 1;
	}
	if (breaks > 1 || steps < SAMPLES_LEAST - 1)
		return false;
	n->allocation = NETWORK_PORTS_SEQUENTIAL;
	n->delta = delta;
	n->steps = steps;
	n->strays = strays;
	return true;
}

/* Random ports that lie near each other come from a block that a carrier gave: of a size
 * that is a power of two. */
static uint32_t block_of(const uint16_t *mapped, size_t count)
{
	uint32_t lowest = UINT16_MAX, highest = 0, block = 64;

	for (size_t i = 0; i < count; i++) {
		lowest = mapped[i] < lowest ? mapped[i] : lowest;
		highest = mapped[i] > highest ? mapped[i] : highest;
	}
	while (block < highest - lowest + 1)
		block *= 2;
	return block <= BLOCK_MAX ? block : NETWORK_PORTS;
}

void network_judge_ports(
	struct network *n, const uint16_t *local, const uint16_t *mapped, size_t count)
{
	n->allocation = NETWORK_PORTS_UNKNOWN;
	if (count > SAMPLES_MAX)
		count = SAMPLES_MAX;
	if (is_preserving(local, mapped, count)) {
		n->allocation = NETWORK_PORTS_PRESERVING;
		return;
	}
	if (count < SAMPLES_LEAST || judge_sequence(n, mapped, count))
		return;
	n->allocation = NETWORK_PORTS_RANDOM;
	n->ports = block_of(mapped, count);
}
