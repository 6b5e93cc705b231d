/* SPDX-License-Identifier: MIT */
#include "portmap_fixture.h"

static void asks_in_pcp_first(void **state)
{
	struct fixture f = begin();

	(void)state;
	assert_int_equal(run(&f, 0), 1);
	assert_int_equal(f.last.len, PCP_MAP_SIZE);
	assert_int_equal(asked_lifetime(&f), 7200);
	/* From 192.168.1.2; the port inside and the same suggested outside. */
	assert_hex(f.last.data + 8, 16, "00000000000000000000ffffc0a80102");
	assert_hex(f.last.data + 36, 8, "11000000 6987 6987");
	assert_int_equal(pcp_answer(&f, 0, 1, 7200, outer), VERDICT_CONSUMED);
	expect(&f, PORTMAP_MAPPED, &outer, "PCP");
	expect_quiet(&f);
	assert_int_equal(run(&f, 50 * SECOND), 0);
	end(&f);
}

/* 250, 500 ms after, each a tenth off at most, then NAT-PMP; all over after 3 s. */
static void gives_a_silent_router_up(void **state)
{
	struct fixture f = begin();
	unsigned sent;

	(void)state;
	assert_int_equal(run(&f, 224 * MS), 1);
	assert_int_equal(run(&f, 52 * MS), 1);
	assert_int_equal(run(&f, 970 * MS), 1);
	assert_int_equal(f.last.data[0], PCP_VERSION);
	sent = run(&f, 1740 * MS);
	expect_quiet(&f);
	sent += run(&f, 20 * MS);
	assert_in_range(sent, 3, 4);
	assert_hex(f.last.data, f.last.len, "0000");
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	/* Again in ten minutes, a tenth off at most. */
	assert_int_equal(run(&f, 539 * SECOND), 0);
	assert_int_equal(portmap_next_timeout(f.p) <= f.now + 122 * SECOND, true);
	assert_true(run(&f, 125 * SECOND) > 0);
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	end(&f);
}

static void tries_again_when_the_network_changed(void **state)
{
	const struct addr elsewhere = addr_v4(10, 0, 0, 1, 0);
	struct fixture f = begin();

	(void)state;
	run(&f, 3100 * MS);
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	portmap_set_gateway(f.p, &gateway, &own, f.now);
	assert_int_equal(run(&f, 0), 1);
	assert_int_equal(pcp_answer(&f, 0, 1, 7200, outer), VERDICT_CONSUMED);
	expect(&f, PORTMAP_MAPPED, &outer, "PCP");
	portmap_set_gateway(f.p, &elsewhere, &own, f.now);
	expect(&f, PORTMAP_LOST, &outer, NULL);
	portmap_set_gateway(f.p, NULL, NULL, f.now);
	assert_true(portmap_next_timeout(f.p) == NEVER);
	expect_quiet(&f);
	end(&f);
}

static void fails_at_once_where_nobody_listens(void **state)
{
	struct fixture f = begin();

	(void)state;
	run(&f, 10 * MS);
	portmap_refused(f.p, f.now);
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	assert_int_equal(run(&f, 100 * SECOND), 0);
	end(&f);
}

static void keeps_what_it_has_while_nobody_listens(void **state)
{
	struct fixture f = begin_pcp();

	(void)state;
	portmap_refused(f.p, f.now);
	expect_quiet(&f);
	end(&f);
}

static void tries_natpmp_after_a_refusal(void **state)
{
	struct fixture f = begin();
	struct portmap_event e;

	(void)state;
	run(&f, 0);
	pcp_answer(&f, PCP_NOT_AUTHORIZED, 1, 1800, addr_v4(0, 0, 0, 0, 0));
	assert_int_equal(run(&f, 0), 1);
	assert_int_equal(f.last.len, NATPMP_ADDRESS_SIZE);
	input_hex(&f, "0080 0000 00000001 cb007105");
	run(&f, 0);
	natpmp_answer_map(&f, NATPMP_NOT_AUTHORIZED, 1, 0);
	assert_true(portmap_next_event(f.p, &e));
	assert_int_equal(e.type, PORTMAP_FAILED);
	assert_string_equal(e.why, "it does not allow it");
	expect_quiet(&f);
	end(&f);
}

