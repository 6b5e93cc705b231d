/* SPDX-License-Identifier: MIT */
/* UDP on any POSIX system: one datagram a call, no error queue. Where the system offers
 * no DF, it may fragment probes of the path MTU, and data as well. */
#if !defined(__linux__) || defined(EYELET_PORTABLE)

#include "net/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/control.h"
#include "net/sockaddr.h"
#include "net/udp_system.h"

#define BUFFER_SIZE 65536

struct udp_batch {
	struct udp_message message;
	uint8_t buffer[UDP_HEADROOM + BUFFER_SIZE + UDP_HEADROOM];
};

struct udp_batch *udp_batch_new(void)
{
	return malloc(sizeof(struct udp_batch));
}

void udp_batch_free(struct udp_batch *batch)
{
	free(batch);
}

/* Sets or clears DF. Returns false where there is no such thing. */
static bool set_df(const struct udp_socket *s, bool on)
{
#if defined(IPV6_DONTFRAG)
	if (s->bound.family == ADDR_V6)
		return udp_set(s, IPPROTO_IPV6, IPV6_DONTFRAG, on);
#endif
#if defined(IP_DONTFRAG)
	if (s->bound.family == ADDR_V4)
		return udp_set(s, IPPROTO_IP, IP_DONTFRAG, on);
#elif defined(IP_PMTUDISC_PROBE)
	if (s->bound.family == ADDR_V4)
		return udp_set(s, IPPROTO_IP, IP_MTU_DISCOVER,
			on ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT);
#endif
	(void)s, (void)on;
	return false;
}

void udp_prepare(struct udp_socket *s, const struct udp_options *options)
{
	s->df = options->public_side && set_df(s, true);
}

void udp_set_fragmentable(struct udp_socket *s, bool on)
{
	if (!s->df || s->fragmentable == on)
		return;
	s->fragmentable = on;
	(void)set_df(s, !on);
}

bool udp_next_error(struct udp_socket *s, struct udp_error *error)
{
	(void)s, (void)error;
	return false;
}

int udp_send_run(struct udp_socket *s, const struct path *path, uint8_t tos,
	const struct iovec *run, unsigned count, size_t segment)
{
	(void)s, (void)path, (void)tos, (void)run, (void)count, (void)segment;
	return -EOPNOTSUPP;
}

/* Sets an option and returns what it was; *changed tells whether anything did. */
static int exchange(
	const struct udp_socket *s, int level, int option, uint8_t value, bool *changed)
{
	int old = 0;
	socklen_t len = sizeof(old);

	*changed = value != 0 && getsockopt(s->fd, level, option, &old, &len) == 0 &&
		   udp_set(s, level, option, value);
	return old;
}

/* Not every system takes TTL and TOS as control messages, so they are set around the
 * call. */
static int transmit_with(
	struct udp_socket *s, const struct msghdr *message, uint8_t ttl, uint8_t tos)
{
	bool v4 = s->bound.family == ADDR_V4, ttl_changed, tos_changed;
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	int ttl_option = v4 ? IP_TTL : IPV6_UNICAST_HOPS;
	int tos_option = v4 ? IP_TOS : IPV6_TCLASS;
	int old_ttl = exchange(s, level, ttl_option, ttl, &ttl_changed);
	int old_tos = exchange(s, level, tos_option, tos, &tos_changed);
	int error = udp_transmit(s, message);

	if (ttl_changed)
		(void)udp_set(s, level, ttl_option, old_ttl);
	if (tos_changed)
		(void)udp_set(s, level, tos_option, old_tos);
	return error;
}

int udp_send_once(struct udp_socket *s, const struct path *path, uint8_t ttl, uint8_t tos,
	const void *buf, size_t len)
{
	struct iovec piece = {.iov_base = (void *)buf, .iov_len = len};
	struct control control;
	union sockaddr_any name;
	struct msghdr message;

	udp_address(&message, &name, s, path, &piece, 1);
	control.len = 0;
	if (udp_wants_source(s, path))
		control_add_source(&control, s->bound.family, path);
	control_attach(&message, &control);
	return transmit_with(s, &message, ttl, tos);
}

static void decode_message(
	struct udp_message *message, const struct udp_socket *s, struct msghdr *header)
{
	message->path.socket = s->number;
	message->path.ifindex = 0;
	message->path.local = s->bound;
	message->path.remote = sockaddr_decode(header->msg_name);
	message->tos = 0;
	for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item;
		item = CMSG_NXTHDR(header, item))
		control_read(item, &message->path, &message->tos);
}

/* Receives one datagram; an error that an ICMP left is fetched and forgotten, once. */
static ssize_t receive(struct udp_socket *s, struct msghdr *header)
{
	ssize_t len = -1;

	for (int attempt = 0; attempt < 2 && len < 0; attempt++) {
		s->calls_in++;
		len = recvmsg(s->fd, header, 0);
		if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
	}
	return len;
}

int udp_receive(
	struct udp_socket *s, struct udp_batch *batch, struct udp_message **messages)
{
	struct udp_message *message = &batch->message;
	struct iovec piece = {
		.iov_base = batch->buffer + UDP_HEADROOM, .iov_len = BUFFER_SIZE};
	struct control control;
	union sockaddr_any name;
	struct msghdr header = {.msg_name = &name,
		.msg_namelen = sizeof(name),
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	ssize_t len = receive(s, &header);

	*messages = message;
	if (len < 0 || (header.msg_flags & MSG_TRUNC))
		return 0;
	decode_message(message, s, &header);
	message->buf = piece.iov_base;
	message->len = (size_t)len;
	message->segment = (size_t)len;
	s->received++;
	return 1;
}

#endif
