/* SPDX-License-Identifier: MIT */
#include "net/system.h"
#include "unit.h"

#include <sys/resource.h>

static void the_clock_goes_on_in_nanoseconds(void **state)
{
	uint64_t start = clock_now(), now = start;
	struct timespec monotonic;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	assert_true(start / SECOND + 1 >= (uint64_t)monotonic.tv_sec);
	while (now == start) /* it cannot stand still for long */
		now = clock_now();
	assert_true(now > start && now - start < 5 * SECOND);
}

static void randomness_fills_all_and_no_more(void **state)
{
	uint8_t bytes[1002];
	uint8_t seen[256] = {0};
	size_t distinct = 0;

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	random_fill(NULL, bytes + 1, 1000);
	assert_int_equal(bytes[0], 0xee);
	assert_int_equal(bytes[1001], 0xee);
	/* Of 256 values about 251 turn up; below 200 never, for all practical purposes.
	 */
	for (size_t i = 1; i <= 1000; i++)
		distinct += !seen[bytes[i]]++;
	assert_true(distinct > 200);
	random_fill(NULL, bytes, 0);
	assert_int_equal(bytes[0], 0xee);
}

static void descriptors_go_up_to_the_hard_limit(void **state)
{
	struct rlimit limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(descriptors_raise(), limit.rlim_max);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(limit.rlim_cur, limit.rlim_max);
	assert_int_equal(descriptors_raise(), limit.rlim_max);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_goes_on_in_nanoseconds),
		cmocka_unit_test(randomness_fills_all_and_no_more),
		cmocka_unit_test(descriptors_go_up_to_the_hard_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
