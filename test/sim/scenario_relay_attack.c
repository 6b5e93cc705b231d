/* SPDX-License-Identifier: MIT */
/* Strangers at the relay, and a relay that is itself the stranger: service may be denied, and
 * nothing else. What is delivered is judged as always: sent, unmodified, once, to whom it was
 * meant for. */
#include <inttypes.h>
#include <string.h>

#include "core/channel.h"
#include "sim/attacker.h"
#include "sim/lab.h"
#include "sim/mischief.h"

#define FIRST_ECHO (213 * MILLISECOND)

static struct site *symmetric_site(struct world *w, void *arg)
{
	struct site_config c = site_config_of(GUARD_PORT);

	(void)arg;
	c.nat_config.mapping = c.nat_config.filtering = NAT_ADDRESS_AND_PORT;
	c.nat_config.allocation = NAT_RANDOM;
	return site_new(w, &c);
}

/* Two that have only the relay. arg: and only streams to it. */
static void begin(struct lab *l, struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);

	c.make_host_site = symmetric_site;
	c.make_guest_site = symmetric_site;
	c.streams = t->arg != 0;
	lab_init(l, t, &c, 0);
	if (t->arg == 0)
		return;
	l->host_site->access->config.blocked = 1u << ADDR_UDP;
	l->guest_site->access->config.blocked = 1u << ADDR_UDP;
	l->registered_within = 2 * SECOND;
}

static const char mark[] = "from a stranger";

static void find_mark(void *arg, struct machine *m, const struct packet *packet)
{
	(void)arg;
	if (memmem(packet->data, packet->len, mark, sizeof(mark)) != NULL)
		world_fail(m->node.world, "%s: got what a stranger sent to the relay",
			m->node.name);
}

/* Under a channel, from that address. */
static void inject(struct attacker *a, const struct addr *src, const struct addr *relay,
	uint32_t channel)
{
	uint8_t data[100] = {0};

	channel_encode(data, channel);
	data[CHANNEL_SIZE] = 0x40; /* as a frame begins */
	memcpy(data + CHANNEL_SIZE + 1, mark, sizeof(mark));
	attacker_send(a, src, relay, data, sizeof(data));
}

/* From its own address, and from neighbours of both ends: the address behind the same NAT,
 * the port beside it; knowing the channel, nearly, or by guessing. */
static void inject_all(struct attacker *a, const struct lab *l, uint32_t channel)
{
	const struct addr relay = machine_addr(l->rendezvous[0], RENDEZVOUS_PORT, false);
	struct addr srcs[3] = {a->own, l->host->seen[EVENT_REGISTERED].last.peer,
		l->guest->seen[EVENT_OBSERVED].last.peer};
	const uint32_t channels[3] = {channel,
		channel ^ UINT32_C(1) << rng_below(&a->rng, 29),
		(uint32_t)rng_u64(&a->rng) & CHANNEL_MAX};

	srcs[1].port = (uint16_t)rng_between(&a->rng, 1, 1023);
	srcs[2].port = (uint16_t)rng_between(&a->rng, 1, 1023);
	for (unsigned i = 0; i < 3; i++)
		for (unsigned k = 0; k < 3; k++)
			inject(a, &srcs[i], &relay, channels[k]);
}

static bool wants_relayed(const struct packet *p)
{
	return channel_is(p->data, p->len);
}

/* A stranger that knows the channel, as only one on the way can, gets nothing through. */
static void run_stranger(struct trial *t)
{
	struct attacker *a;
	struct app *app;
	struct lab l;

	begin(&l, t);
	a = attacker_new(l.w, 3 * MILLISECOND);
	a->wants = wants_relayed;
	a->kinds = 1u << ATTACK_STOLEN;
	lab_up(&l, FIRST_ECHO);
	l.host->tap = l.guest->tap = find_mark;
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 2000);
	for (unsigned i = 0; i < 2000 && !l.w->failed; i++) {
		inject_all(a, &l, l.guest->seen[EVENT_CONNECTED].last.path.channel);
		world_run(l.w, 10 * MILLISECOND);
	}
	if (!wait_all(l.w, app, SECOND))
		require_all(l.w, app);
	if (!l.w->failed && (l.guest->seen[EVENT_CONNECTED].count != 1 ||
				    l.guest->seen[EVENT_LOST].count > 0))
		world_fail(l.w, "the session did not stay");
	if (!l.w->failed && (a->received > 0 || a->sent[ATTACK_STOLEN] == 0))
		world_fail(l.w, "%" PRIu64 " bytes went to the stranger", a->received);
	lab_fini(&l, "%s", "");
}

static void note_mischief(struct lab *l, const struct mischief *x)
{
	for (unsigned i = 0; i < MISCHIEF_COUNT && !l->w->failed; i++)
		if (x->done[i] == 0)
			world_fail(l->w, "nothing was %s", mischief_name(i));
}

