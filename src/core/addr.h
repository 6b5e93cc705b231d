/* SPDX-License-Identifier: MIT */
/* Transport addresses: IPv4 and IPv6 alike, as values that compare and hash by byte. */
#ifndef EYELET_CORE_ADDR_H
#define EYELET_CORE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

/* How datagrams travel to it: by themselves, or framed (RFC 4571) in a stream. */
enum addr_transport { ADDR_UDP = 0, ADDR_TCP = 1, ADDR_TLS = 2 };

/* Every byte counts in comparison and hashing: make one with the functions below, or
 * from all zeros. */
struct addr {
	uint8_t family;    /* enum addr_family */
	uint8_t transport; /* enum addr_transport; all but rendezvous are reached by UDP */
	uint16_t port;     /* host byte order */
	uint32_t scope;    /* interface index of a link-local IPv6 address, else 0 */
	uint8_t ip[16];    /* network byte order; IPv4 in the first 4, the rest 0 */
};

/* Room for the longest text of addr_format, with its final NUL. */
#define ADDR_TEXT_MAX 64

/* Returns a.b.c.d:port. */
struct addr addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);

/* Reads "1.2.3.4", "1.2.3.4:5", "2001:db8::1", "[2001:db8::1]:5" or "[fe80::1]". A text
 * without a port gets default_port. Returns false, with *a untouched, if it is no address. */
bool addr_parse(struct addr *a, const char *text, uint16_t default_port);

/* Writes "1.2.3.4:5" or "[2001:db8::1]:5" (RFC 5952) into text (ADDR_TEXT_MAX bytes) and
 * returns it; "-" for an address without family. */
const char *addr_format(char *text, const struct addr *a);

bool addr_equal(const struct addr *a, const struct addr *b);
/* True if a is one of the list's. */
bool addr_is_among(const struct addr *a, const struct addr *list, size_t count);
bool addr_same_ip(const struct addr *a, const struct addr *b);

bool addr_is_unspecified(const struct addr *a);
bool addr_is_loopback(const struct addr *a);   /* 127/8, ::1 */
bool addr_is_link_local(const struct addr *a); /* 169.254/16, fe80::/10 */
bool addr_is_private(const struct addr *a); /* RFC 1918, RFC 6598, RFC 4193, link-local */
bool addr_is_multicast(const struct addr *a);
bool addr_is_v4_mapped(const struct addr *a); /* ::ffff:0:0/96 */

/* True if a datagram may be sent to it on a stranger's word: a port other than 0, and an
 * address that is neither unspecified, loopback, multicast, broadcast, 0/8, 240/4,
 * v4-mapped nor link-local. Private ones are judged by the caller. */
bool addr_is_sendable(const struct addr *a);

/* True if both lie in one subnet of that prefix length (bits from the first byte on). */
bool addr_same_prefix(const struct addr *a, const struct addr *b, unsigned bits);

/* Returns the /24 (IPv4) or /56 (IPv6) of a, as an address with port 0: what limits per
 * network count by. */
struct addr addr_network(const struct addr *a);

#endif
