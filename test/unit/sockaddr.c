/* SPDX-License-Identifier: MIT */
#include "net/sockaddr.h"
#include "unit.h"

static struct addr there_and_back(struct addr a, socklen_t expected)
{
	union sockaddr_any any;

	assert_int_equal(sockaddr_encode(&any, &a), expected);
	return sockaddr_decode(&any.sa);
}

static void keeps_ipv4(void **state)
{
	struct addr a = addr_v4(192, 0, 2, 7, 0x1234), back;
	union sockaddr_any any;

	(void)state;
	back = there_and_back(a, sizeof(struct sockaddr_in));
	assert_memory_equal(&a, &back, sizeof(a));
	sockaddr_encode(&any, &a);
	assert_int_equal(any.v4.sin_addr.s_addr, htonl(0xc0000207));
	assert_int_equal(any.v4.sin_port, htons(0x1234));
}

static void keeps_ipv6_and_the_scope_of_link_local(void **state)
{
	struct addr a = {.family = ADDR_V6, .port = 9, .ip = {0xfe, 0x80, [15] = 1}},
		    back;

	(void)state;
	a.scope = 3;
	back = there_and_back(a, sizeof(struct sockaddr_in6));
	assert_memory_equal(&a, &back, sizeof(a));
	a.ip[0] = 0x20;
	back = there_and_back(a, sizeof(struct sockaddr_in6));
	a.scope = 0;
	assert_memory_equal(&a, &back, sizeof(a));
}

static void knows_no_other_family(void **state)
{
	struct sockaddr local = {.sa_family = AF_UNIX};

	(void)state;
	assert_int_equal(sockaddr_decode(&local).family, ADDR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_ipv4),
		cmocka_unit_test(keeps_ipv6_and_the_scope_of_link_local),
		cmocka_unit_test(knows_no_other_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
