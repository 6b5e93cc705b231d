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
 *   any     -> none     the session fell silent: guest_link.c has it reached anew, by any way
 *
 * A direct session whose mapping will soon end, as those before did, is improved on likewise:
 * a round begins some seconds before, and has it replaced while it still carries. */
#include "core/guest_parts.h"

bool link_is_fine(const struct guest *g)
{
	return g->active.live && !session_is_suspect(&g->active.session);
}

bool link_is_relayed(const struct guest *g)
{
	return g->active.live && g->active.session.path.channel != 0;
}

static bool link_is_direct(const struct guest *g)
{
	return g->active.live && !link_is_relayed(g);
}

static void wait_until(struct guest *g, uint64_t at)
{
	g->resume_at = at;
	timers_set(&g->timers, &g->trial_timer, at);
}

/* Has a direct path's successor begun in time, if it needs one. */
static void plan_renewal(struct guest *g, uint64_t now)
{
	uint64_t age = expiry_renewal(&g->expiry, now);

	if (age != NEVER && link_is_direct(g) && !g->trial.live && !g->stopped)
		wait_until(g, g->active.since + age);
}

static bool renewal_is_due(struct guest *g, uint64_t now)
{
	uint64_t age = expiry_renewal(&g->expiry, now);

	return age != NEVER && link_is_direct(g) && now - g->active.since >= age;
}

bool improve_is_due(struct guest *g, uint64_t now)
{
	return link_is_fine(g) && (link_is_relayed(g) || renewal_is_due(g, now));
}

void improve_resume(struct guest *g, uint64_t now)
{
	if (link_is_direct(g))
		expiry_lives(&g->expiry, g->active.session.heard_at - g->active.since);
	if (!link_is_direct(g) || !link_is_fine(g)) {
		trial_begin(g, 0, now);
	} else if (renewal_is_due(g, now)) {
		g->began_at = now;
		trial_begin(g, 1, now);
	}
}

void improve_begin(struct guest *g, uint64_t now)
{
	plan_renewal(g, now);
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

	trial_end(g);
	if (link_is_direct(g)) {
		/* It was in vain; perhaps there was no need either. */
		if (g->expiry.last != 0)
			wait_until(g, g->active.since + expiry_outlived(&g->expiry));
		return;
	}
	if (g->improvements++ == 0)
		tell_relayed(g);
	wait_until(g, now + (span < IMPROVE_PAUSE_MAX ? span : IMPROVE_PAUSE_MAX));
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
	plan_renewal(g, now);
	if (link_is_relayed(g) && !g->trial.live && !g->stopped)
		wait_until(g, now);
}
