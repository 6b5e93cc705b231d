/* SPDX-License-Identifier: MIT */
/* New keys every two minutes of use, and nobody notices. That no nonce is used twice is
 * asserted in every scenario (nonces.h). */
#include <inttypes.h>
#include <string.h>

#include "core/frame.h"
#include "core/message.h"
#include "sim/lab.h"
#include "sim/nonces.h"
#include "sim/packet.h"

#define REKEY_SPAN (120 * SECOND)

/* What goes over the wire tells when keys change. */
struct watch {
	bool any;
	uint8_t epoch;
	uint64_t changes;
	uint64_t changed_at, longest; /* ns between changes */
};

static void watch_frame(void *arg, struct machine *m, const struct packet *packet)
{
	struct watch *watch = arg;
	struct frame_header h;
	uint64_t now = m->node.world->now;

	if (packet->icmp != ICMP_NONE || packet->attack)
		return;
	/* Under loss a guest may doubt its path and meet its host anew: other keys, too. */
	if (message_is(packet->data, packet->len) &&
		(message_type(packet->data) == MESSAGE_HELLO ||
			message_type(packet->data) == MESSAGE_WELCOME))
		watch->any = false;
	if (!frame_is(packet->data, packet->len) ||
		!frame_header_decode(&h, packet->data))
		return;
	if (!watch->any) {
		watch->any = true;
		watch->epoch = h.epoch;
		watch->changed_at = now;
	} else if (h.epoch == (watch->epoch + 1) % 4) {
		watch->epoch = h.epoch;
		watch->changes++;
		if (now - watch->changed_at > watch->longest)
			watch->longest = now - watch->changed_at;
		watch->changed_at = now;
	}
}

static void watch_both(struct lab *l, struct watch watches[2])
{
	memset(watches, 0, 2 * sizeof(*watches));
	l->host->tap = l->guest->tap = watch_frame;
	l->host->tap_arg = &watches[0];
	l->guest->tap_arg = &watches[1];
}

/* One session all the time. */
static void require_one(struct lab *l)
{
	REQUIRE(l->w, l->guest->seen[EVENT_CONNECTED].count == 1, "it connected anew");
	REQUIRE(l->w, l->guest->seen[EVENT_LOST].count == 0, "the path was lost");
	REQUIRE(l->w, l->host->seen[EVENT_GUEST_CONNECTED].count == 1,
		"the host met it anew");
	REQUIRE(l->w, nonces_heard() > 0, "the tap on seals is not linked in");
}

/* Both directions changed keys at least so often, never later than that. */
static void require_rekeyed(
	struct lab *l, const struct watch watches[2], uint64_t least, uint64_t longest)
{
	for (unsigned i = 0; i < 2; i++) {
		REQUIRE(l->w, watches[i].changes >= least,
			"keys changed %" PRIu64 " times, not %" PRIu64,
			watches[i].changes, least);
		REQUIRE(l->w, watches[i].longest <= longest,
			"keys were used %.1f s, not %.1f", ms(watches[i].longest) / 1000,
			ms(longest) / 1000);
	}
}

/* An hour of a datagram every 20 ms: 29 changes of keys, not one datagram lost or late. */
static void run_hour(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct watch watches[2];
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	watch_both(&l, watches);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 200, 20 * MILLISECOND, 180000);
	world_run(l.w, 3601 * SECOND);
	if (!l.w->failed)
		require_all(l.w, app);
	if (!l.w->failed && app->stream.slowest > 51 * MILLISECOND)
		world_fail(l.w, "an echo took %.1f ms", ms(app->stream.slowest));
	if (!l.w->failed)
		require_rekeyed(&l, watches, 29, REKEY_SPAN + 300 * MILLISECOND);
	if (!l.w->failed)
		require_one(&l);
	trial_note(t, "%" PRIu64 " keys, longest used %.1f s", watches[0].changes + 1,
		ms(watches[0].longest) / 1000);
	lab_fini(&l, "%s", "");
}

