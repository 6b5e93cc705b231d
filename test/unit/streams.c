/* SPDX-License-Identifier: MIT */
/* Streams between two drivers on one loop, without a core: dialled, accepted, limited, lost
 * and dialled again. */
#include "net/streams_listen.h"

#include "certificate.h"
#include "local.h"

#include <sys/resource.h>

#include "net/system.h"
#include "net/tcp.h"

/* A driver with its streams, and what they brought. */
struct end {
	struct driver driver; /* the first member */
	struct driver_socket publics[2];
	struct streams streams;
	bool echoes;
	unsigned got;
	size_t len; /* of the last */
	uint8_t first, last;
	struct path path; /* the last one's */
};

static struct end client, server;
static struct addr at; /* the server's, with the transport in use */
static struct tls_context *contexts[2];
static const char *name;
static char notice[256];
static unsigned said;

static void take(struct driver_socket *s, struct udp_message *m)
{
	struct end *end = (struct end *)(void *)s->driver;

	assert_int_equal(m->segment, m->len);
	end->got++;
	end->len = m->len;
	end->first = m->buf[0];
	end->last = m->buf[m->len - 1];
	end->path = m->path;
	if (end->echoes)
		driver_send_framed(&end->driver, &m->path, m->buf, m->len);
}

static void on_notice(void *arg, const char *text)
{
	(void)arg;
	snprintf(notice, sizeof(notice), "%s", text);
}

static const char *name_of(void *arg, const struct addr *remote)
{
	(void)arg;
	assert_true(addr_equal(remote, &at));
	return name;
}

static void end_open(struct end *end, const struct streams_config *config)
{
	static const struct forwarder_hooks hooks = {.notice = on_notice};
	static const struct driver_ops ops = {.round = NULL};

	memset(end, 0, sizeof(*end));
	end->driver.take = take;
	assert_true(driver_init(&end->driver, local.loop, &hooks, &ops, end->publics, 2));
	streams_init(&end->streams, &end->driver, config);
	end->driver.streams = &end->streams;
	driver_start(&end->driver);
}

static void server_open(unsigned max, unsigned network_max)
{
	const struct streams_config config = {.max = max, .network_max = network_max};

	end_open(&server, &config);
	server.echoes = true;
}

static void server_listen(uint8_t transport)
{
	struct addr bind = addr_v4(127, 0, 0, 1, at.port != 0 ? at.port : free_port());

	assert_int_equal(streams_listen(&server.streams, &bind,
				 transport == ADDR_TLS ? &contexts[1] : NULL),
		0);
	at = bind;
	at.transport = transport;
}

static void start(uint8_t transport)
{
	const struct streams_config config = {
		.dials = true, .client = contexts[0], .name = name_of};

	server_open(STREAMS_MAX, STREAMS_NETWORK_MAX);
	server_listen(transport);
	end_open(&client, &config);
}

static void say(size_t len)
{
	static uint8_t bytes[FRAMING_MAX];
	const struct path path = {.remote = at};

	said++;
	memset(bytes, 'm', len);
	bytes[0] = 'a';
	bytes[len - 1] = 'z';
	driver_wake(&client.driver);
	driver_send_framed(&client.driver, &path, bytes, len);
	driver_settle(&client.driver);
}

static unsigned wanted;

static bool answered(void)
{
	return client.got >= wanted;
}

static void expect_answers(unsigned count)
{
	wanted = client.got + count;
	RUN_UNTIL(answered);
}

/* What a rendezvous may say is bounded by the framing alone. */
static void answer(size_t len)
{
	static uint8_t bytes[FRAMING_MAX];

	bytes[len - 1] = 'y';
	driver_wake(&server.driver);
	driver_send_framed(&server.driver, &server.path, bytes, len);
	driver_settle(&server.driver);
	expect_answers(1);
	assert_int_equal(client.len, len);
	assert_int_equal(client.last, 'y');
}

static ev_timer repeat;

