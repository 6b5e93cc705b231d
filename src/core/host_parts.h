/* SPDX-License-Identifier: MIT */
/* The host's insides, shared by its rooms: host_lease.c (rendezvous, own NATs),
 * host_stream.c (leases by streams), host_attempt.c (introductions, punches, hellos), host_connection.c (sessions and where
 * their frames come from), host_limit.c (how many of them), host_peer.c (guests),
 * host_frame.c (frames, moves). host.c is the door. */
#ifndef EYELET_CORE_HOST_PARTS_H
#define EYELET_CORE_HOST_PARTS_H

#include "core/bucket.h"
#include "core/candidate.h"
#include "core/census.h"
#include "core/handshake.h"
#include "core/host.h"
#include "core/message.h"
#include "core/outbox.h"
#include "core/reassembly.h"
#include "core/resume.h"
#include "core/retry.h"
#include "core/session.h"
#include "core/step.h"
#include "core/table.h"
#include "core/timers.h"

/* So that a rendezvous' restart heals within 5 s. */
#define LEASE_REFRESH      (2500 * MILLISECOND)
#define LEASE_SILENCE      (3 * SECOND) /* without an answer, the lease counts as lost */
#define LEASE_REFUSED_WAIT (5 * SECOND)
/* The first refusal may be an answer to what was garbled on the way. */
#define LEASE_REFUSED_FIRST SECOND
/* Without an answer to a lease by UDP, until one by TCP is tried, and until one by TLS. */
#define LEASE_TCP_WAIT (1500 * MILLISECOND)
#define LEASE_TLS_WAIT (2500 * MILLISECOND)
/* A better lease has to be held until one by a stream is given up. */
#define LEASE_STREAM_KEPT (5 * SECOND)
#define LEVELS_MAX        4 /* TTL probes 1..4 */
#define LEVELS_ROUNDS     3 /* against loss */
#define FRESH_SOCKETS     2 /* opened against a spoilt mapping before giving up */
#define ATTEMPTS_MAX      4096
#define ATTEMPTS_NETWORK  (ATTEMPTS_MAX / 4)
#define ATTEMPT_LIFE      (15 * SECOND) /* after the last introduction */
#define ATTEMPT_MEMORY    (600 * SECOND) /* as long as the token of an introduction lasts */
#define PUNCH_COPIES      3              /* at once, before the answer: against loss */
#define PUNCH_BYTES_MAX   2048           /* towards one address in one attempt */
#define PUNCH_RATE        4000           /* punches a second of the whole process */
#define HELLO_RATE        1000 /* handshakes a second before hellos need a cookie */
/* And a second beyond that for one network, with cookies. */
#define HELLO_RATE_NETWORK 200
#define BUSY_TURN          (30 * SECOND) /* a cookie for hellos is good for one to two of these */
#define PREDICTIONS        3             /* ports after the last one known */
#define ANSWERS_MAX        8             /* sequence of the last answer to one attempt */
#define HALF_OPEN_LIFE     (10 * SECOND)
#define DRAIN              (3 * SECOND) /* a replaced connection still receives */
#define ROUTES_MAX         4            /* addresses one hello may come from */
#define SWEEP              (10 * SECOND)
#define PEERS_MAX          65536           /* identities remembered */
#define PEERS_NETWORK      (PEERS_MAX / 4) /* first seen in one network */
#define FLOW_REFUSED_TOLD  (10 * SECOND)   /* before it is told again of a guest */
#define SPRAY_ECHOES       16              /* answers to knocks, of one attempt */
#define NUMBER_MAX         4194302         /* 127.64.0.1 .. 127.127.255.254 */

enum host_timer {
	TIMER_LEASE = 1,
	TIMER_LEVELS,
	TIMER_ATTEMPT,
	TIMER_CONNECTION,
	TIMER_SWEEP,
	TIMER_SPRAY
};

struct host_socket {
	bool open, done; /* done: EVENT_SOCKET_DONE is to be told */
	bool wanted;     /* of those for many ports: EVENT_SOCKET_WANTED is */
	struct addr bound;
	struct addr mapped; /* what a router forwards to it; family ADDR_NONE: nothing */
	unsigned connections;
	uint64_t unused_at; /* when it was last seen to serve somebody */
};

