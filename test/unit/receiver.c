/* SPDX-License-Identifier: MIT */
/* What the kernel tells of an application's buffer. */
#include "sockets.h"

#include "net/receiver.h"

#if defined(__linux__) && !defined(EYELET_PORTABLE)

#define MANY 2000 /* small datagrams: more than a default buffer holds */

/* A sender and, with a default buffer, a receiver at loopback. */
static void open_both(struct udp_socket *from, struct udp_socket *to, uint8_t family)
{
	const struct udp_options options = {.buffer = 0};
	struct addr at = loopback(family);

	open_at(from, at, false);
	memset(to, 0, sizeof(*to));
	assert_int_equal(udp_open(to, &at, &options), 0);
}

static void send_some(
	struct udp_socket *from, const struct udp_socket *to, unsigned count, size_t len)
{
	static uint8_t bytes[9000];
	const struct path path = {.remote = to->bound};

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(udp_send(from, &path, 0, 0, bytes, len), 0);
}

static void check_family(uint8_t family)
{
	struct udp_socket from, to, other;
	struct receiver_state state, again;
	struct receiver_query q;

	open_both(&from, &to, family);
	open_at(&other, loopback(family), false);
	receiver_query_init(&q);
	assert_true(receiver_look(&q, &from.bound, &to.bound, &state));
	assert_int_equal(state.used, 0);
	assert_true(state.size > 0);

	send_some(&from, &to, 3, 100);
	assert_true(receiver_look(&q, &from.bound, &to.bound, &again));
	assert_true(again.used >= 3 * 100);
	assert_int_equal(again.size, state.size);
	assert_true(again.cookie == state.cookie);
	assert_int_equal(again.drops, 0);

	assert_true(receiver_look(&q, &from.bound, &other.bound, &again));
	assert_int_equal(again.used, 0);
	assert_true(again.cookie != state.cookie);
	receiver_query_fini(&q);
	udp_close(&from);
	udp_close(&to);
	udp_close(&other);
}

static void tells_what_is_in_a_buffer(void **state)
{
	(void)state;
	check_family(ADDR_V4);
}

static void tells_it_of_ipv6(void **state)
{
	(void)state;
	check_family(ADDR_V6);
}

static void counts_what_a_full_buffer_lost(void **unused)
{
	struct receiver_state state;
	struct receiver_query q;
	struct udp_socket from, to;
	uint8_t byte;
	unsigned kept = 0;

	(void)unused;
	open_both(&from, &to, ADDR_V4);
	receiver_query_init(&q);
	send_some(&from, &to, MANY, 100);
	assert_true(receiver_look(&q, &from.bound, &to.bound, &state));
	while (recv(to.fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0)
		kept++;
	assert_true(kept < MANY);
	assert_int_equal(kept + state.drops, MANY);
	receiver_query_fini(&q);
	udp_close(&from);
	udp_close(&to);
}

/* An application that connected its socket to one sender is another than that for all. */
static void finds_the_socket_that_is_connected_to_the_sender(void **unused)
{
	struct udp_socket from, other, to;
	struct receiver_state one, all;
	struct receiver_query q;

	(void)unused;
	open_both(&from, &to, ADDR_V4);
	open_at(&other, loopback(ADDR_V4), false);
	receiver_query_init(&q);
	assert_int_equal(udp_connect(&to, &other.bound), 0);
	assert_true(receiver_look(&q, &other.bound, &to.bound, &one));
	assert_false(receiver_look(&q, &from.bound, &to.bound, &all));
	receiver_query_fini(&q);
	udp_close(&from);
	udp_close(&other);
	udp_close(&to);
}

static void says_that_there_is_none(void **unused)
{
	struct receiver_state state;
	struct udp_socket from, to;
	struct receiver_query q;
	struct addr gone, v6 = loopback(ADDR_V6);

	(void)unused;
	open_both(&from, &to, ADDR_V4);
	gone = to.bound;
	udp_close(&to);
	receiver_query_init(&q);
	assert_false(receiver_look(&q, &from.bound, &gone, &state));
	assert_false(receiver_look(&q, &from.bound, &v6, &state));
	assert_true(receiver_look(&q, &gone, &from.bound, &state)); /* and goes on */
	receiver_query_fini(&q);
	udp_close(&from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_is_in_a_buffer),
		cmocka_unit_test(tells_it_of_ipv6),
		cmocka_unit_test(counts_what_a_full_buffer_lost),
		cmocka_unit_test(finds_the_socket_that_is_connected_to_the_sender),
		cmocka_unit_test(says_that_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void tells_nothing(void **unused)
{
	struct addr from = loopback(ADDR_V4), to = loopback(ADDR_V4);
	struct receiver_state state;
	struct receiver_query q;

	(void)unused;
	receiver_query_init(&q);
	assert_false(receiver_look(&q, &from, &to, &state));
	receiver_query_fini(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(tells_nothing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
