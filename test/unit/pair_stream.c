/* SPDX-License-Identifier: MIT */
/* A rendezvous by UDP, TCP and TLS, and which of these host and guest use when. */
#include "meeting.h"

#define BY(transport) (1u << (transport))
#define EVERY         (BY(ADDR_UDP) | BY(ADDR_TCP) | BY(ADDR_TLS))

static unsigned passes[2]; /* transports, from and to the host, and the guest */

static bool is_ends(const struct net_packet *p, enum net_kind kind, uint8_t last)
{
	return p->from->kind == kind || p->to.ip[3] == last;
}

/* What goes by a transport that is blocked for one of its ends. */
static void lose_blocked(struct net *net, struct net_packet *p)
{
	unsigned by = BY(p->to.transport);

	(void)net;
	p->lost = (is_ends(p, NET_HOST, 10) && !(passes[0] & by)) ||
		  (is_ends(p, NET_GUEST, 20) && !(passes[1] & by));
}

/* A stream comes from a port of its own. */
static struct addr by_its_transport(
	struct net_node *n, uint32_t socket, const struct addr *to)
{
	struct addr outside = n->bound[socket];

	outside.transport = to->transport;
	outside.port = (uint16_t)(outside.port + 1000 * to->transport);
	return outside;
}

static void add_server(struct addr *servers, size_t *count, enum addr_transport transport)
{
	servers[*count] =
		addr_v4(192, 0, 2, 1, transport == ADDR_TLS ? 443 : RENDEZVOUS_PORT);
	servers[(*count)++].transport = (uint8_t)transport;
}

/* All three, nothing registered yet. */
static void begin_at(struct meeting *m, bool private)
{
	static const uint16_t ports[] = {[ADDR_TCP] = RENDEZVOUS_PORT, [ADDR_TLS] = 443};

	meeting_init(m);
	m->rendezvous_config.private = private;
	m->rendezvous_config.relay.max = 16;
	for (unsigned i = ADDR_TCP; i <= ADDR_TLS; i++) {
		add_server(m->host_config.servers, &m->host_config.server_count, i);
		add_server(m->guest_config.servers, &m->guest_config.server_count, i);
	}
	m->net->hook = lose_blocked;
	meeting_add_rendezvous(m);
	for (unsigned i = ADDR_TCP; i <= ADDR_TLS; i++) {
		m->rendezvous->bound[5 + i] = addr_v4(192, 0, 2, 1, ports[i]);
		m->rendezvous->bound[5 + i].transport = (uint8_t)i;
	}
	m->host = meeting_add_host(m, addr_v4(198, 51, 100, 10, 0));
	m->guest = meeting_add_guest(m, addr_v4(203, 0, 113, 20, 0));
	m->host->nat = m->guest->nat = by_its_transport;
}

static void begin(struct meeting *m, unsigned host, unsigned guest)
{
	passes[0] = host;
	passes[1] = guest;
	begin_at(m, false);
}

/* The first message of that type by that transport; NULL if there is none. */
static const struct net_packet *first_by(const struct meeting *m,
	const struct net_node *from, uint8_t type, enum addr_transport transport)
{
	const struct net_packet *p;

	for (unsigned i = 0; (p = net_find(m->net, from, type, i)) != NULL; i++)
		if (p->to.transport == transport)
			return p;
	return NULL;
}

/* After how many ms that node first asked so; 0 for never, else 1 ms more. */
static unsigned asked_after(
	const struct meeting *m, const struct net_node *n, enum addr_transport transport)
{
	const struct net_packet *p = first_by(m, n, MESSAGE_COOKIE_ASK, transport);

	return p != NULL ? 1 + (unsigned)((p->at - NET_START) / MILLISECOND) : 0;
}

/* Streams go to the rendezvous as dialled, and carry no punch. */
static void expect_clean_streams(const struct meeting *m)
{
	for (unsigned i = 0; i < m->net->count; i++) {
		const struct net_packet *p = &m->net->sent[i];

		if (p->to.transport == ADDR_UDP || p->from == m->rendezvous)
			continue;
		assert_int_equal(
			p->to.port, p->to.transport == ADDR_TLS ? 443 : RENDEZVOUS_PORT);
		assert_false(net_is(p, MESSAGE_PUNCH));
		assert_int_equal(p->ttl, 0);
	}
}

