/* SPDX-License-Identifier: MIT */
/* Tests of interfaces_list: of the choice by tables, of the reading in a network
 * namespace whose interfaces ip(8) makes. */
#include "net/interfaces.h"

#include "net/system.h"
#include "sockets.h"

#include <stdio.h>

static void add(struct interface_table *table, uint32_t index, const char *text)
{
	struct addr a;

	assert_true(addr_parse(&a, text, 0));
	interfaces_add_addr(table, index, &a);
}

/* Asserts that the addresses are those of the list, which ends with NULL. */
static void check(const struct addr *addrs, size_t count, const char *const *expected)
{
	char text[ADDR_TEXT_MAX];
	size_t i = 0;

	for (; expected[i]; i++) {
		struct addr a;

		if (i >= count)
			fail_msg("missing: %s", expected[i]);
		assert_true(addr_parse(&a, expected[i], 0));
		if (!addr_equal(&addrs[i], &a))
			fail_msg("%s, not %s", addr_format(text, &addrs[i]), expected[i]);
	}
	assert_int_equal(count, i);
}

static void chooses_what_leads_onwards(void **state)
{
	struct interface_table table = {.count = 0};
	struct addr addrs[8];

	(void)state;
	interfaces_add(&table, 1, false);
	interfaces_add(&table, 2, true);
	interfaces_add(&table, 2, false);
	add(&table, 1, "192.168.1.5");
	add(&table, 1, "169.254.1.5");
	add(&table, 1, "fe80::5");
	add(&table, 1, "2001:db8::5");
	add(&table, 2, "172.17.0.1");
	add(&table, 3, "192.168.3.5");
	check(addrs, interfaces_choose(&table, addrs, 8),
		(const char *[]){"2001:db8::5", "192.168.1.5", NULL});
	check(addrs, interfaces_choose(&table, addrs, 1),
		(const char *[]){"2001:db8::5", NULL});
	interfaces_find(&table, 2)->leads = true;
	check(addrs, interfaces_choose(&table, addrs, 8),
		(const char *[]){"172.17.0.1", NULL});
}

static void takes_what_there_is(void **state)
{
	struct interface_table table = {.count = 0};
	struct addr addrs[8];

	(void)state;
	assert_int_equal(interfaces_choose(&table, addrs, 8), 0);
	interfaces_add(&table, 4, false); /* leads, but has no address */
	interfaces_find(&table, 4)->leads = true;
	interfaces_add(&table, 2, true);
	add(&table, 2, "172.17.0.1");
	check(addrs, interfaces_choose(&table, addrs, 8),
		(const char *[]){"172.17.0.1", NULL});
}

static void holds_its_bounds(void **state)
{
	static struct interface_table table;
	struct addr addrs[8], a = addr_v4(10, 0, 0, 0, 0);

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		interfaces_add(&table, i, false);
		a.ip[2] = (uint8_t)(i >> 8);
		a.ip[3] = (uint8_t)i;
		interfaces_add_addr(&table, i % INTERFACES_MAX, &a);
	}
	assert_int_equal(table.count, INTERFACES_MAX);
	assert_int_equal(table.addr_count, INTERFACE_ADDRS_MAX);
	assert_int_equal(interfaces_choose(&table, addrs, 8), 8);
}

static void lists_this_machine(void **state)
{
	struct addr addrs[16];
	size_t count = interfaces_list(addrs, 16);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(addrs[i].port, 0);
		assert_false(
			addr_is_loopback(&addrs[i]) || addr_is_link_local(&addrs[i]));
		if (i > 0 && addr_is_private(&addrs[i - 1]))
			assert_true(addr_is_private(&addrs[i]));
	}
	assert_int_equal(interfaces_list(addrs, 0), 0);
}

#if defined(__linux__) && !defined(EYELET_PORTABLE)

static void ip(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "ip %s", arguments);
	if (system(command))
		fail_msg("%s", command);
}

static void check_list(const char *const *expected)
{
	struct addr addrs[16];

	check(addrs, interfaces_list(addrs, 16), expected);
}

static void reads_links_addresses_and_routes(void **state)
{
	(void)state;
	if (!namespace_enter() || system("ip link add lan type veth peer lan2 2>&1"))
		skip();
	check_list((const char *[]){NULL});
	ip("link set lo up");
	ip("addr add 192.168.1.5/24 dev lan");
	check_list((const char *[]){NULL}); /* down */
	ip("link set lan up");
	ip("link set lan2 up");
	ip("link add br0 type bridge");
	ip("link add port type veth peer port2");
	ip("link set port2 up");
	ip("link set port master br0 up");
	ip("link set br0 up");
	ip("addr add 172.17.0.1/16 dev br0");
	ip("addr add 2001:db8::5/64 dev lan nodad");
	ip("addr add 2001:db8::6/64 dev lan nodad preferred_lft 0");
	check_list((const char *[]){"2001:db8::5", "192.168.1.5", NULL});
	ip("link add vpn type veth peer vpn2");
	ip("link set vpn up");
	ip("link set vpn2 up");
	ip("addr add 10.8.0.2 peer 10.8.0.1/32 dev vpn");
	check_list((const char *[]){"2001:db8::5", "192.168.1.5", "10.8.0.2", NULL});
	ip("route add 10.0.0.0/8 via 10.8.0.1");
	ip("route add 10.8.0.0/16 dev vpn");
	check_list((const char *[]){"10.8.0.2", NULL});
	ip("route del 10.0.0.0/8 via 10.8.0.1");
	ip("route add 10.9.0.0/16 via 10.8.0.1 table 52");
	check_list((const char *[]){"10.8.0.2", NULL});
	ip("route del 10.9.0.0/16 via 10.8.0.1 table 52");
	ip("-6 route add default via 2001:db8::1");
	check_list((const char *[]){"2001:db8::5", "192.168.1.5", NULL});
	ip("route add default nexthop via 192.168.1.1 nexthop via 10.8.0.1");
	check_list((const char *[]){"2001:db8::5", "192.168.1.5", "10.8.0.2", NULL});
	ip("link set vpn down");
	check_list((const char *[]){"2001:db8::5", "192.168.1.5", NULL});
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses_what_leads_onwards),
		cmocka_unit_test(takes_what_there_is),
		cmocka_unit_test(holds_its_bounds),
		cmocka_unit_test(lists_this_machine),
#if defined(__linux__) && !defined(EYELET_PORTABLE)
		cmocka_unit_test(reads_links_addresses_and_routes),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
