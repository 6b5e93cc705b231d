/* SPDX-License-Identifier: MIT */
#include "core/reassembly.h"
#include "unit.h"

#define T0 (1000 * SECOND)

static uint8_t bytes[REASSEMBLY_SIZE];

static int fill_bytes(void **state)
{
	uint64_t random = 3;

	(void)state;
	random_bytes(&random, bytes, sizeof(bytes));
	return 0;
}

static void joins_parts_in_any_order(void **state)
{
	struct reassembly_pool pool;
	struct reassembly r;

	(void)state;
	reassembly_pool_init(&pool, 1);
	reassembly_init(&r, &pool);
	assert_null(reassembly_add(&r, 1, 60000, 65535, bytes + 60000, 5535, T0));
	assert_null(reassembly_add(&r, 1, 0, 65535, bytes, 30000, T0));
	assert_memory_equal(reassembly_add(&r, 1, 30000, 65535, bytes + 30000, 30000, T0),
		bytes, 65535);
	/* Its buffer serves the next. */
	assert_null(reassembly_add(&r, 2, 1, 3, bytes + 1, 2, T0));
	assert_memory_equal(reassembly_add(&r, 2, 0, 3, bytes, 1, T0), bytes, 3);
	assert_int_equal(pool.made, 1);
	assert_int_equal(r.dropped, 0);
	reassembly_fini(&r);
	reassembly_pool_fini(&pool);
}

/* Any cut into any order of parts gives the datagram, at the last part and not before. */
static void joins_any_cut(void **state)
{
	uint64_t random = random_start();
	struct reassembly_pool pool;
	struct reassembly r;

	(void)state;
	reassembly_pool_init(&pool, 1);
	reassembly_init(&r, &pool);
	for (uint16_t id = 0; id < 500; id++) {
		size_t total = 1 + random_below(&random, 65535), cut[9] = {0}, parts = 0;
		const uint8_t *whole = NULL;

		while (parts < 8 && cut[parts] < total) {
			size_t left = total - cut[parts];

			cut[parts + 1] =
				cut[parts] +
				(parts == 7 ? left
					    : 1 + (size_t)random_below(&random, left));
			parts++;
		}
		for (size_t given = 0, taken = 0; given < parts;) {
			size_t i = (size_t)random_below(&random, parts);

			if (taken >> i & 1)
				continue;
			taken |= (size_t)1 << i;
			assert_null(whole);
			whole = reassembly_add(&r, id, cut[i], total, bytes + cut[i],
				cut[i + 1] - cut[i], T0);
			given++;
		}
		assert_memory_equal(whole, bytes, total);
	}
	reassembly_fini(&r);
	reassembly_pool_fini(&pool);
}

static void refuses_parts_that_cannot_be(void **state)
{
	struct reassembly_pool pool;
	struct reassembly r;

	(void)state;
	reassembly_pool_init(&pool, 1);
	reassembly_init(&r, &pool);
	assert_null(reassembly_add(&r, 1, 0, 10, bytes, 0, T0));
	assert_null(reassembly_add(&r, 1, 0, 0, bytes, 0, T0));
	assert_null(reassembly_add(&r, 1, 0, 0, bytes, 1, T0));
	assert_null(reassembly_add(&r, 1, 11, 10, bytes, 1, T0));
	assert_null(reassembly_add(&r, 1, 10, 10, bytes, 1, T0));
	assert_null(reassembly_add(&r, 1, 5, 10, bytes, 6, T0));
	assert_null(reassembly_add(&r, 1, 65535, 10, bytes, 1, T0));
	assert_null(reassembly_add(&r, 1, 0, 65536, bytes, 1, T0));
	assert_int_equal(pool.made, 0);
	assert_non_null(reassembly_add(&r, 1, 0, 10, bytes, 10, T0));
	reassembly_fini(&r);
	reassembly_pool_fini(&pool);
}

/* Parts that overlap leave a hole: it shows nothing of what the buffer held before. */
static void shows_nothing_of_others_through_holes(void **state)
{
	static const uint8_t zeros[50];
	struct reassembly_pool pool;
	struct reassembly theirs, mine;
	uint8_t *whole;

	(void)state;
	reassembly_pool_init(&pool, 1);
	reassembly_init(&theirs, &pool);
	reassembly_init(&mine, &pool);
	assert_non_null(reassembly_add(&theirs, 1, 0, 100, bytes, 100, T0));
	assert_null(reassembly_add(&mine, 1, 0, 100, bytes, 50, T0));
	whole = reassembly_add(&mine, 1, 0, 100, bytes, 50, T0);
	assert_non_null(whole);
	assert_memory_equal(whole + 50, zeros, 50);
	reassembly_fini(&theirs);
	reassembly_fini(&mine);
	reassembly_pool_fini(&pool);
}

/* Up to four are under way at once, told apart by id and total; a fifth has the oldest give
 * way. */
