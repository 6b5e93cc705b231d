/* SPDX-License-Identifier: MIT */
#include "core/queue.h"
#include "core/flow.h"
#include "unit.h"

static struct flow flows[3];

static void put(struct queue *q, struct flow *flow, const char *text)
{
	queue_put(q, flow, (const uint8_t *)text, strlen(text));
}

static void expect(struct queue *q, const struct flow *flow, const char *text)
{
	const uint8_t *payload;
	struct flow *taken;
	size_t len;

	assert_true(queue_take(q, &taken, &payload, &len));
	assert_ptr_equal(taken, flow);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(payload, text, len);
}

static void expect_empty(struct queue *q)
{
	const uint8_t *payload;
	struct flow *flow;
	size_t len;

	assert_false(queue_take(q, &flow, &payload, &len));
}

static void gives_back_in_order(void **state)
{
	struct queue *q = queue_new(4, 100);

	(void)state;
	expect_empty(q);
	put(q, &flows[0], "one");
	put(q, &flows[1], "");
	put(q, &flows[0], "three");
	expect(q, &flows[0], "one");
	expect(q, &flows[1], "");
	expect(q, &flows[0], "three");
	expect_empty(q);
	assert_int_equal(queue_dropped(q), 0);
	queue_free(q);
}

static void drops_the_oldest_beyond_the_number(void **state)
{
	struct queue *q = queue_new(2, 100);

	(void)state;
	put(q, &flows[0], "a");
	put(q, &flows[0], "b");
	put(q, &flows[0], "c");
	assert_int_equal(queue_dropped(q), 1);
	expect(q, &flows[0], "b");
	expect(q, &flows[0], "c");
	expect_empty(q);
	queue_free(q);
}

static void drops_the_oldest_beyond_the_bytes(void **state)
{
	struct queue *q = queue_new(10, 10);

	(void)state;
	put(q, &flows[0], "1234");
	put(q, &flows[1], "5678");
	put(q, &flows[2], "abcd"); /* wraps: must not overwrite 5678 */
	assert_int_equal(queue_dropped(q), 1);
	expect(q, &flows[1], "5678");
	expect(q, &flows[2], "abcd");
	put(q, &flows[0], "0123456789"); /* all of it */
	put(q, &flows[1], "");           /* takes no bytes */
	assert_int_equal(queue_dropped(q), 1);
	expect(q, &flows[0], "0123456789");
	expect(q, &flows[1], "");
	queue_free(q);
}

static void refuses_what_never_fits(void **state)
{
	struct queue *q = queue_new(10, 4);
	struct queue *none = queue_new(0, 0);

	(void)state;
	put(q, &flows[0], "1234");
	put(q, &flows[0], "12345");
	assert_int_equal(queue_dropped(q), 1);
	expect(q, &flows[0], "1234");
	put(none, &flows[0], "");
	put(none, &flows[0], "1");
	assert_int_equal(queue_dropped(none), 2);
	expect_empty(none);
	queue_forget(none, &flows[0]);
	queue_free(q);
	queue_free(none);
	queue_free(NULL);
}

static void forgets_a_flow(void **state)
{
	struct queue *q = queue_new(5, 12);

	(void)state;
	put(q, &flows[0], "aa");
	put(q, &flows[1], "bb");
	put(q, &flows[0], "cc");
	put(q, &flows[2], "dd");
	queue_forget(q, &flows[0]);
	assert_int_equal(queue_dropped(q), 2);
	put(q, &flows[1],
		"eeeeee"); /* wraps over aa, which is gone, and bb, which is not */
	expect(q, &flows[2], "dd");
	expect(q, &flows[1], "eeeeee");
	expect_empty(q);
	queue_free(q);
}

static void payload_outlives_the_take(void **state)
{
	struct queue *q = queue_new(3, 100);
	const uint8_t *first, *second;
	struct flow *flow;
	size_t len;

	(void)state;
	put(q, &flows[0], "first");
	put(q, &flows[1], "second");
	assert_true(queue_take(q, &flow, &first, &len));
	assert_true(queue_take(q, &flow, &second, &len));
	assert_memory_equal(first, "first", 5);
	assert_memory_equal(second, "second", 6);
	queue_free(q);
}

/* A plain list of what the queue must hold. */
struct model {
	struct {
		struct flow *flow;
		uint8_t bytes[64];
		size_t len;
	} of[8];
	size_t count;
};

static void model_remove(struct model *m, size_t i)
{
	memmove(&m->of[i], &m->of[i + 1], (m->count - i - 1) * sizeof(m->of[0]));
	m->count--;
}

/* The queue may drop more than the model to make room, never anything but the oldest. */
static void model_take(struct model *m, struct queue *q)
{
	const uint8_t *payload;
	struct flow *flow;
	size_t len;

	if (!queue_take(q, &flow, &payload, &len)) {
		m->count = 0;
		return;
	}
	while (m->count > 0 && (m->of[0].flow != flow || m->of[0].len != len ||
				       memcmp(m->of[0].bytes, payload, len) != 0))
		model_remove(m, 0);
	assert_true(m->count > 0);
	model_remove(m, 0);
}

static void model_put(struct model *m, struct queue *q, uint64_t *seed)
{
	size_t len = random_below(seed, 65);
	struct flow *flow = &flows[random_below(seed, 3)];
	size_t i;

	if (m->count == 8)
		model_remove(m, 0);
	i = m->count++;
	m->of[i].flow = flow;
	m->of[i].len = len;
	random_bytes(seed, m->of[i].bytes, len);
	queue_put(q, flow, m->of[i].bytes, len);
}

static void model_forget(struct model *m, struct queue *q, const struct flow *flow)
{
	queue_forget(q, flow);
	for (size_t i = m->count; i-- > 0;) {
		if (m->of[i].flow == flow)
			model_remove(m, i);
	}
}

static void agrees_with_a_model(void **state)
{
	uint64_t seed = random_start();

	(void)state;
	for (int run = 0; run < 200; run++) {
		struct queue *q = queue_new(8, 64 + random_below(&seed, 300));
		struct model m = {.count = 0};

		for (int step = 0; step < 300; step++) {
			uint64_t choice = random_below(&seed, 10);

			if (choice < 5)
				model_put(&m, q, &seed);
			else if (choice < 9)
				model_take(&m, q);
			else
				model_forget(&m, q, &flows[random_below(&seed, 3)]);
		}
		queue_free(q);
	}
}

/* After a put, at least that datagram is there, and all that fit two times over are. */
static void keeps_the_newest(void **state)
{
	struct queue *q = queue_new(64, 1000);
	uint8_t bytes[100];
	uint64_t dropped;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		memset(bytes, i, sizeof(bytes));
		queue_put(q, &flows[0], bytes, sizeof(bytes));
	}
	dropped = queue_dropped(q);
	assert_int_equal(dropped, 990);
	for (int i = 990; i < 1000; i++) {
		const uint8_t *payload;
		struct flow *flow;
		size_t len;

		assert_true(queue_take(q, &flow, &payload, &len));
		assert_int_equal(payload[99], (uint8_t)i);
	}
	queue_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_in_order),
		cmocka_unit_test(drops_the_oldest_beyond_the_number),
		cmocka_unit_test(drops_the_oldest_beyond_the_bytes),
		cmocka_unit_test(refuses_what_never_fits),
		cmocka_unit_test(forgets_a_flow),
		cmocka_unit_test(payload_outlives_the_take),
		cmocka_unit_test(agrees_with_a_model),
		cmocka_unit_test(keeps_the_newest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
