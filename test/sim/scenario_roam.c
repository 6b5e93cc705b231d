/* SPDX-License-Identifier: MIT */
/* A side turns up at another address: its NAT forgot, got another address, or the machine
 * went elsewhere. The same guest, the same flows, nothing twice; and where the other side's
 * NAT admits the moved side, the same session, within a round trip of its next datagram.
 *
 * One way between host and guest takes 25.2 ms, guest to rendezvous 20.2, host to
 * rendezvous 15.2; the application speaks every 10 ms. */
#include <inttypes.h>
#include <stdio.h>

#include "sim/lab.h"

enum change {
	CHANGE_FORGET,  /* the NAT restarts and gives the same port again */
	CHANGE_PORT,    /* and gives another */
	CHANGE_ADDRESS, /* and has another address */
	CHANGE_MACHINE, /* the machine goes elsewhere, and knows nothing of it */
	CHANGE_TOLD,    /* and its kernel says so at once */
};

static const char *const change_names[] = {"NAT forgets", "NAT changes port",
	"NAT changes address", "machine moves", "machine moves, told"};

/* The next datagram leaves within 10 ms, a round trip later frames are believed, the next
 * one leaves within 10 ms and is echoed. */
#define IN_PLACE (122 * MILLISECOND)
/* Nothing to be believed anew: the next datagram and its echo. */
#define UNNOTICED (62 * MILLISECOND)
/* A host that only answers says nothing by itself: 250 ms after its last echo, which left
 * within 25.2 of the move, it asks; half a trip, the challenge's round trip, an echo. */
#define HOST_ASKS (400 * MILLISECOND)
/* 0.4 s until the guest asks, then the first meeting's 161.6 ms and an echo: by then the
 * path is given up. */
#define REINTRODUCED (600 * MILLISECOND)
/* What came before the meeting poisoned the NAT: the relay helps, and later a fresh socket. */
#define POISONED (800 * MILLISECOND)
/* A kernel that tells of it saves 250 ms of that. */
#define REINTRODUCED_TOLD (350 * MILLISECOND)
/* What was under way when a host moved still comes to the guest, 25.2 ms long. */
#define UNDER_WAY (26 * MILLISECOND)
/* Only when its lease is refreshed the rendezvous knows where the host is. A host whose
 * guest falls silent does that at once, as early as the guest gives it up. */
#define REFRESHED (1050 * MILLISECOND)
/* It need not find that out itself. */
#define REFRESHED_TOLD (800 * MILLISECOND)

