/* SPDX-License-Identifier: MIT */
/* Where firewalls let no UDP through: over the relay by TCP, by TLS where not even that
 * passes, and back to UDP when it does. */
#include <inttypes.h>

#include "sim/lab.h"

#define BY_UDP (1u << ADDR_UDP)
#define BY_TCP (1u << ADDR_TCP)

/* With UDP over the relay: a cookie's round trip, one through the rendezvous, one to the host
 * and back. */
#define OVER_RELAY (213 * MILLISECOND)
/* What a stream takes longer: the wait for a better one, and its handshakes. */
#define BY_TCP_MORE (1000 * MILLISECOND + 41 * MILLISECOND)
#define BY_TLS_MORE (2000 * MILLISECOND + 82 * MILLISECOND)
/* From the loss of UDP on: a second until the session is suspect. A host has its lease
 * looked at then, waits for 1.5 s, and is there for the guest's next question. */
#define GUEST_FELL_BACK (SECOND + OVER_RELAY + BY_TCP_MORE + 200 * MILLISECOND)
#define HOST_FELL_BACK  (SECOND + 1500 * MILLISECOND + OVER_RELAY + 600 * MILLISECOND)
/* The pause between attempts, and two of those. */
#define CAME_BACK (35 * SECOND)

enum who { GUEST = 1, HOST = 2, BOTH = 3 };

static const char *const names[] = {[GUEST] = "guest", [HOST] = "host", [BOTH] = "both"};

static struct site *random_site(struct world *w, void *arg)
{
	struct site_config c = site_config_of(GUARD_PORT);

	(void)arg;
	c.nat_config.mapping = NAT_ADDRESS_AND_PORT;
	c.nat_config.allocation = NAT_RANDOM;
	return site_new(w, &c);
}

static void block(struct lab *l, enum who who, unsigned transports)
{
	if (who & GUEST)
		l->guest_site->access->config.blocked = (uint8_t)transports;
	if (who & HOST)
		l->host_site->access->config.blocked = (uint8_t)transports;
}

/* Two that can meet directly, unless they are random. */
static void begin(struct lab *l, struct trial *t, bool random)
{
	struct lab_config c = lab_config_of(GUARD_PORT, GUARD_PORT);

	c.streams = true;
	if (random)
		c.make_host_site = c.make_guest_site = random_site;
	lab_init(l, t, &c, 0);
	l->registered_within = 3 * SECOND;
}

static enum addr_transport transport_of(const struct machine *guest)
{
	return guest->seen[EVENT_CONNECTED].last.path.remote.transport;
}

static void require_stream(struct lab *l, enum who who, enum addr_transport transport)
{
	enum addr_transport expected = who & GUEST ? transport : ADDR_UDP;
	enum addr_transport registered =
		l->host->seen[EVENT_REGISTERED].last.addr.transport;

	if (l->w->failed)
		return;
	if (!is_relayed(l->guest) || transport_of(l->guest) != expected)
		world_fail(l->w, "the session goes by transport %d, %s the relay",
			transport_of(l->guest), is_relayed(l->guest) ? "over" : "beside");
	if (who & HOST && registered != transport)
		world_fail(l->w, "the host registered by transport %d", registered);
}

/* arg: who, and 4 more if TCP is blocked too. */
static void run_connects(struct trial *t)
{
	enum who who = (enum who)(t->arg & BOTH);
	bool tls = t->arg > BOTH;
	uint64_t within = OVER_RELAY, took;
	struct app *app;
	struct lab l;

	begin(&l, t, false);
	block(&l, who, tls ? BY_UDP | BY_TCP : BY_UDP);
	if (who & GUEST)
		within += tls ? BY_TLS_MORE : BY_TCP_MORE;
	lab_start(&l);
	took = lab_connect(&l, within);
	require_stream(&l, who, tls ? ADDR_TLS : ADDR_TCP);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 6000);
	if (!wait_all(l.w, app, 61 * SECOND))
		require_all(l.w, app);
	require_stream(&l, who, tls ? ADDR_TLS : ADDR_TCP);
	if (!l.w->failed && l.guest->seen[EVENT_CONNECTED].count != 1)
		world_fail(l.w, "the session did not stay");
	trial_note(t, "connected in %.1f ms", ms(took));
	lab_fini(&l, "%s", "");
}

