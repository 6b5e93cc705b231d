/* SPDX-License-Identifier: MIT */
/* Path MTU discovery by authenticated probes (RFC 8899, DPLPMTUD), believing no ICMP. The
 * usual MTUs are probed all at once from 1500 down, thrice; the largest one acknowledged
 * holds. While large frames flow it is confirmed every second, and searched anew when three
 * confirmations in a row are lost (a black hole, section 4.3), or after 10 minutes. */
#ifndef EYELET_CORE_PMTU_H
#define EYELET_CORE_PMTU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/path.h"

/* Link MTUs worth a probe, the largest first. */
#define PMTU_SIZES                                                                       \
	{                                                                                \
		1500, 1492, 1480, 1460, 1420, 1400, 1360, 1280, 1200, 1124               \
	}
#define PMTU_COUNT 10

#define PMTU_BASE    1000 /* UDP payload assumed to pass before any probe came back */
#define PMTU_ROUNDS  3
#define PMTU_ROUND   (250 * MILLISECOND)
#define PMTU_CONFIRM SECOND         /* while large frames flow */
#define PMTU_RAISE   (600 * SECOND) /* RFC 8899, PMTU_RAISE_TIMER */

struct pmtu {
	size_t overhead;   /* bytes of a packet that are not the payload's */
	size_t largest;    /* payload, bytes: what passes */
	unsigned round;    /* of the search under way; PMTU_ROUNDS when over */
	unsigned misses;   /* confirmations in a row without an answer */
	bool used;         /* a frame near the limit left since the last confirmation */
	uint64_t next_at;  /* NEVER when there is nothing to do */
	uint64_t raise_at; /* search anew, since the path may carry more */
};

/* Begins a search on a new path, where so many bytes stand before the payload (28 for IPv4
 * and UDP, 48 for IPv6, and a relay's channel); NEVER waits with it. */
void pmtu_start(struct pmtu *p, size_t overhead, uint64_t now);

/* Payload sizes to probe now, at most PMTU_COUNT: returns how many. Advances next_at. */
size_t pmtu_due(struct pmtu *p, uint16_t sizes[PMTU_COUNT], uint64_t now);

/* A probe of that size was acknowledged. */
void pmtu_acked(struct pmtu *p, size_t size, uint64_t now);

/* A frame of that many bytes of payload leaves. Returns true if next_at came nearer. */
bool pmtu_sent(struct pmtu *p, size_t size, uint64_t now);

#endif
