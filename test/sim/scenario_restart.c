/* SPDX-License-Identifier: MIT */
/* kill -9 and restart of any party at any moment heals by itself within 5 s, with the
 * same guest number; and nothing heals less for having waited long. */
#include <inttypes.h>

#include "sim/lab.h"

#define HEAL (5 * SECOND)

enum party { PARTY_RENDEZVOUS, PARTY_HOST, PARTY_GUEST };

static struct machine *party_of(struct lab *l, enum party party)
{
	if (party == PARTY_HOST)
		return l->host;
	return party == PARTY_GUEST ? l->guest : l->rendezvous[0];
}

/* Kills and restarts at a random moment, span apart, with traffic all the while. */
static uint64_t restart_once(
	struct lab *l, struct machine *m, struct app *app, uint64_t span)
{
	uint64_t at;

	world_run(l->w, rng_between(&l->w->rng, 0, 10 * SECOND));
	machine_kill(m);
	world_run(l->w, span);
	at = l->w->now;
	if (!l->w->failed)
		machine_start(m);
	if (!wait_echo(l->w, app, at, HEAL))
		world_fail(
			l->w, "no traffic within 5 s of the restart of %s", m->node.name);
	return l->w->now - at;
}

/* arg: the party; the guards alternate. */
static void run_restart(struct trial *t)
{
	static const enum guard guards[] = {
		GUARD_NONE, GUARD_PORT, GUARD_POISON, GUARD_REJECT};
	uint64_t worst = 0;

	for (unsigned i = 0; i < 16 && !t->failed; i++) {
		struct lab_config c = lab_config_of(guards[i % 4], guards[i / 4]);
		struct app *app;
		struct lab l;

		lab_init(&l, t, &c, 100 + i);
		lab_up(&l, 163 * MILLISECOND);
		app = machine_app(l.guest, 100, 20 * MILLISECOND, 1000000);
		for (unsigned k = 0; k < 4 && !l.w->failed; k++) {
			/* At once, or after a while: each has leases and sessions in
			 * another state. */
			uint64_t took = restart_once(&l, party_of(&l, (enum party)t->arg),
				app,
				k % 2 == 0 ? 0 : rng_between(&l.w->rng, 0, 3 * SECOND));

			worst = took > worst ? took : worst;
		}
		lab_fini(&l, "%s to %s", guard_name(guards[i / 4]),
			guard_name(guards[i % 4]));
	}
	trial_note(t, "worst of 64: %.0f ms", ms(worst));
}

/* The rendezvous restarts, and a guest that comes right after it gets through. */
static void run_restart_then_guest(struct trial *t)
{
	uint64_t worst = 0;

	for (unsigned i = 0; i < 20 && !t->failed; i++) {
		struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
		struct lab l;
		uint64_t took;

		lab_init(&l, t, &c, 200 + i);
		lab_start(&l);
		world_run(l.w, rng_between(&l.w->rng, 0, 20 * SECOND));
		machine_kill(l.rendezvous[0]);
		world_run(l.w, rng_between(&l.w->rng, 0, 60 * SECOND));
		machine_start(l.rendezvous[0]);
		took = lab_connect(&l, HEAL);
		worst = took > worst ? took : worst;
		lab_fini(&l, "run %u", i);
	}
	trial_note(t, "worst %.0f ms", ms(worst));
}

/* All three at once, as after a power cut. */
static void run_restart_all(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_POISON);
	struct app *app;
	struct lab l;
	uint64_t at;

	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 20 * MILLISECOND, 1000000);
	world_run(l.w, 5 * SECOND);
	machine_kill(l.rendezvous[0]);
	machine_kill(l.host);
	machine_kill(l.guest);
	world_run(l.w, 5 * SECOND);
	at = l.w->now;
	if (!l.w->failed) {
		machine_start(l.guest);
		machine_start(l.host);
		machine_start(l.rendezvous[0]);
	}
	if (!wait_echo(l.w, app, at, HEAL))
		world_fail(l.w, "no traffic within 5 s");
	trial_note(t, "%.0f ms", ms(l.w->now - at));
	lab_fini(&l, "%s", "");
}

/* A restarted guest's applications come back in another order; nothing gets mixed up, and
 * all of them speak. */
static void run_restart_flows(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *apps[4];
	struct lab l;
	uint64_t at;

	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	for (unsigned i = 0; i < 4; i++)
		apps[i] = machine_app(l.guest, 100, (20 + 3 * i) * MILLISECOND, 1000000);
	world_run(l.w, 2 * SECOND);
	for (unsigned round = 0; round < 5 && !l.w->failed; round++) {
		machine_kill(l.guest);
		/* The second begins first now. */
		app_continue(l.guest, apps[round % 4], 1000 * SECOND, 1000);
		machine_start(l.guest);
		world_run(l.w, SECOND);
		at = l.w->now;
		app_continue(l.guest, apps[round % 4], 20 * MILLISECOND, 1000000);
		for (unsigned i = 0; i < 4; i++)
			if (!wait_echo(l.w, apps[i], at, HEAL))
				world_fail(
					l.w, "app %u is mute after restart %u", i, round);
	}
	lab_fini(&l, "%s", "");
}

