/* SPDX-License-Identifier: MIT */
/* Strangers and eavesdroppers: whatever they send, nothing changes but counters. The
 * machine promises (amplification and the rest) are asserted after every event as always.
 */
#include <inttypes.h>
#include <string.h>

#include "core/frame.h"
#include "core/message.h"
#include "sim/attacker.h"
#include "sim/lab.h"
#include "sim/packet.h"

/* One registration, one connection, nothing lost on either side. */
static void require_calm(struct lab *l)
{
	static const struct {
		bool at_guest;
		enum event_type type;
		uint64_t times;
	} rules[] = {
		{false, EVENT_REGISTERED, 1},
		{false, EVENT_LEASE_LOST, 0},
		{false, EVENT_LEASE_REFUSED, 0},
		{false, EVENT_MAPPING_SPOILT, 0},
		{false, EVENT_GUEST_CONNECTED, 1},
		{false, EVENT_GUEST_NEW, 1},
		{false, EVENT_GUEST_GONE, 0},
		{false, EVENT_VERSION_MISMATCH, 0},
		{true, EVENT_CONNECTED, 1},
		{true, EVENT_LOST, 0},
		{true, EVENT_REFUSED, 0},
		{true, EVENT_ASK_REFUSED, 0},
		{true, EVENT_VERSION_MISMATCH, 0},
	};

	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct machine *m = rules[i].at_guest ? l->guest : l->host;
		uint64_t times = m->seen[rules[i].type].count;

		REQUIRE(l->w, times == rules[i].times,
			"%s: %s %" PRIu64 " times, not %" PRIu64, m->node.name,
			event_name(rules[i].type), times, rules[i].times);
	}
}

/* An eavesdropper at work from the first moment on: everything goes on as if it were not
 * there. arg: the kind of attack; ATTACK_COUNT: all of them. */
static void run_noise(struct trial *t)
{
	static const enum guard guards[] = {GUARD_NONE, GUARD_PORT, GUARD_FIREWALL};

	for (unsigned i = 0; i < 3 && !t->failed; i++) {
		struct lab_config c = lab_config_of(guards[i], guards[i]);
		struct attacker *a;
		struct app *app;
		struct lab l;

		lab_init(&l, t, &c, i);
		a = attacker_new(l.w, MILLISECOND);
		if (t->arg < ATTACK_COUNT)
			a->kinds = 1u << t->arg;
		lab_up(&l, 163 * MILLISECOND);
		app = machine_app(l.guest, 100, 5 * MILLISECOND, 4000);
		if (!wait_all(l.w, app, 21 * SECOND))
			require_all(l.w, app);
		world_run(l.w, 60 * SECOND); /* and while idle */
		app_continue(l.guest, app, 5 * MILLISECOND, 1000);
		if (!wait_all(l.w, app, 6 * SECOND))
			require_all(l.w, app);
		if (!l.w->failed && app->stream.slowest > 60 * MILLISECOND)
			world_fail(l.w, "an echo took %.1f ms", ms(app->stream.slowest));
		if (!l.w->failed)
			require_calm(&l);
		lab_fini(&l, "%s", guard_name(guards[i]));
	}
}

static bool wants_type(const struct packet *p, uint8_t type)
{
	return message_is(p->data, p->len) && message_type(p->data) == type;
}

static bool wants_registering(const struct packet *p)
{
	return wants_type(p, MESSAGE_REGISTER) || wants_type(p, MESSAGE_REFRESH);
}

static bool wants_frames(const struct packet *p)
{
	return frame_is(p->data, p->len);
}

static bool wants_hello(const struct packet *p)
{
	return wants_type(p, MESSAGE_HELLO);
}

/* A lease moves only by a cookie of the new address: a stolen registration moves nothing.
 */
