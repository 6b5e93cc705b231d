/* SPDX-License-Identifier: MIT */
/* A guest's questions to its rendezvous.
 *
 *   IDLE    -> COOKIE   a trial begins
 *   IDLE    -> WAITING  likewise, if a stream leads to it
 *   WAITING -> COOKIE   nothing better answers: UDP is blocked, or TCP too
 *   COOKIE  -> ASKING   the cookie came: ask for the service, signed, later by token
 *   ASKING  -> COOKIE   the cookie went stale (or the rendezvous was restarted)
 *   any     -> IDLE     connected
 *
 * It asks until the trial ends: an answer that is lost comes again with the next ask. */
#include <string.h>

#include "core/guest_parts.h"

static void send_cookie_ask(struct guest *g, const struct asker *asker)
{
	const struct path path = {.socket = asker->socket, .remote = asker->server};
	struct datagram *d = outbox_add(&g->outbox, &path, 0);

	d->len = (uint16_t)cookie_ask_encode(d->data, asker->id);
}

static void send_ask(struct guest *g, const struct asker *asker)
{
	const struct path path = {.socket = asker->socket, .remote = asker->server};
	struct ask_message m = {.dialled = asker->server,
		.proof_kind = asker->has_token ? PROOF_TOKEN : PROOF_SIGNATURE,
		.payload = g->trial.payload,
		.payload_len = g->trial.payload_len};
	struct datagram *d = outbox_add(&g->outbox, &path, 0);

	memcpy(m.cookie, asker->cookie, COOKIE_SIZE);
	memcpy(m.service, g->credentials.service, sizeof(m.service));
	d->len = (uint16_t)ask_encode(d->data, g->trial.id, &m,
		asker->has_token ? asker->token : g->credentials.asking_seed);
}

static void asker_send(struct guest *g, struct asker *asker, uint64_t now)
{
	if (asker->state == ASK_COOKIE)
		send_cookie_ask(g, asker);
	else
		send_ask(g, asker);
	if (asker->unheard++ == 0)
		asker->unheard_at = now;
	retry_sent(&asker->retry, now);
	timers_set(&g->timers, &asker->timer, asker->retry.next_at);
}

/* When that stream is to be tried: when all that is better has not answered for long, and
 * often, enough. One that is answered is looked at again later. */
static uint64_t stream_due_at(
	const struct guest *g, const struct asker *asker, uint64_t now)
{
	uint64_t due = now;

	for (size_t i = 0; i < g->config.server_count; i++) {
		const struct asker *other = &g->askers[i];
		unsigned steps;
		uint64_t at;

		if (other->server.transport >= asker->server.transport ||
			other->state == ASK_IDLE || other->state == ASK_WAITING)
			continue;
		steps = (unsigned)(asker->server.transport - other->server.transport);
		at = (other->unheard > 0 ? other->unheard_at : now) +
		     steps * ASK_STREAM_WAIT;
		if (at <= now && other->unheard < ASK_STREAM_QUESTIONS)
			at = now + RETRY_INTERVAL;
		due = at > due ? at : due;
	}
	return due;
}

/* The one writer of an asker's state; a question goes with it at once. */
static void asker_enter(
	struct guest *g, struct asker *asker, enum ask_state state, uint64_t now)
{
	asker->state = state;
	if (state == ASK_IDLE) {
		retry_stop(&asker->retry);
		timers_clear(&g->timers, &asker->timer);
		return;
	}
	if (state == ASK_WAITING) {
		timers_set(&g->timers, &asker->timer, stream_due_at(g, asker, now));
		return;
	}
	if (state == ASK_COOKIE) {
		guest_fill(g, asker->id, ID_SIZE);
		asker->has_token = false;
	}
	retry_start(&asker->retry, now);
	asker_send(g, asker, now);
}

static void asker_ask(struct guest *g, struct asker *asker, uint64_t now)
{
	struct event *event = events_add(&g->events, EVENT_ASKING);

	event->addr = asker->server;
	event->number = g->trial.number;
	asker_enter(g, asker, ASK_COOKIE, now);
}

