/* SPDX-License-Identifier: MIT */
#include "net/system.h"
#include "net/tls.h"
#include "unit.h"

/* Asserts that text resolves, and that the first address is what expected says. */
static void check(const char *text, const char *expected)
{
	char buffer[ADDR_TEXT_MAX];
	struct addr addrs[8];
	const char *why = "untouched";

	if (resolve(text, 77, addrs, 8, &why) == 0)
		fail_msg("%s: %s", text, why);
	assert_null(why);
	assert_string_equal(addr_format(buffer, &addrs[0]), expected);
}

static void check_refused(const char *text, const char *expected)
{
	struct addr addrs[8];
	const char *why = NULL;

	assert_int_equal(resolve(text, 77, addrs, 8, &why), 0);
	assert_non_null(why);
	assert_string_equal(why, expected);
}

static void reads_addresses(void **state)
{
	(void)state;
	check("192.0.2.1", "192.0.2.1:77");
	check("192.0.2.1:5", "192.0.2.1:5");
	check("2001:db8::1", "[2001:db8::1]:77");
	check("[2001:db8::1]", "[2001:db8::1]:77");
	check("[2001:db8::1]:65535", "[2001:db8::1]:65535");
}

/* The loopback interface has no link-local address, but an index. */
static void reads_a_scope(void **state)
{
	struct addr addrs[2];
	const char *why;

	(void)state;
	assert_int_equal(resolve("fe80::1%1", 77, addrs, 2, &why), 1);
	assert_int_equal(addrs[0].scope, 1);
	assert_int_equal(addrs[0].port, 77);
	assert_int_equal(resolve("[fe80::1%1]:5", 77, addrs, 2, &why), 1);
	assert_int_equal(addrs[0].scope, 1);
	assert_int_equal(addrs[0].port, 5);
}

static void resolves_localhost(void **state)
{
	struct addr addrs[8];
	const char *why;
	size_t count;

	(void)state;
	count = resolve("localhost:5", 77, addrs, 8, &why);
	assert_true(count >= 1);
	for (size_t i = 0; i < count; i++) {
		assert_true(addr_is_loopback(&addrs[i]));
		assert_int_equal(addrs[i].port, 5);
		for (size_t j = 0; j < i; j++)
			assert_false(addr_equal(&addrs[i], &addrs[j]));
	}
	assert_int_equal(resolve("localhost", 77, addrs, 1, &why), 1);
	assert_int_equal(addrs[0].port, 77);
}

static void says_what_is_wrong(void **state)
{
	char longest[400] = "";

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	check_refused("", "it has no host name");
	check_refused(":5", "it has no host name");
	check_refused("[]:5", "it has no host name");
	check_refused("localhost:", "the port is no number up to 65535");
	check_refused("localhost:65536", "the port is no number up to 65535");
	check_refused(
		"localhost:99999999999999999999", "the port is no number up to 65535");
	check_refused("localhost:-1", "the port is no number up to 65535");
	check_refused("[::1", "a bracket is not closed");
	check_refused("[::1]5", "after the bracket comes no port");
	check_refused(longest, "the host name is too long");
}

static void reads_a_port_for_tls(void **state)
{
	static const char *const without[] = {"", "rdv", "rdv:3478", "192.0.2.1:5", "::1",
		"1::", "fe80::1%1", "2001:db8:0:0:0:0:0:1", "[2001:db8::1]:5", "[::1]",
		"rdv:", "rdv::5", "rdv:1:2:3"};

	(void)state;
	check("192.0.2.1:5:8443", "192.0.2.1:5");
	check("[2001:db8::1]:5:8443", "[2001:db8::1]:5");
	check("[fe80::1%1]:5:8443", "[fe80::1]:5");
	check_refused("192.0.2.1:5:", "the port of TLS is no number up to 65535");
	check_refused("192.0.2.1:x:6", "the port is no number up to 65535");
	check_refused(":5:6", "it has no host name");
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		if (resolve_tls_port(without[i]) != TLS_PORT)
			fail_msg("%s has a port for TLS", without[i]);
	assert_int_equal(resolve_tls_port("rdv.example.net:3478:8443"), 8443);
	assert_int_equal(resolve_tls_port("[::1]:5:65535"), 65535);
	assert_string_equal(resolve_tls_part("[::1]:5:65535"), ":65535");
}

static void adds_streams_behind(void **state)
{
	struct addr addrs[6] = {addr_v4(192, 0, 2, 1, 3478), addr_v4(192, 0, 2, 2, 5000)};
	static const uint16_t tls_ports[] = {443, 8443};

	(void)state;
	assert_int_equal(resolve_streams(addrs, 2, NULL), 4);
	assert_int_equal(addrs[3].transport, ADDR_TCP);
	assert_int_equal(addrs[3].port, 5000);
	assert_int_equal(resolve_streams(addrs, 2, tls_ports), 6);
	assert_int_equal(addrs[1].transport, ADDR_UDP);
	assert_int_equal(addrs[5].transport, ADDR_TLS);
	assert_int_equal(addrs[4].port, 443);
	assert_int_equal(addrs[5].port, 8443);
	assert_true(addr_same_ip(&addrs[5], &addrs[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_addresses),
		cmocka_unit_test(reads_a_scope),
		cmocka_unit_test(resolves_localhost),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(reads_a_port_for_tls),
		cmocka_unit_test(adds_streams_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
