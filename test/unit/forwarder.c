/* SPDX-License-Identifier: MIT */
/* The three drivers on one loop, on loopback: rendezvous, host with an echoing target,
 * guest with local applications. */
#include "net/forwarder.h"
#include "sockets.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/message.h"
#include "core/secrets.h"
#include "net/sockaddr.h"
#include "net/system.h"
#include "net/udp.h"

#define PATIENCE    20.0 /* seconds until a wait has failed */
#define APPS_MAX    2000
#define SOURCES_MAX APPS_MAX

static const struct entropy entropy = {.fill = random_fill};

/* A socket of an unmodified application: sends `count` datagrams, `window` of them ahead
 * of what came back, and checks each that comes back. */
struct app {
	int fd;
	ev_io io;
	unsigned index, sent, received, count, window;
	size_t (*size)(unsigned app, unsigned sequence);
};

struct echo {
	int fd;
	ev_io io;
	struct addr addr;
	struct addr sources[SOURCES_MAX]; /* distinct ones */
	size_t source_count;
	unsigned received;
};

static struct world {
	struct ev_loop *loop;
	struct rendezvous_driver *rendezvous;
	struct host_driver *host;
	struct guest_driver *guest;
	struct echo echo;
	struct app apps[APPS_MAX];
	unsigned app_count;
	struct service service;
	struct credentials credentials;
	uint8_t guest_identity[32];
	struct forwarder_hooks hooks;
	unsigned events[EVENT_COUNT];
	uint32_t guest_number;
	char notice[256]; /* the last */
	unsigned notices;
	bool late;
} w;

/* The loop */

static void on_late(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop, (void)timer, (void)revents;
	w.late = true;
}

static void run_until(bool (*done)(void), const char *what)
{
	ev_timer deadline;

	w.late = false;
	ev_now_update(w.loop);
	ev_timer_init(&deadline, on_late, PATIENCE, 0);
	ev_timer_start(w.loop, &deadline);
	while (!done() && !w.late)
		ev_run(w.loop, EVRUN_ONCE);
	ev_timer_stop(w.loop, &deadline);
	if (!done())
		fail_msg("waited in vain: %s", what);
}
#define RUN_UNTIL(done) run_until(done, #done)

static void on_event(void *arg, const struct event *event)
{
	(void)arg;
	if (getenv("EYELET_VERBOSE"))
		print_message("           %s\n", event_name(event->type));
	w.events[event->type]++;
	if (event->type == EVENT_GUEST_NEW)
		w.guest_number = event->number;
}

static void on_notice(void *arg, const char *text)
{
	(void)arg;
	w.notices++;
	(void)snprintf(w.notice, sizeof(w.notice), "%s", text);
}

/* Sockets */

static int open_udp(const struct addr *bound, struct addr *real)
{
	union sockaddr_any name;
	socklen_t len = sockaddr_encode(&name, bound);
	int fd = socket(name.sa.sa_family, SOCK_DGRAM, 0);
	int buffer = 1 << 20;

	assert_true(fd >= 0);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	assert_int_equal(bind(fd, &name.sa, len), 0);
	len = sizeof(name);
	assert_int_equal(getsockname(fd, &name.sa, &len), 0);
	if (real)
		*real = sockaddr_decode(&name.sa);
	return fd;
}

static void note_source(struct echo *echo, const struct addr *source)
{
	for (size_t i = 0; i < echo->source_count; i++) {
		if (addr_equal(&echo->sources[i], source))
			return;
	}
	assert_true(echo->source_count < SOURCES_MAX);
	echo->sources[echo->source_count++] = *source;
}

static void on_echo(struct ev_loop *loop, ev_io *io, int revents)
{
	static uint8_t buf[65536];
	struct echo *echo = io->data;

	(void)loop, (void)revents;
	for (;;) {
		union sockaddr_any from;
		socklen_t from_len = sizeof(from);
		ssize_t len =
			recvfrom(echo->fd, buf, sizeof(buf), 0, &from.sa, &from_len);
		struct addr source;

		if (len < 0)
			return;
		source = sockaddr_decode(&from.sa);
		note_source(echo, &source);
		echo->received++;
		(void)sendto(echo->fd, buf, (size_t)len, 0, &from.sa, from_len);
	}
}