static void a_fifth_datagram_drops_the_oldest(void **state)
{
	struct reassembly_pool pool;
	struct reassembly r;

	(void)state;
	reassembly_pool_init(&pool, 8);
	reassembly_init(&r, &pool);
	for (uint16_t i = 0; i < 3; i++)
		assert_null(reassembly_add(&r, i, 0, 10, bytes, 5, T0 + i));
	assert_null(reassembly_add(&r, 1, 5, 11, bytes, 5, T0 + 3)); /* another total */
	assert_int_equal(r.dropped, 0);
	assert_null(reassembly_add(&r, 9, 0, 10, bytes, 5, T0 + 4));
	assert_int_equal(r.dropped, 1);
	assert_non_null(reassembly_add(&r, 1, 5, 10, bytes, 5, T0 + 5));
	assert_non_null(reassembly_add(&r, 2, 5, 10, bytes, 5, T0 + 5));
	assert_non_null(reassembly_add(&r, 1, 0, 11, bytes, 6, T0 + 5));
	assert_non_null(reassembly_add(&r, 9, 5, 10, bytes, 5, T0 + 5));
	assert_null(reassembly_add(&r, 0, 5, 10, bytes, 5, T0 + 5)); /* the oldest */
	assert_int_equal(pool.made, 4);
	reassembly_fini(&r);
	reassembly_pool_fini(&pool);
}

static void the_oldest_gives_way_while_the_pool_is_empty(void **state)
{
	struct reassembly_pool pool;
	struct reassembly r;

	(void)state;
	reassembly_pool_init(&pool, 1);
	reassembly_init(&r, &pool);
	assert_null(reassembly_add(&r, 1, 0, 10, bytes, 5, T0));
	assert_null(reassembly_add(&r, 2, 0, 10, bytes, 5, T0 + 1));
	assert_int_equal(r.dropped, 1);
	assert_non_null(reassembly_add(&r, 2, 5, 10, bytes, 5, T0 + 2));
	reassembly_fini(&r);
	reassembly_pool_fini(&pool);
}

static void gives_up_after_a_second(void **state)
{
	struct reassembly_pool pool;
	struct reassembly r;

	(void)state;
	reassembly_pool_init(&pool, 2);
	reassembly_init(&r, &pool);
	assert_null(reassembly_add(&r, 1, 0, 10, bytes, 5, UINT64_C(1000000000000)));
	assert_non_null(
		reassembly_add(&r, 1, 5, 10, bytes + 5, 5, UINT64_C(1000999999999)));
	assert_null(reassembly_add(&r, 1, 0, 10, bytes, 5, UINT64_C(1010000000000)));
	assert_null(reassembly_add(&r, 1, 5, 10, bytes + 5, 5, UINT64_C(1011000000000)));
	assert_int_equal(r.dropped, 1);
	reassembly_fini(&r);
	reassembly_pool_fini(&pool);
}

static void goes_without_while_the_pool_is_empty(void **state)
{
	struct reassembly_pool pool;
	struct reassembly first, second;

	(void)state;
	reassembly_pool_init(&pool, 1);
	reassembly_init(&first, &pool);
	reassembly_init(&second, &pool);
	assert_null(reassembly_add(&first, 1, 0, 10, bytes, 5, T0));
	assert_null(reassembly_add(&second, 1, 0, 10, bytes, 5, T0));
	assert_null(reassembly_add(&second, 1, 5, 10, bytes, 5, T0));
	assert_int_equal(second.dropped, 2);
	assert_non_null(reassembly_add(&first, 1, 5, 10, bytes, 5, T0));
	assert_null(reassembly_add(&second, 2, 0, 10, bytes, 5, T0));
	assert_non_null(reassembly_add(&second, 2, 5, 10, bytes, 5, T0));
	/* What is unfinished goes back with its session. */
	assert_null(reassembly_add(&first, 2, 0, 10, bytes, 5, T0));
	reassembly_fini(&first);
	assert_non_null(reassembly_add(&second, 3, 0, 5, bytes, 5, T0));
	reassembly_fini(&second);
	reassembly_pool_fini(&pool);
}

/* A session whose other half was lost must not keep a buffer from the others for ever: a
 * few dozen of them would, and no large datagram would pass any more. */
static void gives_what_is_stale_back(void **state)
{
	struct reassembly_pool pool;
	struct reassembly silent, other;

	(void)state;
	reassembly_pool_init(&pool, 1);
	reassembly_init(&silent, &pool);
	reassembly_init(&other, &pool);
	assert_null(reassembly_add(&silent, 1, 0, 10, bytes, 5, UINT64_C(1000000000000)));
	reassembly_expire(&silent, UINT64_C(1000999999999));
	assert_null(reassembly_add(&other, 1, 0, 10, bytes, 5, UINT64_C(1000999999999)));
	assert_int_equal(silent.dropped, 0);
	reassembly_expire(&silent, UINT64_C(1001000000000));
	assert_int_equal(silent.dropped, 1);
	assert_null(reassembly_add(&other, 2, 0, 10, bytes, 5, UINT64_C(1001000000000)));
	assert_non_null(
		reassembly_add(&other, 2, 5, 10, bytes, 5, UINT64_C(1001000000000)));
	assert_null(reassembly_add(&silent, 1, 5, 10, bytes, 5, UINT64_C(1001000000000)));
	reassembly_fini(&silent);
	reassembly_fini(&other);
	reassembly_pool_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_parts_in_any_order),
		cmocka_unit_test(joins_any_cut),
		cmocka_unit_test(refuses_parts_that_cannot_be),
		cmocka_unit_test(shows_nothing_of_others_through_holes),
		cmocka_unit_test(a_fifth_datagram_drops_the_oldest),
		cmocka_unit_test(the_oldest_gives_way_while_the_pool_is_empty),
		cmocka_unit_test(gives_up_after_a_second),
		cmocka_unit_test(goes_without_while_the_pool_is_empty),
		cmocka_unit_test(gives_what_is_stale_back),
	};

	return cmocka_run_group_tests(tests, fill_bytes, NULL);
}
