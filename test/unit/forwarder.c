/* SPDX-License-Identifier: MIT */
/* All three drivers together: what passes, and what ends. */
#include "forwarder_fixture.h"

#include "net/udp.h"

/* Traffic */

static void echoes_every_size(void **state)
{
	struct addr listen;

	(void)state;
	start_all();
	listen = listen_addr(0);
	app_open(&listen, EDGES, 1, edge);
	RUN_UNTIL(all_answered);
	assert_int_equal(w.events[EVENT_CONNECTED], 1);
	assert_int_equal(w.events[EVENT_GUEST_CONNECTED], 1);
}

static void serves_many_applications(void **state)
{
	unsigned preferred = 0;
	struct addr listen;

	(void)state;
	start_all();
	RUN_UNTIL(connected);
	listen = listen_addr(0);
	for (int i = 0; i < 200; i++)
		app_open(&listen, 50, 5, mixed);
	RUN_UNTIL(all_answered);
	assert_int_equal(local.echo.source_count, 200);
	for (size_t i = 0; i < 200; i++) {
		const struct addr *source = &local.echo.sources[i];

		assert_true(addr_same_ip(source, &local.echo.sources[0]));
		assert_int_equal(source->ip[0], 127);
		assert_int_equal(source->ip[1], 64);
		preferred += source->port >= 49152 && source->port < 49152 + 200;
	}
	assert_true(preferred >= 190); /* any of these ports may be in use */
}

/* More than the cores take by default, and than a batch or a fan holds. */
static void serves_thousands_of_applications(void **state)
{
	struct host_driver_config host;
	struct guest_driver_config guest;
	struct addr rendezvous, listen;

	(void)state;
	if (descriptors_raise() < 2 * APPS_MAX + 100)
		skip();
	start_rendezvous();
	rendezvous = rendezvous_addr();
	host = host_config(&rendezvous);
	host.core.flows_max = APPS_MAX;
	start_host(&host);
	guest = guest_config(&rendezvous);
	guest.core.flows_max = APPS_MAX;
	start_guest(&guest);
	RUN_UNTIL(connected);
	listen = listen_addr(0);
	for (int i = 0; i < APPS_MAX; i++)
		app_open(&listen, 5, 1, mixed);
	RUN_UNTIL(all_answered);
	assert_int_equal(local.echo.source_count, APPS_MAX);
}

static size_t full(unsigned app, unsigned sequence)
{
	(void)app, (void)sequence;
	return 1200;
}

/* Several guests at one host: bursts, each application's in order. */
static void serves_bursts(void **state)
{
	struct addr listen;

	(void)state;
	start_all();
	RUN_UNTIL(connected);
	listen = listen_addr(0);
	for (int i = 0; i < 4; i++)
		app_open(&listen, 4000, 30, full);
	RUN_UNTIL(all_answered);
}

/* An application that joins and splits runs itself, such as a QUIC server. */
static void passes_runs_on(void **state)
{
	const struct udp_options options = {.buffer = 4 << 20};
	const struct addr any = addr_v4(127, 0, 0, 1, 0);
	static uint8_t bytes[50 * 1200];
	struct udp_socket app = {0};
	struct udp_sender sender;
	struct udp_batch *batch = udp_batch_new();
	struct path path = {0};
	size_t back = 0;

	(void)state;
	start_all();
	RUN_UNTIL(connected);
	assert_int_equal(udp_open(&app, &any, &options), 0);
	path.remote = listen_addr(0);
	udp_sender_init(&sender, UDP_SEGMENTS);
	for (unsigned i = 0; i < 50; i++) {
		for (size_t b = 0; b < 1200; b++)
			bytes[i * 1200 + b] = byte_of(7, i, b);
		udp_sender_add(&sender, &app, &path, 0, bytes + i * 1200, 1200);
	}
	udp_sender_flush(&sender);
	ev_now_update(local.loop);
	for (ev_tstamp end = ev_now(local.loop) + PATIENCE;
		back < 50 && ev_now(local.loop) < end;) {
		struct udp_message *messages;
		int count;

		ev_run(local.loop, EVRUN_NOWAIT);
		count = udp_receive(&app, batch, &messages);
		for (int i = 0; i < count; i++) {
			assert_memory_equal(
				messages[i].buf, bytes + back * 1200, messages[i].len);
			back += udp_message_count(&messages[i]);
		}
	}
	assert_int_equal(back, 50);
	assert_int_equal(app.received, 50);
	udp_batch_free(batch);
	udp_close(&app);
}

