/* SPDX-License-Identifier: MIT */
/* Ports that follow each other. */
#include "core/step.h"

#include "unit.h"

static int between(uint16_t first, uint16_t second)
{
	const struct addr a = addr_v4(203, 0, 113, 1, first);
	const struct addr b = addr_v4(203, 0, 113, 1, second);

	return step_between(&a, &b);
}

static void measures_neighbours(void **state)
{
	const struct addr here = addr_v4(203, 0, 113, 1, 5000);
	const struct addr elsewhere = addr_v4(203, 0, 113, 2, 5001);

	(void)state;
	assert_int_equal(between(5000, 5001), 1);
	assert_int_equal(between(5000, 5002), 2);
	assert_int_equal(between(5000, 4999), -1);
	assert_int_equal(between(5000, 5008), 8);
	assert_int_equal(between(5000, 5000), 0); /* one mapping for both */
	assert_int_equal(between(5000, 5009), 0);
	assert_int_equal(between(5000, 4991), 0);
	assert_int_equal(between(1, 65535), 0);
	assert_int_equal(step_between(&here, &elsewhere), 0);
}

static void names_the_next_ports(void **state)
{
	const struct addr last = addr_v4(203, 0, 113, 1, 5000);
	struct candidates list = {.count = 0};

	(void)state;
	step_predict(&list, &last, 0, 3);
	assert_int_equal(list.count, 0);
	step_predict(&list, &last, 2, 3);
	assert_int_equal(list.count, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(addr_same_ip(&list.of[i].addr, &last));
		assert_int_equal(list.of[i].addr.port, 5002 + 2 * i);
		assert_int_equal(list.of[i].kind, CANDIDATE_PREDICTED);
	}
	step_predict(&list, &last, -1, 2);
	assert_int_equal(list.of[3].addr.port, 4999);
	assert_int_equal(list.of[4].addr.port, 4998);
}

static void ends_where_ports_do(void **state)
{
	const struct addr high = addr_v4(203, 0, 113, 1, 65534);
	const struct addr low = addr_v4(203, 0, 113, 1, 1025);
	struct candidates list = {.count = 0};

	(void)state;
	step_predict(&list, &high, 1, 3);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.of[0].addr.port, 65535);
	step_predict(&list, &low, -1, 3);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.of[1].addr.port, 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measures_neighbours),
		cmocka_unit_test(names_the_next_ports),
		cmocka_unit_test(ends_where_ports_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
