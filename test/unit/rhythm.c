/* SPDX-License-Identifier: MIT */
#include "cmd/rhythm.h"
#include "unit.h"

static struct path path_to(uint8_t last, uint16_t port)
{
	return (struct path){.remote = addr_v4(198, 51, 100, last, port)};
}

/* A connection at each of these seconds, the port another one each time. */
static unsigned renewals(struct rhythm *r, const unsigned *at, size_t count)
{
	unsigned renewed = 0;

	for (size_t i = 0; i < count; i++) {
		struct path path = path_to(7, (uint16_t)(40000 + i));

		renewed += rhythm_renews(r, &path, at[i] * SECOND);
	}
	return renewed;
}

/* Two paths die after 50 s, the next are replaced after 40. */
static void a_pace_is_found(void **state)
{
	static const unsigned at[] = {100, 151, 202, 242, 284, 323, 363, 404};
	struct rhythm r = {.since = 0};

	(void)state;
	assert_int_equal(renewals(&r, at, 5), 0);
	assert_int_equal(renewals(&r, at + 5, 3), 3);
}

static void what_comes_out_of_turn_is_told(void **state)
{
	static const unsigned at[] = {100, 140, 180, 220, 237, 277, 317, 357};
	static const unsigned flapping[] = {1000, 1001, 1002, 1003, 1004};
	struct rhythm r = {.since = 0};

	(void)state;
	assert_int_equal(renewals(&r, at, 4), 1);
	assert_int_equal(renewals(&r, at + 4, 3), 0); /* a router was restarted */
	assert_int_equal(renewals(&r, at + 7, 1), 1);
	assert_int_equal(renewals(&r, flapping, 5), 0);
}

static void another_path_is_told(void **state)
{
	static const unsigned at[] = {100, 140, 180, 220};
	struct path elsewhere = path_to(8, 40000), relayed = path_to(7, 40000);
	struct rhythm r = {.since = 0};

	(void)state;
	relayed.channel = 5;
	assert_int_equal(renewals(&r, at, 4), 1);
	assert_false(rhythm_renews(&r, &elsewhere, 260 * SECOND));
	assert_false(rhythm_renews(&r, &relayed, 300 * SECOND));
	assert_false(rhythm_renews(&r, &relayed, 340 * SECOND));
	for (unsigned at_s = 380; at_s <= 460; at_s += 40)
		assert_false(rhythm_renews(&r, &elsewhere, at_s * SECOND));
	assert_true(rhythm_renews(&r, &elsewhere, 500 * SECOND));
}

static void guests_have_one_each(void **state)
{
	static struct rhythms all;
	static const unsigned at[] = {100, 140};

	(void)state;
	assert_int_equal(renewals(rhythms_find(&all, 1), at, 2), 0);
	assert_int_equal(rhythms_find(&all, 2)->since, 0);
	assert_int_equal(rhythms_find(&all, 1)->since, 140 * SECOND);
	assert_int_equal(rhythms_find(&all, 1 + RHYTHMS_MAX)->since, 0);
	assert_int_equal(rhythms_find(&all, 1)->since, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pace_is_found),
		cmocka_unit_test(what_comes_out_of_turn_is_told),
		cmocka_unit_test(another_path_is_told),
		cmocka_unit_test(guests_have_one_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
