/* SPDX-License-Identifier: MIT */
/* Finding each other: any order of starting, several rendezvous, several hosts, none. */
#include <stdlib.h>
#include <string.h>

#include "core/message.h"
#include "sim/lab.h"
#include "sim/packet.h"

/* Repeats come every 100 ms for 5 s, then up to 2 s apart: whoever is waited for is
 * noticed within 2 s of its coming, and then a connection takes its 162 ms. */
#define SKEWED (2300 * MILLISECOND)

static void start_all_rendezvous(struct lab *l)
{
	for (unsigned i = 0; i < l->rendezvous_count; i++)
		machine_start(l->rendezvous[i]);
}

/* arg: seconds by which the guest starts later than the host. */
static void run_skew(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_POISON);
	struct machine *first, *second;
	struct lab l;
	uint64_t at;

	lab_init(&l, t, &c, 0);
	first = t->arg >= 0 ? l.host : l.guest;
	second = t->arg >= 0 ? l.guest : l.host;
	start_all_rendezvous(&l);
	machine_start(first);
	world_run(l.w, (uint64_t)abs(t->arg) * SECOND);
	at = l.w->now;
	machine_start(second);
	if (!wait_connected(l.guest, SKEWED))
		world_fail(l.w, "not connected %.0f ms after the second", ms(SKEWED));
	trial_note(t, "connected in %.1f ms", ms(l.w->now - at));
	lab_fini(&l, "%s", "");
}

/* The rendezvous itself comes last. */
static void run_rendezvous_last(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct lab l;
	uint64_t at;

	lab_init(&l, t, &c, 0);
	machine_start(l.host);
	machine_start(l.guest);
	world_run(l.w, 30700 * MILLISECOND);
	at = l.w->now;
	start_all_rendezvous(&l);
	if (!wait_connected(l.guest, 5 * SECOND))
		world_fail(l.w, "not connected 5 s after the rendezvous");
	trial_note(t, "connected in %.1f ms", ms(l.w->now - at));
	lab_fini(&l, "%s", "");
}

/* arg: how many of three rendezvous are dead; bit 2: they do not even say so by ICMP. */
static void run_several(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	unsigned dead = (unsigned)t->arg & 3;
	bool silent = (t->arg & 4) != 0;
	struct lab l;
	uint64_t at;

	c.rendezvous = 3;
	lab_init(&l, t, &c, 0);
	for (unsigned i = dead; i < 3; i++)
		machine_start(l.rendezvous[i]);
	for (unsigned i = 0; i < dead; i++)
		l.rendezvous[i]->site->access->config.cut[0] = silent;
	machine_start(l.host);
	world_run(l.w, 3 * SECOND);
	at = l.w->now;
	machine_start(l.guest);
	if (!wait_connected(l.guest, 163 * MILLISECOND))
		world_fail(l.w, "not connected within 163 ms");
	trial_note(t, "connected in %.1f ms", ms(l.w->now - at));
	world_run(l.w, 60 * SECOND);
	if (!l.w->failed && l.guest->seen[EVENT_LOST].count > 0)
		world_fail(l.w, "the path was lost");
	lab_fini(&l, "%s", "");
}

/* One rendezvous dies for good while the pair is connected, then another guest comes. */
static void run_one_dies(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct machine *late;
	struct lab l;

	c.rendezvous = 2;
	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	machine_kill(l.rendezvous[0]);
	world_run(l.w, 100 * SECOND);
	late = lab_guest(&l, l.guest_site, "late");
	if (!l.w->failed)
		machine_start(late);
	if (!wait_connected(late, 163 * MILLISECOND))
		world_fail(l.w, "the late guest did not connect");
	if (!l.w->failed && l.guest->seen[EVENT_LOST].count > 0)
		world_fail(l.w, "the first guest lost its path");
	lab_fini(&l, "%s", "");
}

/* Two hosts of one service: one instance each. The guest gets one; when that dies, the
 * other. */
