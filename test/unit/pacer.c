/* SPDX-License-Identifier: MIT */
/* Bursts to applications with default buffers: what does not fit is held, in order, for a
 * few milliseconds. */
#include "local.h"

#include <netinet/udp.h>

#include "net/pacer.h"
#include "net/system.h"

#if defined(__linux__) && !defined(EYELET_PORTABLE)

#define BUFFER (212992 / 2) /* asked for; the kernel doubles it: its default */
#define SIZE   1000
#define BURST  250 /* datagrams: more than twice a default buffer */
#define APPS   2

/* An application, and what sends to it. */
struct end {
	struct udp_socket app;
	struct pacer_user user;
	struct pacer_room room;
	struct path path;
	unsigned sent, got;
};

static struct stage {
	struct driver driver;
	struct pacer pacer;
	struct udp_socket socket; /* of the forwarder */
	struct end ends[APPS];
	uint8_t bytes[BURST * SIZE];
} s;

static const struct driver_ops ops = {.round = NULL};

static int stage_open(void **state)
{
	const struct udp_options options = {.buffer = BUFFER};
	struct addr at = loopback(ADDR_V4);
	int off = 0;

	(void)state;
	memset(&s, 0, sizeof(s));
	local.loop = ev_loop_new(EVFLAG_AUTO);
	assert_true(driver_init(&s.driver, local.loop, NULL, &ops, NULL, 0));
	pacer_init(&s.pacer, &s.driver);
	open_at(&s.socket, at, false);
	for (unsigned i = 0; i < APPS; i++) {
		struct end *end = &s.ends[i];

		assert_int_equal(udp_open(&end->app, &at, &options), 0);
		(void)setsockopt(end->app.fd, SOL_UDP, UDP_GRO, &off, sizeof(off));
		end->path.remote = end->app.bound;
		end->user.room = &end->room;
	}
	return 0;
}

static int stage_close(void **state)
{
	(void)state;
	for (unsigned i = 0; i < APPS; i++) {
		pacer_leave(&s.pacer, &s.ends[i].user);
		udp_close(&s.ends[i].app);
	}
	pacer_fini(&s.pacer);
	driver_fini(&s.driver);
	udp_close(&s.socket);
	ev_loop_destroy(local.loop);
	return 0;
}

/* All in one wakeup. */
static void burst(struct end *end, unsigned count)
{
	assert_true(count <= BURST);
	for (unsigned i = 0; i < count; i++) {
		uint8_t *buf = s.bytes + (size_t)i * SIZE;

		datagram_write(buf, SIZE, end->sent++);
		pacer_send(&s.pacer, &end->user, &s.socket, &end->path, &end->path.remote,
			0, buf, SIZE);
	}
	pacer_flush(&s.pacer);
}

/* Takes what waits there, which must be the next. */
static void drain(struct end *end)
{
	static uint8_t buf[SIZE + 1];
	ssize_t len;

	while ((len = recv(end->app.fd, buf, sizeof(buf), MSG_DONTWAIT)) >= 0) {
		assert_int_equal(len, SIZE);
		datagram_check(buf, SIZE, end->got++);
	}
}

static bool holds_nothing(void)
{
	return s.pacer.count == 0;
}

static bool first_drained_all(void)
{
	drain(&s.ends[0]);
	return s.ends[0].got == s.ends[0].sent;
}

/* The buffer is emptied before time goes on, so that how fast the machine is decides nothing. */
static void holds_what_there_is_no_room_for(void **state)
{
	struct end *end = &s.ends[0];

	(void)state;
	burst(end, 180);
	assert_true(s.pacer.counts.held > 0);
	assert_int_equal(end->user.held, s.pacer.counts.held);
	drain(end);
	assert_int_equal(end->got + s.pacer.counts.held, 180);
	RUN_UNTIL(first_drained_all);
	assert_int_equal(s.pacer.counts.dropped, 0);
	assert_true(holds_nothing());
	assert_false(ev_is_active(&s.pacer.tick));
}

/* What comes later queues up behind what is held, although there is room again. */
static void keeps_the_order(void **state)
{
	struct end *end = &s.ends[0];
	uint64_t held;

	(void)state;
	burst(end, 140);
	held = s.pacer.counts.held;
	assert_true(held > 0);
	drain(end);
	burst(end, 20);
	assert_int_equal(s.pacer.counts.held, held + 20);
	RUN_UNTIL(first_drained_all);
	assert_int_equal(end->got, 160);
	assert_int_equal(s.pacer.counts.dropped, 0);
}

