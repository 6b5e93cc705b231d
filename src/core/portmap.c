/* SPDX-License-Identifier: MIT */
/* A router is asked in PCP first, then in NAT-PMP, which such routers answer as well:
 *
 *   IDLE    -> PCP      a router is known
 *   PCP     -> HELD     it gave a port
 *   PCP     -> ADDRESS  it speaks NAT-PMP only, refused, or kept silent for 1.25 s
 *   ADDRESS -> NATPMP   its external address is a global one
 *   NATPMP  -> HELD     it gave a port
 *   ADDRESS, NATPMP -> RESTING  it refused, or kept silent for 1.75 s; nested NAT
 *   HELD    -> PCP      the last port ran out unrenewed
 *   HELD    -> RESTING  renewing the last one was refused
 *   RESTING -> PCP      10 minutes later, or when the network changed
 *   any     -> IDLE     there is no router any more
 *   any     -> ENDED    shut down */
#include "core/portmap.h"

#include <stdlib.h>
#include <string.h>

#include "core/portmap_parts.h"

#define OUTBOX_SIZE 16

static const char *const names[PORTMAP_EVENT_COUNT] = {
#define X(name, text) text,
	PORTMAP_EVENT_MAP(X)
#undef X
};

const char *portmap_event_name(enum portmap_event_type type)
{
	return type < PORTMAP_EVENT_COUNT ? names[type] : "?";
}

bool portmap_is_global(const struct addr *external)
{
	struct addr with_port = *external;

	with_port.port = 1;
	return addr_is_sendable(&with_port) && !addr_is_private(external);
}

/* Returns a random number below 2^16. */
static uint64_t draw(struct portmap *p)
{
	uint8_t bytes[2];

	p->entropy.fill(p->entropy.arg, bytes, sizeof(bytes));
	return (uint64_t)bytes[0] << 8 | bytes[1];
}

uint64_t portmap_around(struct portmap *p, uint64_t span)
{
	return span - span / 10 + span / 5 * draw(p) / 65536;
}

uint64_t portmap_later(struct portmap *p, uint64_t span)
{
	return span + span / 4 * draw(p) / 65536;
}

void question_start(struct question *q, uint64_t at, uint64_t span)
{
	*q = (struct question){.next_at = at, .until = at + span};
}

void question_stop(struct question *q)
{
	q->next_at = NEVER;
}

/* Returns true if the question is to be put now, and sets when it is next. */
static bool question_due(struct portmap *p, struct question *q, uint64_t now)
{
	if (q->next_at > now)
		return false;
	if (now >= q->until) {
		question_stop(q);
		return false;
	}
	q->span = portmap_around(p, q->span == 0 ? PORTMAP_WAIT : 2 * q->span);
	q->next_at = now + q->span;
	return true;
}

struct portmap *portmap_new(const struct portmap_config *config)
{
	struct portmap *p = calloc(1, sizeof(*p));

	if (p == NULL || !outbox_init(&p->outbox, OUTBOX_SIZE)) {
		free(p);
		return NULL;
	}
	p->entropy = config->entropy;
	while (p->count < config->port_count && p->count < PORTMAP_PORTS_MAX) {
		struct mapping *m = &p->mappings[p->count];

		m->port = config->ports[p->count++];
		question_stop(&m->question);
	}
	question_stop(&p->address);
	return p;
}

void portmap_free(struct portmap *p)
{
	if (p == NULL)
		return;
	outbox_fini(&p->outbox);
	free(p);
}

/* What happened. */

struct portmap_event *portmap_tell(struct portmap *p, enum portmap_event_type type)
{
	unsigned i = (p->event_first + p->event_count) % PORTMAP_EVENTS_MAX;

	if (p->event_count == PORTMAP_EVENTS_MAX)
		p->event_first = (p->event_first + 1) % PORTMAP_EVENTS_MAX;
	else
		p->event_count++;
	p->events[i] = (struct portmap_event){
		.type = type, .protocol = p->natpmp ? "NAT-PMP" : "PCP"};
	return &p->events[i];
}

bool portmap_next_event(struct portmap *p, struct portmap_event *event)
{
	if (p->event_count == 0)
		return false;
	*event = p->events[p->event_first];
	p->event_first = (p->event_first + 1) % PORTMAP_EVENTS_MAX;
	p->event_count--;
	return true;
}

/* Trying. */

static void stop_asking(struct portmap *p)
{
	question_stop(&p->address);
	for (size_t i = 0; i < p->count; i++)
		question_stop(&p->mappings[i].question);
}

static void try_pcp(struct portmap *p, uint64_t now)
{
	stop_asking(p);
	p->state = STATE_PCP;
	p->natpmp = false;
	p->refusal = NULL;
	p->pcp_epoch = (struct pcp_epoch){.known = false};
	p->natpmp_epoch = (struct natpmp_epoch){.known = false};
	p->give_up_at = now + PORTMAP_PCP_SPAN;
	for (size_t i = 0; i < p->count; i++) {
		struct mapping *m = &p->mappings[i];

		p->entropy.fill(p->entropy.arg, m->nonce, sizeof(m->nonce));
		question_start(&m->question, now, PORTMAP_PCP_SPAN);
	}
}

