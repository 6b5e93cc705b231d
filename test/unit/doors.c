/* SPDX-License-Identifier: MIT */
/* Near sides of paths, by number. */
#include "core/doors.h"
#include "unit.h"

static struct path path_by(uint32_t socket, uint8_t local)
{
	return (struct path){.socket = socket,
		.ifindex = 4,
		.local = addr_v4(192, 0, 2, local, 3478),
		.remote = addr_v4(203, 0, 113, 9, 999)};
}

static void counts_how_often_each_is_held(void **state)
{
	const struct path one = path_by(1, 1), other = path_by(1, 2);
	struct doors d;

	(void)state;
	doors_init(&d);
	assert_int_equal(doors_hold(&d, &one), 1);
	assert_int_equal(doors_hold(&d, &other), 2);
	assert_int_equal(doors_hold(&d, &one), 1);
	assert_true(doors_is(&d, 1, &one));
	assert_false(doors_is(&d, 1, &other));
	doors_let_go(&d, 1);
	assert_true(doors_is(&d, 1, &one));
	doors_let_go(&d, 1);
	assert_int_equal(doors_hold(&d, &other), 2);
	assert_int_equal(doors_hold(&d, &one), 1); /* anew */
	doors_fini(&d);
}

/* Of the remote only how it is reached, and by which of our links. */
static void gives_all_but_the_remote(void **state)
{
	struct path path = path_by(7, 3), back = {0};
	struct doors d;
	uint16_t number;

	(void)state;
	doors_init(&d);
	path.remote.scope = 5;
	path.remote.transport = ADDR_TCP;
	number = doors_hold(&d, &path);
	path.remote.port = 1;
	path.remote.ip[0] = 1;
	assert_int_equal(doors_hold(&d, &path), number);
	back.remote = addr_v4(1, 0, 113, 9, 1);
	doors_path(&d, number, &back);
	assert_memory_equal(&back, &path, sizeof(path));
	path.remote.transport = ADDR_UDP;
	assert_int_not_equal(doors_hold(&d, &path), number);
	doors_fini(&d);
}

static void has_no_more_than_its_limit(void **state)
{
	struct doors d;

	(void)state;
	doors_init(&d);
	for (uint32_t i = 1; i <= DOORS_MAX; i++) {
		const struct path path = path_by(i, 1);

		assert_int_equal(doors_hold(&d, &path), i);
	}
	for (uint32_t i = 0; i < 3; i++) {
		const struct path more = path_by(100000 + i, 1);

		assert_int_equal(doors_hold(&d, &more), 0);
		doors_let_go(&d, (uint16_t)(50 - i));
		assert_int_equal(doors_hold(&d, &more), 50 - i);
	}
	doors_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_how_often_each_is_held),
		cmocka_unit_test(gives_all_but_the_remote),
		cmocka_unit_test(has_no_more_than_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
