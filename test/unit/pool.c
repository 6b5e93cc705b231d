/* SPDX-License-Identifier: MIT */
/* Records by number. */
#include "core/pool.h"
#include "unit.h"

static void gives_numbers_from_one_on(void **state)
{
	struct pool p;

	(void)state;
	pool_init(&p, 12, 3);
	assert_int_equal(pool_take(&p), 1);
	assert_int_equal(pool_take(&p), 2);
	assert_int_equal(pool_take(&p), 3);
	assert_int_equal(pool_take(&p), 0);
	assert_int_equal(p.count, 3);
	pool_give(&p, 2);
	assert_int_equal(pool_take(&p), 2);
	assert_int_equal(pool_take(&p), 0);
	pool_fini(&p);
}

static void gives_records_of_zeros(void **state)
{
	static const uint8_t zeros[12];
	struct pool p;

	(void)state;
	pool_init(&p, sizeof(zeros), 10);
	for (unsigned i = 0; i < 3; i++) {
		uint32_t number = pool_take(&p);

		assert_memory_equal(pool_at(&p, number), zeros, sizeof(zeros));
		memset(pool_at(&p, number), 0xff, sizeof(zeros));
		pool_give(&p, number);
	}
	pool_fini(&p);
}

/* Random comings and goings: a record keeps its place and what is in it. */
static void keeps_records_in_their_place(void **state)
{
	enum { MOST = 5000 };
	static uint32_t *places[MOST + 1];
	uint64_t random = random_start();
	uint32_t count = 0;
	struct pool p;

	(void)state;
	memset(places, 0, sizeof(places));
	pool_init(&p, sizeof(uint32_t), MOST);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t number = 1 + (uint32_t)random_below(&random, MOST);

		if (places[number] != NULL) {
			assert_ptr_equal(pool_at(&p, number), places[number]);
			assert_int_equal(*places[number], number);
			pool_give(&p, number);
			places[number] = NULL;
			count--;
			continue;
		}
		number = pool_take(&p);
		assert_in_range(number, 1, MOST);
		assert_null(places[number]);
		places[number] = pool_at(&p, number);
		*places[number] = number;
		assert_int_equal(p.count, ++count);
	}
	pool_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_numbers_from_one_on),
		cmocka_unit_test(gives_records_of_zeros),
		cmocka_unit_test(keeps_records_in_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
