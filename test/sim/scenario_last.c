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

void trials_last(struct trials *list)
{
	trials_add(list, run_dropped, 0, "last: the direct path is dropped");
}
