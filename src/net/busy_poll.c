/* SPDX-License-Identifier: MIT */
#include "net/busy_poll.h"

#include <sched.h>

#include "net/system.h"

#define SMOOTHING 8 /* what one gap counts for */

/* Called whenever the loop found nothing to do. Others that want this processor get it. */
static void on_idle(struct ev_loop *loop, ev_idle *idle, int revents)
{
	const struct busy_poll *b = idle->data;

	(void)revents;
	if (clock_now() >= b->until)
		ev_idle_stop(loop, idle);
	else
		(void)sched_yield();
}

void busy_poll_init(struct busy_poll *b, uint64_t span)
{
	*b = (struct busy_poll){.span = span, .gap = BUSY_POLL_SPANS * span};
	ev_idle_init(&b->idle, on_idle);
	b->idle.data = b;
}

uint64_t busy_poll_decide(struct busy_poll *b, uint64_t now)
{
	uint64_t limit = BUSY_POLL_SPANS * b->span, gap = now - b->last_at;

	/* A pause counts as no more than is needed to stop, so that one lost in sleep does
	 * not weigh for long. */
	gap = gap < 2 * limit ? gap : 2 * limit;
	b->gap += gap / SMOOTHING - b->gap / SMOOTHING;
	b->last_at = now;
	b->until = now + (b->gap < limit ? BUSY_POLL_SPANS * b->gap : 0);
	if (b->until < now + b->span)
		b->until = now + b->span;
	return b->until;
}

void busy_poll_note(struct busy_poll *b, struct ev_loop *loop, uint64_t now)
{
	if (b->span == 0)
		return;
	(void)busy_poll_decide(b, now);
	ev_idle_start(loop, &b->idle);
}

void busy_poll_stop(struct busy_poll *b, struct ev_loop *loop)
{
	ev_idle_stop(loop, &b->idle);
}
