/* SPDX-License-Identifier: MIT */
#include "core/retry.h"

void retry_start(struct retry *r, uint64_t now)
{
	r->began_at = now;
	r->next_at = now;
}

void retry_sent(struct retry *r, uint64_t now)
{
	uint64_t span = (now - r->began_at) / RETRY_STEPS;

	if (span < RETRY_INTERVAL)
		span = RETRY_INTERVAL;
	r->next_at = now + (span < RETRY_LONGEST ? span : RETRY_LONGEST);
#ifdef EYELET_PLANT_RETRANSMIT
	r->next_at = NEVER;
#endif
}

void retry_stop(struct retry *r)
{
	r->next_at = NEVER;
}