static void echo_open(struct echo *echo, const struct addr *bound)
{
	memset(echo, 0, sizeof(*echo));
	echo->fd = open_udp(bound, &echo->addr);
	ev_io_init(&echo->io, on_echo, echo->fd, EV_READ);
	echo->io.data = echo;
	ev_io_start(w.loop, &echo->io);
}

static void echo_close(struct echo *echo)
{
	ev_io_stop(w.loop, &echo->io);
	close(echo->fd);
}

/* Returns a port of 127.0.0.1 where nothing listens now. */
static uint16_t free_port(void)
{
	struct addr any = addr_v4(127, 0, 0, 1, 0), real;

	close(open_udp(&any, &real));
	return real.port;
}

/* Applications */

static uint8_t byte_of(unsigned app, unsigned sequence, size_t i)
{
	return (uint8_t)(app * 31 + sequence * 7 + i * 13 + i / 251);
}

static void app_push(struct app *a)
{
	static uint8_t buf[65536];

	while (a->sent < a->count && a->sent < a->received + a->window) {
		size_t len = a->size(a->index, a->sent);

		for (size_t i = 0; i < len; i++)
			buf[i] = byte_of(a->index, a->sent, i);
		/* A listen that is gone is no fault of the application's. */
		if (send(a->fd, buf, len, 0) != (ssize_t)len && errno != ECONNREFUSED)
			return;
		a->sent++;
	}
}

static void app_check(struct app *a, const uint8_t *buf, size_t len)
{
	assert_true(a->received < a->sent);
	assert_int_equal(len, a->size(a->index, a->received));
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != byte_of(a->index, a->received, i))
			fail_msg("app %u, datagram %u differs at byte %zu of %zu",
				a->index, a->received, i, len);
	}
	a->received++;
}

static void on_app(struct ev_loop *loop, ev_io *io, int revents)
{
	static uint8_t buf[65536];
	struct app *a = io->data;

	(void)loop, (void)revents;
	for (;;) {
		ssize_t len = recv(a->fd, buf, sizeof(buf), 0);

		if (len < 0)
			break;
		app_check(a, buf, (size_t)len);
	}
	app_push(a);
}

/* Opens an application socket connected to the address: an answer from any other would
 * not reach it. */
static struct app *app_open(const struct addr *to, unsigned count, unsigned window,
	size_t (*size)(unsigned app, unsigned sequence))
{
	struct app *a = &w.apps[w.app_count];
	struct addr any = loopback(to->family);
	union sockaddr_any name;

	*a = (struct app){
		.index = w.app_count++, .count = count, .window = window, .size = size};
	a->fd = open_udp(&any, NULL);
	assert_int_equal(connect(a->fd, &name.sa, sockaddr_encode(&name, to)), 0);
	ev_io_init(&a->io, on_app, a->fd, EV_READ);
	a->io.data = a;
	ev_io_start(w.loop, &a->io);
	app_push(a);
	return a;
}

static bool all_answered(void)
{
	for (unsigned i = 0; i < w.app_count; i++) {
		if (w.apps[i].received < w.apps[i].count)
			return false;
	}
	return true;
}

static size_t small(unsigned app, unsigned sequence)
{
	(void)app, (void)sequence;
	return 100;
}

static size_t mixed(unsigned app, unsigned sequence)
{
	static const size_t sizes[] = {200, 200, 200, 31, 1200, 1200, 0, 1200, 7, 700};

	return sizes[(app + sequence) % 10];
}

static const size_t edges[] = {0, 1, 2, 15, 16, 17, 64, 512, 1199, 1200, 1201, 1419, 1420,
	1443, 1444, 1450, 1451, 1452, 1453, 1471, 1472, 1473, 1499, 1500, 1501, 4096,
	9000, 16384, 32768, 65000, 65479, 65485, 65486, 65487, 65488, 65489, 65500, 65506,
	65507, 0, 1};
#define EDGES (sizeof(edges) / sizeof(edges[0]))

static size_t edge(unsigned app, unsigned sequence)
{
	return edges[(app + sequence) % EDGES];
}

