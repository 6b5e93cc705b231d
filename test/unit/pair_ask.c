/* SPDX-License-Identifier: MIT */
/* A guest that only asks where its host is. */
#include "meeting.h"

static void hears_where_the_host_is(void **state)
{
	struct guest_host host;
	struct meeting m;

	(void)state;
	meeting_init(&m);
	m.guest_config.ask_only = true;
	m.rendezvous_config.relay.max = 1;
	meeting_gather(&m);
	assert_false(guest_get_host(m.guest->machine, &host));
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 500 * MILLISECOND);
	assert_true(guest_get_host(m.guest->machine, &host));
	assert_true(addr_equal(&host.seen, &m.host->bound[0]));
	assert_true(host.candidates.count > 0);
	assert_true(addr_equal(&host.candidates.of[0].addr, &m.host->bound[0]));
	assert_int_equal(host.network.mapping, NETWORK_INDEPENDENT);
	assert_true(host.relay);
	meeting_end(&m);
}

/* Not a hello in half a minute, by whatever way, and no session. */
static void goes_no_further(void **state)
{
	struct meeting m;

	(void)state;
	meeting_init(&m);
	m.guest_config.ask_only = true;
	m.rendezvous_config.relay.max = 1;
	meeting_gather(&m);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 30 * SECOND);
	assert_false(guest_connected(m.guest->machine));
	assert_int_equal(meeting_host_counts(m.host).hellos, 0);
	assert_true(net_count(m.net, m.host, MESSAGE_PUNCH) > 0);
	assert_int_equal(net_count(m.net, m.guest, MESSAGE_HELLO), 0);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hears_where_the_host_is),
		cmocka_unit_test(goes_no_further),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
