/* SPDX-License-Identifier: MIT */
#include "net/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "net/sockaddr.h"

#define BACKLOG         256
#define KEEPALIVE_IDLE  30 /* seconds */
#define KEEPALIVE_EVERY 5

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0 /* SO_NOSIGPIPE does it there */
#endif

static void set(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

static int open_socket(enum addr_family family)
{
	int fd = socket(family == ADDR_V4 ? AF_INET : AF_INET6, SOCK_STREAM, IPPROTO_TCP);

	if (fd < 0)
		return -errno;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void prepare(int fd)
{
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#if defined(TCP_KEEPIDLE)
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE);
#endif
#if defined(TCP_KEEPINTVL)
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY);
#endif
#if defined(SO_NOSIGPIPE)
	set(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
#endif
	tcp_tune(fd);
}

int tcp_connect(const struct addr *remote)
{
	union sockaddr_any name;
	socklen_t len = sockaddr_encode(&name, remote);
	int fd = open_socket(remote->family), error;

	if (fd < 0)
		return fd;
	prepare(fd);
	if (connect(fd, &name.sa, len) == 0 || errno == EINPROGRESS)
		return fd;
	error = -errno;
	(void)close(fd);
	return error;
}

int tcp_connected(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	return -error;
}

struct addr tcp_local(int fd)
{
	union sockaddr_any name;
	socklen_t len = sizeof(name);

	if (getsockname(fd, &name.sa, &len))
		return (struct addr){.family = ADDR_NONE};
	return sockaddr_decode(&name.sa);
}

int tcp_listen(const struct addr *bind_to, struct addr *bound)
{
	union sockaddr_any name;
	socklen_t len = sockaddr_encode(&name, bind_to);
	int fd = open_socket(bind_to->family), error;

	if (fd < 0)
		return fd;
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind_to->family == ADDR_V6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (bind(fd, &name.sa, len) == 0 && listen(fd, BACKLOG) == 0) {
		*bound = tcp_local(fd);
		return fd;
	}
	error = -errno;
	(void)close(fd);
	return error;
}

int tcp_accept(int fd, struct addr *remote)
{
	union sockaddr_any name;
	socklen_t len = sizeof(name);
	int accepted = accept(fd, &name.sa, &len);

	if (accepted < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	(void)fcntl(accepted, F_SETFD, FD_CLOEXEC);
	(void)fcntl(accepted, F_SETFL, O_NONBLOCK);
	prepare(accepted);
	*remote = sockaddr_decode(&name.sa);
	return accepted;
}

ssize_t tcp_read(int fd, uint8_t *bytes, size_t len)
{
	ssize_t got = recv(fd, bytes, len, 0);

	if (got >= 0)
		return got;
	return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
}

ssize_t tcp_write(int fd, const uint8_t *bytes, size_t len)
{
	ssize_t put = send(fd, bytes, len, MSG_NOSIGNAL);

	if (put >= 0)
		return put;
	return errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS ? -EAGAIN
									  : -errno;
}
