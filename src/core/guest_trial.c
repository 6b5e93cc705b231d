/* SPDX-License-Identifier: MIT */
/* One attempt to reach the host. The first uses the default sockets; each further one a
 * fresh IPv4 socket, since a hello that came before its punch, or a punch before its hello,
 * may have made a NAT on the way remap that pair of ports until it forgets (30 s). */
#include "core/guest_parts.h"

static uint32_t free_socket(const struct guest *g)
{
	uint32_t i = 2;

	while (i < GUEST_SOCKETS_MAX && (g->sockets[i].open || g->sockets[i].wanted))
		i++;
	return i;
}

/* Sockets of earlier trials that nothing uses any more are to be closed. */
static void release_sockets(struct guest *g)
{
	for (uint32_t i = 2; i < GUEST_SOCKETS_MAX; i++) {
		bool used = (g->trial.live && (g->trial.sockets[0] == i)) ||
			    (g->before.live && (g->before.sockets[0] == i)) ||
			    (g->active.live && g->active.session.path.socket == i) ||
			    (g->old.live && g->old.session.path.socket == i) ||
			    g->sockets[i].mapped.family != ADDR_NONE;

		if (g->sockets[i].open && !used)
			g->sockets[i].done = true;
	}
	guest_spray_release(g);
}

static uint64_t trial_span(struct guest *g)
{
	const struct trial *t = &g->trial;
	uint64_t span = TRIAL_SPAN + t->number * TRIAL_SPAN_MORE;

	if (t->spray)
		return guest_spray_ends_at(g) - t->answered_at;
	if (t->number > 0 && guest_spray_follows(g))
		return TRIAL_SPAN_PLAIN;
	return span < TRIAL_SPAN_MAX ? span : TRIAL_SPAN_MAX;
}

void trial_rearm(struct guest *g)
{
	const struct trial *t = &g->trial;
	uint64_t at = t->hello.next_at;

	if (!g->sockets[t->sockets[0]].open && t->fresh_by < at)
		at = t->fresh_by;
	at = t->give_up_at < at ? t->give_up_at : at;
	if (t->answered_at != NEVER && t->answered_at + trial_span(g) < at)
		at = t->answered_at + trial_span(g);
	if (improve_patience_at(g) < at)
		at = improve_patience_at(g);
	timers_set(&g->timers, &g->trial_timer, at);
}

static void trial_wipe(struct trial *t)
{
	crypto_wipe(t, sizeof(*t));
	t->live = false;
}

void trial_begin(struct guest *g, uint32_t number, uint64_t now)
{
	uint32_t fresh;

	askers_stop(g);
	if (number == 0)
		g->began_at = now;
	trial_wipe(&g->before);
	g->before = g->trial;
	trial_wipe(&g->trial);
	g->trial = (struct trial){.live = true,
		.improving = improve_is_due(g, now),
		.began_at = now,
		.number = number,
		.sockets = {0, 1},
		.fresh_by = NEVER,
		.give_up_at = NEVER,
		.answered_at = NEVER};
	guest_fill(g, g->trial.id, ID_SIZE);
	retry_stop(&g->trial.hello);
	guest_spray_end(g);
	g->trial.spray = guest_spray_wanted(g);
	g->progress.tries++;
	release_sockets(g);
	fresh = number > 0 && g->sockets[0].open ? free_socket(g) : GUEST_SOCKETS_MAX;
	if (fresh < GUEST_SOCKETS_MAX) {
		g->trial.sockets[0] = fresh;
		g->sockets[fresh].wanted = true;
		g->trial.fresh_by = now + FRESH_WAIT;
	}
	askers_start(g, now);
	trial_rearm(g);
}

void trial_end(struct guest *g)
{
	askers_stop(g);
	trial_wipe(&g->trial);
	trial_wipe(&g->before);
	timers_clear(&g->timers, &g->trial_timer);
	guest_spray_end(g);
	release_sockets(g);
}

