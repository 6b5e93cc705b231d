/* SPDX-License-Identifier: MIT */
/* Many ports at once: where one side's NAT takes another port for each destination, a direct
 * path comes up as often as theory says, within the stated budget. */
#include <inttypes.h>

#include "core/chance.h"
#include "sim/lab.h"

#define OUTSIDE 0.0005 /* of the interval, at either end */

/* name, mapping, filtering, allocation, what comes unasked */
static const struct kind {
	const char *name;
	struct nat_config nat;
} kinds[] = {
	{"port-restricted", {NAT_INDEPENDENT, NAT_ADDRESS_AND_PORT, NAT_PRESERVING,
				    NAT_DROP, false, 0, 0}},
	{"poison", {NAT_INDEPENDENT, NAT_ADDRESS_AND_PORT, NAT_PRESERVING, NAT_POISON,
			   false, 0, 0}},
	{"sequential symmetric", {NAT_ADDRESS_AND_PORT, NAT_ADDRESS_AND_PORT,
					 NAT_SEQUENTIAL, NAT_DROP, false, 0, 0}},
	{"random symmetric", {NAT_ADDRESS_AND_PORT, NAT_ADDRESS_AND_PORT, NAT_RANDOM,
				     NAT_DROP, false, 0, 0}},
	{"port block", {NAT_ADDRESS_AND_PORT, NAT_ADDRESS_AND_PORT, NAT_BLOCK, NAT_DROP,
			       false, 0, 0}},
	{"address-dependent",
		{NAT_ADDRESS, NAT_ADDRESS, NAT_RANDOM, NAT_DROP, false, 0, 0}},
};

enum { PORT_RESTRICTED, POISON, SEQUENTIAL, RANDOM, BLOCK, ADDRESS, KINDS };

static struct site *make_site(struct world *w, void *arg, bool host)
{
	struct site_config c = site_config_of(GUARD_PORT);
	const unsigned *both = arg;

	c.nat_config = kinds[both[host ? 0 : 1]].nat;
	return site_new(w, &c);
}

static struct site *host_site(struct world *w, void *arg)
{
	return make_site(w, arg, true);
}

static struct site *guest_site(struct world *w, void *arg)
{
	return make_site(w, arg, false);
}

static void begin(struct lab *l, struct trial *t, unsigned both[2], uint64_t seed)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);

	both[0] = (unsigned)t->arg / KINDS;
	both[1] = (unsigned)t->arg % KINDS;
	c.make_host_site = host_site;
	c.make_guest_site = guest_site;
	c.arg = both;
	lab_init(l, t, &c, seed);
	l->host->host.effort = l->guest->guest.effort = EFFORT_NORMAL;
}

static bool is_direct(const struct lab *l)
{
	const struct happened *connected = &l->guest->seen[EVENT_CONNECTED];

	return connected->count > 0 && connected->last.path.channel == 0;
}

static void run_until_direct(struct lab *l, uint64_t span)
{
	uint64_t end = l->w->now + span;

	while (!l->w->failed && l->w->now < end && !is_direct(l))
		world_run(l->w, 20 * MILLISECOND);
}

/* True if that many of count, each with a chance of ppm, is not too few nor too many. */
static bool is_plausible(unsigned hits, unsigned count, uint32_t ppm)
{
	double p = ppm / 1e6, each = 1, below = 0, above = 0;

	for (unsigned i = 0; i < count; i++)
		each *= 1 - p; /* that none hits */
	for (unsigned k = 0; k <= count; k++) {
		below += k <= hits ? each : 0;
		above += k >= hits ? each : 0;
		each *= p / (1 - p) * (count - k) / (k + 1);
	}
	return below >= OUTSIDE && above >= OUTSIDE;
}

/* One try alone: whether it hit, and that it is as it was announced. */
static bool try_once(struct lab *l, uint32_t *ppm)
{
	const struct happened *trying = &l->guest->seen[EVENT_TRYING];

	lab_start(l);
	if (!l->w->failed)
		machine_start(l->guest);
	if (!wait_event(l->guest, EVENT_TRYING, 1, 5 * SECOND)) {
		world_fail(l->w, "many ports were not tried within 5 s");
		return false;
	}
	*ppm = trying->last.ppm;
	if (trying->last.sockets != 256 || trying->last.number != 756 ||
		*ppm != chance_of_hit(NETWORK_PORTS, 256, 756))
		world_fail(l->w, "announced %u sockets, %u probes, %u ppm",
			trying->last.sockets, trying->last.number, *ppm);
	run_until_direct(l, trying->last.span + SECOND);
	return is_direct(l) && trying->count == 1;
}

static void run_theory(struct trial *t)
{
	unsigned hits = 0, count = t->is_long ? 200 : 12;
	uint32_t ppm = 0;

	for (unsigned i = 0; i < count && !t->failed; i++) {
		unsigned both[2];
		struct lab l;

		begin(&l, t, both, i);
		hits += try_once(&l, &ppm) ? 1 : 0;
		lab_fini(&l, "%u", i);
	}
	if (!t->failed && !is_plausible(hits, count, ppm))
		trial_fail(t, "%u of %u hit, at %u ppm", hits, count, ppm);
	trial_note(t, "%u of %u, theory %.1f %%", hits, count, ppm / 1e4);
}

/* Begins with data over the relay, of which nothing is lost on the way to a direct path, and
 * returns whether that came up in the span. worst: how long it took at most. */
