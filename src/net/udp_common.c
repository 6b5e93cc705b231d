/* SPDX-License-Identifier: MIT */
/* Opening, closing, and the sender that collects runs: the same on every system. */
#include "net/udp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/control.h"
#include "net/sockaddr.h"
#include "net/udp_system.h"

bool udp_set(const struct udp_socket *s, int level, int option, int value)
{
	return setsockopt(s->fd, level, option, &value, sizeof(value)) == 0;
}

static int open_socket(enum addr_family family)
{
	int domain = family == ADDR_V4 ? AF_INET : AF_INET6;
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
	return socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
#else
	int fd = socket(domain, SOCK_DGRAM, IPPROTO_UDP);

	if (fd >= 0) {
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	return fd;
#endif
}

/* The forced option passes the system's limit and needs CAP_NET_ADMIN. */
static void set_buffer(const struct udp_socket *s, int forced, int option, size_t size)
{
	int value = size > INT32_MAX / 2 ? INT32_MAX / 2 : (int)size;

	if (forced == 0 || !udp_set(s, SOL_SOCKET, forced, value))
		(void)udp_set(s, SOL_SOCKET, option, value);
}

static void set_buffers(struct udp_socket *s, size_t size)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (size > 0) {
#if defined(SO_RCVBUFFORCE)
		set_buffer(s, SO_RCVBUFFORCE, SO_RCVBUF, size);
		set_buffer(s, SO_SNDBUFFORCE, SO_SNDBUF, size);
#else
		set_buffer(s, 0, SO_RCVBUF, size);
		set_buffer(s, 0, SO_SNDBUF, size);
#endif
	}
	if (getsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &value, &len) == 0)
		s->buffer = (size_t)value;
#if defined(__linux__)
	s->buffer /= 2; /* Linux doubles what it is asked for, for its own overhead */
#endif
}

static int read_bound(struct udp_socket *s)
{
	union sockaddr_any name;
	socklen_t len = sizeof(name);

	if (getsockname(s->fd, &name.sa, &len))
		return -errno;
	s->bound = sockaddr_decode(&name.sa);
	return 0;
}

static int bind_socket(struct udp_socket *s, const struct addr *bound)
{
	union sockaddr_any name;
	socklen_t len = sockaddr_encode(&name, bound);

	if (bind(s->fd, &name.sa, len))
		return -errno;
	return read_bound(s);
}

int udp_open(
	struct udp_socket *s, const struct addr *bind, const struct udp_options *options)
{
	bool anywhere = addr_is_unspecified(bind);
	int error;

	*s = (struct udp_socket){.fd = -1, .number = s->number};
	if (bind->family != ADDR_V4 && bind->family != ADDR_V6)
		return -EAFNOSUPPORT;
	s->fd = open_socket(bind->family);
	if (s->fd < 0)
		return -errno;
	if (bind->family == ADDR_V6 && !udp_set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1)) {
		error = -errno;
		goto fail;
	}
	/* A socket for all addresses must answer from the one it was asked at. */
	control_enable(s->fd, bind->family, options->public_side || anywhere);
	set_buffers(s, options->buffer);
	s->bound.family = bind->family;
	udp_prepare(s, options);
	error = bind_socket(s, bind);
	if (error)
		goto fail;
	return 0;
fail:
	udp_close(s);
	return error;
}

int udp_connect(struct udp_socket *s, const struct addr *remote)
{
	union sockaddr_any name;
	socklen_t len;

	if (remote->family != s->bound.family)
		return -EAFNOSUPPORT;
	len = sockaddr_encode(&name, remote);
	if (connect(s->fd, &name.sa, len))
		return -errno;
	s->connected = true;
	return read_bound(s);
}

void udp_close(struct udp_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->connected = false;
}

size_t udp_message_count(const struct udp_message *message)
{
	if (message->segment == 0)
		return 1;
	return (message->len + message->segment - 1) / message->segment;
}

void udp_address(struct msghdr *message, union sockaddr_any *name,
	const struct udp_socket *s, const struct path *path, struct iovec *pieces,
	size_t count)
{
	memset(message, 0, sizeof(*message));
	message->msg_iov = pieces;
	message->msg_iovlen = count;
	if (!s->connected) {
		message->msg_name = name;
		message->msg_namelen = sockaddr_encode(name, &path->remote);
	}
}

bool udp_wants_source(const struct udp_socket *s, const struct path *path)
{
	if (path->ifindex != 0)
		return true;
	return path->local.family == s->bound.family &&
	       !addr_same_ip(&path->local, &s->bound);
}

int udp_transmit(struct udp_socket *s, const struct msghdr *message)
{
	int error = 0;

	for (int attempt = 0; attempt < 2; attempt++) {
		s->calls_out++;
		if (sendmsg(s->fd, message, 0) >= 0)
			return 0;
		error = -errno;
		if (error == -EAGAIN || error == -EWOULDBLOCK || error == -ENOBUFS)
			break;
	}
	return error;
}

