/* SPDX-License-Identifier: MIT */
/* How much of a table one may hold, and how much is left when many want it. */
#include "core/room.h"
#include "unit.h"

#define MAX 1000

/* They take in turn until nobody gets any more; returns how many each has. */
static uint32_t share_of_each(uint32_t takers, uint32_t part, uint32_t few)
{
	uint32_t held[MAX] = {0}, count = 0, before;

	do {
		before = count;
		for (uint32_t i = 0; i < takers && count < MAX; i++) {
			if (!room_allows(held[i], MAX, count, part, few))
				continue;
			held[i]++;
			count++;
		}
	} while (count > before);
	for (uint32_t i = 1; i < takers; i++)
		assert_in_range(held[i] + 1, held[0], held[0] + 1);
	return held[0];
}

static void one_alone_gets_a_good_part(void **state)
{
	(void)state;
	assert_int_equal(share_of_each(1, 1, 0), 500);
	assert_int_equal(share_of_each(1, 4, 0), 200);
}

static void many_leave_something_free(void **state)
{
	(void)state;
	assert_int_equal(share_of_each(4, 1, 0), 200); /* and 200 are free */
	assert_int_equal(share_of_each(96, 4, 0), 10); /* and 40 are free */
	assert_int_equal(share_of_each(1000, 4, 0), 1);
	assert_true(room_allows(0, MAX, 999, 1, 0));
	assert_false(room_allows(0, MAX, 1000, 1, 0));
}

static void a_few_anyone_may_have(void **state)
{
	(void)state;
	assert_true(room_allows(7, 10, 9, 8, 8));
	assert_false(room_allows(8, 10, 9, 8, 8));
	assert_true(
		room_allows(0, 10, 12, 8, 8)); /* whoever asks knows that it is full */
}

static void keys_are_counted_apart(void **state)
{
	static const uint8_t hash_key[16] = {1};
	static struct tally tally;
	unsigned other = 0;

	(void)state;
	tally_init(&tally, hash_key);
	++*tally_of(&tally, "one", 3);
	for (uint32_t i = 0; i < 1000; i++)
		other += *tally_of(&tally, &i, sizeof(i));
	assert_in_range(other, 0, 1); /* of 1,000 keys one may share the cell */
	assert_int_equal(*tally_of(&tally, "one", 3), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_alone_gets_a_good_part),
		cmocka_unit_test(many_leave_something_free),
		cmocka_unit_test(a_few_anyone_may_have),
		cmocka_unit_test(keys_are_counted_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
