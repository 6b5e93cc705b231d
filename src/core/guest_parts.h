/* SPDX-License-Identifier: MIT */
/* The guest's insides, shared by its rooms: guest_ask.c (rendezvous), guest_trial.c (the
 * attempt under way: offers, hellos, welcome), guest_improve.c (attempts beside a relayed
 * session), guest_link.c (sessions and frames). guest.c is the door. */
#ifndef EYELET_CORE_GUEST_PARTS_H
#define EYELET_CORE_GUEST_PARTS_H

#include "core/candidate.h"
#include "core/expiry.h"
#include "core/guest.h"
#include "core/handshake.h"
#include "core/keepalive.h"
#include "core/message.h"
#include "core/outbox.h"
#include "core/reassembly.h"
#include "core/resume.h"
#include "core/retry.h"
#include "core/session.h"
#include "core/step.h"
#include "core/table.h"
#include "core/timers.h"

#define TRIAL_SPAN           (1500 * MILLISECOND) /* after an answer, until the next trial */
#define TRIAL_SPAN_MORE      (500 * MILLISECOND) /* longer with each */
#define TRIAL_SPAN_MAX       (8 * SECOND)
#define ASK_WAIT             (200 * MILLISECOND) /* after "no such service" */
#define ASK_WAIT_LATER       SECOND /* after other refusals, or a long time */
#define ASK_STREAM_WAIT      SECOND /* for an answer by UDP, then for one by TCP */
#define ASK_STREAM_QUESTIONS 5      /* of them unanswered, at least */
#define REFUSED_PATIENCE     (300 * MILLISECOND) /* for another host to answer */
#define REFUSED_WAIT         (5 * SECOND)        /* after a host's refusal */
#define REPLACED_LIFE        (3 * SECOND)        /* a replaced session still receives */
#define UNDER_TRAFFIC        (2 * SECOND) /* the longest time between two datagrams */
#define FRESH_WAIT           (300 * MILLISECOND)
#define FAVOURITE_WAIT       (500 * MILLISECOND)
#define REFLEXIVE_HELLOS     3  /* to an address that only punches speak for */
#define PINGS_LOST           10 /* unanswered pings until a user hears of it */
#define HELLOS_MAX           60 /* to one address in one trial */
#define PREDICTIONS          2  /* ports after the last one known */
#define IMPROVE_TRIALS       4  /* attempts at a direct path in the first round */
#define IMPROVE_TRIALS_LATER 2
#define IMPROVE_PATIENCE     (10 * SECOND) /* for an answer of the host's */
#define IMPROVE_PAUSE        (30 * SECOND) /* after the first round, then doubled */
#define IMPROVE_PAUSE_MAX    (600 * SECOND)
#define TRIAL_SPAN_PLAIN     (800 * MILLISECOND) /* if many ports at once come next */
#define SPRAY_HELLOS         10 /* to the place that a punch came from meanwhile */
#define REMEMBERED_MAX       16 /* pairs of networks */
#define IMPROVE_PAUSE_STREAM                                                             \
	(30 * SECOND) /* after any round, while a stream carries it */
#define SWEEP (10 * SECOND)

enum guest_timer { TIMER_ASKER = 1, TIMER_TRIAL, TIMER_LINK, TIMER_SWEEP, TIMER_SPRAY };

enum ask_state { ASK_IDLE, ASK_WAITING, ASK_COOKIE, ASK_ASKING };

/* What goes on between us and one rendezvous in the current trial. */
struct asker {
	struct addr server; /* as dialled */
	enum ask_state state;
	uint32_t socket;
	uint64_t unheard_at; /* first question since an answer; NEVER if none */
	unsigned unheard;    /* how many */
	uint8_t id[ID_SIZE]; /* of the cookie question */
	struct retry retry;
	uint8_t cookie[COOKIE_SIZE];
	uint8_t token[TOKEN_SIZE];
	bool has_token;
	struct addr observed;      /* family ADDR_NONE until known */
	uint8_t probe_id[ID_SIZE]; /* of the question at a further port */
	bool probing;
	struct timer timer;
};

