/* SPDX-License-Identifier: MIT */
/* The ring of events: in order, the oldest lost when full. */
#include "core/event.h"
#include "unit.h"

static struct events events;

static int empty(void **state)
{
	(void)state;
	memset(&events, 0, sizeof(events));
	return 0;
}

static void names_every_type_differently(void **state)
{
	(void)state;
	assert_string_equal(event_name(EVENT_SOCKET_WANTED), "socket-wanted");
	assert_string_equal(event_name(EVENT_GUEST_MOVED), "guest-moved");
	assert_string_equal(event_name(EVENT_MOVED), "moved");
	assert_string_equal(event_name(EVENT_VERSION_MISMATCH), "version-mismatch");
	assert_string_equal(event_name(EVENT_COUNT), "?");
	assert_string_equal(event_name((enum event_type)9999), "?");
	for (unsigned i = 0; i < EVENT_COUNT; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(event_name(i), event_name(j));
}

static void gives_in_order_what_was_added(void **state)
{
	struct event event;

	(void)state;
	assert_false(events_take(&events, &event));
	events_add(&events, EVENT_ASKING)->number = 1;
	events_add(&events, EVENT_CONNECTED)->span = 2;
	assert_true(events_take(&events, &event));
	assert_int_equal(event.type, EVENT_ASKING);
	assert_int_equal(event.number, 1);
	assert_true(events_take(&events, &event));
	assert_int_equal(event.type, EVENT_CONNECTED);
	assert_int_equal(event.span, 2);
	assert_int_equal(event.number, 0);
	assert_false(events_take(&events, &event));
}

/* A place that was used before holds nothing of it. */
static void gives_zeroed_ones(void **state)
{
	const struct event zeroed = {.type = EVENT_LOST};
	struct event event;

	(void)state;
	for (unsigned i = 0; i < EVENTS_MAX; i++) {
		struct event *e = events_add(&events, EVENT_GUEST_NEW);

		memset(e, 0xff, sizeof(*e));
		assert_true(events_take(&events, &event));
	}
	event = *events_add(&events, EVENT_LOST);
	assert_int_equal(event.type, zeroed.type);
	assert_int_equal(event.number, 0);
	assert_int_equal(event.span, 0);
	assert_null(event.why);
	assert_null(event.flow);
	assert_memory_equal(&event.path, &zeroed.path, sizeof(zeroed.path));
	assert_memory_equal(&event.addr, &zeroed.addr, sizeof(zeroed.addr));
	assert_memory_equal(&event.peer, &zeroed.peer, sizeof(zeroed.peer));
	assert_memory_equal(event.identity, zeroed.identity, sizeof(zeroed.identity));
}

static void loses_the_oldest_when_full(void **state)
{
	struct event event;

	(void)state;
	for (unsigned i = 0; i < 128 + 3; i++)
		events_add(&events, EVENT_ASKING)->number = i;
	for (unsigned i = 3; i < 128 + 3; i++) {
		assert_true(events_take(&events, &event));
		assert_int_equal(event.number, i);
	}
	assert_false(events_take(&events, &event));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_every_type_differently),
		cmocka_unit_test_setup(gives_in_order_what_was_added, empty),
		cmocka_unit_test_setup(gives_zeroed_ones, empty),
		cmocka_unit_test_setup(loses_the_oldest_when_full, empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