int udp_count(struct udp_socket *s, int result)
{
	if (result == 0)
		s->sent++;
	else
		s->send_failed++;
	return result;
}

static bool fits_family(const struct udp_socket *s, const struct path *path)
{
	return s->connected || path->remote.family == s->bound.family;
}

int udp_send(struct udp_socket *s, const struct path *path, uint8_t ttl, uint8_t tos,
	const void *buf, size_t len)
{
	if (!fits_family(s, path))
		return udp_count(s, -EAFNOSUPPORT);
	udp_set_fragmentable(s, false);
	return udp_count(s, udp_send_once(s, path, ttl, tos, buf, len));
}

int udp_send_data(struct udp_socket *s, const struct path *path, uint8_t tos,
	const void *buf, size_t len)
{
	size_t whole = s->bound.family == ADDR_V4 ? UDP_WHOLE_V4 : UDP_WHOLE_V6;
	int error;

	if (!fits_family(s, path))
		return udp_count(s, -EAFNOSUPPORT);
	udp_set_fragmentable(s, len > whole);
	error = udp_send_once(s, path, 0, tos, buf, len);
	if (error == -EMSGSIZE && s->df && !s->fragmentable) {
		udp_set_fragmentable(s, true);
		error = udp_send_once(s, path, 0, tos, buf, len);
	}
	return udp_count(s, error);
}

void udp_sender_init(struct udp_sender *sender, unsigned run_max)
{
	memset(sender, 0, sizeof(*sender));
	if (run_max == 0)
		run_max = 1;
	sender->run_max = run_max < UDP_SEGMENTS ? run_max : UDP_SEGMENTS;
}

static bool same_path(const struct path *a, const struct path *b)
{
	return a->socket == b->socket && a->ifindex == b->ifindex &&
	       addr_equal(&a->local, &b->local) && addr_equal(&a->remote, &b->remote);
}

static bool joins_run(const struct udp_sender *sender, const struct udp_socket *s,
	const struct path *path, uint8_t tos, size_t len)
{
	return !sender->closed && sender->socket == s && sender->tos == tos && len > 0 &&
	       len <= sender->segment && sender->bytes + len <= UDP_PAYLOAD_MAX &&
	       same_path(&sender->path, path);
}

void udp_sender_add(struct udp_sender *sender, struct udp_socket *s,
	const struct path *path, uint8_t tos, void *buf, size_t len)
{
	if (sender->count > 0 && !joins_run(sender, s, path, tos, len))
		udp_sender_flush(sender);
	if (sender->count == 0) {
		sender->socket = s;
		sender->path = *path;
		sender->tos = tos;
		sender->segment = len;
		sender->closed = !s->gso || len == 0 || len > s->gso_max;
	}
	sender->run[sender->count++] = (struct iovec){.iov_base = buf, .iov_len = len};
	sender->bytes += len;
	if (len < sender->segment || sender->count == sender->run_max)
		sender->closed = true;
}

static bool is_refusal(int error)
{
	return error == -EINVAL || error == -EMSGSIZE || error == -EIO ||
	       error == -EOPNOTSUPP;
}

/* No interface that takes IPv6 has a smaller MTU than 1280: a segment refused below that
 * was not too long. EIO is the answer of a path that cannot segment at all, such as
 * IPsec. */
static void learn_refusal(struct udp_socket *s, size_t segment, int error)
{
	if (error == -EIO || segment <= 1280 - 40 - 8)
		s->gso = false;
	else
		s->gso_max = segment - 1;
}

/* Returns the result of the first datagram. */
static int send_singly(struct udp_sender *sender)
{
	struct udp_socket *s = sender->socket;
	int first = 0;

	for (unsigned i = 0; i < sender->count; i++) {
		int error = udp_send_data(s, &sender->path, sender->tos,
			sender->run[i].iov_base, sender->run[i].iov_len);

		if (i == 0)
			first = error;
		if (error == -EAGAIN || error == -EWOULDBLOCK || error == -ENOBUFS) {
			s->send_failed += sender->count - i - 1;
			break;
		}
	}
	return first;
}

static void send_run(struct udp_sender *sender)
{
	struct udp_socket *s = sender->socket;
	int error = udp_send_run(s, &sender->path, sender->tos, sender->run,
		sender->count, sender->segment);

	if (error == 0)
		return;
	if (!is_refusal(error)) {
		s->send_failed += sender->count;
		return;
	}
	/* The path itself may be what was refused, such as a local address that is gone.
	 */
	if (send_singly(sender) == 0)
		learn_refusal(s, sender->segment, error);
}

void udp_sender_flush(struct udp_sender *sender)
{
	if (sender->count > 1)
		send_run(sender);
	else if (sender->count == 1)
		(void)send_singly(sender);
	sender->socket = NULL;
	sender->count = 0;
	sender->bytes = 0;
	sender->closed = false;
}
