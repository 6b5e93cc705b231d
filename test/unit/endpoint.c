/* SPDX-License-Identifier: MIT */
#include "cmd/endpoint.h"
#include "unit.h"

static struct endpoint parsed(const char *text)
{
	struct endpoint e;
	const char *why = endpoint_parse(&e, text);

	if (why != NULL)
		fail_msg("%s: %s", text, why);
	return e;
}

static struct addr loopback6(uint16_t port)
{
	return (struct addr){.family = ADDR_V6, .port = port, .ip = {[15] = 1}};
}

static void a_port_is_both_loopbacks(void **state)
{
	struct endpoint e = parsed("27015");
	struct addr v4 = addr_v4(127, 0, 0, 1, 27015), v6 = loopback6(27015);

	(void)state;
	assert_true(e.bare);
	assert_int_equal(e.count, 2);
	assert_true(addr_equal(&e.addrs[0], &v4));
	assert_true(addr_equal(&e.addrs[1], &v6));
	assert_false(endpoint_is_open(&e));
	assert_int_equal(parsed("0").addrs[0].port, 0);
	assert_int_equal(parsed("65535").addrs[1].port, 65535);
}

static void an_address_is_itself(void **state)
{
	struct endpoint v4 = parsed("192.0.2.7:5"), v6 = parsed("[2001:db8::1]:6");
	struct addr a = addr_v4(192, 0, 2, 7, 5);

	(void)state;
	assert_false(v4.bare);
	assert_int_equal(v4.count, 1);
	assert_true(addr_equal(&v4.addrs[0], &a));
	assert_int_equal(v6.count, 1);
	assert_int_equal(v6.addrs[0].family, ADDR_V6);
	assert_int_equal(v6.addrs[0].port, 6);
	assert_true(endpoint_is_open(&v4));
	v4 = parsed("0.0.0.0:5");
	assert_true(endpoint_is_open(&v4));
	v4 = parsed("127.8.9.1:5");
	assert_false(endpoint_is_open(&v4));
}

static void a_name_waits_for_its_addresses(void **state)
{
	struct endpoint e = parsed("pbx.example.net:5060");

	(void)state;
	assert_false(e.bare);
	assert_int_equal(e.count, 0);
	assert_string_equal(e.text, "pbx.example.net:5060");
}

static void a_name_of_this_machine_resolves(void **state)
{
	struct endpoint e = parsed("localhost:77");

	(void)state;
	assert_null(endpoint_resolve(&e));
	assert_in_range(e.count, 1, 2);
	for (size_t i = 0; i < e.count; i++) {
		assert_true(addr_is_loopback(&e.addrs[i]));
		assert_int_equal(e.addrs[i].port, 77);
	}
}

static void resolving_leaves_addresses_alone(void **state)
{
	struct endpoint e = parsed("192.0.2.7:5"), before = e;

	(void)state;
	assert_null(endpoint_resolve(&e));
	assert_memory_equal(&e, &before, sizeof(e));
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{"", "port is not a number"},
		{"65536", "port is not a number"},
		{"123456", "port is not a number"},
		{"99999999999999999999", "port is not a number"},
		{"192.0.2.7", "port is missing"},
		{"[2001:db8::1]", "port is missing"},
		{"2001:db8::1", "[V6]:PORT"},
		{"pbx.example.net", "port is missing"},
		{"pbx.example.net:", "port is not a number"},
		{"pbx.example.net:sip", "port is not a number"},
		{"pbx.example.net:65536", "port is not a number"},
		{"pbx.example.net:5:6", "port is not a number"},
		{":5060", "none of PORT"},
		{"[::1", "none of PORT"},
		{"[::1]x:5", "none of PORT"},
		{"a b:5", "none of PORT"},
		{"\xc3\xa4:5", "none of PORT"},
		{"-", "port is missing"},
		{"239.1.2.3:5", "multicast"},
		{"[ff02::1]:5", "multicast"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct endpoint e;
		const char *why = endpoint_parse(&e, wrong[i].text);

		if (why == NULL || strstr(why, wrong[i].why) == NULL)
			fail_msg("\"%s\": %s", wrong[i].text, why ? why : "accepted");
	}
}

static void servers_need_no_port(void **state)
{
	static const char *const right[] = {"rdv.example.net", "rdv.example.net:3478",
		"rdv", "192.0.2.1", "192.0.2.1:5", "2001:db8::1", "[2001:db8::1]:5",
		"fe80::1%eth0"};
	static const char *const wrong[] = {"", ":5", "a b", "rdv:", "rdv:x", "rdv:65536",
		"[2001:db8::1", "rdv:1:2", "rdv,"};

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		if (endpoint_check_server(right[i]) != NULL)
			fail_msg("%s: %s", right[i], endpoint_check_server(right[i]));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (endpoint_check_server(wrong[i]) == NULL)
			fail_msg("%s was accepted", wrong[i]);
}

