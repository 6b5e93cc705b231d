/* SPDX-License-Identifier: MIT */
/* Tests of gateway_find in a network namespace whose routes ip(8) makes. */
#include "net/gateway.h"

#include "sockets.h"

#include <stdio.h>

#if defined(__linux__) && !defined(EYELET_PORTABLE)

static void ip(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "ip %s", arguments);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void check(const char *router, const char *own)
{
	struct addr expected;
	struct gateway g;

	assert_true(gateway_find(&g));
	assert_true(addr_parse(&expected, router, 0));
	assert_true(addr_equal(&g.router, &expected));
	assert_true(addr_parse(&expected, own, 0));
	assert_true(addr_equal(&g.own, &expected));
}

static void finds_the_router_that_leads_out(void **state)
{
	struct gateway g;

	(void)state;
	if (!namespace_enter() || system("ip link add lan type veth peer lan2 2>&1"))
		skip();
	assert_false(gateway_find(&g));
	ip("addr add 192.168.1.5/24 dev lan");
	ip("link set lan up");
	ip("link set lan2 up");
	assert_false(gateway_find(&g));
	ip("route add 10.0.0.0/8 via 192.168.1.9");
	assert_false(gateway_find(&g));
	ip("route add default via 192.168.1.1 metric 100");
	check("192.168.1.1", "192.168.1.5");
	ip("route add default via 192.168.1.2 metric 50");
	check("192.168.1.2", "192.168.1.5");
	ip("addr add 192.168.1.6/24 dev lan");
	ip("route add default via 192.168.1.3 src 192.168.1.6 metric 10");
	check("192.168.1.3", "192.168.1.6");
	ip("route add 128.0.0.0/1 via 192.168.1.4"); /* of a tunnel for everything */
	check("192.168.1.4", "192.168.1.5");
	ip("route replace 128.0.0.0/1 dev lan"); /* of one without a router */
	assert_false(gateway_find(&g));
	ip("route replace blackhole 128.0.0.0/1");
	assert_false(gateway_find(&g));
}

#endif

/* Of a machine it is known only that the answer makes sense. */
static void finds_what_there_is(void **state)
{
	struct gateway g;

	(void)state;
	if (!gateway_find(&g))
		skip();
	assert_int_equal(g.own.family, ADDR_V4);
	assert_int_equal(g.own.port, 0);
	assert_int_equal(g.router.port, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_there_is),
#if defined(__linux__) && !defined(EYELET_PORTABLE)
		cmocka_unit_test(finds_the_router_that_leads_out),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
