/* SPDX-License-Identifier: MIT */
/* Deadlines: the earliest first, whatever was set, moved and cleared in between. */
#include "core/path.h"
#include "core/timers.h"
#include "unit.h"

#define MANY 1000

static void is_never_when_empty(void **state)
{
	struct timers t;
	struct timer timer = {0};

	(void)state;
	timers_init(&t);
	assert_true(timers_next(&t) == NEVER);
	assert_null(timers_pop(&t, NEVER));
	timers_clear(&t, &timer); /* was not set */
	assert_true(timers_set(&t, &timer, NEVER));
	assert_int_equal(t.count, 0);
	assert_int_equal(timer.place, 0);
	timers_fini(&t);
}

static void pops_what_is_due_and_no_sooner(void **state)
{
	struct timers t;
	struct timer a = {.kind = 1}, b = {.kind = 2};

	(void)state;
	timers_init(&t);
	assert_true(timers_set(&t, &a, 200));
	assert_true(timers_set(&t, &b, 100));
	assert_int_equal(timers_next(&t), 100);
	assert_null(timers_pop(&t, 99));
	assert_ptr_equal(timers_pop(&t, 100), &b);
	assert_int_equal(b.place, 0);
	assert_int_equal(timers_next(&t), 200);
	assert_null(timers_pop(&t, 199));
	assert_ptr_equal(timers_pop(&t, 5000), &a); /* late is due as well */
	assert_null(timers_pop(&t, 5000));
	timers_fini(&t);
}

static void moves_both_ways(void **state)
{
	struct timers t;
	struct timer a = {0}, b = {0}, c = {0};

	(void)state;
	timers_init(&t);
	assert_true(timers_set(&t, &a, 10));
	assert_true(timers_set(&t, &b, 20));
	assert_true(timers_set(&t, &c, 30));
	assert_true(timers_set(&t, &a, 25));
	assert_int_equal(timers_next(&t), 20);
	assert_true(timers_set(&t, &c, 5));
	assert_int_equal(timers_next(&t), 5);
	assert_true(timers_set(&t, &c, NEVER));
	assert_int_equal(c.place, 0);
	assert_int_equal(t.count, 2);
	assert_ptr_equal(timers_pop(&t, 100), &b);
	assert_ptr_equal(timers_pop(&t, 100), &a);
	timers_fini(&t);
}

/* One that is popped may be set again at once, in the past too. */
static void sets_again_while_popping(void **state)
{
	struct timers t;
	struct timer a = {0}, b = {0};

	(void)state;
	timers_init(&t);
	assert_true(timers_set(&t, &a, 10));
	assert_true(timers_set(&t, &b, 12));
	assert_ptr_equal(timers_pop(&t, 20), &a);
	assert_true(timers_set(&t, &a, 11));
	assert_ptr_equal(timers_pop(&t, 20), &a);
	assert_true(timers_set(&t, &a, 20));
	assert_ptr_equal(timers_pop(&t, 20), &b);
	assert_ptr_equal(timers_pop(&t, 20), &a);
	timers_fini(&t);
}

static uint64_t earliest(const struct timer *timers)
{
	uint64_t at = NEVER;

	for (size_t i = 0; i < MANY; i++)
		if (timers[i].place != 0 && timers[i].at < at)
			at = timers[i].at;
	return at;
}

static void expect_heap(const struct timers *t, const struct timer *timers)
{
	assert_true(timers_next(t) == earliest(timers));
	for (size_t i = 0; i < t->count; i++) {
		assert_int_equal(t->heap[i]->place, i + 1);
		if (i > 0)
			assert_true(t->heap[(i - 1) / 2]->at <= t->heap[i]->at);
	}
}

static void keeps_order_whatever_happens(void **state)
{
	static struct timer timers[MANY];
	uint64_t random = random_start();
	struct timers t;

	(void)state;
	memset(timers, 0, sizeof(timers));
	timers_init(&t);
	for (unsigned i = 0; i < 20000; i++) {
		struct timer *timer = &timers[random_below(&random, MANY)];

		switch (random_below(&random, 4)) {
		case 0:
		case 1:
			/* Few values, so that many are equal. */
			assert_true(timers_set(&t, timer, random_below(&random, 500)));
			break;
		case 2: timers_clear(&t, timer); break;
		default: {
			uint64_t now = random_below(&random, 500), at = timers_next(&t);
			struct timer *popped = timers_pop(&t, now);

			assert_int_equal(popped != NULL, at <= now);
			if (popped != NULL) {
				assert_true(popped->at == at);
				assert_int_equal(popped->place, 0);
			}
		}
		}
		if (i % 50 == 0)
			expect_heap(&t, timers);
	}
	for (uint64_t last = 0; t.count > 0;) {
		struct timer *timer = timers_pop(&t, 500);

		assert_non_null(timer);
		assert_true(timer->at >= last);
		last = timer->at;
	}
	timers_fini(&t);
	assert_null(t.heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_never_when_empty),
		cmocka_unit_test(pops_what_is_due_and_no_sooner),
		cmocka_unit_test(moves_both_ways),
		cmocka_unit_test(sets_again_while_popping),
		cmocka_unit_test(keeps_order_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