static void on_repeat(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop, (void)timer, (void)revents;
	say(100);
}

/* As the core does that gets no answer. */
static void say_until_answered(void)
{
	ev_timer_init(&repeat, on_repeat, 0., 0.05);
	ev_timer_start(local.loop, &repeat);
	expect_answers(1);
	ev_timer_stop(local.loop, &repeat);
}

static bool nothing_under_way(void)
{
	return client.got + client.streams.table->out.dropped == said;
}

/* What is said before the hands are shaken may be too old by then. */
static void open_up(void)
{
	say_until_answered();
	RUN_UNTIL(nothing_under_way);
}

static void carries_every_size(void)
{
	static const size_t sizes[] = {1, 2, 20, 1480, STREAMS_DATAGRAM_MAX};

	open_up();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		say(sizes[i]);
		expect_answers(1);
		assert_int_equal(client.len, sizes[i]);
		assert_int_equal(client.last, 'z');
		assert_true(addr_equal(&client.path.remote, &at));
		assert_int_equal(server.path.remote.transport, at.transport);
		assert_int_equal(server.path.local.port, at.port);
	}
	answer(TLS_RECORD - FRAMING_HEADER);
	answer(TLS_RECORD);
	answer(FRAMING_MAX);
	assert_int_equal(client.streams.counts.dialled, 1);
	assert_int_equal(server.streams.counts.accepted, 1);
}

static void carries_datagrams_by_tcp(void **state)
{
	(void)state;
	start(ADDR_TCP);
	carries_every_size();
}

static void carries_datagrams_by_tls(void **state)
{
	(void)state;
	if (!tls_available())
		skip();
	name = "rdv.example.net";
	start(ADDR_TLS);
	carries_every_size();
}

/* What is said before the connection is there waits for it; one write takes them all. */
static void keeps_what_is_said_while_connecting(void **state)
{
	(void)state;
	start(ADDR_TCP);
	for (unsigned i = 0; i < 100; i++)
		say(1000);
	expect_answers(100);
	assert_int_equal(client.streams.counts.dialled, 1);
}

static bool notice_came(void)
{
	return notice[0] != '\0';
}

static void refuses_a_wrong_name(void **state)
{
	(void)state;
	if (!tls_available())
		skip();
	name = "rdv.example.org";
	start(ADDR_TLS);
	say(100);
	RUN_UNTIL(notice_came);
	assert_string_equal(notice,
		"the certificate of rdv.example.org is not valid: hostname mismatch");
	assert_string_equal(client.streams.why, notice);
	assert_int_equal(client.got + server.got, 0);
}

static void drops_what_has_no_stream(void **state)
{
	const struct streams_config config = {.dials = true};

	(void)state;
	server_open(1, 1);
	end_open(&client, &config);
	at = addr_v4(127, 0, 0, 1, 1);
	at.transport = ADDR_TLS; /* which it has no authorities for */
	say(100);
	assert_int_equal(client.streams.counts.dropped, 1);
	assert_int_equal(client.streams.counts.dialled, 0);
	/* A server never dials. */
	driver_send_framed(
		&server.driver, &(struct path){.remote = at}, (uint8_t *)"x", 1);
	assert_int_equal(server.streams.counts.dropped, 1);
}

static void dials_again_after_a_restart(void **state)
{
	uint64_t before;

	(void)state;
	start(ADDR_TCP);
	say(100);
	expect_answers(1);
	driver_fini(&server.driver);
	before = clock_now();
	server_open(STREAMS_MAX, STREAMS_NETWORK_MAX);
	server_listen(ADDR_TCP);
	say_until_answered();
	assert_true(clock_now() - before < 5 * SECOND);
	assert_in_range(client.streams.counts.dialled, 2, 4);
}