static const struct roam {
	bool host_moves;
	enum change change;
	enum guard host, guest;
	bool in_place; /* the session goes on: nobody connects anew */
	uint64_t most;
} roams[] = {
	/* The guest moves; the host's side admits it. */
	{false, CHANGE_FORGET, GUARD_NONE, GUARD_PORT, true, UNNOTICED},
	{false, CHANGE_FORGET, GUARD_PORT, GUARD_PORT, true, UNNOTICED},
	{false, CHANGE_PORT, GUARD_NONE, GUARD_PORT, true, IN_PLACE},
	{false, CHANGE_PORT, GUARD_FULL_CONE, GUARD_PORT, true, IN_PLACE},
	{false, CHANGE_PORT, GUARD_ADDRESS, GUARD_PORT, true, IN_PLACE},
	{false, CHANGE_PORT, GUARD_NONE, GUARD_FULL_CONE, true, IN_PLACE},
	{false, CHANGE_PORT, GUARD_NONE, GUARD_POISON, true, IN_PLACE},
	{false, CHANGE_ADDRESS, GUARD_NONE, GUARD_PORT, true, IN_PLACE},
	{false, CHANGE_ADDRESS, GUARD_FULL_CONE, GUARD_PORT, true, IN_PLACE},
	{false, CHANGE_MACHINE, GUARD_NONE, GUARD_NONE, true, IN_PLACE},
	{false, CHANGE_MACHINE, GUARD_NONE, GUARD_PORT, true, IN_PLACE},
	{false, CHANGE_MACHINE, GUARD_FULL_CONE, GUARD_PORT, true, IN_PLACE},
	{false, CHANGE_TOLD, GUARD_NONE, GUARD_NONE, true, IN_PLACE},
	{false, CHANGE_TOLD, GUARD_FULL_CONE, GUARD_PORT, true, IN_PLACE},
	/* It does not. */
	{false, CHANGE_PORT, GUARD_PORT, GUARD_PORT, false, REINTRODUCED},
	{false, CHANGE_PORT, GUARD_POISON, GUARD_PORT, false, POISONED},
	{false, CHANGE_PORT, GUARD_POISON, GUARD_POISON, false, POISONED},
	{false, CHANGE_PORT, GUARD_REJECT, GUARD_PORT, false, REINTRODUCED},
	{false, CHANGE_ADDRESS, GUARD_ADDRESS, GUARD_PORT, false, REINTRODUCED},
	{false, CHANGE_ADDRESS, GUARD_PORT, GUARD_PORT, false, REINTRODUCED},
	{false, CHANGE_MACHINE, GUARD_PORT, GUARD_NONE, false, REINTRODUCED},
	{false, CHANGE_MACHINE, GUARD_PORT, GUARD_PORT, false, REINTRODUCED},
	{false, CHANGE_MACHINE, GUARD_FIREWALL, GUARD_FIREWALL, false, REINTRODUCED},
	{false, CHANGE_TOLD, GUARD_PORT, GUARD_PORT, false, REINTRODUCED_TOLD},
	{false, CHANGE_TOLD, GUARD_FIREWALL, GUARD_FIREWALL, false, REINTRODUCED_TOLD},
	/* The host moves; the guest's side admits it. */
	{true, CHANGE_FORGET, GUARD_PORT, GUARD_NONE, true, HOST_ASKS},
	{true, CHANGE_FORGET, GUARD_PORT, GUARD_PORT, true, HOST_ASKS},
	{true, CHANGE_PORT, GUARD_PORT, GUARD_NONE, true, HOST_ASKS},
	{true, CHANGE_PORT, GUARD_PORT, GUARD_FULL_CONE, true, HOST_ASKS},
	{true, CHANGE_PORT, GUARD_PORT, GUARD_ADDRESS, true, HOST_ASKS},
	{true, CHANGE_PORT, GUARD_FULL_CONE, GUARD_NONE, true, HOST_ASKS},
	{true, CHANGE_ADDRESS, GUARD_PORT, GUARD_NONE, true, HOST_ASKS},
	{true, CHANGE_ADDRESS, GUARD_PORT, GUARD_FULL_CONE, true, HOST_ASKS},
	{true, CHANGE_MACHINE, GUARD_NONE, GUARD_NONE, true, HOST_ASKS},
	{true, CHANGE_MACHINE, GUARD_PORT, GUARD_FULL_CONE, true, HOST_ASKS},
	{true, CHANGE_TOLD, GUARD_NONE, GUARD_NONE, true, IN_PLACE + UNDER_WAY},
	{true, CHANGE_TOLD, GUARD_PORT, GUARD_FULL_CONE, true, IN_PLACE + UNDER_WAY},
	/* It does not. */
	{true, CHANGE_PORT, GUARD_PORT, GUARD_PORT, false, REFRESHED},
	{true, CHANGE_PORT, GUARD_PORT, GUARD_POISON, false, REFRESHED},
	{true, CHANGE_PORT, GUARD_PORT, GUARD_REJECT, false, REFRESHED},
	{true, CHANGE_ADDRESS, GUARD_PORT, GUARD_PORT, false, REFRESHED},
	{true, CHANGE_ADDRESS, GUARD_PORT, GUARD_ADDRESS, false, REFRESHED},
	{true, CHANGE_MACHINE, GUARD_NONE, GUARD_PORT, false, REFRESHED},
	{true, CHANGE_MACHINE, GUARD_FIREWALL, GUARD_FIREWALL, false, REFRESHED},
	{true, CHANGE_TOLD, GUARD_PORT, GUARD_PORT, false, REFRESHED_TOLD},
	{true, CHANGE_TOLD, GUARD_FIREWALL, GUARD_FIREWALL, false, REFRESHED_TOLD},
};

#define PHASES 6 /* of the host's refresh */

