/* SPDX-License-Identifier: MIT */
/* What the parts of the network check share: the machine, its probes, its judgements.
 * netcheck*.c's own. */
#ifndef EYELET_CORE_NETCHECK_PARTS_H
#define EYELET_CORE_NETCHECK_PARTS_H

#include "core/message.h"
#include "core/netcheck.h"
#include "core/outbox.h"
#include "core/pmtu.h"
#include "core/stun.h"

#define PROBES_MAX       160
#define DESTINATIONS_MAX 8 /* asked from one socket */
#define FRESH_SOCKETS    6
#define WARM_UPS         3 /* exchanges before a silence is measured */

/* Numbers of sockets. */
enum {
	SOCKET_V4,
	SOCKET_V6,
	SOCKET_FRESH,
	SOCKET_CHANGED_PORT = SOCKET_FRESH + FRESH_SOCKETS,
	SOCKET_CHANGED_ADDRESS,
	SOCKET_SILENT,
};
#define SILENCES (NETCHECK_SOCKETS_MAX - SOCKET_SILENT)

/* What a probe is for; its index tells those of one purpose apart. */
enum purpose {
	PURPOSE_REACH,          /* a server: by index of the configuration */
	PURPOSE_DESTINATION,    /* from the first socket to another address */
	PURPOSE_FRESH,          /* from another socket to the server */
	PURPOSE_CHANGE_KNOWN,   /* CHANGE-REQUEST without flags */
	PURPOSE_CHANGE_PORT,    /* answered from another port */
	PURPOSE_CHANGE_ADDRESS, /* and address */
	PURPOSE_POISON,         /* to where the unsolicited answer came from */
	PURPOSE_HAIRPIN,        /* from one of our sockets to another's outer address */
	PURPOSE_SIZE,           /* of the path MTU of that index */
	PURPOSE_HOP,            /* of the TTL index + 1 */
	PURPOSE_WARM,           /* before a silence */
	PURPOSE_SILENCE,        /* after it */
};

enum probe_state { PROBE_WAITING, PROBE_ASKING, PROBE_ANSWERED, PROBE_SILENT };

struct probe {
	enum purpose purpose;
	uint8_t index;
	enum probe_state state;
	/* The question. */
	enum netcheck_protocol protocol;
	struct path path;
	struct stun_question stun; /* of NETCHECK_STUN; its id is the start of id */
	uint8_t id[ID_SIZE];
	uint16_t size; /* bytes of UDP payload; 0: no more than needed */
	uint8_t ttl;
	/* ns: when it begins, is repeated, and is given up. */
	uint64_t begin_at, next_at, end_at, interval;
	/* What came of it. */
	uint64_t asked_at;               /* the last time */
	uint64_t took;                   /* ns from the last question */
	struct addr from, mapped, other; /* who answered, what it saw, OTHER-ADDRESS */
	uint16_t alt_base;
	uint32_t alt_mask;
	bool unchanged; /* answered from where was asked, in spite of CHANGE-REQUEST */
	struct addr offender; /* router where its TTL ended */
};

struct destination {
	struct netcheck_server server;
	bool same_address; /* as the server's */
};

struct netcheck {
	struct netcheck_config config;
	struct outbox outbox;
	struct events events;
	struct {
		bool wanted, open;
		struct addr bound;
	} sockets[NETCHECK_SOCKETS_MAX];
	struct probe probes[PROBES_MAX];
	unsigned probe_count;
	enum netcheck_step step;
	unsigned turn;              /* of the step: one round of probes */
	const struct probe *server; /* the answered one of PURPOSE_REACH; NULL before */
	uint32_t socket;            /* SOCKET_V4 or SOCKET_V6, as the server */
	struct destination destinations[DESTINATIONS_MAX];
	unsigned destination_count;
	struct addr changed_port; /* where answers from its other port come from */
	struct netcheck_result result;
};

/* Probes. */

/* Adds one that asks server from that socket, as soon as the machine settles, every 200 ms
 * and for 3 s unless changed. Returns one that goes nowhere if there are too many. */
struct probe *probe_add(struct netcheck *n, enum purpose purpose, unsigned index,
	uint32_t socket, const struct netcheck_server *server, uint64_t now);
/* Sends it if it is due, gives it up if its time is over. */
void probe_run(struct netcheck *n, struct probe *p, uint64_t now);
uint64_t probe_next(const struct probe *p);
bool probe_over(const struct probe *p);
/* The probe of that purpose and index if it was answered, else NULL. */
const struct probe *probe_answered(
	const struct netcheck *n, enum purpose purpose, unsigned index);
const struct probe *probe_find(
	const struct netcheck *n, enum purpose purpose, unsigned index);

/* Steps: each adds the probes of its turn; false when it has no more. */

bool step_begin(struct netcheck *n, uint64_t now);
/* True if what is under way would tell nothing new. */
bool step_cut(const struct netcheck *n);
/* Seconds of silence of that index, ascending; 0 past the last. */
uint32_t silence_of(unsigned index);

/* True if the probe ended a silence, and found that the mapping was gone. */
bool silence_was_fatal(const struct netcheck *n, const struct probe *p);

/* Judgements, each after its step. */

void judge(struct netcheck *n);
/* True if a mapping found dead is told by a port that changed, not by an answer missing. */
bool lifetime_by_port(const struct netcheck *n);
bool lifetime_possible(const struct netcheck *n);

#endif
