/* SPDX-License-Identifier: MIT */
/* What is expected of a pair, by what each tells of its network. */
#include "cmd/netcheck.h"
#include "unit.h"

#define RANDOM NETWORK_KIND_RANDOM
#define PORT   NETWORK_KIND_PORT_RESTRICTED
#define CONE   NETWORK_KIND_CONE

struct pair {
	struct netcheck_result own;
	struct addr locals[2];
	struct netcheck_pair theirs;
	struct netcheck_router router;
};

static void offer(struct pair *p, const char *text, enum candidate_kind kind)
{
	struct addr addr;

	assert_true(addr_parse(&addr, text, 0));
	assert_true(candidates_add(&p->theirs.host.candidates, &addr, kind));
}

static struct pair pair_of(enum network_kind ours, enum network_kind theirs)
{
	struct pair p = {.own = {.heard = true,
				 .network = network_of_kind(ours),
				 .mapped = addr_v4(203, 0, 113, 9, 50000)},
		.locals = {addr_v4(192, 168, 2, 5, 0)},
		.theirs = {.took = 41600000}};

	p.theirs.host.seen = addr_v4(198, 51, 100, 7, 40000);
	p.theirs.host.network = network_of_kind(theirs);
	p.theirs.host.relay = true;
	offer(&p, "198.51.100.7:40000", CANDIDATE_OBSERVED);
	offer(&p, "192.168.1.7:40000", CANDIDATE_LOCAL);
	assert_true(addr_parse(&p.locals[1], "2001:db8:1::5", 0));
	return p;
}

/* Asserts the way, and what a person reads of it. */
static void expect(const struct pair *p, enum netcheck_way way, const char *words)
{
	struct netcheck_forecast f =
		netcheck_forecast(&p->own, &p->router, p->locals, 2, &p->theirs.host);
	char text[NETCHECK_REPORT_MAX];

	assert_int_equal(f.way, way);
	netcheck_pair_report(text, &p->theirs, &f);
	if (strstr(text, words) == NULL)
		fail_msg("no \"%s\" in:\n%s", words, text);
}

static void goes_by_the_networks(void **state)
{
	struct pair p = pair_of(PORT, PORT);

	(void)state;
	expect(&p, NETCHECK_WAY_DIRECT, "\nthis pair      directly\n");
	p = pair_of(PORT, RANDOM);
	expect(&p, NETCHECK_WAY_TRYING,
		"this pair      95 % by many ports at once: 1012 packets in 4.0 s; else "
		"the relay\n");
	p = pair_of(RANDOM, RANDOM);
	expect(&p, NETCHECK_WAY_RELAY,
		"this pair      over the relay: both NATs pick a random port per "
		"destination; a direct path would take 54,000 probes");
	p.theirs.host.relay = false;
	expect(&p, NETCHECK_WAY_RELAY, "not at all, without a relay: both NATs");
	p = pair_of(PORT, RANDOM);
	p.theirs.host.relay = false;
	expect(&p, NETCHECK_WAY_TRYING, "in 4.0 s; and there is no relay\n");
	p.theirs.host.network.mapping = NETWORK_UNKNOWN;
	expect(&p, NETCHECK_WAY_UNKNOWN, "cannot be told before");
}

static void a_forwarded_port_goes_before_them(void **state)
{
	struct pair p = pair_of(RANDOM, RANDOM);

	(void)state;
	offer(&p, "[2001:db8::7]:40000", CANDIDATE_PUBLIC);
	expect(&p, NETCHECK_WAY_RELAY, "(configured)\n"); /* no IPv6 here */
	offer(&p, "198.51.100.7:7000", CANDIDATE_MAPPED);
	expect(&p, NETCHECK_WAY_FORWARDED, "directly, at a port that is forwarded");
}

