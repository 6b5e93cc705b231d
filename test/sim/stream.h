/* SPDX-License-Identifier: MIT */
/* What one simulated application says to the target and hears back, each payload made
 * from its number, so that whatever arrives can be judged: sent, unmodified, once, in
 * order. */
#ifndef EYELET_SIM_STREAM_H
#define EYELET_SIM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_NUMBERED 16 /* payloads from this length on carry their number */
#define STREAM_STAMPED  32 /* and from this on the time and the guest's incarnation */
#define STREAM_MAX      65507

struct bits {
	uint64_t *word;
	size_t words;
};

/* One direction. */
struct stream_way {
	uint64_t sent, delivered;
	struct bits is_sent, is_delivered; /* by number */
	uint64_t small_sent[STREAM_NUMBERED],
		small_delivered[STREAM_NUMBERED]; /* by length */
	/* One more than the highest number delivered directly, and over the relay. */
	uint64_t next[2];
	uint64_t taken_at; /* when one was delivered last; 0 before */
	uint64_t gap; /* longest time from one to the next, ns; to be zeroed at will */
};

struct stream {
	uint32_t guest; /* index of the machine */
	uint16_t app;
	uint64_t next;      /* number of the next payload */
	uint64_t overtaken; /* payloads below this came up in another order */
	struct stream_way up, down;
	uint64_t echoed_sent_at;   /* latest time of sending that came back */
	uint64_t echoed_at;        /* when an echo came last */
	uint64_t slowest, fastest; /* round trips, ns */
};

/* What a payload says of itself. */
struct stamp {
	bool known; /* long enough to name guest and app */
	uint32_t guest;
	uint16_t app;
	uint64_t number;      /* from STREAM_NUMBERED on */
	uint64_t sent_at;     /* from STREAM_STAMPED on */
	uint32_t incarnation; /* of the guest; likewise */
};

void stream_init(struct stream *s, uint32_t guest, uint16_t app);
void stream_fini(struct stream *s);

/* Writes the next payload of len bytes and counts it as sent up. */
void stream_write(
	struct stream *s, uint8_t *buf, size_t len, uint64_t now, uint32_t incarnation);

struct stamp stream_read(const uint8_t *buf, size_t len);

/* Counts a payload as echoed by the target. */
void stream_echo(struct stream *s, const uint8_t *buf, size_t len);

/* How a payload came. What goes directly may overtake what still goes over the relay; on
 * each of these two ways order is kept. */
struct arrival {
	bool ordered; /* the network keeps order */
	bool relayed;
};

/* Takes a payload that was delivered at the target (up) or at the application. Returns
 * NULL, or what is wrong with it. */
const char *stream_take(struct stream *s, bool up, const struct arrival *arrival,
	const uint8_t *buf, size_t len, uint64_t now);

#endif
