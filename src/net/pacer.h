/* SPDX-License-Identifier: MIT */
/* Payloads for applications, paced where a burst would overflow an application's receive
 * buffer: what it has no room for is held for a few milliseconds, in order, and dropped and
 * counted if the application has not made room by then.
 *
 * A datagram counts as its bytes and RECEIVER_OVERHEAD. Up to PACER_UNSEEN such bytes go to a
 * buffer before it is looked at, which then says how many may follow; slow traffic is never
 * looked at. An application that cannot be looked at (on another machine, in another
 * network namespace) is not paced. */
#ifndef EYELET_NET_PACER_H
#define EYELET_NET_PACER_H

#include "net/driver_common.h"
#include "net/driver_send.h"
#include "net/receiver.h"

/* Bytes: less than half of what Linux gives an application that asks for nothing. */
#define PACER_UNSEEN (96 * 1024)
/* Bytes a second: as long as no more goes to a buffer, it is not looked at. */
#define PACER_RATE UINT64_C(100000000)
/* An application that keeps up is believed for up to 1 << PACER_TRUST times its buffer. */
#define PACER_TRUST 2
/* Bytes that go to what could not be looked at, before that is tried again. */
#define PACER_BLIND (1 << 30)

#define PACER_TICK      0.001 /* seconds from one look at a full buffer to the next */
#define PACER_HOLD      (5 * MILLISECOND) /* that a datagram is held at most */
#define PACER_BYTES     (512 * 1024)      /* held at most, of all */
#define PACER_DATAGRAMS 2048

/* What is known of one application's buffer; begins as all zeros. */
struct pacer_room {
	uint64_t left;    /* bytes that may go there before it is looked at */
	uint64_t granted; /* what left was */
	uint64_t at;      /* ns, when that was */
	uint64_t cookie;  /* of the socket that was looked at last; 0: none was */
	uint32_t drops;   /* its own, by then */
	unsigned trust;   /* looks in a row, at most PACER_TRUST, that found it emptied */
};

/* One flow to an application; begins as all zeros but for room. */
struct pacer_user {
	struct pacer_room *room; /* perhaps shared with other flows; the owner's */
	struct fan_user fan;
	struct udp_socket *socket; /* of the last datagram, as are path and to */
	const struct path *path;
	const struct addr *to;
	unsigned held;    /* datagrams */
	unsigned full_in; /* the round in which there was no room */
};

struct pacer_entry {
	struct pacer_user *user; /* NULL: not held any more */
	uint64_t place;          /* of its bytes: place % PACER_BYTES */
	uint64_t at;             /* ns, when it came */
	size_t len;
	uint8_t tos;
};

struct pacer {
	struct driver *driver;
	struct fan fan;
	struct receiver_query query;
	struct pacer_entry *entries; /* a ring; NULL until something is held */
	uint8_t *bytes;              /* a ring, too */
	size_t first, count;         /* of entries */
	uint64_t end;                /* place behind the newest */
	unsigned round;
	ev_timer tick; /* while something is held */
	struct forwarder_pacing counts;
};

void pacer_init(struct pacer *p, struct driver *d);
/* Drops what is held. Its users have left before, or are not used any more. */
void pacer_fini(struct pacer *p);

/* Sends, or holds, a payload by s along path, which ends at to; path and to must stay where
 * they are while the user is there, the bytes until the flush. */
void pacer_send(struct pacer *p, struct pacer_user *user, struct udp_socket *s,
	const struct path *path, const struct addr *to, uint8_t tos, uint8_t *buf,
	size_t len);

/* Sends what the user has in a run, drops what is held for it, and forgets the user. */
void pacer_leave(struct pacer *p, struct pacer_user *user);

/* Sends the runs; what is held stays held. */
void pacer_flush(struct pacer *p);

#endif
