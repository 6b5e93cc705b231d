/* SPDX-License-Identifier: MIT */
/* The table of flows by id. */
#include "core/flow.h"
#include "unit.h"

#define T0 (1000 * SECOND)

static struct flow_table table;
static struct flow_ledger ledger;

static int begin(void **state)
{
	(void)state;
	ledger = (struct flow_ledger){.max = 1000};
	flow_table_init(&table, 300, &ledger);
	return 0;
}

static unsigned free_closing(void)
{
	struct flow *flow;
	unsigned count = 0;

	for (; (flow = flow_take_closing(&ledger)) != NULL; count++)
		free(flow);
	return count;
}

static int end(void **state)
{
	(void)state;
	free_closing();
	flow_table_fini(&table);
	return 0;
}

static void finds_what_was_opened(void **state)
{
	struct flow *flow;

	(void)state;
	assert_null(flow_find(&table, 0));
	assert_null(flow_find(&table, UINT16_MAX));
	flow = flow_open(&table, 7, T0);
	assert_non_null(flow);
	assert_int_equal(flow->id, 7);
	assert_int_equal(flow->used_at, T0);
	assert_false(flow->closing);
	assert_null(flow->handle);
	assert_ptr_equal(flow_find(&table, 7), flow);
	assert_null(flow_find(&table, 6));
	assert_null(flow_find(&table, 8));
	assert_non_null(flow_open(&table, 299, T0)); /* it grows, and forgets none */
	assert_ptr_equal(flow_find(&table, 7), flow);
	assert_int_equal(table.count, 2);
}

static void keeps_its_limit(void **state)
{
	(void)state;
	assert_null(flow_open(&table, 300, T0)); /* an id beyond any of a full table */
	for (unsigned i = 0; i < 300; i++) {
		struct flow *flow = flow_open_any(&table, T0);

		assert_non_null(flow);
		assert_int_equal(flow->id, i); /* the lowest that is free */
	}
	assert_null(flow_open_any(&table, T0));
	assert_int_equal(table.count, 300);
}

static void closes_once_and_tells_once(void **state)
{
	struct flow *one = flow_open(&table, 1, T0), *two = flow_open(&table, 2, T0);

	(void)state;
	flow_close(&table, one, T0);
	flow_close(&table, one, T0);
	assert_true(one->closing);
	assert_null(flow_find(&table, 1));
	assert_ptr_equal(flow_find(&table, 2), two);
	assert_int_equal(table.count, 1);
	assert_ptr_equal(flow_take_closing(&ledger), one);
	assert_null(flow_take_closing(&ledger));
	free(one);
}

/* An id is not given to another application while frames of the last may be under way. */
static void lets_ids_rest_a_minute(void **state)
{
	(void)state;
	assert_int_equal(flow_open_any(&table, T0)->id, 0);
	assert_int_equal(flow_open_any(&table, T0)->id, 1);
	flow_close(&table, flow_find(&table, 0), T0);
	assert_int_equal(flow_open_any(&table, T0 + 60 * SECOND - 1)->id, 2);
	assert_int_equal(flow_open_any(&table, T0 + 60 * SECOND)->id, 0);
	assert_int_equal(flow_open_any(&table, T0 + 60 * SECOND)->id, 3);
}

/* The other side decides by its own rest: what it asks for is opened. */
static void opens_a_resting_id_by_name(void **state)
{
	(void)state;
	flow_close(&table, flow_open(&table, 5, T0), T0);
	assert_non_null(flow_open(&table, 5, T0 + 1));
}

static void closes_the_idle_and_no_others(void **state)
{
	struct flow *busy = flow_open(&table, 1, T0);

	(void)state;
	assert_non_null(flow_open(&table, 2, T0));
	assert_non_null(flow_open(&table, 3, T0 + SECOND));
	flow_expire(&table, 300 * SECOND, T0 + 300 * SECOND - 1);
	assert_int_equal(table.count, 3);
	busy->used_at = T0 + 299 * SECOND;
	flow_expire(&table, 300 * SECOND, T0 + 300 * SECOND);
	assert_int_equal(table.count, 2);
	assert_null(flow_find(&table, 2));
	flow_expire(&table, 300 * SECOND, T0 + 301 * SECOND);
	assert_null(flow_find(&table, 3));
	flow_expire(&table, 300 * SECOND, T0 + 598 * SECOND);
	assert_ptr_equal(flow_find(&table, 1), busy);
	flow_expire(&table, 300 * SECOND, T0 + 599 * SECOND);
	assert_int_equal(table.count, 0);
	assert_int_equal(free_closing(), 3);
}

/* A closed one counts until the driver took it: its socket is open until then. */
static void keeps_the_owners_limit(void **state)
{
	struct flow_table other;
	struct flow *flow;

	(void)state;
	ledger.max = 2;
	flow_table_init(&other, 300, &ledger);
	flow = flow_open(&table, 1, T0);
	assert_non_null(flow);
	assert_non_null(flow_open(&other, 1, T0));
	assert_null(flow_open(&table, 2, T0));
	assert_null(flow_open(&other, 2, T0));
	flow_close(&table, flow, T0);
	assert_null(flow_open(&table, 2, T0));
	assert_int_equal(free_closing(), 1);
	assert_non_null(flow_open(&table, 2, T0));
	flow_table_fini(&other);
	assert_int_equal(ledger.count, 1);
	assert_non_null(flow_open(&table, 3, T0));
}

static void guests_outwait_hosts(void **state)
{
	(void)state;
	assert_int_equal(FLOW_IDLE_HOST, 300 * SECOND); /* RFC 4787, REQ-5 */
	assert_true(FLOW_IDLE_GUEST > FLOW_IDLE_HOST);
}

static void agrees_with_a_model(void **state)
{
	static bool open[300];
	uint64_t random = random_start();
	unsigned count = 0;

	(void)state;
	memset(open, 0, sizeof(open));
	for (unsigned i = 0; i < 5000; i++) {
		uint16_t id = (uint16_t)random_below(&random, 300);
		struct flow *flow = flow_find(&table, id);

		assert_int_equal(flow != NULL, open[id]);
		if (flow == NULL) {
			assert_non_null(flow_open(&table, id, T0 + i));
			count++;
		} else {
			flow_close(&table, flow, T0 + i);
			count--;
		}
		open[id] = !open[id];
		assert_int_equal(table.count, count);
		if (i % 100 == 0)
			free_closing();
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(finds_what_was_opened),
		TEST(keeps_its_limit),
		TEST(closes_once_and_tells_once),
		TEST(lets_ids_rest_a_minute),
		TEST(opens_a_resting_id_by_name),
		TEST(closes_the_idle_and_no_others),
		TEST(keeps_the_owners_limit),
		TEST(guests_outwait_hosts),
		TEST(agrees_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