void portmap_try_natpmp(struct portmap *p, uint64_t now)
{
	stop_asking(p);
	p->state = STATE_ADDRESS;
	p->natpmp = true;
	p->give_up_at = now + PORTMAP_NATPMP_SPAN;
	question_start(&p->address, now, PORTMAP_NATPMP_SPAN);
}

void portmap_try_ports(struct portmap *p, uint64_t now)
{
	stop_asking(p);
	p->state = STATE_NATPMP;
	p->give_up_at = now + PORTMAP_NATPMP_SPAN;
	for (size_t i = 0; i < p->count; i++)
		question_start(&p->mappings[i].question, now, PORTMAP_NATPMP_SPAN);
}

static void rest(struct portmap *p, uint64_t now)
{
	stop_asking(p);
	p->state = STATE_RESTING;
	p->retry_at = now + portmap_around(p, PORTMAP_REST);
}

static void fail(struct portmap *p, const char *why, uint64_t now)
{
	portmap_tell(p, PORTMAP_FAILED)->why = why;
	rest(p, now);
}

static void lose(struct portmap *p, struct mapping *m, const char *why)
{
	struct portmap_event *event;

	if (!m->held)
		return;
	m->held = false;
	event = portmap_tell(p, PORTMAP_LOST);
	event->port = m->port;
	event->external = m->external;
	event->why = why;
}

static bool holds_any(const struct portmap *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->mappings[i].held)
			return true;
	return false;
}

void portmap_granted(struct portmap *p, struct mapping *m, const struct addr *external,
	uint32_t lifetime, uint64_t now)
{
	bool news = !m->held || !addr_equal(&m->external, external);
	uint64_t span =
		(lifetime < PORTMAP_LIFETIME_MAX ? lifetime : PORTMAP_LIFETIME_MAX) *
		SECOND;
	struct portmap_event *event;

	question_stop(&m->question);
	m->held = true;
	m->external = *external;
	m->expires_at = now + span;
	m->renew_at = now + portmap_later(p, span / 2);
	if (p->state != STATE_HELD) {
		p->state = STATE_HELD;
		p->check_at = now + portmap_around(p, PORTMAP_CHECK);
		question_stop(&p->address);
		/* What is not answered when the try's time is over rests. */
		for (size_t i = 0; i < p->count; i++)
			if (!p->mappings[i].held)
				p->mappings[i].renew_at = now + PORTMAP_REST;
	}
	if (!news)
		return;
	event = portmap_tell(p, PORTMAP_MAPPED);
	event->port = m->port;
	event->external = *external;
}

void portmap_denied(struct portmap *p, struct mapping *m, const char *why, uint64_t now)
{
	p->refusal = why;
	if (p->state == STATE_PCP) {
		portmap_try_natpmp(p, now);
		return;
	}
	if (p->state != STATE_HELD) {
		fail(p, why, now);
		return;
	}
	if (m == NULL)
		return;
	question_stop(&m->question);
	m->renew_at = now + PORTMAP_REST;
	lose(p, m, why);
	if (!holds_any(p))
		fail(p, why, now);
}

/* What was asked for may have been given by now, held or not. */
static void remove_all(struct portmap *p)
{
	bool asked = p->state == STATE_PCP || p->state == STATE_NATPMP ||
		     p->state == STATE_HELD;

	for (size_t i = 0; asked && i < p->count; i++)
		for (unsigned copy = 0; copy < PORTMAP_GOODBYES; copy++)
			portmap_ask_port(p, &p->mappings[i], 0, p->natpmp);
}

void portmap_nested(struct portmap *p, const struct addr *external, uint64_t now)
{
	struct portmap_event *event;

	remove_all(p);
	for (size_t i = 0; i < p->count; i++)
		lose(p, &p->mappings[i], "the router's own address became a private one");
	event = portmap_tell(p, PORTMAP_NESTED);
	event->external = *external;
	event->why = "another NAT stands before the router";
	rest(p, now);
}

void portmap_recover(struct portmap *p, uint64_t jitter, uint64_t now)
{
	if (p->recovered && now - p->recovered_at < PORTMAP_RECOVER)
		return;
	p->recovered = true;
	p->recovered_at = now;
	for (size_t i = 0; i < p->count; i++)
		question_start(&p->mappings[i].question, now + jitter * draw(p) / 65536,
			PORTMAP_RENEW_SPAN);
}

void portmap_doubt(struct portmap *p, uint64_t now)
{
	uint64_t at = now + PORTMAP_JITTER * draw(p) / 65536;

	if (p->hinted && now - p->hinted_at < PORTMAP_RECOVER)
		return;
	p->hinted = true;
	p->hinted_at = now;
	p->check_at = at < p->check_at ? at : p->check_at;
}