/* The relay spoils about half of what it carries, from the first hello on; three guests, so
 * that it has somewhere to redirect to. Once it behaves, all goes on. */
static void run_evil_relay(struct trial *t)
{
	struct mischief x = {.on = true};
	struct machine *guests[3];
	struct app *apps[3];
	struct lab l;
	uint64_t back = 0;

	begin(&l, t);
	l.rendezvous[0]->rendezvous.mischief = &x;
	l.w->may_reorder = true;
	lab_start(&l);
	for (unsigned i = 0; i < 3 && !l.w->failed; i++) {
		guests[i] = i == 0 ? l.guest
				   : lab_guest(&l, symmetric_site(l.w, NULL), "another");
		guests[i]->site->access->config.blocked =
			l.guest_site->access->config.blocked;
		machine_start(guests[i]);
		apps[i] = machine_app(guests[i], 100, 10 * MILLISECOND, 1000000);
	}
	world_run(l.w, 60 * SECOND);
	x.on = false;
	for (unsigned i = 0; i < 3 && !l.w->failed; i++) {
		uint64_t at = l.w->now;

		if (apps[i]->stream.down.delivered == 0)
			world_fail(l.w, "nothing came through, so nothing was tried");
		else if (!wait_echo(l.w, apps[i], at + 1, 5 * SECOND))
			world_fail(l.w, "no traffic 5 s after the relay behaved again");
		back += apps[i]->stream.down.delivered;
	}
	note_mischief(&l, &x);
	trial_note(t, "%" PRIu64 " of %u came back", back, 3 * 6000);
	lab_fini(&l, "%s", "");
}

/* Who can meet directly does not notice what kind of relay there is. */
static void run_evil_beside(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct mischief x = {.on = true};
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	l.rendezvous[0]->rendezvous.mischief = &x;
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 3000);
	if (!wait_all(l.w, app, 31 * SECOND))
		require_all(l.w, app);
	if (!l.w->failed && (is_relayed(l.guest) || l.guest->seen[EVENT_LOST].count > 0))
		world_fail(l.w, "the session did not stay where it was");
	lab_fini(&l, "%s", "");
}

static uint64_t relayed_bytes(const struct lab *l)
{
	struct rendezvous_counts counts;

	rendezvous_get_counts(l->rendezvous[0]->core, &counts);
	return counts.relayed_bytes;
}

#define QUIET 10 /* guests who send little */

/* One guest sends three times what the relay passes in all, and may pass as much by itself:
 * the others, who keep within their share, lose nothing; what they leave is the flood's. */
static void run_flood(struct trial *t)
{
	struct rendezvous_settings *r;
	struct app *apps[QUIET], *flood = NULL;
	uint64_t before, used;
	struct lab l;

	begin(&l, t);
	r = &l.rendezvous[0]->rendezvous;
	r->relay_rate = r->relay_rate_all = 200000;
	lab_start(&l);
	lab_connect(&l, 5 * SECOND);
	for (unsigned i = 0; i < QUIET && !l.w->failed; i++) {
		struct machine *m = lab_guest(&l, symmetric_site(l.w, NULL), "quiet");

		m->site->access->config.blocked = l.guest_site->access->config.blocked;
		machine_start(m);
		if (!wait_connected(m, 5 * SECOND))
			world_fail(l.w, "a quiet guest does not connect");
		apps[i] = machine_app(m, 100, 100 * MILLISECOND, 300);
	}
	if (!l.w->failed)
		flood = machine_app(l.guest, 1000, 3 * MILLISECOND, 10000);
	before = relayed_bytes(&l);
	world_run(l.w, 31 * SECOND);
	for (unsigned i = 0; i < QUIET && !l.w->failed; i++)
		if (!wait_all(l.w, apps[i], SECOND))
			require_all(l.w, apps[i]);
	if (!l.w->failed && flood->stream.down.delivered > flood->stream.up.sent / 2)
		world_fail(l.w, "the flood passed");
	used = (relayed_bytes(&l) - before) / (31 * UINT64_C(200000) / 100);
	if (!l.w->failed && used < 90)
		world_fail(l.w, "%" PRIu64 " %% of what may pass were used", used);
	trial_note(t, "the relay was used to %" PRIu64 " %%", used);
	lab_fini(&l, "%s", "");
}

void trials_relay_attack(struct trials *list)
{
	trials_add(list, run_flood, 0, "relay: one guest floods it");
	trials_add(list, run_stranger, 0, "relay: a stranger knows the channel");
	trials_add(list, run_evil_relay, 0, "relay: it spoils what it carries");
	trials_add(
		list, run_evil_relay, 1, "relay: it spoils what it carries in streams");
	trials_add(
		list, run_evil_beside, 0, "relay: it would spoil, beside a direct path");
}