/* Ends and beginnings */

static bool thousand_echoed(void)
{
	return local.echo.received >= 1000;
}

static bool guest_gone(void)
{
	return w.events[EVENT_GUEST_GONE] > 0;
}

static bool guest_lost(void)
{
	return w.events[EVENT_LOST] > 0;
}

static void start_traffic(void)
{
	struct addr listen = listen_addr(0);

	for (int i = 0; i < 20; i++)
		app_open(&listen, UINT32_MAX, 8, mixed);
	RUN_UNTIL(thousand_echoed);
}

static void frees_the_guest_under_traffic(void **state)
{
	(void)state;
	start_all();
	start_traffic();
	guest_driver_free(w.guest);
	w.guest = NULL;
	RUN_UNTIL(guest_gone);
}

static void frees_the_host_under_traffic(void **state)
{
	(void)state;
	start_all();
	start_traffic();
	host_driver_free(w.host);
	w.host = NULL;
	RUN_UNTIL(guest_lost);
}

static bool connected_again(void)
{
	return w.events[EVENT_CONNECTED] >= 2;
}

/* Goodbyes make this quick; what was lost meanwhile, UDP may lose. */
static void finds_a_host_that_came_back(void **state)
{
	struct host_driver_config config;
	struct addr rendezvous, listen;

	(void)state;
	start_all();
	listen = listen_addr(0);
	app_open(&listen, 10, 1, small);
	RUN_UNTIL(all_answered);
	host_driver_free(w.host);
	rendezvous = rendezvous_addr();
	config = host_config(&rendezvous);
	start_host(&config);
	RUN_UNTIL(connected_again);
	local.apps[0].count = 20;
	app_push(&local.apps[0]);
	RUN_UNTIL(all_answered);
}

static void says_why_it_cannot_bind(void **state)
{
	struct rendezvous_driver_config rendezvous = {.listen_count = 1};
	struct host_driver_config host;
	struct guest_driver_config guest;
	char expected[256], name[ADDR_TEXT_MAX];
	const char *why = NULL;

	(void)state;
	(void)snprintf(expected, sizeof(expected),
		"cannot bind %s: address already in use",
		addr_format(name, &local.echo.addr));
	rendezvous_config_init(&rendezvous.core);
	rendezvous.listens[0] = local.echo.addr;
	assert_null(rendezvous_driver_new(local.loop, &rendezvous, &w.hooks, &why));
	assert_string_equal(why, expected);
	host = host_config(&local.echo.addr);
	host.binds[0] = local.echo.addr;
	assert_null(host_driver_new(local.loop, &host, &w.hooks, &why));
	assert_string_equal(why, expected);
	guest = guest_config(&local.echo.addr);
	guest.listens[0] = local.echo.addr;
	assert_null(guest_driver_new(local.loop, &guest, &w.hooks, &why));
	assert_string_equal(why, expected);
	guest.listen_count = 0;
	assert_null(guest_driver_new(local.loop, &guest, &w.hooks, &why));
	assert_string_equal(why, "no address to listen on");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(echoes_every_size),
		TEST(serves_many_applications),
		TEST(serves_thousands_of_applications),
		TEST(serves_bursts),
		TEST(passes_runs_on),
		TEST(frees_the_guest_under_traffic),
		TEST(frees_the_host_under_traffic),
		TEST(finds_a_host_that_came_back),
		TEST(says_why_it_cannot_bind),
	};

	return cmocka_run_group_tests(tests, world_apart, NULL);
}
