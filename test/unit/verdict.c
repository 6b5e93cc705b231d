/* SPDX-License-Identifier: MIT */
/* Verdicts: their names, which logs and metrics show, and their counters. */
#include "core/verdict.h"
#include "unit.h"

static void names_every_verdict_differently(void **state)
{
	(void)state;
	assert_string_equal(verdict_name(VERDICT_CONSUMED), "consumed");
	assert_string_equal(verdict_name(VERDICT_DELIVER), "deliver");
	assert_string_equal(verdict_name(VERDICT_DROP_FORGED), "forged");
	assert_string_equal(verdict_name(VERDICT_DROP_NOT_ALLOWED), "not-allowed");
	assert_string_equal(verdict_name(VERDICT_COUNT), "?");
	assert_string_equal(verdict_name((enum verdict)9999), "?");
	for (unsigned i = 0; i < VERDICT_COUNT; i++) {
		assert_non_null(verdict_name(i));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(verdict_name(i), verdict_name(j));
	}
}

static void counts_each_by_itself(void **state)
{
	struct verdict_counts counts = {.of = {0}};

	(void)state;
	for (unsigned i = 0; i < VERDICT_COUNT; i++)
		for (unsigned times = 0; times <= i; times++)
			assert_int_equal(verdict_count(&counts, i), i);
	for (unsigned i = 0; i < VERDICT_COUNT; i++)
		assert_int_equal(counts.of[i], i + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_every_verdict_differently),
		cmocka_unit_test(counts_each_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
