/* SPDX-License-Identifier: MIT */
/* Over the relay at once where there is no direct path, directly as soon as there is one,
 * and back when it dies: nothing doubled, nothing lost but what a dead path takes. */
#include <inttypes.h>

#include "sim/attacker.h"
#include "sim/lab.h"

/* As with a direct path: a cookie's round trip, one through the rendezvous, one to the host
 * and back, here through the relay. */
#define FIRST_ECHO (213 * MILLISECOND)
/* 0.4 s until the guest asks, then the same; by then the path is given up. */
#define FELL_BACK (400 * MILLISECOND + FIRST_ECHO + 120 * MILLISECOND)
/* And where the host has moved, too, until it finds that out and registers. */
#define REBOUND (FELL_BACK + 400 * MILLISECOND)

/* name, mapping, filtering, allocation */
static const struct kind {
	const char *name;
	struct nat_config nat;
} kinds[] = {
	{"port-restricted", {NAT_INDEPENDENT, NAT_ADDRESS_AND_PORT, NAT_PRESERVING,
				    NAT_DROP, false, 0, 0}},
	{"sequential symmetric", {NAT_ADDRESS_AND_PORT, NAT_ADDRESS_AND_PORT,
					 NAT_SEQUENTIAL, NAT_DROP, false, 0, 0}},
	{"random symmetric", {NAT_ADDRESS_AND_PORT, NAT_ADDRESS_AND_PORT, NAT_RANDOM,
				     NAT_DROP, false, 0, 0}},
	{"full-cone", {NAT_INDEPENDENT, NAT_INDEPENDENT, NAT_PRESERVING, NAT_DROP, false,
			      0, 0}},
	{"address-restricted",
		{NAT_INDEPENDENT, NAT_ADDRESS, NAT_PRESERVING, NAT_DROP, false, 0, 0}},
	{"address-dependent",
		{NAT_ADDRESS, NAT_ADDRESS, NAT_RANDOM, NAT_DROP, false, 0, 0}},
};

enum {
	PORT_RESTRICTED,
	SEQUENTIAL,
	RANDOM,
	FULL_CONE,
	ADDRESS_RESTRICTED,
	ADDRESS_DEPENDENT,
	KINDS
};

/* Who admits whomever it said something to is reached; a port that follows the last one is
 * guessed. */
static bool is_direct(unsigned host, unsigned guest)
{
	bool open = host == FULL_CONE || host == ADDRESS_RESTRICTED ||
		    guest == FULL_CONE || guest == ADDRESS_RESTRICTED;
	bool predicted = (host == SEQUENTIAL && guest == PORT_RESTRICTED) ||
			 (host == PORT_RESTRICTED && guest == SEQUENTIAL);

	return open || predicted;
}

static const struct kind *host_kind, *guest_kind;

static struct site *make_site(struct world *w, const struct kind *kind)
{
	struct site_config c = site_config_of(GUARD_PORT);

	c.nat_config = kind->nat;
	return site_new(w, &c);
}

static struct site *host_site(struct world *w, void *arg)
{
	(void)arg;
	return make_site(w, host_kind);
}

static struct site *guest_site(struct world *w, void *arg)
{
	(void)arg;
	return make_site(w, guest_kind);
}

static void begin(struct lab *l, struct trial *t, unsigned host, unsigned guest)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);

	host_kind = &kinds[host];
	guest_kind = &kinds[guest];
	c.make_host_site = host_site;
	c.make_guest_site = guest_site;
	lab_init(l, t, &c, 0);
}

static uint64_t relayed(const struct lab *l)
{
	struct rendezvous_counts counts;

	rendezvous_get_counts(l->rendezvous[0]->core, &counts);
	return counts.relayed;
}

/* arg: host's kind * KINDS + guest's. Ten minutes of it: attempts at a direct path become
 * rare, and disturb nothing. */
