/* SPDX-License-Identifier: MIT */
/* The search for the path MTU (RFC 8899), at literal times, and what it makes of answers
 * that were never asked for. */
#include "core/pmtu.h"
#include "unit.h"

#define T0 (1000 * SECOND)

static uint16_t sizes[PMTU_COUNT];

static void expect_sizes(size_t count, const uint16_t *expected, size_t expected_count)
{
	assert_int_equal(count, expected_count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(sizes[i], expected[i]);
}

/* A path whose search came to its end at T0 + 750 ms with that size. */
static struct pmtu searched(size_t largest)
{
	struct pmtu p;

	pmtu_start(&p, 28, T0);
	(void)pmtu_due(&p, sizes, T0);
	if (largest > PMTU_BASE)
		pmtu_acked(&p, largest, T0 + 20 * MILLISECOND);
	(void)pmtu_due(&p, sizes, T0 + 250 * MILLISECOND);
	(void)pmtu_due(&p, sizes, T0 + 500 * MILLISECOND);
	assert_int_equal(pmtu_due(&p, sizes, T0 + 750 * MILLISECOND), 0);
	return p;
}

static void probes_all_usual_sizes_at_once(void **state)
{
	static const uint16_t v4[] = {
		1472, 1464, 1452, 1432, 1392, 1372, 1332, 1252, 1172, 1096};
	static const uint16_t v6[] = {
		1452, 1444, 1432, 1412, 1372, 1352, 1312, 1232, 1152, 1076};
	struct pmtu p;

	(void)state;
	pmtu_start(&p, 28, T0);
	assert_int_equal(p.largest, 1000);
	assert_int_equal(p.next_at, T0);
	assert_int_equal(pmtu_due(&p, sizes, T0 - 1), 0);
	expect_sizes(pmtu_due(&p, sizes, T0), v4, 10);
	pmtu_start(&p, 48, T0);
	expect_sizes(pmtu_due(&p, sizes, T0), v6, 10);
	assert_true(DATAGRAM_MAX >= 1472); /* there is room for the largest */
}

static void probes_three_rounds_a_quarter_second_apart(void **state)
{
	struct pmtu p;

	(void)state;
	pmtu_start(&p, 28, T0);
	for (unsigned round = 0; round < 3; round++) {
		const uint64_t at = T0 + round * 250 * MILLISECOND;

		assert_int_equal(p.next_at, at);
		assert_int_equal(pmtu_due(&p, sizes, at - 1), 0);
		assert_int_equal(pmtu_due(&p, sizes, at), 10);
		assert_int_equal(pmtu_due(&p, sizes, at), 0);
	}
	assert_int_equal(p.largest, 1000);
	assert_int_equal(p.next_at, T0 + 600 * SECOND); /* tried again much later */
}

static void probes_only_what_may_be_better(void **state)
{
	static const uint16_t above[] = {1472, 1464, 1452, 1432};
	struct pmtu p;

	(void)state;
	pmtu_start(&p, 28, T0);
	(void)pmtu_due(&p, sizes, T0);
	pmtu_acked(&p, 1332, T0 + 20 * MILLISECOND);
	pmtu_acked(&p, 1392, T0 + 21 * MILLISECOND);
	pmtu_acked(&p, 1372, T0 + 22 * MILLISECOND); /* in any order */
	assert_int_equal(p.largest, 1392);
	expect_sizes(pmtu_due(&p, sizes, T0 + 250 * MILLISECOND), above, 4);
	expect_sizes(pmtu_due(&p, sizes, T0 + 500 * MILLISECOND), above, 4);
	assert_int_equal(pmtu_due(&p, sizes, T0 + 750 * MILLISECOND), 0);
	assert_int_equal(p.next_at, T0 + 600 * SECOND);
}

static void rests_when_nothing_is_better(void **state)
{
	struct pmtu p;

	(void)state;
	pmtu_start(&p, 28, T0);
	(void)pmtu_due(&p, sizes, T0);
	pmtu_acked(&p, 1472, T0 + 20 * MILLISECOND);
	assert_int_equal(pmtu_due(&p, sizes, T0 + 250 * MILLISECOND), 0);
	assert_int_equal(p.next_at, T0 + 600 * SECOND);
}

static void waits_to_be_started(void **state)
{
	struct pmtu p;

	(void)state;
	pmtu_start(&p, 28, NEVER);
	assert_int_equal(p.largest, 1000);
	assert_true(p.next_at == NEVER);
	assert_int_equal(pmtu_due(&p, sizes, T0 + 86400 * SECOND), 0);
	assert_false(pmtu_sent(&p, 1000, T0));
	assert_true(p.next_at == NEVER);
}

/* Small frames prove nothing about large ones, and ask for nothing. */
static void confirms_a_second_after_a_large_frame(void **state)
{
	struct pmtu p = searched(1472);
	const uint64_t used = T0 + 10 * SECOND;

	(void)state;
	assert_false(pmtu_sent(&p, 1000, used));
	assert_int_equal(p.next_at, T0 + 600 * SECOND);
	assert_true(pmtu_sent(&p, 1001, used));
	assert_int_equal(p.next_at, used + SECOND);
	assert_false(pmtu_sent(&p, 1472, used + 500 * MILLISECOND)); /* known already */
	assert_int_equal(p.next_at, used + SECOND);
	assert_int_equal(pmtu_due(&p, sizes, used + SECOND - 1), 0);
	assert_int_equal(pmtu_due(&p, sizes, used + SECOND), 1);
	assert_int_equal(sizes[0], 1472);
}

static void confirms_no_more_once_traffic_ends(void **state)
{
	struct pmtu p = searched(1472);
	const uint64_t used = T0 + 10 * SECOND;

	(void)state;
	assert_true(pmtu_sent(&p, 1472, used));
	assert_int_equal(pmtu_due(&p, sizes, used + SECOND), 1);
	pmtu_acked(&p, 1472, used + 1020 * MILLISECOND);
	assert_int_equal(p.next_at, T0 + 600 * SECOND);
	assert_true(pmtu_sent(&p, 1472, used + 100 * SECOND));
	assert_int_equal(p.next_at, used + 101 * SECOND);
}

static void confirms_each_second_while_traffic_flows(void **state)
{
	struct pmtu p = searched(1472);
	uint64_t at = T0 + 10 * SECOND;

	(void)state;
	assert_true(pmtu_sent(&p, 1472, at));
	for (unsigned i = 0; i < 20; i++) {
		at = p.next_at;
		assert_int_equal(pmtu_due(&p, sizes, at), 1);
		assert_false(pmtu_sent(&p, 1472, at + MILLISECOND));
		pmtu_acked(&p, 1472, at + 20 * MILLISECOND);
		assert_int_equal(p.misses, 0);
		assert_int_equal(p.next_at, at + 1020 * MILLISECOND);
	}
}

/* Section 4.3: three confirmations missing, 250 ms apart, and the base is assumed again. */
static void finds_a_black_hole(void **state)
{
	struct pmtu p = searched(1472);
	const uint64_t used = T0 + 10 * SECOND;

	(void)state;
	assert_true(pmtu_sent(&p, 1472, used));
	for (unsigned i = 0; i < 3; i++) {
		const uint64_t at = used + SECOND + i * 250 * MILLISECOND;

		assert_int_equal(pmtu_due(&p, sizes, at - 1), 0);
		assert_int_equal(pmtu_due(&p, sizes, at), 1);
		assert_int_equal(sizes[0], 1472);
		assert_int_equal(p.largest, 1472);
	}
	assert_int_equal(pmtu_due(&p, sizes, used + 1750 * MILLISECOND - 1), 0);
	assert_int_equal(pmtu_due(&p, sizes, used + 1750 * MILLISECOND), 10);
	assert_int_equal(p.largest, 1000);
	pmtu_acked(&p, 1252, used + 1800 * MILLISECOND);
	assert_int_equal(p.largest, 1252);
	assert_int_equal(pmtu_due(&p, sizes, used + 2000 * MILLISECOND), 7);
	assert_int_equal(pmtu_due(&p, sizes, used + 2250 * MILLISECOND), 7);
}

/* Answers to a smaller probe say nothing of the larger size. */
static void survives_two_lost_confirmations(void **state)
{
	struct pmtu p = searched(1472);
	const uint64_t used = T0 + 10 * SECOND;

	(void)state;
	assert_true(pmtu_sent(&p, 1472, used));
	assert_int_equal(pmtu_due(&p, sizes, used + SECOND), 1);
	assert_int_equal(pmtu_due(&p, sizes, used + 1250 * MILLISECOND), 1);
	pmtu_acked(&p, 1464, used + 1300 * MILLISECOND);
	assert_int_equal(p.misses, 2);
	assert_int_equal(pmtu_due(&p, sizes, used + 1500 * MILLISECOND), 1);
	pmtu_acked(&p, 1472, used + 1600 * MILLISECOND);
	assert_int_equal(p.misses, 0);
	assert_int_equal(p.largest, 1472);
	assert_int_equal(p.next_at, T0 + 600 * SECOND);
}

static void searches_again_after_ten_minutes(void **state)
{
	struct pmtu p = searched(1252);

	(void)state;
	assert_int_equal(pmtu_due(&p, sizes, T0 + 600 * SECOND - 1), 0);
	assert_int_equal(pmtu_due(&p, sizes, T0 + 600 * SECOND), 7);
	assert_int_equal(p.largest, 1252); /* it holds meanwhile */
	pmtu_acked(&p, 1472, T0 + 600 * SECOND + 20 * MILLISECOND);
	assert_int_equal(p.largest, 1472);
	assert_int_equal(pmtu_due(&p, sizes, T0 + 600 * SECOND + 250 * MILLISECOND), 0);
	assert_int_equal(p.next_at, T0 + 1200 * SECOND);
}

/* Traffic that flows while the search is under way, as it does on every new path, is
 * confirmed when the search is over: a black hole is found soon, not after 10 minutes. */
static void confirms_what_was_used_during_the_search(void **state)
{
	struct pmtu p;
	uint64_t now = T0 + 100 * MILLISECOND, end = T0 + 10 * SECOND;
	unsigned confirmations = 0;

	(void)state;
	pmtu_start(&p, 28, T0);
	assert_int_equal(pmtu_due(&p, sizes, T0), 10);
	pmtu_acked(&p, 1472, T0 + 20 * MILLISECOND);
	for (; now < end && confirmations < 4; now += 10 * MILLISECOND) {
		(void)pmtu_sent(&p, 1472, now);
		confirmations += now >= p.next_at && pmtu_due(&p, sizes, now) > 0;
	}
	assert_int_equal(confirmations, 4); /* three unanswered and the new search */
	assert_int_equal(p.largest, 1000);
}

/* A peer may only acknowledge what was probed: nothing larger than a probe can be. */
static void believes_no_size_that_was_never_probed(void **state)
{
	struct pmtu p;

	(void)state;
	pmtu_start(&p, 28, T0);
	(void)pmtu_due(&p, sizes, T0);
	pmtu_acked(&p, 65535, T0 + 20 * MILLISECOND);
	assert_true(p.largest <= DATAGRAM_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_all_usual_sizes_at_once),
		cmocka_unit_test(probes_three_rounds_a_quarter_second_apart),
		cmocka_unit_test(probes_only_what_may_be_better),
		cmocka_unit_test(rests_when_nothing_is_better),
		cmocka_unit_test(waits_to_be_started),
		cmocka_unit_test(confirms_a_second_after_a_large_frame),
		cmocka_unit_test(confirms_no_more_once_traffic_ends),
		cmocka_unit_test(confirms_each_second_while_traffic_flows),
		cmocka_unit_test(finds_a_black_hole),
		cmocka_unit_test(survives_two_lost_confirmations),
		cmocka_unit_test(searches_again_after_ten_minutes),
		cmocka_unit_test(confirms_what_was_used_during_the_search),
		cmocka_unit_test(believes_no_size_that_was_never_probed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
