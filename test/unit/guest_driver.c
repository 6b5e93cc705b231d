/* SPDX-License-Identifier: MIT */
/* The guest's side: what applications send before there is a path, and where they send it. */
#include "forwarder_fixture.h"

static void keeps_what_came_before_the_path(void **state)
{
	struct forwarder_counts counts;
	struct addr listen;

	(void)state;
	start_all();
	listen = listen_addr(0);
	app_open(&listen, 60, 60, mixed);
	assert_false(connected());
	RUN_UNTIL(all_answered);
	guest_driver_get_counts(w.guest, &counts);
	assert_int_equal(counts.queue_dropped, 0);
	assert_int_equal(counts.send_failed, 0);
}

static bool sixty_four_answered(void)
{
	return local.echo.received >= 64;
}

static void drops_the_oldest_before_the_path(void **state)
{
	struct forwarder_counts counts;
	struct addr listen;

	(void)state;
	start_all();
	listen = listen_addr(0);
	app_open(&listen, 100, 100, small)->received = 36; /* the first 36 are dropped */
	RUN_UNTIL(sixty_four_answered);
	RUN_UNTIL(all_answered);
	guest_driver_get_counts(w.guest, &counts);
	assert_int_equal(counts.queue_dropped, 36);
}

static void answers_from_where_it_was_asked(void **state)
{
	struct guest_driver_config config;
	struct addr rendezvous, listen, to;

	(void)state;
	start_all();
	guest_driver_free(w.guest);
	rendezvous = rendezvous_addr();
	config = guest_config(&rendezvous);
	config.listens[0] = addr_v4(0, 0, 0, 0, 0);
	config.listens[1] = (struct addr){.family = ADDR_V6, .ip = {[15] = 1}};
	config.listen_count = 2;
	start_guest(&config);
	listen = listen_addr(0);
	for (uint8_t i = 1; i < 5; i++) {
		to = addr_v4(127, 0, 0, i, listen.port);
		app_open(&to, 20, 3, mixed);
	}
	if (guest_driver_listen(w.guest, 1, &to)) /* not every machine has IPv6 */
		app_open(&to, 20, 3, mixed);
	RUN_UNTIL(all_answered);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_what_came_before_the_path),
		TEST(drops_the_oldest_before_the_path),
		TEST(answers_from_where_it_was_asked),
	};

	return cmocka_run_group_tests(tests, world_apart, NULL);
}
