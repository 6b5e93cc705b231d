/* SPDX-License-Identifier: MIT */
#include "core/replay.h"
#include "unit.h"

/* A window whose highest counter seen is that one. */
static struct replay seen_up_to(uint64_t highest)
{
	struct replay r;

	replay_init(&r);
	assert_true(replay_update(&r, highest));
	return r;
}

static void starts_empty(void **state)
{
	struct replay r;

	(void)state;
	memset(&r, 0xff, sizeof(r));
	replay_init(&r);
	assert_int_equal(r.next, 0);
	for (uint64_t counter = 0; counter < 3000; counter++)
		assert_true(replay_check(&r, counter));
	assert_true(replay_check(&r, UINT64_MAX - 1));
}

static void accepts_each_counter_once(void **state)
{
	struct replay r;

	(void)state;
	replay_init(&r);
	for (uint64_t counter = 0; counter < 5000; counter++) {
		assert_true(replay_check(&r, counter));
		assert_true(replay_update(&r, counter));
		assert_true(r.next == counter + 1);
		assert_false(replay_check(&r, counter));
		assert_false(replay_update(&r, counter));
	}
}

static void checks_without_changing(void **state)
{
	struct replay r = seen_up_to(500), before = r;

	(void)state;
	assert_true(replay_check(&r, 499));
	assert_true(replay_check(&r, 100000));
	assert_false(replay_check(&r, 500));
	assert_memory_equal(&r, &before, sizeof(r));
	assert_false(replay_update(&r, 500));
	assert_memory_equal(&r, &before, sizeof(r));
}

/* The edge, wherever in a block the highest counter is. */
static void ends_the_window_exactly(void **state)
{
	(void)state;
	for (uint64_t highest = 4096; highest < 4096 + 3 * 64; highest++) {
		struct replay r = seen_up_to(highest);

		for (uint64_t below = 1; below <= REPLAY_WINDOW; below++)
			assert_true(replay_check(&r, highest - below));
		for (uint64_t below = REPLAY_WINDOW + 1; below <= highest; below++)
			assert_false(replay_check(&r, highest - below));
		assert_true(replay_update(&r, highest - REPLAY_WINDOW));
		assert_false(replay_update(&r, highest - REPLAY_WINDOW));
		assert_true(r.next == highest + 1);
	}
}

/* A window full of ones, then a jump of every length: what is left of the old window is
 * still marked, all that was jumped over is free. */
static void clears_what_it_jumps_over(void **state)
{
	const uint64_t top = 10000;
	struct replay full;

	(void)state;
	replay_init(&full);
	for (uint64_t counter = 0; counter <= top; counter++)
		assert_true(replay_update(&full, counter));
	for (uint64_t jump = 1; jump < 3 * REPLAY_WINDOW; jump++) {
		struct replay r = full;

		assert_true(replay_update(&r, top + jump));
		for (uint64_t below = 0; below <= REPLAY_WINDOW; below++) {
			uint64_t counter = top + jump - below;

			assert_int_equal(
				replay_check(&r, counter), counter > top && below > 0);
		}
	}
}

/* Jumps that are multiples of the ring's length, in which a block aliases itself. */
static void clears_all_on_a_long_jump(void **state)
{
	(void)state;
	for (int shift = 10; shift < 64; shift++) {
		struct replay r = seen_up_to(77);
		uint64_t ring = sizeof(r.bits) * 8;
		uint64_t jump = (UINT64_C(1) << shift) / ring * ring;

		if (jump <= REPLAY_WINDOW)
			continue;
		assert_true(replay_update(&r, 76));
		assert_true(replay_update(&r, 77 + jump));
		for (uint64_t below = 1; below <= REPLAY_WINDOW; below++)
			assert_true(replay_check(&r, 77 + jump - below));
		assert_false(replay_check(&r, 76));
		assert_false(replay_check(&r, 77));
	}
}

static void ends_at_the_last_counter(void **state)
{
	struct replay r = seen_up_to(UINT64_MAX - 1);

	(void)state;
	assert_false(replay_check(&r, UINT64_MAX));
	assert_false(replay_update(&r, UINT64_MAX));
	assert_true(r.next == UINT64_MAX);
	assert_true(replay_update(&r, UINT64_MAX - 1 - REPLAY_WINDOW));
	assert_false(replay_update(&r, UINT64_MAX - 2 - REPLAY_WINDOW));
	assert_false(replay_update(&r, 0));
	replay_init(&r);
	assert_false(replay_check(&r, UINT64_MAX));
}

