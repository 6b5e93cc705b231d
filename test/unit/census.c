/* SPDX-License-Identifier: MIT */
/* Counts by key. */
#include "core/census.h"
#include "unit.h"

static const uint8_t hash_key[16] = {1, 2, 3};
static const uint8_t one[CENSUS_KEY_SIZE] = {1}, two[CENSUS_KEY_SIZE] = {0, 1};

static void counts_each_key_by_itself(void **state)
{
	struct census c;

	(void)state;
	census_init(&c, hash_key);
	assert_int_equal(census_count(&c, one), 0);
	assert_true(census_enter(&c, one));
	assert_true(census_enter(&c, one));
	assert_true(census_enter(&c, two));
	assert_int_equal(census_count(&c, one), 2);
	assert_int_equal(census_count(&c, two), 1);
	census_leave(&c, one);
	assert_int_equal(census_count(&c, one), 1);
	assert_int_equal(census_count(&c, two), 1);
	census_fini(&c);
}

static void forgets_whom_nobody_is_of(void **state)
{
	struct census c;

	(void)state;
	census_init(&c, hash_key);
	assert_true(census_enter(&c, one));
	census_leave(&c, one);
	assert_null(c.entries);
	census_leave(&c, one);
	assert_int_equal(census_count(&c, one), 0);
	assert_true(census_enter(&c, one));
	assert_int_equal(census_count(&c, one), 1);
	census_fini(&c);
}

static void gives_the_entry_of_a_key(void **state)
{
	struct census_entry *entry;
	struct census c;

	(void)state;
	census_init(&c, hash_key);
	entry = census_enter(&c, one);
	assert_non_null(entry);
	assert_int_equal(*census_active(entry), 0);
	assert_ptr_equal(census_enter(&c, one), entry);
	assert_ptr_not_equal(census_enter(&c, two), entry);
	census_leave_entry(&c, entry);
	assert_int_equal(census_count(&c, one), 1);
	census_leave_entry(&c, entry);
	assert_int_equal(census_count(&c, one), 0);
	assert_int_equal(census_count(&c, two), 1);
	census_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_each_key_by_itself),
		cmocka_unit_test(forgets_whom_nobody_is_of),
		cmocka_unit_test(gives_the_entry_of_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
