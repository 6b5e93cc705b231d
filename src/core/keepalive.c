/* SPDX-License-Identifier: MIT */
#include "core/keepalive.h"

void keepalive_init(struct keepalive *k)
{
	*k = (struct keepalive){
		.span = KEEPALIVE_MIN, .failed = NEVER, .hosts_turn = true};
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t keepalive_span(const struct keepalive *k, bool relayed)
{
	return relayed ? smaller(k->span, KEEPALIVE_RELAYED) : k->span;
}

/* Half as long again, or halfway to what failed, unless that is hardly longer. */
static void stretch(struct keepalive *k, uint64_t now)
{
	uint64_t next = k->span + k->span / 2;

	k->survived = 0;
	k->good = k->span;
	if (k->failed != NEVER && now >= k->retry_at)
		k->failed = NEVER;
	if (k->failed != NEVER && next > k->failed - k->failed / 20)
		next = (k->span + k->failed) / 2;
	if (next >= k->span + k->span / 10)
		k->span = smaller(next, KEEPALIVE_MAX);
}

static void survived(struct keepalive *k, uint64_t silence, uint64_t now)
{
	if (silence + KEEPALIVE_SLACK < keepalive_span(k, true))
		return;
	k->hosts_turn = !k->hosts_turn;
	if (silence + KEEPALIVE_SLACK >= k->span && ++k->survived >= 2 && k->hosts_turn)
		stretch(k, now);
}

void keepalive_heard(struct keepalive *k, uint64_t silence, uint64_t now)
{
	if (k->hosts_turn)
		survived(k, silence, now);
}

void keepalive_answered(struct keepalive *k, uint64_t silence, uint64_t now)
{
	if (!k->hosts_turn)
		survived(k, silence, now);
	else if (silence + KEEPALIVE_SLACK >= keepalive_span(k, true) + KEEPALIVE_GRACE)
		keepalive_died(k, silence, now);
}

void keepalive_died(struct keepalive *k, uint64_t silence, uint64_t now)
{
	uint64_t cut;

	/* Somebody was asleep: that says nothing of shorter silences. */
	if (silence > k->span + KEEPALIVE_GRACE + KEEPALIVE_SLACK)
		return;
	if (k->hosts_turn && silence > k->span)
		silence = k->span; /* the host's ping did not arrive */
	cut = silence - silence * 3 / 10;
	k->hold =
		k->hold == 0 ? KEEPALIVE_HOLD : smaller(2 * k->hold, KEEPALIVE_HOLD_MAX);
	k->retry_at = now + k->hold;
	k->failed = silence;
	k->survived = 0;
	k->hosts_turn = true;
	if (k->good > silence - silence / 20)
		k->good = 0; /* not any more */
	if (k->good > 0)
		k->span = k->good;
	else if (cut < k->span)
		k->span = cut > KEEPALIVE_MIN ? cut : KEEPALIVE_MIN;
}
