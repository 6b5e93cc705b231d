/* SPDX-License-Identifier: MIT */
/* Host and guest together, with a rendezvous, on a perfect network with 5 ms each way:
 * meeting, data, parting, meeting again. */
#include "meeting.h"

#define MS MILLISECOND

static void guest_of(struct meeting *m, uint8_t identity, struct addr ip)
{
	m->guest_config.identity[1] = identity;
	m->guest = meeting_add_guest(m, ip);
}

/* A cookie, 10 ms; through the rendezvous and back, 20; hello and welcome, 10. */
static void connects_in_three_round_trips(void **state)
{
	const struct event *e;
	struct meeting m;
	uint8_t identity[32];

	(void)state;
	meeting_begin(&m);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 100 * MS);
	e = net_event(m.guest, EVENT_CONNECTED, 0);
	assert_non_null(e);
	assert_int_equal(e->span, 40 * MS);
	assert_true(addr_equal(&e->path.remote, &m.host->bound[0]));
	e = net_event(m.host, EVENT_GUEST_CONNECTED, 0);
	assert_non_null(e);
	assert_int_equal(e->span, 25 * MS); /* since its introduction */
	assert_int_equal(e->number, 1);
	assert_true(addr_equal(&e->path.remote, &m.guest->bound[0]));
	crypto_x25519_public(identity, m.guest_config.identity);
	e = net_event(m.host, EVENT_GUEST_NEW, 0);
	assert_non_null(e);
	assert_int_equal(e->number, 1);
	assert_memory_equal(e->identity, identity, 32);
	assert_int_equal(net_events(m.guest, EVENT_ASKING), 1);
	assert_int_equal(net_event(m.guest, EVENT_HOST_FOUND, 0)->number, 1);
	assert_int_equal(meeting_host_counts(m.host).handshakes, 1);
	assert_int_equal(meeting_host_counts(m.host).half_open, 0);
	assert_int_equal(meeting_host_counts(m.host).guests, 1);
	meeting_end(&m);
}

static void tells_what_was_observed(void **state)
{
	const struct event *e;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	e = net_event(m.host, EVENT_REGISTERED, 0);
	assert_true(addr_equal(&e->addr, &m.host_config.servers[0]));
	assert_true(addr_equal(&e->peer, &m.host->bound[0]));
	meeting_connect(&m, m.guest);
	e = net_event(m.guest, EVENT_OBSERVED, 0);
	assert_true(addr_equal(&e->peer, &m.guest->bound[0]));
	assert_non_null(net_event(m.guest, EVENT_SERVICE_FOUND, 0));
	e = net_event(m.guest, EVENT_HOST_FOUND, 0);
	assert_true(addr_equal(&e->peer, &m.host->bound[0]));
	e = net_event(m.host, EVENT_PUNCHING, 0);
	assert_true(addr_equal(&e->peer, &m.guest->bound[0]));
	assert_int_equal(e->number, 1);
	meeting_end(&m);
}

static void goes_quiet_when_connected(void **state)
{
	struct meeting m;
	unsigned asks, before;

	(void)state;
	meeting_begin(&m);
	meeting_connect(&m, m.guest);
	net_run(m.net, SECOND);
	asks = net_count(m.net, m.guest, MESSAGE_ASK);
	before = m.net->count;
	net_run(m.net, 13 * SECOND);
	assert_int_equal(net_count(m.net, m.guest, MESSAGE_ASK), asks);
	/* In 13 s: five refreshes and their answers; between host and guest, of each turn's
	 * silence of 4.5 s, a ping and its answer, and the guest's word on the next. */
	assert_in_range(m.net->count - before, 10 + 4, 10 + 8);
	net_run(m.net, 60 * SECOND);
	assert_int_equal(net_events(m.guest, EVENT_LOST), 0);
	assert_int_equal(net_events(m.host, EVENT_LEASE_LOST), 0);
	assert_int_equal(net_events(m.host, EVENT_GUEST_GONE), 0);
	meeting_end(&m);
}

