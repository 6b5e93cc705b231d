/* SPDX-License-Identifier: MIT */
/* Channels between proved addresses: what passes, what does not, and who gives way. */
#include "core/relay.h"

#include "core/channel.h"
#include "unit.h"

#define T0 (1000 * SECOND)

static const uint8_t hash_key[16] = {7}, service[32] = {1};
static struct relay relay;
static uint64_t random_state;

static void fill(void *arg, uint8_t *bytes, size_t len)
{
	(void)arg;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)random_below(&random_state, 256);
}

static void start(uint32_t max, uint32_t rate, uint32_t rate_all)
{
	const struct relay_limits limits = {max, rate, rate_all};
	const struct entropy entropy = {fill, NULL};

	relay_init(&relay, &limits, &entropy, hash_key, T0);
}

static int begin(void **state)
{
	(void)state;
	random_state = random_start();
	start(3, 10000, 100000);
	return 0;
}

static int end(void **state)
{
	(void)state;
	relay_fini(&relay);
	return 0;
}

static struct path at(uint8_t last, uint16_t port)
{
	return (struct path){.remote = addr_v4(203, 0, 113, last, port)};
}

static uint32_t open_between(uint8_t guest, uint8_t host, uint64_t now)
{
	const struct path g = at(guest, 1), h = at(host, 2);

	return relay_open(&relay, &g, &h, service, now);
}

static enum verdict pass(
	uint32_t channel, struct path from, size_t len, uint64_t now, struct path *to)
{
	uint8_t bytes[2000] = {0};

	channel_encode(bytes, channel);
	return relay_pass(&relay, &from, bytes, len, now, to);
}

static void draws_a_channel_so(void **state)
{
	uint8_t bytes[5];

	(void)state;
	channel_encode(bytes, 0x01020304);
	assert_hex(bytes, 4, "e1020304");
	assert_true(channel_is(bytes, 5));
	assert_false(channel_is(bytes, 4)); /* nothing in it */
	assert_int_equal(channel_decode(bytes), 0x01020304);
	bytes[0] = 0xc1; /* a challenge */
	assert_false(channel_is(bytes, 5));
	bytes[0] = 0x41; /* a frame */
	assert_false(channel_is(bytes, 5));
}

static void passes_both_ways(void **state)
{
	uint32_t channel = open_between(1, 2, T0);
	struct path to;

	(void)state;
	assert_int_not_equal(channel, 0);
	assert_true(channel <= CHANNEL_MAX);
	assert_int_equal(pass(channel, at(1, 1), 100, T0, &to), VERDICT_DELIVER);
	assert_int_equal(to.remote.port, 2);
	assert_int_equal(pass(channel, at(2, 2), 100, T0, &to), VERDICT_DELIVER);
	assert_int_equal(to.remote.port, 1);
	assert_int_equal(relay.passed, 2);
	assert_int_equal(relay.passed_bytes, 200);
}

static void passes_nothing_of_strangers(void **state)
{
	uint32_t channel = open_between(1, 2, T0), other = open_between(3, 4, T0);
	struct path to, elsewhere = at(1, 1);

	(void)state;
	assert_int_equal(pass(channel, at(3, 1), 100, T0, &to), VERDICT_DROP_FORGED);
	assert_int_equal(pass(channel, at(1, 9), 100, T0, &to), VERDICT_DROP_FORGED);
	assert_int_equal(pass(other, at(1, 1), 100, T0, &to), VERDICT_DROP_FORGED);
	elsewhere.socket = 5; /* one that it did not ask at */
	assert_int_equal(pass(channel, elsewhere, 100, T0, &to), VERDICT_DROP_FORGED);
	assert_int_equal(
		pass(channel ^ 1, at(1, 1), 100, T0, &to), VERDICT_DROP_UNSOLICITED);
	assert_int_equal(pass(0, at(1, 1), 100, T0, &to), VERDICT_DROP_UNSOLICITED);
	assert_int_equal(relay.passed, 0);
}

/* By a stream at one end: that is another place than the same address by UDP, and the number
 * of its socket says nothing. */
static void joins_a_stream(void **state)
{
	struct path guest = at(1, 1), to;
	const struct path host = at(2, 2), by_udp = at(1, 1);
	uint32_t channel;

	(void)state;
	guest.remote.transport = ADDR_TCP;
	channel = relay_open(&relay, &guest, &host, service, T0);
	assert_int_equal(pass(channel, host, 100, T0, &to), VERDICT_DELIVER);
	assert_true(addr_equal(&to.remote, &guest.remote));
	assert_int_equal(pass(channel, by_udp, 100, T0, &to), VERDICT_DROP_FORGED);
	guest.socket = 5;
	assert_int_equal(pass(channel, guest, 100, T0, &to), VERDICT_DELIVER);
	assert_true(addr_equal(&to.remote, &host.remote));
}

