/* SPDX-License-Identifier: MIT */
/* Paths that carry less than others think: found by probes, with own parts of datagrams in
 * the meantime, whatever ICMP says or keeps to itself. Every datagram has DF set; what is
 * too long vanishes (link.h). */
#include <inttypes.h>

#include "core/pmtu.h"
#include "sim/attacker.h"
#include "sim/lab.h"
#include "sim/packet.h"

#define HEADERS_V4 28 /* IPv4 and UDP */
#define HEADERS_V6 48
#define FRAME      20 /* around a payload of flow 0 */

/* Three rounds, 250 ms apart. */
#define SEARCH SECOND

/* A confirmation within 1 s, three answers missing for 250 ms each, a round trip. */
#define BLACK_HOLE (1810 * MILLISECOND)

static uint64_t too_long(const struct lab *l)
{
	const struct link *host = l->host_site->access, *guest = l->guest_site->access;

	return host->too_long[0] + host->too_long[1] + guest->too_long[0] +
	       guest->too_long[1];
}

/* One datagram that fills a packet of that size goes whole, both ways. */
static void require_whole(struct lab *l, struct app *app, size_t mtu, size_t headers)
{
	struct link *link = l->host_site->access;

	link->longest[0] = link->longest[1] = 0;
	app_send(l->guest, app, mtu - headers - FRAME);
	if (!wait_all(l->w, app, 60 * MILLISECOND))
		require_all(l->w, app);
	for (unsigned side = 0; side < 2; side++)
		REQUIRE(l->w, link->longest[side] == mtu,
			"packets of %zu bytes, not %zu, in direction %u",
			link->longest[side], mtu, side);
}

static const size_t mixed[] = {32, 100, 900, 972, 973, 980, 1052, 1076, 1104, 1204, 1232,
	1233, 1400, 1424, 1452, 1453, 1500, 3000, 9000, 65507};

/* Of every size some, in turn. */
static void send_mixed(struct lab *l, struct app *app, unsigned rounds)
{
	for (unsigned round = 0; round < rounds && !l->w->failed; round++)
		for (unsigned i = 0; i < sizeof(mixed) / sizeof(mixed[0]); i++) {
			app_send(l->guest, app, mixed[i]);
			world_run(l->w, 2 * MILLISECOND);
		}
	if (!wait_all(l->w, app, 100 * MILLISECOND))
		require_all(l->w, app);
}

/* Around what fits a frame, in a flow with and one without an id. */
static void send_edges(struct lab *l, struct app *apps[2], size_t mtu, size_t headers)
{
	size_t fits = mtu - headers - FRAME;

	for (size_t size = fits - 10; size <= fits + 4; size++)
		for (unsigned i = 0; i < 2 && !l->w->failed; i++) {
			app_send(l->guest, apps[i], size);
			if (!wait_all(l->w, apps[i], 60 * MILLISECOND))
				world_fail(l->w, "flow %u: %zu bytes did not come back",
					i, size);
		}
}

/* arg: the MTU of one side's access; of the guest's, or (plus 10,000) of the host's, or
 * (plus 20,000) of both, IPv6. */
static void run_fixed(struct trial *t)
{
	size_t mtu = (size_t)(t->arg % 10000);
	bool at_host = t->arg >= 10000, v6 = t->arg >= 20000;
	enum guard guard = v6 ? GUARD_FIREWALL : GUARD_PORT;
	struct lab_config c = lab_config_of(guard, guard);
	size_t headers = v6 ? HEADERS_V6 : HEADERS_V4;
	struct app *apps[2], *app;
	struct lab l;
	uint64_t lost;

	if (at_host)
		c.host_access.mtu = mtu;
	if (!at_host || v6)
		c.guest_access.mtu = mtu;
	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	app = apps[0] = machine_app(l.guest, 0, 0, 0);
	apps[1] = machine_app(l.guest, 0, 0, 0);
	if (!l.w->failed) /* to have flow 0 first */
		app_send(l.guest, app, 32);
	/* Nothing is lost during the search either. */
	send_mixed(&l, app, 20);
	world_run(l.w, SEARCH);
	lost = too_long(&l);
	if (!l.w->failed)
		require_whole(&l, app, mtu, headers);
	send_mixed(&l, app, 50);
	send_edges(&l, apps, mtu, headers);
	/* And for five minutes of traffic. */
	app->size = 1400;
	app_continue(l.guest, app, 20 * MILLISECOND, 15000);
	if (!wait_all(l.w, app, 301 * SECOND))
		require_all(l.w, app);
	if (!l.w->failed && too_long(&l) != lost)
		world_fail(l.w, "%" PRIu64 " packets above the MTU after the search",
			too_long(&l) - lost);
	lab_fini(&l, "%s", "");
}

