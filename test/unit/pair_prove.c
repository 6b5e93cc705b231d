/* SPDX-License-Identifier: MIT */
/* A host that does not know where its guest is sends no more there than came from there;
 * only the answer to a ping that went there tells (RFC 9000, sections 8.1 and 8.2). */
#include "core/host_parts.h"
#include "meeting.h"
#include "token.h"

#define MS MILLISECOND

static const struct addr victim = {
	.family = ADDR_V4, .port = 6666, .ip = {192, 0, 2, 66}};

/* What the guest sends is kept back, for the test to say it from elsewhere. */
static struct net_node *muted;

static void mute(struct net *net, struct net_packet *p)
{
	(void)net;
	if (p->from == muted && (net_is(p, MESSAGE_HELLO) || frame_is(p->bytes, p->len)))
		p->lost = true;
}

static struct net_packet *first_frame(struct meeting *m, const struct net_node *from)
{
	for (unsigned i = 0; i < m->net->count; i++)
		if (m->net->sent[i].from == from &&
			frame_is(m->net->sent[i].bytes, m->net->sent[i].len))
			return &m->net->sent[i];
	return NULL;
}

static size_t bytes_to(const struct meeting *m, const struct addr *to)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < m->net->count; i++)
		if (m->net->sent[i].from == m->host &&
			addr_equal(&m->net->sent[i].to, to))
			bytes += m->net->sent[i].len;
	return bytes;
}

static enum verdict hear_from(
	struct meeting *m, const struct addr *from, const struct net_packet *p)
{
	return net_input(m->net, m->host, 0, &m->host->bound[0], from, p->bytes, p->len);
}

static const struct session *session_of(const struct meeting *m)
{
	const struct host *h = m->host->machine;

	assert_non_null(h->connections);
	return &h->connections->session;
}

/* The target answers each millisecond with 900 bytes; returns how many could be sealed. */
static unsigned target_answers(struct meeting *m, unsigned count)
{
	static const uint8_t answer[900];
	unsigned sealed = 0;

	for (unsigned i = 0; i < count; i++) {
		sealed += net_say(
			m->net, m->host, m->host->last.handle, answer, sizeof(answer));
		net_run(m->net, MS);
	}
	return sealed;
}

/* A guest with a ticket says hello and its first frames under the victim's address: a
 * welcome goes there, and answers, but no more bytes than it spent itself. */
static void a_forged_place_gets_what_it_paid(void **state)
{
	const struct addr app = addr_v4(127, 0, 0, 1, 50000);
	struct net_packet *hello, *welcome, *data;
	size_t paid = 0;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	muted = m.guest;
	m.net->hook = mute;
	guest_start(m.guest->machine, m.net->now);
	while ((hello = net_find(m.net, m.guest, MESSAGE_HELLO, 0)) == NULL)
		net_run(m.net, MS);
	assert_int_equal(hear_from(&m, &victim, hello), VERDICT_CONSUMED);
	paid += hello->len;
	net_pump(m.net);
	welcome = net_find(m.net, m.host, MESSAGE_WELCOME, 0);
	assert_true(addr_equal(&welcome->to, &victim));
	/* The guest, somewhere else, gets it all the same. */
	net_input(m.net, m.guest, 0, &m.guest->bound[0], &m.host->bound[0],
		welcome->bytes, welcome->len);
	assert_true(guest_connected(m.guest->machine));
	net_pump(m.net);
	hello = first_frame(&m, m.guest);
	assert_non_null(hello);
	assert_int_equal(hear_from(&m, &victim, hello), VERDICT_CONSUMED);
	paid += hello->len;
	assert_int_equal(net_events(m.host, EVENT_GUEST_CONNECTED), 0);
	net_pump(m.net);
	assert_int_equal(net_events(m.host, EVENT_GUEST_CONNECTED), 1);
	/* The target has much to say. */
	assert_true(net_say(m.net, m.guest,
		guest_flow(m.guest->machine, &app, m.net->now), (const uint8_t *)"x", 1));
	data = &m.net->sent[m.net->count - 1];
	assert_int_equal(hear_from(&m, &victim, data), VERDICT_DELIVER);
	paid += data->len;
	assert_in_range(target_answers(&m, 5000), 0, 1);
	net_run(m.net, 30 * SECOND);
	assert_in_range(bytes_to(&m, &victim), welcome->len, paid);
	assert_true(meeting_host_counts(m.host).dropped_out >= 4999);
	assert_false(session_of(&m)->proved);
	meeting_end(&m);
}