static void run_stays(struct trial *t)
{
	struct app *app;
	struct lab l;
	uint64_t took;

	begin(&l, t, (unsigned)t->arg / KINDS, (unsigned)t->arg % KINDS);
	lab_start(&l);
	took = lab_connect(&l, FIRST_ECHO);
	app = machine_app(l.guest, 100, 100 * MILLISECOND, 6000);
	if (!wait_echo(l.w, app, l.w->now, 100 * MILLISECOND))
		world_fail(l.w, "no echo");
	world_run(l.w, 601 * SECOND);
	if (!l.w->failed)
		require_all(l.w, app);
	if (!l.w->failed && (!is_relayed(l.guest) || relayed(&l) < 12000))
		world_fail(l.w, "%" PRIu64 " datagrams were relayed", relayed(&l));
	if (!l.w->failed && l.guest->seen[EVENT_RELAYED].count != 1)
		world_fail(l.w, "it was told %" PRIu64 " times that the relay stays",
			l.guest->seen[EVENT_RELAYED].count);
	if (!l.w->failed && l.guest->seen[EVENT_ASKING].count > 20)
		world_fail(l.w, "%" PRIu64 " attempts in ten minutes",
			l.guest->seen[EVENT_ASKING].count);
	trial_note(t, "connected in %.1f ms", ms(took));
	lab_fini(&l, "%s", "");
}

/* When it is direct at the latest. A guest measures its NAT in the first attempt and names
 * ports from the second on; a mapping by address is not noticed by one rendezvous, so the
 * fourth attempt helps a host that has it. */
static uint64_t direct_within(void)
{
	if (host_kind == &kinds[ADDRESS_DEPENDENT])
		return 6 * SECOND;
	return guest_kind == &kinds[SEQUENTIAL] && host_kind == &kinds[PORT_RESTRICTED]
		       ? 2500 * MILLISECOND
		       : 600 * MILLISECOND;
}

static void run_direct(struct trial *t)
{
	struct app *app;
	struct lab l;

	begin(&l, t, (unsigned)t->arg / KINDS, (unsigned)t->arg % KINDS);
	lab_up(&l, FIRST_ECHO);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 1000);
	if (!l.w->failed && !wait_direct(l.guest, direct_within()))
		world_fail(l.w, "not direct within %.1f ms", ms(direct_within()));
	trial_note(t, "%.1f ms", ms(l.w->now - l.guest->started_at));
	if (!wait_all(l.w, app, 11 * SECOND))
		world_fail(l.w, "not all came back");
	if (!l.w->failed)
		require_all(l.w, app);
	lab_fini(&l, "%s", "");
}

/* Another router in the NAT's place: it knows nothing. */
static void become(struct site *site, unsigned kind)
{
	site->nat->config = kinds[kind].nat;
	site->nat->config.timeout = 120 * SECOND;
	nat_flush(site->nat);
}

/* A direct path comes up after a while. */
static void run_improves(struct trial *t)
{
	struct lab l;
	uint64_t at;

	begin(&l, t, RANDOM, RANDOM);
	lab_up(&l, FIRST_ECHO);
	machine_app(l.guest, 100, 10 * MILLISECOND, 100000);
	world_run(l.w, 5 * SECOND);
	become(l.host_site, PORT_RESTRICTED);
	become(l.guest_site, PORT_RESTRICTED);
	at = l.w->now;
	if (!l.w->failed && !wait_direct(l.guest, 60 * SECOND))
		world_fail(l.w, "still over the relay after 60 s");
	trial_note(t, "direct after %.1f s", ms(l.w->now - at) / 1000);
	world_run(l.w, 5 * SECOND);
	lab_fini(&l, "%s", "");
}

/* The guest's NAT is poisoned against the host between cookie and punch: the relay is first,
 * the second attempt's fresh socket gets through, nothing is lost or doubled on the way. arg:
 * bytes of a datagram, 4,000 of which a second are more than may go to a place not yet proved. */
static void run_overtaken(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_POISON, GUARD_POISON);
	struct attacker *a;
	struct app *app;
	struct lab l;
	struct addr host, guest;

	lab_init(&l, t, &c, 0);
	l.rendezvous[0]->rendezvous.relay_rate = 40000000;
	a = attacker_new(l.w, 0);
	lab_start(&l);
	if (!l.w->failed)
		machine_start(l.guest);
	if (!wait_event(l.guest, EVENT_OBSERVED, 1, SECOND))
		world_fail(l.w, "no rendezvous");
	host = l.host->seen[EVENT_REGISTERED].last.peer;
	guest = l.guest->seen[EVENT_OBSERVED].last.peer;
	attacker_send(a, &host, &guest, (const uint8_t *)"junk", 4);
	if (!wait_connected(l.guest, FIRST_ECHO) || !is_relayed(l.guest))
		world_fail(l.w, "not connected over the relay within %.1f ms",
			ms(FIRST_ECHO));
	app = machine_app(l.guest, (size_t)t->arg, MILLISECOND / 4, 8000);
	if (!l.w->failed && !wait_direct(l.guest, 500 * MILLISECOND))
		world_fail(l.w, "still over the relay after 500 ms");
	trial_note(t, "direct after %.1f ms", ms(l.w->now - l.guest->started_at));
	wait_all(l.w, app, 11 * SECOND);
	if (!l.w->failed)
		require_all(l.w, app);
	lab_fini(&l, "%s", "");
}