static const struct shift {
	const char *name;
	size_t before, after;
	bool up, down; /* which direction changes: towards the host, towards the guest */
	uint64_t most; /* until all passes again */
} shifts[] = {
	{"1500 to 1280", 1500, 1280, true, true, BLACK_HOLE},
	{"1500 to 1280 towards the host", 1500, 1280, true, false, BLACK_HOLE},
	{"1500 to 1280 towards the guest", 1500, 1280, false, true, BLACK_HOLE},
	{"1500 to 1124", 1500, 1124, true, true, BLACK_HOLE},
	{"1420 to 1280", 1420, 1280, true, true, BLACK_HOLE},
	{"1280 to 1500", 1280, 1500, true, true, 0},
	{"1280 to 1420 towards the host", 1280, 1420, true, false, 0},
};

static void set_mtu(struct link *link, const struct shift *s)
{
	if (s->up)
		link->config.mtu = s->after;
	if (s->down)
		link->config.mtu_inward = s->after;
}

/* The guest's access carries less, or more, from some moment on. */
static void run_change(struct trial *t)
{
	const struct shift *s = &shifts[t->arg];
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *app;
	struct lab l;
	uint64_t lost;

	c.guest_access.mtu = c.guest_access.mtu_inward = s->before;
	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, s->before - HEADERS_V4 - FRAME, 10 * MILLISECOND, 500);
	world_run(l.w, 5 * SECOND + 60 * MILLISECOND);
	require_all(l.w, app);
	set_mtu(l.guest_site->access, s);
	app_continue(l.guest, app, 10 * MILLISECOND, 1000000);
	world_run(l.w, s->most);
	lost = app->stream.up.sent - app->stream.down.delivered;
	trial_note(t, "%" PRIu64 " lost", lost);
	app->left = 1;
	world_run(l.w, 100 * MILLISECOND);
	/* What is sent from now on arrives. */
	app = machine_app(l.guest, 1400, 10 * MILLISECOND, 2000);
	if (!wait_all(l.w, app, 21 * SECOND))
		require_all(l.w, app);
	if (!l.w->failed && l.guest->seen[EVENT_LOST].count > 0)
		world_fail(l.w, "the path was lost");
	lab_fini(&l, "%s", "");
}

/* A path that carries more than before is found out within ten minutes. */
static void run_raise(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *app;
	struct lab l;

	c.guest_access.mtu = 1280;
	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 0, 0, 0);
	world_run(l.w, 5 * SECOND);
	require_whole(&l, app, 1280, HEADERS_V4);
	l.guest_site->access->config.mtu = 1500;
	world_run(l.w, 601 * SECOND);
	if (!l.w->failed)
		require_whole(&l, app, 1500, HEADERS_V4);
	lab_fini(&l, "%s", "");
}

/* Errors that no router sent. arg: the kind; ICMP_TOO_BIG names an MTU that nobody reads. */
static void run_forged(struct trial *t)
{
	static const enum packet_icmp kinds[] = {
		ICMP_TOO_BIG, ICMP_TOO_BIG, ICMP_PORT_UNREACHABLE};
	struct lab_config c = lab_config_of(GUARD_NONE, GUARD_NONE);
	const struct packet *heard;
	struct attacker *a;
	struct app *app;
	struct lab l;
	uint64_t sent;

	lab_init(&l, t, &c, 0);
	a = attacker_new(l.w, 0);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 1424, 10 * MILLISECOND, 100);
	world_run(l.w, 2 * SECOND);
	require_all(l.w, app);
	app_continue(l.guest, app, 10 * MILLISECOND, 3000);
	sent = l.host->outputs + l.guest->outputs;
	for (unsigned i = 0; i < 30000 && !l.w->failed; i++) {
		heard = attacker_heard(a);
		attacker_send_error(a, heard, &heard->dst, kinds[i % 3]);
		world_run(l.w, MILLISECOND);
	}
	if (!wait_all(l.w, app, 100 * MILLISECOND))
		require_all(l.w, app);
	sent = l.host->outputs + l.guest->outputs - sent;
	/* One frame each and its echo; a ping every 200 ms at most from either side and the
	 * answer, a report, a probe and its answer every second. */
	if (!l.w->failed && sent > 6000 + 30 * (20 + 2 + 4) + 20)
		world_fail(l.w, "%" PRIu64 " packets for 3000 datagrams", sent);
	if (!l.w->failed && app->stream.slowest > 51 * MILLISECOND)
		world_fail(l.w, "an echo took %.1f ms", ms(app->stream.slowest));
	if (!l.w->failed && (l.guest->seen[EVENT_LOST].count > 0 ||
				    l.guest->seen[EVENT_ASKING].count > 1))
		world_fail(l.w, "the session was given up");
	trial_note(t, "%" PRIu64 " packets for 3000 datagrams", sent);
	lab_fini(&l, "%s", "");
}

