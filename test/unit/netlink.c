/* SPDX-License-Identifier: MIT */
/* The watch over addresses and routes, in a network namespace that ip(8) changes. */
#include "net/netlink.h"

#include "net/system.h"
#include "sockets.h"

#include <stdio.h>

#if defined(__linux__) && !defined(EYELET_PORTABLE)

#define PATIENCE 10.0 /* seconds until a wait has failed; less than polling takes */

static struct netlink n;
static struct ev_loop *loop;
static unsigned changes;
static bool late;

static void on_change(struct netlink *changed)
{
	assert_ptr_equal(changed, &n);
	changes++;
}

static void on_late(struct ev_loop *l, ev_timer *timer, int revents)
{
	(void)timer, (void)revents;
	late = true;
	ev_break(l, EVBREAK_ONE);
}

/* Runs the loop until there were that many changes, or for so long. */
static void run(unsigned until, double seconds)
{
	ev_timer deadline;

	late = false;
	ev_now_update(loop);
	ev_timer_init(&deadline, on_late, seconds, 0);
	ev_timer_start(loop, &deadline);
	while (changes < until && !late)
		ev_run(loop, EVRUN_ONCE);
	ev_timer_stop(loop, &deadline);
}

static void ip(const char *arguments)
{
	char command[512];

	snprintf(command, sizeof(command), "ip %s", arguments);
	if (system(command))
		fail_msg("%s", command);
}

/* Asserts that a change is told of, once, after the command. */
static void expect_change(const char *arguments)
{
	changes = 0;
	ip(arguments);
	run(1, PATIENCE);
	assert_int_equal(changes, 1);
	run(2, 0.5);
	assert_int_equal(changes, 1);
}

static void expect_none(const char *arguments)
{
	changes = 0;
	ip(arguments);
	run(1, 0.5);
	assert_int_equal(changes, 0);
}

static int begin(void **state)
{
	(void)state;
	memset(&n, 0, sizeof(n));
	n.changed = on_change;
	changes = 0;
	loop = ev_loop_new(EVFLAG_AUTO);
	netlink_start(&n, loop);
	return 0;
}

static int end(void **state)
{
	(void)state;
	netlink_stop(&n);
	netlink_stop(&n);
	ev_loop_destroy(loop);
	return 0;
}

static void tells_of_addresses(void **state)
{
	struct addr a;

	(void)state;
	assert_int_equal(n.count, 0);
	expect_change("addr add 192.168.1.5/24 dev lan");
	assert_int_equal(n.count, 1);
	assert_true(addr_parse(&a, "192.168.1.5", 0));
	assert_true(addr_equal(&n.addrs[0], &a));
	expect_change("addr add 2001:db8::5/64 dev lan nodad");
	assert_int_equal(n.count, 2);
	/* As each router advertisement does it. */
	expect_none(
		"addr change 2001:db8::5/64 dev lan valid_lft 1000 preferred_lft 900");
	expect_change("addr del 192.168.1.5/24 dev lan");
	assert_int_equal(n.count, 1);
	expect_none("addr add 127.0.0.5/8 dev lo");
}

static void tells_of_routes(void **state)
{
	(void)state;
	ip("addr add 192.168.1.5/24 dev lan");
	run(1, PATIENCE);
	expect_change("route add default via 192.168.1.1");
	expect_change("route change default via 192.168.1.2");
	expect_change("-6 route add default dev lan");
	expect_change("route del default");
	expect_none("route add local 192.168.7.1 dev lo table local");
}

/* The kernel drops its IPv4 routes without a word. */
static void tells_of_a_link_that_goes_down(void **state)
{
	(void)state;
	assert_int_equal(n.count, 2);
	expect_change("link set lan down");
	assert_int_equal(n.count, 0);
	expect_change("link set lan up");
	assert_int_equal(n.count, 1);
}

/* Ten changes at once are one; changes without end do not hold back the news. */
static void gathers(void **state)
{
	unsigned i = 0;

	(void)state;
	expect_change("-batch - <<'END'\n"
		      "addr add 192.168.2.1/32 dev lan\naddr add 192.168.2.2/32 dev lan\n"
		      "addr add 192.168.2.3/32 dev lan\naddr add 192.168.2.4/32 dev lan\n"
		      "addr add 192.168.2.5/32 dev lan\naddr add 192.168.2.6/32 dev lan\n"
		      "addr add 192.168.2.7/32 dev lan\naddr add 192.168.2.8/32 dev lan\n"
		      "addr add 192.168.2.9/32 dev lan\nEND\n");
	for (changes = 0; changes == 0 && i < 400; i++) {
		ip(i % 2 ? "route del 10.9.0.0/16"
			 : "route add 10.9.0.0/16 via 192.168.2.1");
		run(1, 0.005);
	}
	assert_int_equal(changes, 1);
}

/* As where there is no netlink; the timer is the test's. */
static void polls(void **state)
{
	struct netlink poll = {.changed = on_change};

	(void)state;
	netlink_stop(&n);
	n = poll;
	netlink_start(&n, loop);
	ev_io_stop(loop, &n.io);
	ev_timer_set(&n.timer, 0.05, 0.05);
	ev_timer_start(loop, &n.timer);
	ip("addr add 192.168.3.1/32 dev lan");
	run(1, PATIENCE);
	assert_int_equal(changes, 1);
	run(2, 0.3);
	assert_int_equal(changes, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tells_of_addresses),
		TEST(tells_of_routes),
		TEST(tells_of_a_link_that_goes_down),
		TEST(gathers),
		TEST(polls),
	};

	if (!namespace_enter() || system("ip link set lo up && "
					 "ip link add lan type veth peer lan2 && "
					 "ip link set lan2 up && ip link set lan up")) {
		print_message("no network namespace: skipped\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else
int main(void)
{
	return 77;
}
#endif
