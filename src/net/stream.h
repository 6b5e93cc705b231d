/* SPDX-License-Identifier: MIT */
/* One stream of framed datagrams, by TCP or TLS, on a loop: from connecting or being
 * accepted to its end. net/streams.h keeps many of them for a driver. */
#ifndef EYELET_NET_STREAM_H
#define EYELET_NET_STREAM_H

#include <ev.h>
#include <stdbool.h>

#include "core/path.h"
#include "core/table.h"
#include "net/framing.h"
#include "net/tls.h"

/* What waits to be written: late datagrams are of no use to anybody. */
#define STREAM_QUEUE_BYTES (256 * 1024)
#define STREAM_QUEUE_AGE   (500 * MILLISECOND)

/* Most bytes of one read or write call. */
#define STREAM_READ  (64 * 1024)
#define STREAM_WRITE (64 * 1024)

/* Full reads in one wakeup; then the other streams get their turn. */
#define STREAM_ROUNDS 4

#define STREAM_SETUP_MAX (10 * SECOND) /* until it is open, and has said something */
#define STREAM_STUCK_MAX (10 * SECOND) /* while bytes wait and none are taken */

/* name, text */
#define STREAM_STATE_MAP(X)                                                              \
	X(DOWN, "down")                                                                  \
	X(CONNECTING, "connecting")                                                      \
	X(SHAKING, "shaking hands")                                                      \
	X(OPEN, "open")

enum stream_state {
#define X(name, text) STREAM_##name,
	STREAM_STATE_MAP(X)
#undef X
};

struct streams;

struct stream {
	struct addr remote; /* with transport; the key of its table */
	struct addr local;  /* own address, by itself */
	struct streams *owner;
	enum stream_state state;
	bool accepted; /* else dialled */
	bool heard;    /* a whole datagram came */
	bool dirty;    /* in the owner's list of those that have something to write */
	int fd;        /* -1 while down */
	struct tls *tls;
	ev_io io;
	int events;                                   /* what io watches for */
	void (*ready)(struct stream *s, int revents); /* of the owner's */
	struct framing_in in;
	struct framing_out out;
	uint64_t began_at;          /* ns, when it was dialled or accepted */
	uint64_t used_at;           /* bytes went or came */
	uint64_t written_at;        /* bytes were taken, or there were none to write */
	uint64_t again_at;          /* not dialled anew before */
	unsigned failures;          /* in a row */
	struct stream *prev, *next; /* of the dirty ones */
	UT_hash_handle hh;
};

/* Where a stream's bytes are read: what comes first is a part that waited. */
#define STREAM_ROOM (FRAMING_HEADER + FRAMING_MAX + STREAM_READ)

/* Dials s->remote, with that name to be verified where it is TLS. Returns 0 or -errno. */
int stream_dial(struct stream *s, struct ev_loop *loop, struct tls_context *tls,
	const char *name, uint64_t now);

/* Takes a descriptor that was accepted; it is closed if this fails. Returns 0 or -errno. */
int stream_take(struct stream *s, struct ev_loop *loop, struct tls_context *tls, int fd,
	uint64_t now);

/* Goes on with what precedes STREAM_OPEN. Returns 0, or -errno of why it failed. */
int stream_advance(struct stream *s, struct ev_loop *loop, uint64_t now);

/* Reads once, behind the part that waits, into room (STREAM_ROOM bytes). Returns how many
 * bytes lie there now, 0 at the end, -EAGAIN if nothing came, or another -errno. */
ssize_t stream_read(struct stream *s, uint8_t *room, uint64_t now);

/* Writes what waits, as far as it goes. Returns 0 or -errno. */
int stream_write(struct stream *s, struct ev_loop *loop, uint64_t now);

/* Closes it: the state is STREAM_DOWN then, with nothing waiting. */
void stream_close(struct stream *s, struct ev_loop *loop);

#endif
