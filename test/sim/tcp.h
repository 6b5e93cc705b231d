/* SPDX-License-Identifier: MIT */
/* Streams of framed datagrams: one end of each, in a machine's kernel. They are ordered and
 * lose nothing of what a link loses now and then, which only delays them; a handshake
 * comes first, what waits for it is bounded, and a stream that the other side or a NAT
 * forgot is opened anew. */
#ifndef EYELET_SIM_TCP_H
#define EYELET_SIM_TCP_H

#include "sim/world.h"

#define TCP_WAITING                                                                      \
	8 /* datagrams that wait for a stream to open; more push the oldest out */
#define TLS_PORT 443

/* What a packet of a stream is; data is a whole datagram. */
enum packet_tcp {
	TCP_DATA,
	TCP_ACK,
	TCP_SYN,
	TCP_SYN_ACK,
	TCP_HELLO,
	TCP_HELLO_ACK,
	TCP_RST
};

struct tcp_end;

/* Sends a datagram in the stream to remote; a host or guest opens one if need be. */
void tcp_send(
	struct machine *m, const struct addr *remote, const uint8_t *data, size_t len);

/* Takes what the kernel answers by itself. Returns true if a datagram is for the core. */
bool tcp_input(struct machine *m, const struct packet *packet);

/* Forgets all streams, saying nothing. */
void tcp_fini(struct machine *m);

#endif
