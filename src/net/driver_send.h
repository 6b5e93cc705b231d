/* SPDX-License-Identifier: MIT */
/* Two ways out of a forwarder, both in runs: sealed frames towards peers, and payloads
 * towards applications. */
#ifndef EYELET_NET_DRIVER_SEND_H
#define EYELET_NET_DRIVER_SEND_H

#include "net/udp.h"

/* Sealed frames: written end to end into one buffer, which is used from its start again
 * whenever a run has left, so that it stays in the processor's cache. */
struct outbound {
	struct udp_sender sender;
	uint8_t *room;
	size_t used; /* bytes of room */
};

/* Returns false if memory ran out. */
bool outbound_init(struct outbound *o);
void outbound_fini(struct outbound *o);
/* Returns room for len bytes, at most 65,599. */
uint8_t *outbound_room(struct outbound *o, size_t len);
/* Adds the len bytes that were written into the last room. */
void outbound_add(struct outbound *o, struct udp_socket *s, const struct path *path,
	uint8_t tos, size_t len);
void outbound_flush(struct outbound *o);

/* Payloads for applications, where many may be served in turn: each has a sender while
 * it is busy, so that runs form although flows alternate, and each keeps its order. */
#define FAN_WIDTH   16
#define FAN_RUN_MAX 32 /* an application's default buffer holds little more */

/* One destination's place in the fan; begins as all zeros. */
struct fan_user {
	unsigned slot; /* 1 + index of its sender; 0 while it has none */
};

struct fan {
	struct udp_sender senders[FAN_WIDTH];
	struct fan_user *users[FAN_WIDTH]; /* NULL: none, or one that left */
	unsigned used;                     /* slots in use, from 0 on */
	unsigned hand;                     /* the next to be taken away */
};

void fan_init(struct fan *f);
/* The bytes must stay where they are until the flush. */
void fan_add(struct fan *f, struct fan_user *user, struct udp_socket *s,
	const struct path *path, uint8_t tos, uint8_t *buf, size_t len);
/* Sends what the user still has and forgets the user. */
void fan_leave(struct fan *f, struct fan_user *user);
void fan_flush(struct fan *f);
/* Returns the bytes that were collected and not sent yet, each datagram with some more. */
size_t fan_collected(const struct fan *f, size_t more);

#endif
