/* SPDX-License-Identifier: MIT */
/* What passes: any size, many flows, many guests; once each, in order, to the right
 * place. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/frame.h"
#include "sim/lab.h"

static void run_sizes(struct trial *t)
{
	/* Around what fits a frame, a packet and a datagram, with and without flow id. */
	static const size_t sizes[] = {32, 0, 1, 2, 7, 8, 15, 16, 31, 33, 508, 1200, 1424,
		1450, 1452, 1453, 1472, 1473, 1500, 2000, 4096, 9000, 16384, 32768, 65483,
		65484, 65485, 65486, 65487, 65488, 65489, 65505, 65506, 65507};
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *apps[2];
	struct lab l;

	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	for (unsigned a = 0; a < 2; a++) /* flow 0, then one with an id inside the seal */
		apps[a] = machine_app(l.guest, 0, 0, 0);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !l.w->failed; i++)
		for (unsigned a = 0; a < 2 && !l.w->failed; a++) {
			app_send(l.guest, apps[a], sizes[i]);
			if (!wait_all(l.w, apps[a], SECOND))
				world_fail(l.w, "flow %u: %zu bytes did not come back", a,
					sizes[i]);
		}
	lab_fini(&l, "%s", "");
}

/* Bursts of mixed sizes at one instant keep their order. */
static void run_bursts(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 0, 0, 0);
	for (unsigned burst = 0; burst < 100 && !l.w->failed; burst++) {
		for (unsigned i = 0; i < 64; i++) {
			uint64_t kind = rng_below(&l.w->rng, 20);
			uint64_t most = kind == 0 ? STREAM_MAX : 1400;

			app_send(l.guest, app, rng_between(&l.w->rng, 32, most));
		}
		world_run(l.w, 10 * MILLISECOND);
	}
	if (!wait_all(l.w, app, SECOND))
		require_all(l.w, app);
	lab_fini(&l, "%s", "");
}

/* arg 0: the network duplicates; 1: it reorders; 2: both, and loses. */
static void run_network(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct link_config *access[2] = {&c.host_access, &c.guest_access};
	struct app *app;
	struct lab l;

	for (unsigned i = 0; i < 2; i++) {
		access[i]->duplicate = t->arg != 1 ? 300000 : 0;
		access[i]->reorder = t->arg != 0 ? 200000 : 0;
		access[i]->reorder_span = 80 * MILLISECOND;
		access[i]->jitter = 5 * MILLISECOND;
		access[i]->loss[0] = access[i]->loss[1] = t->arg == 2 ? 50000 : 0;
	}
	lab_init(&l, t, &c, 0);
	lab_up(&l, 5 * SECOND);
	app = machine_app(l.guest, 600, 2 * MILLISECOND, 20000);
	world_run(l.w, 42 * SECOND);
	if (!l.w->failed && t->arg != 2)
		require_all(l.w, app);
	if (!l.w->failed && l.guest->seen[EVENT_LOST].count > 0)
		world_fail(l.w, "the path was lost");
	trial_note(t, "%" PRIu64 " of %" PRIu64 " came back", app->stream.down.delivered,
		app->stream.up.sent);
	lab_fini(&l, "%s", "");
}

/* Before the path is up the queue keeps the newest. */
static void run_queue(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	machine_start(l.rendezvous[0]);
	machine_start(l.guest); /* no host yet */
	app = machine_app(l.guest, 1000, MILLISECOND, 5000);
	world_run(l.w, 5 * SECOND);
	machine_start(l.host);
	world_run(l.w, 5 * SECOND);
	if (!l.w->failed &&
		(app->stream.up.delivered == 0 || app->stream.up.delivered > 256))
		world_fail(l.w, "%" PRIu64 " delivered", app->stream.up.delivered);
	if (!l.w->failed && app->stream.up.next[0] != app->stream.next)
		world_fail(l.w, "the newest was dropped");
	if (!l.w->failed &&
		queue_dropped(l.guest->guest.queue) + app->stream.up.delivered != 5000)
		world_fail(l.w, "dropped ones not counted");
	lab_fini(&l, "%s", "");
}