static void carries_flows_both_ways(void **state)
{
	static const size_t sizes[] = {0, 1, 1200, 1472, 65485, 65486, 65507};
	static uint8_t payload[65507];
	struct meeting m;
	struct flow *flow[2];
	struct addr app[2] = {addr_v4(127, 0, 0, 1, 50000), addr_v4(127, 0, 0, 1, 50001)};

	(void)state;
	meeting_begin(&m);
	meeting_connect(&m, m.guest);
	for (unsigned i = 0; i < 2; i++)
		flow[i] = guest_flow(m.guest->machine, &app[i], m.net->now);
	assert_ptr_equal(flow[0], guest_flow(m.guest->machine, &app[0], m.net->now));
	assert_ptr_not_equal(flow[0], flow[1]);
	random_bytes(&m.net->random, payload, sizeof(payload));
	for (unsigned i = 0; i < 14; i++) {
		size_t len = sizes[i / 2];
		const struct net_delivery *up = &m.host->last, *down = &m.guest->last;

		assert_true(net_say(m.net, m.guest, flow[i % 2], payload, len));
		net_run(m.net, 5 * MS);
		assert_int_equal(m.host->deliveries, i + 1);
		assert_int_equal(up->guest, 1);
		assert_int_equal(up->flow, flow[i % 2]->id);
		assert_int_equal(up->len, len);
		assert_memory_equal(up->bytes, payload, len);
		up->handle->handle = flow; /* the driver's, and stays */
		assert_true(net_say(m.net, m.host, up->handle, payload, len));
		net_run(m.net, 5 * MS);
		assert_int_equal(m.guest->deliveries, i + 1);
		assert_true(addr_equal(&down->app, &app[i % 2]));
		assert_int_equal(down->len, len);
		assert_memory_equal(down->bytes, payload, len);
	}
	assert_ptr_equal(m.host->last.handle->handle, flow);
	meeting_end(&m);
}

static void numbers_guests_in_turn(void **state)
{
	struct net_node *guests[3];
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	guests[0] = m.guest;
	for (uint8_t i = 1; i < 3; i++) {
		guest_of(
			&m, (uint8_t)(1 + i), addr_v4(203, 0, 113, (uint8_t)(20 + i), 0));
		guests[i] = m.guest;
	}
	for (unsigned i = 0; i < 3; i++)
		meeting_connect(&m, guests[i]);
	for (unsigned i = 3; i-- > 0;) {
		meeting_expect_up(&m, guests[i], i + 1);
		meeting_expect_down(&m, guests[i]);
	}
	assert_int_equal(meeting_host_counts(m.host).guests, 3);
	meeting_end(&m);
}

static void ends_with_the_guests_goodbye(void **state)
{
	const struct event *e;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	meeting_connect(&m, m.guest);
	meeting_expect_up(&m, m.guest, 1);
	guest_shutdown(m.guest->machine, m.net->now);
	net_run(m.net, 10 * MS);
	e = net_event(m.host, EVENT_GUEST_GONE, 0);
	assert_non_null(e);
	assert_int_equal(e->number, 1);
	assert_string_equal(e->why, "it said goodbye");
	assert_int_equal(meeting_host_counts(m.host).guests, 0);
	assert_false(net_say(m.net, m.host, m.host->last.handle, (const uint8_t *)"", 0));
	assert_int_equal(meeting_host_counts(m.host).dropped_out, 1);
	net_run(m.net, 120 * SECOND);
	/* One at each of two ports, when it began. */
	assert_int_equal(net_count(m.net, m.guest, MESSAGE_COOKIE_ASK), 2);
	meeting_end(&m);
}

