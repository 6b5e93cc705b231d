/* SPDX-License-Identifier: MIT */
/* What a host sends to addresses that a guest names: in which order, how far, how much,
 * and where never. */
#include "meeting.h"

#define MS MILLISECOND

static const uint8_t attempt[ID_SIZE] = {0xa7, 0x7e};

/* Bytes of punches that went to an address. */
static size_t punched(const struct meeting *m, const struct addr *to)
{
	const struct net_packet *p;
	size_t bytes = 0;

	for (unsigned i = 0; (p = net_find(m->net, m->host, MESSAGE_PUNCH, i)) != NULL;
		i++) {
		assert_true(p->len <= 32);
		if (addr_equal(&p->to, to))
			bytes += p->len;
	}
	return bytes;
}

/* How many addresses were punched at all. */
static unsigned punched_addresses(const struct meeting *m)
{
	const struct net_packet *p;
	struct addr seen[64];
	unsigned count = 0;

	for (unsigned i = 0; (p = net_find(m->net, m->host, MESSAGE_PUNCH, i)) != NULL;
		i++) {
		unsigned k = 0;

		while (k < count && !addr_equal(&seen[k], &p->to))
			k++;
		if (k == count)
			seen[count++] = p->to;
		assert_true(count < 64);
	}
	return count;
}

static void offer_one(struct guest_offer *offer, const struct addr *addr)
{
	*offer = (struct guest_offer){0};
	assert_true(candidates_add(&offer->candidates, addr, CANDIDATE_LOCAL));
}

static void punches_before_it_answers(void **state)
{
	const struct net_packet *punch, *answer, *hello;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	meeting_connect(&m, m.guest);
	punch = net_find(m.net, m.host, MESSAGE_PUNCH, 0);
	answer = net_find(m.net, m.host, MESSAGE_ANSWER, 0);
	hello = net_find(m.net, m.guest, MESSAGE_HELLO, 0);
	assert_non_null(net_find(m.net, m.host, MESSAGE_PUNCH, 2));
	assert_true(punch < answer);
	assert_true(net_find(m.net, m.host, MESSAGE_PUNCH, 2) < answer);
	assert_int_equal(punch->at, answer->at);
	assert_true(answer < hello);
	assert_true(addr_equal(&punch->to, &m.guest->bound[0]));
	/* Not mapped, no NAT of its own: one hop. The hello goes all the way. */
	assert_int_equal(punch->ttl, 1);
	assert_int_equal(hello->ttl, 0);
	assert_int_equal(net_find(m.net, m.host, MESSAGE_WELCOME, 0)->ttl, 0);
	meeting_end(&m);
}

static struct addr shift_port(struct net_node *n, uint32_t socket, const struct addr *to)
{
	struct addr outside = n->bound[socket];

	(void)to;
	outside.ip[3] = 200;
	return outside;
}

/* A meeting whose host is behind a NAT that keeps ports. */
static void begin_mapped(struct meeting *m)
{
	meeting_init(m);
	meeting_add_rendezvous(m);
	m->host = net_add(m->net, NET_HOST, addr_v4(192, 168, 1, 10, 0));
	m->host->nat = shift_port;
	meeting_host_start(m, m->host);
	host_set_locals(m->host->machine, &m->host->ip[0], 1);
	m->guest = meeting_add_guest(m, addr_v4(203, 0, 113, 20, 0));
	net_open(m->net, m->host, 0, ADDR_V4, 0);
}

/* Has a router of that address answer the probe with that TTL. */
static void exceed(struct meeting *m, unsigned round, uint8_t ttl, struct addr router)
{
	struct path path = {.remote = m->host_config.servers[0]};
	const struct net_packet *p = NULL;

	for (unsigned i = 0, found = 0; found <= round; i++) {
		p = net_find(m->net, m->host, MESSAGE_COOKIE_ASK, i);
		assert_non_null(p);
		found += p->ttl == ttl;
	}
	host_icmp(m->host->machine, &path, &router, 11, 0, p->bytes, 28, m->net->now);
}

