/* SPDX-License-Identifier: MIT */
/* A packet under way: one UDP datagram, or one ICMP error about one. */
#ifndef EYELET_SIM_PACKET_H
#define EYELET_SIM_PACKET_H

#include "sim/tcp.h"
#include "sim/world.h"

#define PACKET_TTL      64  /* what a kernel gives by default */
#define PACKET_QUOTE    528 /* bytes of payload an ICMP error quotes (RFC 1812, 4.3.2.3) */
#define PACKET_TEXT_MAX 256

enum packet_icmp { ICMP_NONE, ICMP_TIME_EXCEEDED, ICMP_PORT_UNREACHABLE, ICMP_TOO_BIG };

struct packet {
	uint64_t id;
	struct addr src, dst; /* port 0 where an ICMP error has none */
	uint8_t ttl, tos;
	enum packet_icmp icmp;
	enum packet_tcp tcp; /* where the addresses are of a stream */
	/* Of an ICMP error: the addresses of the datagram it is about, of which data
	 * holds the start of the payload. */
	struct addr quoted_src, quoted_dst;
	bool attack; /* sent by the attacker */
	size_t len;
	uint8_t data[];
};

struct packet *packet_new(struct world *w, const struct addr *src, const struct addr *dst,
	uint8_t ttl, uint8_t tos, const uint8_t *data, size_t len);
struct packet *packet_copy(struct world *w, const struct packet *packet);
void packet_free(struct world *w, struct packet *packet);

/* Makes the error that offender sends to the packet's source; NULL for an ICMP error,
 * about which none is sent (RFC 1122, 3.2.2). */
struct packet *packet_error(struct world *w, const struct packet *packet,
	const struct addr *offender, enum packet_icmp icmp);

/* Type and code of the error in the packet's own family. */
uint8_t packet_icmp_type(const struct packet *packet);
uint8_t packet_icmp_code(const struct packet *packet);

/* Writes what the packet is, for the trace, into PACKET_TEXT_MAX bytes and returns it. */
const char *packet_describe(char *text, const struct packet *packet);

/* Traces the packet with what becomes of it at a node, and frees it. */
void packet_drop(struct node *node, struct packet *packet, const char *why);

#endif