/* Somebody on the path repeats the guest's hello and all its frames under the victim's
 * address, before the guest's own arrive. */
static void a_copied_guest_is_found(void **state)
{
	const struct net_packet *hello;
	size_t paid = 0;
	unsigned seen;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	guest_start(m.guest->machine, m.net->now);
	while ((hello = net_find(m.net, m.guest, MESSAGE_HELLO, 0)) == NULL)
		net_run(m.net, MS);
	seen = m.net->count;
	while (m.net->now < NET_START + 4 * SECOND) {
		for (; seen < m.net->count; seen++) {
			struct net_packet *p = &m.net->sent[seen];

			if (p->from != m.guest ||
				!(net_is(p, MESSAGE_HELLO) || frame_is(p->bytes, p->len)))
				continue;
			hear_from(&m, &victim, p);
			paid += p->len;
		}
		net_run(m.net, MS);
		if (paid == 0) {
			hear_from(&m, &victim, hello);
			paid += hello->len;
		}
	}
	assert_true(guest_connected(m.guest->machine));
	assert_in_range(bytes_to(&m, &victim), 1, paid);
	/* The pong of the ping that went to the guest names its place, wherever it came
	 * from (RFC 9000, section 8.2.3). */
	assert_true(session_of(&m)->proved);
	assert_true(addr_equal(&session_of(&m)->path.remote, &m.guest->bound[0]));
	meeting_expect_up(&m, m.guest, 1);
	meeting_expect_down(&m, m.guest);
	meeting_end(&m);
}

/* What proves. */

static unsigned frames_of_guest;

/* The guest's second frame and all later ones are late by a second: its pongs. */
static void pongs_late(struct net *net, struct net_packet *p)
{
	(void)net;
	if (p->from == muted && frame_is(p->bytes, p->len) && frames_of_guest++ > 0)
		p->due += 200 * MS;
}

/* The first frame makes a guest of it, and lets its target answer as much as that frame had;
 * its place is known when it answers the ping. */
static void a_pong_proves(void **state)
{
	const struct addr app = addr_v4(127, 0, 0, 1, 50000);
	struct meeting m;
	uint64_t now;

	(void)state;
	meeting_begin(&m);
	muted = m.guest;
	frames_of_guest = 0;
	m.net->hook = pongs_late;
	guest_start(m.guest->machine, m.net->now);
	while (net_events(m.host, EVENT_GUEST_CONNECTED) == 0)
		net_run(m.net, MS / 4);
	now = m.net->now;
	assert_false(session_of(&m)->proved);
	assert_in_range(session_of(&m)->credit, 700, 1000 + HELLO_SIZE);
	assert_int_equal(session_of(&m)->pmtu.next_at, NEVER); /* no probes there */
	net_run(m.net, 100 * MS);
	assert_false(session_of(&m)->proved);
	assert_in_range(bytes_to(&m, &m.guest->bound[0]), 1, 5 * 1000);
	net_run(m.net, 115 * MS);
	assert_true(session_of(&m)->proved);
	assert_true(m.net->now <= now + 216 * MS);
	m.net->hook = NULL;
	net_run(m.net, 300 * MS);
	net_say(m.net, m.guest, guest_flow(m.guest->machine, &app, m.net->now),
		(const uint8_t *)"x", 1);
	net_run(m.net, 10 * MS);
	assert_int_equal(target_answers(&m, 1000), 1000);
	meeting_end(&m);
}

static unsigned pings_lost;

/* The first three frames of a host: two pongs and its ping, which is as long. */
static void lose_a_ping(struct net *net, struct net_packet *p)
{
	(void)net;
	if (p->from->kind == NET_HOST && frame_is(p->bytes, p->len) && pings_lost < 3) {
		pings_lost++;
		p->lost = true;
	}
}

