/* SPDX-License-Identifier: MIT */
/* Idle sessions behind NATs that forget: how rarely a guest sends, and that the path is there
 * all the same when somebody speaks. */
#include <inttypes.h>

#include "sim/lab.h"

#define HOUR (3600 * SECOND)

static const struct idle {
	unsigned host, guest; /* lifetimes, s */
	enum nat_allocation allocation;
	uint64_t most; /* datagrams of the guest's, in an hour, after one to learn in */
} idles[] = {
	{300, 300, NAT_PRESERVING, 40},
	{120, 120, NAT_PRESERVING, 40},
	{120, 120, NAT_RANDOM, 40},
	{30, 300, NAT_PRESERVING, 160},
	{300, 30, NAT_PRESERVING, 140},
	{30, 30, NAT_RANDOM, 260},
	{300, 20, NAT_PRESERVING, 210},
	{8, 300, NAT_PRESERVING, 640},
	{300, 8, NAT_RANDOM, 860},
	{5, 5, NAT_PRESERVING, 810},
	{5, 5, NAT_RANDOM, 810},
};

/* Times in three hours that a longer silence was tried, and the path had to be found anew. */
#define FOUND_ANEW 4

/* What one hour took of the guest. */
static void run_hour(struct trial *t, struct lab *l, uint64_t most)
{
	uint64_t sent = l->guest->outputs;

	world_run(l->w, HOUR);
	sent = l->guest->outputs - sent;
	trial_note(t, "%" PRIu64 " ", sent);
	if (!l->w->failed && sent > most)
		world_fail(l->w, "%" PRIu64 " datagrams in an hour", sent);
}

static void run_idle(struct trial *t)
{
	const struct idle *i = &idles[t->arg];
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *app;
	uint64_t asked;
	struct lab l;

	lab_init(&l, t, &c, 0);
	l.host_site->nat->config.timeout = i->host * SECOND;
	l.guest_site->nat->config.timeout = i->guest * SECOND;
	l.host_site->nat->config.allocation = i->allocation;
	l.guest_site->nat->config.allocation = i->allocation;
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, SECOND, 1);
	run_hour(t, &l, 1300);
	asked = l.guest->seen[EVENT_ASKING].count;
	for (unsigned hour = 0; hour < 3; hour++)
		run_hour(t, &l, i->most);
	asked = l.guest->seen[EVENT_ASKING].count - asked;
	if (!l.w->failed && asked > FOUND_ANEW)
		world_fail(l.w, "the path was lost %" PRIu64 " times", asked);
	app_continue(l.guest, app, 10 * MILLISECOND, 100);
	if (!wait_all(l.w, app, 2 * SECOND))
		require_all(l.w, app);
	lab_fini(&l, "%s", "");
}

void trials_keepalive(struct trials *list)
{
	for (unsigned i = 0; i < sizeof(idles) / sizeof(idles[0]); i++)
		trials_add(list, run_idle, (int)i, "idle: lifetimes of %u s and %u s%s",
			idles[i].host, idles[i].guest,
			idles[i].allocation == NAT_RANDOM ? ", random ports" : "");
}