static void change(struct lab *l, const struct roam *r)
{
	struct machine *m = r->host_moves ? l->host : l->guest;
	struct site_config c = m->site->config;

	switch (r->change) {
	case CHANGE_FORGET: nat_flush(m->site->nat); break;
	case CHANGE_PORT:
		m->site->nat->config.allocation = NAT_RANDOM;
		nat_flush(m->site->nat);
		break;
	case CHANGE_ADDRESS: nat_renumber(m->site->nat); break;
	default: machine_move(m, site_new(l->w, &c), r->change == CHANGE_TOLD);
	}
}

/* One guest with one number, one flow, and if the session went on, one connection. A user
 * may hear of silence only after ten questions without an answer. */
static void require_same(struct lab *l, bool in_place, uint64_t took)
{
	const struct happened *host = l->host->seen, *guest = l->guest->seen;

	REQUIRE(l->w, host[EVENT_GUEST_NEW].count == 1, "it is %" PRIu64 " guests",
		host[EVENT_GUEST_NEW].count);
	REQUIRE(l->w,
		host[EVENT_FLOW_CLOSED].count == 0 && guest[EVENT_FLOW_CLOSED].count == 0,
		"a flow closed");
	REQUIRE(l->w, guest[EVENT_LOST].count == 0 || took > 2400 * MILLISECOND,
		"the path was lost");
	REQUIRE(l->w, host[EVENT_GUEST_GONE].count == 0, "the guest was gone");
	if (in_place)
		REQUIRE(l->w,
			host[EVENT_GUEST_CONNECTED].count == 1 &&
				guest[EVENT_CONNECTED].count == 1,
			"it connected anew");
}

/* Everything that is sent from now on arrives. */
static void require_whole(struct lab *l, struct app *old)
{
	struct app *app = machine_app(l->guest, 200, 5 * MILLISECOND, 1000);
	uint64_t missing = old->stream.up.sent - old->stream.down.delivered;

	world_run(l->w, 5100 * MILLISECOND);
	require_all(l->w, app);
	REQUIRE(l->w, old->stream.up.sent - old->stream.down.delivered <= missing,
		"datagrams are still lost after the move");
}

static uint64_t roam_once(struct trial *t, const struct roam *r, unsigned phase)
{
	struct lab_config c = lab_config_of(r->host, r->guest);
	struct app *app;
	struct lab l;
	uint64_t at, took;

	lab_init(&l, t, &c, phase);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 1000000);
	world_run(l.w, 5 * SECOND + phase * (3 * SECOND + MILLISECOND) / PHASES);
	at = l.w->now;
	if (!l.w->failed)
		change(&l, r);
	if (!wait_echo(l.w, app, at + 1, r->most))
		world_fail(l.w, "no traffic within %.1f ms", ms(r->most));
	took = l.w->now - at;
	world_run(l.w, 100 * MILLISECOND);
	if (!l.w->failed) {
		require_whole(&l, app);
		require_same(&l, r->in_place, took);
	}
	lab_fini(&l, "phase %u", phase);
	return took;
}

static void run_roam(struct trial *t)
{
	uint64_t worst = 0;

	for (unsigned phase = 0; phase < PHASES && !t->failed; phase++) {
		uint64_t took = roam_once(t, &roams[t->arg], phase);

		worst = took > worst ? took : worst;
	}
	trial_note(t, "worst of %u: %.1f ms", PHASES, ms(worst));
}

/* Others. */

/* One NAT before two guests gives the port of the first to the second, which keeps its own
 * besides or not. Each goes on as itself. arg 1: ports exchanged. */
