/* SPDX-License-Identifier: MIT */
#include "core/replay.h"

#include <stddef.h>
#include <string.h>

/* One block more than the window is long, so that the block of the highest counter can be
 * begun afresh while a full window stays behind it. */
#define BLOCK_BITS 64
#define BLOCKS     (REPLAY_WINDOW / BLOCK_BITS + 1)

#define LOW_BITS 24 /* of a counter that a frame carries */
#define LOW_SPAN (UINT64_C(1) << LOW_BITS)

void replay_init(struct replay *r)
{
	memset(r, 0, sizeof(*r));
}

static size_t block_index(uint64_t counter)
{
	return (size_t)(counter / BLOCK_BITS % BLOCKS);
}

static uint64_t block_bit(uint64_t counter)
{
	return UINT64_C(1) << counter % BLOCK_BITS;
}

bool replay_check(const struct replay *r, uint64_t counter)
{
#ifdef EYELET_PLANT_REPLAY
	return true;
#endif
	/* One more than the last counter does not exist; Noise reserves that nonce, too.
	 */
	if (counter == UINT64_MAX)
		return false;
	if (counter >= r->next)
		return true;
	if (r->next - 1 - counter > REPLAY_WINDOW)
		return false;
	return !(r->bits[block_index(counter)] & block_bit(counter));
}

/* Makes counter the highest, clearing the blocks entered on the way. */
static void advance(struct replay *r, uint64_t counter)
{
	uint64_t highest = r->next ? r->next - 1 : 0;
	uint64_t entered = counter / BLOCK_BITS - highest / BLOCK_BITS;

	if (entered > BLOCKS)
		entered = BLOCKS;
	for (uint64_t i = 0; i < entered; i++)
		r->bits[(size_t)((counter / BLOCK_BITS - i) % BLOCKS)] = 0;
	r->next = counter + 1;
}

bool replay_update(struct replay *r, uint64_t counter)
{
	if (!replay_check(r, counter))
		return false;
	if (counter >= r->next)
		advance(r, counter);
	r->bits[block_index(counter)] |= block_bit(counter);
	return true;
}

uint64_t replay_reconstruct(const struct replay *r, uint32_t low)
{
	uint64_t expected = r->next;
	uint64_t candidate = (expected & ~(LOW_SPAN - 1)) | (low & (LOW_SPAN - 1));

	/* Differences, since a sum could wrap at either end. */
	if (candidate < expected) {
		if (expected - candidate >= LOW_SPAN / 2 &&
			candidate <= UINT64_MAX - LOW_SPAN)
			return candidate + LOW_SPAN;
	} else if (candidate - expected > LOW_SPAN / 2 && candidate >= LOW_SPAN) {
		return candidate - LOW_SPAN;
	}
	return candidate;
}
