/* SPDX-License-Identifier: MIT */
/* Guest and host change their keys while they are in use: nothing is lost by it, and nobody
 * hears of it. */
#include "core/guest_parts.h"
#include "meeting.h"

#define MS MILLISECOND

static const struct session *guest_session(const struct meeting *m)
{
	const struct guest *g = m->guest->machine;

	assert_true(g->active.live);
	return &g->active.session;
}

/* The two bits of epoch in the last frame that a node sent. */
static unsigned last_epoch(const struct meeting *m, const struct net_node *from)
{
	for (unsigned i = m->net->count; i-- > 0;)
		if (m->net->sent[i].from == from &&
			frame_is(m->net->sent[i].bytes, m->net->sent[i].len))
			return m->net->sent[i].bytes[0] >> 4 & 3;
	return 4;
}

static struct flow *app_flow(struct meeting *m)
{
	const struct addr app = addr_v4(127, 0, 0, 1, 50000);

	return guest_flow(m->guest->machine, &app, m->net->now);
}

static void begin_connected(struct meeting *m)
{
	meeting_begin(m);
	meeting_connect(m, m->guest);
	meeting_expect_up(m, m->guest, 1);
	meeting_expect_down(m, m->guest);
}

static void expect_same_session(const struct meeting *m)
{
	assert_int_equal(net_events(m->host, EVENT_GUEST_CONNECTED), 1);
	assert_int_equal(net_events(m->host, EVENT_GUEST_MOVED), 0);
	assert_int_equal(net_events(m->guest, EVENT_CONNECTED), 1);
	assert_int_equal(net_events(m->guest, EVENT_ASKING), 1);
	assert_int_equal(net_events(m->guest, EVENT_LOST), 0);
}

/* Both ways every 10 ms for 5 minutes: new keys at 120 s and at 240 s. */
static void changes_keys_under_way(void **state)
{
	struct meeting m;
	unsigned up, down;

	(void)state;
	begin_connected(&m);
	up = m.host->deliveries;
	down = m.guest->deliveries;
	for (unsigned i = 0; i < 30000; i++) {
		assert_true(
			net_say(m.net, m.guest, app_flow(&m), (const uint8_t *)"u", 1));
		assert_true(net_say(
			m.net, m.host, m.host->last.handle, (const uint8_t *)"d", 1));
		net_run(m.net, 10 * MS);
	}
	net_run(m.net, 10 * MS);
	assert_int_equal(m.host->deliveries, up + 30000);
	assert_int_equal(m.guest->deliveries, down + 30000);
	assert_int_equal(guest_session(&m)->counts.rekeys, 2);
	assert_int_equal(last_epoch(&m, m.guest), 2);
	assert_int_equal(last_epoch(&m, m.host), 2);
	expect_same_session(&m);
	meeting_end(&m);
}

/* The target alone speaks: the guest changes keys for that, too. */
static void changes_keys_while_it_only_listens(void **state)
{
	struct meeting m;
	unsigned down;

	(void)state;
	begin_connected(&m);
	down = m.guest->deliveries;
	for (unsigned i = 0; i < 4000; i++) {
		assert_true(net_say(
			m.net, m.host, m.host->last.handle, (const uint8_t *)"d", 1));
		net_run(m.net, 100 * MS);
	}
	assert_int_equal(m.guest->deliveries, down + 4000);
	assert_int_equal(guest_session(&m)->counts.rekeys, 3);
	expect_same_session(&m);
	meeting_end(&m);
}

static uint64_t seed;

/* Loses seven of ten questions and answers, known by their lengths, and a tenth of what is
 * sealed under any keys. */
static void lossy(struct net *net, struct net_packet *p)
{
	(void)net;
	if (!frame_is(p->bytes, p->len))
		return;
	if (p->len == 142 || p->len == 94)
		p->lost = random_below(&seed, 10) < 7;
	else if (p->len < 30)
		p->lost = random_below(&seed, 10) < 1;
}

static void changes_keys_on_a_lossy_path(void **state)
{
	struct meeting m;
	struct verdict_counts verdicts;

	(void)state;
	seed = random_start();
	begin_connected(&m);
	m.net->hook = lossy;
	for (unsigned i = 0; i < 50000; i++) {
		assert_true(
			net_say(m.net, m.guest, app_flow(&m), (const uint8_t *)"u", 1));
		net_run(m.net, 10 * MS);
	}
	assert_in_range(guest_session(&m)->counts.rekeys, 3, 4);
	assert_int_equal(last_epoch(&m, m.host), guest_session(&m)->counts.rekeys % 4);
	verdicts = meeting_host_counts(m.host).verdicts;
	assert_int_equal(verdicts.of[VERDICT_DROP_FORGED], 0);
	assert_int_equal(verdicts.of[VERDICT_DROP_REPLAY], 0);
	expect_same_session(&m);
	meeting_end(&m);
}

/* Who says nothing needs no new keys: keepalives are no use. */
static void keeps_the_keys_of_a_silent_session(void **state)
{
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	meeting_connect(&m, m.guest);
	net_run(m.net, 1000 * SECOND);
	assert_int_equal(guest_session(&m)->counts.rekeys, 0);
	expect_same_session(&m);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_keys_under_way),
		cmocka_unit_test(changes_keys_while_it_only_listens),
		cmocka_unit_test(changes_keys_on_a_lossy_path),
		cmocka_unit_test(keeps_the_keys_of_a_silent_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
