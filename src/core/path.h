/* SPDX-License-Identifier: MIT */
/* What the core and its driver hand each other: a path, and one datagram to be sent. */
#ifndef EYELET_CORE_PATH_H
#define EYELET_CORE_PATH_H

#include "core/addr.h"

/* A (local socket, remote address) pair. */
struct path {
	uint32_t socket;   /* the driver's number of the socket */
	uint32_t ifindex;  /* interface a datagram came in by; 0 lets the kernel choose */
	struct addr local; /* own address; family ADDR_NONE lets the kernel choose */
	struct addr remote; /* the other end, or the relay */
	uint32_t channel;   /* of the relay; 0 if there is none */
};

/* The longest control datagram the core ever makes, in bytes: a probe of the path MTU. */
#define DATAGRAM_MAX 1480

/* One control datagram to be sent. */
struct datagram {
	struct path path;
	uint8_t ttl; /* TTL or hop limit; 0 is the system's default */
	uint8_t tos; /* TOS or traffic class octet */
	uint16_t len;
	uint8_t data[DATAGRAM_MAX];
};

#define SECOND      UINT64_C(1000000000) /* the core's time is in nanoseconds */
#define MICROSECOND UINT64_C(1000)       /* ns */
#define MILLISECOND UINT64_C(1000000)
#define NEVER       UINT64_MAX /* a deadline that does not come */

/* The core's only source of randomness, given in each configuration: fills len bytes. */
struct entropy {
	void (*fill)(void *arg, uint8_t *bytes, size_t len);
	void *arg;
};

#endif
