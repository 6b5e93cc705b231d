/* SPDX-License-Identifier: MIT */
/* A libev loop with what stands at the ends of a forwarder, on loopback: applications that
 * send and check what comes back, and a target that echoes. */
#ifndef EYELET_TEST_UNIT_LOCAL_H
#define EYELET_TEST_UNIT_LOCAL_H

#include "sockets.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <netinet/in.h>

#include "net/sockaddr.h"

#define PATIENCE    120.0 /* seconds until a wait has failed, under valgrind, too */
#define APPS_MAX    2000
#define SOURCES_MAX APPS_MAX

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

static struct local {
	struct ev_loop *loop;
	ev_timer deadline; /* not a test's own: one that fails leaves it running */
	struct echo echo;
	struct app apps[APPS_MAX];
	unsigned app_count;
	bool late;
} local;

static inline void on_late(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop, (void)timer, (void)revents;
	local.late = true;
}

static inline void run_until(bool (*done)(void), const char *what)
{
	local.late = false;
	ev_now_update(local.loop);
	ev_timer_init(&local.deadline, on_late, PATIENCE, 0);
	ev_timer_start(local.loop, &local.deadline);
	while (!done() && !local.late)
		ev_run(local.loop, EVRUN_ONCE);
	ev_timer_stop(local.loop, &local.deadline);
	if (!done())
		fail_msg("waited in vain: %s", what);
}
#define RUN_UNTIL(done) run_until(done, #done)

/* Sockets */

static inline int open_udp(const struct addr *bound, struct addr *real)
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

static inline void note_source(struct echo *echo, const struct addr *source)
{
	for (size_t i = 0; i < echo->source_count; i++) {
		if (addr_equal(&echo->sources[i], source))
			return;
	}
	assert_true(echo->source_count < SOURCES_MAX);
	echo->sources[echo->source_count++] = *source;
}

static inline void on_echo(struct ev_loop *loop, ev_io *io, int revents)
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

static inline void echo_open(struct echo *echo, const struct addr *bound)
{
	memset(echo, 0, sizeof(*echo));
	echo->fd = open_udp(bound, &echo->addr);
	ev_io_init(&echo->io, on_echo, echo->fd, EV_READ);
	echo->io.data = echo;
	ev_io_start(local.loop, &echo->io);
}

static inline void echo_close(struct echo *echo)
{
	ev_io_stop(local.loop, &echo->io);
	close(echo->fd);
}

/* Returns a port of 127.0.0.1 where nothing listens now. */
static inline uint16_t free_port(void)
{
	struct addr any = addr_v4(127, 0, 0, 1, 0), real;

	close(open_udp(&any, &real));
	return real.port;
}

/* Applications */

static inline uint8_t byte_of(unsigned app, unsigned sequence, size_t i)
{
	return (uint8_t)(app * 31 + sequence * 7 + i * 13 + i / 251);
}

static inline void app_push(struct app *a)
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

static inline void app_check(struct app *a, const uint8_t *buf, size_t len)
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

static inline void on_app(struct ev_loop *loop, ev_io *io, int revents)
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
static inline struct app *app_open(const struct addr *to, unsigned count, unsigned window,
	size_t (*size)(unsigned app, unsigned sequence))
{
	struct app *a = &local.apps[local.app_count];
	struct addr any = loopback(to->family);
	union sockaddr_any name;

	*a = (struct app){.index = local.app_count++,
		.count = count,
		.window = window,
		.size = size};
	a->fd = open_udp(&any, NULL);
	assert_int_equal(connect(a->fd, &name.sa, sockaddr_encode(&name, to)), 0);
	ev_io_init(&a->io, on_app, a->fd, EV_READ);
	a->io.data = a;
	ev_io_start(local.loop, &a->io);
	app_push(a);
	return a;
}

static inline bool all_answered(void)
{
	for (unsigned i = 0; i < local.app_count; i++) {
		if (local.apps[i].received < local.apps[i].count)
			return false;
	}
	return true;
}

static inline size_t small(unsigned app, unsigned sequence)
{
	(void)app, (void)sequence;
	return 100;
}

static inline size_t mixed(unsigned app, unsigned sequence)
{
	static const size_t sizes[] = {200, 200, 200, 31, 1200, 1200, 0, 1200, 7, 700};

	return sizes[(app + sequence) % 10];
}

static const size_t edges[] = {0, 1, 2, 15, 16, 17, 64, 512, 1199, 1200, 1201, 1419, 1420,
	1443, 1444, 1450, 1451, 1452, 1453, 1471, 1472, 1473, 1499, 1500, 1501, 4096,
	9000, 16384, 32768, 65000, 65479, 65485, 65486, 65487, 65488, 65489, 65500, 65506,
	65507, 0, 1};
#define EDGES (sizeof(edges) / sizeof(edges[0]))

static inline size_t edge(unsigned app, unsigned sequence)
{
	return edges[(app + sequence) % EDGES];
}

/* Beginning and end */

static inline void local_begin(void)
{
	struct addr any = addr_v4(127, 0, 0, 1, 0);

	memset(&local, 0, sizeof(local));
	local.loop = ev_loop_new(EVFLAG_AUTO);
	echo_open(&local.echo, &any);
}

static inline void local_end(void)
{
	for (unsigned i = 0; i < local.app_count; i++) {
		ev_io_stop(local.loop, &local.apps[i].io);
		close(local.apps[i].fd);
	}
	echo_close(&local.echo);
	ev_loop_destroy(local.loop);
}

#endif