static void counts_its_own_nats(void **state)
{
	const struct net_packet *p;
	struct meeting m;
	unsigned probes = 0, trials = 0;

	(void)state;
	begin_mapped(&m);
	net_run(m.net, 100 * MS);
	exceed(&m, 0, 1, addr_v4(192, 168, 1, 1, 0));
	exceed(&m, 0, 2, addr_v4(100, 64, 0, 1, 0));
	exceed(&m, 0, 3, addr_v4(203, 0, 113, 1, 0)); /* beyond the NATs */
	net_run(m.net, 900 * MS);
	assert_int_equal(net_event(m.host, EVENT_LEVELS_COUNTED, 0)->number, 2);
	for (unsigned i = 0; (p = net_find(m.net, m.host, MESSAGE_COOKIE_ASK, i)); i++)
		if (p->ttl != 0) {
			assert_int_equal(p->ttl, 1 + probes % 4);
			assert_int_equal(
				p->at, NET_START + 20 * MS + probes / 4 * 300 * MS);
			probes++;
		}
	assert_int_equal(probes, 12);
	/* Further with every other trial of a guest that is not reached, and all the way with
	 * the fourth. */
	m.guest->bound[0].port = 1; /* hears nothing but the rendezvous' answers */
	for (uint8_t trial = 0; trial < 5; trial++) {
		struct guest_offer offer = {.trial = trial};
		uint8_t id[ID_SIZE] = {trial};
		struct addr seen = addr_v4(203, 0, 113, 77, (uint16_t)(1000 + trial));

		assert_int_equal(
			meeting_introduce(&m, id, &seen, &offer), VERDICT_CONSUMED);
	}
	net_run(m.net, 10 * MS);
	for (unsigned i = 0; (p = net_find(m.net, m.host, MESSAGE_PUNCH, i)); i++) {
		static const uint8_t ttls[] = {3, 3, 4, 0, 5};

		assert_int_equal(p->ttl, ttls[p->to.port - 1000]);
		trials = trials > p->to.port - 1000u ? trials : p->to.port - 1000u;
	}
	assert_int_equal(trials, 4);
	meeting_end(&m);
}

static void believes_icmp_only_of_its_probes(void **state)
{
	struct path path = {.remote = addr_v4(192, 0, 2, 1, 3478)};
	const struct addr router = addr_v4(192, 168, 1, 1, 0);
	const struct addr seen = addr_v4(203, 0, 113, 77, 1000);
	struct guest_offer offer = {.trial = 0};
	uint8_t forged[28] = {0x81, 1};
	struct meeting m;

	(void)state;
	begin_mapped(&m);
	net_run(m.net, 100 * MS);
	forged[17] = 4;
	host_icmp(m.host->machine, &path, &router, 11, 0, forged, 28, m.net->now);
	host_icmp(m.host->machine, &path, &router, 11, 0, forged, 3, m.net->now);
	host_icmp(m.host->machine, &path, &router, 11, 0, NULL, 0, m.net->now);
	net_run(m.net, 900 * MS);
	assert_int_equal(net_event(m.host, EVENT_LEVELS_COUNTED, 0)->number, 0);
	exceed(&m, 0, 4, router); /* too late */
	/* Mapped, and yet no router said so: one NAT is taken for granted. */
	assert_int_equal(meeting_introduce(&m, attempt, &seen, &offer), VERDICT_CONSUMED);
	net_run(m.net, MS);
	assert_int_equal(net_find(m.net, m.host, MESSAGE_PUNCH, 0)->ttl, 2);
	meeting_end(&m);
}

