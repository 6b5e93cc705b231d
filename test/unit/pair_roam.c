/* SPDX-License-Identifier: MIT */
/* Guest or host is suddenly somewhere else, as phones and NATs have it: the session goes on
 * there within a round trip, which is 10 ms on this network. */
#include "meeting.h"

#define MS MILLISECOND

/* From now on the world sees the node there; what was sent to where it was is lost. */
static void move(struct net_node *n, struct addr to)
{
	for (unsigned i = 0; i < NET_SOCKETS; i++)
		if (n->bound[i].family == ADDR_V4) {
			memcpy(n->bound[i].ip, to.ip, 4);
			if (to.port != 0)
				n->bound[i].port = to.port;
		}
	n->mapping_count = 0;
}

static struct flow *app_flow(struct meeting *m, struct net_node *guest)
{
	const struct addr app = addr_v4(127, 0, 0, 1, 50000);

	return guest_flow(guest->machine, &app, m->net->now);
}

static void begin_connected(struct meeting *m)
{
	meeting_begin(m);
	meeting_connect(m, m->guest);
	meeting_expect_up(m, m->guest, 1);
	meeting_expect_down(m, m->guest);
	net_run(m->net, 2 * SECOND);
}

/* Speaks every millisecond until it is heard there; returns how long that took. */
static uint64_t speak_until_heard(
	struct meeting *m, struct net_node *from, struct flow *flow, struct net_node *to)
{
	uint64_t began_at = m->net->now;
	unsigned before = to->deliveries;

	while (to->deliveries == before) {
		assert_true(m->net->now < began_at + SECOND);
		net_say(m->net, from, flow, (const uint8_t *)"x", 1);
		net_run(m->net, MS);
	}
	return to->last.at - began_at;
}

static void expect_same_session(const struct meeting *m)
{
	assert_int_equal(net_events(m->host, EVENT_GUEST_NEW), 1);
	assert_int_equal(net_events(m->host, EVENT_GUEST_CONNECTED), 1);
	assert_int_equal(net_events(m->host, EVENT_GUEST_GONE), 0);
	assert_int_equal(net_events(m->guest, EVENT_CONNECTED), 1);
	assert_int_equal(net_events(m->guest, EVENT_LOST), 0);
}

static void a_guest_moves(void **state)
{
	struct meeting m;
	struct flow *before;

	(void)state;
	begin_connected(&m);
	before = m.host->last.handle;
	for (uint8_t i = 0; i < 5; i++) {
		move(m.guest, addr_v4(203, 0, 113, (uint8_t)(30 + i), 0));
		/* 5 ms to the host, then challenge and answer. */
		assert_in_range(
			speak_until_heard(&m, m.guest, app_flow(&m, m.guest), m.host), 0,
			15 * MS);
		assert_ptr_equal(m.host->last.handle, before);
		assert_int_equal(m.host->last.guest, 1);
		assert_int_equal(m.host->last.flow, 0);
		meeting_expect_down(&m, m.guest);
		assert_int_equal(net_events(m.host, EVENT_GUEST_MOVED), i + 1u);
		assert_int_equal(
			net_event(m.host, EVENT_GUEST_MOVED, i)->path.remote.ip[3],
			30 + i);
		assert_int_equal(net_event(m.host, EVENT_GUEST_MOVED, i)->number, 1);
		net_run(m.net, 5 * SECOND);
	}
	expect_same_session(&m);
	meeting_end(&m);
}

/* Back to where it was before, long ago or just now: it is there again for the host too, and
 * not only heard. */
static void a_guest_comes_back(void **state)
{
	static const uint64_t spans[] = {100 * MS, 2900 * MS, 3100 * MS, 20 * SECOND};
	struct meeting m;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		begin_connected(&m);
		move(m.guest, addr_v4(203, 0, 113, 30, 0));
		assert_in_range(
			speak_until_heard(&m, m.guest, app_flow(&m, m.guest), m.host), 0,
			15 * MS);
		net_run(m.net, spans[i]);
		move(m.guest, addr_v4(203, 0, 113, 20, 0));
		assert_in_range(
			speak_until_heard(&m, m.guest, app_flow(&m, m.guest), m.host), 0,
			15 * MS);
		meeting_expect_down(&m, m.guest);
		assert_int_equal(net_events(m.host, EVENT_GUEST_MOVED), 2);
		expect_same_session(&m);
		meeting_end(&m);
	}
}

