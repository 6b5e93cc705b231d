/* SPDX-License-Identifier: MIT */
/* What is said of a session that stays on the relay, from what is known. */
#include "cmd/reason.h"

#include <stdio.h>

#include "unit.h"

#define RANDOM   NETWORK_KIND_RANDOM
#define SEQUENCE NETWORK_KIND_SEQUENTIAL
#define PORT     NETWORK_KIND_PORT_RESTRICTED
#define CONE     NETWORK_KIND_CONE
#define NONE     -1 /* not known */

struct line {
	int ours, theirs; /* enum network_kind */
	enum reason reason;
	bool expected;
	const char *cause;
};

static const struct line lines[] = {
	{RANDOM, RANDOM, REASON_BOTH_RANDOM, true,
		"both NATs pick a random port per destination; a direct path would take "
		"54,000 probes of each side for an even chance"},
	{RANDOM, SEQUENCE, REASON_RANDOM_AND_SEQUENCE, true,
		"our NAT picks a random port per destination, the other one the next in "
		"its sequence; a direct path would take 45,000 probes of each side for "
		"an even chance"},
	{SEQUENCE, RANDOM, REASON_RANDOM_AND_SEQUENCE, true,
		"the host's NAT picks a random port per destination, the other one the "
		"next in its sequence; a direct path would take 45,000 probes of each "
		"side for an even chance"},
	{RANDOM, PORT, REASON_RANDOM_HERE, false,
		"our NAT picks a random port per destination; a try of 1012 packets in "
		"4.0 s finds a direct path with a chance of 95 %, and none has yet"},
	{PORT, RANDOM, REASON_RANDOM_THERE, false,
		"the host's NAT picks a random port per destination; a try of 1012 "
		"packets in 4.0 s finds a direct path with a chance of 95 %, and none "
		"has yet"},
	{PORT, SEQUENCE, REASON_SEQUENCE, false, "ports of a NAT have to be guessed; "},
	{PORT, PORT, REASON_FILTERED, false,
		"both NATs keep one port for all destinations, and yet nothing came "
		"through"},
	{NONE, RANDOM, REASON_UNKNOWN, false, "no attempt found a direct path"},
	{RANDOM, NONE, REASON_UNKNOWN, false, "no attempt found a direct path"},
};

static struct network network_of(int kind)
{
	const struct network nothing_known = {.translated = false};

	return kind == NONE ? nothing_known : network_of_kind((enum network_kind)kind);
}

static struct reason_facts facts_of(int ours, int theirs)
{
	struct reason_facts f = reason_facts_of("host");

	f.ours = network_of(ours);
	f.theirs = network_of(theirs);
	return f;
}

static void expect(const struct reason_facts *f, enum reason reason, const char *words)
{
	char text[REASON_MAX];

	assert_string_equal(reason_name(reason_of(f)), reason_name(reason));
	if (strstr(reason_sentence(text, f), words) == NULL)
		fail_msg("not \"%s\": %s", words, text);
	assert_non_null(strstr(text, " would help"));
	assert_true(strlen(text) < REASON_MAX - 1);
}

static void tells_the_pairs_figures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct line *line = &lines[i];
		struct reason_facts f = facts_of(line->ours, line->theirs);

		expect(&f, line->reason, line->cause);
		assert_int_equal(reason_is_expected(&f), line->expected);
	}
}

/* A small block of a carrier's ports takes fewer probes. */
static void counts_the_ports_there_are(void **state)
{
	struct reason_facts f = facts_of(RANDOM, RANDOM);

	(void)state;
	f.ours.ports = f.theirs.ports = 4096;
	expect(&f, REASON_BOTH_RANDOM, "would take 3,400 probes");
	f.ours.ports = f.theirs.ports = 1024;
	expect(&f, REASON_BOTH_RANDOM,
		"; a try of 1512 packets in 3.0 s finds a direct path with a chance of "
		"42 %, and none has yet");
	assert_false(reason_is_expected(&f));
}

