/* SPDX-License-Identifier: MIT */
#include "net/moderation.h"

#include "core/path.h"

static bool exceeds(uint64_t count, uint64_t span, uint64_t rate)
{
	return count * SECOND > rate * span;
}

/* Decides by the window that is over, span ns long. */
static bool decide(const struct moderation *m, uint64_t span)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct moderation_count *side = &m->sides[i];

		if (m->on && exceeds(side->datagrams, span, MODERATION_END))
			return true;
		if (exceeds(side->datagrams, span, MODERATION_BEGIN) &&
			exceeds(side->wakeups, span, MODERATION_WAKEUPS))
			return true;
	}
	return false;
}

void moderation_note(
	struct moderation *m, bool from_peers, unsigned datagrams, uint64_t now)
{
	struct moderation_count *side = &m->sides[from_peers];

	if (now - m->window_at >= MODERATION_WINDOW) {
		m->on = decide(m, now - m->window_at);
		m->sides[0] = m->sides[1] = (struct moderation_count){0};
		m->window_at = now;
	}
	side->wakeups += datagrams > 0;
	side->datagrams += datagrams;
	m->fresh += datagrams;
}

uint64_t moderation_pause(struct moderation *m)
{
	bool pause = m->on && m->fresh > 0 && m->fresh < MODERATION_FEW;

	m->fresh = 0;
	m->pauses += pause;
	return pause ? MODERATION_PAUSE : 0;
}