/* X: name. Who writes the state: lease_enter. */
enum lease_state {
	LEASE_IDLE, /* no socket of its family, or a stream that nobody needs */
	LEASE_COOKIE,
	LEASE_REGISTER,
	LEASE_HELD,
	LEASE_REFUSED
};

struct lease {
	struct addr server; /* as dialled */
	enum lease_state state;
	uint32_t socket;
	uint8_t id[ID_SIZE]; /* of the question under way */
	struct retry retry;
	uint64_t refresh_at; /* while held */
	uint64_t held_at;    /* since when it is */
	/* Since when no answer came; NEVER while there is nothing to answer, 0 before it began.
	 * A refusal is an answer, and the same by a stream. */
	uint64_t silent_at;
	uint8_t cookie[COOKIE_SIZE];
	uint8_t token[TOKEN_SIZE];
	uint8_t request[REGISTER_SIZE]; /* signed once, repeated */
	struct addr observed;           /* family ADDR_NONE until known */
	bool refused;                   /* since it was held last */
	bool told;                      /* EVENT_REGISTERED was given for this lease */
	uint16_t alt_base;
	uint32_t alt_mask;
	unsigned alt_turn;
	bool measuring;            /* the next check follows the registration at once */
	uint8_t probe_id[ID_SIZE]; /* of the last mapping check */
	uint64_t probe_until;      /* its answer counts until then; 0 for none */
	struct timer timer;
};

/* Own NATs in front of the rendezvous, counted by TTL probes. */
struct levels {
	struct lease *lease; /* towards whose server; NULL before */
	uint8_t id[ID_SIZE]; /* the last byte is the TTL */
	unsigned round;
	unsigned highest; /* TTL whose hop is private */
	bool counted;
	struct timer timer;
};

struct attempt_reply {
	bool wanted, acked;
	struct retry retry;
};

struct attempt {
	uint8_t id[ID_SIZE];
	struct addr from;        /* the guest, as the rendezvous proved it */
	struct behaviour theirs; /* of its NAT, as it says */
	bool theirs_v6;          /* it offers a global IPv6 address */
	bool resting;            /* over, and remembered for what was sent in its name */
	struct candidates to;    /* to be punched */
	size_t punched[CANDIDATES_MAX]; /* bytes */
	uint8_t trial;
	uint8_t spray; /* many ports at once, in place of punches; enum behaviour_spray */
	bool measures; /* the next port of our NAT, before it is answered */
	uint64_t began_at, asked_at;
	struct retry punch;
	struct attempt_reply replies[HOST_SERVERS_MAX];
	uint8_t sequence;
	bool refused; /* EVENT_GUEST_REFUSED was given */
	uint8_t payload[PAYLOAD_MAX];
	size_t payload_len;
	struct census_entry *network;
	struct connection *connection; /* half-open or open, from its hello */
	uint8_t hello[HELLO_NOISE_SIZE];
	uint8_t welcome[WELCOME_SIZE];
	struct timer timer;
	UT_hash_handle hh;
};

/* One place a connection's frames may come from. */
struct route_key {
	uint32_t socket;
	uint32_t channel;
	struct addr remote;
};

struct route {
	struct route_key key;
	struct route_link *links;
	UT_hash_handle hh;
};

struct route_link {
	struct route *route; /* NULL while unused */
	struct connection *connection;
	struct route_link *next;
};

/* A session with what the host knows of it: half-open until the guest's first frame. */
struct connection {
	struct session session;
	uint8_t identity[CRYPTO_KEY_SIZE];
	uint8_t process[PROCESS_SIZE];    /* tells a guest's lives apart */
	uint8_t network[CENSUS_KEY_SIZE]; /* it counts for */
	bool counted;                     /* in the host's networks */
	bool half_open;                   /* counted so, too */
	struct peer *peer;                /* NULL while half-open */
	struct attempt *attempt;
	uint64_t began_at;
	bool replaced;
	struct rekey_host rekey;
	struct route_link routes[ROUTES_MAX];
	uint32_t socket; /* that counts it; HOST_SOCKETS_ALL: none, it goes by a stream */
	struct connection *next, *prev;
	UT_hash_handle hh; /* by session id */
};