static uint64_t met_anew(const struct lab *l)
{
	return l->guest->seen[EVENT_CONNECTED].count - 1;
}

/* 30 % of loss on both access links: a question and its answer pass in one of four tries,
 * which are 200 ms apart. Ten minutes with each of 20 seeds. Now and then 0.7 s of silence
 * makes the guest give up its path and meet its host anew, which is as good. */
static void run_lossy(struct trial *t)
{
	uint64_t longest = 0;

	for (unsigned seed = 0; seed < 20 && !t->failed; seed++) {
		struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
		struct link_config *links[] = {&c.host_access, &c.guest_access};
		struct watch watches[2];
		struct lab l;

		for (unsigned i = 0; i < 2; i++)
			links[i]->loss[0] = links[i]->loss[1] = 300000;
		lab_init(&l, t, &c, seed);
		watch_both(&l, watches);
		lab_up(&l, 5 * SECOND);
		machine_app(l.guest, 200, 50 * MILLISECOND, 12000);
		world_run(l.w, 600 * SECOND);
		if (!l.w->failed)
			require_rekeyed(&l, watches,
				met_anew(&l) < 2 ? 2 - met_anew(&l) : 0,
				REKEY_SPAN + 8 * SECOND);
		for (unsigned i = 0; i < 2; i++)
			if (watches[i].longest > longest)
				longest = watches[i].longest;
		lab_fini(&l, "seed %u", seed);
	}
	trial_note(t, "longest used %.1f s", ms(longest) / 1000);
}

/* Frames of before and after overtake each other and come twice: each is delivered once. */
static void run_disorder(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct link_config *links[] = {&c.host_access, &c.guest_access};
	struct app *app;
	struct lab l;

	for (unsigned i = 0; i < 2; i++) {
		links[i]->duplicate = 200000;
		links[i]->reorder = 300000;
		links[i]->reorder_span = 300 * MILLISECOND;
	}
	lab_init(&l, t, &c, 0);
	lab_up(&l, 2 * SECOND);
	app = machine_app(l.guest, 200, 5 * MILLISECOND, 120000);
	world_run(l.w, 602 * SECOND);
	if (!l.w->failed)
		require_all(l.w, app);
	if (!l.w->failed)
		require_one(&l);
	lab_fini(&l, "%s", "");
}

/* A datagram a minute. arg: days. */
static void run_sparse(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	uint64_t days = (uint64_t)t->arg;
	struct watch watches[2];
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	watch_both(&l, watches);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 200, 60 * SECOND, days * 1440);
	for (uint64_t day = 0; day < days; day++)
		world_run(l.w, UINT64_C(86400) * SECOND);
	if (!l.w->failed)
		require_all(l.w, app);
	if (!l.w->failed && app->stream.slowest > 51 * MILLISECOND)
		world_fail(l.w, "an echo took %.1f ms", ms(app->stream.slowest));
	/* Keys age from their first datagram on, which may come a minute after them. */
	if (!l.w->failed)
		require_rekeyed(&l, watches, days * 86400 / 181 - 1, 181 * SECOND);
	if (!l.w->failed)
		require_one(&l);
	trial_note(t, "%" PRIu64 " keys, %" PRIu64 " seals", watches[0].changes + 1,
		nonces_heard());
	lab_fini(&l, "%s", "");
}

/* Keys that nothing used need no successor. */
static void run_unused(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct watch watches[2];
	struct lab l;

	lab_init(&l, t, &c, 0);
	watch_both(&l, watches);
	lab_up(&l, 163 * MILLISECOND);
	world_run(l.w, 3600 * SECOND);
	if (!l.w->failed && watches[0].changes > 0)
		world_fail(
			l.w, "idle keys changed %" PRIu64 " times", watches[0].changes);
	if (!l.w->failed)
		require_one(&l);
	lab_fini(&l, "%s", "");
}