static void a_port_mapped_here_helps_as_well(void **state)
{
	struct pair p = pair_of(RANDOM, RANDOM);

	(void)state;
	p.router.answer = (struct portmap_event){.type = PORTMAP_MAPPED,
		.external = addr_v4(203, 0, 113, 9, 40001),
		.protocol = "PCP"};
	expect(&p, NETCHECK_WAY_DIRECT,
		"\nthis pair      directly, with the port mapping here\n");
	p.router.answer.external = addr_v4(203, 0, 113, 10, 40001);
	expect(&p, NETCHECK_WAY_RELAY, "both NATs pick a random port");
}

static void ipv6_on_both_sides_goes_before_them(void **state)
{
	struct pair p = pair_of(RANDOM, RANDOM);

	(void)state;
	offer(&p, "[2001:db8::7]:40000", CANDIDATE_OBSERVED);
	expect(&p, NETCHECK_WAY_RELAY, "IPv6 here, which the host has, would help");
	p.own.mapped6 = p.locals[1];
	expect(&p, NETCHECK_WAY_IPV6, "directly, over IPv6");
}

static void one_network_is_known_by_both_addresses(void **state)
{
	struct pair p = pair_of(PORT, PORT);

	(void)state;
	p.locals[0] = addr_v4(192, 168, 1, 5, 0); /* of the same name only */
	expect(&p, NETCHECK_WAY_DIRECT, "directly\n");
	p.own.mapped = addr_v4(198, 51, 100, 7, 50000);
	expect(&p, NETCHECK_WAY_LAN, "directly, in the network that both are in");
	p.locals[0] = addr_v4(192, 168, 2, 5, 0);
	p.own.network.hairpin = NETWORK_ANSWER_YES;
	expect(&p, NETCHECK_WAY_HAIRPIN, "hairpinning");
	p.own.network.hairpin = NETWORK_ANSWER_NO;
	expect(&p, NETCHECK_WAY_RELAY,
		"over the relay: both are behind one NAT at 198.51");
}

static void blocked_udp_goes_before_all(void **state)
{
	struct pair p = pair_of(CONE, CONE);

	(void)state;
	offer(&p, "198.51.100.7:7000", CANDIDATE_MAPPED);
	p.theirs.host.seen.transport = ADDR_TCP;
	expect(&p, NETCHECK_WAY_RELAY, "UDP does not get through at the host");
	p = pair_of(CONE, CONE);
	p.own.heard = false;
	expect(&p, NETCHECK_WAY_RELAY, "UDP does not get through here");
}

static void tells_what_the_host_told(void **state)
{
	struct pair p = pair_of(PORT, RANDOM);
	struct netcheck_forecast f =
		netcheck_forecast(&p.own, &p.router, p.locals, 2, &p.theirs.host);
	struct json j;

	(void)state;
	expect(&p, NETCHECK_WAY_TRYING,
		"\nthe host       seen at 198.51.100.7:40000, answered in 42 ms\n"
		"it is behind   symmetric NAT with random ports\n"
		"its addresses  198.51.100.7:40000 (observed)\n"
		"               192.168.1.7:40000 (own)\n");
	json_start(&j);
	netcheck_pair_add(&j, &p.theirs, &f);
	json_end(&j);
	assert_string_equal(j.text,
		"{\"host_seen\":\"198.51.100.7:40000\",\"host_ms\":41.600,\"relay\":true,"
		"\"host_address1\":\"198.51.100.7:40000\","
		"\"host_address1_kind\":\"observed\","
		"\"host_address2\":\"192.168.1.7:40000\",\"host_address2_kind\":\"own\","
		"\"pair\":\"trying\",\"network\":\"port-restricted\","
		"\"peer_network\":\"random-symmetric\",\"chance\":0.951,"
		"\"packets\":1012,\"span_ms\":4048}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_by_the_networks),
		cmocka_unit_test(a_forwarded_port_goes_before_them),
		cmocka_unit_test(a_port_mapped_here_helps_as_well),
		cmocka_unit_test(ipv6_on_both_sides_goes_before_them),
		cmocka_unit_test(one_network_is_known_by_both_addresses),
		cmocka_unit_test(blocked_udp_goes_before_all),
		cmocka_unit_test(tells_what_the_host_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
