/* SPDX-License-Identifier: MIT */
/* Host and guest behind NATs that do not hold what they promised, and at several
 * addresses at once. */
#include "meeting.h"

#define MS MILLISECOND

static const struct addr server = {.family = ADDR_V4, .port = 3478, .ip = {192, 0, 2, 1}};

static bool spoilt[NET_SOCKETS]; /* a socket's mapping differs by destination */

/* 198.51.100.200, ports of their own per socket: towards the rendezvous one, towards all
 * else that one or, if spoilt, the next. */
static struct addr spoilable(struct net_node *n, uint32_t socket, const struct addr *to)
{
	uint16_t port = (uint16_t)(5000 + 100 * socket);

	(void)n;
	if (spoilt[socket] && !addr_equal(to, &server))
		port++;
	return addr_v4(198, 51, 100, 200, port);
}

static struct addr outside(uint32_t socket, uint16_t offset)
{
	return addr_v4(198, 51, 100, 200, (uint16_t)(5000 + 100 * socket + offset));
}

static void begin_spoilable(struct meeting *m, uint32_t alt_mask)
{
	memset(spoilt, 0, sizeof(spoilt));
	meeting_init(m);
	m->rendezvous_config.alt_mask = alt_mask;
	meeting_add_rendezvous(m);
	m->host = net_add(m->net, NET_HOST, addr_v4(192, 168, 1, 10, 0));
	m->host->nat = spoilable;
	meeting_host_start(m, m->host);
	m->guest = meeting_add_guest(m, addr_v4(203, 0, 113, 20, 0));
	net_open(m->net, m->host, 0, ADDR_V4, 0);
}

static unsigned hellos_to(const struct meeting *m, struct addr to, uint64_t since)
{
	const struct net_packet *p;
	unsigned count = 0;

	for (unsigned i = 0; (p = net_find(m->net, m->guest, MESSAGE_HELLO, i)) != NULL;
		i++)
		count += p->at >= since && addr_equal(&p->to, &to);
	return count;
}

/* Each check goes to a port of the rendezvous not used the time before. */
static void checks_its_mapping_in_each_attempt(void **state)
{
	static const uint16_t ports[] = {3500, 3501, 3502, 3503, 3500};
	const struct net_packet *p;
	unsigned checks = 0;
	struct meeting m;

	(void)state;
	begin_spoilable(&m, 0xf);
	net_run(m.net, 2 * SECOND);
	for (uint8_t i = 0; i < 4; i++) {
		const struct guest_offer offer = {.trial = 0};
		const struct addr seen = addr_v4(203, 0, 113, 50, 1000);
		const uint8_t id[ID_SIZE] = {i};

		meeting_introduce(&m, id, &seen, &offer);
		meeting_introduce(&m, id, &seen, &offer);
		net_run(m.net, SECOND);
	}
	for (unsigned i = 0; (p = net_find(m.net, m.host, MESSAGE_COOKIE_ASK, i)); i++)
		if (p->to.port != 3478)
			assert_int_equal(p->to.port, ports[checks++]);
	assert_int_equal(checks, 5);
	assert_int_equal(net_events(m.host, EVENT_MAPPING_SPOILT), 0);
	assert_int_equal(net_events(m.host, EVENT_SOCKET_WANTED), 0);
	meeting_end(&m);
}

/* Found at once, when it registers: the lease moves before any guest comes. */
static void leaves_a_mapping_that_was_spoilt_before(void **state)
{
	const struct event *e;
	struct meeting m;

	(void)state;
	begin_spoilable(&m, 0xf);
	spoilt[0] = true;
	net_run(m.net, 2 * SECOND);
	e = net_event(m.host, EVENT_MAPPING_SPOILT, 0);
	assert_non_null(e);
	assert_int_equal(e->addr.port, 5000);
	assert_int_equal(e->peer.port, 5001);
	assert_int_equal(net_events(m.host, EVENT_SOCKET_WANTED), 1);
	e = net_event(m.host, EVENT_REGISTERED, 1);
	assert_non_null(e);
	assert_int_equal(e->peer.port, 5200);
	meeting_connect(&m, m.guest);
	e = net_event(m.guest, EVENT_CONNECTED, 0);
	assert_int_equal(e->path.remote.port, 5200);
	/* The old socket serves nobody and is closed, the new one stays. */
	net_run(m.net, 60 * SECOND);
	assert_int_equal(net_events(m.host, EVENT_SOCKET_DONE), 1);
	assert_int_equal(net_event(m.host, EVENT_SOCKET_DONE, 0)->number, 0);
	meeting_expect_up(&m, m.guest, 1);
	meeting_end(&m);
}