static void run_handed(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_NONE, GUARD_PORT);
	struct machine *other;
	struct app *apps[2];
	struct addr inner[2];
	struct lab l;
	uint64_t at;

	lab_init(&l, t, &c, 0);
	other = lab_guest(&l, l.guest_site, "other");
	lab_up(&l, 163 * MILLISECOND);
	machine_start(other);
	if (!wait_connected(other, 163 * MILLISECOND))
		world_fail(l.w, "the other did not connect");
	apps[0] = machine_app(l.guest, 100, 10 * MILLISECOND, 1000000);
	apps[1] = machine_app(other, 100, 10 * MILLISECOND, 1000000);
	world_run(l.w, 5 * SECOND);
	inner[0] = machine_addr(l.guest, l.guest->sockets[0].bound.port, false);
	inner[1] = machine_addr(other, other->sockets[0].bound.port, false);
	at = l.w->now;
	nat_hand_over(l.guest_site->nat, &inner[0], &inner[1]);
	/* A round trip for the challenge, twice the interval, an echo. */
	for (unsigned i = 0; i < 2 && !l.w->failed; i++)
		if (!wait_echo(l.w, apps[i], at + 1, at + IN_PLACE - l.w->now))
			world_fail(l.w, "app %u: no traffic within %.1f ms", i,
				ms(IN_PLACE));
	trial_note(t, "%.1f ms", ms(l.w->now - at));
	world_run(l.w, 5 * SECOND);
	if (!l.w->failed && (other->seen[EVENT_CONNECTED].count != 1 ||
				    l.guest->seen[EVENT_CONNECTED].count != 1))
		world_fail(l.w, "it connected anew");
	lab_fini(&l, "%s", "");
}

static const struct nap {
	const char *name;
	bool host;
	enum guard guards;
	uint64_t span, most;
} naps[] = {
	/* The session outlives it, and both NATs do. */
	{"the guest sleeps 20 s", false, GUARD_PORT, 20 * SECOND, UNNOTICED},
	{"the host sleeps 20 s", true, GUARD_PORT, 20 * SECOND, UNNOTICED},
	/* A first meeting and an echo, from the moment it wakes. */
	{"the guest sleeps 60 s", false, GUARD_PORT, 60 * SECOND, 213 * MILLISECOND},
	{"the guest sleeps an hour", false, GUARD_PORT, 3600 * SECOND, 213 * MILLISECOND},
	{"the guest sleeps an hour, no NAT", false, GUARD_NONE, 3600 * SECOND,
		213 * MILLISECOND},
	/* The guest asks every 2 s for a host that is not there; then they meet. */
	{"the host sleeps 60 s", true, GUARD_PORT, 60 * SECOND, 2213 * MILLISECOND},
	{"the host sleeps an hour", true, GUARD_PORT, 3600 * SECOND, 2213 * MILLISECOND},
	{"the host sleeps an hour, no NAT", true, GUARD_NONE, 3600 * SECOND,
		2213 * MILLISECOND},
};

/* A machine is suspended: its clock goes on, nothing else does. */
static void run_nap(struct trial *t)
{
	const struct nap *n = &naps[t->arg];
	struct lab_config c = lab_config_of(n->guards, n->guards);
	struct machine *m;
	struct app *app;
	struct lab l;
	uint64_t at;

	lab_init(&l, t, &c, 0);
	m = n->host ? l.host : l.guest;
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 100000000);
	world_run(l.w, 5 * SECOND);
	machine_suspend(m);
	world_run(l.w, n->span);
	machine_wake(m);
	at = l.w->now;
	if (!wait_echo(l.w, app, at, n->most))
		world_fail(l.w, "no traffic within %.1f ms", ms(n->most));
	trial_note(t, "%.1f ms", ms(l.w->now - at));
	world_run(l.w, SECOND);
	if (!l.w->failed)
		require_whole(&l, app);
	if (!l.w->failed && l.host->seen[EVENT_GUEST_NEW].count != 1)
		world_fail(l.w, "it is another guest");
	lab_fini(&l, "%s", "");
}

/* Both move at once: only the rendezvous can help. */
static void run_both(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *app;
	struct lab l;
	uint64_t at, took;

	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 1000000);
	world_run(l.w, 5 * SECOND);
	nat_renumber(l.host_site->nat);
	nat_renumber(l.guest_site->nat);
	at = l.w->now;
	if (!wait_echo(l.w, app, at + 1, REFRESHED))
		world_fail(l.w, "no traffic within %.1f ms", ms(REFRESHED));
	took = l.w->now - at;
	trial_note(t, "%.1f ms", ms(took));
	world_run(l.w, 100 * MILLISECOND);
	if (!l.w->failed) {
		require_whole(&l, app);
		require_same(&l, false, took);
	}
	lab_fini(&l, "%s", "");
}