static void run_two_hosts(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct machine *other;
	struct app *app;
	struct lab l;
	uint64_t at;
	bool is_first;

	lab_init(&l, t, &c, 0);
	other = machine_new(
		site_of(l.w, GUARD_PORT, &c.host_access), MACHINE_HOST, "host2");
	other->host.service = l.host->host.service;
	rng_fill(&other->rng, other->host.service.instance, INSTANCE_SIZE);
	machine_dial(other, l.rendezvous[0], false);
	lab_start(&l);
	machine_start(other);
	world_run(l.w, 3 * SECOND);
	lab_connect(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 20 * MILLISECOND, 10000);
	world_run(l.w, SECOND);
	is_first = l.host->host.sockets != NULL;
	if (!l.w->failed && is_first == (other->host.sockets != NULL))
		world_fail(l.w, "not exactly one host has the guest");
	machine_kill(is_first ? l.host : other);
	at = l.w->now;
	if (!wait_echo(l.w, app, at, 5 * SECOND))
		world_fail(l.w, "the other host did not take over within 5 s");
	trial_note(t, "taken over in %.1f ms", ms(l.w->now - at));
	lab_fini(&l, "%s", "");
}

/* What a guest hears of a rendezvous, as kinds and lengths. */
struct heard {
	unsigned count;
	struct {
		uint8_t type, last;
		size_t len;
		uint64_t at;
	} of[256];
};

static void hear(void *arg, struct machine *m, const struct packet *packet)
{
	struct heard *h = arg;

	if (h->count == 256)
		return;
	h->of[h->count].type = packet->len > 0 ? message_type(packet->data) : 0;
	h->of[h->count].last = packet->len > 0 ? packet->data[packet->len - 1] : 0;
	h->of[h->count].len = packet->len;
	h->of[h->count++].at = m->node.world->now - m->started_at;
}

static struct machine *doubtful(struct lab *l, struct heard *h, const char *name)
{
	struct site_config c = site_config_of(GUARD_PORT);
	struct machine *m = lab_guest(l, site_new(l->w, &c), name);

	m->tap = hear;
	m->tap_arg = h;
	return m;
}

static bool heard_alike(const struct heard *a, const struct heard *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++) {
		bool is_error = a->of[i].type == MESSAGE_ERROR;

		if (a->of[i].type != b->of[i].type || a->of[i].len != b->of[i].len ||
			(is_error && a->of[i].last != b->of[i].last) ||
			a->of[i].at != b->of[i].at)
			return false;
	}
	return true;
}

/* A wrong secret for a service that is there, and a service that is not: nobody can tell
 * by what the rendezvous says, how long it is, or when it comes. */
static void run_wrong_key(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	static struct heard wrong_heard, unknown_heard;
	struct machine *wrong, *unknown;
	struct guest_progress p;
	struct credentials known;
	struct service other;
	struct entropy entropy;
	struct lab l;

	memset(&wrong_heard, 0, sizeof(wrong_heard));
	memset(&unknown_heard, 0, sizeof(unknown_heard));
	lab_init(&l, t, &c, 0);
	lab_start(&l);
	wrong = doubtful(&l, &wrong_heard, "wrong");
	unknown = doubtful(&l, &unknown_heard, "unknown");
	entropy = rng_entropy(&l.w->rng);
	service_generate(&other, &entropy);
	credentials_of(&unknown->guest.credentials, &other);
	credentials_of(&known, &l.host->host.service);
	credentials_derive(&wrong->guest.credentials, known.service, other.secret);
	if (!l.w->failed) {
		machine_start(wrong);
		machine_start(unknown);
	}
	world_run(l.w, 30 * SECOND);
	if (!l.w->failed && (is_connected(wrong) || is_connected(unknown)))
		world_fail(l.w, "connected with a wrong key");
	if (!l.w->failed && wrong_heard.count < 5)
		world_fail(l.w, "heard too little: %u", wrong_heard.count);
	if (!l.w->failed && !heard_alike(&wrong_heard, &unknown_heard))
		world_fail(l.w, "a wrong key can be told from an unknown service");
	if (!l.w->failed) {
		guest_get_progress(wrong->core, &p);
		if (!p.rendezvous_heard || !p.no_service || p.service_found ||
			p.host_answered)
			world_fail(l.w, "the progress tells something else");
	}
	trial_note(t, "%u answers each", wrong_heard.count);
	lab_fini(&l, "%s", "");
}

