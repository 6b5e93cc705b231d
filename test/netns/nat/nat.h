/* SPDX-License-Identifier: MIT */
/* A NAT as a router of one hop: packets of its ports in, packets of its ports out.
 *
 * What is not UDP, TCP or an ICMP error about them is dropped. Of a fragmented datagram
 * the first fragment is translated like a whole one; later ones follow it, on their way
 * in by a short memory of (remote, id), and are dropped if they overtake it. */
#ifndef EYELET_TEST_NAT_NAT_H
#define EYELET_TEST_NAT_NAT_H

#include "table.h"

#define NAT_INSIDES_MAX   8
#define NAT_FRAGMENTS_MAX 32 /* fragmented datagrams on their way in at one time */

/* Writes a packet to a port; its errors are the network's. */
typedef void nat_write(int port, const uint8_t *data, size_t len);

struct nat_config {
	struct table_config table;
	uint32_t own;   /* inner address of the NAT, the gateway */
	uint32_t outer; /* outer address */
	bool hairpin;   /* RFC 4787, 6: external source address and port */
	bool switched;  /* the insides reach each other, as on one LAN */
};

struct nat_inside {
	uint32_t address;
	int port;
};

struct nat {
	/* Filled in by the caller: */
	struct nat_config config;
	nat_write *write;
	int outside; /* port */
	struct nat_inside insides[NAT_INSIDES_MAX];
	size_t inside_count;
	/* The NAT's own: */
	struct table table;
	struct nat_fragment {
		uint32_t remote, inner;
		uint16_t id;
		uint8_t protocol;
	} fragments[NAT_FRAGMENTS_MAX];
	size_t fragment_next;
};

void nat_start(struct nat *n);

/* Takes len bytes at data, which it changes, that came in at a port at now, in ms. */
void nat_input(struct nat *n, int port, uint8_t *data, size_t len, uint64_t now);

#endif
