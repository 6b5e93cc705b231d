/* SPDX-License-Identifier: MIT */
/* When a forwarder pauses between wakeups, and when never. */
#include "net/moderation.h"
#include "unit.h"

#include "core/path.h"

/* Wakes rate times a second for span, from *now on, each time with datagrams. Returns how
 * many pauses were asked for. */
static unsigned wake(struct moderation *m, uint64_t *now, unsigned rate, uint64_t span,
	bool from_peers, unsigned datagrams)
{
	uint64_t count = span * rate / SECOND, before = m->pauses, begin = *now;

	for (uint64_t i = 1; i <= count; i++) {
		*now = begin + i * SECOND / rate;
		moderation_note(m, from_peers, datagrams, *now);
		(void)moderation_pause(m);
	}
	return (unsigned)(m->pauses - before);
}

static void pauses_above_the_rate(void **state)
{
	struct moderation m = {0};
	uint64_t now = 1000 * SECOND;

	(void)state;
	(void)wake(&m, &now, 20000, SECOND / 20, true, 1);
	assert_true(m.on);
	moderation_note(&m, true, 1, now);
	assert_int_equal(moderation_pause(&m), MODERATION_PAUSE);
	assert_int_equal(moderation_pause(&m), 0); /* nothing came since */
}

static void never_pauses_up_to_10000_a_second(void **state)
{
	struct moderation m = {0};
	uint64_t now = 1000 * SECOND;

	(void)state;
	assert_int_equal(wake(&m, &now, 10000, 2 * SECOND, true, 1), 0);
	assert_int_equal(wake(&m, &now, 10000, 2 * SECOND, false, 1), 0);
}

/* An echo wakes for both directions. */
static void counts_each_direction_alone(void **state)
{
	struct moderation m = {0};

	(void)state;
	for (uint64_t i = 0; i < 20000; i++) {
		moderation_note(&m, i % 2, 1, SECOND + i * SECOND / 20000);
		assert_int_equal(moderation_pause(&m), 0);
	}
}

/* What a stall of 4 ms held back comes at once. */
static void is_not_fooled_by_a_stall(void **state)
{
	struct moderation m = {0};
	uint64_t now = 1000 * SECOND;
	unsigned pauses = 0;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		pauses += wake(&m, &now, 10000, 16 * MILLISECOND, true, 1);
		now += 4 * MILLISECOND;
		pauses += wake(&m, &now, 1000000, SECOND / 25000, true, 1);
	}
	assert_int_equal(pauses, 0);
}

/* While it is on, wakeups are fewer: those of 20,000 datagrams a second are 10,000. */
static void goes_on_by_datagrams(void **state)
{
	struct moderation m = {0};
	uint64_t now = 1000 * SECOND;

	(void)state;
	(void)wake(&m, &now, 20000, SECOND / 20, true, 1);
	assert_int_equal(wake(&m, &now, 10000, SECOND, true, 2), 10000);
}

static void ends_with_the_rate(void **state)
{
	struct moderation m = {0};
	uint64_t now = 1000 * SECOND;

	(void)state;
	(void)wake(&m, &now, 20000, SECOND / 20, true, 1);
	(void)wake(&m, &now, 10000, SECOND / 20, true, 1);
	assert_false(m.on);
	(void)wake(&m, &now, 20000, SECOND / 20, true, 1);
	assert_true(m.on);
	now += SECOND; /* silence */
	assert_int_equal(wake(&m, &now, 20000, MODERATION_WINDOW / 2, true, 1), 0);
}

static void does_not_pause_after_much(void **state)
{
	struct moderation m = {.on = true, .window_at = SECOND};

	(void)state;
	moderation_note(&m, true, MODERATION_FEW - 1, SECOND);
	assert_int_equal(moderation_pause(&m), MODERATION_PAUSE);
	moderation_note(&m, true, MODERATION_FEW - 1, SECOND);
	moderation_note(&m, false, 1, SECOND); /* another socket, in the same turn */
	assert_int_equal(moderation_pause(&m), 0);
	moderation_note(&m, true, 0, SECOND); /* an error in the queue */
	assert_int_equal(moderation_pause(&m), 0);
}

/* A busy machine wakes late, and then finds more than one now and then. */
static void begins_where_some_come_in_pairs(void **state)
{
	struct moderation m = {0};

	(void)state;
	for (uint64_t i = 0; i < 1200; i++)
		moderation_note(
			&m, true, i % 3 == 0 ? 2 : 1, SECOND + i * SECOND / 12000);
	assert_true(m.on);
}

/* Runs by GRO wake seldom and carry much. */
static void does_not_begin_with_runs(void **state)
{
	struct moderation m = {0};
	uint64_t now = 1000 * SECOND;

	(void)state;
	assert_int_equal(wake(&m, &now, 5000, SECOND, true, 32), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_above_the_rate),
		cmocka_unit_test(never_pauses_up_to_10000_a_second),
		cmocka_unit_test(counts_each_direction_alone),
		cmocka_unit_test(is_not_fooled_by_a_stall),
		cmocka_unit_test(goes_on_by_datagrams),
		cmocka_unit_test(ends_with_the_rate),
		cmocka_unit_test(does_not_pause_after_much),
		cmocka_unit_test(begins_where_some_come_in_pairs),
		cmocka_unit_test(does_not_begin_with_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
