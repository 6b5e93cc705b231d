/* SPDX-License-Identifier: MIT */
/* A UDP socket on a driver's loop: read in rounds, its ICMP errors fetched. */
#ifndef EYELET_NET_DRIVER_SOCKET_H
#define EYELET_NET_DRIVER_SOCKET_H

#include "net/driver_common.h"

/* Full batches taken in one wakeup; then the other sockets get their turn. */
#define DRIVER_ROUNDS 4

struct driver_socket {
	struct udp_socket udp; /* fd is -1 while closed */
	ev_io io;
	struct driver *driver;
	/* Takes one message, which may hold several datagrams. */
	void (*take)(struct driver_socket *s, struct udp_message *m);
	/* Hears of an ICMP error; NULL if none are wanted. Must not close the socket. */
	void (*error)(struct driver_socket *s, const struct udp_error *error);
	bool public_side;
	uint64_t errors_at; /* ns, when the error queue is read even under traffic */
};

/* Marks count sockets as closed and numbers them. */
void driver_sockets_init(struct driver_socket *sockets, size_t count);

/* Opens a public socket (number its place in d->publics) and watches it. Returns 0 or
 * -errno. */
int driver_socket_open_public(struct driver *d, uint32_t number, const struct addr *bind);

/* Opens a socket for applications and watches it. Returns 0 or -errno. */
int driver_socket_open_local(struct driver *d, struct driver_socket *s,
	const struct addr *bind,
	void (*take)(struct driver_socket *s, struct udp_message *m));

/* Watches a socket that is open, with take and error set. */
void driver_socket_watch(struct driver *d, struct driver_socket *s);

/* Stops watching and closes; does nothing to a closed socket. */
void driver_socket_close(struct driver_socket *s);

/* True if error (a negative errno) is a system's answer for an address family it does not
 * have, which for these bind addresses is no reason to give up. */
bool driver_socket_is_absent(int error);

/* Iterates over a message's datagrams: *at begins with 0. Returns false past the last. */
static inline bool driver_next_datagram(
	const struct udp_message *m, size_t *at, uint8_t **buf, size_t *len)
{
	if (*at > m->len || (*at == m->len && *at > 0))
		return false;
	*buf = m->buf + *at;
	*len = m->len - *at < m->segment ? m->len - *at : m->segment;
	*at += *len > 0 ? *len : 1;
	return true;
}

#endif