void trial_offer(struct guest *g)
{
	struct guest_offer offer = {
		.trial = (uint8_t)(g->trial.number < 255 ? g->trial.number : 255),
		.behaviour = guest_behaviour(g)};

	if (g->trial.payload_len > 0)
		return;
	offer.behaviour.spray = g->trial.spray;
	offer.behaviour.port = guest_last_port(g);
	for (unsigned i = 0; i < GUEST_SOCKETS_MAX; i++)
		candidates_add(
			&offer.candidates, &g->sockets[i].mapped, CANDIDATE_MAPPED);
	for (size_t i = 0; i < g->config.server_count; i++)
		candidates_add(
			&offer.candidates, &g->askers[i].observed, CANDIDATE_OBSERVED);
	/* A fresh socket's next destination is the host. */
	for (size_t i = 0; g->trial.number > 0 && i < g->config.server_count; i++)
		if (g->askers[i].observed.family == ADDR_V4 &&
			g->askers[i].observed.transport == ADDR_UDP)
			step_predict(&offer.candidates, &g->askers[i].observed,
				g->behaviour.delta, PREDICTIONS);
	for (size_t i = 0; !g->config.no_local_candidates && i < g->local_count; i++) {
		struct addr local = g->locals[i];
		uint32_t socket = g->trial.sockets[family_index(&local)];

		if (!g->sockets[socket].open)
			continue;
		local.port = g->sockets[socket].bound.port;
		candidates_add(&offer.candidates, &local, CANDIDATE_LOCAL);
	}
	g->trial.payload_len = guest_offer_seal(g->trial.payload, &offer, &g->credentials,
		g->trial.id, &g->config.entropy);
}

bool trial_is_refused(const struct trial *t)
{
	for (unsigned i = 0; i < t->host_count; i++)
		if (!t->hosts[i].refused)
			return false;
	return t->host_count > 0;
}

static void give_up(struct guest *g, uint64_t now)
{
	struct event *event;

	if (improve_ends(g, UINT32_MAX, now))
		return; /* there is a session all the same */
	event = events_add(&g->events, EVENT_REFUSED);
	g->progress.refused = g->trial.hosts[0].refusal;
	event->number = g->progress.refused;
	trial_end(g);
	g->resume_at = now + REFUSED_WAIT;
	timers_set(&g->timers, &g->trial_timer, g->resume_at);
}

/* Nothing that can still come would be worth waiting for. */
bool trial_is_over(struct guest *g, uint64_t now)
{
	const struct trial *t = &g->trial;

	return t->live && t->answered_at != NEVER &&
	       now - t->answered_at >= trial_span(g);
}

void trial_expire(struct guest *g, uint64_t now)
{
	struct trial *t = &g->trial;

	if (!t->live) {
		if (g->resume_at <= now)
			improve_resume(g, now);
		return;
	}
	if (now >= t->give_up_at) {
		t->give_up_at = NEVER;
		if (trial_is_refused(t)) {
			give_up(g, now);
			return;
		}
	}
	if (now >= improve_patience_at(g) && improve_ends(g, t->number, now))
		return;
	if (trial_is_over(g, now)) {
		if (improve_ends(g, t->number + 1, now))
			return;
		trial_begin(g, t->number + 1, now);
		return;
	}
	if (t->number > 0 && !g->sockets[t->sockets[0]].open && now >= t->fresh_by) {
		g->sockets[t->sockets[0]].wanted = false;
		t->sockets[0] =
			0; /* no fresh socket is to be had: better the old one than none */
		t->fresh_by = NEVER;
		askers_start_family(g, 0, now);
	}
	if (t->hello.next_at <= now) {
		for (unsigned i = 0; i < t->host_count; i++)
			reach_hellos(g, &t->hosts[i], 0, now);
		retry_sent(&t->hello, now);
	}
	trial_rearm(g);
}
