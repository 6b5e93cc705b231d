/* SPDX-License-Identifier: MIT */
/* IPv4 packets in place: what a NAT reads of them and rewrites, with their checksums. */
#ifndef EYELET_TEST_NAT_PACKET_H
#define EYELET_TEST_NAT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX       65535 /* bytes, IPv4's own limit */
#define PACKET_ERROR_MAX 576   /* bytes of an ICMP error (RFC 1812, 4.3.2.3) */

/* All in host byte order. */
struct endpoint {
	uint32_t ip;
	uint32_t port; /* 0 where there is none */
};

enum packet_kind {
	PACKET_PORTS,    /* UDP or TCP, whole or the first fragment */
	PACKET_FRAGMENT, /* of UDP or TCP, not the first: without ports */
	PACKET_ERROR,    /* ICMP about UDP or TCP, which it quotes */
	PACKET_OTHER,
};

struct packet {
	uint8_t *data;
	size_t len;
	enum packet_kind kind;
	uint8_t protocol; /* IPPROTO_UDP or IPPROTO_TCP: its own or the quoted one's */
	uint16_t id;
	bool more_fragments;
	struct endpoint src, dst;
	struct endpoint quoted_src, quoted_dst; /* of PACKET_ERROR */
};

/* Reads what is in data, which stays the caller's. Returns false if it is no IPv4. */
bool packet_parse(struct packet *p, uint8_t *data, size_t len);

/* Rewrite one end; what has no ports keeps none. */
void packet_set_src(struct packet *p, struct endpoint to);
void packet_set_dst(struct packet *p, struct endpoint to);

/* The same for what an error quotes, and for the side of the error itself that goes with
 * it: an error comes to the quoted source, and from the quoted destination or before. */
void packet_set_quoted_src(struct packet *p, struct endpoint to);
void packet_set_quoted_dst(struct packet *p, struct endpoint to);

/* Takes one off the TTL. Returns false, nothing done, if it would run out. */
bool packet_hop(struct packet *p);

/* Writes the ICMP error that own sends about p; out holds PACKET_ERROR_MAX bytes. Returns
 * its length, 0 for what deserves none (RFC 1122, 3.2.2). */
size_t packet_error(
	uint8_t *out, const struct packet *p, uint32_t own, uint8_t type, uint8_t code);

#endif
