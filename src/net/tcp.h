/* SPDX-License-Identifier: MIT */
/* TCP sockets as streams of datagrams want them: non-blocking, without Nagle's delay, and
 * soon aware of a silent end. */
#ifndef EYELET_NET_TCP_H
#define EYELET_NET_TCP_H

#include <stdint.h>
#include <sys/types.h>

#include "core/addr.h"

/* Seconds that sent bytes, or the first packet, may stay unacknowledged, where the system has
 * such a bound: a NAT that lost the connection says nothing, and another one gets through. */
#define TCP_PATIENCE 3

/* Bytes that may wait in the kernel for their first transmission: what is behind them can
 * still be dropped. Where the system has such a bound. */
#define TCP_UNSENT (32 * 1024)

/* Begins to connect. Returns the descriptor, which becomes writable when it is known what
 * comes of it, or -errno. */
int tcp_connect(const struct addr *remote);

/* Returns 0 if the connection is there, else -errno. */
int tcp_connected(int fd);

/* Listens there (IPv6 sockets are V6ONLY); *bound has the real port. Returns the
 * descriptor or -errno. */
int tcp_listen(const struct addr *bind, struct addr *bound);

/* Takes a connection. Returns its descriptor or -errno; -EAGAIN: there is none. */
int tcp_accept(int fd, struct addr *remote);

/* The own address of a connection; of no family if it cannot be told. */
struct addr tcp_local(int fd);

/* As read and write, without SIGPIPE: bytes, 0 at the end (read only), or -errno. */
ssize_t tcp_read(int fd, uint8_t *bytes, size_t len);
ssize_t tcp_write(int fd, const uint8_t *bytes, size_t len);

/* What only some systems have: TCP_PATIENCE and TCP_UNSENT. */
void tcp_tune(int fd);

#endif