/* The ping is lost, and both sides have something to say every 20 ms: it is asked again,
 * however busy the path is. Else a download would be held to the rate of its upload. */
static void a_lost_ping_is_repeated(void **state)
{
	static const uint8_t payload[90];
	const struct addr app = addr_v4(127, 0, 0, 1, 50000);
	struct meeting m;
	unsigned heard;

	(void)state;
	meeting_begin(&m);
	pings_lost = 0;
	m.net->hook = lose_a_ping;
	guest_start(m.guest->machine, m.net->now);
	while (!guest_connected(m.guest->machine))
		net_run(m.net, MS / 4);
	for (unsigned i = 0; i < 50; i++) {
		net_say(m.net, m.guest, guest_flow(m.guest->machine, &app, m.net->now),
			payload, sizeof(payload));
		net_run(m.net, 10 * MS);
		assert_true(m.host->deliveries > 0);
		net_say(m.net, m.host, m.host->last.handle, payload, sizeof(payload));
		net_run(m.net, 10 * MS);
	}
	assert_int_equal(pings_lost, 3);
	assert_true(session_of(&m)->proved);
	heard = m.guest->deliveries;
	assert_int_equal(target_answers(&m, 100), 100);
	net_run(m.net, 10 * MS);
	assert_int_equal(m.guest->deliveries, heard + 100);
	meeting_end(&m);
}

/* The token of a pong is that of a place: one from elsewhere proves nothing, and none that
 * is made up does. */
static void a_token_is_of_one_place(void **state)
{
	struct session s = {.is_host = true};
	struct path here = {.remote = addr_v4(203, 0, 113, 20, 40000)}, there = here;
	uint8_t mac[CRYPTO_MAC_SIZE];
	struct frame frame = {.control = true, .type = CONTROL_PONG, .token = mac};

	(void)state;
	memset(s.path_key, 3, sizeof(s.path_key));
	token_mac(mac, s.path_key, &here);
	assert_true(session_pong_proves(&s, &here, &frame));
	there.remote.port++;
	assert_false(session_pong_proves(&s, &there, &frame));
	there = here;
	there.channel++;
	assert_false(session_pong_proves(&s, &there, &frame));
	there = here;
	there.socket++;
	assert_false(session_pong_proves(&s, &there, &frame));
	frame.type = CONTROL_PING;
	assert_false(session_pong_proves(&s, &here, &frame));
	frame.type = CONTROL_PONG;
	frame.control = false;
	assert_false(session_pong_proves(&s, &here, &frame));
	frame.control = true;
	for (unsigned bit = 0; bit < 64; bit++) {
		mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(session_pong_proves(&s, &here, &frame));
		mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	s.path_key[31] ^= 1;
	assert_false(session_pong_proves(&s, &here, &frame));
}

/* In an ordinary meeting the target's first answers go at once. */
static void the_first_answer_does_not_wait(void **state)
{
	const struct addr app = addr_v4(127, 0, 0, 1, 50000);
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	guest_start(m.guest->machine, m.net->now);
	while (!guest_connected(m.guest->machine))
		net_run(m.net, MS / 4);
	net_say(m.net, m.guest, guest_flow(m.guest->machine, &app, m.net->now),
		(const uint8_t *)"x", 1);
	while (m.host->deliveries == 0)
		net_run(m.net, MS / 4);
	assert_false(session_of(&m)->proved);
	assert_int_equal(target_answers(&m, 1), 1);
	net_run(m.net, 20 * MS);
	assert_int_equal(m.guest->deliveries, 1);
	assert_int_equal(target_answers(&m, 1000), 1000);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forged_place_gets_what_it_paid),
		cmocka_unit_test(a_copied_guest_is_found),
		cmocka_unit_test(a_pong_proves),
		cmocka_unit_test(a_lost_ping_is_repeated),
		cmocka_unit_test(a_token_is_of_one_place),
		cmocka_unit_test(the_first_answer_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