static void a_guest_waits_for_udp(void **state)
{
	struct meeting m;

	(void)state;
	begin(&m, 0, 0);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 5 * SECOND);
	assert_int_equal(asked_after(&m, m.guest, ADDR_UDP), 1);
	assert_int_equal(asked_after(&m, m.guest, ADDR_TCP), 1001);
	assert_int_equal(asked_after(&m, m.guest, ADDR_TLS), 2001);
	meeting_end(&m);
}

static void a_guest_keeps_to_what_answers(void **state)
{
	struct meeting m;

	(void)state;
	begin(&m, 0, EVERY); /* no host: it asks on and on */
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 60 * SECOND);
	assert_int_equal(asked_after(&m, m.guest, ADDR_TCP), 0);
	assert_int_equal(asked_after(&m, m.guest, ADDR_TLS), 0);
	/* UDP dies. It is asked each 1.2 s by now, and a loss or two says nothing. */
	passes[1] = BY(ADDR_TCP);
	net_run(m.net, 15 * SECOND);
	assert_in_range(asked_after(&m, m.guest, ADDR_TCP), 64800, 70000);
	meeting_end(&m);

	begin(&m, 0, BY(ADDR_TCP));
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 60 * SECOND);
	assert_int_equal(asked_after(&m, m.guest, ADDR_TCP), 1001);
	assert_int_equal(asked_after(&m, m.guest, ADDR_TLS), 0);
	meeting_end(&m);
}

static void a_host_waits_for_udp(void **state)
{
	struct meeting m;

	(void)state;
	begin(&m, 0, 0);
	net_run(m.net, 5 * SECOND);
	assert_int_equal(asked_after(&m, m.host, ADDR_UDP), 1);
	assert_int_equal(asked_after(&m, m.host, ADDR_TCP), 1501);
	assert_int_equal(asked_after(&m, m.host, ADDR_TLS), 2501);
	meeting_end(&m);

	begin(&m, EVERY, 0);
	net_run(m.net, 60 * SECOND);
	assert_int_equal(asked_after(&m, m.host, ADDR_TCP), 0);
	assert_int_equal(asked_after(&m, m.host, ADDR_TLS), 0);
	meeting_end(&m);
}

/* By TCP: no question more by TLS. By TLS: TCP is asked on, and takes over when it works. */
static void a_host_keeps_to_the_better_stream(void **state)
{
	struct meeting m;

	(void)state;
	begin(&m, BY(ADDR_TCP), 0);
	net_run(m.net, 10 * SECOND);
	assert_int_equal(net_events(m.host, EVENT_REGISTERED), 1);
	assert_int_equal(m.host->events[0].addr.transport, ADDR_TCP);
	assert_int_equal(asked_after(&m, m.host, ADDR_TLS), 0);
	meeting_end(&m);

	begin(&m, BY(ADDR_TLS), 0);
	net_run(m.net, 10 * SECOND);
	assert_int_equal(net_events(m.host, EVENT_REGISTERED), 1);
	assert_int_equal(m.host->events[0].addr.transport, ADDR_TLS);
	passes[0] = BY(ADDR_TCP) | BY(ADDR_TLS);
	net_run(m.net, 60 * SECOND);
	assert_int_equal(net_events(m.host, EVENT_REGISTERED), 2);
	assert_int_equal(net_events(m.host, EVENT_LEASE_LOST), 1);
	assert_int_equal(
		net_event(m.host, EVENT_LEASE_LOST, 0)->addr.transport, ADDR_TLS);
	meeting_end(&m);
}