/* One host that answered in a trial. */
struct reach {
	uint8_t instance[INSTANCE_SIZE];
	uint8_t sequence;
	struct noise noise;
	uint8_t message[HELLO_NOISE_SIZE];
	bool has_cookie; /* the host is busy and wants it back */
	uint8_t cookie[COOKIE_SIZE];
	struct addr seen; /* by its rendezvous */
	struct host_offer offer;
	struct candidates to; /* of them, and where it was heard */
	bool refused;
	uint8_t refusal;       /* enum host_refusal */
	struct path relay;     /* to the host; channel 0: none */
	bool relay_streamed;   /* a stream leads to it, from here or from the host */
	unsigned relay_hellos; /* sent that way */
	unsigned hellos[CANDIDATES_MAX], hello_max[CANDIDATES_MAX];
	uint32_t sockets[CANDIDATES_MAX];
};

/* One attempt: its id, the sockets it uses, the hosts that answered. */
struct trial {
	bool live;
	/* Many ports at once: asked for, or, once answered, under way; enum behaviour_spray. */
	uint8_t spray;
	bool improving; /* beside a session that is fine, but relayed or soon to die */
	uint64_t began_at;
	uint8_t id[ID_SIZE];
	uint32_t number; /* 0 for the first since last connected */
	uint32_t sockets[2];
	uint8_t payload[PAYLOAD_MAX]; /* sealed once: its nonce serves once */
	size_t payload_len;
	struct reach hosts[GUEST_HOSTS_MAX];
	unsigned host_count;
	uint64_t fresh_by;    /* else it goes on without a fresh socket */
	uint64_t give_up_at;  /* all hosts so far refused; NEVER otherwise */
	uint64_t answered_at; /* NEVER before */
	struct retry hello;
};

/* A session and whether it is there. */
struct link {
	bool live;
	bool streamed; /* it goes over a relay, and there by a stream from here or the host */
	struct session session;
	uint64_t since;                  /* our mapping on its path */
	uint8_t instance[INSTANCE_SIZE]; /* of the host */
	uint8_t host_static[CRYPTO_KEY_SIZE];
	struct rekey_guest rekey;
};

/* Which way led from one network to another. */
struct remembered {
	bool known;
	uint8_t spray;         /* enum behaviour_spray */
	struct addr own, host; /* ports do not matter */
};

struct guest_socket {
	bool open, wanted, done;
	struct addr bound;
	struct addr mapped; /* what a router forwards to it; family ADDR_NONE: nothing */
};

/* Many ports at once, in the current trial. */
struct guest_spray {
	bool live;
	struct spray spray;
	struct timer timer;
	struct guest_socket
		sockets[GUEST_SPRAY_SOCKETS]; /* as guest_socket counts them */
};

/* A local application's address and its flow. */
struct app {
	struct addr addr;
	struct flow *flow;
	UT_hash_handle hh;
};

struct guest {
	struct guest_config config;
	struct credentials credentials;
	uint8_t hash_key[16];
	uint8_t process[PROCESS_SIZE];
	struct guest_socket sockets[GUEST_SOCKETS_MAX];
	struct addr locals[GUEST_LOCALS_MAX];
	size_t local_count;
	bool started, stopped;
	struct asker askers[GUEST_SERVERS_MAX];
	struct trial trial,
		before;     /* the current one; the one before may still be welcomed */
	uint64_t began_at;  /* of the first trial since last connected */
	uint64_t resume_at; /* not to try before */
	struct timer trial_timer;
	struct behaviour behaviour; /* of our NAT; unknown until measured */
	struct addr host_seen;      /* that host, as the rendezvous proved it */
	struct guest_spray *spray;  /* NULL before the first */
	struct remembered remembered[REMEMBERED_MAX];
	unsigned remembered_next;
	struct behaviour host_behaviour; /* as the last host that answered tells it */
	bool host_v6;                    /* it offers a global IPv6 address */
	unsigned improvements;           /* rounds of trials that found no direct path */
	struct link active, old;
	struct expiry expiry; /* of our NAT's mappings */
	struct keepalive keepalive;
	struct challenger challenger;
	bool lost;                        /* EVENT_LOST was given for the active link */
	uint8_t favourite[INSTANCE_SIZE]; /* host last connected to */
	struct guest_progress progress;
	struct flow_table flows;
	struct flow_ledger ledger;
	struct flow *told; /* the one whose closing was told last */
	struct app *apps, *last_app;
	struct timer sweep;
	struct timers timers;
	struct outbox outbox;
	struct events events;
	struct reassembly_pool pool;
	struct guest_counts counts;
	uint8_t *scratch;
};

static inline unsigned family_index(const struct addr *a)
{
	return a->family == ADDR_V4 ? 0 : 1;
}

