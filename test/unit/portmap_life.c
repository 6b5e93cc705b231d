/* SPDX-License-Identifier: MIT */
/* What becomes of a mapping: renewed, lost, found changed, removed. */
#include "portmap_fixture.h"

/* At half of the lifetime, up to an eighth of it later. */
static void renews_at_half_of_the_lifetime(void **state)
{
	struct fixture f = begin_pcp();
	uint64_t began = f.now;

	(void)state;
	for (f.last.len = 0; f.last.len != PCP_MAP_SIZE; run(&f, SECOND))
		if (f.last.len == PCP_ANNOUNCE_SIZE)
			pcp_answer(&f, 0, (uint32_t)(1000 + (f.now - began) / SECOND), 0,
				outer);
	assert_in_range((f.now - began) / SECOND, 3600, 4501);
	assert_hex(f.last.data + 42, 2, "a112"); /* what it had */
	pcp_answer(&f, 0, (uint32_t)(1000 + (f.now - began) / SECOND), 7200, outer);
	expect_quiet(&f);
	run(&f, 3000 * SECOND);
	expect_quiet(&f);
	end(&f);
}

static void loses_what_is_not_renewed(void **state)
{
	struct fixture f = begin_pcp();

	(void)state;
	assert_in_range(run(&f, 7199 * SECOND), 110, 240);
	expect_quiet(&f);
	run(&f, 5 * SECOND);
	expect(&f, PORTMAP_LOST, &outer, "PCP");
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	expect_quiet(&f);
	end(&f);
}

static void loses_what_is_refused_at_last(void **state)
{
	struct fixture f = begin_pcp();

	(void)state;
	f.last.len = 0;
	while (f.last.len != PCP_MAP_SIZE)
		run(&f, SECOND);
	pcp_answer(&f, PCP_USER_EX_QUOTA, 4600, 30, outer);
	expect(&f, PORTMAP_LOST, &outer, NULL);
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	end(&f);
}

/* The minute's question shows another epoch: the same is asked for, with the nonce it had. */
static void notices_a_restarted_router(void **state)
{
	struct addr other = outer;
	uint8_t nonce[PCP_NONCE_SIZE];
	struct fixture f = begin_pcp();

	(void)state;
	memcpy(nonce, f.last.data + 24, sizeof(nonce));
	assert_int_equal(run(&f, 67 * SECOND), 1);
	assert_int_equal(f.last.len, PCP_ANNOUNCE_SIZE);
	pcp_answer(&f, 0, 3, 0, outer);
	assert_int_equal(run(&f, 2001 * MS) > 0, true);
	assert_int_equal(f.last.len, PCP_MAP_SIZE);
	assert_memory_equal(f.last.data + 24, nonce, sizeof(nonce));
	assert_hex(f.last.data + 42, 2, "a112");
	other.port = 50000;
	pcp_answer(&f, 0, 5, 7200, other);
	expect(&f, PORTMAP_MAPPED, &other, "PCP");
	expect_quiet(&f);
	end(&f);
}

/* Announcements without end, each of another epoch, are answered once in 10 s. */
static void is_not_driven_by_announcements(void **state)
{
	struct fixture f = begin_pcp();
	unsigned sent = 0;

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		uint8_t bytes[24] = {2, 0x80, [11] = (uint8_t)(i % 2 * 100)};

		assert_int_equal(input(&f, bytes, sizeof(bytes)), VERDICT_CONSUMED);
		sent += run(&f, 100 * MS);
	}
	assert_in_range(sent, 6, 20);
	end(&f);
}

static void natpmp_notices_a_restarted_router(void **state)
{
	struct fixture f = begin_natpmp();

	(void)state;
	assert_int_equal(run(&f, 67 * SECOND), 1);
	assert_hex(f.last.data, f.last.len, "0000");
	input_hex(&f, "0080 0000 00000003 cb007105");
	assert_true(run(&f, 2001 * MS) > 0);
	assert_hex(f.last.data, f.last.len, "0001 0000 6987 a112 00001c20");
	natpmp_answer_map(&f, 0, 5, outer.port);
	expect_quiet(&f);
	end(&f);
}

