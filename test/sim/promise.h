/* SPDX-License-Identifier: MIT */
/* The promises that hold after every event, judged from a machine's datagrams alone: what
 * it sends to an address that proved nothing, the bounds of punches, and what goes over a
 * relay. */
#ifndef EYELET_SIM_PROMISE_H
#define EYELET_SIM_PROMISE_H

#include "core/verdict.h"
#include "sim/world.h"

/* The design's bounds. */
#define PUNCH_LONGEST   32   /* bytes of one */
#define PUNCH_BYTES     2048 /* to an address in an attempt */
#define PUNCH_ADDRESSES 8    /* of an attempt */
/* Punches and knocks of one that may try many ports: the most that one attempt sends to one
 * IP address, ports 0. */
#define SPRAY_BYTES ((2048 + 256 + 16) * 26 + PUNCH_BYTES)
/* A guest's hellos to the addresses a signed answer of its host named: the same eight,
 * for as long as an attempt is repeated. */
#define HELLO_BYTES         16384
#define STUN_ANSWER_LONGEST 44

struct promise_peer;
struct promise_attempt;
struct promise_channel;

/* One incarnation of a machine. */
struct promise {
	struct promise_peer *peers;       /* by remote address */
	struct promise_attempt *attempts; /* by id and address */
	struct promise_channel *channels; /* of a rendezvous, by number */
	uint64_t punch_bytes, stun_answers, stun_questions;
	uint64_t unproved_out, unproved_in; /* datagrams of no exception */
};

void promise_fini(struct promise *p);

/* A datagram came in and this became of it. */
void promise_input(struct machine *m, const struct addr *remote, const uint8_t *data,
	size_t len, enum verdict verdict);

/* A rendezvous is about to see whether a channel's datagram goes on. */
void promise_relay(
	struct machine *m, const struct addr *remote, const uint8_t *data, size_t len);

/* A datagram goes out. To be called before the next input. */
void promise_output(
	struct machine *m, const struct addr *remote, const uint8_t *data, size_t len);

#endif
