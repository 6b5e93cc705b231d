/* SPDX-License-Identifier: MIT */
/* The active part of eyelet.h: forwarders in threads of their own, and on a loop of the
 * test's. */
#include "library_active.h"

#include "core/guest_parts.h"

/* Threads of their own. */

static void forwards_in_threads(void **state)
{
	struct eyelet_forwarder_counts counts;
	struct eyelet_guest_counts payloads;
	char text[32];

	(void)state;
	start_all();
	await_all();
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "datagram %d", i);
		echo(text);
	}
	eyelet_forwarder_lock(w.guest);
	eyelet_guest_get_counts(eyelet_forwarder_guest(w.guest), &payloads);
	eyelet_forwarder_get_counts(w.guest, &counts); /* the lock nests */
	eyelet_forwarder_unlock(w.guest);
	assert_int_equal(payloads.datagrams_out, 100);
	assert_int_equal(payloads.datagrams_in, 100);
	assert_int_equal(counts.queue_dropped, 0);
	assert_int_equal(w.connected, 1);
	assert_null(eyelet_forwarder_host(w.guest));
	assert_null(eyelet_forwarder_rendezvous(w.guest));
}

static void stops_and_starts_again(void **state)
{
	(void)state;
	start_all();
	await_all();
	echo("before");
	assert_int_equal(eyelet_forwarder_start_thread(w.guest), EYELET_EBUSY);
	assert_int_equal(eyelet_forwarder_stop_thread(w.guest), EYELET_OK);
	assert_int_equal(eyelet_forwarder_stop_thread(w.guest), EYELET_OK);
	assert_int_equal(eyelet_forwarder_start_thread(w.guest), EYELET_OK);
	echo("after");
	assert_int_equal(w.connected, 1);
}

static void says_goodbye_when_freed(void **state)
{
	struct eyelet_host_counts counts = {.guests = 1};
	uint64_t late = eyelet_now() + DEADLINE;

	(void)state;
	start_all();
	await_all();
	echo("hello");
	eyelet_forwarder_free(w.guest);
	w.guest = NULL;
	while (counts.guests > 0 && eyelet_now() < late) {
		(void)poll(NULL, 0, 1);
		eyelet_forwarder_lock(w.host);
		eyelet_host_get_counts(eyelet_forwarder_host(w.host), &counts);
		eyelet_forwarder_unlock(w.host);
	}
	assert_int_equal(counts.guests, 0); /* long before its 45 s of silence */
}

static void frees_itself_in_a_thread(void **state)
{
	uint64_t late = eyelet_now() + DEADLINE;

	(void)state;
	w.free_when_connected = true;
	start_all();
	while (w.lost == 0 && eyelet_now() < late) /* the host hears the goodbye */
		(void)poll(NULL, 0, 1);
	if (w.connected > 0)
		w.guest = NULL; /* not to be freed again, whatever fails below */
	assert_int_equal(w.connected, 1);
	assert_int_equal(w.lost, 1);
}

static void waits_no_longer_than_told(void **state)
{
	struct eyelet_addr nobody;
	uint64_t before;

	(void)state;
	close(open_udp(&nobody));
	start_guest(&nobody);
	before = eyelet_now();
	assert_int_equal(
		eyelet_forwarder_wait(w.guest, EYELET_SECOND / 20), EYELET_ETIMEDOUT);
	assert_true(eyelet_now() - before >= EYELET_SECOND / 20);
}

/* What is set arrives in the core, and what is not has its default. */
static void hands_its_settings_on(void **state)
{
	struct eyelet_connect_config guest;
	struct eyelet_serve_config host;
	const struct guest *g;
	const char *why;

	(void)state;
	start_meeting();
	eyelet_ticket_from_service(&w.ticket, &w.service, "127.0.0.1");
	eyelet_connect_config_init(&guest);
	guest.ticket = &w.ticket;
	guest.servers[0] = bound_of(w.meeting, 0);
	guest.server_count = 1;
	assert_int_equal(guest.effort, EYELET_EFFORT_NORMAL);
	assert_false(guest.port_mapping || guest.no_relay || guest.no_local_candidates);
	guest.no_relay = guest.no_local_candidates = true;
	guest.effort = EYELET_EFFORT_HIGH + 1;
	assert_int_equal(eyelet_connect(&w.guest, &guest, &why), EYELET_EINVAL);
	guest.effort = EYELET_EFFORT_HIGH;
	assert_int_equal(eyelet_connect(&w.guest, &guest, &why), EYELET_OK);
	g = (const void *)eyelet_forwarder_guest(w.guest);
	assert_true(g->config.no_relay && g->config.no_local_candidates);
	assert_int_equal(g->config.effort, EFFORT_HIGH);
	assert_false(eyelet_guest_relayed(eyelet_forwarder_guest(w.guest)));
	host = host_config();
	assert_int_equal(host.effort, EYELET_EFFORT_NORMAL);
	host.no_local_candidates = true;
	host.effort = EYELET_EFFORT_HIGH + 1;
	assert_int_equal(eyelet_serve(&w.host, &host, &why), EYELET_EINVAL);
	host.effort = EYELET_EFFORT_LOW;
	assert_int_equal(eyelet_serve(&w.host, &host, &why), EYELET_OK);
	assert_null(why);
}