/* A side moves while the keys change, at every step of that. arg 0: the guest; 1: the host,
 * of which the guest hears at its next refresh of the lease, if not before; whichever of
 * them asks first, the session goes on or they meet anew. */
static void run_moving(struct trial *t)
{
	const uint64_t most = (t->arg == 0 ? 122 : 3500) * MILLISECOND;
	uint64_t worst = 0;

	for (unsigned step = 0; step < 30 && !t->failed; step++) {
		enum guard host = t->arg == 0 ? GUARD_NONE : GUARD_PORT;
		enum guard guest = t->arg == 0 ? GUARD_PORT : GUARD_NONE;
		struct lab_config c = lab_config_of(host, guest);
		struct watch watches[2];
		struct app *app;
		struct lab l;
		uint64_t at;

		lab_init(&l, t, &c, step);
		watch_both(&l, watches);
		lab_up(&l, 163 * MILLISECOND);
		app = machine_app(l.guest, 200, 10 * MILLISECOND, 1000000);
		world_run(l.w, REKEY_SPAN - 50 * MILLISECOND + step * 5 * MILLISECOND);
		nat_renumber(t->arg == 0 ? l.guest_site->nat : l.host_site->nat);
		at = l.w->now;
		if (!wait_echo(l.w, app, at + 1, most))
			world_fail(l.w, "no traffic within %.0f ms", ms(most));
		worst = l.w->now - at > worst ? l.w->now - at : worst;
		world_run(l.w, REKEY_SPAN);
		if (!l.w->failed)
			require_rekeyed(&l, watches, 1, REKEY_SPAN + most + SECOND);
		if (!l.w->failed && t->arg == 0)
			require_one(&l);
		if (!l.w->failed && met_anew(&l) > 1)
			world_fail(l.w, "it connected anew more than once");
		lab_fini(&l, "step %u", step);
	}
	trial_note(t, "worst %.1f ms", ms(worst));
}

/* The network is away when keys are due, for longer than old ones are kept. */
static void run_outage(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct watch watches[2];
	struct app *app;
	struct lab l;
	uint64_t at;

	/* One way only, so that one side has new keys and the other does not know. */
	for (unsigned way = 0; way < 3 && !t->failed; way++) {
		lab_init(&l, t, &c, way);
		watch_both(&l, watches);
		lab_up(&l, 163 * MILLISECOND);
		app = machine_app(l.guest, 200, 20 * MILLISECOND, 1000000);
		world_run(l.w, REKEY_SPAN - SECOND);
		l.host_site->access->config.cut[0] = way != 1;
		l.host_site->access->config.cut[1] = way != 0;
		world_run(l.w, 20 * SECOND);
		l.host_site->access->config.cut[0] = false;
		l.host_site->access->config.cut[1] = false;
		at = l.w->now;
		if (!wait_echo(l.w, app, at, 5 * SECOND))
			world_fail(l.w, "no traffic within 5 s");
		world_run(l.w, REKEY_SPAN);
		trial_note(
			t, "%s%.0f ms", way > 0 ? ", " : "", ms(l.w->now - at) - 120000);
		lab_fini(&l, "way %u", way);
	}
}

void trials_rekey(struct trials *list)
{
	trials_add(list, run_hour, 0, "rekey: an hour of traffic");
	trials_add(list, run_lossy, 0, "rekey: loss of 30 %%, 20 seeds");
	trials_add(list, run_disorder, 0, "rekey: duplicating, reordering network");
	trials_add(list, run_unused, 0, "rekey: an hour without traffic");
	trials_add(list, run_moving, 0, "rekey: while the guest moves");
	trials_add(list, run_moving, 1, "rekey: while the host moves");
	trials_add(list, run_outage, 0, "rekey: outages when it is due");
	trials_add(list, run_sparse, 7, "rekey: a week of a datagram a minute");
	trials_add(list, run_sparse, 365, "rekey: a year of a datagram a minute")
		->is_long = true;
}