static void ends_with_the_hosts_goodbye(void **state)
{
	struct rendezvous_counts counts;
	const struct event *e;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	meeting_connect(&m, m.guest);
	host_shutdown(m.host->machine, m.net->now);
	net_run(m.net, 10 * MS);
	e = net_event(m.guest, EVENT_LOST, 0);
	assert_non_null(e);
	assert_string_equal(e->why, "the host said goodbye");
	assert_false(guest_connected(m.guest->machine));
	rendezvous_get_counts(m.rendezvous->machine, &counts);
	assert_int_equal(counts.hosts, 0);
	assert_int_equal(counts.services, 0);
	m.host->deaf = true;
	net_run(m.net, SECOND);
	e = net_event(m.guest, EVENT_ASK_REFUSED, 0);
	assert_non_null(e);
	assert_int_equal(e->number, REFUSAL_NO_SERVICE);
	meeting_end(&m);
}

/* The host dies without a word and comes back, knowing its guests from its file. */
static void keeps_numbers_over_a_restart(void **state)
{
	struct net_node *guests[2];
	struct event known[2];
	struct meeting m;
	uint64_t died_at;

	(void)state;
	meeting_begin(&m);
	guests[0] = m.guest;
	guest_of(&m, 2, addr_v4(203, 0, 113, 21, 0));
	guests[1] = m.guest;
	meeting_connect(&m, guests[0]);
	meeting_connect(&m, guests[1]);
	for (unsigned i = 0; i < 2; i++)
		known[i] = *net_event(m.host, EVENT_GUEST_NEW, i);
	died_at = m.net->now;
	net_machine_free(m.host);
	m.host->deliveries = 0;
	meeting_host_start(&m, m.host);
	for (unsigned i = 0; i < 2; i++)
		host_know_guest(m.host->machine, known[i].identity, known[i].number);
	net_open(m.net, m.host, 0, ADDR_V4, 40000);
	/* The second speaks first, every 100 ms, as a game does. */
	while (net_events(guests[1], EVENT_CONNECTED) < 2) {
		const struct addr app = addr_v4(127, 0, 0, 1, 50000);

		assert_true(m.net->now < died_at + 5 * SECOND);
		net_say(m.net, guests[1],
			guest_flow(guests[1]->machine, &app, m.net->now),
			(const uint8_t *)"x", 1);
		net_run(m.net, 100 * MS);
	}
	assert_in_range(m.net->now - died_at, 600 * MS, 800 * MS);
	meeting_expect_up(&m, guests[1], 2);
	meeting_expect_down(&m, guests[1]);
	net_run(m.net, 20 * SECOND); /* the first finds out by its keepalive */
	meeting_expect_up(&m, guests[0], 1);
	assert_int_equal(net_events(m.host, EVENT_GUEST_NEW), 2);
	guest_of(&m, 3, addr_v4(203, 0, 113, 22, 0));
	meeting_connect(&m, m.guest);
	meeting_expect_up(&m, m.guest, 3);
	meeting_end(&m);
}

/* A restarted rendezvous is noticed at the next refresh, within 3 s. */
static void registers_again_at_a_restarted_rendezvous(void **state)
{
	struct rendezvous_counts counts;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	net_machine_free(m.rendezvous);
	meeting_rendezvous_start(&m);
	net_run(m.net, 3100 * MS);
	rendezvous_get_counts(m.rendezvous->machine, &counts);
	assert_int_equal(counts.hosts, 1);
	assert_string_equal(
		net_event(m.host, EVENT_LEASE_LOST, 0)->why, "the rendezvous forgot it");
	assert_int_equal(net_events(m.host, EVENT_REGISTERED), 2);
	meeting_connect(&m, m.guest);
	meeting_end(&m);
}

static void frames_lost(struct net *net, struct net_packet *p)
{
	(void)net;
	p->lost = frame_is(p->bytes, p->len) && p->from->kind == NET_GUEST &&
		  p->source.port == 40000 && p->source.ip[3] == 21;
}

/* The same guest from elsewhere, whose first frame does not come: its older session goes
 * on, and nobody hears of the newer, until that frame opens. */