static void is_bounded_in_all(void **state)
{
	struct meeting m;
	size_t all = 0;

	(void)state;
	meeting_begin(&m);
	/* Introduced again and again, each time with other addresses. */
	for (unsigned i = 0; i < 600; i++) {
		struct guest_offer offer = {0};
		struct addr seen = addr_v4(203, 0, 113, 50, (uint16_t)(1000 + i));

		for (unsigned k = 0; k < 8; k++) {
			struct addr a = addr_v4(
				203, 0, 113, 60, (uint16_t)(2000 + (7 * i + k) % 60));

			candidates_add(&offer.candidates, &a, CANDIDATE_LOCAL);
		}
		meeting_introduce(&m, attempt, &seen, &offer);
		net_run(m.net, 100 * MS);
	}
	assert_int_equal(punched_addresses(&m), 8);
	for (unsigned port = 1; port < 3000; port++) {
		struct addr a =
			addr_v4(203, 0, 113, port < 2000 ? 50 : 60, (uint16_t)port);

		assert_true(punched(&m, &a) <= 2048);
		all += punched(&m, &a);
	}
	assert_int_equal(meeting_host_counts(m.host).unproved_bytes, all);
	assert_true(all >= 8 * 3 * PUNCH_SIZE);
	meeting_end(&m);
}

/* However many attempts: 4,000 punches at once, and 4,000 a second. */
static void is_bounded_for_the_process(void **state)
{
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	for (unsigned i = 0; i < 400; i++) {
		uint8_t id[ID_SIZE] = {(uint8_t)i, (uint8_t)(i >> 8)};
		struct guest_offer offer = {0};
		struct addr seen = addr_v4(203, 0, 113, 50, (uint16_t)(1000 + i));

		for (uint16_t k = 0; k < 7; k++) {
			struct addr a =
				addr_v4(203, 0, 113, 60, (uint16_t)(2000 + 7 * i + k));

			candidates_add(&offer.candidates, &a, CANDIDATE_LOCAL);
		}
		meeting_introduce(&m, id, &seen, &offer);
		net_pump(m.net);
	}
	assert_int_equal(net_count(m.net, m.host, MESSAGE_PUNCH), 4000);
	meeting_end(&m);
}

static void never_goes_where_it_must_not(void **state)
{
	static const char *const never[] = {"127.0.0.1:1000", "[::1]:1000",
		"0.0.0.0:1000", "0.1.2.3:1000", "[::]:1000", "224.0.0.1:1000",
		"239.1.2.3:1000", "[ff02::1]:1000", "255.255.255.255:1000",
		"240.0.0.1:1000", "[::ffff:203.0.113.5]:1000", "169.254.1.1:1000",
		"[fe80::1]:1000", "203.0.113.5:0", "10.1.2.3:1000", "192.168.7.7:1000",
		"172.16.0.1:1000", "100.64.0.1:1000", "[fd00::1]:1000",
		"198.51.100.99:27015", "198.51.100.10:40000", "198.51.100.10:40001"};
	const struct addr seen = addr_v4(203, 0, 113, 50, 1000);
	struct guest_offer offer;
	struct meeting m;

	(void)state;
	meeting_init(&m);
	m.host_config.targets[0] = addr_v4(198, 51, 100, 99, 27015);
	meeting_gather(&m);
	assert_true(addr_parse(&m.host->ip[1], "2001:db8::10", 0));
	net_open(m.net, m.host, 1, ADDR_V6, 40001);
	net_open(m.net, m.host, 2, ADDR_V4, 40001);
	net_run(m.net, SECOND);
	for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		uint8_t id[ID_SIZE] = {(uint8_t)i};
		struct addr addr;

		if (!addr_parse(&addr, never[i], 1))
			fail_msg("%s does not parse", never[i]);
		offer_one(&offer, &addr);
		assert_int_equal(
			meeting_introduce(&m, id, &seen, &offer), VERDICT_CONSUMED);
		net_run(m.net, 10 * MS);
		if (punched(&m, &addr) > 0)
			fail_msg("%s is punched", never[i]);
	}
	assert_int_equal(punched_addresses(&m), 1);
	meeting_end(&m);
}