void guest_fill(struct guest *g, uint8_t *bytes, size_t len);

/* guest_ask.c */
void askers_init(struct guest *g);
/* All askers of a family, or of both, begin anew on the trial's sockets. */
void askers_start(struct guest *g, uint64_t now);
void askers_start_family(struct guest *g, unsigned family, uint64_t now);
void askers_stop(struct guest *g);
void asker_expire(struct guest *g, struct asker *asker, uint64_t now);
enum verdict asker_input(struct guest *g, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now);

/* guest_trial.c */
void trial_begin(struct guest *g, uint32_t number, uint64_t now);
void trial_end(struct guest *g);
bool trial_is_over(struct guest *g, uint64_t now);
/* True if there are hosts, and all of them said no. */
bool trial_is_refused(const struct trial *t);
void trial_expire(struct guest *g, uint64_t now);
void trial_rearm(struct guest *g);
/* The sealed offer of the trial, made at the first call. */
void trial_offer(struct guest *g);

/* guest_reach.c */
enum verdict trial_answered(struct guest *g, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now);
/* Adds one more address of the host's, if the socket is open and there is room. */
void reach_add(struct guest *g, struct reach *host, const struct addr *addr,
	uint32_t socket, uint8_t kind);
/* True if a hello may go to addr, of a host that the rendezvous sees at peer. */
bool reach_may_try(struct guest *g, const struct addr *addr, const struct addr *peer);
/* A hello to its i-th address; to all from first on, and over the relay. */
void reach_hello(struct guest *g, struct reach *host, unsigned i);
void reach_hellos(struct guest *g, struct reach *host, unsigned first, uint64_t now);

/* guest_welcome.c */
enum verdict trial_input(struct guest *g, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now);

/* guest_spray.c */
/* What is told of our NAT, with what we are willing to do. */
struct behaviour guest_behaviour(const struct guest *g);
/* The port that our NAT gave the trial's socket; 0 if it gives no sequence. */
uint16_t guest_last_port(const struct guest *g);
/* Whether the trial that begins is to try many ports. */
enum behaviour_spray guest_spray_wanted(struct guest *g);
/* True if the next one is to, by what was measured. */
bool guest_spray_follows(struct guest *g);
/* The host agreed, and is there; false if there is nothing to be done. */
bool guest_spray_begin(struct guest *g, const struct host_offer *offer,
	const struct addr *host, uint64_t now);
void guest_spray_expire(struct guest *g, uint64_t now);
/* When nothing is to be expected of it any more; 0 if there is none. */
uint64_t guest_spray_ends_at(const struct guest *g);
void guest_spray_end(struct guest *g);
/* Its sockets that no session uses are to be closed, once it is over. */
void guest_spray_release(struct guest *g);
void guest_spray_opened(struct guest *g, uint32_t number);
/* Any socket by its number; NULL if there is no such number. */
struct guest_socket *guest_socket(struct guest *g, uint32_t number);
/* That path was found in the current trial. */
void guest_remember(struct guest *g, const struct path *path);

/* guest_improve.c */
bool link_is_fine(const struct guest *g);
bool link_is_relayed(const struct guest *g);
/* The session goes over the relay from now on: tries for a direct path. */
void improve_begin(struct guest *g, uint64_t now);
/* Tries again, if it was pausing. */
void improve_soon(struct guest *g, uint64_t now);
/* What the pause was for is due. */
void improve_resume(struct guest *g, uint64_t now);
/* A trial that begins now goes on beside the session, and has it replaced. */
bool improve_is_due(struct guest *g, uint64_t now);
/* True if the round is over rather than going on with that trial: it pauses. */
bool improve_ends(struct guest *g, uint32_t next, uint64_t now);
uint64_t improve_patience_at(const struct guest *g);

/* guest_link.c */
bool link_open(struct guest *g, const struct noise_keys *keys, enum cipher cipher,
	const uint8_t session_id[SESSION_ID_SIZE], const struct reach *host,
	const struct path *path, uint64_t now);
void link_expire(struct guest *g, struct link *link, uint64_t now);
enum verdict link_input(struct guest *g, const struct path *path, uint8_t *buf,
	size_t len, uint64_t now, struct delivery *delivery);
void links_end(struct guest *g);
enum verdict link_resume_input(struct guest *g, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now);
/* What was learned of silences holds for the session from now on. */
void link_keep(struct guest *g);
void link_hint(struct guest *g, const struct path *path, uint64_t now);

#endif