static void run_stolen_lease(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct attacker *a;
	struct lab l;

	lab_init(&l, t, &c, 0);
	a = attacker_new(l.w, 50 * MILLISECOND);
	a->wants = wants_registering;
	a->kinds = 1u << ATTACK_STOLEN;
	lab_up(&l, 163 * MILLISECOND);
	world_run(l.w, SECOND);
	if (!l.w->failed)
		require_calm(&l);
	if (!l.w->failed && a->sent[ATTACK_STOLEN] == 0)
		world_fail(l.w, "nothing was stolen");
	lab_fini(&l, "%s", "");
}

/* Frames from elsewhere, whole or broken, move no session. */
static void run_stolen_frames(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_NONE, GUARD_NONE);
	struct attacker *a;
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	a = attacker_new(l.w, 3 * MILLISECOND);
	a->wants = wants_frames;
	a->kinds = 1u << ATTACK_STOLEN | 1u << ATTACK_CROSSED | 1u << ATTACK_REPLAYED;
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 1000);
	if (!wait_all(l.w, app, 11 * SECOND))
		require_all(l.w, app);
	if (!l.w->failed)
		require_calm(&l);
	if (!l.w->failed && a->received > 0)
		world_fail(l.w, "%" PRIu64 " bytes went to the attacker", a->received);
	lab_fini(&l, "%s", "");
}

/* arg hellos heard are played again each millisecond, from where they came and from a new
 * address each time. */
static void flood(struct lab *l, struct attacker *a, unsigned each, unsigned span)
{
	for (unsigned i = 0; i < span && !l->w->failed; i++) {
		for (unsigned k = 0; k < each; k++) {
			const struct packet *p = attacker_heard(a);
			struct addr src = addr_v4(
				31, (uint8_t)(i >> 8), (uint8_t)i, (uint8_t)k, 999);

			if (p != NULL)
				attacker_send(a, k % 2 == 0 ? &p->src : &src, &p->dst,
					p->data, p->len);
		}
		world_run(l->w, MILLISECOND);
	}
}

/* A flood of hellos with right MACs: the session there goes on, and a new guest gets in.
 */
static void run_hello_flood(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_NONE, GUARD_PORT);
	struct machine *late;
	struct attacker *a;
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	a = attacker_new(l.w, 0);
	a->wants = wants_hello;
	lab_up(&l, 163 * MILLISECOND);
	late = lab_guest(&l, site_of(l.w, GUARD_PORT, &c.guest_access), "late");
	app = machine_app(l.guest, 100, 5 * MILLISECOND, 1000000);
	flood(&l, a, (unsigned)t->arg, 2000);
	if (!l.w->failed)
		machine_start(late);
	flood(&l, a, (unsigned)t->arg, 163);
	if (!l.w->failed && !is_connected(late))
		world_fail(l.w, "the late guest did not connect within 163 ms");
	flood(&l, a, (unsigned)t->arg, 2000);
	app_continue(l.guest, app, 0, 0);
	world_run(l.w, SECOND);
	if (!l.w->failed)
		require_all(l.w, app);
	if (!l.w->failed && l.guest->seen[EVENT_LOST].count > 0)
		world_fail(l.w, "the first guest lost its path");
	lab_fini(&l, "%s", "");
}

/* Whoever holds up a hello and plays it later gets a half-open session at most: a frame
 * that does not authenticate makes nothing of it. arg: the first octet of that frame. */
static void run_half_open(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_NONE, GUARD_NONE);
	uint8_t frame[64];
	struct attacker *a;
	const struct packet *p;
	struct lab l;

	lab_init(&l, t, &c, 0);
	a = attacker_new(l.w, 0);
	a->wants = wants_hello;
	lab_start(&l);
	if (!l.w->failed)
		machine_start(l.guest);
	/* Its hello is on its way, nothing after it gets through. */
	world_run(l.w, 130 * MILLISECOND);
	l.guest_site->access->config.cut[0] = true;
	world_run(l.w, 100 * MILLISECOND);
	p = attacker_heard(a);
	rng_fill(&l.w->rng, frame, sizeof(frame));
	frame[0] = (uint8_t)t->arg;
	for (unsigned i = 0; i < 10 && p != NULL && !l.w->failed; i++) {
		attacker_send(a, &p->src, &p->dst, frame, sizeof(frame));
		world_run(l.w, 20 * MILLISECOND);
	}
	if (!l.w->failed && l.host->host.counts.half_open != 1)
		world_fail(l.w, "%u half-open", l.host->host.counts.half_open);
	if (!l.w->failed && l.host->seen[EVENT_GUEST_CONNECTED].count > 0)
		world_fail(l.w, "a guest counts as connected whose frames never opened");
	lab_fini(&l, "%s", "");
}

