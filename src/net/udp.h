/* SPDX-License-Identifier: MIT */
/* UDP sockets in batches: recvmmsg with UDP_GRO in, UDP_SEGMENT out, ICMP from the error
 * queue. Linux's calls are in udp_linux.c; udp_portable.c does the same with batches of
 * one. Both stand behind this header. */
#ifndef EYELET_NET_UDP_H
#define EYELET_NET_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/path.h"

#define UDP_PAYLOAD_MAX 65507 /* largest UDP payload over IPv4, bytes */
#define UDP_BATCH       16    /* messages one udp_receive takes at most */
#define UDP_HEADROOM    64    /* writable bytes before and after each received buffer */
#define UDP_SEGMENTS    64    /* datagrams one UDP_SEGMENT send carries at most */

struct udp_options {
	bool public_side; /* DF where udp_send and udp_send_data say, ICMP errors, pktinfo */
	size_t buffer; /* wanted SO_RCVBUF and SO_SNDBUF, bytes; 0 leaves the default */
};

struct udp_socket {
	int fd;            /* -1 when closed */
	uint32_t number;   /* the core's number of the socket, goes into path.socket */
	struct addr bound; /* after bind: with the real port */
	bool connected; /* to one remote address: path.remote is then ignored in sends */
	bool gro;       /* UDP_GRO is on */
	bool gso;       /* UDP_SEGMENT works on this socket, for segments up to gso_max */
	size_t gso_max; /* longest segment not refused yet, bytes */
	bool df;        /* public side: DF is there to be set */
	bool fragmentable; /* how the socket is set now: what is too long is fragmented */
	size_t buffer;     /* what SO_RCVBUF really gave, bytes, as it was asked for */
	uint64_t sent, received, send_failed; /* datagrams */
	uint64_t calls_out, calls_in;         /* system calls */
};

/* One received message: GRO may have joined several datagrams of equal size, the last of
 * them possibly shorter. */
struct udp_message {
	struct path path; /* where it came from and to */
	uint8_t tos;
	uint8_t *buf;   /* UDP_HEADROOM writable bytes lie before and behind */
	size_t len;     /* all bytes; may be 0 (an empty datagram) */
	size_t segment; /* bytes of each datagram but the last; equals len for one alone,
			 * so it is 0 for an empty one: count with udp_message_count */
};

/* Returns how many datagrams the message holds: at least one. Datagram i lies at
 * buf + i * segment and has segment bytes, the last one what is left. */
size_t udp_message_count(const struct udp_message *message);

/* Buffers for one receive call; made once, used by all sockets in turn. */
struct udp_batch;
struct udp_batch *udp_batch_new(void); /* NULL if memory ran out */
void udp_batch_free(struct udp_batch *batch);

/* An ICMP error from the error queue, as a hint. */
struct udp_error {
	struct path path;     /* path.remote: where the failed datagram was going */
	struct addr offender; /* who sent the ICMP; port 0 */
	uint8_t type, code;   /* of ICMP, or of ICMPv6 for an IPv6 path */
	uint8_t quoted[128];  /* start of the failed datagram's payload */
	size_t quoted_len;
};

/* Opens a non-blocking, close-on-exec UDP socket bound to bind (IPv6 sockets are V6ONLY;
 * no SO_REUSEADDR or SO_REUSEPORT). Sets all of *s but number, which is the caller's.
 * Returns 0 or -errno; s->fd is then -1. */
int udp_open(
	struct udp_socket *s, const struct addr *bind, const struct udp_options *options);

/* Connects to remote; s->bound becomes the local address chosen. Returns 0 or -errno. */
int udp_connect(struct udp_socket *s, const struct addr *remote);
/* Closing a closed socket does nothing. */
void udp_close(struct udp_socket *s);

/* Receives at most UDP_BATCH messages; they stay valid until the next call with this
 * batch. Returns how many, 0 when nothing waits. Pending socket errors are swallowed (the
 * error queue tells about them). */
int udp_receive(
	struct udp_socket *s, struct udp_batch *batch, struct udp_message **messages);

/* Takes one ICMP error from the queue; false when it is empty (and always, where the
 * system or the socket has no such queue). Call it until false whenever a public socket
 * is readable: a level-triggered loop keeps waking for a queue with errors in it. */
bool udp_next_error(struct udp_socket *s, struct udp_error *error);

/* Sends one control datagram with the TTL (0: default) and TOS given, from path.local if
 * it is set and by path.ifindex if that is not 0. Returns 0 or -errno. A send may fail by
 * an ICMP that another datagram earned; failing has cleared such an error, so the send is
 * repeated once. On the public side it leaves whole, with DF, or not at all (-EMSGSIZE):
 * a probe of the path MTU that left as fragments would lie (RFC 8899, section 3). */
int udp_send(struct udp_socket *s, const struct path *path, uint8_t ttl, uint8_t tos,
	const void *buf, size_t len);

/* Sends one datagram of data likewise, but what fits no packet of 1500 bytes, or is too
 * long for the interface, leaves as IP fragments. */
int udp_send_data(struct udp_socket *s, const struct path *path, uint8_t tos,
	const void *buf, size_t len);

/* Collects datagrams and sends runs of equal socket, path, size and TOS by one
 * UDP_SEGMENT call (the last may be shorter, none is empty, at most run_max datagrams and
 * UDP_PAYLOAD_MAX bytes); others leave singly (sendmmsg gains 3 %). Order is kept. The
 * bytes must stay where they are until the flush. EAGAIN and ENOBUFS drop the rest of a
 * run and count it. A run whose UDP_SEGMENT is refused leaves singly; a segment too long
 * for the interface lowers s->gso_max, any other refusal turns s->gso off. */
struct udp_sender {
	struct udp_socket *socket; /* NULL while empty */
	struct path path;
	uint8_t tos;
	bool closed;             /* a shorter datagram ended the run */
	unsigned count, run_max; /* datagrams collected; bound of one run */
	size_t segment, bytes;
	struct iovec run[UDP_SEGMENTS];
};
void udp_sender_init(struct udp_sender *sender, unsigned run_max);
void udp_sender_add(struct udp_sender *sender, struct udp_socket *s,
	const struct path *path, uint8_t tos, void *buf, size_t len);
void udp_sender_flush(struct udp_sender *sender);

#endif