static void runs_a_rendezvous_inside(void **state)
{
	struct eyelet_serve_config config = host_config();
	uint8_t identity[EYELET_KEY_SIZE];
	struct eyelet_known_guest known = {.number = 77};
	struct eyelet_addr meeting;

	(void)state;
	close(open_udp(&meeting)); /* a port that is free now */
	memset(identity, 9, sizeof(identity));
	eyelet_identity_public(known.identity, identity);
	config.known = &known;
	config.known_count = 1;
	config.inside = true;
	config.port = meeting.port;
	start_host(&config);
	start_guest(&meeting);
	assert_int_equal(eyelet_forwarder_wait(w.guest, DEADLINE), EYELET_OK);
	connect_app();
	echo("without a third machine");
	eyelet_forwarder_lock(w.host);
	assert_int_equal(w.guest_number, 77);
	eyelet_forwarder_unlock(w.host);
}

/* A loop of the caller's. */

static void on_late(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop, (void)timer, (void)revents;
	fail_msg("waited in vain");
}

static void run_until(const atomic_uint *count)
{
	ev_timer late;

	ev_timer_init(&late, on_late, 20., 0.);
	ev_timer_start(w.loop, &late);
	while (*count == 0)
		ev_run(w.loop, EVRUN_ONCE);
	ev_timer_stop(w.loop, &late);
}

static void forwards_on_a_loop_of_ours(void **state)
{
	struct eyelet_rendezvous_counts counts;

	(void)state;
	w.loop = ev_loop_new(EVFLAG_AUTO);
	start_all();
	assert_int_equal(eyelet_forwarder_start_thread(w.guest), EYELET_EINVAL);
	assert_int_equal(eyelet_forwarder_stop_thread(w.guest), EYELET_EINVAL);
	assert_int_equal(eyelet_forwarder_wait(w.guest, 0), EYELET_EINVAL);
	run_until(&w.connected);
	assert_true(eyelet_guest_connected(eyelet_forwarder_guest(w.guest)));
	eyelet_rendezvous_get_counts(eyelet_forwarder_rendezvous(w.meeting), &counts);
	assert_int_equal(counts.services, 1);
}

static void frees_itself_on_a_loop_of_ours(void **state)
{
	(void)state;
	w.loop = ev_loop_new(EVFLAG_AUTO);
	w.free_when_connected = true;
	start_all();
	run_until(&w.connected);
	w.guest = NULL;
	run_until(&w.lost); /* the host hears the goodbye */
}

/* Errors. */

static void tells_what_is_wrong(void **state)
{
	struct eyelet_connect_config config;
	const char *why;

	(void)state;
	eyelet_connect_config_init(&config);
	assert_int_equal(eyelet_connect(&w.guest, &config, &why), EYELET_EINVAL);
	assert_non_null(why);
	assert_null(w.guest);
	eyelet_ticket_from_service(&w.ticket, &w.service, "host:port");
	config.ticket = &w.ticket;
	assert_int_equal(eyelet_connect(&w.guest, &config, &why), EYELET_ERESOLVE);
	assert_string_equal(why, "the port is no number up to 65535");
	config.server_count = 1;
	eyelet_addr_parse(&config.servers[0], "127.0.0.1:9", 0);
	w.app = open_udp(&config.listens[0]);
	config.listen_count = 1;
	assert_int_equal(eyelet_connect(&w.guest, &config, &why), EYELET_ESOCKET);
	assert_non_null(strstr(why, "already in use"));
	assert_int_equal(eyelet_connect(&w.guest, &config, NULL), EYELET_ESOCKET);
	assert_null(w.guest);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(forwards_in_threads),
		TEST(stops_and_starts_again),
		TEST(says_goodbye_when_freed),
		TEST(frees_itself_in_a_thread),
		TEST(waits_no_longer_than_told),
		TEST(hands_its_settings_on),
		TEST(runs_a_rendezvous_inside),
		TEST(forwards_on_a_loop_of_ours),
		TEST(frees_itself_on_a_loop_of_ours),
		TEST(tells_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