static void tells_what_more_effort_would_do(void **state)
{
	struct reason_facts f = facts_of(RANDOM, PORT);

	(void)state;
	reason_set_effort(&f, EFFORT_LOW);
	expect(&f, REASON_RANDOM_HERE,
		"; a try of 1012 packets in 4.0 s finds a direct path with a chance of "
		"95 %, and is not made with --effort low;");
	assert_true(reason_is_expected(&f));
	reason_set_effort(&f, EFFORT_HIGH);
	expect(&f, REASON_RANDOM_HERE, "; a try of 2304 packets in ");
	assert_false(reason_is_expected(&f));
}

/* That of two quiet sequences rounds to certainty. */
static void promises_nothing(void **state)
{
	struct reason_facts f = facts_of(SEQUENCE, SEQUENCE);

	(void)state;
	assert_int_equal(reason_percent(0), 0);
	assert_int_equal(reason_percent(951000), 95);
	assert_int_equal(reason_percent(955000), 96);
	assert_int_equal(reason_percent(994999), 99);
	assert_int_equal(reason_percent(CHANCE_CERTAIN), 99);
	f.ours.steps = f.theirs.steps = 7;
	expect(&f, REASON_SEQUENCE, "finds a direct path with a chance of 99 %, and");
}

static void blocked_udp_goes_before_all(void **state)
{
	struct reason_facts f = facts_of(RANDOM, RANDOM);

	(void)state;
	f.blocked_there = true;
	expect(&f, REASON_BLOCKED_THERE,
		"UDP does not get through at the host, which is reached by TCP; a "
		"firewall there");
	assert_true(reason_is_expected(&f));
	f.blocked_here = true;
	expect(&f, REASON_BLOCKED_HERE, "UDP does not get through here");
}

static void one_nat_is_named(void **state)
{
	struct reason_facts f = facts_of(PORT, PORT);

	(void)state;
	f.observed = addr_v4(203, 0, 113, 7, 40000);
	f.peer_observed = addr_v4(203, 0, 113, 7, 40001);
	expect(&f, REASON_NO_HAIRPIN,
		"both are behind one NAT at 203.0.113.7, which leads nobody inside back "
		"in (no hairpinning); hairpinning in that router, or IPv6 on both sides, "
		"would help");
	f.carrier = true;
	expect(&f, REASON_NO_HAIRPIN, "both are behind one carrier's NAT at 203.0.113.7");
	assert_false(reason_is_expected(&f));
	f.peer_observed = addr_v4(203, 0, 113, 8, 40001);
	expect(&f, REASON_FILTERED, "");
}

static void names_the_ipv6_there_is(void **state)
{
	struct reason_facts f = facts_of(RANDOM, RANDOM);

	(void)state;
	expect(&f, REASON_BOTH_RANDOM, ", or IPv6 on both sides, would help");
	f.v6_here = true;
	expect(&f, REASON_BOTH_RANDOM, ", or IPv6 at the host, too, would help");
	f.v6_there = true;
	expect(&f, REASON_BOTH_RANDOM, ", or firewalls that admit IPv6 between the two,");
	f.v6_here = false;
	expect(&f, REASON_BOTH_RANDOM, ", or IPv6 here, which the host has, would help");
}

static void names_what_the_router_said(void **state)
{
	const struct portmap_event refused = {
		.type = PORTMAP_FAILED, .why = "it does not allow it"};
	const struct portmap_event nested = {.type = PORTMAP_NESTED, .why = "private"};
	struct reason_facts f = facts_of(RANDOM, RANDOM);

	(void)state;
	expect(&f, REASON_BOTH_RANDOM, "; UPnP, NAT-PMP or PCP in either router, or");
	reason_learn_router(&f, &refused);
	expect(&f, REASON_BOTH_RANDOM,
		"; our router maps no port (it does not allow it); UPnP, NAT-PMP or PCP "
		"in either one, or IPv6");
	reason_learn_router(&f, &nested);
	expect(&f, REASON_BOTH_RANDOM,
		"; our own router, behind another NAT itself, maps no port that is of "
		"use; UPnP, NAT-PMP or PCP in the host's, or IPv6");
}