/* An answer in PCP that is late is as good. */
static void takes_a_late_answer(void **state)
{
	struct fixture f = begin();
	struct datagram request;

	(void)state;
	run(&f, 0);
	request = f.last;
	run(&f, 1400 * MS);
	assert_int_equal(f.last.len, NATPMP_ADDRESS_SIZE);
	f.last = request;
	assert_int_equal(pcp_answer(&f, 0, 1, 7200, outer), VERDICT_CONSUMED);
	expect(&f, PORTMAP_MAPPED, &outer, "PCP");
	assert_int_equal(run(&f, 10 * SECOND), 0);
	end(&f);
}

static void drops_what_is_not_meant_for_it(void **state)
{
	const struct path stranger = {
		.remote = {.family = ADDR_V4, .port = 5351, .ip = {192, 168, 1, 3}}};
	struct fixture f = begin();

	(void)state;
	run(&f, 0);
	assert_int_equal(portmap_input(f.p, &stranger, f.last.data, 24, f.now),
		VERDICT_DROP_UNSOLICITED);
	assert_int_equal(input(&f, f.last.data, f.last.len), VERDICT_DROP_MALFORMED);
	assert_int_equal(input_hex(&f, ""), VERDICT_DROP_MALFORMED);
	f.last.data[24] ^= 1; /* the nonce */
	assert_int_equal(pcp_answer(&f, 0, 1, 7200, outer), VERDICT_DROP_UNSOLICITED);
	f.last.data[24] ^= 1;
	f.last.data[41] ^= 1; /* the port inside */
	assert_int_equal(pcp_answer(&f, 0, 1, 7200, outer), VERDICT_DROP_UNSOLICITED);
	expect_quiet(&f);
	end(&f);
}

static void has_no_use_for_a_nested_nat(void **state)
{
	static const uint8_t private[][4] = {{10, 1, 2, 3}, {172, 31, 0, 1},
		{192, 168, 0, 2}, {100, 64, 0, 1}, {100, 127, 255, 254}};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct fixture f = begin();
		struct addr external = outer;

		memcpy(external.ip, private[i], 4);
		run(&f, 0);
		pcp_answer(&f, 0, 1, 7200, external);
		expect(&f, PORTMAP_NESTED, &external, "PCP");
		expect_quiet(&f);
		run(&f, 0);
		assert_int_equal(asked_lifetime(&f), 0);
		assert_int_equal(run(&f, 500 * SECOND), 0);
		end(&f);
	}
}

static void natpmp_asks_no_port_of_a_nested_nat(void **state)
{
	struct fixture f = begin();

	(void)state;
	run(&f, 0);
	input_hex(&f, "0081 0001 000003e8");
	run(&f, 0);
	input_hex(&f, "0080 0000 000003e8 64400001");
	expect(&f, PORTMAP_NESTED, NULL, "NAT-PMP");
	assert_int_equal(run(&f, 500 * SECOND), 0);
	end(&f);
}

/* 0.0.0.0: the router has no connection of its own. */
static void waits_for_the_routers_own_connection(void **state)
{
	struct fixture f = begin();

	(void)state;
	run(&f, 0);
	input_hex(&f, "0081 0001 000003e8");
	run(&f, 0);
	input_hex(&f, "0080 0000 000003e8 00000000");
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_in_pcp_first),
		cmocka_unit_test(gives_a_silent_router_up),
		cmocka_unit_test(tries_again_when_the_network_changed),
		cmocka_unit_test(fails_at_once_where_nobody_listens),
		cmocka_unit_test(keeps_what_it_has_while_nobody_listens),
		cmocka_unit_test(tries_natpmp_after_a_refusal),
		cmocka_unit_test(takes_a_late_answer),
		cmocka_unit_test(drops_what_is_not_meant_for_it),
		cmocka_unit_test(has_no_use_for_a_nested_nat),
		cmocka_unit_test(natpmp_asks_no_port_of_a_nested_nat),
		cmocka_unit_test(waits_for_the_routers_own_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