/* It may announce itself in PCP alone: its epoch is asked for then, once in 10 s. */
static void natpmp_hears_announcements_in_pcp(void **state)
{
	static const char announcement[] =
		"0280 0000 00000000 00000000 000000000000000000000000";
	struct fixture f = begin_natpmp();
	unsigned sent = 0;

	(void)state;
	for (unsigned i = 0; i < 90; i++) {
		assert_int_equal(input_hex(&f, announcement), VERDICT_CONSUMED);
		sent += run(&f, 100 * MS);
	}
	assert_int_equal(sent, 1);
	assert_hex(f.last.data, f.last.len, "0000");
	end(&f);
}

static void natpmp_follows_the_address(void **state)
{
	struct addr other = outer;
	struct fixture f = begin_natpmp();

	(void)state;
	other.ip[3] = 6;
	input_hex(&f, "0080 0000 000003e8 cb007106");
	assert_true(run(&f, 2001 * MS) > 0);
	natpmp_answer_map(&f, 0, 1002, outer.port);
	expect(&f, PORTMAP_MAPPED, &other, "NAT-PMP");
	end(&f);
}

static void removes_what_it_made(void **state)
{
	struct fixture f = begin_pcp();

	(void)state;
	portmap_shutdown(f.p, f.now);
	assert_int_equal(run(&f, 0), 0);
	assert_int_equal(f.sent, 3); /* the request and two goodbyes */
	assert_int_equal(f.last.len, PCP_MAP_SIZE);
	assert_int_equal(asked_lifetime(&f), 0);
	assert_hex(f.last.data + 42, 2, "0000");
	assert_int_equal(run(&f, 10000 * SECOND), 0);
	end(&f);
	f = begin_natpmp();
	portmap_shutdown(f.p, f.now);
	run(&f, 0);
	assert_hex(f.last.data, f.last.len, "0001 0000 6987 0000 00000000");
	end(&f);
}

static void removes_nothing_where_nothing_is(void **state)
{
	struct fixture f = begin();

	(void)state;
	run(&f, 3100 * MS);
	f.sent = 0;
	portmap_shutdown(f.p, f.now);
	run(&f, SECOND);
	assert_int_equal(f.sent, 0);
	portmap_set_gateway(f.p, &gateway, &own, f.now);
	assert_int_equal(run(&f, SECOND), 0);
	end(&f);
}

/* Two ports, of which the router gives one. */
static void maps_each_port_by_itself(void **state)
{
	struct fixture f = begin_ports(2);
	struct datagram d, requests[2];

	(void)state;
	portmap_expire(f.p, f.now);
	assert_true(portmap_output(f.p, &requests[0], f.now));
	assert_true(portmap_output(f.p, &requests[1], f.now));
	assert_false(portmap_output(f.p, &d, f.now));
	f.last = requests[1];
	assert_int_equal(pcp_answer(&f, 0, 1, 7200, outer), VERDICT_CONSUMED);
	expect(&f, PORTMAP_MAPPED, &outer, NULL);
	f.last = requests[0];
	pcp_answer(&f, PCP_NO_RESOURCES, 1, 30, outer);
	expect_quiet(&f);
	assert_int_equal(run(&f, 50 * SECOND), 0);
	portmap_shutdown(f.p, f.now);
	assert_int_equal(run(&f, 0), 0);
	assert_int_equal(f.sent, 4);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renews_at_half_of_the_lifetime),
		cmocka_unit_test(loses_what_is_not_renewed),
		cmocka_unit_test(loses_what_is_refused_at_last),
		cmocka_unit_test(notices_a_restarted_router),
		cmocka_unit_test(is_not_driven_by_announcements),
		cmocka_unit_test(natpmp_notices_a_restarted_router),
		cmocka_unit_test(natpmp_hears_announcements_in_pcp),
		cmocka_unit_test(natpmp_follows_the_address),
		cmocka_unit_test(removes_what_it_made),
		cmocka_unit_test(removes_nothing_where_nothing_is),
		cmocka_unit_test(maps_each_port_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
