/* SPDX-License-Identifier: MIT */
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>

static uint8_t v4 = ADDR_V4, v6 = ADDR_V6;

static uint8_t family_of(void **state)
{
	return *(uint8_t *)*state;
}

static void opens_with_its_options(void **state)
{
	struct udp_options options = {.public_side = true, .buffer = 300000};
	struct addr at = loopback(family_of(state));
	struct udp_socket s, other;

	open_at(&s, at, true);
	udp_close(&s);
	assert_int_equal(udp_open(&s, &at, &options), 0);
	assert_int_equal(s.number, 7);
	assert_true(s.buffer >= 100000);
	assert_true(addr_same_ip(&s.bound, &at));
	assert_true(s.bound.port != 0);
	assert_true(fcntl(s.fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(s.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(udp_open(&other, &s.bound, &options), -EADDRINUSE);
	assert_int_equal(other.fd, -1);
	udp_close(&s);
	udp_close(&s);
	at.family = ADDR_NONE;
	assert_int_equal(udp_open(&s, &at, &options), -EAFNOSUPPORT);
}

static void carries_one_datagram(void **state)
{
	struct udp_message *messages;
	struct pair p;

	pair_open(&p, family_of(state), true);
	assert_int_equal(udp_receive(&p.b, p.batch, &messages), 0);
	assert_int_equal(udp_send(&p.a, &p.path, 0, 0, "eyelet", 6), 0);
	wait_for(p.b.fd, POLLIN);
	assert_int_equal(udp_receive(&p.b, p.batch, &messages), 1);
	assert_int_equal(messages->len, 6);
	assert_int_equal(messages->segment, 6);
	assert_memory_equal(messages->buf, "eyelet", 6);
	assert_true(addr_equal(&messages->path.remote, &p.a.bound));
	assert_true(addr_equal(&messages->path.local, &p.b.bound));
	assert_int_equal(messages->path.socket, 7);
#if !defined(EYELET_PORTABLE)
	assert_int_equal(messages->path.ifindex, if_nametoindex("lo"));
#endif
	memset(messages->buf - UDP_HEADROOM, 1, UDP_HEADROOM);
	memset(messages->buf + messages->len, 1, UDP_HEADROOM);
	assert_int_equal(p.a.sent, 1);
	assert_int_equal(p.a.calls_out, 1);
	assert_int_equal(p.b.received, 1);
	pair_close(&p);
}

static void carries_empty_datagrams(void **state)
{
	static const size_t sizes[] = {0, 5, 0, 0, 5, 5, 0};
	struct pair p;

	pair_open(&p, family_of(state), true);
	send_all(&p, 0, sizes, 7, 64, 0);
	receive_all(&p, 0, sizes, 7);
	assert_int_equal(p.a.sent, 7);
	pair_close(&p);
}

static void carries_the_largest(void **state)
{
	static const size_t sizes[] = {65507, 1, 65507};
	struct pair p;

	for (int public_side = 0; public_side <= 1; public_side++) {
		pair_open(&p, family_of(state), public_side);
		send_all(&p, 0, sizes, 3, 64, 0);
		receive_all(&p, 0, sizes, 3);
		pair_close(&p);
	}
}

/* 64 of 1200 bytes exceed one UDP payload: 54 and 10. */
static void sends_a_run_by_two_calls(void **state)
{
	size_t sizes[64];
	struct pair p;

	for (size_t i = 0; i < 64; i++)
		sizes[i] = i < 63 ? 1200 : 77;
	for (size_t gap = 0; gap <= 20; gap += 20) {
		pair_open(&p, family_of(state), true);
		send_all(&p, 0, sizes, 64, 64, gap);
		receive_all(&p, 0, sizes, 64);
		assert_int_equal(p.a.sent, 64);
		assert_int_equal(p.a.send_failed, 0);
		if (p.a.gso)
			assert_int_equal(p.a.calls_out, 2);
		if (p.a.gso && p.b.gro)
			assert_int_equal(p.messages, 2);
		pair_close(&p);
	}
}

static void sends_no_run_longer_than_asked(void **state)
{
	size_t sizes[64];
	struct pair p;

	for (size_t i = 0; i < 64; i++)
		sizes[i] = 100;
	pair_open(&p, family_of(state), false);
	send_all(&p, 0, sizes, 64, 32, 0);
	receive_all(&p, 0, sizes, 64);
	assert_int_equal(p.a.calls_out, p.a.gso ? 2 : 64);
	pair_close(&p);
}

static void keeps_order_of_mixed_sizes(void **state)
{
	static const size_t some[] = {
		0, 1, 1, 100, 1200, 1200, 1200, 1400, 1452, 1473, 9000};
	uint64_t seed = random_start();
	size_t sizes[DATAGRAMS_MAX];
	struct pair p;

	for (int public_side = 0; public_side <= 1; public_side++) {
		for (size_t i = 0; i < DATAGRAMS_MAX; i++)
			sizes[i] =
				some[random_below(&seed, sizeof(some) / sizeof(*some))];
		pair_open(&p, family_of(state), public_side);
		send_all(&p, 0, sizes, DATAGRAMS_MAX, 64, 0);
		receive_all(&p, 0, sizes, DATAGRAMS_MAX);
		assert_int_equal(p.a.sent, DATAGRAMS_MAX);
		pair_close(&p);
	}
}

static void carries_the_tos(void **state)
{
	static const size_t one[] = {9}, run[] = {9, 9, 9, 3};
	struct pair p;

	for (uint8_t tos = 0xb9; tos <= 0xbb;
		tos++) { /* expedited forwarding, with ECN */
		pair_open(&p, family_of(state), true);
		send_all(&p, tos, one, 1, 64, 0);
		receive_all(&p, tos, one, 1);
		p.b.received = 0;
		send_all(&p, tos, run, 4, 64, 0);
		receive_all(&p, tos, run, 4);
		assert_true(udp_send(&p.a, &p.path, 0, 0, "", 0) == 0);
		p.b.received = 0;
		receive_all(&p, 0, (size_t[]){0}, 1);
		pair_close(&p);
	}
}

static void splits_runs_by_tos_and_path(void **state)
{
	struct udp_sender sender;
	struct udp_socket other;
	struct path elsewhere;
	struct pair p;

	pair_open(&p, family_of(state), true);
	open_at(&other, loopback(family_of(state)), true);
	elsewhere = p.path;
	elsewhere.remote = other.bound;
	udp_sender_init(&sender, 64);
	udp_sender_add(&sender, &p.a, &p.path, 0, room, 10);
	udp_sender_add(&sender, &p.a, &p.path, 8, room, 10);
	assert_int_equal(sender.count, 1);
	udp_sender_add(&sender, &p.a, &elsewhere, 8, room, 10);
	assert_int_equal(sender.count, 1);
	udp_sender_add(&sender, &p.b, &elsewhere, 8, room, 10);
	assert_int_equal(sender.count, 1);
	assert_int_equal(p.a.sent, 3);
	udp_sender_flush(&sender);
	assert_int_equal(p.b.sent, 1);
	assert_null(sender.socket);
	udp_sender_flush(&sender);
	assert_int_equal(p.b.sent, 1);
	udp_close(&other);
	pair_close(&p);
}

/* Returns the TTL or hop limit of the datagram that waits at s. */
static int received_ttl(const struct udp_socket *s)
{
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct msghdr message = {
		.msg_control = control, .msg_controllen = sizeof(control)};
	int ttl = 0;

	wait_for(s->fd, POLLIN);
	assert_true(recvmsg(s->fd, &message, 0) >= 0);
	for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item;
		item = CMSG_NXTHDR(&message, item)) {
		if ((item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_TTL) ||
			(item->cmsg_level == IPPROTO_IPV6 &&
				item->cmsg_type == IPV6_HOPLIMIT))
			memcpy(&ttl, CMSG_DATA(item), sizeof(ttl));
	}
	return ttl;
}

static void sets_the_ttl_of_one_datagram(void **state)
{
	bool is_v4 = family_of(state) == ADDR_V4;
	int on = 1, usual;
	struct pair p;

	pair_open(&p, family_of(state), true);
	assert_int_equal(setsockopt(p.b.fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6,
				 is_v4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT, &on, sizeof(on)),
		0);
	assert_int_equal(udp_send(&p.a, &p.path, 0, 0, "x", 1), 0);
	usual = received_ttl(&p.b);
	assert_true(usual > 5);
	assert_int_equal(udp_send(&p.a, &p.path, 5, 0xb8, "x", 1), 0);
	assert_int_equal(received_ttl(&p.b), 5);
	assert_int_equal(udp_send(&p.a, &p.path, 255, 0, "x", 1), 0);
	assert_int_equal(received_ttl(&p.b), 255);
	assert_int_equal(udp_send(&p.a, &p.path, 0, 0, "x", 1), 0);
	assert_int_equal(received_ttl(&p.b), usual);
	pair_close(&p);
}

/* Returns a loopback address where nothing listens. */
static struct addr closed_port(uint8_t family)
{
	struct udp_socket s;

	open_at(&s, loopback(family), false);
	udp_close(&s);
	return s.bound;
}

/* An application whose server restarts: the socket works on without a word. */
static void outlives_a_refused_connection(void **state)
{
	struct addr remote = closed_port(family_of(state)), own;
	struct udp_message *messages;
	struct udp_socket app, server;
	struct path path = {0};
	struct pair p;

	pair_open(&p, family_of(state), false);
	open_at(&app, loopback(family_of(state)), false);
	own = app.bound;
	assert_int_equal(udp_connect(&app, &remote), 0);
	assert_true(addr_equal(&app.bound, &own));
	assert_int_equal(udp_send(&app, &path, 0, 0, "x", 1), 0);
	wait_for(app.fd, POLLERR);
	open_at(&server, remote, false);
	assert_int_equal(udp_send(&app, &path, 0, 0, "xy", 2), 0);
	wait_for(server.fd, POLLIN);
	assert_int_equal(udp_receive(&server, p.batch, &messages), 1);
	assert_int_equal(messages->len, 2);
	path = messages->path;
	assert_true(addr_equal(&path.remote, &own));
	assert_int_equal(udp_send(&server, &path, 0, 0, "xyz", 3), 0);
	wait_for(app.fd, POLLIN);
	assert_int_equal(udp_receive(&app, p.batch, &messages), 1);
	assert_int_equal(messages->len, 3);
	udp_close(&app);
	udp_close(&server);
	pair_close(&p);
}

static void answers_from_the_address_it_was_asked_at(void **state)
{
	struct udp_message *messages;
	struct udp_socket s;
	struct pair p;

	(void)state;
	for (int public_side = 0; public_side <= 1; public_side++) {
		pair_open(&p, ADDR_V4, false);
		open_at(&s, addr_v4(0, 0, 0, 0, 0), public_side);
		p.path.remote = addr_v4(127, 64, 3, 2, s.bound.port);
		assert_int_equal(udp_send(&p.b, &p.path, 0, 0, "?", 1), 0);
		wait_for(s.fd, POLLIN);
		assert_int_equal(udp_receive(&s, p.batch, &messages), 1);
		assert_true(addr_equal(&messages->path.local, &p.path.remote));
		p.a = s;
		p.path = messages->path;
		send_all(&p, 0, (size_t[]){4, 4}, 2, 64, 0);
		wait_for(p.b.fd, POLLIN);
		assert_true(udp_receive(&p.b, p.batch, &messages) >= 1);
		assert_true(addr_equal(&messages->path.remote, &p.path.local));
		pair_close(&p);
	}
}

static void binds_where_only_one_flow_lives(void **state)
{
	struct udp_socket s;

	(void)state;
	open_at(&s, addr_v4(127, 64, 0, 9, 0), false);
	assert_true(addr_same_ip(
		&s.bound, &(struct addr){.family = 4, .ip = {127, 64, 0, 9}}));
	udp_close(&s);
}

static void refuses_the_other_family(void **state)
{
	struct path path = {.remote = {.family = ADDR_V6, .port = 9, .ip = {[15] = 1}}};
	struct udp_sender sender;
	struct pair p;

	(void)state;
	pair_open(&p, ADDR_V4, true);
	assert_int_equal(udp_send(&p.a, &path, 0, 0, "x", 1), -EAFNOSUPPORT);
	assert_int_equal(udp_connect(&p.a, &path.remote), -EAFNOSUPPORT);
	udp_sender_init(&sender, 64);
	udp_sender_add(&sender, &p.a, &path, 0, room, 9);
	udp_sender_add(&sender, &p.a, &path, 0, room, 9);
	udp_sender_flush(&sender);
	assert_int_equal(p.a.send_failed, 3);
	assert_int_equal(p.a.sent, 0);
	pair_close(&p);
}

#if defined(__linux__) && !defined(EYELET_PORTABLE)

static void sends_a_run_to_one_without_gro(void **state)
{
	size_t sizes[64];
	struct pair p;
	int off = 0;

	for (size_t i = 0; i < 64; i++)
		sizes[i] = i < 63 ? 1200 : 77;
	pair_open(&p, family_of(state), true);
	assert_int_equal(setsockopt(p.b.fd, IPPROTO_UDP, UDP_GRO, &off, sizeof(off)), 0);
	send_all(&p, 0, sizes, 64, 64, 0);
	receive_all(&p, 0, sizes, 64);
	assert_int_equal(p.messages, 64);
	pair_close(&p);
}

static void tells_icmp_errors_and_sends_on(void **state)
{
	static const size_t sizes[] = {3, 3};
	bool is_v4 = family_of(state) == ADDR_V4;
	struct udp_error error;
	struct path nowhere = {0};
	struct pair p;

	pair_open(&p, family_of(state), true);
	assert_false(udp_next_error(&p.a, &error));
	nowhere.remote = closed_port(family_of(state));
	assert_int_equal(udp_send(&p.a, &nowhere, 0, 0, "a lost datagram", 15), 0);
	wait_for(p.a.fd, POLLERR);
	send_all(&p, 0, sizes, 2, 64, 0);
	receive_all(&p, 0, sizes, 2);
	assert_int_equal(p.a.send_failed, 0);
	assert_true(udp_next_error(&p.a, &error));
	assert_true(addr_equal(&error.path.remote, &nowhere.remote));
	assert_true(addr_equal(&error.path.local, &p.a.bound));
	assert_true(addr_same_ip(&error.offender, &nowhere.remote));
	assert_int_equal(error.offender.port, 0);
	assert_int_equal(error.path.socket, 7);
	assert_int_equal(error.type, is_v4 ? 3 : 1); /* destination unreachable */
	assert_int_equal(error.code, is_v4 ? 3 : 4); /* by port */
	assert_int_equal(error.quoted_len, 15);
	assert_memory_equal(error.quoted, "a lost datagram", 15);
	assert_false(udp_next_error(&p.a, &error));
	pair_close(&p);
}

static void receives_past_icmp_errors(void **state)
{
	static const size_t sizes[] = {3};
	struct path nowhere = {0};
	struct udp_error error;
	struct pair p;

	pair_open(&p, family_of(state), true);
	nowhere.remote = closed_port(family_of(state));
	assert_int_equal(udp_send(&p.b, &nowhere, 0, 0, "x", 1), 0);
	wait_for(p.b.fd, POLLERR);
	send_all(&p, 0, sizes, 1, 64, 0);
	receive_all(&p, 0, sizes, 1);
	assert_true(udp_next_error(&p.b, &error));
	assert_int_equal(error.quoted_len, 1);
	pair_close(&p);
}

/* A socket that leaves out checksums cannot segment (EINVAL). */
static void leave_out_checksums(struct pair *p)
{
	enum { NO_CHECK6_TX = 101, NO_CHECK6_RX = 102 }; /* linux/udp.h, which clashes */
	int on = 1;

	assert_int_equal(
		setsockopt(p->a.fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
	assert_int_equal(
		setsockopt(p->a.fd, IPPROTO_UDP, NO_CHECK6_TX, &on, sizeof(on)), 0);
	assert_int_equal(
		setsockopt(p->b.fd, IPPROTO_UDP, NO_CHECK6_RX, &on, sizeof(on)), 0);
}

static void falls_back_where_gso_is_refused(void **state)
{
	static const size_t sizes[] = {1200, 1200, 1200, 1200, 8, 1200, 1200, 1200};
	struct pair p;

	pair_open(&p, family_of(state), true);
	leave_out_checksums(&p);
	send_all(&p, 0, sizes, 8, 64, 0);
	receive_all(&p, 0, sizes, 8);
	assert_false(p.a.gso);
	assert_int_equal(p.a.sent, 8);
	assert_int_equal(p.a.send_failed, 0);
	assert_int_equal(
		p.a.calls_out, 10); /* the first run tried in vain, and repeated */
	pair_close(&p);
}

/* A local address that is gone is refused by EINVAL too, and says nothing about GSO; the
 * kernel then chooses another. */
static void blames_gso_for_nothing_else(void **state)
{
	static const size_t sizes[] = {9, 9, 9};
	struct pair p;

	(void)state;
	pair_open(&p, ADDR_V4, true);
	p.path.local = addr_v4(203, 0, 113, 9, 0);
	send_all(&p, 0, sizes, 3, 64, 0);
	receive_all(&p, 0, sizes, 3);
	assert_true(p.a.gso);
	assert_int_equal(p.a.sent, 3);
	assert_int_equal(p.a.send_failed, 0);
	pair_close(&p);
}

#endif

/* The first run is over IPv4, the second over IPv6. */
#define BOTH(test)                                                                       \
	cmocka_unit_test_prestate(test, &v4), cmocka_unit_test_prestate(test, &v6)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(opens_with_its_options),
		BOTH(carries_one_datagram),
		BOTH(carries_empty_datagrams),
		BOTH(carries_the_largest),
		BOTH(sends_a_run_by_two_calls),
		BOTH(sends_no_run_longer_than_asked),
		BOTH(keeps_order_of_mixed_sizes),
		BOTH(carries_the_tos),
		BOTH(splits_runs_by_tos_and_path),
		BOTH(sets_the_ttl_of_one_datagram),
		BOTH(outlives_a_refused_connection),
		cmocka_unit_test(answers_from_the_address_it_was_asked_at),
		cmocka_unit_test(binds_where_only_one_flow_lives),
		cmocka_unit_test(refuses_the_other_family),
#if defined(__linux__) && !defined(EYELET_PORTABLE)
		BOTH(sends_a_run_to_one_without_gro),
		BOTH(tells_icmp_errors_and_sends_on),
		BOTH(receives_past_icmp_errors),
		BOTH(falls_back_where_gso_is_refused),
		cmocka_unit_test(blames_gso_for_nothing_else),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