/* The world */

static struct addr rendezvous_addr(void)
{
	struct addr addr;

	assert_true(rendezvous_driver_listen(w.rendezvous, 0, &addr));
	return addr;
}

static void start_rendezvous(void)
{
	struct rendezvous_driver_config config = {.listen_count = 1, .alt = 2};
	const char *why;

	rendezvous_config_init(&config.core);
	config.core.entropy = entropy;
	config.listens[0] = addr_v4(127, 0, 0, 1, 0);
	w.rendezvous = rendezvous_driver_new(w.loop, &config, &w.hooks, &why);
	if (!w.rendezvous)
		fail_msg("%s", why);
}

static struct host_driver_config host_config(const struct addr *rendezvous)
{
	struct host_driver_config config = {.target_count = 1, .bind_count = 1};

	host_config_init(&config.core);
	config.core.entropy = entropy;
	config.core.service = &w.service;
	config.core.ciphers = crypto_ciphers();
	config.core.servers[0] = *rendezvous;
	config.core.server_count = 1;
	config.targets[0] = w.echo.addr;
	config.binds[0] = addr_v4(0, 0, 0, 0, 0);
	return config;
}

static void start_host(const struct host_driver_config *config)
{
	const char *why;

	w.host = host_driver_new(w.loop, config, &w.hooks, &why);
	if (!w.host)
		fail_msg("%s", why);
}

static struct guest_driver_config guest_config(const struct addr *rendezvous)
{
	struct guest_driver_config config = {.listen_count = 1};

	guest_config_init(&config.core);
	config.core.entropy = entropy;
	config.core.credentials = &w.credentials;
	memcpy(config.core.identity, w.guest_identity, 32);
	config.core.ciphers = crypto_ciphers();
	config.core.servers[0] = *rendezvous;
	config.core.server_count = 1;
	config.listens[0] = addr_v4(127, 0, 0, 1, 0);
	return config;
}

static void start_guest(const struct guest_driver_config *config)
{
	const char *why;

	w.guest = guest_driver_new(w.loop, config, &w.hooks, &why);
	if (!w.guest)
		fail_msg("%s", why);
}

static struct addr listen_addr(size_t i)
{
	struct addr addr;

	assert_true(guest_driver_listen(w.guest, i, &addr));
	return addr;
}

/* All three with their defaults; nothing has happened on the wire yet. */
static void start_all(void)
{
	struct host_driver_config host;
	struct guest_driver_config guest;
	struct addr rendezvous;

	start_rendezvous();
	rendezvous = rendezvous_addr();
	host = host_config(&rendezvous);
	start_host(&host);
	guest = guest_config(&rendezvous);
	start_guest(&guest);
}

static int world_begin(void **state)
{
	struct addr any = addr_v4(127, 0, 0, 1, 0);

	(void)state;
	memset(&w, 0, sizeof(w));
	w.loop = ev_loop_new(EVFLAG_AUTO);
	w.hooks = (struct forwarder_hooks){.event = on_event, .notice = on_notice};
	service_generate(&w.service, &entropy);
	credentials_of(&w.credentials, &w.service);
	random_fill(NULL, w.guest_identity, 32);
	echo_open(&w.echo, &any);
	return 0;
}

static int world_end(void **state)
{
	(void)state;
	guest_driver_free(w.guest);
	host_driver_free(w.host);
	rendezvous_driver_free(w.rendezvous);
	for (unsigned i = 0; i < w.app_count; i++) {
		ev_io_stop(w.loop, &w.apps[i].io);
		close(w.apps[i].fd);
	}
	echo_close(&w.echo);
	ev_loop_destroy(w.loop);
	return 0;
}

static bool connected(void)
{
	return guest_connected(guest_driver_core(w.guest));
}

/* The tests */

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

static void keeps_what_came_before_the_path(void **state)
{
	struct forwarder_counts counts;
	struct addr listen;

	(void)state;
	start_all();
	listen = listen_addr(0);
	app_open(&listen, 60, 60, mixed);
	assert_false(connected());
	RUN_UNTIL(all_answered);
	guest_driver_get_counts(w.guest, &counts);
	assert_int_equal(counts.queue_dropped, 0);
	assert_int_equal(counts.send_failed, 0);
}

