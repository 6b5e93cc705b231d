/* SPDX-License-Identifier: MIT */
/* A forwarder: one driver on a loop, the hooks it tells, and perhaps a thread.
 *
 * With a loop of its own, the thread holds the forwarder's lock but while it sleeps in
 * the kernel, and others that hold it find the forwarder at rest. */
#ifndef EYELET_LIB_ACTIVE_H
#define EYELET_LIB_ACTIVE_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/convert.h"
#include "net/forwarder.h"

/* A mutex that nests and is fair: who waits gets it before its last holder gets it back. */
struct forwarder_lock {
	pthread_mutex_t held, next;  /* next is of the one who waits for held */
	_Atomic(const void *) owner; /* a mark of the holder's thread, or NULL */
	unsigned depth;              /* of the holder's */
};

/* What eyelet_forwarder_wait waits for. */
enum readiness { READINESS_NONE, READINESS_READY, READINESS_REFUSED };

struct eyelet_forwarder {
	struct guest_driver *guest; /* one of the three */
	struct host_driver *host;
	struct rendezvous_driver *rendezvous;
	struct eyelet_hooks hooks;
	struct ev_loop *loop;
	bool owns_loop;
	bool in_hook; /* a hook runs now */
	bool doomed;  /* freed by a hook: the reaper does it */
	ev_timer reaper;

	/* With a loop of its own: */
	struct forwarder_lock lock;
	pthread_mutex_t control; /* one start or stop at a time */
	pthread_t thread;
	bool running;  /* the thread is to be joined; under control */
	bool stopping; /* what the wake means; under lock */
	ev_async wake;
	pthread_mutex_t ready_mutex;
	pthread_cond_t ready_changed;
	enum readiness readiness; /* under ready_mutex */
};

/* active.c */

/* Makes a forwarder without a driver on loop, or, if that is NULL, on its own; NULL if memory
 * or descriptors ran out. */
struct eyelet_forwarder *forwarder_new(
	struct ev_loop *loop, const struct eyelet_hooks *hooks);
/* Frees it and its driver; no thread runs. */
void forwarder_destroy(struct eyelet_forwarder *f);
/* What its driver is to call. */
struct forwarder_hooks forwarder_hooks(struct eyelet_forwarder *f);
/* Tells the notice hook what became of the port that a router was asked for. */
void forwarder_on_portmap(void *arg, const struct portmap_event *event);
/* Ends eyelet_connect and its like: gives the forwarder out, or destroys it if there was an
 * error, and gives out why. Returns error. */
int forwarder_give(struct eyelet_forwarder **out, struct eyelet_forwarder *f, int error,
	const char **why, const char *reason);

/* active_thread.c */

/* Makes its own loop and what the thread needs. Returns false if memory ran out. */
bool forwarder_thread_init(struct eyelet_forwarder *f);
void forwarder_thread_fini(struct eyelet_forwarder *f);
/* True if the caller is one of its hooks, in its loop's thread. */
bool forwarder_calls(const struct eyelet_forwarder *f);
/* Tells those who wait. */
void forwarder_set_ready(struct eyelet_forwarder *f, enum readiness readiness);

/* active_servers.c */

/* Resolves a comma-separated list and adds what it finds to addrs, of which *count are there
 * and EYELET_RENDEZVOUS_MAX fit. Returns EYELET_ERESOLVE, with *why, if none resolves. */
int servers_resolve(
	struct addr *addrs, size_t *count, const char *list, const char **why);

#endif