/* A guest by identity; outlives its connections. */
/* The network that identities were first seen in. */
struct peer_home {
	uint8_t network[CENSUS_KEY_SIZE];
	struct peer *peers; /* the one away longest first */
	uint32_t count;
	UT_hash_handle hh;
};

struct peer {
	uint8_t identity[CRYPTO_KEY_SIZE];
	uint32_t number; /* 0 while it was never connected */
	enum peer_policy { POLICY_NONE, POLICY_ALLOWED, POLICY_DENIED } policy;
	struct connection *connection; /* NULL while away */
	struct connection *before; /* the one it replaced, while that still receives */
	unsigned links;            /* connections that name it, replaced ones too */
	uint64_t flow_refused_at;  /* when that was last told; 0 never */
	struct flow_table flows;
	struct peer *prev, *next;           /* by the last connecting or leaving */
	struct peer_home *home;             /* NULL if it was only ever named */
	struct peer *home_prev, *home_next; /* of those of its home, likewise */
	UT_hash_handle hh;
};

/* Many ports at once, for one attempt. */
struct host_spray {
	bool live;
	struct spray spray;
	struct timer timer;
	uint8_t id[ID_SIZE];                            /* of the attempt */
	uint32_t socket;                                /* that probes leave by */
	unsigned echoes;                                /* sent */
	struct host_socket sockets[HOST_SPRAY_SOCKETS]; /* as host_socket counts them */
};

struct host {
	struct host_config config;
	struct service service;
	struct credentials credentials;
	uint8_t host_static_public[CRYPTO_KEY_SIZE];
	uint8_t hash_key[16], busy_key[CRYPTO_KEY_SIZE];
	struct host_socket sockets[HOST_SOCKETS_MAX];
	uint32_t defaults[2]; /* number of the IPv4 and the IPv6 socket */
	bool has_default[2], socket_wanted[2];
	unsigned fresh[2];  /* sockets opened against a spoilt mapping */
	struct addr spoilt; /* another mapping of ours, as an unused port saw it */
	struct behaviour behaviour; /* of our IPv4 NAT; unknown until measured */
	struct host_spray *spray;   /* NULL before the first */
	struct addr locals[HOST_LOCALS_MAX];
	size_t local_count;
	struct lease leases[HOST_SERVERS_MAX];
	uint64_t doubted_at; /* leases_doubt refreshed them; 0 never */
	struct levels levels;
	struct attempt *attempts;
	struct census attempt_networks; /* they came from, by the rendezvous' word */
	unsigned resting;               /* of them */
	struct bucket punches, handshakes;
	struct bucket_field hellos;
	struct route *routes, *last_route; /* the last: of the frame before */
	struct connection *connections;    /* a list */
	struct connection *leaving;        /* the next to say goodbye to, at the end */
	struct connection *by_id;          /* the same, as a table by session id */
	struct challenger challenger;
	struct census networks;           /* sessions */
	struct census half_open_networks; /* those of them not yet confirmed */
	struct census half_open_guests;   /* the same, by identity */
	struct peer *peers;
	struct peer *peer_order; /* all of them, the one away longest first */
	struct peer_home *peer_homes;
	struct flow_ledger ledger;
	struct flow *told; /* the one whose closing was told last */
	uint32_t next_number;
	uint8_t *numbers; /* a bit for each in use */
	bool deny_unknown;
	struct timer sweep;
	struct timers timers;
	struct outbox outbox;
	struct events events;
	struct reassembly_pool pool;
	struct host_counts counts;
	uint8_t *scratch; /* a frame that several sessions try to open */
};

static inline unsigned family_index(const struct addr *a)
{
	return a->family == ADDR_V4 ? 0 : 1;
}

void host_fill(struct host *h, uint8_t *bytes, size_t len);

