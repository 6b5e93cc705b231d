/* SPDX-License-Identifier: MIT */
/* One side of an authenticated guest-host pair: keys, counters, path, liveness, and the
 * frames that come of them. Both host and guest embed it.
 *
 * Keys come in generations of two epoch bits. A new one is made by a Noise handshake inside
 * the session (rekey.h), before the old one ends: the guest seals with it as soon as it has
 * it, the host from the first frame on that it opened with it, and both keep the older for
 * what is still under way.
 *
 * Liveness: whoever sent something and heard nothing for 250 ms asks with a ping every
 * 150 ms (both longer where a round trip is). At the second the session is in doubt: a guest
 * then has the rendezvous introduce the two again, beside it. After 3 without any answer,
 * 0.7 s after the traffic, it is suspect, and a relay will do. After a
 * silence that the guest chooses (keepalive.h), either of them pings, which holds the NATs'
 * mappings (RFC 4787, REQ-5). After 30 s more without a frame the session is dead. */
#ifndef EYELET_CORE_SESSION_H
#define EYELET_CORE_SESSION_H

#include "core/channel.h"
#include "core/frame.h"
#include "core/keepalive.h"
#include "core/noise.h"
#include "core/outbox.h"
#include "core/pmtu.h"
#include "core/reassembly.h"
#include "core/replay.h"
#include "core/timers.h"
#include "core/verdict.h"

#define SESSION_ID_SIZE    8
#define SESSION_TOKEN_SIZE 8
#define SESSION_STAMP_SIZE (8 + SESSION_TOKEN_SIZE) /* of a ping: time and token */
#define SESSION_SPAN_UNIT  (100 * MILLISECOND)      /* in which a ping tells it */
/* Of silence that a host takes a guest's word for. */
#define SESSION_SPAN_MAX   (300 * SECOND)
#define SESSION_DEAD_AFTER (30 * SECOND) /* beyond the silence that is kept to */
#define SESSION_SILENCE    (4 * SECOND)  /* shorter ones put no mapping to the test */
/* Silence after a send until the first ping: two round trips within these bounds. */
#define SESSION_UNHEARD     (250 * MILLISECOND)
#define SESSION_UNHEARD_MAX SECOND
/* From one unanswered ping to the next: one and a half round trips within these bounds. */
#define SESSION_ASK_MIN (150 * MILLISECOND)
#define SESSION_ASK_MAX (500 * MILLISECOND)
/* The same before a round trip is known. */
#define SESSION_PING_INTERVAL (200 * MILLISECOND)
#define SESSION_PINGS         3             /* unanswered ones that make it suspect */
#define SESSION_DEAD          (45 * SECOND) /* at least */
#define SESSION_RTT_SPAN      (10 * SECOND) /* between pings while data comes in */
#define SESSION_REPORT        SECOND        /* between reports while receiving */
#define SESSION_REPORT_FRAMES (UINT64_C(1) << 20)
#define SESSION_UNREPORTED    (UINT64_C(1) << 22) /* frames sent without any report */
#define SESSION_REKEY_FRAMES                                                             \
	(UINT64_C(1) << 26)               /* frames either way that ask for new keys */
#define SESSION_REKEY_SPAN (120 * SECOND) /* of use, likewise */
#define SESSION_FRAMES_MAX (UINT64_C(1) << 28) /* frames one key ever seals */
#define SESSION_CONFIRM    (2 * SECOND)  /* for a pong from where the peer moved to */
#define SESSION_DOUBT      (3 * SECOND)  /* a move may be taken back */
#define SESSION_OVERLAP    (10 * SECOND) /* an older generation still opens */
#define SESSION_EPOCHS     4             /* two bits on the wire */

