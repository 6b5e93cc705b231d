/* SPDX-License-Identifier: MIT */
#include "core/pmtu.h"

static const uint16_t link_mtus[PMTU_COUNT] = PMTU_SIZES;

static size_t payload_of(const struct pmtu *p, uint16_t link_mtu)
{
	return (size_t)link_mtu - p->overhead;
}

static void search(struct pmtu *p, uint64_t now)
{
	p->round = 0;
	p->misses = 0;
	p->next_at = now;
	p->raise_at = now + PMTU_RAISE;
}

void pmtu_start(struct pmtu *p, size_t overhead, uint64_t now)
{
	*p = (struct pmtu){.overhead = overhead, .largest = PMTU_BASE};
	search(p, now);
	if (now == NEVER)
		p->raise_at = NEVER;
}

/* A round of the search: every size above what is known to pass. */
static size_t search_round(struct pmtu *p, uint16_t sizes[PMTU_COUNT], uint64_t now)
{
	size_t count = 0;

	for (unsigned i = 0; i < PMTU_COUNT; i++)
		if (payload_of(p, link_mtus[i]) > p->largest)
			sizes[count++] = (uint16_t)payload_of(p, link_mtus[i]);
	p->round++;
	if (count == 0)
		p->round = PMTU_ROUNDS;
	p->next_at = now + PMTU_ROUND;
	if (p->round >= PMTU_ROUNDS)
		p->next_at = p->used ? now + PMTU_CONFIRM : p->raise_at;
	return count;
}

/* Whether what passed still does. Three answers missing mean that it does not: the base is
 * assumed again, and the search begun. */
static size_t confirm(struct pmtu *p, uint16_t sizes[PMTU_COUNT], uint64_t now)
{
#ifdef EYELET_PLANT_BLACKHOLE
	p->misses = 0;
#endif
	if (p->misses >= PMTU_ROUNDS) {
		p->largest = PMTU_BASE;
		search(p, now);
		return search_round(p, sizes, now);
	}
	p->used = false;
	p->misses++;
	p->next_at = now + PMTU_ROUND;
	sizes[0] = (uint16_t)p->largest;
	return 1;
}

size_t pmtu_due(struct pmtu *p, uint16_t sizes[PMTU_COUNT], uint64_t now)
{
	if (now < p->next_at)
		return 0;
	if (now >= p->raise_at)
		search(p, now);
	if (p->round < PMTU_ROUNDS)
		return search_round(p, sizes, now);
	return confirm(p, sizes, now);
}

/* True if a probe of that size may have been sent: peers may say anything. */
static bool is_probed(const struct pmtu *p, size_t size)
{
	for (unsigned i = 0; i < PMTU_COUNT; i++)
		if (payload_of(p, link_mtus[i]) == size)
			return true;
	return false;
}

void pmtu_acked(struct pmtu *p, size_t size, uint64_t now)
{
	if (!is_probed(p, size))
		return;
	if (size > p->largest)
		p->largest = size;
	if (size < p->largest)
		return;
	p->misses = 0;
	if (p->round >= PMTU_ROUNDS)
		p->next_at = p->used ? now + PMTU_CONFIRM : p->raise_at;
}

bool pmtu_sent(struct pmtu *p, size_t size, uint64_t now)
{
	if (p->used || p->largest <= PMTU_BASE || size <= PMTU_BASE)
		return false;
	p->used = true;
	if (p->round < PMTU_ROUNDS || p->misses > 0 || p->next_at <= now + PMTU_CONFIRM)
		return false;
	p->next_at = now + PMTU_CONFIRM;
	return true;
}