/* Another session than the first, which went by a stream from either side: direct, or over
 * the relay by UDP. */
static bool wait_udp(struct lab *l, bool direct, uint64_t span)
{
	if (direct)
		return wait_direct(l->guest, span);
	return wait_event(l->guest, EVENT_CONNECTED, 2, span) &&
	       transport_of(l->guest) == ADDR_UDP;
}

/* arg: who, and 4 more where only the relay is left. UDP passes after a while: nothing is lost
 * or doubled on the way to it. */
static void run_comes_back(struct trial *t)
{
	enum who who = (enum who)(t->arg & BOTH);
	bool direct = t->arg <= BOTH;
	struct app *app;
	struct lab l;
	uint64_t at;

	begin(&l, t, !direct);
	block(&l, who, BY_UDP);
	lab_up(&l, OVER_RELAY + BY_TCP_MORE);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 8000);
	world_run(l.w, 20 * SECOND);
	block(&l, BOTH, 0);
	at = l.w->now;
	if (!l.w->failed && !wait_udp(&l, direct, CAME_BACK))
		world_fail(l.w, "still by a stream after %.1f s", ms(CAME_BACK) / 1000);
	trial_note(t, "after %.1f s", ms(l.w->now - at) / 1000);
	if (!wait_all(l.w, app, 81 * SECOND))
		require_all(l.w, app);
	lab_fini(&l, "%s", "");
}

/* arg: who. UDP is blocked in the middle of a direct session, and passes again later. */
static void run_goes_away(struct trial *t)
{
	enum who who = (enum who)t->arg;
	uint64_t within = who & HOST ? HOST_FELL_BACK : GUEST_FELL_BACK;
	struct app *app;
	struct lab l;
	uint64_t at;

	begin(&l, t, false);
	lab_up(&l, 163 * MILLISECOND);
	app = machine_app(l.guest, 100, 10 * MILLISECOND, 100000);
	world_run(l.w, 5 * SECOND);
	block(&l, who, BY_UDP);
	at = l.w->now;
	if (!wait_echo(l.w, app, at + 1, within))
		world_fail(l.w, "no traffic within %.1f ms", ms(within));
	trial_note(t, "%.1f ms without", ms(l.w->now - at));
	require_stream(&l, who, ADDR_TCP);
	world_run(l.w, 10 * SECOND);
	block(&l, who, 0);
	if (!l.w->failed && !wait_direct(l.guest, CAME_BACK))
		world_fail(
			l.w, "still over the relay after %.1f s", ms(CAME_BACK) / 1000);
	world_run(l.w, 10 * SECOND);
	if (!l.w->failed && l.host->seen[EVENT_LEASE_LOST].last.addr.transport !=
				    (who & HOST ? ADDR_TCP : ADDR_UDP))
		world_fail(l.w, "the host kept its lease by TCP");
	lab_fini(&l, "%s", "");
}

/* The streams are cut with the rendezvous, ten times. arg: 1 by TLS. */
static void run_restarts(struct trial *t)
{
	struct lab l;

	begin(&l, t, false);
	block(&l, BOTH, t->arg != 0 ? BY_UDP | BY_TCP : BY_UDP);
	lab_up(&l, OVER_RELAY + BY_TLS_MORE);
	lab_restart_relay(&l, t);
	lab_fini(&l, "%s", "");
}

void trials_blocked(struct trials *list)
{
	for (int who = GUEST; who <= BOTH; who++) {
		trials_add(list, run_connects, who, "blocked: no UDP, %s", names[who]);
		trials_add(
			list, run_connects, who + 4, "blocked: TLS only, %s", names[who]);
		trials_add(list, run_comes_back, who,
			"blocked: UDP comes back, directly, %s", names[who]);
		trials_add(list, run_comes_back, who + 4,
			"blocked: UDP comes back, to the relay, %s", names[who]);
		trials_add(list, run_goes_away, who, "blocked: UDP goes away, %s",
			names[who]);
	}
	trials_add(list, run_restarts, 0, "blocked: the rendezvous started anew, TCP");
	trials_add(list, run_restarts, 1, "blocked: the rendezvous started anew, TLS");
}
