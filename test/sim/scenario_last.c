/* SPDX-License-Identifier: MIT */
/* A stream of 100 datagrams a second, echoed, through whatever may become of its path:
 * nothing twice, nothing lost where the old path still carries, and else a gap no longer
 * than it takes to notice and to meet. Any two of host, guest and rendezvous are 40 ms
 * apart, one way. */
#include <inttypes.h>

#include "sim/lab.h"

/* 250 ms unheard, 1.5 round trips until the guest asks (150 ms at least), and by the time of
 * the answer the path is given up: cookie 80 ms, introduction 160, handshake over the relay
 * 160, and 80 for data each way. */
#define FELL_BACK (1000 * MILLISECOND)

static struct lab_config config_of(enum guard host, enum guard guest)
{
	struct lab_config c = lab_config_of(host, guest);

	c.host_access.delay = c.guest_access.delay = c.rendezvous_access.delay =
		20 * MILLISECOND;
	return c;
}

static struct app *begin(struct lab *l)
{
	struct app *app;

	lab_up(l, SECOND);
	app = machine_app(l->guest, 100, 10 * MILLISECOND, UINT64_C(1) << 40);
	world_run(l->w, 5 * SECOND);
	app->stream.up.gap = app->stream.down.gap = 0;
	return app;
}

/* Neither direction was without a datagram for longer than that. */
static void require_gap(
	struct trial *t, struct lab *l, const struct app *app, uint64_t most)
{
	const struct stream *s = &app->stream;
	uint64_t up = s->up.gap, down = s->down.gap;

	trial_note(t, "%.0f ms without up, %.0f down, %" PRIu64 " of %" PRIu64 " lost ",
		ms(up), ms(down), s->up.sent - s->down.delivered, s->up.sent);
	REQUIRE(l->w, up <= most && down <= most,
		"%.1f ms without a datagram up, %.1f down; %.1f allowed", ms(up),
		ms(down), ms(most));
}

/* The direct path is dropped mid-stream, at ten phases of the stream, and comes back. */
static void run_dropped(struct trial *t)
{
	for (unsigned phase = 0; phase < 10 && !t->failed; phase++) {
		struct lab_config c = config_of(GUARD_PORT, GUARD_PORT);
		struct app *app;
		struct lab l;

		lab_init(&l, t, &c, phase);
		app = begin(&l);
		world_run(l.w, phase * 1037 * MILLISECOND);
		l.guest_site->access->config.barred = l.host_site->nat->outer;
		world_run(l.w, 3 * SECOND);
		if (!l.w->failed && !is_relayed(l.guest))
			world_fail(l.w, "not over the relay");
		world_run(l.w, 30 * SECOND);
		l.guest_site->access->config.barred = (struct addr){0};
		world_run(l.w, 60 * SECOND);
		if (!l.w->failed && is_relayed(l.guest))
			world_fail(l.w, "not direct again within 60 s");
		if (phase == 9 || l.w->failed)
			trial_note(t, "phase %u: ", phase);
		if (!l.w->failed)
			require_gap(
				phase == 9 ? t : &(struct trial){0}, &l, app, FELL_BACK);
		lab_fini(&l, "phase %u", phase);
	}
}

/* Stops the stream until all that is under way has come; returns how many never came back. */
static uint64_t count_lost(struct lab *l, struct app *app)
{
	app->left = 0;
	app->next_at = NEVER;
	world_run(l->w, SECOND);
	return app->stream.up.sent - app->stream.down.delivered;
}

static void go_on(struct lab *l, struct app *app)
{
	app_continue(l->guest, app, 10 * MILLISECOND, UINT64_C(1) << 40);
	world_run(l->w, SECOND);
	app->stream.up.gap = app->stream.down.gap = 0;
}

/* The guest's carrier ends each mapping after 50 s, whatever the traffic, for ten minutes:
 * two paths die of it, from then on each is replaced before. arg: what guards the host. */
static void run_expiry(struct trial *t)
{
	struct lab_config c = config_of((enum guard)t->arg, GUARD_PORT);
	uint64_t before, after;
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	l.guest_site->nat->config.life = 50 * SECOND;
	l.guest_site->nat->config.allocation = NAT_RANDOM;
	app = begin(&l);
	world_run(l.w, 105 * SECOND);
	if (!l.w->failed)
		require_gap(t, &l, app, FELL_BACK);
	before = count_lost(&l, app);
	go_on(&l, app);
	world_run(l.w, 600 * SECOND);
	trial_note(t, "at first, then ");
	if (!l.w->failed)
		require_gap(t, &l, app, 20 * MILLISECOND);
	after = count_lost(&l, app);
	if (!l.w->failed && after != before)
		world_fail(l.w, "%" PRIu64 " lost in ten minutes", after - before);
	lab_fini(&l, "%s", "");
}

