/* SPDX-License-Identifier: MIT */
#include "cmd/netcheck.h"
#include "unit.h"

static const struct netcheck_router nobody; /* is asked for a port */

static struct netcheck_result result_of(enum network_kind kind)
{
	struct netcheck_result r = {.heard = true,
		.network = network_of_kind(kind),
		.server = {addr_v4(192, 0, 2, 1, 3478), NETCHECK_RENDEZVOUS},
		.rtt = 12300000,
		.local = {.family = ADDR_V4, .port = 40000},
		.mapped = addr_v4(203, 0, 113, 9, 50000),
		.asked = {1, 0},
		.answered = {1, 0}};

	r.network.mtu = 1492;
	return r;
}

static void assert_says(const char *text, const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("no \"%s\" in:\n%s", line, text);
}

static void assert_hides(const char *text, const char *line)
{
	if (strstr(text, line) != NULL)
		fail_msg("\"%s\" in:\n%s", line, text);
}

static void reports_a_random_nat(void **state)
{
	struct netcheck_result r = result_of(NETWORK_KIND_RANDOM);
	char text[NETCHECK_REPORT_MAX];

	(void)state;
	r.network.ports = 512;
	r.network.hairpin = NETWORK_ANSWER_NO;
	netcheck_report(text, &r, &nobody, false);
	assert_says(
		text, "asked          192.0.2.1:3478 (rendezvous), round trip 12.3 ms\n");
	assert_says(text, "seen as        203.0.113.9:50000, sent from port 40000\n");
	assert_says(text, "that is        symmetric NAT with random ports\n");
	assert_says(text, "mapping        address- and port-dependent\n");
	assert_says(text, "ports          random, out of a block of about 512\n");
	assert_says(text, "hairpin        no\n");
	assert_says(text, "path MTU       1492\n");
	assert_says(text, "lifetime       not measured (--long)\n");
	assert_says(text, "IPv6           not asked");
	assert_says(text, "A port mapping (UPnP, NAT-PMP or PCP");
	r.network.ports = 0;
	netcheck_report(text, &r, &nobody, false);
	assert_says(text, "  port-restricted NAT or firewall     95 % by many ports at "
			  "once: 1012 packets "
			  "in 4.0 s\n");
	assert_says(text, "  symmetric NAT with random ports     no: 53709 probes for an "
			  "even chance; needs "
			  "a relay\n");
}

static void reports_what_is_not_sure(void **state)
{
	struct netcheck_result r = result_of(NETWORK_KIND_CONE);
	char text[NETCHECK_REPORT_MAX];

	(void)state;
	r.network.mapping_unsure = r.network.filtering_unsure = true;
	netcheck_report(text, &r, &nobody, true);
	assert_says(text, "that is        full cone or address-restricted NAT\n");
	assert_says(text,
		"mapping        endpoint-independent (or address-dependent: one "
		"server address cannot tell)\n");
	assert_says(text, "lifetime       cannot be told here\n");
	assert_says(text, "NAT levels     unknown: no router told\n");
	assert_says(text, "Nothing has to be done");
	r.network.mapping = NETWORK_UNKNOWN;
	netcheck_report(text, &r, &nobody, true);
	assert_says(text, "not known: the server has one address and port only\n");
	assert_hides(text, "A direct path");
	assert_says(text, "Ask a rendezvous, or an RFC 5780 server");
}

static void reports_levels_lifetime_and_poison(void **state)
{
	struct netcheck_result r = result_of(NETWORK_KIND_PORT_RESTRICTED);
	char text[NETCHECK_REPORT_MAX];

	(void)state;
	r.network.levels = 2;
	r.network.carrier = true;
	r.hops[0] = addr_v4(192, 168, 1, 1, 0);
	r.hops[1] = addr_v4(100, 64, 0, 1, 0);
	r.network.lifetime_least = 28;
	r.network.lifetime_most = 31;
	r.network.poison = NETWORK_ANSWER_YES;
	r.asked6 = true;
	assert_true(addr_parse(&r.mapped6, "[2001:db8::1]:40000", 0));
	netcheck_report(text, &r, &nobody, true);
	assert_says(text,
		"NAT levels     2: 192.168.1.1, 100.64.0.1; one is the carrier's "
		"(100.64.0.0/10)\n");
	assert_says(text, "lifetime       forgets between 28 and 31 s of silence\n");
	assert_says(text, "poison         an unsolicited datagram spoils the mapping");
	assert_says(text, "IPv6           yes, seen as [2001:db8::1]:40000\n");
	assert_says(text, "There is a NAT beyond your own router");
	assert_says(text, "Peers that have IPv6, too, need none of this.");
	assert_says(text, "A rule at the router that drops unsolicited UDP");
	r.network.lifetime_most = 0;
	r.network.lifetime_least = 300;
	netcheck_report(text, &r, &nobody, true);
	assert_says(text, "lifetime       300 s of silence or more\n");
}