static bool sixty_four_answered(void)
{
	return w.echo.received >= 64;
}

static void drops_the_oldest_before_the_path(void **state)
{
	struct forwarder_counts counts;
	struct addr listen;

	(void)state;
	start_all();
	listen = listen_addr(0);
	app_open(&listen, 100, 100, small)->received = 36; /* the first 36 are dropped */
	RUN_UNTIL(sixty_four_answered);
	RUN_UNTIL(all_answered);
	guest_driver_get_counts(w.guest, &counts);
	assert_int_equal(counts.queue_dropped, 36);
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
	assert_int_equal(w.echo.source_count, 200);
	for (size_t i = 0; i < 200; i++) {
		const struct addr *source = &w.echo.sources[i];

		assert_true(addr_same_ip(source, &w.echo.sources[0]));
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
	assert_int_equal(w.echo.source_count, APPS_MAX);
}

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
	before = w.echo.sources[0];
	assert_true(before.ip[2] == 0 && before.ip[3] == 1);

	host_driver_free(w.host);
	rendezvous = rendezvous_addr();
	config = host_config(&rendezvous);
	start_host(&config);
	crypto_x25519_public(identity, w.guest_identity);
	host_know_guest(host_driver_core(w.host), identity, 0x3ffffe);
	w.echo.source_count = 0;
	guest_driver_free(w.guest);
	{
		struct guest_driver_config guest = guest_config(&rendezvous);

		start_guest(&guest);
	}
	listen = listen_addr(0);
	app_open(&listen, 1, 1, small);
	RUN_UNTIL(all_answered);
	assert_int_equal(w.events[EVENT_GUEST_NEW], 1);
	assert_int_equal(w.echo.source_count, 1);
	assert_int_equal(w.echo.sources[0].port, before.port);
	assert_memory_equal(w.echo.sources[0].ip, "\x7f\x7f\xff\xfe", 4);
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
	assert_true(addr_same_ip(&w.echo.sources[0], &taken));
	assert_int_equal(w.echo.sources[0].port, 49152 + w.echo.addr.port % 16384);
	close(fd);
}

static void answers_from_where_it_was_asked(void **state)
{
	struct guest_driver_config config;
	struct addr rendezvous, listen, to;

	(void)state;
	start_all();
	guest_driver_free(w.guest);
	rendezvous = rendezvous_addr();
	config = guest_config(&rendezvous);
	config.listens[0] = addr_v4(0, 0, 0, 0, 0);
	config.listens[1] = (struct addr){.family = ADDR_V6, .ip = {[15] = 1}};
	config.listen_count = 2;
	start_guest(&config);
	listen = listen_addr(0);
	for (uint8_t i = 1; i < 5; i++) {
		to = addr_v4(127, 0, 0, i, listen.port);
		app_open(&to, 20, 3, mixed);
	}
	if (guest_driver_listen(w.guest, 1, &to)) /* not every machine has IPv6 */
		app_open(&to, 20, 3, mixed);
	RUN_UNTIL(all_answered);
}

static bool noticed(void)
{
	return w.notices > 0;
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

static void on_retry(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct app *a = timer->data;

	(void)loop, (void)revents;
	a->received = a->sent; /* what was refused is lost, as UDP may */
	a->count = a->sent + 1;
	app_push(a);
}

static bool echo_reached(void)
{
	return w.echo.received > 0;
}

/* The same application socket gets through, not only the next one. */
static void turns_to_the_other_target(void **state)
{
	struct host_driver_config config;
	struct addr rendezvous, listen;
	ev_timer retry;

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
	retry.data = app_open(&listen, 1, 1, small);
	ev_timer_start(w.loop, &retry);
	RUN_UNTIL(echo_reached);
	ev_timer_stop(w.loop, &retry);
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
	echo_close(&w.echo);
	echo_open(&w.echo, &any);
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

	for (unsigned i = 0; i < w.app_count; i++)
		answered += w.apps[i].received == w.apps[i].count;
	host_driver_get_counts(w.host, &counts);
	return noticed() && answered + counts.send_failed == w.app_count;
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
		w.apps[i].count = 1;
		app_push(&w.apps[i]);
	}
	RUN_UNTIL(some_dropped_and_rest_answered);
	assert_non_null(strstr(w.notice, "out of descriptors"));
	assert_int_equal(w.echo.source_count, 3);
	host_driver_get_counts(w.host, &counts);
	assert_int_equal(counts.send_failed, 5);

	limit_descriptors(before.rlim_cur);
	for (int i = 0; i < 8; i++) {
		w.apps[i].received = w.apps[i].sent;
		w.apps[i].count = w.apps[i].sent + 10;
		app_push(&w.apps[i]);
	}
	RUN_UNTIL(all_answered);
	assert_int_equal(w.echo.source_count, 8);
}

