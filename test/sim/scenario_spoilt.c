/* SPDX-License-Identifier: MIT */
/* Mappings that somebody spoilt: an unsolicited datagram made a masquerading router keep
 * a port for nobody. Noticed by the check at an unused rendezvous port, or by the failing
 * attempt; healed by a fresh socket, with what is connected left alone. */
#include "core/message.h"
#include "sim/attacker.h"
#include "sim/lab.h"

/* A trial without success takes 1.5 s from its answer, then a new one runs. */
#define SECOND_TRIAL (2300 * MILLISECOND)

static const uint8_t junk[32] = {0xff};

/* Poisons the host's NAT against every further port of the rendezvous. */
static void spoil_alts(struct lab *l, struct attacker *a)
{
	struct addr outer = l->host->seen[EVENT_REGISTERED].last.peer;

	for (uint16_t i = 0; i < ALTS; i++) {
		struct addr alt = machine_addr(
			l->rendezvous[0], (uint16_t)(RENDEZVOUS_PORT + 1 + i), false);

		attacker_send(a, &alt, &outer, junk, sizeof(junk));
	}
	world_run(l->w, 100 * MILLISECOND);
}

/* The host sees that its mapping differs, takes a fresh socket for its lease and for new
 * guests, and the first guest stays where it is. */
static void run_noticed(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_POISON, GUARD_PORT);
	struct machine *late;
	struct attacker *a;
	struct app *app;
	struct lab l;
	uint16_t first_port, late_port;

	lab_init(&l, t, &c, 0);
	a = attacker_new(l.w, 0);
	late = lab_guest(&l, site_of(l.w, GUARD_PORT, &c.guest_access), "late");
	lab_start(&l);
	spoil_alts(&l, a);
	lab_connect(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 2000);
	if (!wait_event(l.host, EVENT_MAPPING_SPOILT, 1, SECOND))
		world_fail(l.w, "the host did not notice");
	world_run(l.w, 2 * SECOND);
	if (!l.w->failed)
		machine_start(late);
	if (!wait_connected(late, 163 * MILLISECOND))
		world_fail(l.w, "the late guest did not connect");
	first_port = l.guest->seen[EVENT_CONNECTED].last.path.remote.port;
	late_port = late->seen[EVENT_CONNECTED].last.path.remote.port;
	if (!l.w->failed && first_port == late_port)
		world_fail(l.w, "the late guest came by the spoilt socket");
	if (!wait_all(l.w, app, 30 * SECOND))
		require_all(l.w, app);
	if (!l.w->failed && l.guest->seen[EVENT_LOST].count > 0)
		world_fail(l.w, "the first guest lost its path");
	lab_fini(&l, "%s", "");
}

/* Poisoned against the very guest, between its cookie and the host's punch: the attempt
 * fails, the next one on fresh sockets does not. arg 1: the guest's NAT, against the
 * host. */
static void run_retried(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_POISON, GUARD_POISON);
	struct attacker *a;
	struct lab l;
	struct addr host, guest;

	lab_init(&l, t, &c, 0);
	a = attacker_new(l.w, 0);
	lab_start(&l);
	if (!l.w->failed)
		machine_start(l.guest);
	if (!wait_event(l.guest, EVENT_OBSERVED, 1, SECOND))
		world_fail(l.w, "no rendezvous");
	host = l.host->seen[EVENT_REGISTERED].last.peer;
	guest = l.guest->seen[EVENT_OBSERVED].last.peer;
	attacker_send(a, t->arg == 0 ? &guest : &host, t->arg == 0 ? &host : &guest, junk,
		sizeof(junk));
	if (!wait_connected(l.guest, SECOND_TRIAL))
		world_fail(l.w, "not connected within %.0f ms", ms(SECOND_TRIAL));
	trial_note(
		t, "connected in %.1f ms", ms(l.guest->seen[EVENT_CONNECTED].last.span));
	lab_fini(&l, "%s", "");
}

void trials_spoilt(struct trials *list)
{
	trials_add(list, run_noticed, 0, "spoilt mapping, noticed");
	trials_add(list, run_retried, 0, "spoilt mapping of the host, retried");
	trials_add(list, run_retried, 1, "spoilt mapping of the guest, retried");
}
