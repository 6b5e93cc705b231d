/* SPDX-License-Identifier: MIT */
#include "sim/lab.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

double ms(uint64_t span)
{
	return (double)span / 1e6;
}

static struct link_config access(uint64_t delay)
{
	return (struct link_config){.delay = delay, .mtu = 1500};
}

struct lab_config lab_config_of(enum guard host, enum guard guest)
{
	return (struct lab_config){.host = host,
		.guest = guest,
		.host_access = access(10 * MILLISECOND),
		.guest_access = access(15 * MILLISECOND),
		.rendezvous_access = access(5 * MILLISECOND),
		.rendezvous = 1,
		.hops = 3};
}

/* Beside an IPv6-only site the other one is dual-stack: else they could never meet. */
static struct site *site_beside(struct world *w, enum guard guard, enum guard other,
	const struct link_config *link)
{
	struct site_config c = site_config_of(guard);

	if (other != GUARD_FIREWALL || guard == GUARD_FIREWALL)
		return site_of(w, guard, link);
	c.access = *link;
	c.v6 = c.firewall = true;
	return site_new(w, &c);
}

static void rendezvous_new_at(struct lab *l, const struct lab_config *config, unsigned i)
{
	struct site_config c = site_config_plain();
	char name[24];

	c.v6 = true;
	c.access = config->rendezvous_access;
	snprintf(name, sizeof(name), "rdv%u", i);
	l->rendezvous[i] = machine_new(site_new(l->w, &c), MACHINE_RENDEZVOUS, name);
}

static void dial_all(struct lab *l, struct machine *m)
{
	for (unsigned i = 0; i < l->rendezvous_count; i++) {
		if (m->v6.family != ADDR_NONE)
			machine_dial(m, l->rendezvous[i], true);
		if (m->v4.family != ADDR_NONE)
			machine_dial(m, l->rendezvous[i], false);
	}
	for (unsigned i = 0; l->streams && i < l->rendezvous_count; i++) {
		if (m->v6.family != ADDR_NONE)
			machine_dial_streams(m, l->rendezvous[i], true);
		if (m->v4.family != ADDR_NONE)
			machine_dial_streams(m, l->rendezvous[i], false);
	}
}

struct machine *lab_guest(struct lab *l, struct site *site, const char *name)
{
	struct machine *m = machine_new(site, MACHINE_GUEST, name);

	credentials_of(&m->guest.credentials, &l->host->host.service);
	dial_all(l, m);
	return m;
}

void lab_init(
	struct lab *l, struct trial *t, const struct lab_config *config, uint64_t seed)
{
	*l = (struct lab){.trial = t,
		.rendezvous_count = config->rendezvous,
		.streams = config->streams,
		.registered_within = SECOND};
	l->w = internet_new(t->seed + seed, t->verbose, config->hops);
	for (unsigned i = 0; i < config->rendezvous; i++)
		rendezvous_new_at(l, config, i);
	l->host_site = config->make_host_site != NULL
			       ? config->make_host_site(l->w, config->arg)
			       : site_beside(l->w, config->host, config->guest,
					 &config->host_access);
	l->guest_site = config->make_guest_site != NULL
				? config->make_guest_site(l->w, config->arg)
				: site_beside(l->w, config->guest, config->host,
					  &config->guest_access);
	l->host = machine_new(l->host_site, MACHINE_HOST, "host");
	dial_all(l, l->host);
	l->guest = lab_guest(l, l->guest_site, "guest");
}

void lab_fini(struct lab *l, const char *label, ...)
{
	char text[128];
	va_list args;

	va_start(args, label);
	vsnprintf(text, sizeof(text), label, args);
	va_end(args);
	if (l->w->failed)
		trial_fail(l->trial, "%s%s%s", text, text[0] != '\0' ? ": " : "",
			l->w->failure);
	world_free(l->w);
}

bool is_relayed(const struct machine *guest)
{
	return guest->seen[EVENT_CONNECTED].last.path.channel != 0;
}

