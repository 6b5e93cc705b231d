/* SPDX-License-Identifier: MIT */
/* The port mapper's insides, shared by its rooms: portmap_talk.c (what is asked and
 * answered). portmap.c is the door, and keeps time. */
#ifndef EYELET_CORE_PORTMAP_PARTS_H
#define EYELET_CORE_PORTMAP_PARTS_H

#include "core/natpmp.h"
#include "core/outbox.h"
#include "core/pcp.h"
#include "core/portmap.h"

#define PORTMAP_LIFETIME     7200 /* s, as RFC 6886, section 3.3 advises */
#define PORTMAP_LIFETIME_MAX 86400
/* The first wait for an answer, as NAT-PMP has it; then twice as long each time. Those of
 * RFC 6887, 8.1.1, 3 s at first, are for programs that nobody waits for. */
#define PORTMAP_WAIT        (250 * MILLISECOND)
#define PORTMAP_PCP_SPAN    (1250 * MILLISECOND) /* until NAT-PMP is tried */
#define PORTMAP_NATPMP_SPAN (1750 * MILLISECOND) /* until it is given up */
#define PORTMAP_RENEW_SPAN  (3 * SECOND)         /* one try to renew */
#define PORTMAP_RENEW_LEAST (4 * SECOND)         /* between two (RFC 6887, 11.2.1) */
#define PORTMAP_REST        (600 * SECOND)       /* after failing */
#define PORTMAP_CHECK       (60 * SECOND) /* how often the router's epoch is asked for */
#define PORTMAP_RECOVER     (10 * SECOND) /* at most so often it is taken for restarted */
/* Before asking a router anew that told all its clients at once. */
#define PORTMAP_JITTER   (2 * SECOND)
#define PORTMAP_GOODBYES 2 /* copies, against loss */

enum portmap_state {
	STATE_IDLE,    /* no router is known */
	STATE_PCP,     /* asked in PCP, nothing held yet */
	STATE_ADDRESS, /* asked in NAT-PMP for the external address */
	STATE_NATPMP,  /* and for ports */
	STATE_HELD,    /* by the protocol in use: one port at least */
	STATE_RESTING, /* failed; tried again later */
	STATE_ENDED
};

/* A question that is repeated. */
struct question {
	uint64_t next_at; /* NEVER while there is none */
	uint64_t until;   /* not repeated after that */
	uint64_t span;    /* ns, the last wait */
};

struct mapping {
	uint16_t port;
	uint8_t nonce[PCP_NONCE_SIZE];
	bool held;
	struct addr external; /* while held; else suggested, where known */
	uint64_t expires_at;  /* while held */
	uint64_t renew_at;    /* when it is asked for again, in STATE_HELD */
	struct question question;
};

#define PORTMAP_EVENTS_MAX 16

struct portmap {
	struct entropy entropy;
	struct addr gateway, own; /* gateway: with the port; family ADDR_NONE: unknown */
	enum portmap_state state;
	bool natpmp; /* the protocol in use, while held */
	struct mapping mappings[PORTMAP_PORTS_MAX];
	size_t count;
	struct question address; /* NAT-PMP's external address */
	struct addr external;    /* as it said; port 0 */
	uint64_t give_up_at;     /* of the try under way */
	uint64_t retry_at;       /* while resting */
	uint64_t check_at;       /* while held */
	uint64_t recovered_at;   /* when the router was last taken for restarted */
	bool recovered;          /* it ever was */
	uint64_t hinted_at;      /* when it was last announced in another protocol */
	bool hinted;             /* it ever was */
	const char *refusal;     /* what the router said in the try under way, or NULL */
	struct pcp_epoch pcp_epoch;
	struct natpmp_epoch natpmp_epoch;
	struct outbox outbox;
	struct portmap_event events[PORTMAP_EVENTS_MAX];
	unsigned event_first, event_count;
};

/* portmap.c */
struct portmap_event *portmap_tell(struct portmap *p, enum portmap_event_type type);
/* span times 1 + r, r being random in [-1/10, 1/10] or, for portmap_later, in [0, 1/4]. */
uint64_t portmap_around(struct portmap *p, uint64_t span);
uint64_t portmap_later(struct portmap *p, uint64_t span);
void question_start(struct question *q, uint64_t at, uint64_t span);
void question_stop(struct question *q);
/* The router gave m: held from now on. */
void portmap_granted(struct portmap *p, struct mapping *m, const struct addr *external,
	uint32_t lifetime, uint64_t now);
/* The router refused m, or every mapping (NULL) while trying. */
void portmap_denied(struct portmap *p, struct mapping *m, const char *why, uint64_t now);
void portmap_nested(struct portmap *p, const struct addr *external, uint64_t now);
/* NAT-PMP is to be tried in place of PCP. */
void portmap_try_natpmp(struct portmap *p, uint64_t now);
/* NAT-PMP told the external address. */
void portmap_try_ports(struct portmap *p, uint64_t now);
/* The router has lost its state: all that is held is asked for again, after jitter at most
 * that long. */
void portmap_recover(struct portmap *p, uint64_t jitter, uint64_t now);

/* The router may have restarted: its epoch is asked for soon. */
void portmap_doubt(struct portmap *p, uint64_t now);

/* portmap_talk.c */
void portmap_ask_port(
	struct portmap *p, const struct mapping *m, uint32_t lifetime, bool natpmp);
void portmap_ask_address(struct portmap *p);
void portmap_ask_epoch(struct portmap *p);

#endif