void askers_init(struct guest *g)
{
	for (size_t i = 0; i < g->config.server_count; i++) {
		struct asker *asker = &g->askers[i];

		asker->server = g->config.servers[i];
		asker->timer.owner = asker;
		asker->timer.kind = TIMER_ASKER;
		retry_stop(&asker->retry);
	}
}

void askers_start_family(struct guest *g, unsigned family, uint64_t now)
{
	uint32_t socket = g->trial.sockets[family];

	if (!g->sockets[socket].open)
		return;
	for (size_t i = 0; i < g->config.server_count; i++) {
		struct asker *asker = &g->askers[i];
		bool stream = asker->server.transport != ADDR_UDP;

		if (family_index(&asker->server) != family)
			continue;
		asker->socket = stream ? family : socket;
		asker->observed = (struct addr){0};
		asker->unheard = 0;
		if (stream)
			asker_enter(g, asker, ASK_WAITING, now);
		else
			asker_ask(g, asker, now);
	}
}

void askers_start(struct guest *g, uint64_t now)
{
	for (unsigned family = 0; family < 2; family++)
		askers_start_family(g, family, now);
}

void askers_stop(struct guest *g)
{
	for (size_t i = 0; i < g->config.server_count; i++)
		asker_enter(g, &g->askers[i], ASK_IDLE, 0);
}

void asker_expire(struct guest *g, struct asker *asker, uint64_t now)
{
	/* After a sleep this timer may come first: the host has forgotten the attempt. */
	if (trial_is_over(g, now))
		trial_expire(g, now);
	else if (asker->state == ASK_WAITING && stream_due_at(g, asker, now) <= now)
		asker_ask(g, asker, now);
	else if (asker->state == ASK_WAITING)
		asker_enter(g, asker, ASK_WAITING, now);
	else if (asker->state != ASK_IDLE)
		asker_send(g, asker, now);
}

/* How does our NAT look from a port never used before? Asked once, in a first attempt: the
 * mapping it makes would disturb the predictions of a later one. */
static void ask_further(
	struct guest *g, struct asker *asker, const struct cookie_message *m)
{
	struct path path = {.socket = asker->socket, .remote = asker->server};
	unsigned bit = 0;
	struct datagram *d;

	if (g->behaviour.mapping != BEHAVIOUR_UNKNOWN || g->trial.number > 0 ||
		m->alt_mask == 0 || asker->server.family != ADDR_V4 ||
		asker->server.transport != ADDR_UDP)
		return;
	while ((m->alt_mask >> bit & 1) == 0)
		bit++;
	path.remote.port = (uint16_t)(m->alt_base + bit);
	guest_fill(g, asker->probe_id, ID_SIZE);
	asker->probing = true;
	d = outbox_add(&g->outbox, &path, 0);
	d->len = (uint16_t)cookie_ask_encode(d->data, asker->probe_id);
}

/* True if it answers that question. */
static bool input_further(
	struct guest *g, const struct path *path, const uint8_t *buf, size_t len)
{
	struct cookie_message m;

	for (size_t i = 0; i < g->config.server_count; i++) {
		struct asker *asker = &g->askers[i];

		if (!asker->probing || !addr_same_ip(&asker->server, &path->remote) ||
			memcmp(message_id(buf), asker->probe_id, ID_SIZE) != 0 ||
			!cookie_decode(&m, buf, len))
			continue;
		asker->probing = false;
		behaviour_learn(&g->behaviour, &asker->observed, &m.observed);
		return true;
	}
	return false;
}

static void input_cookie(struct guest *g, struct asker *asker, const uint8_t *buf,
	size_t len, uint64_t now)
{
	struct cookie_message m;
	struct event *event;

	if (asker->state != ASK_COOKIE || !cookie_decode(&m, buf, len))
		return;
	g->progress.rendezvous_heard = true;
	/* We are elsewhere than when the attempt began: it is another's now (10.4). */
	if (asker->observed.family != ADDR_NONE &&
		!addr_equal(&asker->observed, &m.observed)) {
		trial_begin(g, g->trial.number, now);
		return;
	}
	memcpy(asker->cookie, m.cookie, COOKIE_SIZE);
	asker->observed = m.observed;
	event = events_add(&g->events, EVENT_OBSERVED);
	event->addr = asker->server;
	event->peer = m.observed;
	ask_further(g, asker, &m);
	trial_offer(g);
	asker_enter(g, asker, ASK_ASKING, now);
}

