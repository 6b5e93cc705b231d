/* SPDX-License-Identifier: MIT */
/* The three machines of the core on a libev loop: sockets, timers and the splice between
 * local applications and peers. A driver calls on_event for what a person should hear of;
 * what the core asks of its driver it does by itself.
 *
 * Every _new returns NULL with *why set to a sentence part ("cannot bind 0.0.0.0:3478:
 * address already in use"), valid until the next call. */
#ifndef EYELET_NET_FORWARDER_H
#define EYELET_NET_FORWARDER_H

#include <ev.h>
#include <stdbool.h>

#include "core/guest.h"
#include "core/host.h"
#include "core/portmap.h"
#include "core/rendezvous.h"
#include "net/tls.h"

struct forwarder_hooks {
	void (*event)(void *arg, const struct event *event);
	/* A rare thing of the splice itself (target refuses, socket buffer clipped by the
	 * kernel's limit, out of descriptors): one sentence, rate-limited per kind. */
	void (*notice)(void *arg, const char *text);
	void *arg;
};

/* Hears, with the hooks' arg, what becomes of the forwarded port that routers are asked for. */
typedef void forwarder_portmap(void *arg, const struct portmap_event *event);

/* How rendezvous are verified that are reached by TLS: without, none is. */
struct forwarder_tls {
	struct tls_context *context; /* a client's, the caller's; NULL: no TLS */
	/* Returns the name or address, as a person gave it, of what is at remote; called with
	 * the hooks' arg. */
	const char *(*name)(void *arg, const struct addr *remote);
};

#define FORWARDER_LISTENS_MAX 8

/* A rendezvous on its own sockets. */
struct rendezvous_driver;
struct rendezvous_driver_config {
	struct rendezvous_config core; /* alt_base and alt_mask are filled in */
	struct addr listens[FORWARDER_LISTENS_MAX]; /* port 0 picks one */
	size_t listen_count;
	unsigned alt; /* further ports, tried upwards from the first listen port + 1 */
	bool tcp;     /* at the listens' ports, too */
	struct addr tls_listens[FORWARDER_LISTENS_MAX];
	size_t tls_listen_count;
	struct tls_context *tls; /* a server's, the caller's; required for tls_listens */
	uint32_t streams_max;    /* by TCP and TLS at once; 0: 4096 */
	uint32_t streams_network_max; /* and of one /24 or /56; 0: 256 */
};
struct rendezvous_driver *rendezvous_driver_new(struct ev_loop *loop,
	const struct rendezvous_driver_config *config,
	const struct forwarder_hooks *hooks, const char **why);
void rendezvous_driver_free(struct rendezvous_driver *d);
struct rendezvous *rendezvous_driver_core(struct rendezvous_driver *d);
/* The i-th listen address with its real port; false past the last. */
bool rendezvous_driver_listen(
	const struct rendezvous_driver *d, size_t i, struct addr *addr);

/* Another server's certificate, from the next connection on; the caller may free the last. */
void rendezvous_driver_set_tls(struct rendezvous_driver *d, struct tls_context *tls);

/* A host with its target. */
struct host_driver;
struct host_driver_config {
	struct host_config core;
	struct addr
		targets[2]; /* tried in this order: the second where the first refuses */
	size_t target_count;
	struct addr binds[2]; /* public sockets, one per family; port 0 picks one */
	size_t bind_count;
	/* NULL, or a rendezvous core that lives on the public sockets too: datagrams that
	 * message_is_for_rendezvous() are its. The driver owns it from its success on. */
	struct rendezvous *inner;
	bool moderate;      /* pause the loop between wakeups, see net/moderation.h */
	uint64_t busy_poll; /* ns to spin in place of sleeping, see net/busy_poll.h; then
			     * nothing is moderated; 0: never */
	forwarder_portmap *portmap; /* NULL: no router is asked for anything */
	struct forwarder_tls tls;
};
struct host_driver *host_driver_new(struct ev_loop *loop,
	const struct host_driver_config *config, const struct forwarder_hooks *hooks,
	const char **why);
struct host *host_driver_core(struct host_driver *d);
/* To be called after the core was told something: sends and tells what comes of it. */
void host_driver_settle(struct host_driver *d);
/* The i-th public socket's bound address. */
bool host_driver_bound(const struct host_driver *d, size_t i, struct addr *addr);
/* Other addresses of the rendezvous than those of the configuration, from now on. */
void host_driver_set_servers(
	struct host_driver *d, const struct addr *addrs, size_t count);
/* Says goodbye on the wire, closes everything. */
void host_driver_free(struct host_driver *d);

/* A guest with its listening sockets. */
struct guest_driver;
struct guest_driver_config {
	struct guest_config core;
	struct addr listens[2];
	size_t listen_count;        /* 0 with core.ask_only alone */
	bool moderate;              /* as host_driver_config */
	uint64_t busy_poll;         /* likewise */
	forwarder_portmap *portmap; /* NULL: no router is asked for anything */
	struct forwarder_tls tls;
};
struct guest_driver *guest_driver_new(struct ev_loop *loop,
	const struct guest_driver_config *config, const struct forwarder_hooks *hooks,
	const char **why);
struct guest *guest_driver_core(struct guest_driver *d);
bool guest_driver_listen(const struct guest_driver *d, size_t i, struct addr *addr);
/* As host_driver_set_servers. */
void guest_driver_set_servers(
	struct guest_driver *d, const struct addr *addrs, size_t count);
/* Why TCP or TLS to a rendezvous failed last, a sentence without a full stop; empty if it
 * has not. */
const char *guest_driver_trouble(const struct guest_driver *d);
void guest_driver_free(struct guest_driver *d);

/* What became of bursts to applications, in datagrams. */
struct forwarder_pacing {
	uint64_t held; /* for there was no room, see net/pacer.h */
	uint64_t
		dropped; /* of them: there was no room in time, or none to hold them in */
	uint64_t overrun; /* lost at applications' full buffers, as far as was seen */
};

/* Datagrams dropped before a path was up, and at full socket buffers or streams. */
struct forwarder_counts {
	uint64_t queue_dropped, send_failed;
	struct forwarder_pacing pacing;
};
void guest_driver_get_counts(
	const struct guest_driver *d, struct forwarder_counts *counts);
void host_driver_get_counts(const struct host_driver *d, struct forwarder_counts *counts);

#endif
