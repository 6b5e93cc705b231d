/* SPDX-License-Identifier: MIT */
/* How long a forwarder spins before it sleeps. */
#include "net/busy_poll.h"
#include "unit.h"

#include "net/system.h"

/* Datagrams count times, gap apart. Returns how long it would spin after the last. */
static uint64_t come(struct busy_poll *b, uint64_t *now, unsigned count, uint64_t gap)
{
	uint64_t until = 0;

	for (unsigned i = 0; i < count; i++) {
		*now += gap;
		until = busy_poll_decide(b, *now);
	}
	return until - *now;
}

static void spins_its_span_after_a_datagram(void **state)
{
	struct busy_poll b;
	uint64_t now = 1000 * SECOND;

	(void)state;
	busy_poll_init(&b, 50 * MICROSECOND);
	assert_int_equal(come(&b, &now, 1, SECOND), 50 * MICROSECOND);
	assert_int_equal(come(&b, &now, 100, 20 * MILLISECOND), 50 * MICROSECOND);
}

static void spins_from_one_to_the_next_at_10000_a_second(void **state)
{
	struct busy_poll b;
	uint64_t now = 1000 * SECOND;

	(void)state;
	busy_poll_init(&b, 50 * MICROSECOND);
	assert_true(come(&b, &now, 20, 100 * MICROSECOND) > 200 * MICROSECOND);
	assert_true(come(&b, &now, 1000, 100 * MICROSECOND) > 300 * MICROSECOND);
}

static void stops_soon_when_they_come_slowly(void **state)
{
	struct busy_poll b;
	uint64_t now = 1000 * SECOND;

	(void)state;
	busy_poll_init(&b, 50 * MICROSECOND);
	(void)come(&b, &now, 1000, 20 * MICROSECOND);
	assert_int_equal(come(&b, &now, 8, MILLISECOND), 50 * MICROSECOND);
}

static void count_idle(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop, (void)revents;
	*(unsigned *)timer->data += 1;
}

/* Having spun for its time the loop has nothing left that keeps it, and returns. */
static void lets_the_loop_sleep_afterwards(void **state)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct busy_poll b;
	unsigned fired = 0;
	ev_timer timer;

	(void)state;
	busy_poll_init(&b, MILLISECOND);
	busy_poll_note(&b, loop, clock_now());
	assert_true(ev_is_active(&b.idle));
	ev_timer_init(&timer, count_idle, 0.01, 0.);
	timer.data = &fired;
	ev_timer_start(loop, &timer);
	ev_run(loop, 0);
	assert_int_equal(fired, 1);
	assert_false(ev_is_active(&b.idle));
	ev_loop_destroy(loop);
}

static void off_it_never_spins(void **state)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct busy_poll b;

	(void)state;
	busy_poll_init(&b, 0);
	busy_poll_note(&b, loop, clock_now());
	assert_false(ev_is_active(&b.idle));
	busy_poll_stop(&b, loop);
	ev_loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spins_its_span_after_a_datagram),
		cmocka_unit_test(spins_from_one_to_the_next_at_10000_a_second),
		cmocka_unit_test(stops_soon_when_they_come_slowly),
		cmocka_unit_test(lets_the_loop_sleep_afterwards),
		cmocka_unit_test(off_it_never_spins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