/* A guest whose path is dead is not kept from trying again by frames that open for
 * nobody, sent from its host's address. */
static void run_kept_silent(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_NONE, GUARD_NONE);
	uint8_t frame[64] = {0};
	struct attacker *a;
	struct path path;
	struct addr self;
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	a = attacker_new(l.w, 0);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 20 * MILLISECOND, 1000000);
	world_run(l.w, SECOND);
	path = l.guest->seen[EVENT_CONNECTED].last.path;
	self = l.guest->sockets[path.socket].bound;
	self = machine_addr(l.guest, self.port, false);
	frame[0] = (uint8_t)t->arg;
	machine_kill(l.host);
	machine_start(l.host);
	for (unsigned i = 0; i < 500 && !l.w->failed; i++) {
		attacker_send(a, &path.remote, &self, frame, sizeof(frame));
		world_run(l.w, 10 * MILLISECOND);
	}
	if (!l.w->failed && app->stream.echoed_at + SECOND < l.w->now)
		world_fail(l.w, "no traffic 5 s after the restart");
	lab_fini(&l, "%s", "");
}

/* Bare STUN is answered within its limits, and to nobody more than it asked. */
static void run_stun_flood(struct trial *t)
{
	static const uint8_t question[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3};
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct addr server;
	struct attacker *a;
	struct lab l;

	lab_init(&l, t, &c, 0);
	a = attacker_new(l.w, 0);
	machine_start(l.rendezvous[0]);
	server = machine_addr(l.rendezvous[0], RENDEZVOUS_PORT, false);
	for (unsigned i = 0; i < 10000 && !l.w->failed; i++) {
		attacker_send(a, &a->own, &server, question, sizeof(question));
		world_run(l.w, MILLISECOND);
	}
	/* 20 a second and network, and what the bucket holds at first. */
	if (!l.w->failed && (l.rendezvous[0]->promise.stun_answers < 200 ||
				    l.rendezvous[0]->promise.stun_answers > 300))
		world_fail(l.w, "%" PRIu64 " answers in 10 s",
			l.rendezvous[0]->promise.stun_answers);
	trial_note(t, "%" PRIu64 " answers", l.rendezvous[0]->promise.stun_answers);
	lab_fini(&l, "%s", "");
}

void trials_attack(struct trials *list)
{
	static const char *const kinds[] = {
#define X(name, text) text,
		ATTACK_MAP(X)
#undef X
			"all"};

	for (int i = 0; i <= ATTACK_COUNT; i++)
		trials_add(list, run_noise, i, "attack: %s", kinds[i]);
	trials_add(list, run_stolen_lease, 0, "attack: stolen registrations");
	trials_add(list, run_stolen_frames, 0, "attack: stolen frames");
	trials_add(list, run_hello_flood, 5, "attack: hello flood");
	trials_add(list, run_half_open, 0x50, "attack: half-open session, wrong epoch");
	trials_add(list, run_half_open, 0x41, "attack: half-open session, spare bit");
	trials_add(list, run_half_open, 0x40, "attack: half-open session, wrong tag");
	trials_add(list, run_kept_silent, 0x50, "attack: kept silent by a wrong epoch");
	trials_add(list, run_kept_silent, 0x40, "attack: kept silent by a wrong tag");
	trials_add(list, run_stun_flood, 0, "attack: STUN flood");
}
