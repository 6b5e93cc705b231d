/* SPDX-License-Identifier: MIT */
/* Worlds drawn from a seed: topology, NATs, links, MTUs, attackers, restarts, moves. In some
 * a NAT maps by destination, so that only the relay is left. */
#include <inttypes.h>
#include <stdio.h>

#include "sim/attacker.h"
#include "sim/lab.h"

/* Without loss: what cause and effect take at most (60 ms of access everywhere, 10 of
 * jitter, 100 of reordering on each of a dozen legs) and a repeat or two. With up to 20 %
 * on each link the slowest of 10^5 draws takes several repeats of several steps. */
#define CONNECT_CLEAN (3 * SECOND)
#define CONNECT_LOSSY (15 * SECOND)
#define HEAL_CLEAN    (5 * SECOND)
#define HEAL_LOSSY    (15 * SECOND)
/* A host that moved is found at its next refresh, 3 s; what a poisoned NAT asks for, 2 s. */
#define ROAM_CLEAN (8 * SECOND)
#define ROAM_LOSSY (20 * SECOND)
/* What the waits for UDP, then for TCP, and the handshakes of a stream add where a firewall
 * lets no UDP through; and again, where what they led to is lost. */
#define BLOCKED_MORE (2500 * MILLISECOND)
/* With loss a segment that is sent again waits twice as long each time, and all behind it
 * waits with it: a lost ask, registration or welcome costs seconds where a datagram's
 * repeat costs 100 ms. */
#define BLOCKED_LOSSY (10 * SECOND)
#define GUESTS_MAX    3
#define APPS_MAX      4

struct draw {
	struct rng rng;
	struct lab lab;
	struct machine *guests[GUESTS_MAX];
	unsigned guest_count, dead; /* rendezvous that never run */
	bool lossy;
	bool hard;    /* there may be no direct path */
	bool narrow;  /* and the relay may have no room */
	bool blocked; /* a firewall lets no UDP through */
	char text[200];
};

static uint64_t pick(struct draw *d, uint64_t low, uint64_t high)
{
	return rng_between(&d->rng, low, high);
}

static bool chance(struct draw *d, uint32_t percent)
{
	return rng_chance(&d->rng, percent * 10000);
}

static struct link_config draw_link(struct draw *d)
{
	static const size_t mtus[] = {1500, 1500, 1492, 1420, 1280, 1124};
	struct link_config c = {.mtu = mtus[pick(d, 0, 5)]};

	c.delay = pick(d, MILLISECOND, 60 * MILLISECOND);
	if (chance(d, 50))
		c.jitter = pick(d, 0, 10 * MILLISECOND);
	if (chance(d, 20))
		c.duplicate = (uint32_t)pick(d, 0, 200000);
	if (chance(d, 20)) {
		c.reorder = (uint32_t)pick(d, 1, 200000);
		c.reorder_span = pick(d, 0, 100 * MILLISECOND);
	}
	if (d->lossy) {
		c.loss[0] = (uint32_t)pick(d, 0, 200000);
		c.loss[1] = (uint32_t)pick(d, 0, 200000);
	}
	return c;
}

static void draw_nat(struct draw *d, struct site *s)
{
	struct site *parent = s->config.parent;

	if (parent != NULL)
		draw_nat(d, parent);
	if (s->nat == NULL)
		return;
	s->nat->config.timeout = pick(d, 30, 180) * SECOND;
	s->nat->config.allocation =
		(enum nat_allocation)pick(d, NAT_PRESERVING, NAT_RANDOM);
}

/* A NAT that maps by destination, also where the machines come by later. */
static void harden(struct draw *d, struct site *s)
{
	struct nat_config *c = &s->config.nat_config;

	if (s->nat == NULL)
		return;
	d->hard = true;
	c->mapping = (enum nat_dependence)pick(d, NAT_ADDRESS, NAT_ADDRESS_AND_PORT);
	c->filtering = c->mapping;
	s->nat->config.mapping = c->mapping;
	s->nat->config.filtering = c->filtering;
}

/* Room in the relay for whatever the worlds here send over it, or hardly any. */
static void draw_relay(struct draw *d)
{
	uint32_t max = 0, rate = 12500000;

	if (chance(d, 20)) {
		max = (uint32_t)pick(d, 0, 2);
		rate = max > 0 ? rate : (uint32_t)pick(d, 1000, 20000);
		d->narrow = true;
	}
	for (unsigned i = 0; i < d->lab.rendezvous_count; i++) {
		d->lab.rendezvous[i]->rendezvous.relay_max = max;
		d->lab.rendezvous[i]->rendezvous.relay_rate = rate;
	}
}

/* A firewall that lets no UDP through, perhaps TLS only. */
static void block(struct draw *d, struct site *s)
{
	unsigned transports = 1u << ADDR_UDP;

	if (chance(d, 40))
		transports |= 1u << ADDR_TCP;
	s->config.access.blocked = s->access->config.blocked = (uint8_t)transports;
	d->hard = d->blocked = true;
}

static void draw_blocked(struct draw *d, struct site *s)
{
	if (d->lab.streams && chance(d, 30))
		block(d, s);
}

