/* SPDX-License-Identifier: MIT */
#include "cmd/netcheck.h"
#include "net/sockaddr.h"
#include "unit.h"

#include <sys/socket.h>
#include <unistd.h>

static struct netcheck_streams streams_of(bool tcp, bool tls)
{
	struct netcheck_streams s = {
		.addrs = {addr_v4(192, 0, 2, 1, 3478), addr_v4(192, 0, 2, 1, 443)},
		.open = {tcp, tls},
		.count = 2};

	s.addrs[0].transport = ADDR_TCP;
	s.addrs[1].transport = ADDR_TLS;
	return s;
}

static void a_line_tells_of_each(void **state)
{
	struct netcheck_streams s = streams_of(true, false);
	char text[NETCHECK_REPORT_MAX];

	(void)state;
	netcheck_streams_report(text, &s);
	assert_string_equal(text, "TCP            connects at 192.0.2.1:3478\n"
				  "TLS            does not connect at 192.0.2.1:443\n");
	s.count = 0;
	netcheck_streams_report(text, &s);
	assert_string_equal(text, "");
}

static void programs_are_told_the_same(void **state)
{
	struct netcheck_streams s = streams_of(false, true);
	struct json j;

	(void)state;
	json_start(&j);
	netcheck_streams_add(&j, &s);
	json_end(&j);
	assert_string_equal(j.text,
		"{\"tcp\":false,\"tls\":true,"
		"\"stream1\":\"192.0.2.1:3478\",\"stream1_by\":\"tcp\","
		"\"stream1_connects\":false,"
		"\"stream2\":\"192.0.2.1:443\",\"stream2_by\":\"tls\","
		"\"stream2_connects\":true}\n");
}

/* A port that listens, on loopback. */
static int listening(struct addr *addr)
{
	union sockaddr_any any;
	socklen_t len;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*addr = addr_v4(127, 0, 0, 1, 0);
	len = sockaddr_encode(&any, addr);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &any.sa, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, &any.sa, &len), 0);
	*addr = sockaddr_decode(&any.sa);
	return fd;
}

static void finds_out_who_listens(void **state)
{
	struct servers servers = {.count = 1};
	int fd = listening(&servers.addrs[0]);
	struct netcheck_streams s;

	(void)state;
	netcheck_streams_try(&s, &servers);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.addrs[0].port, servers.addrs[0].port);
	assert_true(netcheck_streams_any(&s, ADDR_TCP));
	assert_int_equal(close(fd), 0);
	netcheck_streams_try(&s, &servers);
	assert_false(netcheck_streams_any(&s, ADDR_TCP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_tells_of_each),
		cmocka_unit_test(programs_are_told_the_same),
		cmocka_unit_test(finds_out_who_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
