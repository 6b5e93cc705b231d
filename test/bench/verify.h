/* SPDX-License-Identifier: MIT */
/* Datagrams that can be verified, and what verifies them. Each names its run, flow and
 * number, and the rest of it follows from those, so that loss, duplicates, order and
 * corruption can be told apart. */
#ifndef BENCH_VERIFY_H
#define BENCH_VERIFY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define DATAGRAM_MAGIC      0x65796c74U
#define DATAGRAM_FLOWS_MAX  1024
#define DATAGRAM_NUMBER_MAX (1U << 27) /* of a flow's datagrams: 16 MB of bits */
#define INBOX_BATCH         16
#define INBOX_BUFFER        65536 /* a message joined by GRO is shorter */

/* The start of a datagram, in the machine's byte order. */
struct load_header {
	uint32_t magic, run, flow;
	uint32_t number;  /* from 0 on in each flow */
	uint32_t size;    /* bytes, all of it */
	uint32_t spare;   /* 0 */
	uint64_t sent_at; /* ns of CLOCK_MONOTONIC, which all processes share */
};

/* What came on one flow. */
struct seen {
	uint8_t *bits;           /* one for each number */
	uint32_t capacity, next; /* bits; the highest number + 1 */
};

/* How long datagrams were under way: steps of a 32nd of each power of two, ns. */
#define LATENCY_STEPS 32
#define LATENCY_SIZE  (64 * LATENCY_STEPS)

/* Begins as all zeros but for run. */
struct verifier {
	struct seen seen[DATAGRAM_FLOWS_MAX];
	uint64_t unique, duplicates, reordered, corrupted;
	uint64_t strays;   /* of other runs */
	uint64_t messages; /* that the kernel gave, each joined of one datagram or more */
	unsigned flows;    /* seen */
	uint32_t run;      /* what it counts */
	uint32_t latency[LATENCY_SIZE];
};

/* Buffers of one receive call. */
struct inbox {
	struct mmsghdr headers[INBOX_BATCH];
	struct iovec pieces[INBOX_BATCH];
	struct sockaddr_in names[INBOX_BATCH];
	_Alignas(struct cmsghdr) uint8_t controls[INBOX_BATCH][64];
	uint8_t buffers[INBOX_BATCH][INBOX_BUFFER];
};

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t clock_ns(void);

/* Writes the h->size bytes of a datagram. */
void datagram_encode(uint8_t *p, const struct load_header *h);

/* Receives what waits at fd. Returns how many messages, or -1. */
int inbox_receive(struct inbox *b, int fd);

/* Receives what waits at fd and verifies it. Returns how many messages that was. */
int verifier_receive(struct verifier *v, struct inbox *b, int fd);

/* Forgets all and counts that run. */
void verifier_reset(struct verifier *v, uint32_t run);

/* Prints one line of name=value. */
void verifier_print(const struct verifier *v);

#endif
