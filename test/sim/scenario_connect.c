/* SPDX-License-Identifier: MIT */
/* Every NAT on either side connects directly, in the time that cause and effect take: a
 * cookie's round trip, one end to end through the rendezvous, one direct. */
#include "sim/lab.h"

/* 10, 15 and 5 ms of access and 0.1 of each LAN make 40.4 + 70.8 + 50.4. */
#define BUDGET (163 * MILLISECOND)
/* The guest's side of a carrier's NAT is a millisecond further off, on each way. */
#define BUDGET_DOUBLE (174 * MILLISECOND)
/* With two families there are more addresses, but no more round trips. */
#define ECHO (60 * MILLISECOND)

static void exchange(struct lab *l)
{
	struct app *app = machine_app(l->guest, 200, 10 * MILLISECOND, 100);

	REQUIRE(l->w, wait_all(l->w, app, 5 * SECOND), "not everything came back");
	REQUIRE(l->w, app->stream.slowest <= ECHO, "an echo took %.1f ms",
		ms(app->stream.slowest));
	require_all(l->w, app);
}

static void require_direct(struct lab *l)
{
	const struct addr *remote = &l->guest->seen[EVENT_CONNECTED].last.path.remote;

	for (unsigned i = 0; i < l->rendezvous_count; i++)
		REQUIRE(l->w, !addr_same_ip(remote, &l->rendezvous[i]->v4), "not direct");
	REQUIRE(l->w, l->guest->seen[EVENT_LOST].count == 0, "lost the path");
}

static void run_pair(struct trial *t)
{
	enum guard host = (enum guard)(t->arg / GUARD_COUNT);
	enum guard guest = (enum guard)(t->arg % GUARD_COUNT);
	bool is_double = host == GUARD_DOUBLE || guest == GUARD_DOUBLE;
	struct lab_config c = lab_config_of(host, guest);
	struct lab l;
	uint64_t took;

	lab_init(&l, t, &c, 0);
	took = lab_up(&l, is_double ? BUDGET_DOUBLE : BUDGET);
	trial_note(t, "connected in %.1f ms", ms(took));
	if (!l.w->failed)
		exchange(&l);
	if (!l.w->failed)
		require_direct(&l);
	lab_fini(&l, "%s", "");
}

/* The queue holds what the application says before there is a path. */
static void run_early(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	lab_start(&l);
	machine_start(l.guest);
	app = machine_app(l.guest, 100, MILLISECOND, 200);
	if (!wait_all(l.w, app, SECOND))
		world_fail(l.w, "what was said before the path is lost");
	lab_fini(&l, "%s", "");
}

/* Two machines of one LAN: the addresses of the LAN carry, the NAT needs no hairpin. */
static struct site *shared;

static struct site *same_site(struct world *w, void *arg)
{
	struct site_config c = site_config_of(GUARD_PORT);

	if (shared == NULL) {
		c.isolated = arg != NULL;
		c.nat_config.hairpin = arg != NULL;
		shared = site_new(w, &c);
	}
	return shared;
}

/* 0: the LAN carries; 1: it does not, and the NAT hairpins. */
static void run_same_site(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct lab l;
	uint64_t took;
	bool lan;

	c.make_host_site = c.make_guest_site = same_site;
	c.arg = t->arg != 0 ? t : NULL;
	shared = NULL;
	lab_init(&l, t, &c, 0);
	took = lab_up(&l, 95 * MILLISECOND);
	trial_note(t, "connected in %.1f ms", ms(took));
	lan = addr_same_ip(&l.guest->seen[EVENT_CONNECTED].last.path.remote, &l.host->v4);
	if (!l.w->failed && lan != (t->arg == 0))
		world_fail(l.w, "by the %s", lan ? "LAN" : "NAT");
	if (!l.w->failed)
		exchange(&l);
	lab_fini(&l, "%s", "");
}

/* Two homes behind one carrier's NAT that hairpins: the observed addresses carry. */
static struct site *carrier;

static struct site *carrier_home(struct world *w, void *arg)
{
	struct site_config c = site_config_of(GUARD_PORT);

	(void)arg;
	if (carrier == NULL) {
		c.nat_config.hairpin = true;
		carrier = site_new(w, &c);
	}
	c = site_config_of(GUARD_PORT);
	c.parent = carrier;
	c.access.delay = MILLISECOND;
	return site_new(w, &c);
}

static void run_same_carrier(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct lab l;
	uint64_t took;

	c.make_host_site = c.make_guest_site = carrier_home;
	carrier = NULL;
	lab_init(&l, t, &c, 0);
	took = lab_up(&l, 105 * MILLISECOND);
	trial_note(t, "connected in %.1f ms", ms(took));
	if (!l.w->failed)
		exchange(&l);
	lab_fini(&l, "%s", "");
}

/* A guest of two families asks a rendezvous by both, in one attempt: none is refused. */
static void run_dual(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_FIREWALL, GUARD_PORT);
	struct lab l;

	lab_init(&l, t, &c, 0);
	lab_up(&l, BUDGET);
	if (!l.w->failed && l.guest->seen[EVENT_ASK_REFUSED].count > 0)
		world_fail(l.w, "refused with code %u",
			l.guest->seen[EVENT_ASK_REFUSED].last.number);
	lab_fini(&l, "%s", "");
}

/* A short internet: one router only between the NATs, which is as near as a low TTL can
 * tell them apart. */
static void run_near(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_POISON, GUARD_POISON);
	struct lab l;

	c.hops = (unsigned)t->arg;
	lab_init(&l, t, &c, 0);
	trial_note(t, "connected in %.1f ms", ms(lab_up(&l, BUDGET)));
	if (!l.w->failed)
		exchange(&l);
	if (!l.w->failed &&
		(l.host_site->nat->remapped > 0 || l.guest_site->nat->remapped > 0))
		world_fail(l.w, "a NAT was poisoned");
	lab_fini(&l, "%s", "");
}

void trials_connect(struct trials *list)
{
	for (int host = 0; host < GUARD_COUNT; host++)
		for (int guest = 0; guest < GUARD_COUNT; guest++)
			trials_add(list, run_pair, host * GUARD_COUNT + guest,
				"pair %s to %s", guard_name((enum guard)guest),
				guard_name((enum guard)host));
	trials_add(list, run_early, 0, "queue before the path");
	trials_add(list, run_same_site, 0, "same lan");
	trials_add(list, run_same_site, 1, "same nat, hairpin");
	trials_add(list, run_same_carrier, 0, "same carrier, hairpin");
	trials_add(list, run_dual, 0, "both families at one rendezvous");
	trials_add(list, run_near, 1, "poison, one router between");
	trials_add(list, run_near, 10, "poison, ten routers between");
}