/* From the events of a connection. */
static void learns_from_events(void **state)
{
	struct reason_facts f = reason_facts_of("host");
	struct event e = {.type = EVENT_OBSERVED, .peer = addr_v4(203, 0, 113, 7, 1)};

	(void)state;
	reason_learn(&f, &e);
	e = (struct event){.type = EVENT_HOST_FOUND,
		.peer = addr_v4(198, 51, 100, 7, 1),
		.ours = network_of_kind(RANDOM)};
	e.peer.transport = ADDR_TCP;
	reason_learn(&f, &e);
	assert_true(f.blocked_there);
	assert_false(f.blocked_here);
	assert_true(addr_equal(&f.peer_observed, &e.peer));
	e = (struct event){.type = EVENT_RELAYED,
		.ours = network_of_kind(RANDOM),
		.theirs = network_of_kind(CONE),
		.theirs_v6 = true};
	e.path.channel = 1;
	e.path.remote = addr_v4(192, 0, 2, 1, 443);
	e.path.remote.transport = ADDR_TLS;
	reason_learn(&f, &e);
	assert_true(f.blocked_here);
	assert_true(f.blocked_there); /* it said nothing of that */
	assert_true(f.v6_there);
	assert_int_equal(f.observed.port, 1);
	assert_int_equal(network_kind(&f.ours), RANDOM);
	assert_int_equal(network_kind(&f.theirs), CONE);
}

static void learns_from_interfaces(void **state)
{
	struct reason_facts f = reason_facts_of("host");
	struct addr own[2] = {addr_v4(192, 168, 1, 5, 0)};

	(void)state;
	assert_true(addr_parse(&own[1], "fd00::5", 0));
	reason_learn_own(&f, own, 2);
	assert_false(f.v6_here || f.carrier);
	own[0] = addr_v4(100, 64, 1, 5, 0);
	assert_true(addr_parse(&own[1], "2001:db8::5", 0));
	reason_learn_own(&f, own, 2);
	assert_true(f.v6_here && f.carrier);
}

static void expect_json(
	const struct reason_facts *f, const char *before, const char *after)
{
	char expected[JSON_MAX], text[REASON_MAX];
	struct json j;

	json_start(&j);
	reason_add(&j, f);
	json_end(&j);
	snprintf(expected, sizeof(expected), "%s%s%s", before, reason_sentence(text, f),
		after);
	assert_string_equal(j.text, expected);
}

static void tells_programs(void **state)
{
	struct reason_facts f = facts_of(RANDOM, RANDOM);

	(void)state;
	expect_json(&f, "{\"reason\":\"both-random\",\"why\":\"",
		"\",\"network\":\"random-symmetric\","
		"\"peer_network\":\"random-symmetric\",\"chance\":0.000,"
		"\"packets\":1512,\"span_ms\":3024,\"probes_for_even\":53709}\n");
	f = facts_of(PORT, NONE);
	expect_json(&f, "{\"reason\":\"unknown\",\"why\":\"",
		"\",\"network\":\"port-restricted\",\"peer_network\":\"unknown\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_the_pairs_figures),
		cmocka_unit_test(counts_the_ports_there_are),
		cmocka_unit_test(tells_what_more_effort_would_do),
		cmocka_unit_test(promises_nothing),
		cmocka_unit_test(blocked_udp_goes_before_all),
		cmocka_unit_test(one_nat_is_named),
		cmocka_unit_test(names_the_ipv6_there_is),
		cmocka_unit_test(names_what_the_router_said),
		cmocka_unit_test(learns_from_events),
		cmocka_unit_test(learns_from_interfaces),
		cmocka_unit_test(tells_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