/* Found during an attempt: both mappings are offered in it, and the next guest finds a
 * fresh socket, while the first stays where it is. */
static void offers_both_mappings(void **state)
{
	struct net_node *first;
	struct meeting m;
	uint64_t began_at;

	(void)state;
	begin_spoilable(&m, 0xf);
	net_run(m.net, 2 * SECOND);
	spoilt[0] = true;
	began_at = m.net->now;
	meeting_connect(&m, m.guest);
	assert_int_equal(net_events(m.host, EVENT_MAPPING_SPOILT), 1);
	assert_true(hellos_to(&m, outside(0, 0), began_at) > 0);
	net_run(m.net, SECOND);
	assert_int_equal(net_event(m.host, EVENT_REGISTERED, 1)->peer.port, 5200);
	first = m.guest;
	m.guest_config.identity[1] = 2;
	m.guest = meeting_add_guest(&m, addr_v4(203, 0, 113, 21, 0));
	meeting_connect(&m, m.guest);
	assert_int_equal(net_event(m.guest, EVENT_CONNECTED, 0)->path.remote.port, 5200);
	meeting_expect_up(&m, first, 1);
	net_run(m.net, 120 * SECOND);
	assert_int_equal(net_events(m.host, EVENT_SOCKET_DONE), 0);
	meeting_expect_down(&m, first);
	guest_shutdown(first->machine, m.net->now);
	net_run(m.net, 45 * SECOND);
	assert_int_equal(net_event(m.host, EVENT_SOCKET_DONE, 0)->number, 0);
	meeting_end(&m);
}

static void lose_welcomes_and_first_hellos(struct net *net, struct net_packet *p)
{
	(void)net;
	p->lost = net_is(p, MESSAGE_HELLO) && p->to.port == 5000;
}

/* Only the other mapping lets the guest in: it was told of it. */
static void is_reached_at_the_other_mapping(void **state)
{
	struct meeting m;

	(void)state;
	begin_spoilable(&m, 0xf);
	net_run(m.net, 2 * SECOND);
	spoilt[0] = true;
	m.net->hook = lose_welcomes_and_first_hellos;
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 300 * MS);
	assert_true(hellos_to(&m, outside(0, 1), 0) > 0);
	assert_int_equal(net_event(m.guest, EVENT_CONNECTED, 0)->path.remote.port, 5001);
	meeting_end(&m);
}

/* No fresh socket helps: two are tried, then it makes do, offering both. */
static void gives_fresh_sockets_up(void **state)
{
	struct meeting m;

	(void)state;
	begin_spoilable(&m, 0xf);
	memset(spoilt, true, sizeof(spoilt));
	net_run(m.net, 60 * SECOND);
	assert_int_equal(net_events(m.host, EVENT_SOCKET_WANTED), 2);
	meeting_connect(&m, m.guest);
	meeting_expect_up(&m, m.guest, 1);
	meeting_end(&m);
}

/* A mapping that is no longer ours may be somebody else's. */
static void forgets_the_spoilt_mapping(void **state)
{
	struct meeting m;
	uint64_t began_at;

	(void)state;
	begin_spoilable(&m, 0xf);
	spoilt[0] = true;
	net_run(m.net, 60 * SECOND);
	assert_int_equal(net_event(m.host, EVENT_SOCKET_DONE, 0)->number, 0);
	began_at = m.net->now;
	meeting_connect(&m, m.guest);
	assert_true(hellos_to(&m, outside(2, 0), began_at) > 0);
	assert_int_equal(hellos_to(&m, outside(0, 1), began_at), 0);
	meeting_end(&m);
}

static struct addr random_ports(
	struct net_node *n, uint32_t socket, const struct addr *to)
{
	uint16_t port = (uint16_t)(5000 + 100 * socket);

	(void)n;
	if (to->port != 3478)
		port = (uint16_t)(port + 1000 + to->port % 4);
	return addr_v4(198, 51, 100, 200, port);
}

/* Behind a NAT of that kind every attempt finds another mapping, and each is news for all
 * attempts: no two different answers may go out under one sequence number, since that is
 * the nonce they are sealed with. */
