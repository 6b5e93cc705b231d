/* SPDX-License-Identifier: MIT */
#include "cmd/servers.h"
#include "net/system.h"
#include "unit.h"

/* Two addresses, each followed by more or not; as resolving leaves them. */
static struct servers servers_of(const char *one, const char *other)
{
	struct servers s = {.count = 2};
	const char *why = NULL;

	assert_null(servers_add(&s, one));
	assert_null(servers_add(&s, other));
	s.name_of[1] = (uint8_t)(strlen(one) + 1);
	assert_int_equal(resolve(one, 3478, &s.addrs[0], 1, &why), 1);
	assert_int_equal(resolve(other, 3478, &s.addrs[1], 1, &why), 1);
	return s;
}

static void each_is_dialled_in_three_ways(void **state)
{
	struct servers s = servers_of("127.0.0.1:5000", "127.0.0.2:3478:8443");
	struct addr addrs[SERVERS_DIAL_MAX];

	(void)state;
	assert_int_equal(servers_dial(&s, false, addrs), 4);
	assert_int_equal(servers_dial(&s, true, addrs), 6);
	assert_int_equal(addrs[1].port, 3478);
	assert_int_equal(addrs[3].transport, ADDR_TCP);
	assert_int_equal(addrs[3].port, 3478);
	assert_int_equal(addrs[4].transport, ADDR_TLS);
	assert_int_equal(addrs[4].port, 443);
	assert_int_equal(addrs[5].port, 8443);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(servers_index(&s, &addrs[i]), i % 2);
}

/* Two on one machine are told apart. */
static void is_named_as_given(void **state)
{
	struct servers s = servers_of("127.0.0.1:3478:8443", "127.0.0.1:3479:9443");
	struct addr addrs[SERVERS_DIAL_MAX];
	char text[SERVERS_NAME_MAX];

	(void)state;
	assert_int_equal(servers_dial(&s, true, addrs), 6);
	assert_int_equal(servers_index(&s, &addrs[5]), 1);
	assert_string_equal(servers_host(text, &s, &addrs[5]), "127.0.0.1");
	assert_string_equal(
		servers_short_name(text, &s, &addrs[5]), "127.0.0.1:3479:9443");
	assert_string_equal(servers_name(text, &s, &addrs[1]), "127.0.0.1:3479");
	assert_non_null(servers_add(&s, "127.0.0.1:3478:0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_dialled_in_three_ways),
		cmocka_unit_test(is_named_as_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
