/* SPDX-License-Identifier: MIT */
/* A thousand channels of one relay, and what the greedy among them can do to the others:
 * nothing to those who keep within their share, be it with their own rate, with a multitude of
 * channels, or from outside. */
#include "core/relay_share.h"

#include "core/channel.h"
#include "core/relay.h"
#include "unit.h"

#define T0       (1000 * SECOND)
#define CHANNELS 1000
#define SIZE     200
#define RATE_ALL 20000000 /* a share of 20 kB/s for each */

static const uint8_t hash_key[16] = {7};
static struct relay relay;
static uint64_t random_state;

struct user {
	uint32_t channel;
	struct path guest, host;
	uint64_t sent, passed;
};
static struct user users[CHANNELS];

static void fill(void *arg, uint8_t *bytes, size_t len)
{
	(void)arg;
	random_bytes(&random_state, bytes, len);
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
	memset(users, 0, sizeof(users));
	start(4 * CHANNELS, 10000000, RATE_ALL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	relay_fini(&relay);
	return 0;
}

/* Host i of a network, at port i. */
static struct path at(uint8_t a, unsigned network, unsigned i)
{
	return (struct path){.remote = addr_v4(a, (uint8_t)(network >> 8),
				     (uint8_t)network, (uint8_t)i, (uint16_t)(1 + i))};
}

static bool open_user(struct user *u, unsigned network, unsigned i, unsigned of_service)
{
	uint8_t service[32] = {(uint8_t)(of_service >> 8), (uint8_t)of_service};

	*u = (struct user){.guest = at(100, network, i), .host = at(200, of_service, 1)};
	u->channel = relay_open(&relay, &u->guest, &u->host, service, T0);
	return u->channel != 0;
}

/* Each of a network and a service of its own. */
static void open_all(void)
{
	for (unsigned i = 0; i < CHANNELS; i++)
		assert_true(open_user(&users[i], i, 1, i));
}

static void send(struct user *u, size_t len, uint64_t now)
{
	uint8_t bytes[2000];
	struct path to;

	channel_encode(bytes, u->channel);
	u->sent++;
	u->passed +=
		relay_pass(&relay, &u->guest, bytes, len, now, &to) == VERDICT_DELIVER;
}

/* All but the first few send a datagram each 20 ms (10 kB/s) for a second, at times of their
 * own; the first few rate bytes a second each. */
static void run(unsigned greedy, unsigned count, uint32_t rate, uint64_t from)
{
	const uint64_t step = 20 * MILLISECOND / 1000;
	uint64_t owed = 0;

	for (uint64_t i = 0; i < SECOND / step; i++) {
		uint64_t now = from + i * step;
		unsigned turn = greedy + (unsigned)i % 1000;

		if (turn < count)
			send(&users[turn], SIZE, now);
		for (owed += rate * step; owed >= SIZE * SECOND; owed -= SIZE * SECOND)
			for (unsigned k = 0; k < greedy; k++)
				send(&users[k], SIZE, now);
	}
}

static double loss(unsigned first, unsigned count)
{
	uint64_t sent = 0, passed = 0;

	for (unsigned i = first; i < count; i++) {
		sent += users[i].sent;
		passed += users[i].passed;
	}
	assert_true(sent > 0);
	return (double)(sent - passed) / (double)sent;
}

static void a_flood_harms_the_flooders_only(void **state)
{
	(void)state;
	open_all();
	for (unsigned i = 0; i < 4; i++)
		run(5, CHANNELS, 8000000, T0 + i * SECOND);
	assert_true(loss(5, CHANNELS) == 0);
	/* 40 MB/s of which half the room is left: that is not wasted. */
	assert_in_range((uint64_t)(loss(0, 5) * 100), 55, 80);
	assert_true(relay.passed_bytes >= (uint64_t)RATE_ALL * 4);
}

/* One that floods from many channels has its network's share, not a share for each. */
static void a_network_of_many_has_one_share(void **state)
{
	const unsigned greedy = 400, count = 450;

	(void)state;
	relay_fini(&relay);
	start(4 * CHANNELS, 10000000, 2500000);
	for (unsigned i = 0; i < count; i++)
		assert_true(open_user(&users[i], i < greedy ? 5000 : i, i % 250, i));
	for (unsigned i = 0; i < 4; i++)
		run(greedy, count, 20000, T0 + i * SECOND);
	/* 50 at 10 kB/s: each has a share of a 51st of 2.5 MB/s, and of 450 equal ones it
	 * would be but 5.5 kB/s. */
	assert_true(loss(greedy, count) == 0);
	assert_true(loss(0, greedy) > 0.5);
}

static void a_flood_from_outside_harms_nobody(void **state)
{
	const struct path outside = at(66, 1, 1);
	uint8_t bytes[1200];
	struct path to;

	(void)state;
	open_all();
	for (unsigned i = 0; i < 20000; i++) {
		channel_encode(bytes, (uint32_t)random_u64(&random_state) & CHANNEL_MAX);
		assert_int_not_equal(
			relay_pass(&relay, &outside, bytes, sizeof(bytes), T0, &to),
			VERDICT_DELIVER);
		/* One that forges an end's address guesses the number. */
		assert_int_not_equal(relay_pass(&relay, &users[i % CHANNELS].guest, bytes,
					     sizeof(bytes), T0, &to),
			VERDICT_DELIVER);
	}
	run(0, CHANNELS, 0, T0);
	assert_true(loss(0, CHANNELS) == 0);
}

/* Who is not there any more has no share. */
static void shares_grow_when_others_leave(void **state)
{
	(void)state;
	open_all();
	run(0, CHANNELS, 0, T0);
	assert_int_equal(relay.shares.networks, CHANNELS);
	/* 20 MB/s for one: what all the others had. */
	run(1, 1, 9000000, T0 + 3 * SECOND);
	run(1, 1, 9000000, T0 + 4 * SECOND);
	assert_int_equal(relay.shares.networks, 1);
	assert_true(users[0].passed - SECOND / (20 * MILLISECOND) > 80000);
	relay_expire(&relay, T0 + 7 * SECOND);
	assert_int_equal(relay.shares.networks, 0);
}

static unsigned open_many(unsigned count, bool one_network, bool one_service)
{
	unsigned opened = 0;

	for (unsigned i = 0; i < count; i++) {
		struct user u;

		opened += open_user(
			&u, one_network ? 7000 : i, i % 250, one_service ? 7000 : i);
	}
	return opened;
}

static void one_network_cannot_hold_all(void **state)
{
	(void)state;
	assert_in_range(open_many(9000, true, false), 444, 446); /* 4,000 / 9 */
	assert_in_range(open_many(9000, true, false), 0, 1);
	assert_int_equal(open_many(1000, false, false), 1000);
}

static void one_service_cannot_hold_all(void **state)
{
	(void)state;
	assert_int_equal(open_many(9000, false, true), 2000);
	assert_int_equal(open_many(1000, false, false), 1000);
	assert_int_equal(relay.refused, 7000);
}

/* What a holder closes it may have again. */
static void what_is_closed_is_free(void **state)
{
	(void)state;
	open_many(9000, true, false);
	relay_expire(&relay, T0 + RELAY_UNUSED);
	assert_int_equal(relay.shares.count, 0);
	assert_in_range(open_many(9000, true, true), 444, 446);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_flood_harms_the_flooders_only),
		TEST(a_network_of_many_has_one_share),
		TEST(a_flood_from_outside_harms_nobody),
		TEST(shares_grow_when_others_leave),
		TEST(one_network_cannot_hold_all),
		TEST(one_service_cannot_hold_all),
		TEST(what_is_closed_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