/* Control messages inside frames: name, value, text */
#define CONTROL_MAP(X)                                                                   \
	X(PING, 1, "ping")                                                               \
	X(PONG, 2, "pong")                                                               \
	X(REPORT, 3, "report")                                                           \
	X(BYE, 4, "bye")                                                                 \
	X(FLOW_CLOSED, 5, "flow-closed")                                                 \
	X(REKEY, 6, "rekey")                                                             \
	X(REKEYED, 7, "rekeyed")                                                         \
	X(PROBE, 8, "probe")                                                             \
	X(PROBED, 9, "probed")

enum control_type {
#define X(name, value, text) CONTROL_##name = value,
	CONTROL_MAP(X)
#undef X
};

/* One pair of keys with its nonce space and window. */
struct generation {
	struct crypto_aead *seal, *open;
	uint64_t sent;     /* frames sealed: the next counter */
	uint64_t reported; /* one more than the highest the peer says it saw */
	struct replay replay;
	uint64_t report_next; /* replay.next that makes a report due */
	uint64_t used_at;     /* its first data frame either way; NEVER before */
	uint64_t retire_at;   /* NEVER while it is the newest */
	bool full;            /* it sealed so many frames that new keys are wanted */
};

/* Tags of frames sent, by which a challenge is known to mean us: of the last ones, and of
 * every 64th for long, so that at any rate one that earned a challenge is still here. */
#define SESSION_TAG_SIZE 8
#define SESSION_TAGS     64
struct session_tags {
	uint8_t last[SESSION_TAGS][SESSION_TAG_SIZE];
	uint8_t sparse[SESSION_TAGS][SESSION_TAG_SIZE];
};

struct session {
	uint8_t id[SESSION_ID_SIZE];
	struct generation *generations[SESSION_EPOCHS]; /* NULL where there is none */
	uint8_t epoch;                                  /* what is sealed under */
	enum cipher cipher;
	bool is_host;
	bool draining;   /* replaced: the timer is the owner's, for the end */
	bool resting;    /* no data for SESSION_REST: its contexts are not kept */
	bool proved;     /* the peer answered a ping at path; a guest's always is */
	bool hosts_turn; /* the host is to end a silence of that span, as pings tell */
	bool told_turn;  /* the same in the last ping */
	bool dear;       /* the credit does not cover the datagram that is being sealed */
	struct path path;  /* where frames go */
	struct path left;  /* where they went before the last move */
	uint64_t moved_at; /* the last move, NEVER once a pong from there confirmed it */
	uint64_t left_until; /* a newer frame from there takes the move back until then */
	uint64_t opened_at;
	uint64_t data_at;           /* last data either way */
	uint64_t sent_at, heard_at; /* last frame each way */
	uint64_t unheard_at; /* first send since anything was heard; NEVER if none */
	uint64_t report_at;  /* not before */
	uint64_t span;       /* of silence, as the guest's pings tell */
	uint64_t told_span;  /* the same in the last ping */
	uint64_t quiet;      /* silence after which this side pings */
	/* Before the first send that nothing was heard since; 0: none. */
	uint64_t silence;
	uint8_t path_key
		[CRYPTO_KEY_SIZE]; /* makes the token that a ping to a path carries */
	size_t credit; /* bytes that may go there before it is proved: what came from it */
	uint64_t resumed_at; /* last answer to a challenge */
	uint64_t hinted_at;  /* last hint believed */
	uint64_t pinged_at;  /* last ping of any kind */
	uint64_t asked_at;   /* last ping that was to prove the peer's place */
	unsigned pings;      /* unanswered */
	uint16_t next_part;  /* id of the last split datagram */
	uint64_t rtt;        /* ns, of the last ping; 0 before */
	struct timer timer;
	struct timers *timers; /* the owner's */
	struct outbox *outbox; /* the owner's */
	struct reassembly parts;
	struct pmtu pmtu;
	struct session_tags tags;
	struct session_counts {
		uint64_t datagrams_out, bytes_out, datagrams_in, bytes_in; /* payloads */
		uint64_t lost_in; /* counters never seen below the highest */
		uint64_t rekeys, moves;
	} counts;
};