static void drops_what_no_room_is_made_for_in_time(void **state)
{
	struct end *end = &s.ends[0];
	uint64_t began;

	(void)state;
	s.driver.now = clock_now();
	burst(end, BURST);
	began = s.driver.now;
	RUN_UNTIL(holds_nothing);
	assert_true(s.driver.now - began >= PACER_HOLD);
	assert_true(s.pacer.counts.dropped > 0);
	assert_int_equal(s.pacer.counts.dropped, s.pacer.counts.held);
	drain(end);
	assert_int_equal(end->got + s.pacer.counts.dropped, BURST);
	assert_int_equal(s.pacer.counts.overrun, 0);
	/* and goes on */
	end->got = end->sent;
	burst(end, 10);
	drain(end);
	assert_int_equal(end->got, end->sent);
}

static void lets_others_go_on(void **state)
{
	struct end *stuck = &s.ends[0], *other = &s.ends[1];

	(void)state;
	burst(stuck, 180);
	assert_true(stuck->user.held > 0);
	burst(other, 40);
	drain(other);
	assert_int_equal(other->got, 40);
	assert_int_equal(other->user.held, 0);
}

static void holds_no_more_than_it_may(void **state)
{
	struct end *end = &s.ends[0];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		burst(end, BURST);
	assert_true(end->user.held <= PACER_BYTES / SIZE);
	assert_true(end->user.held > PACER_BYTES / SIZE - 2);
	assert_int_equal(end->user.held + s.pacer.counts.dropped, s.pacer.counts.held);
}

static void forgets_what_is_held_for_one_that_leaves(void **state)
{
	struct end *end = &s.ends[0];
	unsigned held;

	(void)state;
	burst(end, 180);
	held = end->user.held;
	assert_true(held > 0);
	pacer_leave(&s.pacer, &end->user);
	assert_int_equal(end->user.held, 0);
	assert_int_equal(s.pacer.counts.dropped, held);
	assert_true(holds_nothing());
	assert_false(ev_is_active(&s.pacer.tick));
}

/* Slow traffic is not looked at: no descriptor to ask with is opened. */
static void leaves_slow_traffic_alone(void **state)
{
	struct end *end = &s.ends[0];

	(void)state;
	s.driver.now = clock_now();
	for (unsigned i = 0; i < 50; i++) {
		burst(end, 40);
		drain(end);
		s.driver.now += 2 * MILLISECOND;
	}
	assert_int_equal(end->got, 50 * 40);
	assert_int_equal(s.pacer.query.fd, -1);
	assert_int_equal(s.pacer.counts.held, 0);
	assert_null(s.pacer.entries);
}

/* Nobody listens there, and the kernel tells of no buffer. */
static void does_not_pace_what_it_cannot_look_at(void **state)
{
	struct end *end = &s.ends[0];

	(void)state;
	udp_close(&end->app);
	burst(end, BURST);
	burst(end, BURST);
	assert_int_equal(s.pacer.counts.held, 0);
	assert_true(s.socket.sent + s.socket.send_failed == 2 * BURST);
}

/* Another sender filled the buffer, and it ran over. */
static void sees_what_the_application_lost(void **state)
{
	const struct path path = {.remote = s.ends[0].app.bound};
	struct end *end = &s.ends[0];

	(void)state;
	burst(end, 60); /* looks once */
	for (unsigned i = 0; i < BURST; i++)
		assert_int_equal(udp_send(&s.socket, &path, 0, 0, s.bytes, SIZE), 0);
	burst(end, 60);
	RUN_UNTIL(holds_nothing);
	assert_true(s.pacer.counts.overrun > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_open, stage_close)
	const struct CMUnitTest tests[] = {
		TEST(holds_what_there_is_no_room_for),
		TEST(keeps_the_order),
		TEST(drops_what_no_room_is_made_for_in_time),
		TEST(lets_others_go_on),
		TEST(holds_no_more_than_it_may),
		TEST(forgets_what_is_held_for_one_that_leaves),
		TEST(leaves_slow_traffic_alone),
		TEST(does_not_pace_what_it_cannot_look_at),
		TEST(sees_what_the_application_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
	return 77; /* nobody can be looked at */
}

#endif
