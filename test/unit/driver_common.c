/* SPDX-License-Identifier: MIT */
/* The glue with a machine of the test's own instead of a core. */
#include "net/driver_common.h"
#include "net/driver_socket.h"
#include "unit.h"

#include <stdio.h>

#include "net/system.h"

#define DEADLINE 10.0 /* seconds until a wait has failed */
#define SOCKETS  3

/* What the machine wants, and what it was told. */
static struct machine_state {
	struct datagram output[4];
	size_t outputs;
	struct event events[4];
	size_t event_count;
	uint64_t timeout;
	unsigned expired, locals, changes, errors, taken, flushed;
	uint32_t added;
	struct addr bound;
	struct udp_error error;
	uint8_t bytes[8];
	size_t len;
} m;

static struct driver d;
static struct driver_socket sockets[SOCKETS];
static struct ev_loop *loop;
static char notice[256];
static unsigned notices, told;
static bool late;

static bool machine_output(void *core, struct datagram *out, uint64_t now)
{
	(void)core, (void)now;
	if (m.outputs == 0)
		return false;
	*out = m.output[--m.outputs];
	return true;
}

static void machine_expire(void *core, uint64_t now)
{
	(void)core;
	m.expired += now >= m.timeout;
}

static uint64_t machine_next_timeout(const void *core)
{
	(void)core;
	return m.timeout;
}

static bool machine_next_event(void *core, struct event *event)
{
	(void)core;
	if (m.event_count == 0)
		return false;
	*event = m.events[--m.event_count];
	return true;
}

static const struct machine_ops machine = {
	machine_output, machine_expire, machine_next_timeout, machine_next_event};

static void do_flush(struct driver *driver)
{
	(void)driver;
	m.flushed++;
}

static void do_icmp(struct driver *driver, const struct udp_error *error)
{
	(void)driver;
	m.errors++;
	m.error = *error;
}

static void do_add_socket(
	struct driver *driver, uint32_t number, const struct addr *bound)
{
	(void)driver;
	m.added = number;
	m.bound = *bound;
}

static void do_set_locals(struct driver *driver, const struct addr *addrs, size_t count)
{
	(void)driver, (void)addrs;
	assert_true(count <= DRIVER_LOCALS);
	m.locals++;
}

static void do_network_changed(struct driver *driver)
{
	(void)driver;
	m.changes++;
}

static const struct driver_ops ops = {.flush = do_flush,
	.icmp = do_icmp,
	.add_socket = do_add_socket,
	.set_locals = do_set_locals,
	.network_changed = do_network_changed};

static void on_event(void *arg, const struct event *event)
{
	(void)arg, (void)event;
	told++;
}

static void on_notice(void *arg, const char *text)
{
	(void)arg;
	notices++;
	(void)snprintf(notice, sizeof(notice), "%s", text);
}

static void take(struct driver_socket *s, struct udp_message *message)
{
	assert_ptr_equal(s->driver, &d);
	m.taken += (unsigned)udp_message_count(message);
	m.len = message->len;
	memcpy(m.bytes, message->buf, message->len < 8 ? message->len : 8);
}

static void on_late(struct ev_loop *l, ev_timer *timer, int revents)
{
	(void)l, (void)timer, (void)revents;
	late = true;
}

static void run_until(bool (*done)(void))
{
	ev_timer deadline;

	late = false;
	ev_timer_init(&deadline, on_late, DEADLINE, 0);
	ev_timer_start(loop, &deadline);
	while (!done() && !late)
		ev_run(loop, EVRUN_ONCE);
	ev_timer_stop(loop, &deadline);
	assert_true(done());
}

static int begin(void **state)
{
	const struct forwarder_hooks hooks = {.event = on_event, .notice = on_notice};
	struct addr any = addr_v4(127, 0, 0, 1, 0);

	(void)state;
	memset(&m, 0, sizeof(m));
	memset(&d, 0, sizeof(d));
	notices = told = 0;
	m.timeout = NEVER;
	loop = ev_loop_new(EVFLAG_AUTO);
	d.take = take;
	assert_true(driver_init(&d, loop, &hooks, &ops, sockets, SOCKETS));
	assert_int_equal(driver_socket_open_public(&d, 0, &any), 0);
	d.binds[0] = any;
	driver_add_machine(&d, &machine, &m);
	driver_start(&d);
	return 0;
}

