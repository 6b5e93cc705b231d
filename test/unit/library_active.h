/* SPDX-License-Identifier: MIT */
/* Forwarders by eyelet.h alone, on loopback; the test's thread is the application and its
 * server. */
#ifndef EYELET_TEST_LIBRARY_ACTIVE_H
#define EYELET_TEST_LIBRARY_ACTIVE_H

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
	atomic_uint connected, guest_number, lost;
	atomic_uint mistakes; /* of hooks, whose thread may not be the test's */
	bool free_when_connected;
} w;

/* Sockets. */

static inline int open_udp(struct eyelet_addr *bound)
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

static inline struct eyelet_addr bound_of(struct eyelet_forwarder *f, size_t i)
{
	struct eyelet_addr addr;

	assert_int_equal(eyelet_forwarder_bound(f, i, &addr), EYELET_OK);
	return addr;
}

static inline void connect_app(void)
{
	const struct eyelet_addr to = bound_of(w.guest, 0);
	struct sockaddr_storage name;
	int len = eyelet_addr_to_sockaddr(&to, (void *)&name, sizeof(name));

	assert_int_equal(connect(w.app, (void *)&name, (socklen_t)len), 0);
}

static inline void wait_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poll_fd, 1, (int)(DEADLINE / 1000000)), 1);
}

/* One datagram to the server and back, each side in turn. */
static inline void echo(const char *text)
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

/* Forwarders. */

static inline void on_event(
	void *arg, struct eyelet_forwarder *f, const struct eyelet_event *event)
{
	if (arg != &w || event->flow)
		w.mistakes++;
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

static inline void on_notice(void *arg, struct eyelet_forwarder *f, const char *text)
{
	(void)f;
	if (arg != &w || !text)
		w.mistakes++;
}

static const struct eyelet_hooks hooks = {on_event, on_notice, &w};

static inline void start(struct eyelet_forwarder *f, int error, const char *why)
{
	if (error != EYELET_OK)
		fail_msg("%s: %s", eyelet_strerror(error), why);
	assert_null(why);
	if (w.loop)
		return;
	assert_int_equal(eyelet_forwarder_start_thread(f), EYELET_OK);
}

static inline void start_meeting(void)
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

static inline struct eyelet_serve_config host_config(void)
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

static inline void start_host(const struct eyelet_serve_config *config)
{
	const char *why = "";
	int error = eyelet_serve(&w.host, config, &why);

	start(w.host, error, why);
}

/* The guest has nothing but the ticket. */
static inline void start_guest(const struct eyelet_addr *meeting)
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

static inline void start_all(void)
{
	struct eyelet_serve_config config;
	struct eyelet_addr meeting;

	start_meeting();
	meeting = bound_of(w.meeting, 0);
	config = host_config();
	start_host(&config);
	start_guest(&meeting);
}

static inline void await_all(void)
{
	assert_int_equal(eyelet_forwarder_wait(w.meeting, 0), EYELET_OK);
	assert_int_equal(eyelet_forwarder_wait(w.host, DEADLINE), EYELET_OK);
	assert_int_equal(eyelet_forwarder_wait(w.guest, DEADLINE), EYELET_OK);
	connect_app();
}

static inline int begin(void **state)
{
	const struct eyelet_entropy entropy = {eyelet_random, NULL};

	(void)state;
	memset(&w, 0, sizeof(w));
	w.target = w.app = -1;
	return eyelet_service_generate(&w.service, &entropy);
}

static inline int end(void **state)
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
	assert_int_equal(w.mistakes, 0);
	return 0;
}

#endif
