/* SPDX-License-Identifier: MIT */
/* A machine of the simulated network: one core object with its sockets, driven as the
 * libev programs drive it, killed and started again at will. What outlives a process is
 * kept in the machine, as on its disk. */
#ifndef EYELET_SIM_MACHINE_H
#define EYELET_SIM_MACHINE_H

#include "core/event.h"
#include "core/flow.h"
#include "core/guest.h"
#include "core/host.h"
#include "core/queue.h"
#include "core/rendezvous.h"
#include "core/secrets.h"
#include "sim/promise.h"
#include "sim/site.h"
#include "sim/stream.h"
#include "sim/tcp.h"

#define MACHINE_SOCKETS 640
#define MACHINE_APPS    64
#define EXPIRES_MAX     100 /* calls of expire at one instant that are not a busy loop */
#define ALTS            16

enum machine_kind { MACHINE_HOST, MACHINE_GUEST, MACHINE_RENDEZVOUS };

/* The one shape of all three cores. */
struct role {
	const char *name;
	void (*start)(struct machine *m); /* makes m->core, sockets and all */
	void (*destroy)(struct machine *m);
	enum verdict (*input)(struct machine *m, const struct path *path, uint8_t *buf,
		size_t len, struct delivery *delivery);
	void (*icmp)(
		struct machine *m, const struct path *path, const struct packet *error);
	bool (*output)(struct machine *m, struct datagram *d);
	void (*expire)(struct machine *m);
	uint64_t (*next_timeout)(struct machine *m);
	bool (*next_event)(struct machine *m, struct event *event);
	void (*add_socket)(struct machine *m, uint32_t number, const struct addr *bound);
	void (*shutdown)(struct machine *m);
	void (*network_changed)(struct machine *m); /* addresses and all */
	void (*event)(struct machine *m, const struct event *event); /* beyond sockets */
	void (*deliver)(struct machine *m, const struct delivery *delivery);
	bool (*flush)(struct machine *m); /* sends what waits; true if anything went */
	void (*check)(struct machine *m); /* limits of tables */
};
extern const struct role role_host, role_guest, role_rendezvous;

/* What happened, by event type. */
struct happened {
	uint64_t count, first_at, last_at;
	struct event last;
};

/* A local application of a guest. */
struct app {
	struct stream stream;
	struct addr addr;
	size_t size;       /* bytes of each datagram */
	uint64_t interval; /* ns between them */
	uint64_t left;     /* datagrams still to be sent */
	uint64_t next_at;  /* NEVER while silent */
};

/* What a host's target does with what it gets. */
enum target { TARGET_ECHO, TARGET_SINK };

/* The host's socket towards the target for one flow. */
struct target_socket {
	struct target_socket *next;
	bool bound; /* to a guest's application, by the first payload that tells */
	uint32_t guest, incarnation, number;
	uint16_t app;
};

struct host_settings {
	struct service service;
	enum target target;
	uint32_t guests_max, flows_max, half_open_max; /* 0: the core's defaults */
	enum effort effort;
	bool no_local_candidates;
	/* On its disk: numbers of guests. */
	struct known_guest {
		uint8_t identity[32];
		uint32_t number;
	} * known;
	size_t known_count, known_cap;
	uint32_t *number_of; /* by index of the guest's machine; 0 unknown yet */
	size_t number_of_count;
	struct target_socket *sockets;
	struct host_counts counts; /* as checked last */
};

struct guest_settings {
	struct credentials credentials;
	uint8_t identity[32];
	struct queue *queue;
	struct app *apps[MACHINE_APPS];
	unsigned app_count;
	uint32_t flows_max; /* 0: the core's default */
	enum effort effort;
	bool no_local_candidates;
	bool was_connected;
	uint64_t queue_dropped; /* of earlier incarnations too */
	uint64_t refused_flows;
};

