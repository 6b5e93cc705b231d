/* SPDX-License-Identifier: MIT */
/* One side of an authenticated guest-host pair: keys, counters, liveness, and the frames
 * that come of them. Both host and guest embed it.
 *
 * Liveness: whoever sent something and heard nothing for 1 s asks with a ping every 100 ms;
 * after 10 without any answer the session is suspect (a guest then begins a new attempt
 * beside it). Whoever sent nothing for the keepalive interval pings, which holds the NATs'
 * mappings (RFC 4787, REQ-5). After 45 s without a frame the session is dead. */
#ifndef EYELET_CORE_SESSION_H
#define EYELET_CORE_SESSION_H

#include "core/frame.h"
#include "core/noise.h"
#include "core/outbox.h"
#include "core/replay.h"
#include "core/reassembly.h"
#include "core/timers.h"
#include "core/verdict.h"

#define SESSION_ID_SIZE       8
#define SESSION_KEEPALIVE     (15 * SECOND) /* of a guest; hosts wait a third longer */
#define SESSION_UNHEARD       SECOND /* silence after a send until the first ping */
#define SESSION_PING_INTERVAL (100 * MILLISECOND)
#define SESSION_PINGS         10 /* unanswered ones that make it suspect */
#define SESSION_DEAD          (45 * SECOND)
#define SESSION_REPORT        SECOND /* between reports while receiving */
#define SESSION_REPORT_FRAMES (UINT64_C(1) << 20)
#define SESSION_UNREPORTED    (UINT64_C(1) << 22) /* frames sent without any report */
#define SESSION_FRAMES_MAX    (UINT64_C(1) << 28) /* frames one key ever seals */
#define SESSION_CIPHERS       (CIPHER_CHACHA20_POLY1305 | CIPHER_AES_256_GCM)

/* Control messages inside frames: name, value, text */
#define CONTROL_MAP(X)                                                                   \
	X(PING, 1, "ping")                                                               \
	X(PONG, 2, "pong")                                                               \
	X(REPORT, 3, "report")                                                           \
	X(BYE, 4, "bye")                                                                 \
	X(FLOW_CLOSED, 5, "flow-closed")

enum control_type {
#define X(name, value, text) CONTROL_##name = value,
	CONTROL_MAP(X)
#undef X
};

struct session {
	uint8_t id[SESSION_ID_SIZE];
	struct crypto_aead *seal, *open;
	enum cipher cipher;
	bool is_host;
	struct path path;  /* where frames go */
	uint64_t sent;     /* frames sealed: the next counter */
	uint64_t reported; /* one more than the highest the peer says it saw */
	struct replay replay;
	uint64_t opened_at;
	uint64_t sent_at, heard_at; /* last frame each way */
	uint64_t unheard_at;  /* first send since anything was heard; NEVER if none */
	uint64_t report_at;   /* not before */
	uint64_t report_next; /* replay.next that makes a report due */
	unsigned pings;       /* unanswered */
	uint64_t rtt;         /* ns, of the last ping; 0 before */
	struct timer timer;
	struct timers *timers; /* the owner's */
	struct outbox *outbox; /* the owner's */
	struct reassembly parts;
	uint16_t next_part; /* id of the next split datagram */
	struct session_counts {
		uint64_t datagrams_out, bytes_out, datagrams_in, bytes_in; /* payloads */
		uint64_t lost_in; /* counters never seen below the highest */
	} counts;
};

/* Begins with keys of the handshake. The timers, outbox and pool belong to the owner and
 * outlive the session; timer.owner and timer.kind are the owner's to set. Returns false if
 * memory ran out. */
bool session_init(struct session *s, const struct noise_keys *keys, enum cipher cipher,
	bool is_host, const struct path *path, struct timers *timers,
	struct outbox *outbox, struct reassembly_pool *pool, uint64_t now);
void session_fini(struct session *s);

/* Returns how many frames a payload of len bytes (0..65,507) takes: 1, or 2 above 65,487. */
unsigned session_parts(size_t len);

/* Seals part (0, or 1 of 2) of one application datagram into out, which must have room for
 * len + FRAME_OVERHEAD_MAX bytes and not overlap payload. Returns the frame's length;
 * 0 if the keys are used up or the peer reported nothing for too long. */
size_t session_seal(struct session *s, uint16_t flow, unsigned part,
	const uint8_t *payload, size_t len, uint8_t *out, uint64_t now);

/* What a frame held. */
struct frame {
	bool control;
	uint8_t type;     /* enum control_type, of a control frame */
	uint16_t flow;    /* of data, and of FLOW_CLOSED */
	uint8_t code;     /* of BYE */
	uint8_t *payload; /* of data: in buf, or in the session's reassembly */
	size_t len;
};

/* Opens a frame in place. VERDICT_DELIVER: frame->payload is an application datagram;
 * VERDICT_CONSUMED: a control frame, or a part of a datagram. Pings are answered and reports
 * taken here. Anything that does not open changes nothing. */
enum verdict session_open(
	struct session *s, uint8_t *buf, size_t len, struct frame *frame, uint64_t now);

/* Queue a control frame on the session's path. */
void session_ping(struct session *s, uint64_t now);
void session_bye(struct session *s, uint8_t code, uint64_t now);
void session_close_flow(struct session *s, uint16_t flow, uint64_t now);

enum session_health { SESSION_FINE, SESSION_SUSPECT, SESSION_GONE };

/* To be called when the session's timer was popped: pings, sets the timer anew. */
enum session_health session_expire(struct session *s, uint64_t now);

/* An ICMP error for the path came in: ask at once rather than after a silence. */
void session_hint(struct session *s, uint64_t now);

#endif
