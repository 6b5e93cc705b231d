/* SPDX-License-Identifier: MIT */
/* The few things the core must be told by the machine: time, randomness, own addresses,
 * names. */
#ifndef EYELET_NET_SYSTEM_H
#define EYELET_NET_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/path.h"

/* Nanoseconds of CLOCK_BOOTTIME (counts suspend), else CLOCK_MONOTONIC. */
uint64_t clock_now(void);

/* Nanoseconds of CLOCK_MONOTONIC, which on Linux stands still during suspend. */
uint64_t clock_awake(void);

/* True if the system can sleep for a few microseconds; some wake by ticks of 1 to 10 ms. */
bool clock_is_fine(void);

/* Sleeps for span ns, not at all for 0; a signal ends it early. */
void clock_sleep(uint64_t span);

/* Fills from getentropy(3), else /dev/urandom; aborts if the machine has no randomness.
 */
void random_fill(void *arg, uint8_t *bytes, size_t len);

/* Writes this machine's usable unicast addresses with port 0, global ones first: of
 * interfaces that are up, not loopback, not link-local, no tentative or deprecated IPv6.
 * An interface counts only if a route to more than its own subnet leads through it, which
 * those of containers lack; if none has such a route all count, bridges last of all.
 * Returns how many, at most max. */
size_t interfaces_list(struct addr *addrs, size_t max);

/* Resolves "HOST", "HOST:PORT", "ADDR", "[V6]:PORT", the latter of which may have a TLSPORT
 * behind, as may HOST:PORT and ADDR:PORT (below), into at most max addresses, blocking,
 * the one to try first in front (RFC 6724). Returns how many, 0 if the name has none or
 * does not resolve; *why then points to a static sentence, else it is NULL. */
size_t resolve(const char *text, uint16_t default_port, struct addr *addrs, size_t max,
	const char **why);

/* Puts behind the count addresses of rendezvous by UDP the same by TCP and, unless tls_ports
 * is NULL, by TLS at the port there of each: there is room for three times as many. Returns
 * how many there are then. */
size_t resolve_streams(struct addr *addrs, size_t count, const uint16_t *tls_ports);

#define RESOLVE_HOST_MAX 256 /* a DNS name has at most 253 characters (RFC 1035) */

/* Splits such a text into host, a string of RESOLVE_HOST_MAX, and port, left as it is if
 * there is none. A text with several colons and no brackets is an IPv6 address without
 * port, unless it has a TLSPORT. Returns NULL or a static sentence about what is wrong. */
const char *resolve_split(const char *text, char *host, uint16_t *port);

/* Of HOST:PORT:TLSPORT or [V6]:PORT:TLSPORT, where ":TLSPORT" begins; NULL without it. */
const char *resolve_tls_part(const char *text);
/* Returns that port, or TLS_PORT (net/tls.h). */
uint16_t resolve_tls_port(const char *text);

/* As resolve, of a text that is an address (also one with a scope, "fe80::1%eth0").
 * Returns false, without blocking, if it is none. */
bool resolve_numeric(struct addr *addr, const char *text, uint16_t default_port);

/* Raises the soft limit of descriptors to the hard one; returns the limit in force, 0 if
 * it cannot be read. */
size_t descriptors_raise(void);

#endif
