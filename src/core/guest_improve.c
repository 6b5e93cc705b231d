/* SPDX-License-Identifier: MIT */
/* A session over the relay is good, a direct one is better: while the relay carries it,
 * attempts at a direct path go on beside it, in rounds with longer and longer pauses. Where a
 * stream leads to the relay, all that keeps to UDP is better, the relay as well, and the
 * pauses stay short.
 *
 *   relayed -> trying   at once, then after each pause, and when the own network changed
 *   trying  -> direct   a welcome came directly: the new session replaces the relayed one,
 *                       which still receives, so nothing is lost or doubled
 *   trying  -> relayed  one came by UDP over a relay, where a stream led to it before
 *   trying  -> pausing  no attempt of the round succeeded
 *   any     -> none     the session fell silent: guest_link.c has it reached anew, by any way */
#include "core/guest_parts.h"

bool link_is_fine(const struct guest *g)
{
	return g->active.live && g->active.session.pings < SESSION_PINGS;
}

bool link_is_relayed(const struct guest *g)
{
	return g->active.live && g->active.session.path.channel != 0;
}

void improve_begin(struct guest *g, uint64_t now)
{
	if (!link_is_relayed(g) || g->stopped)
		return;
	g->improvements = 0;
	trial_begin(g, 1, now); /* on a fresh socket: what was tried did not help */
}

/* When a round gives up waiting for an answer of the host's. */
uint64_t improve_patience_at(const struct guest *g)
{
	const struct trial *t = &g->trial;

	return t->improving && t->answered_at == NEVER ? t->began_at + IMPROVE_PATIENCE
						       : NEVER;
}

static void tell_relayed(struct guest *g)
{
	struct event *event = events_add(&g->events, EVENT_RELAYED);

	event->path = g->active.session.path;
	event->number = g->progress.tries;
	event->ours = behaviour_network(&g->behaviour);
	event->theirs = behaviour_network(&g->host_behaviour);
	event->theirs_v6 = g->host_v6;
}

static void pause(struct guest *g, uint64_t now)
{
	unsigned doublings = g->improvements < 5 ? g->improvements : 5;
	uint64_t span =
		g->active.streamed ? IMPROVE_PAUSE_STREAM : IMPROVE_PAUSE << doublings;

	if (g->improvements++ == 0)
		tell_relayed(g);
	trial_end(g);
	g->resume_at = now + (span < IMPROVE_PAUSE_MAX ? span : IMPROVE_PAUSE_MAX);
	timers_set(&g->timers, &g->trial_timer, g->resume_at);
}

bool improve_ends(struct guest *g, uint32_t next, uint64_t now)
{
	uint32_t trials = g->improvements == 0 ? IMPROVE_TRIALS : IMPROVE_TRIALS_LATER;

	if (!g->trial.improving || (now < improve_patience_at(g) && next < trials))
		return false;
	pause(g, now);
	return true;
}

void improve_soon(struct guest *g, uint64_t now)
{
	if (!link_is_relayed(g) || g->trial.live || g->stopped)
		return;
	g->resume_at = now;
	timers_set(&g->timers, &g->trial_timer, now);
}