/* Begins with keys of the handshake. The timers, outbox and pool belong to the owner and
 * outlive the session; timer.owner and timer.kind are the owner's to set. Returns false if
 * memory ran out. */
bool session_init(struct session *s, const struct noise_keys *keys, enum cipher cipher,
	bool is_host, const struct path *path, const struct entropy *entropy,
	struct timers *timers, struct outbox *outbox, struct reassembly_pool *pool,
	uint64_t now);
void session_fini(struct session *s);

/* Session_keys.c: generations. */

static inline struct generation *session_current(const struct session *s)
{
	return s->generations[s->epoch];
}

/* True if the current keys want to be replaced. */
bool session_wants_rekey(const struct session *s, uint64_t now);

/* The epoch that a new generation gets. */
static inline uint8_t session_next_epoch(const struct session *s)
{
	return (uint8_t)((s->epoch + 1) % SESSION_EPOCHS);
}

/* True if epoch is the next one and all older generations are gone: one change at a time. */
bool session_may_install(const struct session *s, uint8_t epoch);

/* Adds the next generation. A guest seals with it from now on, a host when its first frame
 * opened. Returns false if memory ran out, or the epoch is still taken. */
bool session_install(struct session *s, const struct noise_keys *keys, uint64_t now);

/* Makes epoch the one to seal with; older generations retire after SESSION_OVERLAP. */
void session_adopt(struct session *s, uint8_t epoch, uint64_t now);

/* Frees generations whose time is over. */
void session_retire(struct session *s, uint64_t now);

/* Without data for SESSION_REST it rests: idle sessions hold raw keys only. */
#define SESSION_REST (5 * SECOND)
void session_rest(struct session *s, bool rest);

/* Data goes one way or the other. */
static inline void session_used(struct session *s, uint64_t now)
{
	s->data_at = now;
	if (s->resting)
		session_rest(s, false);
}

/* Session_seal.c: frames out. */

/* Bytes of a packet on that path that are not a frame's: IP (RFC 791, 8200), UDP (RFC 768)
 * and the relay's channel. */
static inline size_t session_overhead(const struct path *path)
{
	return (path->remote.family == ADDR_V6 ? 48u : 28u) +
	       (path->channel != 0 ? CHANNEL_SIZE : 0u);
}

/* Returns how many frames a payload of len bytes (0..65,507) takes on the session's path:
 * 1, or as many equal parts as keep each within the path MTU. */
unsigned session_parts(const struct session *s, uint16_t flow, size_t len);

/* Seals part (0 .. session_parts - 1) of one application datagram into out, which must have
 * room for len + FRAME_OVERHEAD_MAX bytes and not overlap payload. On a path over a relay its
 * channel comes first. All parts of a datagram
 * are sealed in turn, with no other datagram of the session in between. Returns the frame's
 * length; 0 if the keys are used up, the peer reported nothing for too long, or the credit of
 * a place that is not proved does not cover the whole datagram. */
size_t session_seal(struct session *s, uint16_t flow, unsigned part, unsigned parts,
	const uint8_t *payload, size_t len, uint8_t *out, uint64_t now);

/* Queue a control frame on the session's path. */
void session_ping(struct session *s, uint64_t now);
/* The same on another one, to see whether the peer is there. */
void session_ping_at(struct session *s, const struct path *path, uint64_t now);
void session_bye(struct session *s, uint8_t code, uint64_t now);
void session_close_flow(struct session *s, uint16_t flow, uint64_t now);
/* REKEY and REKEYED carry an epoch and a Noise message. */
void session_send_rekey(struct session *s, enum control_type type, uint8_t epoch,
	const uint8_t *message, size_t len, uint64_t now);
void session_pong(
	struct session *s, const uint8_t stamp[SESSION_STAMP_SIZE], uint64_t now);
void session_report(struct session *s, uint64_t now);
void session_probed(struct session *s, uint16_t size, uint64_t now);
/* Sends what probes of the path MTU are due. */
void session_probe(struct session *s, uint64_t now);

