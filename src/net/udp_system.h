/* SPDX-License-Identifier: MIT */
/* What udp_common.c asks of udp_linux.c or udp_portable.c, beyond what udp.h promises. */
#ifndef EYELET_NET_UDP_SYSTEM_H
#define EYELET_NET_UDP_SYSTEM_H

#include "net/sockaddr.h"
#include "net/udp.h"

/* The longest payload that an IP packet of 1500 bytes carries, for a socket of that
 * family. */
#define UDP_WHOLE_V4 (1500 - 20 - 8)
#define UDP_WHOLE_V6 (1500 - 40 - 8)

/* Sets what only this system has, on the open and still unbound socket, and s->gro,
 * s->gso, s->gso_max and s->df accordingly (all of them off before). Nothing in it is
 * indispensable. */
void udp_prepare(struct udp_socket *s, const struct udp_options *options);

/* Sends one datagram and counts the calls alone; the remote's family is the socket's or
 * the socket is connected. Returns 0 or -errno. */
int udp_send_once(struct udp_socket *s, const struct path *path, uint8_t ttl, uint8_t tos,
	const void *buf, size_t len);

/* Where s->df is set: whether what is too long for the interface leaves as fragments or
 * is refused. Keeps s->fragmentable. */
void udp_set_fragmentable(struct udp_socket *s, bool on);

/* Sends count datagrams of segment bytes, the last perhaps shorter, by one call and
 * counts them as sent. Returns 0, or -errno with nothing sent and only the call counted.
 */
int udp_send_run(struct udp_socket *s, const struct path *path, uint8_t tos,
	const struct iovec *run, unsigned count, size_t segment);

/* Fills message with the destination (its bytes in *name, which must live as long), one
 * or more pieces of payload, and nothing else. */
void udp_address(struct msghdr *message, union sockaddr_any *name,
	const struct udp_socket *s, const struct path *path, struct iovec *pieces,
	size_t count);

/* Sends message; if it fails by anything but a full buffer, once more: the error may be
 * an ICMP that another datagram earned, which failing has cleared. Returns 0 or -errno.
 */
int udp_transmit(struct udp_socket *s, const struct msghdr *message);

/* True if the datagram must say by which address or interface it leaves. */
bool udp_wants_source(const struct udp_socket *s, const struct path *path);

/* Counts one datagram by the result of sending it, and returns that result. */
int udp_count(struct udp_socket *s, int result);

/* Sets an option to an int. Returns false if the system refuses. */
bool udp_set(const struct udp_socket *s, int level, int option, int value);

#endif