/* The door. */

void portmap_set_gateway(struct portmap *p, const struct addr *gateway,
	const struct addr *own, uint64_t now)
{
	struct addr router = {0}, self = {0};

	if (p->state == STATE_ENDED)
		return;
	if (gateway != NULL && gateway->family == ADDR_V4) {
		router = *gateway;
		router.port = PCP_SERVER_PORT;
		self = *own;
		self.port = 0;
	}
	if (addr_equal(&router, &p->gateway) && addr_equal(&self, &p->own)) {
		if (p->state == STATE_RESTING)
			try_pcp(p, now);
		else if (p->state == STATE_HELD)
			p->check_at = now;
		return;
	}
	for (size_t i = 0; i < p->count; i++) {
		lose(p, &p->mappings[i], "the network changed");
		p->mappings[i].external = (struct addr){0};
	}
	p->gateway = router;
	p->own = self;
	if (router.family == ADDR_NONE) {
		stop_asking(p);
		p->state = STATE_IDLE;
	} else {
		try_pcp(p, now);
	}
}

/* A router that restarts its server is silent for a while, too: what is held stays. */
void portmap_refused(struct portmap *p, uint64_t now)
{
	if (p->state == STATE_PCP || p->state == STATE_ADDRESS ||
		p->state == STATE_NATPMP)
		fail(p, "the router takes neither PCP nor NAT-PMP", now);
}

static void give_up(struct portmap *p, uint64_t now)
{
	if (p->state == STATE_PCP)
		portmap_try_natpmp(p, now);
	else
		fail(p,
			p->refusal != NULL ? p->refusal
					   : "the router answers neither PCP nor NAT-PMP",
			now);
}

/* Asked at half of the lifetime, then at half of what is left (RFC 6887, 11.2.1). */
static void renew(struct portmap *p, struct mapping *m, uint64_t now)
{
	uint64_t left =
		m->held && m->expires_at > now ? m->expires_at - now : 2 * PORTMAP_REST;
	uint64_t span = portmap_later(p, left / 2);

	m->renew_at = now + (span > PORTMAP_RENEW_LEAST ? span : PORTMAP_RENEW_LEAST);
	question_start(&m->question, now, PORTMAP_RENEW_SPAN);
}

static void expire_held(struct portmap *p, uint64_t now)
{
	for (size_t i = 0; i < p->count; i++) {
		struct mapping *m = &p->mappings[i];

		if (m->held && m->expires_at <= now)
			lose(p, m, "the router does not renew it");
		else if (m->renew_at <= now)
			renew(p, m, now);
	}
	if (!holds_any(p)) {
		try_pcp(p, now);
		return;
	}
	if (p->check_at <= now) {
		portmap_ask_epoch(p);
		p->check_at = now + portmap_around(p, PORTMAP_CHECK);
	}
}

void portmap_expire(struct portmap *p, uint64_t now)
{
	bool trying = p->state == STATE_PCP || p->state == STATE_ADDRESS ||
		      p->state == STATE_NATPMP;

	if (trying && p->give_up_at <= now)
		give_up(p, now);
	else if (p->state == STATE_RESTING && p->retry_at <= now)
		try_pcp(p, now);
	else if (p->state == STATE_HELD)
		expire_held(p, now);
	if (question_due(p, &p->address, now))
		portmap_ask_address(p);
	for (size_t i = 0; i < p->count; i++)
		if (question_due(p, &p->mappings[i].question, now))
			portmap_ask_port(p, &p->mappings[i], PORTMAP_LIFETIME, p->natpmp);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_held(const struct portmap *p)
{
	uint64_t at = p->check_at;

	for (size_t i = 0; i < p->count; i++) {
		const struct mapping *m = &p->mappings[i];

		at = earlier(at, m->renew_at);
		at = m->held ? earlier(at, m->expires_at) : at;
	}
	return at;
}

uint64_t portmap_next_timeout(const struct portmap *p)
{
	uint64_t at = p->address.next_at;

	for (size_t i = 0; i < p->count; i++)
		at = earlier(at, p->mappings[i].question.next_at);
	switch (p->state) {
	case STATE_PCP:
	case STATE_ADDRESS:
	case STATE_NATPMP: return earlier(at, p->give_up_at);
	case STATE_HELD: return earlier(at, next_held(p));
	case STATE_RESTING: return p->retry_at;
	default: return NEVER;
	}
}

bool portmap_output(struct portmap *p, struct datagram *d, uint64_t now)
{
	(void)now;
	return outbox_take(&p->outbox, d);
}

void portmap_shutdown(struct portmap *p, uint64_t now)
{
	(void)now;
	remove_all(p);
	stop_asking(p);
	p->state = STATE_ENDED;
}