/* Its NAT gives it another port: the same, and while it speaks all the time. */
static void a_guest_is_mapped_anew(void **state)
{
	struct meeting m;

	(void)state;
	begin_connected(&m);
	for (unsigned i = 0; i < 50; i++) {
		net_say(m.net, m.guest, app_flow(&m, m.guest), (const uint8_t *)"x", 1);
		net_run(m.net, MS);
	}
	net_run(m.net, 4 * MS);
	move(m.guest, addr_v4(203, 0, 113, 20, 61000));
	net_run(m.net, MS);
	assert_in_range(speak_until_heard(&m, m.guest, app_flow(&m, m.guest), m.host), 0,
		15 * MS);
	meeting_expect_down(&m, m.guest);
	expect_same_session(&m);
	meeting_end(&m);
}

/* A silent one is found by its keepalive, 17 s after its last frame, and can be spoken to
 * from then on. */
static void a_silent_guest_moves(void **state)
{
	struct meeting m;

	(void)state;
	begin_connected(&m);
	move(m.guest, addr_v4(203, 0, 113, 30, 0));
	net_run(m.net, 17 * SECOND); /* it waits for the host's ping first */
	assert_int_equal(net_events(m.host, EVENT_GUEST_MOVED), 1);
	meeting_expect_down(&m, m.guest);
	expect_same_session(&m);
	meeting_end(&m);
}

static void a_host_moves(void **state)
{
	struct meeting m;
	struct flow *flow;

	(void)state;
	begin_connected(&m);
	flow = m.host->last.handle;
	for (uint8_t i = 0; i < 3; i++) {
		move(m.host, addr_v4(198, 51, 100, (uint8_t)(30 + i), 0));
		assert_in_range(speak_until_heard(&m, m.host, flow, m.guest), 0, 15 * MS);
		meeting_expect_up(&m, m.guest, 1);
		assert_ptr_equal(m.host->last.handle, flow);
		assert_int_equal(net_events(m.guest, EVENT_MOVED), i + 1u);
		net_run(m.net, 5 * SECOND);
	}
	expect_same_session(&m);
	meeting_end(&m);
}

static void a_host_comes_back(void **state)
{
	static const uint64_t spans[] = {100 * MS, 2900 * MS, 3100 * MS, 20 * SECOND};
	struct meeting m;
	struct flow *flow;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		begin_connected(&m);
		flow = m.host->last.handle;
		move(m.host, addr_v4(198, 51, 100, 30, 0));
		assert_in_range(speak_until_heard(&m, m.host, flow, m.guest), 0, 15 * MS);
		net_run(m.net, spans[i]);
		move(m.host, addr_v4(198, 51, 100, 10, 0));
		assert_in_range(speak_until_heard(&m, m.host, flow, m.guest), 0, 15 * MS);
		meeting_expect_up(&m, m.guest, 1);
		assert_int_equal(net_events(m.guest, EVENT_MOVED), 2);
		expect_same_session(&m);
		meeting_end(&m);
	}
}

/* Two guests change places: each has the other's address now, with a frame of either first.
 * Numbers and flows stay with who they belong to. */
static void two_guests_change_places(void **state)
{
	struct net_node *first, *second;
	struct flow *flows[2];
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	first = m.guest;
	m.guest_config.identity[1] = 2;
	/* In another network: a network's challenges are limited. */
	second = meeting_add_guest(&m, addr_v4(203, 0, 114, 21, 0));
	meeting_connect(&m, first);
	meeting_connect(&m, second);
	meeting_expect_up(&m, first, 1);
	flows[0] = m.host->last.handle;
	meeting_expect_up(&m, second, 2);
	flows[1] = m.host->last.handle;
	for (unsigned i = 0; i < 4; i++) {
		struct addr place = first->bound[0];
		struct net_node *early = i & 1 ? second : first;
		struct net_node *late = i & 1 ? first : second;

		net_run(m.net, 2 * SECOND);
		move(first, second->bound[0]);
		move(second, place);
		assert_in_range(speak_until_heard(&m, early, app_flow(&m, early), m.host),
			0, 15 * MS);
		assert_int_equal(m.host->last.guest, early == first ? 1 : 2);
		assert_ptr_equal(m.host->last.handle, flows[early != first]);
		net_run(m.net, 20 * MS);
		meeting_expect_down(&m, early);
		assert_in_range(speak_until_heard(&m, late, app_flow(&m, late), m.host),
			0, 15 * MS);
		assert_int_equal(m.host->last.guest, late == first ? 1 : 2);
		assert_ptr_equal(m.host->last.handle, flows[late != first]);
		net_run(m.net, 20 * MS);
		meeting_expect_down(&m, late);
		meeting_expect_up(&m, early, early == first ? 1 : 2);
		meeting_expect_down(&m, early);
	}
	assert_int_equal(meeting_host_counts(m.host).guests, 2);
	assert_int_equal(net_events(first, EVENT_LOST), 0);
	assert_int_equal(net_events(second, EVENT_LOST), 0);
	meeting_end(&m);
}

/* Somebody else. */