static size_t full(unsigned app, unsigned sequence)
{
	(void)app, (void)sequence;
	return 1200;
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
	ev_now_update(w.loop);
	for (ev_tstamp end = ev_now(w.loop) + PATIENCE;
		back < 50 && ev_now(w.loop) < end;) {
		struct udp_message *messages;
		int count;

		ev_run(w.loop, EVRUN_NOWAIT);
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

static bool thousand_echoed(void)
{
	return w.echo.received >= 1000;
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
	w.apps[0].count = 20;
	app_push(&w.apps[0]);
	RUN_UNTIL(all_answered);
}

/* As when a name turns out to be elsewhere (dynamic DNS). */
static void follows_the_rendezvous_elsewhere(void **state)
{
	struct addr nowhere = addr_v4(127, 0, 0, 1, free_port()), rendezvous, listen;
	struct host_driver_config host = host_config(&nowhere);
	struct guest_driver_config guest = guest_config(&nowhere);

	(void)state;
	start_host(&host);
	start_guest(&guest);
	listen = listen_addr(0);
	app_open(&listen, 5, 1, mixed);
	for (int i = 0; i < 5; i++)
		ev_run(w.loop, EVRUN_ONCE);
	start_rendezvous();
	rendezvous = rendezvous_addr();
	host_driver_set_servers(w.host, &rendezvous, 1);
	guest_driver_set_servers(w.guest, &rendezvous, 1);
	RUN_UNTIL(all_answered);
}

static void meets_at_a_rendezvous_inside_the_host(void **state)
{
	struct rendezvous_config inner;
	struct host_driver_config host;
	struct guest_driver_config guest;
	struct addr at = addr_v4(127, 0, 0, 1, free_port()), listen, bound;

	(void)state;
	rendezvous_config_init(&inner);
	inner.entropy = entropy;
	host = host_config(&at);
	host.binds[0].port = at.port;
	host.inner = rendezvous_new(&inner, clock_now());
	assert_non_null(host.inner);
	start_host(&host);
	assert_true(host_driver_bound(w.host, 0, &bound));
	assert_int_equal(bound.port, at.port);
	assert_false(host_driver_bound(w.host, 1, &bound));
	guest = guest_config(&at);
	start_guest(&guest);
	listen = listen_addr(0);
	app_open(&listen, EDGES, 2, edge);
	RUN_UNTIL(all_answered);
}

/* The rendezvous' further ports */

static struct cookie_message answer;
static struct addr answerer;
static int asker = -1;

static bool cookie_came(void)
{
	uint8_t buf[1500];
	union sockaddr_any from;
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(asker, buf, sizeof(buf), 0, &from.sa, &from_len);

	if (len < 0)
		return answerer.family != ADDR_NONE;
	assert_true(cookie_decode(&answer, buf, (size_t)len));
	answerer = sockaddr_decode(&from.sa);
	return true;
}

static void on_wake(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)loop, (void)io, (void)revents; /* cookie_came reads */
}

static void ask_cookie(const struct addr *to)
{
	struct addr any = addr_v4(127, 0, 0, 1, 0);
	uint8_t id[ID_SIZE] = {1}, buf[COOKIE_ASK_SIZE];
	union sockaddr_any name;
	socklen_t len = sockaddr_encode(&name, to);
	ev_io wake;

	answerer = (struct addr){0};
	asker = open_udp(&any, NULL);
	assert_int_equal(sendto(asker, buf, cookie_ask_encode(buf, id), 0, &name.sa, len),
		COOKIE_ASK_SIZE);
	ev_io_init(&wake, on_wake, asker, EV_READ);
	ev_io_start(w.loop, &wake);
	RUN_UNTIL(cookie_came);
	ev_io_stop(w.loop, &wake);
	close(asker);
}

static void answers_on_further_ports(void **state)
{
	struct addr main, taken, to;
	int fd;

	(void)state;
	start_rendezvous();
	main = rendezvous_addr();
	ask_cookie(&main);
	assert_true(addr_equal(&answerer, &main));
	assert_int_equal(answer.alt_base, main.port + 1);
	assert_int_equal(__builtin_popcount(answer.alt_mask), 2);
	for (uint16_t bit = 0; bit < 32; bit++) {
		if (!(answer.alt_mask >> bit & 1))
			continue;
		to = main;
		to.port = (uint16_t)(answer.alt_base + bit);
		ask_cookie(&to);
		assert_true(addr_equal(&answerer, &to));
	}
	rendezvous_driver_free(w.rendezvous);
	w.rendezvous = NULL;

	/* The same ports again, the first further one being taken. */
	taken = main;
	taken.port++;
	fd = open_udp(&taken, NULL);
	{
		struct rendezvous_driver_config config = {.listen_count = 2, .alt = 3};
		const char *why;

		rendezvous_config_init(&config.core);
		config.core.entropy = entropy;
		config.listens[0] = main;
		config.listens[1] = addr_v4(127, 0, 0, 2, main.port);
		w.rendezvous = rendezvous_driver_new(w.loop, &config, &w.hooks, &why);
		assert_non_null(w.rendezvous);
	}
	to = addr_v4(127, 0, 0, 2, main.port);
	ask_cookie(&to);
	assert_true(addr_equal(&answerer, &to));
	assert_int_equal(answer.alt_mask & 1, 0);
	assert_int_equal(__builtin_popcount(answer.alt_mask), 3);
	close(fd);
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
		addr_format(name, &w.echo.addr));
	rendezvous_config_init(&rendezvous.core);
	rendezvous.listens[0] = w.echo.addr;
	assert_null(rendezvous_driver_new(w.loop, &rendezvous, &w.hooks, &why));
	assert_string_equal(why, expected);
	host = host_config(&w.echo.addr);
	host.binds[0] = w.echo.addr;
	assert_null(host_driver_new(w.loop, &host, &w.hooks, &why));
	assert_string_equal(why, expected);
	guest = guest_config(&w.echo.addr);
	guest.listens[0] = w.echo.addr;
	assert_null(guest_driver_new(w.loop, &guest, &w.hooks, &why));
	assert_string_equal(why, expected);
	guest.listen_count = 0;
	assert_null(guest_driver_new(w.loop, &guest, &w.hooks, &why));
	assert_string_equal(why, "no address to listen on");
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(echoes_every_size),
		TEST(keeps_what_came_before_the_path),
		TEST(drops_the_oldest_before_the_path),
		TEST(serves_many_applications),
		TEST(serves_thousands_of_applications),
		TEST(serves_bursts),
		TEST(passes_runs_on),
		TEST(shows_the_target_the_same_source_again),
		TEST(shares_a_guest_address_with_another_host),
		TEST(answers_from_where_it_was_asked),
#if defined(__linux__) && !defined(EYELET_PORTABLE)
		TEST(says_that_the_target_refuses),
		TEST(turns_to_the_other_target),
#endif
		TEST(reaches_a_target_of_ipv6),
		TEST(outlives_the_limit_of_descriptors),
		TEST(frees_the_guest_under_traffic),
		TEST(frees_the_host_under_traffic),
		TEST(finds_a_host_that_came_back),
		TEST(follows_the_rendezvous_elsewhere),
		TEST(meets_at_a_rendezvous_inside_the_host),
		TEST(answers_on_further_ports),
		TEST(says_why_it_cannot_bind),
	};

#if defined(__linux__)
	/* Other hosts on this machine would take the same addresses of 127.64.0.0/10. */
	if (namespace_enter())
		interface_set("lo", 65536);
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
