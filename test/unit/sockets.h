/* SPDX-License-Identifier: MIT */
/* What the tests of sockets share: a pair of them, datagrams that tell their place in the
 * order, waiting with a deadline, a network of one's own. */
#ifndef EYELET_TEST_SOCKETS_H
#define EYELET_TEST_SOCKETS_H

#include "unit.h"

#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/udp.h"

#define DEADLINE      3000 /* ms until a wait has failed */
#define DATAGRAMS_MAX 200

struct pair {
	struct udp_socket a, b; /* b receives */
	struct path path;       /* from a to b */
	struct udp_batch *batch;
	size_t messages; /* how many receive calls gave, in all */
};

/* What every datagram of a test lies in; datagrams are taken from the front on. */
static uint8_t room[DATAGRAMS_MAX * 9000 + UDP_PAYLOAD_MAX];

static inline struct addr loopback(uint8_t family)
{
	struct addr v6 = {.family = ADDR_V6, .ip = {[15] = 1}};

	return family == ADDR_V4 ? addr_v4(127, 0, 0, 1, 0) : v6;
}

/* Opens a socket at loopback or skips the test: not every machine has IPv6. */
static inline void open_at(struct udp_socket *s, struct addr at, bool public_side)
{
	struct udp_options options = {.public_side = public_side, .buffer = 1 << 20};
	int error;

	memset(s, 0, sizeof(*s));
	s->number = 7;
	error = udp_open(s, &at, &options);
	if (error && at.family == ADDR_V6)
		skip();
	assert_int_equal(error, 0);
}

static inline void pair_open(struct pair *p, uint8_t family, bool public_side)
{
	memset(p, 0, sizeof(*p));
	open_at(&p->a, loopback(family), public_side);
	open_at(&p->b, loopback(family), public_side);
	p->path.remote = p->b.bound;
	p->batch = udp_batch_new();
	assert_non_null(p->batch);
}

static inline void pair_close(struct pair *p)
{
	udp_batch_free(p->batch);
	udp_close(&p->a);
	udp_close(&p->b);
}

static inline void wait_for(int fd, short events)
{
	struct pollfd wait = {.fd = fd, .events = events};

	assert_int_equal(poll(&wait, 1, DEADLINE), 1);
}

/* Writes the datagram that comes as number index. */
static inline void datagram_write(uint8_t *buf, size_t len, size_t index)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(index * 31 + i * 7 + i / 256);
}

static inline void datagram_check(const uint8_t *buf, size_t len, size_t index)
{
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != (uint8_t)(index * 31 + i * 7 + i / 256))
			fail_msg(
				"datagram %zu differs at byte %zu of %zu", index, i, len);
	}
}

/* Sends datagrams of those sizes from a to b through a sender, gap bytes apart. */
static inline void send_all(struct pair *p, uint8_t tos, const size_t *sizes,
	size_t count, unsigned run_max, size_t gap)
{
	struct udp_sender sender;
	uint8_t *at = room;

	udp_sender_init(&sender, run_max);
	for (size_t i = 0; i < count; i++) {
		datagram_write(at, sizes[i], i);
		udp_sender_add(&sender, &p->a, &p->path, tos, at, sizes[i]);
		at += sizes[i] + gap;
	}
	udp_sender_flush(&sender);
}

/* Takes one message apart; returns how many datagrams it held. */
static inline size_t message_check(const struct udp_message *message, const size_t *sizes,
	size_t index, size_t count)
{
	size_t here = udp_message_count(message), offset = 0;

	for (size_t i = 0; i < here; i++) {
		size_t left = message->len - offset;
		size_t len = left < message->segment ? left : message->segment;

		assert_true(index + i < count);
		assert_int_equal(len, sizes[index + i]);
		datagram_check(message->buf + offset, len, index + i);
		offset += len;
	}
	assert_int_equal(offset, message->len);
	return here;
}

/* Receives at b datagrams of just those sizes, in order, with that TOS, and no others. */
static inline void receive_all(
	struct pair *p, uint8_t tos, const size_t *sizes, size_t count)
{
	struct udp_message *messages;
	size_t done = 0;

	while (done < count) {
		int got;

		wait_for(p->b.fd, POLLIN);
		got = udp_receive(&p->b, p->batch, &messages);
		for (int i = 0; i < got; i++) {
			assert_int_equal(messages[i].tos, tos);
			done += message_check(&messages[i], sizes, done, count);
		}
		p->messages += (size_t)got;
	}
	assert_int_equal(udp_receive(&p->b, p->batch, &messages), 0);
	assert_int_equal(p->b.received, count);
}

#if defined(__linux__)
static inline void interface_set(const char *name, int mtu)
{
	struct ifreq request = {.ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	request.ifr_mtu = mtu;
	assert_int_equal(ioctl(fd, SIOCSIFMTU, &request), 0);
	close(fd);
}

/* Moves the process into a network namespace of its own. */
static inline bool namespace_enter(void)
{
	return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}
#endif

#endif