/* Any own address at a port of its own, not only the first. */
static void never_goes_to_itself(void **state)
{
	const struct addr own[2] = {
		addr_v4(192, 168, 1, 10, 0), addr_v4(192, 168, 2, 10, 0)};
	const struct addr seen = addr_v4(203, 0, 113, 50, 1000);
	struct guest_offer offer;
	struct meeting m;

	(void)state;
	begin_mapped(&m);
	host_set_locals(m.host->machine, own, 2);
	net_run(m.net, 2 * SECOND);
	for (uint8_t i = 0; i < 2; i++) {
		struct addr addr = own[i];
		uint8_t id[ID_SIZE] = {i};

		addr.port = m.host->bound[0].port;
		offer_one(&offer, &addr);
		assert_int_equal(
			meeting_introduce(&m, id, &seen, &offer), VERDICT_CONSUMED);
		net_run(m.net, 10 * MS);
		assert_int_equal(punched(&m, &addr), 0);
	}
	meeting_end(&m);
}

/* Private addresses: on-link ones, and those of a guest behind the same address. */
static void goes_to_private_addresses_nearby(void **state)
{
	const struct addr seen = addr_v4(203, 0, 113, 50, 1000);
	const struct addr near = addr_v4(192, 168, 1, 77, 1000);
	const struct addr far = addr_v4(192, 168, 2, 77, 1000);
	const struct addr twin = addr_v4(192, 168, 1, 200, 5000);
	struct guest_offer offer;
	struct meeting m;

	(void)state;
	begin_mapped(&m);
	net_run(m.net, 2 * SECOND);
	offer_one(&offer, &near);
	candidates_add(&offer.candidates, &far, CANDIDATE_LOCAL);
	meeting_introduce(&m, attempt, &seen, &offer);
	net_run(m.net, MS);
	assert_int_equal(punched(&m, &near), 3 * PUNCH_SIZE);
	assert_int_equal(punched(&m, &far), 0);
	assert_int_equal(net_find(m.net, m.host, MESSAGE_PUNCH, 3)->ttl, 0);
	/* The rendezvous sees both at 192.168.1.200: one LAN, wherever that is. */
	meeting_introduce(&m, (const uint8_t[ID_SIZE]){2}, &twin, &offer);
	net_run(m.net, MS);
	assert_int_equal(punched(&m, &far), 3 * PUNCH_SIZE);
	meeting_end(&m);
}

static void forged_introductions_move_nothing(void **state)
{
	const struct addr seen = addr_v4(203, 0, 113, 50, 1000);
	uint8_t payload[PAYLOAD_MAX] = {0}, token[TOKEN_SIZE] = {0}, bytes[INTRODUCE_MAX];
	struct introduce_message introduce = {
		.guest = seen, .payload = payload, .payload_len = 100};
	struct meeting m;
	size_t len;

	(void)state;
	meeting_begin(&m);
	len = introduce_encode(bytes, attempt, &introduce, token);
	assert_int_equal(net_input(m.net, m.host, 0, &m.host->bound[0],
				 &m.host_config.servers[0], bytes, len),
		VERDICT_DROP_FORGED);
	meeting_token(&m, token); /* a rendezvous without the ticket makes up a guest */
	len = introduce_encode(bytes, attempt, &introduce, token);
	assert_int_equal(net_input(m.net, m.host, 0, &m.host->bound[0],
				 &m.host_config.servers[0], bytes, len),
		VERDICT_DROP_FORGED);
	net_run(m.net, SECOND);
	assert_int_equal(punched_addresses(&m), 0);
	assert_int_equal(meeting_host_counts(m.host).attempts, 0);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(punches_before_it_answers),
		cmocka_unit_test(counts_its_own_nats),
		cmocka_unit_test(believes_icmp_only_of_its_probes),
		cmocka_unit_test(is_bounded_in_all),
		cmocka_unit_test(is_bounded_for_the_process),
		cmocka_unit_test(never_goes_where_it_must_not),
		cmocka_unit_test(never_goes_to_itself),
		cmocka_unit_test(goes_to_private_addresses_nearby),
		cmocka_unit_test(forged_introductions_move_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