/* 1 MiB of 1400-byte datagrams through a path of 1280, from the first moment on. arg: in
 * bursts of so many. */
static void run_mebibyte(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	unsigned burst = (unsigned)t->arg;
	struct app *app;
	struct lab l;

	c.guest_access.mtu = 1280;
	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 0, 0, 0);
	for (unsigned i = 0; i < 749 && !l.w->failed; i++) {
		app_send(l.guest, app, 1400);
		if (i % burst == burst - 1)
			world_run(l.w, burst * MILLISECOND);
	}
	if (!wait_all(l.w, app, 60 * MILLISECOND))
		require_all(l.w, app);
	lab_fini(&l, "%s", "");
}

/* WireGuard at its MTU of 1420 over 1500: full datagrams of 1452 bytes go whole. */
static void run_wireguard(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);
	struct app *app;
	struct lab l;
	uint64_t forwarded;

	lab_init(&l, t, &c, 0);
	lab_up(&l, 163 * MILLISECOND);
	world_run(l.w, SEARCH);
	forwarded = l.host_site->access->forwarded[1];
	app = machine_app(l.guest, 1452, MILLISECOND, 1000);
	if (!wait_all(l.w, app, 1100 * MILLISECOND))
		require_all(l.w, app);
	forwarded = l.host_site->access->forwarded[1] - forwarded;
	/* Reports, confirmations and what the lease needs come on top. */
	if (!l.w->failed && forwarded > 1010)
		world_fail(l.w, "%" PRIu64 " packets for 1000 datagrams", forwarded);
	lab_fini(&l, "%s", "");
}

/* A guest goes to a path that carries less. arg 1: its kernel says that it went, and
 * nothing above the base is sent there before it is known to pass. */
static void run_moved(struct trial *t)
{
	struct lab_config c = lab_config_of(GUARD_NONE, GUARD_PORT);
	struct site_config narrow = site_config_of(GUARD_PORT);
	bool told = t->arg == 1;
	struct app *app;
	struct lab l;

	lab_init(&l, t, &c, 0);
	narrow.access = (struct link_config){.delay = 15 * MILLISECOND, .mtu = 1280};
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 1424, 10 * MILLISECOND, 1000000);
	world_run(l.w, 5 * SECOND);
	if (!l.w->failed)
		machine_move(l.guest, site_new(l.w, &narrow), told);
	/* A round trip, in which they are lost anyway; then in parts. */
	world_run(l.w, told ? 200 * MILLISECOND : BLACK_HOLE + 100 * MILLISECOND);
	app = machine_app(l.guest, 1400, 10 * MILLISECOND, 1000);
	if (!wait_all(l.w, app, 11 * SECOND))
		require_all(l.w, app);
	if (!l.w->failed && l.guest->seen[EVENT_CONNECTED].count > 1)
		world_fail(l.w, "it connected anew");
	lab_fini(&l, "%s", "");
}

void trials_mtu(struct trials *list)
{
	static const int sizes[] = {1500, 1492, 1420, 1280, 1124};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		trials_add(list, run_fixed, sizes[i], "mtu %d at the guest", sizes[i]);
		trials_add(list, run_fixed, 10000 + sizes[i], "mtu %d at the host",
			sizes[i]);
		trials_add(list, run_fixed, 20000 + sizes[i], "mtu %d, IPv6", sizes[i]);
	}
	for (unsigned i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++)
		trials_add(list, run_change, (int)i, "mtu %s", shifts[i].name);
	trials_add(list, run_raise, 0, "mtu 1280 to 1500, found");
	trials_add(list, run_forged, 0, "mtu, forged errors");
	trials_add(list, run_mebibyte, 1, "mtu 1280, 1 MiB of 1400");
	trials_add(list, run_mebibyte, 16, "mtu 1280, 1 MiB of 1400 in bursts");
	trials_add(list, run_wireguard, 0, "mtu 1500, WireGuard at 1420");
	trials_add(list, run_moved, 0, "mtu 1280 after a move");
	trials_add(list, run_moved, 1, "mtu 1280 after a move, told");
}