/* A router forgets, and what is under way from the host poisons the guest's port there: only
 * a fresh socket helps, and only if no punch comes to it before its hello, however near the
 * two are. arg: routers between them. */
static void run_poisoned(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_POISON);
	struct app *app;
	struct lab l;
	uint64_t at;

	c.hops = (unsigned)t->arg;
	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 1000000);
	/* An echo comes to the NAT before the guest's next datagram. */
	world_run(l.w, 5 * SECOND + 100 * MILLISECOND / 1000);
	if (!l.w->failed)
		nat_flush(l.guest_site->nat);
	at = l.w->now;
	if (!wait_echo(l.w, app, at + 1, POISONED))
		world_fail(l.w, "no traffic within %.1f ms", ms(POISONED));
	trial_note(t, "%.1f ms", ms(l.w->now - at));
	world_run(l.w, 100 * MILLISECOND);
	if (!l.w->failed)
		require_whole(&l, app);
	lab_fini(&l, "%s", "");
}

/* A router that forgets every second, for a minute: a tenth of the time is lost at most. */
static void run_often(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_NONE, GUARD_PORT);
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	l.guest_site->nat->config.allocation = NAT_RANDOM;
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 6000);
	for (unsigned i = 0; i < 60 && !l.w->failed; i++) {
		world_run(l.w, SECOND);
		nat_flush(l.guest_site->nat);
	}
	world_run(l.w, SECOND);
	trial_note(t, "%" PRIu64 " of %" PRIu64 " came back", app->stream.down.delivered,
		app->stream.up.sent);
	if (!l.w->failed && app->stream.down.delivered < 5200)
		world_fail(
			l.w, "%" PRIu64 " of 6000 came back", app->stream.down.delivered);
	if (!l.w->failed)
		require_same(&l, true, 0);
	lab_fini(&l, "%s", "");
}

/* The path was slow when it was measured first. arg: ms of the guest's access then. */
static void run_measured_slow(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_NONE, GUARD_PORT);
	uint64_t usual = c.guest_access.delay, at;
	struct app *app;
	struct lab l;

	c.guest_access.delay = (uint64_t)t->arg * MILLISECOND;
	lab_init(&l, t, &c, 0);
	lab_up(&l, 20 * SECOND);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 1000000);
	world_run(l.w, SECOND);
	l.guest_site->access->config.delay = usual;
	world_run(l.w, 30 * SECOND);
	nat_renumber(l.guest_site->nat);
	at = l.w->now;
	if (!wait_echo(l.w, app, at + 1, IN_PLACE))
		world_fail(l.w, "no traffic within %.1f ms", ms(IN_PLACE));
	trial_note(t, "%.1f ms", ms(l.w->now - at));
	lab_fini(&l, "%s", "");
}

void trials_roam(struct trials *list)
{
	trials_add(list, run_measured_slow, 100, "roam: once 100 ms away");
	trials_add(list, run_measured_slow, 300, "roam: once 300 ms away");
	trials_add(list, run_measured_slow, 1000, "roam: once 1 s away");
	for (unsigned i = 0; i < sizeof(roams) / sizeof(roams[0]); i++) {
		const struct roam *r = &roams[i];
		const char *mover = r->host_moves ? "host" : "guest";

		trials_add(list, run_roam, (int)i, "roam: %s's %s, %s to %s", mover,
			change_names[r->change], guard_name(r->guest),
			guard_name(r->host));
	}
	trials_add(list, run_both, 0, "roam: both NATs change address");
	for (int hops = 1; hops <= 8; hops++)
		trials_add(list, run_poisoned, hops,
			"roam: the guest's NAT forgets and is poisoned, %d routers",
			hops);
	trials_add(list, run_often, 0, "roam: the guest's NAT forgets every second");
	trials_add(list, run_handed, 0, "roam: a NAT hands a guest's port to another");
	for (unsigned i = 0; i < sizeof(naps) / sizeof(naps[0]); i++)
		trials_add(list, run_nap, (int)i, "roam: %s", naps[i].name);
}