/* UDP gets through again: the lease by TCP is given up, that by UDP stays untouched. */
static void a_host_goes_back_to_udp(void **state)
{
	const struct event *lost;
	struct meeting m;

	(void)state;
	begin(&m, BY(ADDR_TCP), 0);
	net_run(m.net, 10 * SECOND);
	passes[0] = EVERY;
	net_run(m.net, 3 * SECOND); /* it is asked each 2 s by now */
	assert_int_equal(net_events(m.host, EVENT_REGISTERED), 2);
	assert_int_equal(net_events(m.host, EVENT_LEASE_LOST), 0);
	net_run(m.net, 10 * SECOND);
	lost = net_event(m.host, EVENT_LEASE_LOST, 0);
	assert_non_null(lost);
	assert_int_equal(lost->addr.transport, ADDR_TCP);
	assert_int_equal(net_count(m.net, m.host, MESSAGE_UNREGISTER), 0);
	net_run(m.net, 60 * SECOND);
	assert_int_equal(net_events(m.host, EVENT_REGISTERED), 2);
	assert_int_equal(net_events(m.host, EVENT_LEASE_LOST), 1);
	expect_clean_streams(&m);
	meeting_end(&m);
}

/* Who is refused is answered: by a stream it would be refused as well. */
static void a_host_that_is_refused_stays(void **state)
{
	struct meeting m;

	(void)state;
	passes[0] = passes[1] = EVERY;
	begin_at(&m, true);
	net_run(m.net, 30 * SECOND);
	assert_in_range(net_events(m.host, EVENT_LEASE_REFUSED), 6, 8);
	assert_int_equal(asked_after(&m, m.host, ADDR_TCP), 0);
	meeting_end(&m);
}

/* Neither punches the other's end of a stream, nor says hello to it. */
static void they_meet_over_the_relay(void **state)
{
	const struct event *connected;
	struct meeting m;

	(void)state;
	begin(&m, BY(ADDR_TCP), BY(ADDR_TLS));
	net_run(m.net, 3 * SECOND);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 2100 * MILLISECOND);
	assert_true(guest_connected(m.guest->machine));
	connected = net_event(m.guest, EVENT_CONNECTED, 0);
	assert_int_equal(connected->path.remote.transport, ADDR_TLS);
	assert_int_equal(connected->path.socket, 0);
	assert_int_not_equal(connected->path.channel, 0);
	meeting_expect_up(&m, m.guest, 1);
	meeting_expect_down(&m, m.guest);
	net_run(m.net, 60 * SECOND);
	assert_int_equal(net_events(m.guest, EVENT_CONNECTED), 1);
	expect_clean_streams(&m);
	/* One of them can use UDP again: over the relay still, until both can. */
	passes[1] = EVERY;
	net_run(m.net, 60 * SECOND);
	assert_int_equal(net_events(m.guest, EVENT_CONNECTED), 1);
	passes[0] = EVERY;
	net_run(m.net, 40 * SECOND);
	assert_int_equal(net_events(m.guest, EVENT_CONNECTED), 2);
	connected = net_event(m.guest, EVENT_CONNECTED, 1);
	assert_int_equal(connected->path.remote.transport, ADDR_UDP);
	assert_int_equal(connected->path.channel, 0);
	meeting_expect_up(&m, m.guest, 1);
	meeting_expect_down(&m, m.guest);
	meeting_end(&m);
}

/* Servers by streams may come and go; without any by UDP there is nothing to wait for. */
static void takes_other_servers(void **state)
{
	struct addr servers[2];
	size_t count = 0;
	struct meeting m;

	(void)state;
	begin(&m, EVERY, EVERY);
	add_server(servers, &count, ADDR_TCP);
	net_run(m.net, SECOND);
	host_set_servers(m.host->machine, servers, count, m.net->now);
	guest_set_servers(m.guest->machine, servers, count, m.net->now);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 200 * MILLISECOND);
	assert_true(guest_connected(m.guest->machine));
	assert_int_equal(asked_after(&m, m.host, ADDR_TCP), 1001);
	assert_int_equal(asked_after(&m, m.guest, ADDR_TCP), 1001);
	assert_int_equal(asked_after(&m, m.guest, ADDR_UDP), 0);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_waits_for_udp),
		cmocka_unit_test(a_guest_keeps_to_what_answers),
		cmocka_unit_test(a_host_waits_for_udp),
		cmocka_unit_test(a_host_keeps_to_the_better_stream),
		cmocka_unit_test(a_host_goes_back_to_udp),
		cmocka_unit_test(a_host_that_is_refused_stays),
		cmocka_unit_test(they_meet_over_the_relay),
		cmocka_unit_test(takes_other_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