static struct net_node *victim;
static struct net_packet *carried;

static void keep_one(struct net *net, struct net_packet *p)
{
	(void)net;
	if (p->from == victim && frame_is(p->bytes, p->len) && carried == NULL) {
		carried = p;
		p->lost = true;
	}
}

static enum verdict hear_at_host(
	struct meeting *m, const struct addr *from, const uint8_t *bytes, size_t len)
{
	return net_input(m->net, m->host, 0, &m->host->bound[0], from, bytes, len);
}

/* The challenge of the host to an address that is nobody's. */
static const struct net_packet *challenge_to(struct meeting *m, const struct addr *to)
{
	for (unsigned i = m->net->count; i-- > 0;)
		if (m->net->sent[i].from == m->host && m->net->sent[i].len == 20 &&
			m->net->sent[i].bytes[0] == 0xc1 &&
			addr_equal(&m->net->sent[i].to, to))
			return &m->net->sent[i];
	return NULL;
}

static void begin_carrying(struct meeting *m, const struct addr *thief)
{
	begin_connected(m);
	victim = m->guest;
	carried = NULL;
	m->net->hook = keep_one;
	net_say(m->net, m->guest, app_flow(m, m->guest), (const uint8_t *)"x", 1);
	m->net->hook = NULL;
	assert_non_null(carried);
	assert_int_equal(hear_at_host(m, thief, carried->bytes, carried->len),
		VERDICT_DROP_NO_SESSION);
	net_pump(m->net);
	assert_non_null(challenge_to(m, thief));
}

/* A frame brought from elsewhere moves nothing: who brought it cannot answer. */
static void a_stolen_frame_moves_nothing(void **state)
{
	const struct addr thief = addr_v4(192, 0, 2, 66, 6666);
	uint8_t resume[44] = {0xc2};
	struct meeting m;

	(void)state;
	begin_carrying(&m, &thief);
	memcpy(resume + 20, challenge_to(&m, &thief)->bytes + 12, 8);
	assert_int_equal(hear_at_host(&m, &thief, resume, sizeof(resume)),
		VERDICT_DROP_NO_SESSION);
	/* To the guest the challenge is from a stranger. */
	assert_int_equal(net_input(m.net, m.guest, 0, &m.guest->bound[0], &thief,
				 challenge_to(&m, &thief)->bytes, 20),
		VERDICT_DROP_UNSOLICITED);
	assert_int_equal(net_events(m.host, EVENT_GUEST_MOVED), 0);
	meeting_expect_up(&m, m.guest, 1);
	meeting_expect_down(&m, m.guest);
	meeting_end(&m);
}

/* Whoever carries the challenge to the guest and its answer back, both under forged
 * addresses, has the host believe a move: until the guest's next frame. */
static void a_carried_answer_is_taken_back(void **state)
{
	const struct addr thief = addr_v4(192, 0, 2, 66, 6666);
	const struct net_packet *resume;
	struct meeting m;

	(void)state;
	begin_carrying(&m, &thief);
	assert_int_equal(net_input(m.net, m.guest, 0, &m.guest->bound[0],
				 &m.host->bound[0], challenge_to(&m, &thief)->bytes, 20),
		VERDICT_CONSUMED);
	m.net->flight = SECOND; /* the answer itself is slow */
	net_pump(m.net);
	m.net->flight = 5 * MS;
	resume = &m.net->sent[m.net->count - 1];
	assert_int_equal(resume->len, 44);
	assert_int_equal(hear_at_host(&m, &thief, resume->bytes, 44), VERDICT_CONSUMED);
	assert_int_equal(
		hear_at_host(&m, &thief, resume->bytes, 44), VERDICT_DROP_FORGED);
	net_run(m.net, MS);
	assert_int_equal(net_events(m.host, EVENT_GUEST_MOVED), 1);
	/* The host asks at both places, so the guest speaks at once. */
	net_run(m.net, 9 * MS);
	assert_int_equal(net_events(m.host, EVENT_GUEST_MOVED), 2);
	meeting_expect_down(&m, m.guest);
	meeting_expect_up(&m, m.guest, 1);
	net_run(m.net, 5 * SECOND);
	assert_int_equal(net_events(m.host, EVENT_GUEST_MOVED), 2);
	expect_same_session(&m);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_moves),
		cmocka_unit_test(a_guest_comes_back),
		cmocka_unit_test(a_guest_is_mapped_anew),
		cmocka_unit_test(a_silent_guest_moves),
		cmocka_unit_test(a_host_moves),
		cmocka_unit_test(a_host_comes_back),
		cmocka_unit_test(two_guests_change_places),
		cmocka_unit_test(a_stolen_frame_moves_nothing),
		cmocka_unit_test(a_carried_answer_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
