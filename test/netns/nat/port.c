/* SPDX-License-Identifier: MIT */
/* Which outer port a new mapping gets. */
#include <netinet/in.h>

#include "table.h"

#define PORT_FIRST 1024
#define PORT_COUNT (65536 - PORT_FIRST)

struct range {
	uint32_t first, count;
};

/* splitmix64 */
uint32_t port_random(struct table *t, uint32_t bound)
{
	uint64_t z = t->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) % bound);
}

/* Blocks are given out in the order in which inner addresses first send; none is left for
 * those beyond the limit. */
static struct range range_of(struct table *t, uint32_t inner)
{
	uint32_t block = t->config.block, blocks;
	size_t i = 0;

	if (block == 0)
		return (struct range){PORT_FIRST, PORT_COUNT};
	while (i < t->inside_count && t->insides[i] != inner)
		i++;
	blocks = PORT_COUNT / block;
	if (i == TABLE_INSIDES_MAX || i >= blocks)
		return (struct range){PORT_FIRST, 0};
	if (i == t->inside_count)
		t->insides[t->inside_count++] = inner;
	return (struct range){
		PORT_FIRST + (t->first_block + (uint32_t)i) % blocks * block, block};
}

static bool is_free(struct table *t, uint8_t protocol, uint32_t port)
{
	return table_at(t, protocol, port) == NULL;
}

static uint32_t allocate_sequential(struct table *t, uint8_t protocol, struct range range)
{
	for (uint32_t i = 0; i < range.count; i++) {
		uint32_t port = range.first + t->next % range.count;

		t->next += t->config.delta;
		if (is_free(t, protocol, port))
			return port;
	}
	return 0;
}

/* From a random start on the first free one, so that it ends. */
static uint32_t allocate_random(struct table *t, uint8_t protocol, struct range range)
{
	uint32_t start = range.count > 0 ? port_random(t, range.count) : 0;

	for (uint32_t i = 0; i < range.count; i++) {
		uint32_t port = range.first + (start + i) % range.count;

		if (is_free(t, protocol, port))
			return port;
	}
	return 0;
}

uint32_t port_allocate(
	struct table *t, uint8_t protocol, struct endpoint inner, bool random)
{
	enum allocation allocation = t->config.allocation;
	struct range range = range_of(t, inner.ip);

	if (protocol == IPPROTO_TCP)
		allocation = ALLOCATE_PRESERVED;
	if (random)
		allocation = ALLOCATE_RANDOM;
	if (allocation == ALLOCATE_SEQUENTIAL)
		return allocate_sequential(t, protocol, range);
	if (allocation == ALLOCATE_PRESERVED && inner.port - range.first < range.count &&
		is_free(t, protocol, inner.port))
		return inner.port;
	return allocate_random(t, protocol, range);
}
