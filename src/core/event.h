/* SPDX-License-Identifier: MIT */
/* What a user, or the driver, should hear of: pulled with X_next_event. */
#ifndef EYELET_CORE_EVENT_H
#define EYELET_CORE_EVENT_H

#include <stdbool.h>

#include "core/network.h"
#include "core/path.h"

struct flow;

/* name, text. Those that ask the driver to do something come first. */
#define EVENT_MAP(X)                                                                          \
	/* open a public socket of addr.family, then call X_add_socket */                     \
	X(SOCKET_WANTED, "socket-wanted")                                                     \
	/* close the socket with this number */                                               \
	X(SOCKET_DONE, "socket-done")                                                         \
	/* flow: its handle is the driver's to release; the flow is gone after this call */   \
	X(FLOW_CLOSED, "flow-closed")                                                         \
	/* remember that guest identity has this number */                                    \
	X(GUEST_NEW, "guest-new")                                                             \
	/* host: a lease is held at addr; peer is our address as observed there */            \
	X(REGISTERED, "registered")                                                           \
	/* host: the rendezvous at addr lost our lease or went silent; why */                 \
	X(LEASE_LOST, "lease-lost")                                                           \
	/* host: the rendezvous at addr refuses; number is an enum refusal */                 \
	X(LEASE_REFUSED, "lease-refused")                                                     \
	/* host: own mapping differs by destination: at peer, and addr */                     \
	X(MAPPING_SPOILT, "mapping-spoilt")                                                   \
	/* host: number NATs of its own stand before the rendezvous */                        \
	X(LEVELS_COUNTED, "levels-counted")                                                   \
	/* host: a guest asks; number addresses are punched */                                \
	X(PUNCHING, "punching")                                                               \
	/* host: guest number is connected over path; span since its ask */                   \
	X(GUEST_CONNECTED, "guest-connected")                                                 \
	/* host: guest number now sends from path */                                          \
	X(GUEST_MOVED, "guest-moved")                                                         \
	/* host: guest number is gone; why */                                                 \
	X(GUEST_GONE, "guest-gone")                                                           \
	/* host: a guest at path was refused; number is an enum host_refusal, why its text */ \
	X(GUEST_REFUSED, "guest-refused")                                                     \
	/* host: a further application socket of guest number was refused; why */             \
	X(FLOW_REFUSED, "flow-refused")                                                       \
	/* guest: asking the rendezvous at addr; number is the try, from 0 */                 \
	X(ASKING, "asking")                                                                   \
	/* guest: the rendezvous at addr answers; peer is our address as observed there */    \
	X(OBSERVED, "observed")                                                               \
	/* guest: the service is known at addr */                                             \
	X(SERVICE_FOUND, "service-found")                                                     \
	/* guest: the rendezvous at addr says no; number is an enum refusal */                \
	X(ASK_REFUSED, "ask-refused")                                                         \
	/* guest: the host answered; number addresses are tried */                            \
	X(HOST_FOUND, "host-found")                                                           \
	/* guest: sockets of one side, number probes of the other, within span; to peer */    \
	X(TRYING, "trying")                                                                   \
	/* guest: connected over path; span since the attempt began */                        \
	X(CONNECTED, "connected")                                                             \
	/* guest: no direct path was found in number attempts: the relay stays, for now */    \
	X(RELAYED, "relayed")                                                                 \
	/* guest: the host now sends from path */                                             \
	X(MOVED, "moved")                                                                     \
	/* guest: the path went silent or was ended; why; it tries again by itself */         \
	X(LOST, "lost")                                                                       \
	/* guest: the host says no; number is an enum host_refusal */                         \
	X(REFUSED, "refused")                                                                 \
	/* either: addr speaks version number of the protocol */                              \
	X(VERSION_MISMATCH, "version-mismatch")                                               \
	/* rendezvous: a limit is reached; why; number times, the last for addr */            \
	X(LIMIT_REACHED, "limit-reached")

enum event_type {
#define X(name, text) EVENT_##name,
	EVENT_MAP(X)
#undef X
		EVENT_COUNT
};

struct event {
	enum event_type type;
	struct addr addr, peer;
	struct path path;
	uint64_t span; /* ns */
	uint32_t number;
	uint32_t sockets, ppm; /* TRYING */
	const char *why;       /* static text */
	uint8_t identity[32];  /* X25519 public key of the guest, where one is meant */
	struct flow *flow;
	/* What is known of both networks: PUNCHING, HOST_FOUND, RELAYED, GUEST_CONNECTED;
	 * mapping unknown before it was measured. There, peer is where a rendezvous sees the
	 * other side. */
	struct network ours, theirs;
	bool theirs_v6; /* likewise: the other side offers a global IPv6 address */
};

const char *event_name(enum event_type type);

#define EVENTS_MAX 128
/* A ring of what happened; when full, the oldest goes. What the driver must do is not kept
 * here but found in the owner's state, so it cannot be lost. */
struct events {
	struct event ring[EVENTS_MAX];
	unsigned first, count;
};

/* Returns a zeroed event to fill. */
struct event *events_add(struct events *e, enum event_type type);
bool events_take(struct events *e, struct event *event);

#endif