/* Somebody changes the rules of a firewall. */
static void shift_firewall(struct draw *d, struct site *s)
{
	/* A relay by UDP overtakes one by a stream. */
	d->lab.w->may_reorder = true;
	if (s->access->config.blocked == 0)
		block(d, s);
	else
		s->config.access.blocked = s->access->config.blocked = 0;
}

static enum guard draw_guard(struct draw *d)
{
	return (enum guard)pick(d, 0, GUARD_COUNT - 1);
}

static void draw_apps(struct draw *d, struct machine *guest)
{
	unsigned count = (unsigned)pick(d, 1, APPS_MAX);

	for (unsigned i = 0; i < count; i++) {
		/* One in fragments hardly ever passes a network that loses. */
		bool large = !d->lossy && chance(d, 10);
		size_t size = pick(d, STREAM_STAMPED, large ? 20000 : 1400);

		machine_app(
			guest, size, pick(d, 20, 200) * MILLISECOND, UINT64_C(1) << 40);
	}
}

static void draw_guests(struct draw *d)
{
	struct lab *l = &d->lab;

	d->guests[d->guest_count++] = l->guest;
	while (d->guest_count < GUESTS_MAX && chance(d, 40)) {
		char name[24];

		snprintf(name, sizeof(name), "guest%u", d->guest_count);
		d->guests[d->guest_count++] = lab_guest(l, l->guest_site, name);
	}
	for (unsigned i = 0; i < d->guest_count; i++)
		draw_apps(d, d->guests[i]);
	if (chance(d, 50))
		return;
	d->lab.host->host.effort = (enum effort)pick(d, EFFORT_LOW, EFFORT_HIGH);
	for (unsigned i = 0; i < d->guest_count; i++)
		d->guests[i]->guest.effort =
			(enum effort)pick(d, EFFORT_LOW, EFFORT_HIGH);
}

static void draw_world(struct draw *d, struct trial *t)
{
	struct lab_config c = lab_config_of(draw_guard(d), draw_guard(d));
	bool poison = c.host == GUARD_POISON || c.guest == GUARD_POISON;
	struct attacker *a;

	d->lossy = chance(d, 50);
	c.host_access = draw_link(d);
	c.guest_access = draw_link(d);
	c.rendezvous_access = draw_link(d);
	c.hops = (unsigned)pick(d, 1, 8);
	c.rendezvous = (unsigned)pick(d, 1, LAB_RENDEZVOUS);
	d->dead = c.rendezvous > 1 && chance(d, 30) ? 1 : 0;
	c.streams = chance(d, 40);
	lab_init(&d->lab, t, &c, 0);
	draw_blocked(d, d->lab.host_site);
	draw_blocked(d, d->lab.guest_site);
	/* A relay by UDP overtakes one by a stream that waits for what was lost. */
	d->lab.w->may_reorder = d->lab.w->may_reorder || (c.streams && d->lossy);
	draw_nat(d, d->lab.host_site);
	draw_nat(d, d->lab.guest_site);
	if (chance(d, 30))
		harden(d, d->lab.host_site);
	if (chance(d, 30))
		harden(d, d->lab.guest_site);
	draw_relay(d);
	draw_guests(d);
	/* An eavesdropper may poison a NAT that lets itself be poisoned. */
	if (!poison && chance(d, 30)) {
		a = attacker_new(d->lab.w, pick(d, 2, 50) * MILLISECOND);
		a->kinds = (uint32_t)pick(d, 1, (1u << ATTACK_COUNT) - 1);
		/* What network or relay lost the eavesdropper may deliver, late. */
		d->lab.w->may_reorder = d->lab.w->may_reorder || d->lossy || d->hard;
	}
	snprintf(d->text, sizeof(d->text),
		"%s to %s, %u guests, %u rendezvous (%u dead)%s%s%s%s%s%s",
		guard_name(c.guest), guard_name(c.host), d->guest_count, c.rendezvous,
		d->dead,
		d->blocked ? ", blocked"
		: d->hard  ? ", by destination"
			   : "",
		d->lab.streams ? ", streams" : "", d->narrow ? ", narrow" : "",
		d->lossy ? ", lossy" : "", d->lab.w->may_reorder ? ", reordering" : "",
		d->lab.w->attacker != NULL ? ", attacked" : "");
}

/* Everyone starts, in any order, within ten seconds. */
static void start_all(struct draw *d)
{
	struct lab *l = &d->lab;
	struct machine *all[LAB_RENDEZVOUS + 1 + GUESTS_MAX];
	unsigned count = 0;

	for (unsigned i = d->dead; i < l->rendezvous_count; i++)
		all[count++] = l->rendezvous[i];
	all[count++] = l->host;
	for (unsigned i = 0; i < d->guest_count; i++)
		all[count++] = d->guests[i];
	while (count > 0 && !l->w->failed) {
		unsigned i = (unsigned)rng_below(&d->rng, count);

		machine_start(all[i]);
		all[i] = all[--count];
		if (chance(d, 50))
			world_run(l->w, pick(d, 0, 2 * SECOND));
	}
}