static void keeps_the_rate_of_each(void **state)
{
	uint32_t one = open_between(1, 2, T0), other = open_between(3, 4, T0);
	struct path to;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(pass(one, at(1, 1), 1000, T0, &to), VERDICT_DELIVER);
	assert_int_equal(pass(one, at(1, 1), 1000, T0, &to), VERDICT_DROP_LIMIT);
	assert_int_equal(pass(other, at(3, 1), 1000, T0, &to), VERDICT_DELIVER);
	assert_int_equal(
		pass(one, at(1, 1), 1000, T0 + SECOND / 10, &to), VERDICT_DELIVER);
	assert_int_equal(relay.dropped, 1);
}

static void keeps_the_rate_of_all(void **state)
{
	uint32_t one, other;
	struct path to;

	(void)state;
	relay_fini(&relay);
	start(3, 10000, 1500);
	one = open_between(1, 2, T0);
	other = open_between(3, 4, T0);
	assert_int_equal(pass(one, at(1, 1), 1000, T0, &to), VERDICT_DELIVER);
	assert_int_equal(pass(other, at(3, 1), 1000, T0, &to), VERDICT_DROP_LIMIT);
	assert_int_equal(pass(other, at(3, 1), 400, T0, &to), VERDICT_DELIVER);
}

/* Work under way goes on; what nothing ever came over gives way. */
static void at_the_bound_the_unused_give_way(void **state)
{
	uint32_t used = open_between(1, 2, T0 - RELAY_TOLD),
		 unused = open_between(3, 4, T0 - RELAY_TOLD);
	struct path to;

	(void)state;
	assert_int_equal(pass(used, at(1, 1), 100, T0, &to), VERDICT_DELIVER);
	assert_int_not_equal(open_between(5, 6, T0 + 1), 0);
	assert_int_not_equal(open_between(7, 8, T0 + 2), 0);
	assert_int_equal(relay.shares.count, 3);
	/* Who was told of one a moment ago may yet use it. */
	assert_int_equal(open_between(9, 10, T0 + RELAY_TOLD), 0);
	assert_int_not_equal(open_between(9, 10, T0 + RELAY_TOLD + 1), 0);
	assert_int_equal(pass(unused, at(3, 1), 100, T0, &to), VERDICT_DROP_UNSOLICITED);
	assert_int_equal(pass(used, at(1, 1), 100, T0, &to), VERDICT_DELIVER);
}

static void is_full_of_what_is_used(void **state)
{
	struct path to;

	(void)state;
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(pass(open_between(i, 100, T0), at(i, 1), 100, T0, &to),
			VERDICT_DELIVER);
	assert_int_equal(open_between(9, 100, T0 + SECOND), 0);
	assert_int_equal(relay.shares.count, 3);
}

static void closes_the_idle(void **state)
{
	uint32_t used = open_between(1, 2, T0);
	struct path to, guest = at(1, 1), host = at(2, 2);

	(void)state;
	assert_int_equal(relay_next_timeout(&relay), T0 + 10 * SECOND);
	assert_int_equal(
		pass(used, at(1, 1), 100, T0 + 5 * SECOND, &to), VERDICT_DELIVER);
	open_between(3, 4, T0 + 6 * SECOND);
	assert_int_equal(relay_next_timeout(&relay), T0 + 16 * SECOND);
	relay_expire(&relay, T0 + 16 * SECOND);
	assert_int_equal(relay.shares.count, 1);
	assert_int_equal(relay_next_timeout(&relay), T0 + 65 * SECOND);
	relay_expire(&relay, T0 + 65 * SECOND - 1);
	assert_true(relay_joins(&relay, used, &guest, &host));
	relay_expire(&relay, T0 + 65 * SECOND);
	assert_false(relay_joins(&relay, used, &guest, &host));
	assert_int_equal(relay_next_timeout(&relay), NEVER);
}

/* An end that says nothing gets nothing for long, whatever the other sends. */
static void sends_nothing_to_the_silent(void **state)
{
	uint32_t channel = open_between(1, 2, T0);
	struct path to;

	(void)state;
	assert_int_equal(
		pass(channel, at(2, 2), 10, T0 + 10 * SECOND - 1, &to), VERDICT_DELIVER);
	assert_int_equal(
		pass(channel, at(2, 2), 10, T0 + 10 * SECOND, &to), VERDICT_DROP_STALE);
	assert_int_equal(
		pass(channel, at(1, 1), 10, T0 + 11 * SECOND, &to), VERDICT_DELIVER);
	assert_int_equal(
		pass(channel, at(2, 2), 10, T0 + 71 * SECOND - 1, &to), VERDICT_DELIVER);
	assert_int_equal(
		pass(channel, at(2, 2), 10, T0 + 71 * SECOND, &to), VERDICT_DROP_STALE);
}

static void without_room_there_is_none(void **state)
{
	(void)state;
	relay_fini(&relay);
	start(0, 1000, 1000);
	assert_int_equal(open_between(1, 2, T0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(draws_a_channel_so),
		TEST(passes_both_ways),
		TEST(passes_nothing_of_strangers),
		TEST(joins_a_stream),
		TEST(keeps_the_rate_of_each),
		TEST(keeps_the_rate_of_all),
		TEST(at_the_bound_the_unused_give_way),
		TEST(is_full_of_what_is_used),
		TEST(closes_the_idle),
		TEST(sends_nothing_to_the_silent),
		TEST(without_room_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
