/* SPDX-License-Identifier: MIT */
#include "core/keepalive.h"

#include "unit.h"

#define S(s) ((uint64_t)(s)*SECOND)

/* What happens to silences where each side's mapping lives that long. */
static uint64_t settle(
	struct keepalive *k, uint64_t host, uint64_t guest, unsigned silences)
{
	uint64_t now = S(1000);

	for (unsigned i = 0; i < silences; i++) {
		uint64_t span = k->span;

		now += span;
		if (k->hosts_turn && span < guest)
			keepalive_heard(k, span, now);
		else if (k->hosts_turn)
			keepalive_answered(k, span + KEEPALIVE_GRACE, now);
		else if (span < host)
			keepalive_answered(k, span, now);
		else
			keepalive_died(k, span, now);
		assert_in_range(k->span, KEEPALIVE_MIN, KEEPALIVE_MAX);
	}
	return k->span;
}

static void begins_with_the_least_and_the_host(void **state)
{
	struct keepalive k;

	(void)state;
	keepalive_init(&k);
	assert_int_equal(keepalive_span(&k, false), KEEPALIVE_MIN);
	assert_true(k.hosts_turn);
}

/* Both sides end one silence, then it is half as long again, up to a limit. */
static void stretches_what_both_survive(void **state)
{
	static const uint64_t spans[] = {
		4500, 6750, 10125, 15187, 22781, 34171, 51257, 76886, 108000, 108000};
	struct keepalive k;

	(void)state;
	keepalive_init(&k);
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		assert_int_equal(k.span / MILLISECOND, spans[i]);
		keepalive_heard(&k, k.span, S(i));
		assert_false(k.hosts_turn);
		assert_int_equal(k.span / MILLISECOND, spans[i]);
		keepalive_answered(&k, k.span, S(i));
		assert_true(k.hosts_turn);
	}
}

static void begin_at_15_s(struct keepalive *k)
{
	keepalive_init(k);
	k->span = S(15);
}

static void counts_silences_of_the_whole_span_only(void **state)
{
	struct keepalive k;

	(void)state;
	begin_at_15_s(&k);
	keepalive_heard(&k, S(14), S(1));
	keepalive_answered(&k, S(14), S(1));
	assert_true(k.hosts_turn);
	assert_int_equal(k.span, S(15));
	keepalive_heard(&k, S(15) - KEEPALIVE_SLACK, S(2)); /* what was under way */
	assert_false(k.hosts_turn);
}

/* The guest had to ask, though the host lives: its ping did not get through. */
static void cuts_what_the_host_could_not_end(void **state)
{
	struct keepalive k;

	(void)state;
	begin_at_15_s(&k);
	keepalive_answered(&k, S(16), S(1)); /* the application spoke before its turn */
	assert_int_equal(k.span, S(15));
	keepalive_answered(&k, S(17), S(1));
	assert_int_equal(k.span, 10500 * MILLISECOND);
	keepalive_died(&k, S(2), S(1));
	assert_int_equal(k.span, KEEPALIVE_MIN);
}

static void goes_back_to_what_was_survived(void **state)
{
	struct keepalive k;

	(void)state;
	begin_at_15_s(&k);
	keepalive_heard(&k, S(15), S(1));
	keepalive_answered(&k, S(15), S(1));
	keepalive_died(&k, k.span, S(2));
	assert_int_equal(k.span, S(15));
	keepalive_died(&k, S(15), S(3)); /* not even that any more */
	assert_int_equal(k.span, 10500 * MILLISECOND);
}

static void learns_nothing_while_asleep(void **state)
{
	struct keepalive k;

	(void)state;
	begin_at_15_s(&k);
	keepalive_died(&k, S(60), S(1));
	keepalive_answered(&k, S(60), S(1));
	assert_int_equal(k.span, S(15));
}

/* Over a relay it does not forget what it learned. */
static void is_shorter_over_a_relay(void **state)
{
	struct keepalive k;

	(void)state;
	keepalive_init(&k);
	settle(&k, S(300), S(300), 40);
	assert_int_equal(keepalive_span(&k, false), S(108));
	assert_int_equal(keepalive_span(&k, true), S(45));
	keepalive_heard(&k, S(45), S(5000));
	assert_false(k.hosts_turn);
	keepalive_answered(&k, S(45), S(5000));
	assert_true(k.hosts_turn);
	assert_int_equal(k.span, S(108));
}

/* Whatever the lifetimes: below the shorter one, and not by much. */
static void finds_what_both_sides_survive(void **state)
{
	static const unsigned lifetimes[] = {5, 8, 10, 15, 20, 30, 45, 60, 90, 120, 180};
	const size_t count = sizeof(lifetimes) / sizeof(lifetimes[0]);

	(void)state;
	for (size_t i = 0; i < count * count; i++) {
		unsigned host = lifetimes[i / count], guest = lifetimes[i % count];
		uint64_t shorter = S(host < guest ? host : guest), span;
		struct keepalive k;

		keepalive_init(&k);
		span = settle(&k, S(host), S(guest), 24);
		assert_in_range(
			span, shorter < S(108) ? shorter * 6 / 10 : S(64), shorter);
	}
}

/* It tries again after ten minutes, then after twenty: a restart says nothing for good. */
static void tries_again_after_a_while(void **state)
{
	struct keepalive k;

	(void)state;
	begin_at_15_s(&k);
	keepalive_died(&k, S(15), S(1000));
	for (uint64_t now = 1001; now < 1600; now += 10)
		for (unsigned side = 0; side < 2; side++)
			if (k.hosts_turn)
				keepalive_heard(&k, k.span, S(now));
			else
				keepalive_answered(&k, k.span, S(now));
	assert_in_range(k.span, S(12), S(15));
	keepalive_heard(&k, k.span, S(1600));
	keepalive_answered(&k, k.span, S(1600));
	assert_true(k.span > S(15));
	keepalive_died(&k, k.span, S(1700));
	assert_int_equal(k.retry_at, S(1700 + 1200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_with_the_least_and_the_host),
		cmocka_unit_test(stretches_what_both_survive),
		cmocka_unit_test(counts_silences_of_the_whole_span_only),
		cmocka_unit_test(cuts_what_the_host_could_not_end),
		cmocka_unit_test(goes_back_to_what_was_survived),
		cmocka_unit_test(learns_nothing_while_asleep),
		cmocka_unit_test(is_shorter_over_a_relay),
		cmocka_unit_test(finds_what_both_sides_survive),
		cmocka_unit_test(tries_again_after_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