/* The direct path dies under traffic: the guest's router is another now. */
static void run_falls_back(struct trial *t)
{
	struct app *app;
	struct lab l;
	uint64_t at;

	begin(&l, t, PORT_RESTRICTED, PORT_RESTRICTED);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 100000);
	world_run(l.w, 5 * SECOND);
	become(l.guest_site, RANDOM);
	at = l.w->now;
	if (!wait_echo(l.w, app, at + 1, FELL_BACK) || !is_relayed(l.guest))
		world_fail(l.w, "no relayed traffic within %.1f ms", ms(FELL_BACK));
	trial_note(t, "%.1f ms without", ms(l.w->now - at));
	world_run(l.w, 10 * SECOND);
	become(l.guest_site, PORT_RESTRICTED);
	if (!l.w->failed && !wait_direct(l.guest, 60 * SECOND))
		world_fail(l.w, "still over the relay after 60 s");
	lab_fini(&l, "%s", "");
}

/* The relay is killed and started anew, ten times. */
static void run_restarts(struct trial *t)
{
	struct lab l;

	begin(&l, t, RANDOM, RANDOM);
	lab_up(&l, FIRST_ECHO);
	lab_restart_relay(&l, t);
	lab_fini(&l, "%s", "");
}

/* The guest's NAT forgets everything while attempts at a direct path are under way, which
 * then come from another address. arg: of the host's NAT, too. */
static void run_rebound(struct trial *t)
{
	static const uint64_t after[] = {200 * MILLISECOND, 500 * MILLISECOND, SECOND,
		2500 * MILLISECOND, 4 * SECOND};
	uint64_t worst = 0;

	for (unsigned i = 0; i < sizeof(after) / sizeof(after[0]) && !t->failed; i++) {
		struct app *app;
		struct lab l;
		uint64_t at;

		begin(&l, t, RANDOM, RANDOM);
		lab_up(&l, FIRST_ECHO);
		app = machine_app(l.guest, 100, 10 * MILLISECOND, 1000000);
		world_run(l.w, after[i]);
		nat_flush(l.guest_site->nat);
		if (t->arg != 0)
			nat_flush(l.host_site->nat);
		at = l.w->now;
		if (!wait_echo(l.w, app, at + 1, REBOUND))
			world_fail(l.w, "no traffic within %.1f ms", ms(REBOUND));
		worst = l.w->now - at > worst ? l.w->now - at : worst;
		lab_fini(&l, "after %.1f s", ms(after[i]) / 1000);
	}
	trial_note(t, "worst of 5: %.1f ms", ms(worst));
}

void trials_relay(struct trials *list)
{
	for (unsigned host = 0; host < KINDS; host++)
		for (unsigned guest = 0; guest < KINDS; guest++)
			if (is_direct(host, guest))
				trials_add(list, run_direct, (int)(host * KINDS + guest),
					"direct: %s to %s", kinds[guest].name,
					kinds[host].name);
			else if (host != PORT_RESTRICTED || guest != PORT_RESTRICTED)
				trials_add(list, run_stays, (int)(host * KINDS + guest),
					"relay: %s to %s", kinds[guest].name,
					kinds[host].name);
	trials_add(list, run_improves, 0, "relay: a direct path comes up");
	trials_add(list, run_overtaken, 100, "relay: a direct path, nothing lost");
	trials_add(list, run_overtaken, 1200, "relay: a direct path under load");
	trials_add(list, run_falls_back, 0, "relay: the direct path dies and comes back");
	trials_add(list, run_rebound, 0, "relay: guest's NAT forgets, amid attempts");
	trials_add(list, run_rebound, 1, "relay: both NATs forget, amid attempts");
	trials_add(list, run_restarts, 0, "relay: killed and started anew");
}
