/* SPDX-License-Identifier: MIT */
/* 30 % loss each way: connected within 5 s, for a hundred fixed seeds. */
#include <stdio.h>

#include "sim/lab.h"

#define SEEDS   100
#define LOSS    300000
#define CONNECT (5 * SECOND)

static void lossy(struct link_config *access)
{
	access->loss[0] = access->loss[1] = LOSS;
}

struct figures {
	uint64_t worst, sum;
	unsigned worst_seed, failed;
	char first[600]; /* the first seed's failure: it must not hide how many there are
			  */
};

static void note(struct figures *f, uint64_t took, unsigned seed)
{
	f->sum += took;
	if (took > f->worst) {
		f->worst = took;
		f->worst_seed = seed;
	}
}

static void end_seed(struct lab *l, struct figures *f, unsigned seed)
{
	if (l->w->failed && f->failed++ == 0)
		snprintf(f->first, sizeof(f->first), "seed %u: %s", seed, l->w->failure);
	l->w->failed = false;
	lab_fini(l, "%s", "");
}

static void judge(struct trial *t, const struct figures *f)
{
	trial_note(t, "mean %.0f ms, worst %.0f ms (seed %u)", ms(f->sum / SEEDS),
		ms(f->worst), f->worst_seed);
	if (f->failed > 0)
		trial_fail(t, "%u of %u seeds failed, the first: %s", f->failed, SEEDS,
			f->first);
}

/* arg 0: the links of host and guest; 1: the rendezvous' too. */
static struct lab_config config_of(const struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_POISON);

	lossy(&c.host_access);
	lossy(&c.guest_access);
	if ((t->arg & 1) != 0)
		lossy(&c.rendezvous_access);
	return c;
}

static uint64_t connect_once(struct lab *l)
{
	for (unsigned i = 0; i < l->rendezvous_count; i++)
		machine_start(l->rendezvous[i]);
	machine_start(l->host);
	if (!wait_event(l->host, EVENT_REGISTERED, 1, 5 * SECOND))
		world_fail(l->w, "the host did not register within 5 s");
	world_run(l->w, 5 * SECOND);
	return lab_connect(l, CONNECT);
}

static void run_connect(struct trial *t)
{
	struct figures f = {0};
	struct lab l;

	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct lab_config c = config_of(t);

		lab_init(&l, t, &c, 1000 + seed);
		note(&f, connect_once(&l), seed);
		end_seed(&l, &f, seed);
	}
	judge(t, &f);
}

/* Host and guest start together: registering is lossy too. */
static void run_together(struct trial *t)
{
	struct figures f = {0};
	struct lab l;

	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct lab_config c = config_of(t);

		lab_init(&l, t, &c, 2000 + seed);
		machine_start(l.rendezvous[0]);
		machine_start(l.host);
		note(&f, lab_connect(&l, CONNECT), seed);
		end_seed(&l, &f, seed);
	}
	judge(t, &f);
}

/* A connection stays one: ten minutes of traffic and nothing but the links' loss. */
static void run_stay(struct trial *t)
{
	struct lab_config c = config_of(t);
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	connect_once(&l);
	app = machine_app(l.guest, 100, 50 * MILLISECOND, 12000);
	world_run(l.w, 601 * SECOND);
	if (!l.w->failed && (l.guest->seen[EVENT_LOST].count > 0 ||
				    l.host->seen[EVENT_GUEST_GONE].count > 0))
		world_fail(l.w, "the path was lost");
	/* 0.7^2 of 12,000 up, 0.7^4 back: five standard deviations around. */
	if (!l.w->failed &&
		(app->stream.up.delivered < 5600 || app->stream.up.delivered > 6160))
		world_fail(
			l.w, "%u of 5,880 arrived", (unsigned)app->stream.up.delivered);
	if (!l.w->failed &&
		(app->stream.down.delivered < 2640 || app->stream.down.delivered > 3125))
		world_fail(l.w, "%u of 2,881 came back",
			(unsigned)app->stream.down.delivered);
	lab_fini(&l, "%s", "");
}

void trials_loss(struct trials *list)
{
	trials_add(list, run_connect, 0, "loss of 30 %% at host and guest, 100 seeds");
	trials_add(
		list, run_connect, 1, "loss of 30 %% at the rendezvous too, 100 seeds");
	trials_add(list, run_together, 0, "loss of 30 %%, started together, 100 seeds");
	trials_add(list, run_stay, 0, "loss of 30 %%, ten minutes of traffic");
}
