/* SPDX-License-Identifier: MIT */
#include "core/retry.h"

void retry_start(struct retry *r, uint64_t now)
{
	r->began_at = now;
	r->next_at = now;
	r->span = RETRY_INTERVAL;
}

void retry_sent(struct retry *r, uint64_t now)
{
	if (now - r->began_at >= RETRY_EAGER)
		r->span = r->span * 2 < RETRY_LONGEST ? r->span * 2 : RETRY_LONGEST;
	r->next_at = now + r->span;
#ifdef EYELET_PLANT_RETRANSMIT
	r->next_at = NEVER;
#endif
}

void retry_stop(struct retry *r)
{
	r->next_at = NEVER;
}
