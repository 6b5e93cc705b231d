/* SPDX-License-Identifier: MIT */
/* The sockets towards the target: which source it sees, and what if it is not there. */
#include "forwarder_fixture.h"

#include <sys/resource.h>

#include "net/udp.h"

static void shows_the_target_the_same_source_again(void **state)
{
	struct host_driver_config config;
	struct addr rendezvous, listen, before;
	uint8_t identity[32];

	(void)state;
	start_all();
	listen = listen_addr(0);
	app_open(&listen, 1, 1, small);
	RUN_UNTIL(all_answered);
	assert_int_equal(w.events[EVENT_GUEST_NEW], 1);
	assert_int_equal(w.guest_number, 1);
	before = local.echo.sources[0];
	assert_true(before.ip[2] == 0 && before.ip[3] == 1);

	host_driver_free(w.host);
	rendezvous = rendezvous_addr();
	config = host_config(&rendezvous);
	start_host(&config);
	crypto_x25519_public(identity, w.guest_identity);
	host_know_guest(host_driver_core(w.host), identity, 0x3ffffe);
	local.echo.source_count = 0;
	guest_driver_free(w.guest);
	{
		struct guest_driver_config guest = guest_config(&rendezvous);

		start_guest(&guest);
	}
	listen = listen_addr(0);
	app_open(&listen, 1, 1, small);
	RUN_UNTIL(all_answered);
	assert_int_equal(w.events[EVENT_GUEST_NEW], 1);
	assert_int_equal(local.echo.source_count, 1);
	assert_int_equal(local.echo.sources[0].port, before.port);
	assert_memory_equal(local.echo.sources[0].ip, "\x7f\x7f\xff\xfe", 4);
}

/* As where two hosts run on one machine: each keeps a port of its own for the flow. */
static void shares_a_guest_address_with_another_host(void **state)
{
	struct addr taken = addr_v4(127, 64, 0, 1, 49152), listen;
	int fd = open_udp(&taken, NULL);

	(void)state;
	start_all();
	listen = listen_addr(0);
	app_open(&listen, 1, 1, small);
	RUN_UNTIL(all_answered);
	assert_true(addr_same_ip(&local.echo.sources[0], &taken));
	assert_int_equal(
		local.echo.sources[0].port, 49152 + local.echo.addr.port % 16384);
	close(fd);
}

#if defined(__linux__) && !defined(EYELET_PORTABLE)
static void says_that_the_target_refuses(void **state)
{
	struct host_driver_config config;
	struct addr rendezvous, listen;
	char expected[256], name[ADDR_TEXT_MAX];

	(void)state;
	start_all();
	host_driver_free(w.host);
	rendezvous = rendezvous_addr();
	config = host_config(&rendezvous);
	config.targets[0] = addr_v4(127, 0, 0, 1, free_port());
	start_host(&config);
	listen = listen_addr(0);
	app_open(&listen, 20, 20, small);
	RUN_UNTIL(noticed);
	(void)snprintf(expected, sizeof(expected),
		"target %s refuses datagrams: is the server running?",
		addr_format(name, &config.targets[0]));
	assert_string_equal(w.notice, expected);
	assert_int_equal(w.notices, 1);
}

static ev_timer retry;

/* What was refused is lost, as UDP may; what was not comes back late, and unread. */
static void on_retry(struct ev_loop *loop, ev_timer *timer, int revents)
{
	const struct app *a = timer->data;

	(void)loop, (void)revents;
	(void)send(a->fd, "again", 5, 0);
}

static bool echo_reached(void)
{
	return local.echo.received > 0;
}

/* The same application socket gets through, not only the next one. */
static void turns_to_the_other_target(void **state)
{
	struct host_driver_config config;
	struct addr rendezvous, listen;
	struct app *a;

	(void)state;
	start_all();
	host_driver_free(w.host);
	rendezvous = rendezvous_addr();
	config = host_config(&rendezvous);
	config.target_count = 2;
	config.targets[1] = config.targets[0];
	config.targets[0] = addr_v4(127, 0, 0, 1, free_port());
	start_host(&config);
	listen = listen_addr(0);
	ev_timer_init(&retry, on_retry, 0.05, 0.05);
	retry.data = a = app_open(&listen, 0, 1, small);
	ev_io_stop(local.loop, &a->io);
	ev_timer_start(local.loop, &retry);
	RUN_UNTIL(echo_reached);
	ev_timer_stop(local.loop, &retry);
	app_open(&listen, 5, 1, small);
	RUN_UNTIL(all_answered);
}
#endif

static void reaches_a_target_of_ipv6(void **state)
{
	struct host_driver_config config;
	struct addr rendezvous, listen, any = {.family = ADDR_V6, .ip = {[15] = 1}};
	struct udp_socket probe = {0};

	(void)state;
	if (udp_open(&probe, &any, &(struct udp_options){0}) != 0)
		skip();
	udp_close(&probe);
	echo_close(&local.echo);
	echo_open(&local.echo, &any);
	start_rendezvous();
	rendezvous = rendezvous_addr();
	config = host_config(&rendezvous);
	start_host(&config);
	{
		struct guest_driver_config guest = guest_config(&rendezvous);

		start_guest(&guest);
	}
	listen = listen_addr(0);
	app_open(&listen, EDGES, 2, edge);
	RUN_UNTIL(all_answered);
}

static void limit_descriptors(rlim_t limit)
{
	struct rlimit set;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &set), 0);
	set.rlim_cur = limit < set.rlim_max ? limit : set.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &set), 0);
}

static bool some_dropped_and_rest_answered(void)
{
	struct forwarder_counts counts;
	unsigned answered = 0;

	for (unsigned i = 0; i < local.app_count; i++)
		answered += local.apps[i].received == local.apps[i].count;
	host_driver_get_counts(w.host, &counts);
	return noticed() && answered + counts.send_failed == local.app_count;
}

static void outlives_the_limit_of_descriptors(void **state)
{
	struct forwarder_counts counts;
	struct rlimit before;
	struct addr listen;
	int next;

	(void)state;
	start_all();
	RUN_UNTIL(connected);
	listen = listen_addr(0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (int i = 0; i < 8; i++)
		app_open(&listen, 0, 1, small);
	next = dup(0);
	close(next);
	limit_descriptors((rlim_t)next + 3);
	for (int i = 0; i < 8; i++) {
		local.apps[i].count = 1;
		app_push(&local.apps[i]);
	}
	RUN_UNTIL(some_dropped_and_rest_answered);
	assert_non_null(strstr(w.notice, "out of descriptors"));
	assert_int_equal(local.echo.source_count, 3);
	host_driver_get_counts(w.host, &counts);
	assert_int_equal(counts.send_failed, 5);

	limit_descriptors(before.rlim_cur);
	for (int i = 0; i < 8; i++) {
		local.apps[i].received = local.apps[i].sent;
		local.apps[i].count = local.apps[i].sent + 10;
		app_push(&local.apps[i]);
	}
	RUN_UNTIL(all_answered);
	assert_int_equal(local.echo.source_count, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(shows_the_target_the_same_source_again),
		TEST(shares_a_guest_address_with_another_host),
#if defined(__linux__) && !defined(EYELET_PORTABLE)
		TEST(says_that_the_target_refuses),
		TEST(turns_to_the_other_target),
#endif
		TEST(reaches_a_target_of_ipv6),
		TEST(outlives_the_limit_of_descriptors),
	};

	return cmocka_run_group_tests(tests, world_apart, NULL);
}
