/* SPDX-License-Identifier: MIT */
/* Moderation of wakeups, as network cards moderate interrupts: where datagrams come
 * singly and fast, waking for each costs more than forwarding it, so a forwarder pauses
 * between wakeups, and what came meanwhile leaves in one run. */
#ifndef EYELET_NET_MODERATION_H
#define EYELET_NET_MODERATION_H

#include <stdbool.h>
#include <stdint.h>

/* How long a pause is, ns. Linux adds its timer slack, up to 50,000, to most of them: no
 * datagram waits longer than 100 us. */
#define MODERATION_PAUSE 50000

/* The rates of datagrams, per second and direction, at which pauses begin and end: up to
 * 10,000 nothing is delayed. */
#define MODERATION_BEGIN 15000
#define MODERATION_END   12000

/* Pauses begin only above this rate of wakeups: they would leave about as many. */
#define MODERATION_WAKEUPS 10000

/* How long rates are measured, ns: long enough for a stall of 4 ms and the datagrams that
 * it held back not to look like a rate. */
#define MODERATION_WINDOW 20000000

/* After a wakeup with that many datagrams no pause would gain much. */
#define MODERATION_FEW 32

struct moderation_count {
	unsigned wakeups, datagrams; /* of this window */
};

/* Begins with all zeros. */
struct moderation {
	uint64_t window_at;               /* ns, when the window began */
	struct moderation_count sides[2]; /* from applications, from peers */
	bool on;
	unsigned fresh;  /* datagrams since the loop waited last */
	uint64_t pauses; /* made so far */
};

/* Notes a wakeup at now that brought datagrams (perhaps 0) from peers or applications. */
void moderation_note(
	struct moderation *m, bool from_peers, unsigned datagrams, uint64_t now);

/* Returns how many ns to pause before the loop waits again: MODERATION_PAUSE if moderation
 * is on and something, but not much, came since the last time; else 0. */
uint64_t moderation_pause(struct moderation *m);

#endif