static void replaces_only_at_the_first_frame(void **state)
{
	const struct addr app = addr_v4(127, 0, 0, 1, 50000);
	struct net_node *old;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	meeting_connect(&m, m.guest);
	meeting_expect_up(&m, m.guest, 1);
	old = m.guest;
	m.net->hook = frames_lost;
	guest_of(&m, 1, addr_v4(203, 0, 113, 21, 0));
	meeting_connect(&m, m.guest);
	assert_int_equal(meeting_host_counts(m.host).half_open, 1);
	assert_int_equal(net_events(m.host, EVENT_GUEST_CONNECTED), 1);
	meeting_expect_up(&m, old, 1);
	meeting_expect_down(&m, old);
	m.net->hook = NULL;
	net_run(m.net, 200 * MS); /* it repeats its ping */
	assert_int_equal(net_events(m.host, EVENT_GUEST_CONNECTED), 2);
	assert_int_equal(net_events(m.host, EVENT_GUEST_NEW), 1);
	assert_int_equal(meeting_host_counts(m.host).half_open, 0);
	assert_int_equal(meeting_host_counts(m.host).guests, 1);
	/* Another process of the guest: nothing of the older one is its any more. */
	net_say(m.net, old, guest_flow(old->machine, &app, m.net->now),
		(const uint8_t *)"", 0);
	net_run(m.net, 10 * MS);
	assert_int_equal(m.host->deliveries, 2);
	meeting_expect_up(&m, m.guest, 1);
	meeting_expect_down(&m, m.guest);
	net_run(m.net, 3 * SECOND);
	assert_int_equal(net_events(m.host, EVENT_GUEST_GONE), 0);
	meeting_end(&m);
}

static void forgets_what_stays_half_open(void **state)
{
	struct meeting m;
	const struct net_packet *welcome;

	(void)state;
	meeting_begin(&m);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 36 * MS);
	welcome = net_find(m.net, m.host, MESSAGE_WELCOME, 0);
	assert_non_null(welcome);
	m.guest->deaf = true;
	net_run_until(m.net, welcome->at + 10 * SECOND - 1);
	assert_int_equal(meeting_host_counts(m.host).half_open, 1);
	net_run_until(m.net, welcome->at + 10 * SECOND);
	assert_int_equal(meeting_host_counts(m.host).half_open, 0);
	assert_int_equal(meeting_host_counts(m.host).guests, 0);
	assert_int_equal(net_events(m.host, EVENT_GUEST_NEW), 0);
	assert_int_equal(net_events(m.host, EVENT_GUEST_GONE), 0);
	meeting_end(&m);
}

static void closes_idle_flows_on_both_sides(void **state)
{
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	meeting_connect(&m, m.guest);
	meeting_expect_up(&m, m.guest, 1);
	meeting_expect_down(&m, m.guest);
	net_run(m.net, 299 * SECOND);
	assert_int_equal(net_events(m.host, EVENT_FLOW_CLOSED), 0);
	net_run(m.net, 11 * SECOND);
	assert_int_equal(net_events(m.host, EVENT_FLOW_CLOSED), 1);
	assert_int_equal(net_events(m.guest, EVENT_FLOW_CLOSED), 0);
	net_run(m.net, 31 * SECOND);
	assert_int_equal(net_events(m.guest, EVENT_FLOW_CLOSED), 1);
	meeting_expect_up(&m, m.guest, 1);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects_in_three_round_trips),
		cmocka_unit_test(tells_what_was_observed),
		cmocka_unit_test(goes_quiet_when_connected),
		cmocka_unit_test(carries_flows_both_ways),
		cmocka_unit_test(numbers_guests_in_turn),
		cmocka_unit_test(ends_with_the_guests_goodbye),
		cmocka_unit_test(ends_with_the_hosts_goodbye),
		cmocka_unit_test(keeps_numbers_over_a_restart),
		cmocka_unit_test(registers_again_at_a_restarted_rendezvous),
		cmocka_unit_test(replaces_only_at_the_first_frame),
		cmocka_unit_test(forgets_what_stays_half_open),
		cmocka_unit_test(closes_idle_flows_on_both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
