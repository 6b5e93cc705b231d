/* SPDX-License-Identifier: MIT */
#include "core/expiry.h"

#include "unit.h"

#define S(s) ((uint64_t)(s)*SECOND)

/* Two in a row make a rule, and the earlier of them counts. */
static void learns_from_two_in_a_row(void **state)
{
	struct expiry e = {0};

	(void)state;
	assert_true(expiry_renewal(&e, S(1)) == NEVER);
	expiry_died(&e, S(51), S(100));
	assert_true(expiry_renewal(&e, S(100)) == NEVER);
	expiry_died(&e, S(50), S(150));
	assert_int_equal(expiry_renewal(&e, S(150)), S(40));
	expiry_died(&e, S(52), S(200));
	assert_int_equal(expiry_renewal(&e, S(200)), S(40));
}

static void leaves_time_as_the_age_has_it(void **state)
{
	static const uint64_t rows[][2] = {
		{10, 7}, {15, 12}, {20, 16}, {50, 40}, {100, 90}, {3600, 3590}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct expiry e = {0};

		expiry_died(&e, S(rows[i][0]), S(9000));
		expiry_died(&e, S(rows[i][0]), S(9000));
		assert_int_equal(expiry_renewal(&e, S(9000)), S(rows[i][1]));
	}
}

static void makes_no_rule_of_other_deaths(void **state)
{
	static const uint64_t rows[][2] = {
		{50, 54}, {54, 50}, {9, 9}, {3601, 3601}, {1, 50}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct expiry e = {0};

		expiry_died(&e, S(rows[i][0]), S(9000));
		expiry_died(&e, S(rows[i][1]), S(9000));
		assert_true(expiry_renewal(&e, S(9000)) == NEVER);
	}
}

/* A path that dies at another age ends the rule; two more make another one. */
static void changes_its_mind(void **state)
{
	struct expiry e = {0};

	(void)state;
	expiry_died(&e, S(50), S(50));
	expiry_died(&e, S(50), S(100));
	expiry_died(&e, S(30), S(130));
	assert_true(expiry_renewal(&e, S(130)) == NEVER);
	expiry_died(&e, S(30), S(160));
	assert_int_equal(expiry_renewal(&e, S(160)), S(24));
}

static void forgets_what_a_path_outlives(void **state)
{
	struct expiry e = {0};

	(void)state;
	assert_true(expiry_outlived(&e) == NEVER);
	expiry_died(&e, S(50), S(50));
	expiry_died(&e, S(50), S(100));
	assert_int_equal(expiry_outlived(&e), S(56));
	expiry_lives(&e, S(56) - 1);
	assert_int_equal(expiry_renewal(&e, S(150)), S(40));
	expiry_lives(&e, S(56));
	assert_true(expiry_renewal(&e, S(150)) == NEVER);
	expiry_died(&e, S(50), S(200));
	assert_true(expiry_renewal(&e, S(200)) == NEVER);
}

/* After an hour a path is left to itself; one death at the same age is enough then. */
static void asks_again_after_an_hour(void **state)
{
	struct expiry e = {0};

	(void)state;
	expiry_died(&e, S(50), S(50));
	expiry_died(&e, S(50), S(100));
	assert_int_equal(expiry_renewal(&e, S(3700) - 1), S(40));
	assert_true(expiry_renewal(&e, S(3700)) == NEVER);
	expiry_died(&e, S(50), S(3750));
	assert_int_equal(expiry_renewal(&e, S(3750)), S(40));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learns_from_two_in_a_row),
		cmocka_unit_test(leaves_time_as_the_age_has_it),
		cmocka_unit_test(makes_no_rule_of_other_deaths),
		cmocka_unit_test(changes_its_mind),
		cmocka_unit_test(forgets_what_a_path_outlives),
		cmocka_unit_test(asks_again_after_an_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
