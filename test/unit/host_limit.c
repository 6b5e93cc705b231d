/* SPDX-License-Identifier: MIT */
/* What a host takes at most: of one network, half-open, application sockets. */
#include "meeting.h"

static struct net_node *add_guest(struct meeting *m, uint8_t identity, struct addr ip)
{
	m->guest_config.identity[1] = identity;
	return meeting_add_guest(m, ip);
}

/* One guest a network is let in, and is there. */
static void connect_the_only_one(struct meeting *m)
{
	meeting_init(m);
	m->host_config.network_max = 1;
	meeting_gather(m);
	meeting_connect(m, m->guest);
}

static void refuses_a_crowded_network(void **state)
{
	const struct event *event;
	struct net_node *first, *third;
	struct meeting m;

	(void)state;
	connect_the_only_one(&m);
	first = m.guest;
	m.guest = add_guest(&m, 2, addr_v4(203, 0, 113, 21, 0)); /* the same /24 */
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 400 * MILLISECOND);
	assert_false(guest_connected(m.guest->machine));
	assert_int_equal(
		net_event(m.guest, EVENT_REFUSED, 0)->number, HOST_REFUSAL_NETWORK);
	assert_int_equal(net_events(m.host, EVENT_GUEST_REFUSED), 1);
	event = net_event(m.host, EVENT_GUEST_REFUSED, 0);
	assert_int_equal(event->number, HOST_REFUSAL_NETWORK);
	assert_true(addr_equal(&event->path.remote, &m.guest->bound[0]));
	assert_string_equal(event->why, host_refusal_text(HOST_REFUSAL_NETWORK));
	third = add_guest(&m, 3, addr_v4(203, 0, 114, 21, 0)); /* another /24 */
	meeting_connect(&m, third);
	meeting_expect_up(&m, first, 1); /* who was there stays */
	meeting_end(&m);
}

/* A guest that starts anew is not one more. */
static void lets_in_again_who_is_in(void **state)
{
	struct meeting m;

	(void)state;
	connect_the_only_one(&m);
	net_machine_free(m.guest);
	m.guest = add_guest(&m, 1, addr_v4(203, 0, 113, 21, 0));
	meeting_connect(&m, m.guest);
	meeting_expect_up(&m, m.guest, 1);
	assert_int_equal(net_events(m.host, EVENT_GUEST_REFUSED), 0);
	meeting_end(&m);
}

/* A network is free again when its session is over. */
static void takes_another_when_one_left(void **state)
{
	struct meeting m;

	(void)state;
	connect_the_only_one(&m);
	guest_shutdown(m.guest->machine, m.net->now);
	net_run(m.net, 100 * MILLISECOND);
	m.guest = add_guest(&m, 2, addr_v4(203, 0, 113, 21, 0));
	meeting_connect(&m, m.guest);
	meeting_end(&m);
}

static void no_frames(struct net *net, struct net_packet *p)
{
	(void)net;
	p->lost = frame_is(p->bytes, p->len);
}

/* Half-open sessions go by themselves: who is refused for them tries on. */
static void full_of_handshakes_is_a_matter_of_time(void **state)
{
	struct guest_progress progress;
	struct meeting m;

	(void)state;
	meeting_init(&m);
	m.host_config.half_open_max = 1;
	meeting_gather(&m);
	m.net->hook = no_frames;
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 100 * MILLISECOND);
	assert_int_equal(meeting_host_counts(m.host).half_open, 1);
	net_machine_free(m.guest);
	net_run(m.net, 100 * MILLISECOND);
	m.net->hook = NULL;
	m.guest = add_guest(&m, 2, addr_v4(203, 0, 114, 21, 0));
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, SECOND);
	assert_false(guest_connected(m.guest->machine));
	assert_int_equal(net_events(m.guest, EVENT_REFUSED), 0);
	guest_get_progress(m.guest->machine, &progress);
	assert_int_equal(progress.refused, HOST_REFUSAL_HALF_OPEN);
	assert_int_equal(net_events(m.host, EVENT_GUEST_REFUSED), 1);
	net_run(m.net, 11 * SECOND); /* the half-open one has 10 s */
	assert_true(guest_connected(m.guest->machine));
	meeting_end(&m);
}

static void say(struct meeting *m, uint16_t port)
{
	const struct addr app = addr_v4(127, 0, 0, 1, port);
	struct flow *flow = guest_flow(m->guest->machine, &app, m->net->now);

	assert_non_null(flow);
	assert_true(net_say(m->net, m->guest, flow, (const uint8_t *)"up", 2));
	net_run(m->net, 10 * MILLISECOND);
}

static void refuses_a_socket_too_many(void **state)
{
	struct meeting m;

	(void)state;
	meeting_init(&m);
	m.host_config.sockets_max = 2;
	meeting_gather(&m);
	meeting_connect(&m, m.guest);
	for (uint16_t port = 50000; port < 50004; port++)
		say(&m, port);
	assert_int_equal(m.host->deliveries, 2);
	assert_int_equal(net_events(m.host, EVENT_FLOW_REFUSED), 1); /* in 10 s */
	assert_int_equal(net_event(m.host, EVENT_FLOW_REFUSED, 0)->number, 1);
	say(&m, 50001); /* one that is in */
	assert_int_equal(m.host->deliveries, 3);
	meeting_end(&m);
}

static void lists_its_guests(void **state)
{
	struct host_guest list[2];
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	assert_int_equal(host_list_guests(m.host->machine, list, 2, m.net->now), 0);
	meeting_connect(&m, m.guest);
	say(&m, 50000);
	say(&m, 50001);
	meeting_expect_down(&m, m.guest);
	assert_int_equal(host_list_guests(m.host->machine, list, 2, m.net->now), 1);
	assert_int_equal(list[0].number, 1);
	assert_int_equal(list[0].flows, 2);
	assert_true(addr_equal(&list[0].path.remote, &m.guest->bound[0]));
	assert_int_equal(list[0].datagrams_in, 2);
	assert_int_equal(list[0].bytes_in, 4);
	assert_int_equal(list[0].datagrams_out, 1);
	assert_int_equal(list[0].bytes_out, 4);
	assert_int_equal(list[0].lost_in, 0);
	assert_true(list[0].rtt > 0 && list[0].rtt < 100 * MILLISECOND);
	assert_int_equal(host_list_guests(m.host->machine, list, 0, m.net->now), 0);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_a_crowded_network),
		cmocka_unit_test(lets_in_again_who_is_in),
		cmocka_unit_test(takes_another_when_one_left),
		cmocka_unit_test(full_of_handshakes_is_a_matter_of_time),
		cmocka_unit_test(refuses_a_socket_too_many),
		cmocka_unit_test(lists_its_guests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