static bool go_direct(struct lab *l, unsigned datagrams, uint64_t span, uint64_t *worst)
{
	struct app *app;
	bool direct;

	lab_up(l, 400 * MILLISECOND);
	app = machine_app(l->guest, 100, 10 * MILLISECOND, datagrams);
	run_until_direct(l, span);
	direct = is_direct(l);
	if (direct && l->w->now - l->guest->started_at > *worst)
		*worst = l->w->now - l->guest->started_at;
	if (!wait_all(l->w, app, datagrams * 10 * MILLISECOND + SECOND))
		world_fail(l->w, "not all came back");
	if (!l->w->failed)
		require_all(l->w, app);
	return direct;
}

/* A sequence is met in every try. */
static void run_sequence(struct trial *t)
{
	uint64_t worst = 0;

	for (unsigned i = 0; i < 10 && !t->failed; i++) {
		unsigned both[2];
		struct lab l;

		begin(&l, t, both, i);
		if (!go_direct(&l, 1000, 5 * SECOND, &worst) && !l.w->failed)
			world_fail(l.w, "not direct within 5 s");
		lab_fini(&l, "%u", i);
	}
	trial_note(t, "worst of 10: %.1f ms", ms(worst));
}

/* Nobody sees at one rendezvous that a NAT maps by address: it is found by supposing it, of
 * the host's first, at 95 % each. Two ports of a block look like a sequence now and then, as
 * in one or two of these ten: that is supposed to be none when it was not met. */
static void run_guess(struct trial *t)
{
	unsigned both[2], hits = 0;
	uint64_t worst = 0;

	for (unsigned i = 22; i < 32 && !t->failed; i++) {
		struct lab l;

		begin(&l, t, both, i);
		hits += go_direct(&l, 2500, 25 * SECOND, &worst) ? 1 : 0;
		lab_fini(&l, "%u", i);
	}
	if (!t->failed && hits < 9)
		trial_fail(t, "%u of 10 direct", hits);
	trial_note(t, "%u of 10 direct, worst %.1f s", hits, ms(worst) / 1000);
}

/* Three guests at once: one after the other has its turn, and what won stays. */
static void run_turns(struct trial *t)
{
	struct machine *guests[3];
	unsigned both[2];
	struct lab l;

	begin(&l, t, both, 0);
	guests[0] = l.guest;
	for (unsigned i = 1; i < 3; i++) {
		guests[i] = lab_guest(&l, make_site(l.w, both, false), "another");
		guests[i]->guest.effort = EFFORT_NORMAL;
	}
	lab_start(&l);
	for (unsigned i = 0; i < 3 && !l.w->failed; i++) {
		machine_start(guests[i]);
		machine_app(guests[i], 100, 20 * MILLISECOND, 30000);
	}
	for (unsigned i = 0; i < 600 && !l.w->failed; i++)
		world_run(l.w, SECOND);
	for (unsigned i = 0; i < 3 && !l.w->failed; i++)
		if (guests[i]->seen[EVENT_CONNECTED].last.path.channel != 0)
			world_fail(l.w, "guest %u is still relayed after 600 s", i);
	if (!l.w->failed && l.host->open_sockets > 2 + 8 + 3)
		world_fail(l.w, "the host has %u sockets open", l.host->open_sockets);
	trial_note(t, "%u sockets at most", l.host->open_most);
	lab_fini(&l, "%s", "");
}

static void add(struct trials *list, void (*run)(struct trial *t), const char *what,
	unsigned host, unsigned guest)
{
	struct trial *t = trials_add(list, run, (int)(host * KINDS + guest),
		"spray: %s, %s to %s", what, kinds[guest].name, kinds[host].name);

	t->is_long = false;
}

void trials_spray(struct trials *list)
{
	static const unsigned birthdays[][2] = {{PORT_RESTRICTED, RANDOM},
		{POISON, RANDOM}, {RANDOM, PORT_RESTRICTED}, {RANDOM, POISON}};
	static const unsigned sequences[][2] = {{PORT_RESTRICTED, SEQUENTIAL},
		{POISON, SEQUENTIAL}, {SEQUENTIAL, PORT_RESTRICTED}, {SEQUENTIAL, POISON},
		{SEQUENTIAL, SEQUENTIAL}};

	for (unsigned i = 0; i < sizeof(birthdays) / sizeof(birthdays[0]); i++) {
		add(list, run_theory, "a few", birthdays[i][0], birthdays[i][1]);
		add(list, run_theory, "200", birthdays[i][0], birthdays[i][1]);
		list->of[list->count - 1].is_long = true;
	}
	for (unsigned i = 0; i < 5; i++)
		add(list, run_sequence, "10", sequences[i][0], sequences[i][1]);
	add(list, run_guess, "supposed", PORT_RESTRICTED, BLOCK);
	add(list, run_guess, "supposed", BLOCK, PORT_RESTRICTED);
	add(list, run_guess, "supposed", PORT_RESTRICTED, ADDRESS);
	add(list, run_guess, "supposed", ADDRESS, PORT_RESTRICTED);
	add(list, run_guess, "supposed", POISON, ADDRESS);
	add(list, run_guess, "supposed", ADDRESS, POISON);
	add(list, run_turns, "turns", PORT_RESTRICTED, RANDOM);
	add(list, run_turns, "turns", RANDOM, PORT_RESTRICTED);
}
