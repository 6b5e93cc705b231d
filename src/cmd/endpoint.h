/* SPDX-License-Identifier: MIT */
/* What TARGET and LISTEN say: PORT, HOST:PORT, ADDR:PORT or [V6]:PORT. */
#ifndef EYELET_CMD_ENDPOINT_H
#define EYELET_CMD_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/addr.h"

#define ENDPOINT_ADDRS_MAX 2

struct endpoint {
	const char *text; /* as given; the caller's */
	bool bare;        /* only a port was given: 127.0.0.1 and [::1] */
	struct addr addrs[ENDPOINT_ADDRS_MAX];
	size_t count; /* of addrs; 0 while a name is to be resolved */
};

/* Reads text, which must outlive e. A bare port is 127.0.0.1, then [::1]; a name is left
 * for endpoint_resolve. Returns NULL, or a static sentence part that says what is wrong
 * with it
 * ("the port is missing"). */
const char *endpoint_parse(struct endpoint *e, const char *text);

/* Resolves the name, if it is one; blocks. Returns NULL, or a static sentence. */
const char *endpoint_resolve(struct endpoint *e);

/* Returns NULL if text is HOST or HOST:PORT, or an address with or without port; else a
 * static sentence part. */
const char *endpoint_check_server(const char *text);
/* As well if a port for TLS follows the port. */
const char *endpoint_check_rendezvous(const char *text);

/* Reads ADDR:PORT, [V6]:PORT or, if default_port is not 0, an address alone. Returns
 * false if it is none, or one that nobody can send to. */
bool endpoint_public(struct addr *addr, const char *text, uint16_t default_port);

/* True if an address of it is not of this machine's loopback. */
bool endpoint_is_open(const struct endpoint *e);

#define ENDPOINT_LIST_MAX 512
/* Writes "A, B and C" into text (ENDPOINT_LIST_MAX bytes, cut off there) and returns it.
 */
const char *endpoint_list(char *text, const struct addr *addrs, size_t count);

/* True if a datagram sent to `to` arrives at a socket bound to `at`: same port, and `at`
 * is the same address, or unspecified and `to` is loopback, unspecified or one of the
 * machine's own addresses (ports ignored). */
bool endpoint_reaches(const struct addr *at, const struct addr *to,
	const struct addr *own, size_t own_count);

#endif