static void reports_a_sequence(void **state)
{
	struct netcheck_result r = result_of(NETWORK_KIND_SEQUENTIAL);
	char text[NETCHECK_REPORT_MAX];
	struct json j;

	(void)state;
	r.network.delta = -2;
	r.network.steps = 7;
	r.network.strays = 3;
	netcheck_report(text, &r, &nobody, false);
	assert_says(text,
		"ports          sequential, by -2, 3 of others' between 8 of ours\n");
	assert_says(text, "99 % by port prediction: 128 packets in 0.3 s\n");
	netcheck_object(&j, &r, &nobody);
	json_end(&j);
	assert_says(j.text, "\"ports\":\"sequential\",\"ports_delta\":\"-2\"");
	assert_says(j.text, "\"chance_port-restricted\":1.000,\"way_port-restricted\":"
			    "\"port prediction\"");
}

static void reports_no_nat(void **state)
{
	struct netcheck_result r = result_of(NETWORK_KIND_NONE);
	char text[NETCHECK_REPORT_MAX];

	(void)state;
	netcheck_report(text, &r, &nobody, false);
	assert_says(text, "which is the machine's own address (port 40000)\n");
	assert_says(text, "that is        no NAT or firewall\n");
	assert_hides(text, "hairpin");
	assert_hides(text, "NAT levels");
	r.network.filtering_unsure = true;
	netcheck_report(text, &r, &nobody, false);
	assert_says(
		text, "that is        no NAT; an address-restricted firewall, if any\n");
	r.network.filtering = NETWORK_ADDRESS_AND_PORT;
	r.network.filtering_unsure = false;
	netcheck_report(text, &r, &nobody, false);
	assert_says(text, "The firewall admits only who was sent to");
}

static void reports_silence(void **state)
{
	struct netcheck_result r = {.asked = {2, 1}};
	char text[NETCHECK_REPORT_MAX];
	struct json j;

	(void)state;
	netcheck_report(text, &r, &nobody, false);
	assert_says(text, "UDP            blocked, or no server is there: 3 asked, none "
			  "answered\n");
	assert_hides(text, "mapping");
	netcheck_object(&j, &r, &nobody);
	json_end(&j);
	assert_true(strncmp(j.text, "{\"udp\":false,\"help\":\"", 21) == 0);
}

static struct netcheck_router router_says(enum portmap_event_type type, const char *why)
{
	return (struct netcheck_router){.settled = true,
		.answer = {.type = type,
			.external = type != PORTMAP_FAILED
					    ? addr_v4(203, 0, 113, 9, 40001)
					    : (struct addr){.family = ADDR_NONE},
			.protocol = "PCP",
			.why = why}};
}

/* With it, a random NAT is as good as a full cone, and is said to be what it is. */
static void counts_on_a_mapped_port(void **state)
{
	struct netcheck_router router = router_says(PORTMAP_MAPPED, NULL);
	struct netcheck_result r = result_of(NETWORK_KIND_RANDOM);
	char text[NETCHECK_REPORT_MAX];
	struct json j;

	(void)state;
	router.driver = (struct portmap_driver *)(void *)&router; /* it was asked */
	netcheck_report(text, &r, &router, false);
	assert_says(text, "that is        symmetric NAT with random ports\n");
	assert_says(text, "port mapping   203.0.113.9:40001, by PCP\n");
	assert_says(text,
		"\nWith the port mapping, a direct path over IPv4 to a peer with\n");
	assert_says(text, "  symmetric NAT with random ports     yes\n");
	assert_says(text, "Nothing has to be done: by the port that the router maps");
	netcheck_object(&j, &r, &router);
	json_end(&j);
	assert_says(j.text, "\"kind\":\"random-symmetric\"");
	assert_says(j.text, "\"port_mapping\":true,\"port_mapped\":\"203.0.113.9:40001\","
			    "\"port_mapping_protocol\":\"PCP\",");
	assert_says(j.text, "\"chance_random-symmetric\":1.000,\"way_random-symmetric\":"
			    "\"direct\"");
}

