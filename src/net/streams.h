/* SPDX-License-Identifier: MIT */
/* The streams of a driver, by the other end's address and transport: those it dials, as
 * soon as the core has something for such an address, and those that streams_listen
 * accepts. What comes is given to the driver as if a socket had brought it. */
#ifndef EYELET_NET_STREAMS_H
#define EYELET_NET_STREAMS_H

#include "net/driver_socket.h"
#include "net/stream.h"

/* Of a dialled one that nothing uses: closed. */
#define STREAMS_IDLE (90 * SECOND)
/* From one attempt to the next; doubled while they fail. */
#define STREAMS_AGAIN     (500 * MILLISECOND)
#define STREAMS_AGAIN_MAX (2 * SECOND)
/* Of an accepted one that is silent both ways: longer than dialled ones stay. */
#define STREAMS_IDLE_ACCEPTED (120 * SECOND)

/* The longest datagram of an accepted one, bytes: all that it makes us keep. */
#define STREAMS_DATAGRAM_MAX 4096

struct streams_listener;

/* What may be left all zeros: no TLS, nothing dialled, nothing accepted. */
struct streams_config {
	bool dials;
	struct tls_context *client; /* the caller's; NULL: no TLS is dialled */
	/* The name by which the user knows that rendezvous: its certificate's. */
	const char *(*name)(void *arg, const struct addr *remote);
	void *arg;
	unsigned max, network_max; /* accepted: in all, and of one /24 or /56 */
};

struct streams_counts {
	uint64_t dropped; /* datagrams: no stream, no room, or too old */
	uint64_t dialled, accepted, refused;
	unsigned open; /* accepted ones now */
};

struct streams {
	struct driver *driver;
	struct streams_config config;
	struct stream *table;
	struct stream *dirty;
	uint8_t hash_key[16];
	struct driver_socket origin; /* what the driver's take hears it from */
	uint8_t *room;               /* NULL until there is a stream */
	ev_timer sweep;              /* each second, while there are any */
	struct streams_counts counts;
	struct streams_listener *listener; /* NULL, or what accepts */
	char why[TLS_WHY_MAX];             /* of the last that failed; empty */
};

void streams_init(
	struct streams *s, struct driver *d, const struct streams_config *config);

/* Writes what waits, as far as it goes at once, and closes all. */
void streams_fini(struct streams *s);

/* Queues a datagram for path->remote; streams_flush writes it. Where there is no stream it
 * is dialled. What cannot be taken is counted. */
void streams_send(
	struct streams *s, const struct path *path, const uint8_t *buf, size_t len);

/* Writes what was queued: once a wakeup, so that many datagrams go in one call. */
void streams_flush(struct streams *s);

/* Takes a descriptor that was accepted from remote; closes it if it cannot be. Returns 0
 * or -errno. */
int streams_take(
	struct streams *s, struct tls_context *tls, int fd, const struct addr *remote);

#endif
