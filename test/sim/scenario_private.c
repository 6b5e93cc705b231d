/* SPDX-License-Identifier: MIT */
/* Own interface addresses are told nobody, by those who want it so: neither in the clear nor
 * sealed. */
#include <string.h>

#include "core/candidate.h"
#include "core/message.h"
#include "sim/lab.h"
#include "sim/packet.h"

enum { HOST = 1, GUEST = 2 }; /* who wants it so */

/* What the rendezvous and the internet saw. */
struct spy {
	struct lab *lab;
	struct credentials credentials;
	unsigned offers[2]; /* opened, by side: the host's, the guest's */
	unsigned locals[2]; /* own addresses in them */
	unsigned plain;     /* in the clear, in any packet */
};

static void count_locals(
	struct spy *s, unsigned side, const struct machine *m, const struct candidates *c)
{
	s->offers[side]++;
	for (unsigned i = 0; i < c->count; i++)
		s->locals[side] += addr_same_ip(&c->of[i].addr, &m->v4);
}

static void hear(void *arg, struct machine *m, const struct packet *p)
{
	struct answer_message answer;
	struct ask_message ask;
	struct guest_offer guest;
	struct host_offer host;
	struct spy *s = arg;
	const uint8_t *id = message_id(p->data);

	(void)m;
	if (!message_is(p->data, p->len))
		return;
	if (message_type(p->data) == MESSAGE_ASK && ask_decode(&ask, p->data, p->len) &&
		guest_offer_open(
			&guest, ask.payload, ask.payload_len, &s->credentials, id))
		count_locals(s, 1, s->lab->guest, &guest.candidates);
	if (message_type(p->data) == MESSAGE_ANSWER &&
		answer_decode(&answer, p->data, p->len) &&
		host_offer_open(&host, answer.payload, answer.payload_len,
			&s->credentials, id, answer.instance, answer.sequence))
		count_locals(s, 0, s->lab->host, &host.candidates);
}

static void watch(void *arg, const struct packet *p)
{
	struct spy *s = arg;

	s->plain += memmem(p->data, p->len, s->lab->host->v4.ip, 4) != NULL;
	s->plain += memmem(p->data, p->len, s->lab->guest->v4.ip, 4) != NULL;
}

static void spy_begin(struct spy *s, struct lab *l, int wishes)
{
	*s = (struct spy){.lab = l};
	credentials_of(&s->credentials, &l->host->host.service);
	l->host->host.no_local_candidates = (wishes & HOST) != 0;
	l->guest->guest.no_local_candidates = (wishes & GUEST) != 0;
	l->rendezvous[0]->tap = hear;
	l->rendezvous[0]->tap_arg = s;
	l->w->internet->tap = watch;
	l->w->internet->tap_arg = s;
}

/* arg: who wants it so. The others tell theirs, which shows that the spy can see. */
static void run_tells(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *app;
	struct spy s;
	struct lab l;

	lab_init(&l, t, &c, 0);
	spy_begin(&s, &l, t->arg);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 100);
	world_run(l.w, 60 * SECOND);
	if (!l.w->failed)
		require_all(l.w, app);
	for (unsigned side = 0; side < 2 && !l.w->failed; side++) {
		bool silent = (t->arg & (side == 0 ? HOST : GUEST)) != 0;

		if (s.offers[side] == 0 || (s.locals[side] == 0) != silent)
			world_fail(l.w, "side %u told %u own addresses in %u offers",
				side, s.locals[side], s.offers[side]);
	}
	if (!l.w->failed && s.plain > 0)
		world_fail(l.w, "%u packets hold an own address", s.plain);
	trial_note(t, "%u and %u offers", s.offers[0], s.offers[1]);
	lab_fini(&l, "%s", "");
}

static bool hairpin;

static struct site *make_home(struct world *w, void *arg)
{
	struct site_config c = site_config_of(GUARD_PORT);

	(void)arg;
	c.nat_config.hairpin = hairpin;
	return site_new(w, &c);
}

/* Both on one LAN, of which neither speaks: by the router's outer address where that is
 * possible, else over the relay. arg: whether it is. */
static void run_lan(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	const struct addr *remote;
	struct app *app;
	struct spy s;
	struct lab l;

	hairpin = t->arg != 0;
	c.make_host_site = make_home;
	lab_init(&l, t, &c, 0);
	l.guest = lab_guest(&l, l.host_site, "flatmate");
	spy_begin(&s, &l, HOST | GUEST);
	lab_up(&l, 250 * MILLISECOND);
	app = machine_app(l.guest, 100, 100 * MILLISECOND, 300);
	world_run(l.w, 60 * SECOND);
	if (!l.w->failed)
		require_all(l.w, app);
	remote = &l.guest->seen[EVENT_CONNECTED].last.path.remote;
	if (!l.w->failed && !addr_same_ip(remote,
				    hairpin ? &l.host_site->outer : &l.rendezvous[0]->v4))
		world_fail(l.w, "not by the %s", hairpin ? "router" : "relay");
	if (!l.w->failed && (s.locals[0] + s.locals[1] > 0 || s.plain > 0))
		world_fail(l.w, "own addresses were told");
	lab_fini(&l, "%s", "");
}

void trials_private(struct trials *list)
{
	trials_add(list, run_tells, 0, "own addresses told by both");
	trials_add(list, run_tells, HOST, "own addresses told by the guest only");
	trials_add(list, run_tells, GUEST, "own addresses told by the host only");
	trials_add(list, run_tells, HOST | GUEST, "own addresses told by nobody");
	trials_add(list, run_lan, 1, "own addresses told by nobody on a LAN, hairpin");
	trials_add(list, run_lan, 0, "own addresses told by nobody on a LAN, relay");
}