/* Attempts are not made faster than the pause between them allows. */
static void waits_between_attempts(void **state)
{
	const struct streams_config config = {.dials = true};

	(void)state;
	server_open(1, 1);
	end_open(&client, &config);
	at = addr_v4(127, 0, 0, 1, free_port());
	at.transport = ADDR_TCP;
	ev_timer_init(&repeat, on_repeat, 0., 0.05);
	ev_timer_start(local.loop, &repeat);
	for (unsigned i = 0; i < 12; i++)
		ev_run(local.loop, EVRUN_ONCE);
	ev_timer_stop(local.loop, &repeat);
	assert_in_range(client.streams.counts.dialled, 1, 3);
	assert_non_null(strstr(client.streams.why, "cannot reach by TCP 127.0.0.1:"));
	assert_non_null(strstr(client.streams.why, ": connection refused"));
}

/* Returns a socket connected to the server. */
static int knock(void)
{
	struct addr remote = at;
	int fd;

	remote.transport = ADDR_UDP;
	fd = tcp_connect(&remote);
	assert_true(fd >= 0);
	return fd;
}

static bool two_in_one_out(void)
{
	return server.streams.counts.open == 2 && server.streams.counts.refused == 1;
}

static bool one_left(void)
{
	return server.streams.counts.open == 1;
}

static void limits_a_network(void **state)
{
	int fds[3];

	(void)state;
	server_open(STREAMS_MAX, 2);
	server_listen(ADDR_TCP);
	end_open(&client, NULL);
	for (unsigned i = 0; i < 3; i++)
		fds[i] = knock();
	RUN_UNTIL(two_in_one_out);
	close(fds[0]);
	RUN_UNTIL(one_left);
	close(fds[1]);
	close(fds[2]);
}

static unsigned knocks;

static bool all_judged(void)
{
	return server.streams.counts.accepted + server.streams.counts.refused == knocks;
}

/* However soon they leave again. */
static void limits_the_rate_of_a_network(void **state)
{
	int fds[50];

	(void)state;
	server_open(STREAMS_MAX, STREAMS_MAX);
	server_listen(ADDR_TCP);
	end_open(&client, NULL);
	for (knocks = 0; knocks < 2 * STREAMS_ACCEPT_BURST;) {
		for (unsigned i = 0; i < 50; i++, knocks++)
			fds[i] = knock();
		RUN_UNTIL(all_judged);
		for (unsigned i = 0; i < 50; i++)
			close(fds[i]);
	}
	assert_true(server.streams.counts.accepted >= STREAMS_ACCEPT_BURST);
	assert_true(server.streams.counts.refused > 0);
}

static bool notice_and_none(void)
{
	return notice[0] != '\0' && server.streams.counts.accepted == 0;
}

static bool one_accepted(void)
{
	return server.streams.counts.accepted >= 1;
}

/* With no descriptor left it says so, does not spin, and goes on when there is one. */
static void waits_for_descriptors(void **state)
{
	struct rlimit limit, old;
	unsigned turns = 0;
	int fds[2];
	ev_tstamp until;

	(void)state;
	server_open(STREAMS_MAX, STREAMS_NETWORK_MAX);
	server_listen(ADDR_TCP);
	end_open(&client, NULL);
	fds[0] = knock();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	RUN_UNTIL(notice_and_none);
	until = ev_time() + 0.2;
	for (; ev_time() < until; turns++) {
		ev_timer_init(&repeat, on_late, 0.1, 0.);
		ev_timer_start(local.loop, &repeat);
		ev_run(local.loop, EVRUN_ONCE);
		ev_timer_stop(local.loop, &repeat);
	}
	assert_true(turns < 20);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_string_equal(
		notice, "out of descriptors: connections by TCP have to wait");
	fds[1] = knock(); /* valgrind's limit lets the first one go */
	RUN_UNTIL(one_accepted);
	close(fds[0]);
	close(fds[1]);
}

static bool slow_one_is_gone(void)
{
	return server.streams.counts.dropped > 0;
}

