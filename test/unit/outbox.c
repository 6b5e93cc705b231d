/* SPDX-License-Identifier: MIT */
/* The ring of control datagrams on their way out. */
#include "core/outbox.h"
#include "unit.h"

static struct path path_to(uint16_t port)
{
	return (struct path){
		.socket = 3, .ifindex = 2, .remote = addr_v4(192, 0, 2, 1, port)};
}

static void put(struct outbox *o, uint16_t port, uint16_t len)
{
	const struct path path = path_to(port);
	struct datagram *d = outbox_add(o, &path, 7);

	assert_int_equal(d->len, 0);
	assert_int_equal(d->ttl, 7);
	assert_int_equal(d->tos, 0);
	d->len = len;
	d->tos = 46;
	memset(d->data, port, len);
}

static void expect(struct outbox *o, uint16_t port, uint16_t len)
{
	const struct path path = path_to(port);
	uint8_t filled[DATAGRAM_MAX];
	struct datagram d;

	assert_true(outbox_take(o, &d));
	assert_memory_equal(&d.path, &path, sizeof(path));
	assert_int_equal(d.ttl, 7);
	assert_int_equal(d.tos, 46);
	assert_int_equal(d.len, len);
	memset(filled, port, len);
	assert_memory_equal(d.data, filled, len);
}

static void gives_in_order_what_was_added(void **state)
{
	struct outbox o;
	struct datagram d;

	(void)state;
	assert_true(outbox_init(&o, 4));
	assert_false(outbox_take(&o, &d));
	put(&o, 1, 20);
	put(&o, 2, DATAGRAM_MAX);
	put(&o, 3, 0);
	expect(&o, 1, 20);
	expect(&o, 2, DATAGRAM_MAX);
	expect(&o, 3, 0);
	assert_false(outbox_take(&o, &d));
	outbox_fini(&o);
	assert_null(o.ring);
}

static void drops_the_newest_when_full(void **state)
{
	struct outbox o;
	struct datagram d;

	(void)state;
	assert_true(outbox_init(&o, 2));
	put(&o, 1, 10);
	put(&o, 2, 10);
	put(&o, 3, DATAGRAM_MAX); /* into the scratch one, which has as much room */
	put(&o, 4, DATAGRAM_MAX);
	assert_int_equal(o.dropped, 2);
	expect(&o, 1, 10);
	put(&o, 5, 10);
	expect(&o, 2, 10);
	expect(&o, 5, 10);
	assert_false(outbox_take(&o, &d));
	assert_int_equal(o.dropped, 2);
	outbox_fini(&o);
}

static void tells_its_room(void **state)
{
	struct outbox o;

	(void)state;
	assert_true(outbox_init(&o, 3));
	assert_true(outbox_has_room(&o, 3));
	assert_false(outbox_has_room(&o, 4));
	put(&o, 1, 1);
	assert_true(outbox_has_room(&o, 2));
	assert_false(outbox_has_room(&o, 3));
	put(&o, 2, 1);
	put(&o, 3, 1);
	assert_true(outbox_has_room(&o, 0));
	assert_false(outbox_has_room(&o, 1));
	put(&o, 4, 1);
	assert_false(outbox_has_room(&o, 1));
	outbox_fini(&o);
}

static void goes_round_for_long(void **state)
{
	uint64_t random = random_start();
	uint16_t first = 0, next = 0;
	struct outbox o;

	(void)state;
	assert_true(outbox_init(&o, 5));
	for (unsigned i = 0; i < 10000; i++) {
		if (random_below(&random, 2) == 0) {
			bool room = next - first < 5;

			put(&o, next, 3);
			next = (uint16_t)(next + room);
		} else if (first != next) {
			expect(&o, first++, 3);
		}
		if (next > 60000)
			break;
	}
	assert_int_equal(o.count, next - first);
	outbox_fini(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_in_order_what_was_added),
		cmocka_unit_test(drops_the_newest_when_full),
		cmocka_unit_test(tells_its_room),
		cmocka_unit_test(goes_round_for_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
