/* SPDX-License-Identifier: MIT */
/* The active part of eyelet.h, by that header alone, on loopback: forwarders in threads of
 * their own, and on a loop of the test's. The test's thread is the application and its
 * server. */
#include <eyelet.h>

#include "unit.h"

#include <ev.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE (20 * EYELET_SECOND) /* until a wait has failed */

static struct world {
	struct eyelet_service service;
	struct eyelet_ticket ticket;
	struct eyelet_forwarder *meeting, *host, *guest;
	struct ev_loop *loop; /* NULL: threads of their own */
	int target, app;      /* the server's socket, the application's */
	atomic_uint connected, guest_number, lost, notices;
	bool free_when_connected;
} w;

/* --- sockets ------------------------------------------------------------------------ */

static int open_udp(struct eyelet_addr *bound)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	struct eyelet_addr any;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	eyelet_addr_parse(&any, "127.0.0.1", 0);
	len = (socklen_t)eyelet_addr_to_sockaddr(&any, (void *)&name, sizeof(name));
	assert_int_equal(bind(fd, (void *)&name, len), 0);
	len = sizeof(name);
	assert_int_equal(getsockname(fd, (void *)&name, &len), 0);
	assert_int_equal(eyelet_addr_from_sockaddr(bound, (void *)&name), EYELET_OK);
	return fd;
}

static struct eyelet_addr bound_of(struct eyelet_forwarder *f, size_t i)
{
	struct eyelet_addr addr;

	assert_int_equal(eyelet_forwarder_bound(f, i, &addr), EYELET_OK);
	return addr;
}

static void connect_app(void)
{
	const struct eyelet_addr to = bound_of(w.guest, 0);
	struct sockaddr_storage name;
	int len = eyelet_addr_to_sockaddr(&to, (void *)&name, sizeof(name));

	assert_int_equal(connect(w.app, (void *)&name, (socklen_t)len), 0);
}

static void wait_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poll_fd, 1, (int)(DEADLINE / 1000000)), 1);
}

/* One datagram to the server and back, each side in turn. */
static void echo(const char *text)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	char buf[256];
	ssize_t len;

	assert_int_equal(send(w.app, text, strlen(text), 0), strlen(text));
	wait_readable(w.target);
	len = recvfrom(w.target, buf, sizeof(buf), 0, (void *)&from, &from_len);
	assert_int_equal(len, strlen(text));
	assert_int_equal(
		sendto(w.target, buf, (size_t)len, 0, (void *)&from, from_len), len);
	wait_readable(w.app);
	assert_int_equal(recv(w.app, buf, sizeof(buf), 0), strlen(text));
	assert_memory_equal(buf, text, strlen(text));
}

/* --- forwarders --------------------------------------------------------------------- */

static void on_event(
	void *arg, struct eyelet_forwarder *f, const struct eyelet_event *event)
{
	assert_ptr_equal(arg, &w);
	assert_null(event->flow);
	if (event->type == EYELET_EVENT_GUEST_CONNECTED)
		w.guest_number = event->number;
	if (event->type == EYELET_EVENT_LOST || event->type == EYELET_EVENT_GUEST_GONE)
		w.lost++;
	if (event->type != EYELET_EVENT_CONNECTED)
		return;
	w.connected++;
	if (w.free_when_connected)
		eyelet_forwarder_free(f);
}

static void on_notice(void *arg, struct eyelet_forwarder *f, const char *text)
{
	(void)f, (void)text;
	assert_ptr_equal(arg, &w);
	w.notices++;
}

static const struct eyelet_hooks hooks = {on_event, on_notice, &w};

static void start(struct eyelet_forwarder *f, int error, const char *why)
{
	if (error != EYELET_OK)
		fail_msg("%s: %s", eyelet_strerror(error), why);
	assert_null(why);
	if (w.loop)
		return;
	assert_int_equal(eyelet_forwarder_start_thread(f), EYELET_OK);
}

static void start_meeting(void)
{
	struct eyelet_serve_rendezvous_config config;
	const char *why = "";
	int error;

	eyelet_serve_rendezvous_config_init(&config);
	config.loop = w.loop;
	config.hooks = hooks;
	eyelet_addr_parse(&config.listens[0], "127.0.0.1", 0);
	config.listen_count = 1;
	config.alt = 1;
	error = eyelet_serve_rendezvous(&w.meeting, &config, &why);
	start(w.meeting, error, why);
}

static struct eyelet_serve_config host_config(void)
{
	struct eyelet_serve_config config;

	eyelet_serve_config_init(&config);
	config.loop = w.loop;
	config.hooks = hooks;
	config.service = &w.service;
	w.target = open_udp(&config.targets[0]);
	config.target_count = 1;
	if (w.meeting) {
		config.servers[0] = bound_of(w.meeting, 0);
		config.server_count = 1;
	}
	return config;
}

static void start_host(const struct eyelet_serve_config *config)
{
	const char *why = "";
	int error = eyelet_serve(&w.host, config, &why);

	start(w.host, error, why);
}

/* The guest has nothing but the ticket. */
static void start_guest(const struct eyelet_addr *meeting)
{
	struct eyelet_connect_config config;
	struct eyelet_addr app;
	char servers[EYELET_ADDR_TEXT_MAX];
	const char *why = "";
	int error;

	eyelet_ticket_from_service(
		&w.ticket, &w.service, eyelet_addr_format(servers, meeting));
	eyelet_connect_config_init(&config);
	config.loop = w.loop;
	config.hooks = hooks;
	config.ticket = &w.ticket;
	memset(config.identity, 9, sizeof(config.identity));
	error = eyelet_connect(&w.guest, &config, &why);
	w.app = open_udp(&app);
	start(w.guest, error, why);
}

static void start_all(void)
{
	struct eyelet_serve_config config;
	struct eyelet_addr meeting;

	start_meeting();
	meeting = bound_of(w.meeting, 0);
	config = host_config();
	start_host(&config);
	start_guest(&meeting);
}

static void await_all(void)
{
	assert_int_equal(eyelet_forwarder_wait(w.meeting, 0), EYELET_OK);
	assert_int_equal(eyelet_forwarder_wait(w.host, DEADLINE), EYELET_OK);
	assert_int_equal(eyelet_forwarder_wait(w.guest, DEADLINE), EYELET_OK);
	connect_app();
}

static int begin(void **state)
{
	const struct eyelet_entropy entropy = {eyelet_random, NULL};

	(void)state;
	memset(&w, 0, sizeof(w));
	w.target = w.app = -1;
	return eyelet_service_generate(&w.service, &entropy);
}

static int end(void **state)
{
	(void)state;
	eyelet_forwarder_free(w.guest);
	eyelet_forwarder_free(w.host);
	eyelet_forwarder_free(w.meeting);
	if (w.target >= 0)
		close(w.target);
	if (w.app >= 0)
		close(w.app);
	if (w.loop)
		ev_loop_destroy(w.loop);
	return 0;
}

/* --- threads of their own ----------------------------------------------------------- */

static void forwards_in_threads(void **state)
{
	struct eyelet_forwarder_counts counts;
	struct eyelet_guest_counts payloads;
	char text[16];

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
	assert_int_equal(w.connected, 1);
	assert_int_equal(w.lost, 1);
	w.guest = NULL;
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

/* --- a loop of the caller's --------------------------------------------------------- */

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

/* --- errors ------------------------------------------------------------------------- */

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
		TEST(runs_a_rendezvous_inside),
		TEST(forwards_on_a_loop_of_ours),
		TEST(frees_itself_on_a_loop_of_ours),
		TEST(tells_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
