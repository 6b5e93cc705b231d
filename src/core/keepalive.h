/* SPDX-License-Identifier: MIT */
/* How long a path may be silent: a guest learns it, and pings as rarely as that allows.
 *
 * Guest and host end the silences in turn. A ping of the host's that arrives shows that the
 * mapping at the guest's side lived, one of the guest's that is answered shows it of the
 * host's side. A silence survived both ways is stretched. Where one is not survived, it is again what was survived before, or 0.7 of it if there is no such, and what lies between is
 * then tried in smaller steps. */
#ifndef EYELET_CORE_KEEPALIVE_H
#define EYELET_CORE_KEEPALIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/path.h"

/* Of a session whose guest has told no other. */
#define KEEPALIVE_UNTOLD (15 * SECOND)
/* A tenth below lifetimes of 5 and of 120 s, the least and the most that are looked for. It
 * begins with the least, so that a short lifetime is found while nothing fails. */
#define KEEPALIVE_MIN     (4500 * MILLISECOND)
#define KEEPALIVE_MAX     (108 * SECOND)
#define KEEPALIVE_RELAYED (45 * SECOND) /* at most, over a relay: it forgets after 60 s */
#define KEEPALIVE_GRACE   (2 * SECOND)  /* a guest waits for the host's ping */
#define KEEPALIVE_SLACK   (500 * MILLISECOND) /* of what was under way */
/* Longer silences than one that failed are tried again after this, then after twice that. */
#define KEEPALIVE_HOLD     (600 * SECOND)
#define KEEPALIVE_HOLD_MAX (6 * 3600 * SECOND)

struct keepalive {
	uint64_t span;     /* the silence kept to, ns */
	uint64_t good;     /* the last one survived both ways, 0 if none */
	uint64_t failed;   /* the last one that was not survived, NEVER if none */
	uint64_t hold;     /* how long that counts, ns */
	uint64_t retry_at; /* and until when */
	unsigned survived; /* silences of span, since it was chosen */
	bool hosts_turn;   /* the host ends the next one */
};

void keepalive_init(struct keepalive *k);

/* Returns the silence after which a ping goes out, directly or over a relay. */
uint64_t keepalive_span(const struct keepalive *k, bool relayed);

/* The host's frame ended a silence (ns). */
void keepalive_heard(struct keepalive *k, uint64_t silence, uint64_t now);

/* The host answered what the guest sent after a silence. If it was the host's turn, nothing
 * of it arrived though it lives. */
void keepalive_answered(struct keepalive *k, uint64_t silence, uint64_t now);

/* The path was dead after a silence. */
void keepalive_died(struct keepalive *k, uint64_t silence, uint64_t now);

#endif
