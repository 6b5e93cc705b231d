/* SPDX-License-Identifier: MIT */
/* Accepts streams for a driver, within limits: in all, of one network, and by what
 * descriptors there are. */
#ifndef EYELET_NET_STREAMS_LISTEN_H
#define EYELET_NET_STREAMS_LISTEN_H

#include "net/streams.h"

#define STREAMS_MAX         4096 /* unless told otherwise */
#define STREAMS_NETWORK_MAX 256

/* New ones of one network: how many at once, and a second from then on. Each by TLS costs a
 * signature. */
#define STREAMS_ACCEPT_BURST 256
#define STREAMS_ACCEPT_RATE  16

/* Taken in one wakeup; then the streams get their turn. */
#define STREAMS_ACCEPTS 32

/* Listens there, for TLS if tls is not NULL (a pointer of the owner's, that may come to
 * point elsewhere: new connections go by what it is then). Returns 0 or -errno. */
int streams_listen(
	struct streams *s, const struct addr *bind, struct tls_context *const *tls);

/* Closes all listeners; streams that were accepted stay. */
void streams_listen_end(struct streams *s);

/* An accepted stream from there has ended. */
void streams_listen_left(struct streams *s, const struct addr *remote);

#endif