static void counts_on_no_port_that_is_of_no_use(void **state)
{
	struct netcheck_router router = router_says(PORTMAP_MAPPED, NULL);
	struct netcheck_result r = result_of(NETWORK_KIND_PORT_RESTRICTED);
	char text[NETCHECK_REPORT_MAX];
	struct json j;

	(void)state;
	router.driver = (struct portmap_driver *)(void *)&router;
	r.mapped = addr_v4(198, 51, 100, 9, 50000); /* behind yet another NAT */
	netcheck_report(text, &r, &router, false);
	assert_says(text, "port mapping   of no use: 203.0.113.9:40001, by PCP, is not "
			  "where the server sees us\n");
	assert_says(text, "\nA direct path over IPv4 to a peer with\n");
	assert_says(text, "95 % by many ports at once");
	router = router_says(PORTMAP_NESTED, "another NAT stands before the router");
	netcheck_report(text, &r, &router, false);
	assert_says(text, "port mapping   of no use: the router's own address");
	assert_says(text, "There is a NAT beyond your own router");
	router = router_says(PORTMAP_FAILED, "no UPnP device answers");
	router.driver = (struct portmap_driver *)(void *)&router;
	netcheck_report(text, &r, &router, false);
	assert_says(text, "port mapping   none: no UPnP device answers\n");
	netcheck_object(&j, &r, &router);
	json_end(&j);
	assert_says(j.text, "\"port_mapping\":false,\"port_mapping_protocol\":\"PCP\","
			    "\"port_mapping_why\":\"no UPnP device answers\",");
	netcheck_report(text, &r, &nobody, false);
	assert_says(text, "port mapping   not asked for\n");
	r = result_of(NETWORK_KIND_NONE);
	netcheck_report(text, &r, &router, false);
	assert_hides(text, "port mapping");
}

static void writes_an_object(void **state)
{
	struct netcheck_result r = result_of(NETWORK_KIND_PORT_RESTRICTED);
	struct json j;

	(void)state;
	r.network.hairpin = NETWORK_ANSWER_YES;
	r.network.levels = 1;
	r.hops[0] = addr_v4(192, 168, 1, 1, 0);
	netcheck_object(&j, &r, &nobody);
	json_end(&j);
	assert_true(j.len < JSON_MAX / 2); /* nothing was left out, a pair finds room */
	assert_says(j.text,
		"{\"udp\":true,\"server\":\"192.0.2.1:3478\",\"protocol\":\"rendezvous\","
		"\"rtt_ms\":12.300,\"mapped\":\"203.0.113.9:50000\",\"local_port\":40000,"
		"\"nat\":true,\"kind\":\"port-restricted\",\"mapping\":"
		"\"endpoint-independent\",\"mapping_sure\":true");
	assert_says(
		j.text, "\"hairpin\":true,\"mtu\":1492,\"levels\":1,\"carrier\":false,");
	assert_says(j.text, "\"hop1\":\"192.168.1.1:0\"");
	assert_says(j.text, "\"chance_random-symmetric\":0.951,\"way_random-symmetric\":"
			    "\"many ports at once\"");
	assert_says(j.text, "forwarded by hand and \\\"eyelet serve --public\\\") would");
	assert_hides(j.text, "poison\":");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_a_random_nat),
		cmocka_unit_test(reports_what_is_not_sure),
		cmocka_unit_test(reports_levels_lifetime_and_poison),
		cmocka_unit_test(reports_a_sequence),
		cmocka_unit_test(reports_no_nat),
		cmocka_unit_test(reports_silence),
		cmocka_unit_test(counts_on_a_mapped_port),
		cmocka_unit_test(counts_on_no_port_that_is_of_no_use),
		cmocka_unit_test(writes_an_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
