/* SPDX-License-Identifier: MIT */
/* Conversion between struct addr and the system's socket addresses. */
#ifndef EYELET_NET_SOCKADDR_H
#define EYELET_NET_SOCKADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "core/addr.h"

/* Any address of ours, as the system wants it. */
union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Writes a, which is of family ADDR_V4 or ADDR_V6, into *to. Returns its length in bytes.
 */
socklen_t sockaddr_encode(union sockaddr_any *to, const struct addr *a);

/* Returns the address in from; family ADDR_NONE if it is neither AF_INET nor AF_INET6. */
struct addr sockaddr_decode(const struct sockaddr *from);

/* Return the address with port 0; scope is the interface index, kept if ip is link-local.
 */
struct addr sockaddr_decode_v4(const struct in_addr *ip);
struct addr sockaddr_decode_v6(const struct in6_addr *ip, uint32_t scope);

#endif