static int end(void **state)
{
	(void)state;
	driver_fini(&d);
	ev_loop_destroy(loop);
	return 0;
}

static struct datagram datagram_to(uint32_t socket, const struct addr *to)
{
	struct datagram out = {.len = 3, .data = "abc"};

	out.path.socket = socket;
	out.path.remote = *to;
	return out;
}

static bool expired(void)
{
	return m.expired >= 3;
}

/* A timer of libev with repeat 0 would stop. */
static void wakes_for_a_deadline_that_is_past(void **state)
{
	(void)state;
	assert_int_equal(m.locals, 1);
	m.timeout = 1;
	run_until(expired);
}

static bool expired_once(void)
{
	return m.expired >= 1 && m.taken >= 1;
}

static void sleeps_until_the_deadline(void **state)
{
	uint64_t at = clock_now() + 30 * MILLISECOND;
	struct addr self = sockets[0].udp.bound;

	(void)state;
	m.timeout = at;
	m.output[m.outputs++] = datagram_to(0, &self);
	ev_now_update(loop);
	driver_settle(&d); /* sends, and sets the deadline */
	run_until(expired_once);
	assert_true(clock_now() >= at);
}

/* A clock that counts suspend gets ahead of one that does not. */
static void notices_a_suspension_once(void **state)
{
	(void)state;
	d.asleep -= (int64_t)(4 * SECOND);
	driver_wake(&d);
	assert_int_equal(m.changes, 0);
	d.asleep -= (int64_t)(6 * SECOND);
	driver_wake(&d);
	assert_int_equal(m.changes, 1);
	driver_wake(&d);
	assert_int_equal(m.changes, 1);
	assert_true(d.now <= clock_now());
}

static void passes_on_a_network_change(void **state)
{
	(void)state;
	assert_int_equal(m.locals, 1);
	d.netlink.changed(&d.netlink);
	assert_int_equal(m.locals, 2);
	assert_int_equal(m.changes, 1);
	assert_int_equal(m.flushed, 1);
}

static bool taken(void)
{
	return m.taken >= 1;
}

static void opens_and_closes_what_the_machine_wants(void **state)
{
	struct event *wanted = &m.events[0];

	(void)state;
	*wanted = (struct event){.type = EVENT_SOCKET_WANTED, .number = 2};
	wanted->addr.family = ADDR_V4;
	m.event_count = 1;
	driver_settle(&d);
	assert_int_equal(m.added, 2);
	assert_true(addr_is_loopback(&m.bound));
	assert_true(m.bound.port != 0);
	assert_non_null(driver_public(&d, 2));
	assert_int_equal(told, 1);

	m.output[m.outputs++] = datagram_to(0, &m.bound);
	driver_settle(&d);
	run_until(taken);
	assert_int_equal(m.len, 3);
	assert_memory_equal(m.bytes, "abc", 3);

	m.events[0] = (struct event){.type = EVENT_SOCKET_DONE, .number = 2};
	m.event_count = 1;
	driver_settle(&d);
	assert_null(driver_public(&d, 2));
	assert_int_equal(told, 2);
	m.output[m.outputs++] = datagram_to(2, &m.bound);
	driver_settle(&d);
	assert_int_equal(d.lost, 1);
}

static void refuses_a_number_beyond_its_table(void **state)
{
	struct event *wanted = &m.events[0];

	(void)state;
	*wanted = (struct event){.type = EVENT_SOCKET_WANTED, .number = SOCKETS};
	wanted->addr.family = ADDR_V4;
	m.event_count = 1;
	driver_settle(&d);
	assert_int_equal(m.added, 0);
	assert_int_equal(notices, 1);
	assert_null(driver_public(&d, SOCKETS));
}

#if defined(__linux__) && !defined(EYELET_PORTABLE)
static bool error_came(void)
{
	return m.errors >= 1;
}

static void tells_icmp_errors(void **state)
{
	const struct addr any = addr_v4(127, 0, 0, 1, 0);
	struct udp_socket closed = {0};

	(void)state;
	assert_int_equal(udp_open(&closed, &any, &(struct udp_options){0}), 0);
	udp_close(&closed);
	m.output[m.outputs++] = datagram_to(0, &closed.bound);
	driver_settle(&d);
	run_until(error_came);
	assert_true(addr_equal(&m.error.path.remote, &closed.bound));
	assert_int_equal(m.error.type, 3);
	assert_int_equal(m.error.quoted_len, 3);
	assert_memory_equal(m.error.quoted, "abc", 3);
}
#endif

