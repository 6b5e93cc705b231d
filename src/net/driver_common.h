/* SPDX-License-Identifier: MIT */
/* What the three drivers share: one core or two on a libev loop, their timer, what they
 * have to send and to tell, and rare notices.
 *
 * A wakeup begins with driver_wake, gives the core what came in, and ends in
 * driver_settle.
 */
#ifndef EYELET_NET_DRIVER_COMMON_H
#define EYELET_NET_DRIVER_COMMON_H

#include "net/busy_poll.h"
#include "net/driver_machine.h"
#include "net/forwarder.h"
#include "net/moderation.h"
#include "net/netlink.h"
#include "net/udp.h"

struct driver;
struct driver_socket;
struct streams;

/* Wanted socket buffers, bytes: a burst of 40 ms at 100 MB/s. */
#define DRIVER_BUFFER (4 << 20)
#define DRIVER_LOCALS 8 /* own addresses the cores take */

/* What a kind of driver does by itself; each may be NULL. */
struct driver_ops {
	/* Sends what lies in the batch's buffers, which the next round uses again. */
	void (*round)(struct driver *d);
	/* Sends all that was collected: before sleeping, and before a socket closes. */
	void (*flush)(struct driver *d);
	/* Does the driver's part of an event, before the user hears of it. */
	void (*event)(struct driver *d, const struct event *event);
	/* Tells the core of an ICMP error. */
	void (*icmp)(struct driver *d, const struct udp_error *error);
	/* Tells the core of a new public socket. */
	void (*add_socket)(struct driver *d, uint32_t number, const struct addr *bound);
	/* Tells the core of own addresses, at most DRIVER_LOCALS. */
	void (*set_locals)(struct driver *d, const struct addr *addrs, size_t count);
	/* Tells the core that own addresses or routes changed, or the machine slept. */
	void (*network_changed)(struct driver *d);
};

/* name, seconds until it may come again */
#define NOTICE_MAP(X)                                                                    \
	X(BUFFERS, 86400)                                                                \
	X(TARGET, 30)                                                                    \
	X(DESCRIPTORS, 30)                                                               \
	X(FLOWS, 30)                                                                     \
	X(SOCKET, 30)                                                                    \
	X(STREAM, 60)

enum notice {
#define X(name, seconds) NOTICE_##name,
	NOTICE_MAP(X)
#undef X
		NOTICE_COUNT
};

/* The first member of each driver. */
struct driver {
	struct ev_loop *loop;
	struct forwarder_hooks hooks;
	const struct driver_ops *ops;
	struct machine machines[2];
	unsigned machine_count;
	struct driver_socket *publics; /* by the core's number; belongs to the owner */
	size_t public_count;
	struct driver_socket *further; /* numbers from public_count on; NULL before one */
	size_t further_max;            /* of them; 0: none */
	void (*take)(struct driver_socket *s, struct udp_message *m); /* of publics */
	struct streams *streams; /* the owner's; NULL: there are none */
	struct addr binds[2];    /* where further sockets are bound, v4 and v6; port 0 */
	struct udp_batch *batch; /* shared by all sockets */
	uint64_t now;            /* ns, of this wakeup */
	int64_t asleep;          /* ns that the machine was suspended up to then */
	ev_timer deadline;       /* the machines' earliest */
	uint64_t deadline_at;    /* ns, what it is set to; NEVER while it is stopped */
	bool moderates;          /* before_wait is active */
	ev_prepare before_wait;  /* pauses, where datagrams come singly and fast */
	struct moderation moderation;
	struct busy_poll busy_poll;
	struct netlink netlink; /* tells of own addresses; unused without set_locals */
	size_t clipped; /* what the kernel made of DRIVER_BUFFER; 0 if it gave all */
	uint64_t lost;  /* datagrams that failed on sockets closed since, or found none */
	uint64_t notice_at[NOTICE_COUNT]; /* ns, when the next of its kind may come */
};

/* Makes what all drivers need, publics being public_count closed sockets of the owner's.
 * Returns false if memory ran out. Nothing is sent or told before the loop runs. */
bool driver_init(struct driver *d, struct ev_loop *loop,
	const struct forwarder_hooks *hooks, const struct driver_ops *ops,
	struct driver_socket *publics, size_t public_count);
/* Sends what the machines still have, closes the public sockets, stops the timers. */
void driver_fini(struct driver *d);

void driver_add_machine(struct driver *d, const struct machine_ops *ops, void *core);

/* Tells the core the own addresses, now and when they change, and starts the timer, once
 * the machines and sockets are there. */
void driver_start(struct driver *d);

/* Lets the loop pause between wakeups from now on (see net/moderation.h), where the
 * system can sleep for so short a time. */
void driver_moderate(struct driver *d);

/* Lets the loop spin for span ns after datagrams, and from one to the next where they
 * follow fast (see net/busy_poll.h). */
void driver_busy_poll(struct driver *d, uint64_t span);

/* Begins a wakeup: takes the time, and tells the core if the machine was suspended. */
void driver_wake(struct driver *d);

/* Sends what the machines want sent and handles their events: after each input. */
void driver_pull(struct driver *d);

/* Ends a wakeup: pulls, flushes, sets the timer. */
void driver_settle(struct driver *d);

/* Sockets with numbers from public_count to below count may be opened later on. */
void driver_allow_further(struct driver *d, size_t count);

/* Returns the public socket with that number, open or not; NULL if there is none. */
struct driver_socket *driver_socket_at(struct driver *d, uint32_t number);
/* Returns the open public socket with that number, or NULL. */
struct udp_socket *driver_public(struct driver *d, uint32_t number);

/* Sends a datagram to an end whose transport is not UDP. */
void driver_send_framed(
	struct driver *d, const struct path *path, const uint8_t *buf, size_t len);

/* Says one sentence unless one of its kind came a short time ago. */
__attribute__((format(printf, 3, 4))) void driver_notice(
	struct driver *d, enum notice kind, const char *format, ...);

/* Returns "cannot VERB ADDR: reason", valid until the next call in this thread. error is
 * a negative errno. */
const char *driver_why(const char *verb, const struct addr *addr, int error);

/* True if error (a negative errno) means that no socket was to be had at all. */
bool driver_is_exhausted(int error);

#endif