/* Datagrams of a guest's former life come late, after it is connected anew with its
 * applications in another order: what they bring about reaches none of the wrong ones. */
static void run_late(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *apps[2];
	struct lab l;

	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	for (unsigned i = 0; i < 2; i++)
		apps[i] = machine_app(l.guest, 100, 0, 0);
	for (unsigned i = 0; i < 2 && !l.w->failed; i++)
		app_send(l.guest, apps[i], 100);
	world_run(l.w, SECOND);
	/* This one takes a second, what comes after it does not. */
	l.w->may_reorder = true;
	l.guest_site->access->config.delay = SECOND;
	app_send(l.guest, apps[0], 100);
	world_run(l.w, MILLISECOND);
	l.guest_site->access->config.delay = 15 * MILLISECOND;
	l.guest_site->access->free_at[0] = 0;
	machine_kill(l.guest);
	machine_start(l.guest);
	app_send(l.guest, apps[1], 100);
	world_run(l.w, 2 * SECOND);
	if (!l.w->failed && apps[1]->stream.down.delivered != 2)
		world_fail(l.w, "the new life has no traffic");
	lab_fini(&l, "%s", "");
}

/* A month without traffic: the host answers at once at its end. */
static void run_month(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_POISON);
	struct lab l;

	lab_init(&l, t, &c, 0);
	l.host_site->nat->config.timeout = 30 * SECOND;
	lab_start(&l);
	for (unsigned day = 0; day < 30; day++)
		world_run(l.w, UINT64_C(86400) * SECOND);
	if (!l.w->failed && l.host->seen[EVENT_LEASE_LOST].count > 0)
		world_fail(l.w, "the lease was lost %" PRIu64 " times",
			l.host->seen[EVENT_LEASE_LOST].count);
	trial_note(t, "connected in %.1f ms", ms(lab_connect(&l, 163 * MILLISECOND)));
	lab_fini(&l, "%s", "");
}

/* A session without traffic keeps its path: the first datagram after it passes at once.
 * arg: seconds, and NATs that forget after 30 s on both sides. */
static void run_idle(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *app;
	struct lab l;
	uint64_t packets;

	lab_init(&l, t, &c, 0);
	l.host_site->nat->config.timeout = 30 * SECOND;
	l.guest_site->nat->config.timeout = 30 * SECOND;
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, SECOND, 1);
	world_run(l.w, SECOND);
	packets = l.guest->outputs;
	world_run(l.w, (uint64_t)t->arg * SECOND);
	packets = l.guest->outputs - packets;
	if (!l.w->failed && l.guest->seen[EVENT_LOST].count > 0)
		world_fail(l.w, "the path was lost");
	app_continue(l.guest, app, 10 * MILLISECOND, 100);
	if (!wait_all(l.w, app, 2 * SECOND))
		require_all(l.w, app);
	if (!l.w->failed && app->stream.slowest > 60 * MILLISECOND)
		world_fail(l.w, "an echo took %.1f ms", ms(app->stream.slowest));
	/* One in 15 s at most, a ping or an answer. */
	if (!l.w->failed && packets > (uint64_t)t->arg / 15 + 10)
		world_fail(l.w, "%" PRIu64 " datagrams to keep an idle path", packets);
	trial_note(t, "%" PRIu64 " datagrams", packets);
	lab_fini(&l, "%s", "");
}

/* The path breaks without a word, both ways or one: noticed while there is traffic, and
 * healed within 5 s once the network is back. */
static void run_outage(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *app;
	struct lab l;
	uint64_t at;

	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 20 * MILLISECOND, 1000000);
	world_run(l.w, 5 * SECOND);
	l.host_site->access->config.cut[0] = l.host_site->access->config.cut[1] = true;
	world_run(l.w, (uint64_t)t->arg * SECOND);
	if (!l.w->failed && l.guest->seen[EVENT_LOST].count == 0)
		world_fail(l.w, "the guest did not notice");
	l.host_site->access->config.cut[0] = l.host_site->access->config.cut[1] = false;
	at = l.w->now;
	if (!wait_echo(l.w, app, at, HEAL))
		world_fail(l.w, "no traffic within 5 s");
	trial_note(t, "%.0f ms", ms(l.w->now - at));
	lab_fini(&l, "%s", "");
}

void trials_restart(struct trials *list)
{
	trials_add(list, run_restart, PARTY_RENDEZVOUS, "restart of the rendezvous");
	trials_add(list, run_restart, PARTY_HOST, "restart of the host");
	trials_add(list, run_restart, PARTY_GUEST, "restart of the guest");
	trials_add(list, run_restart_then_guest, 0,
		"restart of the rendezvous, then a guest");
	trials_add(list, run_restart_all, 0, "restart of everything");
	trials_add(list, run_restart_flows, 0, "restart of a guest with four flows");
	trials_add(list, run_late, 0, "restart of a guest, late datagrams of before");
	trials_add(list, run_month, 0, "a month without traffic");
	trials_add(list, run_idle, 3600, "an idle hour");
	trials_add(list, run_outage, 10, "outage of 10 s");
	trials_add(list, run_outage, 60, "outage of 60 s");
	trials_add(list, run_outage, 600, "outage of 10 min");
}
