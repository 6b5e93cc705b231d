/* SPDX-License-Identifier: MIT */
/* Which of several paths a session takes, on its own lines and after trouble. */
#include "meeting.h"

#define MS MILLISECOND

/* The host at 192.168.1.10, which keeps its ports at 198.51.100.200, and the guest beside
 * it on the LAN at 192.168.1.20: two ways to say hello. */
static struct addr shared(struct net_node *n, uint32_t socket, const struct addr *to)
{
	struct addr outside = n->bound[socket];

	if (to->ip[0] == 192 && to->ip[1] == 168)
		return outside;
	return addr_v4(198, 51, 100, 200, (uint16_t)(outside.port + outside.ip[3] * 100));
}

static void begin_on_one_lan(struct meeting *m)
{
	meeting_init(m);
	meeting_add_rendezvous(m);
	m->host = net_add(m->net, NET_HOST, addr_v4(192, 168, 1, 10, 0));
	m->host->nat = shared;
	meeting_host_start(m, m->host);
	host_set_locals(m->host->machine, &m->host->ip[0], 1);
	net_open(m->net, m->host, 0, ADDR_V4, 0);
	m->guest = net_add(m->net, NET_GUEST, addr_v4(192, 168, 1, 20, 0));
	m->guest->nat = shared;
	m->guest->machine = guest_new(&m->guest_config, m->net->now);
	assert_non_null(m->guest->machine);
	guest_set_locals(m->guest->machine, &m->guest->ip[0], 1);
	net_open(m->net, m->guest, 0, ADDR_V4, 0);
	net_run(m->net, 2 * SECOND);
}

static void lan_slower(struct net *net, struct net_packet *p)
{
	(void)net;
	if (p->to.ip[0] == 192 && p->to.ip[1] == 168)
		p->due += 2 * MS;
	/* The first welcome is lost. */
	p->lost = net_is(p, MESSAGE_WELCOME) && p->to.ip[0] == 198;
}

/* The host answers the first frame where it came from, not where the first hello did. */
static void answers_where_the_first_frame_came_from(void **state)
{
	struct meeting m;
	unsigned elsewhere = 0;

	(void)state;
	begin_on_one_lan(&m);
	m.net->hook = lan_slower;
	meeting_connect(&m, m.guest);
	assert_int_equal(net_event(m.guest, EVENT_CONNECTED, 0)->path.remote.ip[0], 192);
	for (unsigned i = 0; i < m.net->count; i++) {
		const struct net_packet *p = &m.net->sent[i];

		elsewhere += p->from == m.host && frame_is(p->bytes, p->len) &&
			     p->to.ip[0] != 192;
	}
	assert_int_equal(elsewhere, 0);
	meeting_expect_up(&m, m.guest, 1);
	meeting_expect_down(&m, m.guest);
	meeting_end(&m);
}

static void lan_nearer(struct net *net, struct net_packet *p)
{
	(void)net;
	if (p->to.ip[0] != 192)
		p->due += 2 * MS;
}

static void takes_the_lan_when_nearer(void **state)
{
	struct meeting m;

	(void)state;
	begin_on_one_lan(&m);
	m.net->hook = lan_nearer;
	meeting_connect(&m, m.guest);
	assert_int_equal(net_event(m.guest, EVENT_CONNECTED, 0)->path.remote.ip[0], 192);
	assert_int_equal(net_event(m.guest, EVENT_HOST_FOUND, 0)->number, 2);
	meeting_expect_up(&m, m.guest, 1);
	meeting_expect_down(&m, m.guest);
	meeting_end(&m);
}

static void no_answers(struct net *net, struct net_packet *p)
{
	(void)net;
	p->lost = net_is(p, MESSAGE_HELLO);
}

/* Each further trial 1.5 s, 2 s, 2.5 s after its answer, from a socket of its own, with
 * punches that go one hop further; those left are closed. */
static void tries_again_from_fresh_sockets(void **state)
{
	static const uint64_t spans[] = {
		1530, 2030, 2530, 3030}; /* and 30 ms to the answer */
	static const uint32_t sockets[] = {0, 2, 3, 4, 2};
	const struct net_packet *p;
	uint64_t began_at[5], now;
	struct meeting m;
	unsigned trials = 0;
	uint8_t ttl = 0;

	(void)state;
	meeting_begin(&m);
	m.net->hook = no_answers;
	now = m.net->now;
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 10 * SECOND);
	for (unsigned i = 0; (p = net_find(m.net, m.guest, MESSAGE_COOKIE_ASK, i)); i++) {
		if (p->to.port != 3478)
			continue; /* how the NAT looks from a further port */
		assert_true(trials < 5);
		assert_int_equal(p->socket, sockets[trials]);
		began_at[trials++] = p->at;
	}
	assert_int_equal(trials, 5);
	assert_int_equal(began_at[0], now);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(began_at[i + 1] - began_at[i], spans[i] * MS);
	for (unsigned i = 0; (p = net_find(m.net, m.host, MESSAGE_PUNCH, i)); i++)
		ttl = p->ttl > ttl ? p->ttl : ttl;
	assert_int_equal(ttl, 3); /* in five trials: steps of 0, 0, 1, 0, 2; one NAT */
	assert_int_equal(net_events(m.guest, EVENT_SOCKET_WANTED), 4);
	assert_int_equal(net_events(m.guest, EVENT_SOCKET_DONE), 2);
	m.net->hook = NULL;
	net_run(m.net, 5 * SECOND);
	assert_true(guest_connected(m.guest->machine));
	net_run(m.net, SECOND);
	/* Only the socket of the session stays, beside the first. */
	assert_int_equal(net_events(m.guest, EVENT_SOCKET_WANTED) -
				 net_events(m.guest, EVENT_SOCKET_DONE),
		1);
	meeting_expect_up(&m, m.guest, 1);
	meeting_end(&m);
}

/* The host is not heard for 3 s: the same session goes on, none of its flows is lost. */
static void outlives_a_short_silence(void **state)
{
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	meeting_connect(&m, m.guest);
	meeting_expect_up(&m, m.guest, 1);
	m.host->deaf = true;
	net_say(m.net, m.guest,
		guest_flow(
			m.guest->machine, &(struct addr){.family = ADDR_V4}, m.net->now),
		(const uint8_t *)"", 0);
	net_run(m.net, 1599 * MS);
	assert_int_equal(net_events(m.guest, EVENT_LOST), 0);
	net_run(m.net, MS);
	assert_int_equal(net_events(m.guest, EVENT_LOST), 1);
	assert_string_equal(net_event(m.guest, EVENT_LOST, 0)->why, "silent");
	net_run(m.net, SECOND);
	assert_true(guest_connected(m.guest->machine));
	m.host->deaf = false;
	net_run(m.net, 300 * MS);
	assert_int_equal(net_events(m.guest, EVENT_CONNECTED), 2);
	meeting_expect_up(&m, m.guest, 1);
	meeting_expect_down(&m, m.guest);
	net_run(m.net, 5 * SECOND);
	assert_int_equal(net_events(m.guest, EVENT_LOST), 1);
	assert_int_equal(meeting_host_counts(m.host).guests, 1);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_where_the_first_frame_came_from),
		cmocka_unit_test(takes_the_lan_when_nearer),
		cmocka_unit_test(tries_again_from_fresh_sockets),
		cmocka_unit_test(outlives_a_short_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