/* Where the relay is the only way and has no room, only the promises hold. */
static bool may_starve(const struct draw *d)
{
	return d->hard && d->narrow;
}

static void wait_everyone(struct draw *d, uint64_t since, uint64_t span, const char *what)
{
	struct world *w = d->lab.w;
	uint64_t until;

	if (d->blocked)
		span += d->lossy ? BLOCKED_LOSSY : BLOCKED_MORE;
	until = w->now + span;
	if (may_starve(d)) {
		world_run(w, span);
		return;
	}
	for (unsigned g = 0; g < d->guest_count && !w->failed; g++)
		for (unsigned i = 0; i < d->guests[g]->guest.app_count && !w->failed;
			i++) {
			uint64_t left = until > w->now ? until - w->now : 0;

			if (!wait_echo(w, d->guests[g]->guest.apps[i], since, left))
				world_fail(w, "%s app %u: no echo within %.0f ms of %s",
					d->guests[g]->node.name, i, ms(span), what);
		}
}

static struct machine *draw_victim(struct draw *d)
{
	uint64_t kind = pick(d, 0, 2);

	if (kind == 0)
		return d->lab.rendezvous[pick(d, d->dead, d->lab.rendezvous_count - 1)];
	if (kind == 1)
		return d->lab.host;
	return d->guests[pick(d, 0, d->guest_count - 1)];
}

static void restarts(struct draw *d)
{
	struct world *w = d->lab.w;
	unsigned count = (unsigned)pick(d, 0, 4);

	for (unsigned i = 0; i < count && !w->failed; i++) {
		struct machine *m = draw_victim(d);
		bool polite = chance(d, 20);

		world_run(w, pick(d, 0, 15 * SECOND));
		if (w->failed)
			return;
		if (polite)
			machine_shutdown(m);
		else
			machine_kill(m);
		world_run(w, chance(d, 50) ? 0 : pick(d, 0, 8 * SECOND));
		if (w->failed)
			return;
		machine_start(m);
		wait_everyone(d, w->now, d->lossy ? HEAL_LOSSY : HEAL_CLEAN, "a restart");
	}
}

/* Turns up elsewhere, or sleeps for a while. */
static void roam(struct draw *d, struct machine *m)
{
	struct world *w = d->lab.w;
	struct site_config c = m->site->config;
	struct nat *nat = m->site->nat;
	uint64_t kind = pick(d, 0, 4);

	if (nat != NULL && chance(d, 15)) {
		harden(d, m->site);
		kind = 0;
	}
	if (chance(d, 30)) /* there, if it goes */
		c.nat_config.mapping = NAT_INDEPENDENT;
	if (nat == NULL && kind < 3)
		kind = 3;
	/* What a NAT no longer let in the eavesdropper may deliver, late. */
	w->may_reorder = w->may_reorder || w->attacker != NULL;
	if (kind == 1)
		nat->config.allocation = NAT_RANDOM;
	if (kind < 2)
		nat_flush(nat);
	else if (kind == 2 && c.parent == NULL)
		nat_renumber(nat);
	else if (kind < 4)
		machine_move(m, site_new(w, &c), chance(d, 50));
	else {
		machine_suspend(m);
		world_run(w, pick(d, 0, 100 * SECOND));
		machine_wake(m);
	}
}

static void roams(struct draw *d)
{
	struct world *w = d->lab.w;
	unsigned count = (unsigned)pick(d, 0, 4);

	for (unsigned i = 0; i < count && !w->failed; i++) {
		struct machine *m = chance(d, 50)
					    ? d->lab.host
					    : d->guests[pick(d, 0, d->guest_count - 1)];

		world_run(w, pick(d, 0, 15 * SECOND));
		if (w->failed)
			return;
		if (d->lab.streams && chance(d, 30))
			shift_firewall(d, m->site);
		else
			roam(d, m);
		wait_everyone(
			d, w->now + 1, d->lossy ? ROAM_LOSSY : ROAM_CLEAN, "a move");
	}
}

/* At the end all speaks at once, and where the network loses nothing, nothing is lost. */
static void finish(struct draw *d)
{
	struct world *w = d->lab.w;
	struct app *app;

	world_run(w, pick(d, 0, 60 * SECOND));
	if (w->failed)
		return;
	app = machine_app(d->guests[0], 200, 10 * MILLISECOND, 200);
	world_run(w, 4 * SECOND);
	if (!w->failed && !d->lossy && !may_starve(d))
		require_all(w, app);
}

static void run_random(struct trial *t)
{
	struct draw d = {0};

	rng_seed(&d.rng, rng_mix(t->seed));
	draw_world(&d, t);
	start_all(&d);
	wait_everyone(
		&d, d.lab.w->now, d.lossy ? CONNECT_LOSSY : CONNECT_CLEAN, "the start");
	restarts(&d);
	roams(&d);
	finish(&d);
	trial_note(t, "%s", d.text);
	lab_fini(&d.lab, "%s", d.text);
}

void trials_random(struct trials *list, uint64_t first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		trials_add(list, run_random, 0, "random %" PRIu64, first + i)->seed =
			first + i;
}
