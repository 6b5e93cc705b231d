/* SPDX-License-Identifier: MIT */
/* When a message is said again, to the millisecond. */
#include "core/retry.h"
#include "unit.h"

#define T0 (1000 * SECOND)

static void goes_out_at_once(void **state)
{
	struct retry r;

	(void)state;
	retry_start(&r, T0);
	assert_int_equal(r.next_at, T0);
	retry_sent(&r, T0);
	assert_int_equal(r.next_at, T0 + 100 * MILLISECOND);
}

/* As often as its next_at asks: 50 times in 5 s, then each time a fiftieth later than it is,
 * and every 2 s after 100. */
static void is_eager_then_patient(void **state)
{
	struct retry r;

	(void)state;
	retry_start(&r, T0);
	for (uint64_t i = 0; i < 50; i++) {
		assert_int_equal(r.next_at, T0 + i * 100 * MILLISECOND);
		retry_sent(&r, r.next_at);
	}
	assert_int_equal(r.next_at, T0 + 5 * SECOND);
	retry_sent(&r, T0 + 5 * SECOND);
	assert_int_equal(r.next_at, T0 + 5100 * MILLISECOND);
	retry_sent(&r, T0 + 5100 * MILLISECOND);
	assert_int_equal(r.next_at, T0 + 5202 * MILLISECOND);
	retry_sent(&r, T0 + 50 * SECOND);
	assert_int_equal(r.next_at, T0 + 51 * SECOND);
	retry_sent(&r, T0 + 100 * SECOND);
	assert_int_equal(r.next_at, T0 + 102 * SECOND);
	retry_sent(&r, T0 + 3600 * SECOND);
	assert_int_equal(r.next_at, T0 + 3602 * SECOND);
}

/* Of a timer that comes late, the spans count from when it came. */
static void counts_from_when_it_was_sent(void **state)
{
	struct retry r;

	(void)state;
	retry_start(&r, T0);
	retry_sent(&r, T0 + 30 * MILLISECOND);
	assert_int_equal(r.next_at, T0 + 130 * MILLISECOND);
	retry_sent(&r, T0 + 4999 * MILLISECOND);
	assert_int_equal(r.next_at, T0 + 5099 * MILLISECOND);
}

static void stops_and_begins_anew(void **state)
{
	struct retry r;

	(void)state;
	retry_start(&r, T0);
	for (unsigned i = 0; i < 60; i++)
		retry_sent(&r, r.next_at);
	retry_stop(&r);
	assert_true(r.next_at == NEVER);
	retry_start(&r, T0 + 100 * SECOND);
	assert_int_equal(r.next_at, T0 + 100 * SECOND);
	retry_sent(&r, T0 + 100 * SECOND);
	assert_int_equal(r.next_at, T0 + 100 * SECOND + 100 * MILLISECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_out_at_once),
		cmocka_unit_test(is_eager_then_patient),
		cmocka_unit_test(counts_from_when_it_was_sent),
		cmocka_unit_test(stops_and_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