/* No rule is made of a router that restarts now and then: no path is replaced in vain. */
static void run_no_rule(struct trial *t)
{
	static const unsigned spans[] = {50, 70, 31, 90, 45, 64};
	struct lab_config c = config_of(GUARD_PORT, GUARD_PORT);
	uint64_t asked = 0;
	struct lab l;

	lab_init(&l, t, &c, 0);
	l.guest_site->nat->config.allocation = NAT_RANDOM;
	begin(&l);
	for (unsigned i = 0; i < sizeof(spans) / sizeof(spans[0]) && !l.w->failed; i++) {
		world_run(l.w, spans[i] * SECOND);
		nat_flush(l.guest_site->nat);
		world_run(l.w, 5 * SECOND);
		asked = l.guest->seen[EVENT_ASKING].count;
	}
	world_run(l.w, 600 * SECOND);
	if (!l.w->failed && l.guest->seen[EVENT_ASKING].count != asked)
		world_fail(l.w, "it asked %" PRIu64 " times more",
			l.guest->seen[EVENT_ASKING].count - asked);
	lab_fini(&l, "%s", "");
}

/* What may happen in the middle of it. */

static void flush_guest(struct lab *l)
{
	nat_flush(l->guest_site->nat);
}

static void remap_guest(struct lab *l)
{
	l->guest_site->nat->config.allocation = NAT_RANDOM;
	nat_flush(l->guest_site->nat);
}

static void renumber_guest(struct lab *l)
{
	nat_renumber(l->guest_site->nat);
}

static void symmetric(struct nat *nat)
{
	nat->config.mapping = nat->config.filtering = NAT_ADDRESS_AND_PORT;
	nat->config.allocation = NAT_RANDOM;
}

/* Both NATs are random ones from the beginning: the session goes over the relay. */
static void restart_relay(struct lab *l)
{
	machine_kill(l->rendezvous[0]);
	machine_start(l->rendezvous[0]);
}

static const struct fault {
	const char *name;
	void (*happen)(struct lab *l);
	enum guard host;
	bool relayed;
	uint64_t most; /* ns without a datagram, either way */
} faults[] = {
	/* What comes in before the guest's next datagram, and its trip back. */
	{"the guest's NAT forgets", flush_guest, GUARD_PORT, false, 100 * MILLISECOND},
	/* The challenge's round trip, and the next datagram's. */
	{"the guest's port changes, no NAT before the host", remap_guest, GUARD_NONE,
		false, 200 * MILLISECOND},
	{"the guest's address changes, no NAT before the host", renumber_guest,
		GUARD_NONE, false, 200 * MILLISECOND},
	{"the guest's port changes", remap_guest, GUARD_PORT, false, FELL_BACK},
	{"the guest's address changes", renumber_guest, GUARD_PORT, false, FELL_BACK},
	/* Round trips are twice as long: 320 ms unheard, 240 until the host doubts its guest
	 * and asks the relay, which has forgotten it; meanwhile the guest gives up. */
	{"the relay is killed and restarted", restart_relay, GUARD_PORT, true,
		1400 * MILLISECOND},
};

static void run_fault(struct trial *t)
{
	const struct fault *f = &faults[t->arg];
	struct lab_config c = config_of(f->host, GUARD_PORT);
	uint64_t before, after;
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	if (f->relayed) {
		symmetric(l.guest_site->nat);
		symmetric(l.host_site->nat);
	}
	app = begin(&l);
	if (!l.w->failed && is_relayed(l.guest) != f->relayed)
		world_fail(l.w, "not as it should be from the beginning");
	if (!l.w->failed)
		f->happen(&l);
	world_run(l.w, 10 * SECOND);
	if (!l.w->failed)
		require_gap(t, &l, app, f->most);
	/* It is over then. */
	before = count_lost(&l, app);
	go_on(&l, app);
	world_run(l.w, 60 * SECOND);
	after = count_lost(&l, app);
	if (!l.w->failed && after != before)
		world_fail(l.w, "%" PRIu64 " lost afterwards", after - before);
	lab_fini(&l, "%s", "");
}

/* The guest or (arg 1) the host is asleep for a minute. */
static void run_asleep(struct trial *t)
{
	struct lab_config c = config_of(GUARD_PORT, GUARD_PORT);
	uint64_t before, after;
	struct machine *m;
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	m = t->arg != 0 ? l.host : l.guest;
	app = begin(&l);
	machine_suspend(m);
	world_run(l.w, 60 * SECOND);
	machine_wake(m);
	world_run(l.w, 10 * SECOND);
	if (!l.w->failed)
		require_gap(t, &l, app, 60 * SECOND + 2400 * MILLISECOND);
	before = count_lost(&l, app);
	go_on(&l, app);
	world_run(l.w, 60 * SECOND);
	after = count_lost(&l, app);
	if (!l.w->failed && after != before)
		world_fail(l.w, "%" PRIu64 " lost afterwards", after - before);
	lab_fini(&l, "%s", "");
}

void trials_last(struct trials *list)
{
	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		trials_add(list, run_fault, (int)i, "last: %s", faults[i].name);
	trials_add(list, run_asleep, 0, "last: the guest sleeps for a minute");
	trials_add(list, run_asleep, 1, "last: the host sleeps for a minute");
	trials_add(list, run_expiry, GUARD_PORT,
		"last: mappings end after 50 s, port-restricted");
	trials_add(list, run_expiry, GUARD_NONE, "last: mappings end after 50 s, none");
	trials_add(list, run_no_rule, 0, "last: a router restarts now and then");
	trials_add(list, run_dropped, 0, "last: the direct path is dropped");
}