bool wait_direct(const struct machine *guest, uint64_t span)
{
	struct world *w = guest->node.world;
	uint64_t end = w->now + span;

	while (!w->failed && w->now < end && is_relayed(guest))
		world_run(w, 10 * MILLISECOND);
	return !is_relayed(guest);
}

struct event_wait {
	struct machine *m;
	enum event_type type;
	uint64_t count;
};

static bool event_seen(void *arg)
{
	const struct event_wait *e = arg;

	return e->m->seen[e->type].count >= e->count;
}

bool wait_event(struct machine *m, enum event_type type, uint64_t count, uint64_t span)
{
	struct event_wait e = {m, type, count};

	return world_wait(m->node.world, event_seen, &e, span);
}

bool is_connected(void *guest)
{
	const struct machine *m = guest;

	return m->core != NULL && guest_connected(m->core);
}

bool wait_connected(struct machine *guest, uint64_t span)
{
	return world_wait(guest->node.world, is_connected, guest, span);
}

struct echo_wait {
	const struct app *app;
	uint64_t sent_at;
};

static bool echo_seen(void *arg)
{
	const struct echo_wait *e = arg;

	return e->app->stream.echoed_sent_at >= e->sent_at;
}

bool wait_echo(struct world *w, struct app *app, uint64_t sent_at, uint64_t span)
{
	struct echo_wait e = {app, sent_at};

	return world_wait(w, echo_seen, &e, span);
}

static bool all_back(void *arg)
{
	const struct app *app = arg;

	return app->left == 0 && app->stream.down.delivered == app->stream.up.sent;
}

bool wait_all(struct world *w, struct app *app, uint64_t span)
{
	return world_wait(w, all_back, app, span);
}

void require_all(struct world *w, const struct app *app)
{
	const struct stream *s = &app->stream;

	if (s->up.delivered != s->up.sent || s->down.delivered != s->up.sent)
		world_fail(w,
			"of %" PRIu64 " datagrams %" PRIu64
			" reached the target and %" PRIu64 " came back",
			s->up.sent, s->up.delivered, s->down.delivered);
}

void lab_start(struct lab *l)
{
	for (unsigned i = 0; i < l->rendezvous_count; i++)
		machine_start(l->rendezvous[i]);
	machine_start(l->host);
	REQUIRE(l->w, wait_event(l->host, EVENT_REGISTERED, 1, l->registered_within),
		"the host did not register within %.1f ms", ms(l->registered_within));
	/* Its checks of the mapping and of its levels come to an end. */
	world_run(l->w, 2 * SECOND);
}

uint64_t lab_connect(struct lab *l, uint64_t span)
{
	uint64_t at = l->w->now;

	l->guest_started_at = at;
	if (l->w->failed)
		return 0;
	machine_start(l->guest);
	if (!wait_connected(l->guest, span))
		world_fail(l->w, "%s did not connect within %.1f ms", l->guest->node.name,
			ms(span));
	return l->w->now - at;
}

uint64_t lab_up(struct lab *l, uint64_t span)
{
	lab_start(l);
	return lab_connect(l, span);
}

void lab_restart_relay(struct lab *l, struct trial *t)
{
	struct app *app = machine_app(l->guest, 100, 10 * MILLISECOND, 1000000);
	uint64_t worst = 0;

	for (unsigned i = 0; i < 10 && !l->w->failed; i++) {
		uint64_t at;

		world_run(l->w, 5 * SECOND + i * 317 * MILLISECOND);
		machine_kill(l->rendezvous[0]);
		machine_start(l->rendezvous[0]);
		at = l->w->now;
		if (!wait_echo(l->w, app, at + 1, 5 * SECOND))
			world_fail(l->w, "no traffic within 5 s");
		worst = l->w->now - at > worst ? l->w->now - at : worst;
	}
	trial_note(t, "worst of 10: %.1f ms", ms(worst));
}