static bool noticed(void)
{
	return notices > 0;
}

static void says_once_that_buffers_are_clipped(void **state)
{
	(void)state;
	d.clipped = 212992;
	run_until(noticed);
	assert_string_equal(notice,
		"the kernel limits socket buffers to 208 kB: raise net.core.rmem_max for "
		"bursts");
	d.clipped = 212992;
	m.timeout = 1;
	driver_settle(&d);
	run_until(expired);
	assert_int_equal(notices, 1);
}

static void limits_notices_per_kind(void **state)
{
	(void)state;
	driver_notice(&d, NOTICE_TARGET, "%s", "one");
	driver_notice(&d, NOTICE_TARGET, "%s", "two");
	assert_string_equal(notice, "one");
	driver_notice(&d, NOTICE_SOCKET, "%s", "three");
	assert_string_equal(notice, "three");
	d.now += 30 * SECOND;
	driver_notice(&d, NOTICE_TARGET, "%s", "four");
	assert_string_equal(notice, "four");
	assert_int_equal(notices, 3);
}

static void takes_messages_apart(void **state)
{
	static const struct {
		size_t len, segment, sizes[4], count;
	} cases[] = {
		{0, 0, {0}, 1},
		{5, 5, {5}, 1},
		{10, 5, {5, 5}, 2},
		{11, 5, {5, 5, 1}, 3},
	};
	uint8_t bytes[16];

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct udp_message message = {
			.buf = bytes, .len = cases[c].len, .segment = cases[c].segment};
		size_t at = 0, len, count = 0, offset = 0;
		uint8_t *buf;

		for (; driver_next_datagram(&message, &at, &buf, &len); count++) {
			assert_true(count < cases[c].count);
			assert_int_equal(len, cases[c].sizes[count]);
			assert_ptr_equal(buf, bytes + offset);
			offset += len;
		}
		assert_int_equal(count, cases[c].count);
		assert_int_equal(count, udp_message_count(&message));
	}
}

/* Each datagram has the core send the next: the loop wakes once for each. */
static void take_one_by_one(struct driver_socket *s, struct udp_message *message)
{
	take(s, message);
	m.output[m.outputs++] = datagram_to(0, &s->udp.bound);
}

static bool pauses_or_400_taken(void)
{
	return d.moderation.pauses > 0 || m.taken >= 400;
}

static void set_high_rate(void)
{
	d.moderation.window_at = clock_now() - MODERATION_WINDOW;
	d.moderation.sides[true] = (struct moderation_count){UINT32_MAX, UINT32_MAX};
}

static void start_one_by_one(void)
{
	sockets[0].take = take_one_by_one;
	m.output[m.outputs++] = datagram_to(0, &sockets[0].udp.bound);
	driver_settle(&d);
}

static void pauses_where_datagrams_are_fast(void **state)
{
	(void)state;
	if (!clock_is_fine())
		skip();
	driver_moderate(&d);
	set_high_rate();
	start_one_by_one();
	run_until(pauses_or_400_taken);
	assert_true(d.moderation.pauses > 0);
}

static bool twenty_taken(void)
{
	return m.taken >= 20;
}

static void does_not_pause_unless_told_to(void **state)
{
	(void)state;
	set_high_rate();
	start_one_by_one();
	run_until(twenty_taken);
	assert_int_equal(d.moderation.pauses, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wakes_for_a_deadline_that_is_past),
		TEST(sleeps_until_the_deadline),
		TEST(notices_a_suspension_once),
		TEST(passes_on_a_network_change),
		TEST(opens_and_closes_what_the_machine_wants),
		TEST(refuses_a_number_beyond_its_table),
#if defined(__linux__) && !defined(EYELET_PORTABLE)
		TEST(tells_icmp_errors),
#endif
		TEST(says_once_that_buffers_are_clipped),
		TEST(limits_notices_per_kind),
		TEST(pauses_where_datagrams_are_fast),
		TEST(does_not_pause_unless_told_to),
		cmocka_unit_test(takes_messages_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