/* host_lease.c */
void leases_init(struct host *h);
void leases_replace(
	struct host *h, const struct addr *servers, size_t count, uint64_t now);
/* A new default socket: leases of its family move to it. */
void leases_use_socket(struct host *h, uint32_t number, uint64_t now);
enum verdict lease_input(struct host *h, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now);
void lease_enter(
	struct host *h, struct lease *lease, enum lease_state state, uint64_t now);
void lease_lost(struct host *h, struct lease *lease, const char *why);
void lease_expire(struct host *h, struct lease *lease, uint64_t now);
void lease_probe_mapping(struct host *h, struct lease *lease, uint64_t now);
void leases_end(struct host *h, uint64_t now);
/* Refreshes all leases now: has our observed address changed? */
void leases_check(struct host *h, uint64_t now);
/* The same, at most once a second: a guest does not answer. */
void leases_doubt(struct host *h, uint64_t now);
void levels_expire(struct host *h, uint64_t now);
void levels_icmp(struct host *h, const struct addr *offender, const uint8_t *quoted,
	size_t quoted_len);
/* TTL of a punch that crosses the own NATs only. */
uint8_t levels_ttl(const struct host *h, const struct addr *to, unsigned trial);

/* host_stream.c */
/* Begins the leases by streams that are needed now, and gives up those that are not. */
void streams_weigh(struct host *h, uint64_t now);

/* host_attempt.c */
/* NULL if it is not known. */
struct attempt *attempt_find(const struct host *h, const uint8_t id[ID_SIZE]);
enum verdict attempt_introduced(struct host *h, struct lease *lease, const uint8_t *buf,
	size_t len, uint64_t now);
void attempt_acked(struct host *h, struct lease *lease, const uint8_t *buf, size_t len);
void attempt_rearm(struct host *h, struct attempt *a);
void attempt_expire(struct host *h, struct attempt *a, uint64_t now);
void attempt_free(struct host *h, struct attempt *a);

/* host_punch.c */
/* Adds what may be punched of the guest's offer, and where the rendezvous sees it; returns
 * how many there were before. */
unsigned attempt_add_targets(struct host *h, struct attempt *a,
	const struct guest_offer *offer, const struct addr *seen);
/* One punch to each from first on, as far as its bytes allow. */
void attempt_punch(struct host *h, struct attempt *a, unsigned first, uint64_t now);

/* host_answer.c */
void answer_seal(struct host *h, struct attempt *a);
/* To the i-th lease's rendezvous: from now on until it is acknowledged; once. */
void answer_start(struct host *h, struct attempt *a, size_t i, uint64_t now);
void answer_send(struct host *h, struct attempt *a, size_t i, uint64_t now);
/* The last port of our NAT is known: no attempt waits for it any more. */
void attempts_measured(struct host *h);
/* There is more to say of our own addresses: answers go out anew. */
void attempts_answer_again(struct host *h, uint64_t now);

/* host_hello.c */
enum verdict attempt_hello(struct host *h, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now);

/* host_spray.c */
/* What is told of our NAT, with what we are willing to do. */
struct behaviour host_behaviour(const struct host *h);
/* Any socket by its number; NULL if there is no such number. */
struct host_socket *host_socket(struct host *h, uint32_t number);
/* Begins for the attempt of a guest that the rendezvous proved to be at seen. Returns false
 * if it is not asked for or worth it, or another is under way. */
bool host_spray_begin(struct host *h, const struct attempt *a, const struct lease *lease,
	const struct guest_offer *offer, const struct addr *seen, uint64_t now);
void host_spray_expire(struct host *h, uint64_t now);
void host_spray_opened(
	struct host *h, uint32_t number, const struct addr *bound, uint64_t now);
bool host_spray_next_event(struct host *h, struct event *event);
/* Its sockets that no connection uses are to be closed, once it is over. */
void host_spray_release(struct host *h);
enum verdict host_spray_knock(struct host *h, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now);
/* The attempt has a connection. */
void host_spray_met(struct host *h, const struct attempt *a, uint64_t now);