/* arg: flows the guest or (bit 8) the host allows, of 40 that are wanted. Those that were
 * there go on. */
static void run_flow_limit(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	bool at_host = (t->arg & 256) != 0;
	uint32_t max = (uint32_t)t->arg & 255;
	struct app *apps[40];
	unsigned alive = 0;
	struct lab l;

	lab_init(&l, t, &c, 0);
	if (at_host)
		l.host->host.flows_max = max;
	else
		l.guest->guest.flows_max = max;
	lab_up(&l, 163 * MILLISECOND);
	for (unsigned i = 0; i < 40 && !l.w->failed; i++)
		apps[i] = machine_app(l.guest, 100, 100 * MILLISECOND, 50);
	world_run(l.w, 6 * SECOND);
	for (unsigned i = 0; i < 40 && !l.w->failed; i++) {
		uint64_t back = apps[i]->stream.down.delivered;

		if (back != 0 && back != 50)
			world_fail(l.w, "app %u: %" PRIu64 " of 50 came back", i, back);
		alive += back == 50;
	}
	if (!l.w->failed && alive != (max < 40 ? max : 40))
		world_fail(l.w, "%u flows of %u", alive, max);
	lab_fini(&l, "%s", "");
}

/* Flows are forgotten after five idle minutes, on both sides, and come anew. */
static void run_flow_idle(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *apps[3];
	struct lab l;

	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	for (unsigned i = 0; i < 3 && !l.w->failed; i++)
		apps[i] = machine_app(l.guest, 100, 100 * MILLISECOND, 10);
	world_run(l.w, 290 * SECOND);
	for (unsigned round = 0; round < 12 && !l.w->failed; round++) {
		/* 0 speaks every 40 s, 1 and 2 in turns after more than their time. */
		app_continue(l.guest, apps[0], 100 * MILLISECOND, 10);
		if (round % 9 == 8)
			app_continue(
				l.guest, apps[1 + round / 9 % 2], 100 * MILLISECOND, 10);
		world_run(l.w, 40 * SECOND);
	}
	for (unsigned i = 0; i < 3 && !l.w->failed; i++)
		require_all(l.w, apps[i]);
	if (!l.w->failed && l.host->seen[EVENT_FLOW_CLOSED].count < 2)
		world_fail(l.w, "%" PRIu64 " flows closed",
			l.host->seen[EVENT_FLOW_CLOSED].count);
	lab_fini(&l, "%s", "");
}

static struct machine **crowd_new(struct lab *l, unsigned count)
{
	struct machine **crowd = sim_alloc(count * sizeof(struct machine *));
	struct site_config c = site_config_of(GUARD_PORT);

	for (unsigned i = 0; i < count; i++) {
		char name[24];

		snprintf(name, sizeof(name), "guest%u", i);
		c.access.delay = rng_between(&l->w->rng, 2, 40) * MILLISECOND;
		crowd[i] = lab_guest(l, site_new(l->w, &c), name);
	}
	return crowd;
}

/* arg guests at one host: all connect, each speaks, all is delivered. */
static void run_crowd(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	unsigned count = (unsigned)t->arg;
	struct machine **crowd;
	uint64_t worst = 0;
	struct lab l;

	lab_init(&l, t, &c, 0);
	crowd = crowd_new(&l, count);
	lab_start(&l);
	for (unsigned i = 0; i < count && !l.w->failed; i++) {
		machine_app(crowd[i], 200, 200 * MILLISECOND, 20);
		machine_start(crowd[i]);
		world_run(l.w, 10 * MILLISECOND);
	}
	world_run(l.w, 10 * SECOND);
	for (unsigned i = 0; i < count && !l.w->failed; i++) {
		uint64_t took = crowd[i]->seen[EVENT_CONNECTED].last.span;

		worst = took > worst ? took : worst;
		require_all(l.w, crowd[i]->guest.apps[0]);
		if (crowd[i]->seen[EVENT_CONNECTED].count != 1)
			world_fail(l.w, "%s connected %" PRIu64 " times",
				crowd[i]->node.name,
				crowd[i]->seen[EVENT_CONNECTED].count);
	}
	/* The farthest is 25 ms further off than the usual guest, six times. */
	if (!l.w->failed && worst > 313 * MILLISECOND)
		world_fail(l.w, "the slowest took %.1f ms", ms(worst));
	if (!l.w->failed && l.host->host.counts.guests != count)
		world_fail(l.w, "the host counts %u guests", l.host->host.counts.guests);
	trial_note(t, "slowest %.1f ms", ms(worst));
	free(crowd);
	lab_fini(&l, "%s", "");
}