/* One that does not read holds what the queue has room for, and nobody else up. */
static void bounds_a_slow_reader(void **state)
{
	static uint8_t bytes[1400];
	struct path path;
	struct stream *slow;
	int fd;

	(void)state;
	start(ADDR_TCP);
	fd = knock();
	RUN_UNTIL(one_accepted);
	slow = server.streams.table;
	path = (struct path){.remote = slow->remote};
	for (unsigned i = 0; i < 20000; i++) {
		driver_wake(&server.driver);
		driver_send_framed(&server.driver, &path, bytes, sizeof(bytes));
		if (i % 16 == 0)
			driver_settle(&server.driver);
	}
	assert_true(slow->out.dropped > 0);
	assert_true(framing_len(&slow->out) <= STREAM_QUEUE_BYTES);
	assert_true(slow->out.cap <= 4 * STREAM_QUEUE_BYTES);
	say(100);
	expect_answers(1);
	close(fd);
	RUN_UNTIL(slow_one_is_gone);
}

static bool none_left(void)
{
	return server.streams.table == NULL;
}

/* Returns the other end of a stream to the server, the first one. */
static int be_accepted(void)
{
	int fd;

	server_open(STREAMS_MAX, STREAMS_NETWORK_MAX);
	server_listen(ADDR_TCP);
	end_open(&client, NULL);
	fd = knock();
	RUN_UNTIL(one_accepted);
	return fd;
}

/* A stream that brings no whole datagram, but bytes. */
static void ends_with_its_peer(void **state)
{
	int fd;

	(void)state;
	fd = be_accepted();
	assert_int_equal(tcp_write(fd, (const uint8_t *)"\x10\x00half", 6), 6);
	close(fd);
	RUN_UNTIL(none_left);
	assert_int_equal(server.got, 0);
	assert_int_equal(server.streams.counts.open, 0);
}

/* What is longer than any datagram of the protocol is not waited for. */
static void ends_one_that_announces_too_much(void **state)
{
	int fd;

	(void)state;
	fd = be_accepted();
	assert_int_equal(tcp_write(fd, (const uint8_t *)"\x10\x01", 2), 2);
	RUN_UNTIL(none_left);
	assert_int_equal(server.streams.counts.open, 0);
	close(fd);
}

static int test_begin(void **state)
{
	(void)state;
	local_begin();
	memset(&at, 0, sizeof(at));
	notice[0] = '\0';
	said = 0;
	return 0;
}

static int test_end(void **state)
{
	(void)state;
	driver_fini(&client.driver);
	driver_fini(&server.driver);
	local_end();
	return 0;
}

static int all_begin(void **state)
{
	char why[TLS_WHY_MAX];

	(void)state;
	if (!tls_available())
		return 0;
	certificates_begin();
	contexts[0] = tls_client_new(certificate_path("ca", "pem"), why);
	contexts[1] = tls_server_new(certificate_path("server", "pem"),
		certificate_path("server", "key"), why);
	return contexts[0] && contexts[1] ? 0 : -1;
}

static int all_end(void **state)
{
	(void)state;
	tls_context_free(contexts[0]);
	tls_context_free(contexts[1]);
	if (tls_available())
		certificates_end();
	return 0;
}

#define STREAM_TEST(f) cmocka_unit_test_setup_teardown(f, test_begin, test_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STREAM_TEST(carries_datagrams_by_tcp),
		STREAM_TEST(carries_datagrams_by_tls),
		STREAM_TEST(keeps_what_is_said_while_connecting),
		STREAM_TEST(refuses_a_wrong_name),
		STREAM_TEST(drops_what_has_no_stream),
		STREAM_TEST(dials_again_after_a_restart),
		STREAM_TEST(waits_between_attempts),
		STREAM_TEST(limits_a_network),
		STREAM_TEST(limits_the_rate_of_a_network),
		STREAM_TEST(waits_for_descriptors),
		STREAM_TEST(bounds_a_slow_reader),
		STREAM_TEST(ends_with_its_peer),
		STREAM_TEST(ends_one_that_announces_too_much),
	};

	return cmocka_run_group_tests(tests, all_begin, all_end);
}