/* host_connection.c */
struct connection *connection_open(struct host *h, const struct noise_keys *keys,
	enum cipher cipher, const uint8_t session_id[SESSION_ID_SIZE],
	const uint8_t identity[CRYPTO_KEY_SIZE], const struct path *path,
	const struct addr *from, uint64_t now);
void connection_free(struct host *h, struct connection *c);
/* Frees it, and tells that the guest is gone. */
void connection_end(struct host *h, struct connection *c, const char *why, uint64_t now);
void connection_expire(struct host *h, struct connection *c, uint64_t now);
void connection_tell(struct host *h, enum event_type type, const struct connection *c,
	const char *why, uint64_t now);
/* The place that path is; NULL if no connection's frames may come from there. */
struct route *route_find(struct host *h, const struct path *path);
/* The same, made if need be; NULL if memory ran out. */
struct route *route_open(struct host *h, const struct path *path);
void route_leave(struct host *h, struct route_link *link);
/* Frames of c may come from there. Returns false if it has too many such places. */
bool connection_route(struct host *h, struct connection *c, const struct path *path);
bool connection_is_routed(const struct connection *c, const struct route *route);
/* Keeps the one route that path is; the others were only possible ones. */
void connection_settle(struct host *h, struct connection *c, const struct path *path);
/* The socket that path goes by serves one more, the connection's last one one less. */
void connection_use_socket(struct host *h, struct connection *c, const struct path *path);

/* host_limit.c */
/* Returns 0 if that guest, which asked from there, may begin a session, else an enum
 * host_refusal. */
uint8_t limit_refusal(const struct host *h, const uint8_t identity[CRYPTO_KEY_SIZE],
	const struct addr *from);
/* Counts an attempt from there; NULL if memory ran out. */
struct census_entry *limit_attempt(struct host *h, const struct addr *from);
/* Counts a session that is half-open. Returns false if memory ran out. */
bool limit_enter(struct host *h, struct connection *c, const struct addr *from);
/* It is half-open no more. */
void limit_confirm(struct host *h, struct connection *c);
void limit_leave(struct host *h, struct connection *c);

/* host_peer.c */
bool peer_is_connected(const struct host *h, const uint8_t identity[CRYPTO_KEY_SIZE]);
/* Returns 0 if this identity may have a connection, else an enum host_refusal. */
uint8_t peer_refusal(const struct host *h, const uint8_t identity[CRYPTO_KEY_SIZE]);
void peers_enforce(struct host *h, uint64_t now);
/* network: where it came from; NULL if it is only named. */
struct peer *peer_open(struct host *h, const uint8_t identity[CRYPTO_KEY_SIZE],
	uint32_t number, const uint8_t *network);
/* Tells, now and then, that a flow of the guest's was refused, and why. */
void peer_tell_flow_refused(struct host *h, struct peer *peer, uint64_t now);
/* Whose connection it is, with a number from now on; NULL if there is no room. */
struct peer *peer_of(struct host *h, const struct connection *c);
void peers_free(struct host *h);
void peers_sweep(struct host *h, uint64_t now);

/* host_home.c */
/* Remembers an identity that is new; network as above. Returns false if memory ran out. */
bool home_enter(
	struct host *h, struct peer *peer, const uint8_t network[CENSUS_KEY_SIZE]);
void home_leave(struct host *h, struct peer *peer);
/* It comes or goes: now it is the one that was away least. */
void home_seen(struct host *h, struct peer *peer);
bool home_is_full(const struct host *h, const uint8_t network[CENSUS_KEY_SIZE]);
/* Who is forgotten for one more of that network; NULL if nobody can be. */
struct peer *home_forgettable(
	const struct host *h, const uint8_t network[CENSUS_KEY_SIZE]);

/* host_frame.c */
enum verdict frame_input(struct host *h, const struct path *path, uint8_t *buf,
	size_t len, uint64_t now, struct delivery *delivery);
void route_hint(struct host *h, const struct path *path, uint64_t now);
/* A challenge or a resume came in. */
enum verdict resume_input(struct host *h, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now);
/* We are seen elsewhere than before, or the machine's network changed: every path is in
 * doubt. */
void connections_recheck(struct host *h, uint64_t now);

#endif