/* 200 guests at the same instant. */
static void run_rush(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct machine **crowd;
	uint64_t worst = 0;
	struct lab l;

	lab_init(&l, t, &c, 0);
	crowd = crowd_new(&l, 200);
	lab_start(&l);
	for (unsigned i = 0; i < 200 && !l.w->failed; i++)
		machine_start(crowd[i]);
	for (unsigned i = 0; i < 200 && !l.w->failed; i++) {
		if (!wait_connected(crowd[i], SECOND))
			world_fail(l.w, "%s did not connect", crowd[i]->node.name);
		if (crowd[i]->seen[EVENT_CONNECTED].last.span > worst)
			worst = crowd[i]->seen[EVENT_CONNECTED].last.span;
	}
	if (!l.w->failed && worst > SECOND)
		world_fail(l.w, "the slowest took %.1f ms", ms(worst));
	trial_note(t, "slowest %.1f ms", ms(worst));
	free(crowd);
	lab_fini(&l, "%s", "");
}

/* The host takes ten; the eleventh hears why not, and the ten go on. */
static void run_full(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct machine **crowd;
	struct lab l;

	lab_init(&l, t, &c, 0);
	l.host->host.guests_max = 10;
	crowd = crowd_new(&l, 11);
	lab_start(&l);
	for (unsigned i = 0; i < 11 && !l.w->failed; i++) {
		machine_start(crowd[i]);
		machine_app(crowd[i], 100, 100 * MILLISECOND, 100);
		world_run(l.w, SECOND);
	}
	world_run(l.w, 20 * SECOND);
	for (unsigned i = 0; i < 10 && !l.w->failed; i++)
		require_all(l.w, crowd[i]->guest.apps[0]);
	if (!l.w->failed &&
		(crowd[10]->seen[EVENT_CONNECTED].count > 0 ||
			crowd[10]->seen[EVENT_REFUSED].count == 0 ||
			crowd[10]->seen[EVENT_REFUSED].last.number != HOST_REFUSAL_FULL))
		world_fail(l.w, "the eleventh was not refused");
	/* One leaves: the eleventh gets its place by itself. */
	machine_shutdown(crowd[3]);
	if (!wait_connected(crowd[10], 10 * SECOND))
		world_fail(l.w, "the place was not given on");
	free(crowd);
	lab_fini(&l, "%s", "");
}

void trials_data(struct trials *list)
{
	trials_add(list, run_sizes, 0, "sizes 0 to 65,507");
	trials_add(list, run_bursts, 0, "bursts of mixed sizes");
	trials_add(list, run_network, 0, "duplicating network");
	trials_add(list, run_network, 1, "reordering network");
	trials_add(list, run_network, 2, "duplicating, reordering, losing network");
	trials_add(list, run_queue, 0, "queue overflows");
	trials_add(list, run_flow_limit, 200, "40 flows");
	trials_add(list, run_flow_limit, 8, "8 flows at the guest");
	trials_add(list, run_flow_limit, 256 | 8, "8 flows at the host");
	trials_add(list, run_flow_idle, 0, "idle flows");
	trials_add(list, run_full, 0, "full host");
	trials_add(list, run_rush, 0, "200 guests at once");
	trials_add(list, run_crowd, 200, "200 guests");
	trials_add(list, run_crowd, 10000, "10,000 guests")->is_long = true;
}