/* True if we sent, not long ago, a frame with these low 24 bits of counter and this tag. */
bool session_sent_tag(
	const struct session *s, uint32_t counter, const uint8_t tag[SESSION_TAG_SIZE]);

/* Session_open.c: frames in. */

/* What a frame held. */
struct frame {
	bool control;
	bool newest;          /* its counter is the highest so far */
	uint8_t type;         /* enum control_type, of a control frame */
	uint16_t flow;        /* of data, and of FLOW_CLOSED */
	uint8_t code;         /* of BYE; the epoch of REKEY and REKEYED */
	const uint8_t *token; /* of PONG, SESSION_TOKEN_SIZE bytes */
	uint8_t *
		payload; /* of data: in buf, or in the session's reassembly; of REKEY(ED) */
	size_t len;
};

/* Opens a frame in place. VERDICT_DELIVER: frame->payload is an application datagram;
 * VERDICT_CONSUMED: a control frame, or a part of a datagram. Pings, probes and reports are
 * dealt with here. Anything that does not open changes nothing. */
enum verdict session_open(
	struct session *s, uint8_t *buf, size_t len, struct frame *frame, uint64_t now);

/* Notes that the peer answered something of ours: both directions carry. */
void session_answered(struct session *s, uint64_t now);

/* Session.c: liveness. */

/* True from so many unanswered pings on until one is answered. */
static inline bool session_is_suspect(const struct session *s)
{
	return s->pings >= SESSION_PINGS;
}

/* How long both have been silent at now. */
uint64_t session_silence(const struct session *s, uint64_t now);

/* What the pings tell of silences, and the one after which this side pings. */
void session_keep(struct session *s, uint64_t span, bool hosts_turn, uint64_t quiet);

/* True if the host does not know of it, and would be late. */
bool session_owes_word(const struct session *s);

/* A ping of the guest's told that: the host pings in its turn, or a third later. */
void session_told(struct session *s, uint64_t span, bool hosts_turn);

/* In doubt: a ping went unanswered, and another one goes. */
enum session_health { SESSION_FINE, SESSION_DOUBTED, SESSION_SUSPECT, SESSION_GONE };

/* To be called when the session's timer was popped: pings, probes, retires keys, sets the
 * timer anew. */
enum session_health session_expire(struct session *s, uint64_t now);

/* A frame leaves at now. */
void session_sent(struct session *s, uint64_t now);

/* Has the timer wake the session at that time or before. */
void session_wake(struct session *s, uint64_t at);

/* A sign that the path may be broken (ICMP, own addresses changed): ask at once rather than
 * after a silence. */
void session_hint(struct session *s, uint64_t now);

/* The machine's own network changed: the path and what it carries are checked anew. */
void session_recheck(struct session *s, uint64_t now);

/* The peer is somewhere else, as it seems: frames go there now, and the path MTU is found anew. Both
 * places are pinged: whoever carried a challenge and its answer between us and the peer
 * made us believe a move that did not happen, and the peer's next frame from where it
 * always was takes it back (RFC 9000, section 9.3.3). A move that no pong from there confirms within
 * SESSION_CONFIRM is taken back, too, and makes the session suspect: frames of a peer that
 * did move may be carried to us by somebody who carries nothing to the peer. */
void session_move(struct session *s, const struct path *path, uint64_t now);

/* True if a pong that came by path carries the token of a ping that went there: only then is
 * it known that the peer is there, and not somebody whose address was written on a frame
 * (RFC 9000, section 8.2). */
bool session_pong_proves(
	const struct session *s, const struct path *path, const struct frame *frame);

/* The peer is at path for sure: from now on frames go there without a limit. */
void session_prove(struct session *s, const struct path *path, uint64_t now);

/* True if path is where the session goes, or where it went until a short while ago. */
bool session_is_on(const struct session *s, const struct path *path, uint64_t now);

/* A frame opened that came by path; true if it took a move back. */
bool session_moved_back(struct session *s, const struct path *path,
	const struct frame *frame, uint64_t now);

#endif