/* Goodbyes are noticed within one way of the path. */
static void run_goodbye(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	bool by_host = t->arg != 0;
	struct lab l;

	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	if (!l.w->failed) {
		machine_app(l.guest, 100, MILLISECOND, 10);
		world_run(l.w, SECOND);
		machine_shutdown(by_host ? l.host : l.guest);
	}
	if (by_host && !wait_event(l.guest, EVENT_LOST, 1, 26 * MILLISECOND))
		world_fail(l.w, "the guest did not notice");
	if (!by_host && !wait_event(l.host, EVENT_GUEST_GONE, 1, 26 * MILLISECOND))
		world_fail(l.w, "the host did not notice");
	lab_fini(&l, "%s", "");
}

/* A goodbye ends the lease too: a guest that comes after it hears "no such service" at
 * once.
 */
static void run_goodbye_lease(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct lab l;

	lab_init(&l, t, &c, 0);
	lab_start(&l);
	machine_shutdown(l.host);
	world_run(l.w, SECOND);
	if (!l.w->failed && l.rendezvous[0]->rendezvous.counts.hosts != 0)
		world_fail(l.w, "the rendezvous still holds the lease");
	machine_start(l.guest);
	if (!wait_event(l.guest, EVENT_ASK_REFUSED, 1, 90 * MILLISECOND))
		world_fail(l.w, "no word that there is no service");
	lab_fini(&l, "%s", "");
}

/* A private rendezvous takes a listed service and no other. */
static void run_private(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	bool listed = t->arg != 0;
	struct credentials creds;
	struct lab l;

	lab_init(&l, t, &c, 0);
	l.rendezvous[0]->rendezvous.private = true;
	credentials_of(&creds, &l.host->host.service);
	if (listed)
		memcpy(l.rendezvous[0]->rendezvous.allowed, creds.service, 32);
	machine_start(l.rendezvous[0]);
	machine_start(l.host);
	world_run(l.w, 2 * SECOND);
	if (listed != (l.host->seen[EVENT_REGISTERED].count > 0))
		world_fail(l.w, "registered: %d, listed: %d", !listed, listed);
	if (listed)
		lab_connect(&l, 163 * MILLISECOND);
	else if (l.host->seen[EVENT_LEASE_REFUSED].last.number != REFUSAL_NOT_ALLOWED)
		world_fail(l.w, "not told why");
	lab_fini(&l, "%s", "");
}

/* An attempt belongs to the address it was begun from: from another one it is begun anew. */
static void run_moved_amid(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct link_config *access;
	struct lab l;
	uint64_t at;

	lab_init(&l, t, &c, 0);
	lab_start(&l);
	access = &l.host_site->access->config;
	access->cut[0] = access->cut[1] = true;
	machine_start(l.guest);
	world_run(l.w, 500 * MILLISECOND);
	nat_renumber(l.guest_site->nat);
	world_run(l.w, 500 * MILLISECOND);
	access->cut[0] = access->cut[1] = false;
	at = l.w->now;
	if (!wait_connected(l.guest, SECOND))
		world_fail(l.w, "not connected within 1 s");
	trial_note(t, "%.1f ms after the host was there", ms(l.w->now - at));
	lab_fini(&l, "%s", "");
}

void trials_meet(struct trials *list)
{
	trials_add(list, run_moved_amid, 0,
		"the guest's NAT changes address amid an attempt");
	static const int skews[] = {-30, -5, 0, 5, 30};

	for (unsigned i = 0; i < 5; i++)
		trials_add(list, run_skew, skews[i], "skew %d s", skews[i]);
	trials_add(list, run_rendezvous_last, 0, "rendezvous last");
	trials_add(list, run_several, 0, "three rendezvous");
	trials_add(list, run_several, 1, "three rendezvous, one dead");
	trials_add(list, run_several, 1 | 4, "three rendezvous, one silent");
	trials_add(list, run_several, 2 | 4, "three rendezvous, two silent");
	trials_add(list, run_one_dies, 0, "one of two rendezvous dies");
	trials_add(list, run_two_hosts, 0, "two hosts of one service");
	trials_add(list, run_wrong_key, 0, "wrong key like unknown service");
	trials_add(list, run_goodbye, 0, "goodbye of the guest");
	trials_add(list, run_goodbye, 1, "goodbye of the host");
	trials_add(list, run_goodbye_lease, 0, "goodbye ends the lease");
	trials_add(list, run_private, 1, "private rendezvous, listed");
	trials_add(list, run_private, 0, "private rendezvous, not listed");
}