/* Against a set that forgets nothing. */
static void agrees_with_a_plain_set(void **state)
{
	enum { LIMIT = 1 << 16 };
	static bool seen[LIMIT];
	uint64_t random = random_start();

	(void)state;
	for (int round = 0; round < 20; round++) {
		uint64_t highest = 0;
		struct replay r;

		memset(seen, 0, sizeof(seen));
		replay_init(&r);
		for (int i = 0; i < 20000; i++) {
			uint64_t around = highest + random_below(&random, 40);
			uint64_t back = random_below(&random, i % 3 ? 60 : 1400);
			uint64_t far = random_below(&random, 200)
					       ? 0
					       : random_below(&random, 3000);
			uint64_t counter = around + far > back ? around + far - back : 0;
			bool fresh;

			if (counter >= LIMIT)
				break;
			fresh = !seen[counter] && counter + REPLAY_WINDOW >= highest;
			assert_int_equal(replay_check(&r, counter), fresh);
			assert_int_equal(replay_update(&r, counter), fresh);
			seen[counter] = seen[counter] || fresh;
			highest = fresh && counter > highest ? counter : highest;
		}
	}
}

static uint64_t reconstructed(uint64_t next, uint32_t low)
{
	struct replay r = {.next = next};

	return replay_reconstruct(&r, low);
}

static void reconstructs_near_zero(void **state)
{
	(void)state;
	assert_true(reconstructed(0, 0) == 0);
	assert_true(reconstructed(0, 1) == 1);
	assert_true(reconstructed(0, 0x7fffff) == 0x7fffff);
	assert_true(reconstructed(0, 0x800000) == 0x800000);
	assert_true(reconstructed(0, 0xffffff) == 0xffffff); /* not -1 */
	assert_true(reconstructed(1, 0xffffff) == 0xffffff);
	assert_true(reconstructed(0x7fffff, 0xffffff) == 0xffffff);
	assert_true(reconstructed(0x800000, 0) == 0x1000000); /* halfway goes up */
	assert_true(reconstructed(0x7fffff, 0) == 0);
	assert_true(reconstructed(0xffffff, 0) == 0x1000000);
	assert_true(reconstructed(0x1000000, 0xffffff) == 0xffffff);
	assert_true(reconstructed(0x1000000, 0x800001) == 0x800001);
	assert_true(reconstructed(0x1000000, 0x800000) == 0x1800000);
}

static void reconstructs_near_the_end(void **state)
{
	(void)state;
	assert_true(reconstructed(UINT64_MAX, 0xffffff) == UINT64_MAX);
	assert_true(reconstructed(UINT64_MAX, 0) == UINT64_MAX - 0xffffff); /* not 2^64 */
	assert_true(
		reconstructed(UINT64_MAX - 0xffffff, 0xffffff) == UINT64_MAX - 0x1000000);
	assert_true(reconstructed(UINT64_MAX - 0x1000000, 0) == UINT64_MAX - 0xffffff);
}

/* The example of RFC 9000, appendix A.3, with our 24 bits; bits above them are ignored.
 */
static void reconstructs_as_rfc_9000(void **state)
{
	(void)state;
	assert_true(reconstructed(0xa82f30eb, 0x2f9b32) == 0xa82f9b32);
	assert_true(reconstructed(0xa82f30eb, 0xff2f9b32) == 0xa82f9b32);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* No counter with the same low bits is nearer, and one as near is not above. */
static void reconstructs_the_nearest(void **state)
{
	const uint64_t span = 1 << 24;
	uint64_t random = random_start();

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t next = random_u64(&random) >> random_below(&random, 64);
		uint32_t low = (uint32_t)random_u64(&random) & 0xffffff;
		uint64_t got;

		if (i % 5 == 0) /* at the edges: half a span away, give or take one */
			low = (uint32_t)(next + span / 2 + random_below(&random, 3) - 1) &
			      0xffffff;
		if (i % 7 == 0)
			next = UINT64_MAX - next;
		got = reconstructed(next, low);
		assert_int_equal(got & 0xffffff, low);
		if (got >= span)
			assert_true(distance(got - span, next) >= distance(got, next));
		if (got <= UINT64_MAX - span)
			assert_true(distance(got + span, next) > distance(got, next));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_empty),
		cmocka_unit_test(accepts_each_counter_once),
		cmocka_unit_test(checks_without_changing),
		cmocka_unit_test(ends_the_window_exactly),
		cmocka_unit_test(clears_what_it_jumps_over),
		cmocka_unit_test(clears_all_on_a_long_jump),
		cmocka_unit_test(ends_at_the_last_counter),
		cmocka_unit_test(agrees_with_a_plain_set),
		cmocka_unit_test(reconstructs_near_zero),
		cmocka_unit_test(reconstructs_near_the_end),
		cmocka_unit_test(reconstructs_as_rfc_9000),
		cmocka_unit_test(reconstructs_the_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