static void a_rendezvous_may_have_a_port_for_tls(void **state)
{
	static const char *const right[] = {"rdv", "rdv:3478",
		"rdv.example.net:3478:8443", "192.0.2.1:5:65535", "[2001:db8::1]:5:1",
		"2001:db8::1", "fe80::1%eth0"};
	static const char *const wrong[] = {"rdv:3478:", "rdv:3478:0", "rdv:3478:65536",
		"rdv:3478:x", "rdv::8443", ":3478:8443", "rdv:x:8443", "rdv:1:2:3"};

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		if (endpoint_check_rendezvous(right[i]) != NULL)
			fail_msg("%s: %s", right[i], endpoint_check_rendezvous(right[i]));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (endpoint_check_rendezvous(wrong[i]) == NULL)
			fail_msg("%s was accepted", wrong[i]);
}

static void public_addresses_can_be_sent_to(void **state)
{
	static const char *const wrong[] = {"", "27015", "0.0.0.0:5", "[::]:5",
		"1.2.3.4:0", "239.1.2.3:5", "[::ffff:1.2.3.4]:5", "name.example:5",
		"1.2.3.4"};
	struct addr a;

	(void)state;
	assert_true(endpoint_public(&a, "203.0.113.7:4711", 0));
	assert_int_equal(a.port, 4711);
	assert_true(endpoint_public(&a, "2001:db8::1", 3478));
	assert_int_equal(a.port, 3478);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (endpoint_public(&a, wrong[i], 0))
			fail_msg("%s was accepted", wrong[i]);
}

static void lists_read_well(void **state)
{
	const struct addr all[] = {
		addr_v4(1, 2, 3, 4, 5), loopback6(6), addr_v4(7, 8, 9, 10, 11)};
	char text[ENDPOINT_LIST_MAX];

	(void)state;
	assert_string_equal(endpoint_list(text, all, 0), "");
	assert_string_equal(endpoint_list(text, all, 1), "1.2.3.4:5");
	assert_string_equal(endpoint_list(text, all, 2), "1.2.3.4:5 and [::1]:6");
	assert_string_equal(
		endpoint_list(text, all, 3), "1.2.3.4:5, [::1]:6 and 7.8.9.10:11");
}

static void long_lists_are_cut(void **state)
{
	struct addr all[64];
	char text[ENDPOINT_LIST_MAX];

	(void)state;
	for (size_t i = 0; i < 64; i++)
		all[i] = addr_v4(255, 255, 255, 255, 65535);
	endpoint_list(text, all, 64);
	assert_int_equal(strlen(text), ENDPOINT_LIST_MAX - 1);
}

/* at and to as texts: does a datagram to the one arrive at the other? */
static bool reaches(const char *at, const char *to)
{
	const struct addr own[] = {addr_v4(192, 168, 1, 2, 0)};
	struct addr a, b;

	assert_true(addr_parse(&a, at, 0));
	assert_true(addr_parse(&b, to, 0));
	return endpoint_reaches(&a, &b, own, 1);
}

static void loops_are_seen(void **state)
{
	(void)state;
	assert_true(reaches("127.0.0.1:5", "127.0.0.1:5"));
	assert_false(reaches("127.0.0.1:5", "127.0.0.1:6"));
	assert_false(reaches("127.0.0.1:5", "127.0.0.2:5"));
	assert_true(reaches("0.0.0.0:5", "127.0.0.2:5"));
	assert_true(reaches("0.0.0.0:5", "192.168.1.2:5"));
	assert_false(reaches("0.0.0.0:5", "192.168.1.3:5"));
	assert_true(reaches("[::]:5", "[::1]:5"));
	assert_false(reaches("[::]:5", "127.0.0.1:5"));
	assert_true(reaches("127.0.0.1:5", "0.0.0.0:5"));
	assert_false(reaches("192.168.1.2:5", "0.0.0.0:5"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_is_both_loopbacks),
		cmocka_unit_test(an_address_is_itself),
		cmocka_unit_test(a_name_waits_for_its_addresses),
		cmocka_unit_test(a_name_of_this_machine_resolves),
		cmocka_unit_test(resolving_leaves_addresses_alone),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(servers_need_no_port),
		cmocka_unit_test(a_rendezvous_may_have_a_port_for_tls),
		cmocka_unit_test(public_addresses_can_be_sent_to),
		cmocka_unit_test(lists_read_well),
		cmocka_unit_test(long_lists_are_cut),
		cmocka_unit_test(loops_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
