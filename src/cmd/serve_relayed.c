/* SPDX-License-Identifier: MIT */
/* Why a guest stays on the relay, as far as the host can tell. When it connects its NAT is
 * not measured yet: what it tells of that comes with its next attempt, which asks from the
 * same outer address. */
#include <string.h>

#include "cmd/log.h"
#include "cmd/serve.h"

static void remember(struct relayed_guests *r, const struct event *e)
{
	struct relayed_guest *g = &r->of[r->next++ % RELAYED_GUESTS_MAX];

	*g = (struct relayed_guest){.waits = true, .number = e->number, .seen = e->peer};
	memcpy(g->identity, e->identity, sizeof(g->identity));
}

static void forget(struct relayed_guests *r, const uint8_t identity[32])
{
	for (unsigned i = 0; i < RELAYED_GUESTS_MAX; i++)
		if (memcmp(r->of[i].identity, identity, 32) == 0)
			r->of[i].waits = false;
}

static void tell(struct serve *s, struct relayed_guest *g)
{
	char name[SERVE_GUEST_MAX], why[REASON_MAX];

	g->waits = false;
	log_state("guest %u (%s) stays on the relay: %s", g->number,
		serve_guest_name(s, name, g->identity), reason_sentence(why, &s->facts));
	serve_feed_relayed(s, g);
}

void serve_relayed(struct serve *s, const struct event *e)
{
	struct relayed_guests *r = &s->relayed;

	if (e->type == EVENT_GUEST_CONNECTED || e->type == EVENT_GUEST_GONE)
		forget(r, e->identity);
	if (e->type == EVENT_GUEST_CONNECTED && e->path.channel != 0 &&
		!reason_is_expected(&s->facts))
		remember(r, e);
	if (e->type != EVENT_PUNCHING || !reason_is_expected(&s->facts))
		return;
	for (unsigned i = 0; i < RELAYED_GUESTS_MAX; i++)
		if (r->of[i].waits && addr_same_ip(&r->of[i].seen, &e->peer))
			tell(s, &r->of[i]);
}