struct rendezvous_settings {
	uint32_t services_max, attempts_max, attempt_rate,
		attempt_burst;                          /* 0: defaults */
	uint32_t relay_max, relay_rate, relay_rate_all; /* likewise */
	struct mischief *mischief; /* what its relay is up to; may be NULL */
	bool stun, private;
	uint8_t allowed[32];
	struct rendezvous_counts counts; /* as checked last */
};

struct machine {
	struct node node;
	enum machine_kind kind;
	const struct role *role;
	unsigned index;
	struct site *site;
	struct wire up;
	struct addr v4, v6; /* own addresses, port 0; family ADDR_NONE without */
	struct addr servers[GUEST_SERVERS_MAX];
	size_t server_count;
	void *core; /* NULL while it does not run */
	uint32_t incarnation;
	uint64_t started_at;
	struct rng rng;
	struct machine_socket {
		bool open;
		struct addr bound; /* unspecified address and the real port */
	} sockets[MACHINE_SOCKETS];
	struct tcp_end *tcp_ends;
	unsigned sockets_used; /* one more than the highest number ever open */
	unsigned open_sockets, open_most;
	bool asleep; /* suspended: hears nothing, does nothing, time goes on */
	uint64_t expired_at;
	unsigned expires; /* calls at that instant */
	struct happened seen[EVENT_COUNT];
	struct promise promise;
	uint64_t inputs, outputs;
	bool relayed;                   /* what is taken in just now came over a relay */
	struct verdict_counts verdicts; /* of all incarnations */
	/* Hears of every datagram that comes in; may be NULL. */
	void (*tap)(void *arg, struct machine *m, const struct packet *packet);
	void *tap_arg;
	union {
		struct host_settings host;
		struct guest_settings guest;
		struct rendezvous_settings rendezvous;
	};
};

/* A machine at that site, not started yet. */
struct machine *machine_new(struct site *s, enum machine_kind kind, const char *name);

/* Tells a host or guest of a rendezvous to dial: by IPv4, unless v6. */
void machine_dial(struct machine *m, const struct machine *rendezvous, bool v6);
/* The same by TCP, and by TLS. */
void machine_dial_streams(struct machine *m, const struct machine *rendezvous, bool v6);
struct addr machine_addr(const struct machine *m, uint16_t port, bool v6);

void machine_start(struct machine *m);
void machine_kill(struct machine *m);     /* kill -9 */
void machine_shutdown(struct machine *m); /* says goodbye, then ends */

/* Takes the machine to another site, or the same, where it gets new addresses; sockets stay
 * open. Its driver hears of that at once if told. */
void machine_move(struct machine *m, struct site *s, bool told);

/* The machine's lid is closed and opened. */
void machine_suspend(struct machine *m);
void machine_wake(struct machine *m);

/* A guest's new application: count datagrams of size bytes, one each interval from now
 * on; 0 datagrams to be sent by app_send only. */
struct app *machine_app(
	struct machine *guest, size_t size, uint64_t interval, uint64_t count);
void app_continue(
	struct machine *guest, struct app *app, uint64_t interval, uint64_t count);
void app_free(struct app *app); /* the machine does */
void app_send(struct machine *guest, struct app *app, size_t size);

/* The machine's guts, for its roles. */

/* Opens a socket on that port (0: any) of that family and tells the core. */
void machine_open(
	struct machine *m, uint32_t number, const struct addr *family, uint16_t port);
/* Sends from one of its sockets. */
void machine_emit(struct machine *m, const struct path *path, uint8_t ttl, uint8_t tos,
	const uint8_t *data, size_t len);
/* A packet for the machine: to the core, or back as an ICMP error. */
void machine_forward(struct node *node, unsigned side, struct packet *packet);
/* Pulls outputs and events until there are none, checks the promises, sets the wake. */
void machine_settle(struct machine *m);
/* Addresses for X_set_locals; returns how many. */
size_t machine_locals(const struct machine *m, struct addr locals[2]);

#endif
