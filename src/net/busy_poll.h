/* SPDX-License-Identifier: MIT */
/* Spinning on the sockets in place of sleeping, for those who trade a core for latency: a
 * process that sleeps takes several microseconds, and on an idle virtual machine tens of
 * them, to run again. */
#ifndef EYELET_NET_BUSY_POLL_H
#define EYELET_NET_BUSY_POLL_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

/* While datagrams come less than so many spans apart on average, it spins from one to the
 * next, and as many average gaps after the last. */
#define BUSY_POLL_SPANS 4

struct busy_poll {
	uint64_t span;    /* ns after a datagram; 0: off */
	uint64_t last_at; /* ns, when the last one came; 0 before */
	uint64_t gap;     /* ns between them, smoothed */
	uint64_t until;   /* ns */
	ev_idle idle;     /* keeps the loop from sleeping while it is active */
};

void busy_poll_init(struct busy_poll *b, uint64_t span);

/* Decides, datagrams having come at now, until when to spin. Returns that time. */
uint64_t busy_poll_decide(struct busy_poll *b, uint64_t now);

/* The same, and has the loop spin. */
void busy_poll_note(struct busy_poll *b, struct ev_loop *loop, uint64_t now);

void busy_poll_stop(struct busy_poll *b, struct ev_loop *loop);

#endif