static void input_asked(
	struct guest *g, struct asker *asker, const uint8_t *buf, size_t len)
{
	struct addr observed;
	struct event *event;

	if (!asked_decode(asker->token, &observed, buf, len))
		return;
	g->progress.no_service = false;
	g->progress.refused_by_rendezvous = 0;
	if (!asker->has_token) {
		event = events_add(&g->events, EVENT_SERVICE_FOUND);
		event->addr = asker->server;
	}
	g->progress.service_found = true;
	asker->has_token = true;
}

static void refused(struct guest *g, struct asker *asker, uint8_t code, uint64_t now)
{
	bool eager = code == REFUSAL_NO_SERVICE && now - g->began_at < RETRY_EAGER * 2;
	struct event *event;

	if (code == REFUSAL_NO_SERVICE ? !g->progress.no_service
				       : g->progress.refused_by_rendezvous != code) {
		event = events_add(&g->events, EVENT_ASK_REFUSED);
		event->addr = asker->server;
		event->number = code;
	}
	g->progress.no_service = code == REFUSAL_NO_SERVICE;
	if (code != REFUSAL_NO_SERVICE)
		g->progress.refused_by_rendezvous = code;
	asker->retry.next_at = now + (eager ? ASK_WAIT : ASK_WAIT_LATER);
	timers_set(&g->timers, &asker->timer, asker->retry.next_at);
}

static void input_error(struct guest *g, struct asker *asker, const uint8_t *buf,
	size_t len, uint64_t now)
{
	uint8_t code;

	if (!code_decode(&code, buf, len) || asker->state != ASK_ASKING)
		return;
	if (code == REFUSAL_STALE_COOKIE)
		asker_enter(g, asker, ASK_COOKIE, now);
	else if (
		!asker->has_token) /* it knew us before: more likely somebody else's word */
		refused(g, asker, code, now);
}

static void input_version(
	struct guest *g, struct asker *asker, const uint8_t *buf, uint64_t now)
{
	struct event *event;

	if (asker->has_token)
		return;
	asker->retry.next_at = now + ASK_WAIT_LATER;
	timers_set(&g->timers, &asker->timer, asker->retry.next_at);
	if (g->progress.version == message_version(buf))
		return;
	event = events_add(&g->events, EVENT_VERSION_MISMATCH);
	g->progress.version = message_version(buf);
	event->addr = asker->server;
	event->number = message_version(buf);
}

enum verdict asker_input(struct guest *g, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now)
{
	for (size_t i = 0; i < g->config.server_count; i++) {
		struct asker *asker = &g->askers[i];
		const uint8_t *id = asker->state == ASK_COOKIE ? asker->id : g->trial.id;

		if (asker->state == ASK_IDLE || asker->state == ASK_WAITING ||
			asker->socket != path->socket ||
			!addr_equal(&asker->server, &path->remote) ||
			memcmp(message_id(buf), id, ID_SIZE) != 0)
			continue;
		asker->unheard = 0;
		switch (message_type(buf)) {
		case MESSAGE_VERSION: input_version(g, asker, buf, now); break;
		case MESSAGE_COOKIE: input_cookie(g, asker, buf, len, now); break;
		case MESSAGE_ASKED: input_asked(g, asker, buf, len); break;
		case MESSAGE_ANSWERED: return trial_answered(g, path, buf, len, now);
		default: input_error(g, asker, buf, len, now);
		}
		return VERDICT_CONSUMED;
	}
	if (message_type(buf) == MESSAGE_COOKIE && input_further(g, path, buf, len))
		return VERDICT_CONSUMED;
	return VERDICT_DROP_UNSOLICITED;
}