static void never_seals_two_answers_alike(void **state)
{
	const struct guest_offer offer = {.trial = 0};
	const struct net_packet *p;
	const struct net_packet *first[256] = {NULL};
	uint8_t id[ID_SIZE] = {0xee, 0xee};
	struct meeting m;

	(void)state;
	begin_spoilable(&m, 0x7);
	m.host->nat = random_ports;
	net_run(m.net, 60 * SECOND);
	for (unsigned i = 0; i < 300; i++) {
		const struct addr seen = addr_v4(203, 0, 113, 50, (uint16_t)(1000 + i));

		assert_int_equal(
			meeting_introduce(&m, id, &seen, &offer), VERDICT_CONSUMED);
		memset(id, 0, sizeof(id));
		id[0] = (uint8_t)i;
		id[1] = (uint8_t)(i >> 8);
		net_run(m.net, 11 * MS);
	}
	for (unsigned i = 0; (p = net_find(m.net, m.host, MESSAGE_ANSWER, i)) != NULL;
		i++) {
		struct answer_message answer, before;

		if (message_id(p->bytes)[0] != 0xee || message_id(p->bytes)[1] != 0xee)
			continue;
		assert_true(answer_decode(&answer, p->bytes, p->len));
		if (first[answer.sequence] == NULL)
			first[answer.sequence] = p;
		answer_decode(&before, first[answer.sequence]->bytes, p->len);
		assert_int_equal(first[answer.sequence]->len, p->len);
		assert_memory_equal(before.payload, answer.payload, answer.payload_len);
	}
	assert_non_null(first[0]);
	meeting_end(&m);
}

/* The rendezvous at its IPv4 and at its IPv6 address: one name has both. */
static void gather_in_both_families(
	struct meeting *m, void (*hook)(struct net *net, struct net_packet *p))
{
	meeting_init(m);
	m->host_config.server_count = m->guest_config.server_count = 2;
	assert_true(addr_parse(&m->host_config.servers[1], "[2001:db8::1]:3478", 0));
	m->guest_config.servers[1] = m->host_config.servers[1];
	m->net->hook = hook;
	meeting_add_rendezvous(m);
	m->host = meeting_add_host(m, addr_v4(198, 51, 100, 10, 0));
	m->guest = meeting_add_guest(m, addr_v4(203, 0, 113, 20, 0));
	assert_true(addr_parse(&m->host->ip[1], "2001:db8::10", 0));
	assert_true(addr_parse(&m->guest->ip[1], "2001:db8::20", 0));
	net_open(m->net, m->host, 1, ADDR_V6, 0);
	net_open(m->net, m->guest, 1, ADDR_V6, 0);
	net_run(m->net, 2 * SECOND);
}

static void meets_at_both_families(void **state)
{
	struct meeting m;

	(void)state;
	gather_in_both_families(&m, NULL);
	assert_int_equal(net_events(m.host, EVENT_REGISTERED), 2);
	meeting_connect(&m, m.guest);
	assert_int_equal(net_event(m.guest, EVENT_CONNECTED, 0)->span, 40 * MS);
	assert_int_equal(net_events(m.guest, EVENT_ASK_REFUSED), 0);
	meeting_end(&m);
}

static void only_ipv6_hellos(struct net *net, struct net_packet *p)
{
	(void)net;
	p->lost = p->to.family == ADDR_V4 &&
		  (net_is(p, MESSAGE_HELLO) || net_is(p, MESSAGE_WELCOME));
}

/* IPv4 between the two is blocked, IPv6 is not, and no own address is known: what the
 * rendezvous saw of each has to do. */
static void connects_by_the_other_family(void **state)
{
	struct meeting m;

	(void)state;
	gather_in_both_families(&m, only_ipv6_hellos);
	meeting_connect(&m, m.guest);
	assert_int_equal(
		net_event(m.guest, EVENT_CONNECTED, 0)->path.remote.family, ADDR_V6);
	assert_non_null(net_find(m.net, m.host, MESSAGE_PUNCH, 0));
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_its_mapping_in_each_attempt),
		cmocka_unit_test(leaves_a_mapping_that_was_spoilt_before),
		cmocka_unit_test(offers_both_mappings),
		cmocka_unit_test(is_reached_at_the_other_mapping),
		cmocka_unit_test(gives_fresh_sockets_up),
		cmocka_unit_test(forgets_the_spoilt_mapping),
		cmocka_unit_test(never_seals_two_answers_alike),
		cmocka_unit_test(meets_at_both_families),
		cmocka_unit_test(connects_by_the_other_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
