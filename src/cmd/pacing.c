/* SPDX-License-Identifier: MIT */
#include "cmd/pacing.h"

#include "cmd/log.h"

void pacing_log(const struct forwarder_pacing *p)
{
	if (p->held == 0 && p->overrun == 0)
		return;
	log_state("counters: %llu datagrams held back from an application that had no "
		  "room, %llu of them dropped; %llu more lost at its full buffer",
		(unsigned long long)p->held, (unsigned long long)p->dropped,
		(unsigned long long)p->overrun);
}

void pacing_feed(struct json *j, const struct forwarder_pacing *p)
{
	json_number(j, "held", p->held);
	json_number(j, "expired", p->dropped);
	json_number(j, "overrun", p->overrun);
}
