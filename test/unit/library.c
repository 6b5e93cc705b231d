/* SPDX-License-Identifier: MIT */
/* The passive part of eyelet.h, by that header alone: a pair with its rendezvous in memory,
 * where a seed and literal times decide everything. */
#include "library.h"

#define SEED  UINT64_C(20)
#define START (1000 * EYELET_SECOND)

static struct net net;
static struct eyelet_entropy entropy;
static struct eyelet_service service;
static uint32_t relay_max;
static bool no_relay; /* the guest's wish */
static struct node *const meeting = &net.nodes[0];
static struct node *const host = &net.nodes[1];
static struct node *const guest = &net.nodes[2];

static struct eyelet_addr address(const char *text)
{
	struct eyelet_addr addr;

	assert_int_equal(eyelet_addr_parse(&addr, text, 0), EYELET_OK);
	return addr;
}

static void make_meeting(void)
{
	struct eyelet_rendezvous_config config;

	eyelet_rendezvous_config_init(&config);
	config.entropy = entropy;
	config.relay_max = relay_max;
	assert_int_equal(
		eyelet_rendezvous_new(&meeting->rendezvous, &config, net.now), EYELET_OK);
}

static void make_host(void)
{
	struct eyelet_host_config config;

	eyelet_host_config_init(&config);
	config.entropy = entropy;
	config.service = &service;
	config.servers[0] = meeting->addr;
	config.server_count = 1;
	assert_int_equal(eyelet_host_new(&host->host, &config, net.now), EYELET_OK);
	assert_int_equal(
		eyelet_host_add_socket(host->host, 0, &host->addr, net.now), EYELET_OK);
}

static void make_guest(void)
{
	struct eyelet_guest_config config;
	struct eyelet_ticket ticket;

	assert_int_equal(
		eyelet_ticket_from_service(&ticket, &service, "192.0.2.1"), EYELET_OK);
	eyelet_guest_config_init(&config);
	config.entropy = entropy;
	config.ticket = &ticket;
	config.servers[0] = meeting->addr;
	config.server_count = 1;
	config.no_relay = no_relay;
	memset(config.identity, 7, sizeof(config.identity));
	assert_int_equal(eyelet_guest_new(&guest->guest, &config, net.now), EYELET_OK);
	assert_int_equal(eyelet_guest_add_socket(guest->guest, 0, &guest->addr, net.now),
		EYELET_OK);
	eyelet_guest_start(guest->guest, net.now);
}

static int begin(void **state)
{
	(void)state;
	memset(&net, 0, sizeof(net));
	net.now = START;
	net.seed = SEED;
	relay_max = 2;
	no_relay = false;
	entropy = (struct eyelet_entropy){seeded_fill, &net.seed};
	meeting->addr = address("192.0.2.1:3478");
	host->addr = address("198.51.100.1:4000");
	guest->addr = address("203.0.113.1:5000");
	return eyelet_service_generate(&service, &entropy);
}

static int end(void **state)
{
	(void)state;
	eyelet_rendezvous_free(meeting->rendezvous);
	eyelet_host_free(host->host);
	eyelet_guest_free(guest->guest);
	return 0;
}

static void connect_all(void)
{
	make_meeting();
	make_host();
	net_run(&net, 5 * EYELET_SECOND, &host->events[EYELET_EVENT_REGISTERED]);
	make_guest();
	net_run(&net, 5 * EYELET_SECOND, &guest->events[EYELET_EVENT_CONNECTED]);
	net_run(&net, EYELET_SECOND, &host->events[EYELET_EVENT_GUEST_CONNECTED]);
	assert_true(eyelet_guest_connected(guest->guest));
}

static void refuses_bad_configurations(void **state)
{
	struct eyelet_guest_config for_guest;
	struct eyelet_host_config for_host;
	struct eyelet_rendezvous_config for_meeting;

	(void)state;
	eyelet_guest_config_init(&for_guest);
	assert_int_equal(eyelet_guest_new(&guest->guest, &for_guest, 0), EYELET_EINVAL);
	for_guest.entropy = entropy; /* and no ticket */
	assert_int_equal(eyelet_guest_new(&guest->guest, &for_guest, 0), EYELET_EINVAL);
	assert_null(guest->guest);
	eyelet_host_config_init(&for_host);
	for_host.entropy = entropy;
	for_host.service = &service;
	for_host.server_count = EYELET_RENDEZVOUS_MAX + 1;
	assert_int_equal(eyelet_host_new(&host->host, &for_host, 0), EYELET_EINVAL);
	for_host.server_count = 0;
	for_host.ciphers = 4;
	assert_int_equal(eyelet_host_new(&host->host, &for_host, 0), EYELET_EINVAL);
	assert_null(host->host);
	eyelet_rendezvous_config_init(&for_meeting);
	assert_int_equal(eyelet_rendezvous_new(&meeting->rendezvous, &for_meeting, 0),
		EYELET_EINVAL);
	eyelet_guest_free(NULL);
	eyelet_host_free(NULL);
	eyelet_rendezvous_free(NULL);
}

static void connects_without_time_passing(void **state)
{
	struct eyelet_host_counts counts;
	uint8_t public_key[EYELET_KEY_SIZE], identity[EYELET_KEY_SIZE];

	(void)state;
	connect_all();
	/* Nothing takes time on this network, and the protocol waits for nothing. */
	assert_int_equal(guest->events[EYELET_EVENT_CONNECTED], 1);
	assert_true(net.now - START < EYELET_SECOND);
	eyelet_host_get_counts(host->host, &counts);
	assert_int_equal(counts.guests, 1);
	assert_int_equal(counts.handshakes, 1);
	assert_true(counts.verdicts[EYELET_VERDICT_CONSUMED] > 0);
	memset(identity, 7, sizeof(identity));
	eyelet_identity_public(public_key, identity);
	assert_int_equal(host->last.type, EYELET_EVENT_GUEST_CONNECTED);
	assert_memory_equal(host->last.identity, public_key, sizeof(public_key));
	assert_int_equal(host->last.number, 1);
	assert_memory_equal(
		&host->last.path.remote, &guest->addr, sizeof(struct eyelet_addr));
}

/* Sends len bytes from the guest's application and back; both must come whole. */
static void echo(struct eyelet_flow *flow, size_t len)
{
	static uint8_t payload[EYELET_PAYLOAD_MAX],
		out[EYELET_PAYLOAD_MAX + EYELET_OVERHEAD];
	unsigned parts = eyelet_guest_parts(guest->guest, flow, len);
	struct eyelet_path path;

	random_bytes(&net.seed, payload, len);
	host->deliveries = guest->deliveries = 0;
	for (unsigned i = 0; i < parts; i++) {
		int size = eyelet_guest_seal(
			guest->guest, flow, i, parts, payload, len, out, &path, net.now);

		assert_in_range(size, 20, len / parts + 1 + EYELET_OVERHEAD);
		(void)net_carry(&net, guest, &path, out, (size_t)size);
	}
	assert_int_equal(host->deliveries, 1);
	assert_int_equal(host->got_len, len);
	assert_memory_equal(host->got, payload, len);
	parts = eyelet_host_parts(host->flow, len);
	for (unsigned i = 0; i < parts; i++) {
		int size = eyelet_host_seal(host->host, host->flow, i, parts, host->got,
			len, out, &path, net.now);

		assert_in_range(size, 20, len / parts + 1 + EYELET_OVERHEAD);
		(void)net_carry(&net, host, &path, out, (size_t)size);
	}
	assert_int_equal(guest->deliveries, 1);
	assert_ptr_equal(guest->flow, flow);
	assert_memory_equal(guest->got, payload, len);
}

static void carries_every_size(void **state)
{
	static const size_t sizes[] = {
		0, 1, 20, 1200, 1472, 65487, 65488, EYELET_PAYLOAD_MAX};
	const struct eyelet_addr app = address("127.0.0.1:6000");
	struct eyelet_guest_counts counts;
	struct eyelet_flow *flow;

	(void)state;
	connect_all();
	flow = eyelet_guest_flow(guest->guest, &app, net.now);
	assert_non_null(flow);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		echo(flow, sizes[i]);
	eyelet_guest_get_counts(guest->guest, &counts);
	assert_int_equal(counts.datagrams_out, sizeof(sizes) / sizeof(sizes[0]));
	assert_int_equal(counts.datagrams_in, counts.datagrams_out);
	assert_int_equal(counts.verdicts[EYELET_VERDICT_DELIVER], counts.datagrams_in);
}

/* Over the relay at once, and directly as soon as that is possible. */
static void relays_where_there_is_no_direct_path(void **state)
{
	const struct eyelet_addr app = address("127.0.0.1:6000");
	struct eyelet_rendezvous_counts counts;
	struct eyelet_flow *flow;
	unsigned relayed;

	(void)state;
	net.parted = true;
	connect_all();
	assert_true(eyelet_guest_relayed(guest->guest));
	assert_true(net.now - START < EYELET_SECOND);
	assert_int_equal(host->last.type, EYELET_EVENT_GUEST_CONNECTED);
	assert_int_not_equal(host->last.path.channel, 0);
	assert_memory_equal(
		&host->last.path.remote, &meeting->addr, sizeof(struct eyelet_addr));
	flow = eyelet_guest_flow(guest->guest, &app, net.now);
	relayed = net.relayed;
	echo(flow, 0);
	echo(flow, 1200);
	assert_int_equal(net.relayed, relayed + 6); /* 1,200 bytes in 2 parts as yet */
	eyelet_rendezvous_get_counts(meeting->rendezvous, &counts);
	assert_int_equal(counts.relayed, net.relayed);
	assert_true(counts.relayed_bytes > 2400);
	assert_int_equal(counts.relay_dropped + counts.relay_refused, 0);
	assert_int_equal(counts.channels, 1);
	net_run(&net, 60 * EYELET_SECOND, &guest->events[EYELET_EVENT_RELAYED]);
	assert_int_equal(guest->last.type, EYELET_EVENT_RELAYED);
	assert_int_equal(guest->last.number, 3);
	assert_int_not_equal(guest->last.path.channel, 0);
	net.parted = false;
	guest->events[EYELET_EVENT_CONNECTED] = 0;
	net_run(&net, 60 * EYELET_SECOND, &guest->events[EYELET_EVENT_CONNECTED]);
	assert_int_equal(guest->last.type, EYELET_EVENT_CONNECTED);
	assert_int_equal(guest->last.path.channel, 0);
	assert_false(eyelet_guest_relayed(guest->guest));
	net_run(&net, EYELET_SECOND, NULL);
	relayed = net.relayed;
	echo(flow, EYELET_PAYLOAD_MAX);
	assert_int_equal(net.relayed, relayed);
}

/* Of the sockets there are. */
static void takes_mapped_addresses(void **state)
{
	const struct eyelet_addr mapped = address("198.51.100.9:7000");

	(void)state;
	connect_all();
	assert_int_equal(eyelet_guest_set_mapped(guest->guest, 0, &mapped), EYELET_OK);
	assert_int_equal(eyelet_guest_set_mapped(guest->guest, 0, NULL), EYELET_OK);
	assert_int_equal(
		eyelet_guest_set_mapped(guest->guest, EYELET_SOCKETS_MAX, &mapped),
		EYELET_EINVAL);
	assert_int_equal(
		eyelet_host_set_mapped(host->host, 0, &mapped, net.now), EYELET_OK);
	assert_int_equal(eyelet_host_set_mapped(host->host, 0, NULL, net.now), EYELET_OK);
	assert_int_equal(
		eyelet_host_set_mapped(host->host, EYELET_SOCKETS_MAX, &mapped, net.now),
		EYELET_EINVAL);
}

/* They find each other, have no direct path, and nothing goes over the relay. */
static void meet_in_vain(void)
{
	net.parted = true;
	make_meeting();
	make_host();
	net_run(&net, 5 * EYELET_SECOND, &host->events[EYELET_EVENT_REGISTERED]);
	make_guest();
	net_run(&net, 10 * EYELET_SECOND, &guest->events[EYELET_EVENT_CONNECTED]);
	assert_true(guest->events[EYELET_EVENT_HOST_FOUND] > 0);
	assert_false(eyelet_guest_connected(guest->guest));
	assert_int_equal(net.relayed, 0);
}

static void relays_for_nobody_who_does_not_want_it(void **state)
{
	(void)state;
	no_relay = true;
	meet_in_vain();
}

static void relays_nothing_unless_asked_to(void **state)
{
	static const uint8_t stray[] = {0xe0, 0, 0, 1, 0x40};
	const struct eyelet_path path = {.local = meeting->addr, .remote = guest->addr};
	struct eyelet_path to = {.socket = 77};

	(void)state;
	relay_max = 0;
	meet_in_vain();
	assert_true(eyelet_rendezvous_is_relayed(stray, sizeof(stray)));
	assert_false(eyelet_rendezvous_is_relayed(stray, sizeof(stray) - 1));
	assert_false(eyelet_rendezvous_is_relayed((const uint8_t *)"\xc1****", 5));
	assert_int_equal(eyelet_rendezvous_relay(meeting->rendezvous, &path, stray,
				 sizeof(stray), net.now, &to),
		EYELET_VERDICT_DROP_UNSOLICITED);
	assert_int_equal(to.socket, 77); /* untouched */
}

static void keeps_flows_apart(void **state)
{
	const struct eyelet_addr one = address("127.0.0.1:6000"),
				 two = address("[::1]:6000");
	struct eyelet_flow *first, *second;
	struct eyelet_addr app;
	int mark;

	(void)state;
	connect_all();
	first = eyelet_guest_flow(guest->guest, &one, net.now);
	second = eyelet_guest_flow(guest->guest, &two, net.now);
	assert_ptr_not_equal(first, second);
	assert_ptr_equal(eyelet_guest_flow(guest->guest, &one, net.now), first);
	app = eyelet_flow_app(second);
	assert_memory_equal(&app, &two, sizeof(app));
	assert_null(eyelet_flow_user(second));
	eyelet_flow_set_user(second, &mark);
	assert_ptr_equal(eyelet_flow_user(second), &mark);
	echo(second, 100);
	assert_int_equal(eyelet_flow_id(host->flow), eyelet_flow_id(second));
	assert_int_equal(eyelet_flow_guest(host->flow), 1);
	net_run(&net, 400 * EYELET_SECOND, NULL); /* idle for more than 330 s */
	assert_int_equal(guest->closed, 2);
	assert_int_equal(host->closed, 1);
}

static void refuses_misuse(void **state)
{
	const struct eyelet_addr app = address("127.0.0.1:6000"), none = {.family = 0};
	struct eyelet_path path = {.socket = EYELET_SOCKETS_MAX};
	uint8_t out[100 + EYELET_OVERHEAD] = {0x40}, payload[100] = {0};
	struct eyelet_delivery delivery;
	struct eyelet_flow *flow;

	(void)state;
	make_guest();
	flow = eyelet_guest_flow(guest->guest, &app, net.now);
	assert_int_equal(eyelet_guest_seal(guest->guest, flow, 0, 1, payload, 100, out,
				 &path, net.now),
		EYELET_ENOTCONN);
	assert_int_equal(path.socket, EYELET_SOCKETS_MAX); /* untouched */
	assert_int_equal(eyelet_guest_parts(guest->guest, flow, 0), 1);
	assert_int_equal(eyelet_guest_parts(guest->guest, flow, EYELET_PAYLOAD_MAX), 1);
	assert_int_equal(
		eyelet_guest_parts(guest->guest, flow, EYELET_PAYLOAD_MAX + 1), 0);
	eyelet_guest_network_changed(guest->guest, net.now); /* and nothing to check */
	path.socket = EYELET_SOCKETS_MAX;
	assert_int_equal(eyelet_guest_input(guest->guest, &path, out, sizeof(out),
				 net.now, &delivery),
		EYELET_VERDICT_DROP_UNSOLICITED);
	assert_int_equal(
		eyelet_guest_add_socket(guest->guest, 0, &none, 0), EYELET_EINVAL);
	assert_int_equal(
		eyelet_guest_add_socket(guest->guest, 8, &app, 0), EYELET_EINVAL);
}

static void refuses_impossible_parts(void **state)
{
	static const struct {
		unsigned part, parts;
		size_t len;
		int expected;
	} cases[] = {
		{0, 0, 100, EYELET_EINVAL},
		{0, 0, 0, EYELET_EINVAL},
		{1, 1, 100, EYELET_EINVAL},
		{2, 2, 100, EYELET_EINVAL},
		{0, 1, EYELET_PAYLOAD_MAX + 1, EYELET_EINVAL},
		{0, 2, 0, EYELET_EINVAL},
		{4, 5, 3, EYELET_EINVAL},
		{5, 6, 10, EYELET_EINVAL}, /* five of 2 bytes would do */
		{0, UINT32_MAX, 100, EYELET_EINVAL},
		{0, 1, 0, 20 + 2},
		{0, 100, 100, 28 + 1},
		{0, 3, 100, 28 + 34},
		{2, 3, 100, 28 + 32},
	};
	static uint8_t payload[EYELET_PAYLOAD_MAX + 1], out[100 + EYELET_OVERHEAD];
	const struct eyelet_addr app = address("127.0.0.1:6000"),
				 other = address("127.0.0.1:6001");
	struct eyelet_flow *flow;
	struct eyelet_path path;

	(void)state;
	connect_all();
	(void)eyelet_guest_flow(guest->guest, &app, net.now);
	flow = eyelet_guest_flow(guest->guest, &other, net.now);
	assert_int_not_equal(eyelet_flow_id(flow), 0); /* which takes 2 bytes */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(eyelet_guest_seal(guest->guest, flow, cases[i].part,
					 cases[i].parts, payload, cases[i].len, out,
					 &path, net.now),
			cases[i].expected);
	assert_int_equal(
		eyelet_guest_parts(guest->guest, flow, EYELET_PAYLOAD_MAX + 1), 0);
}

static void parts_follow_the_path_mtu(void **state)
{
	const struct eyelet_addr app = address("127.0.0.1:6000");
	uint8_t payload[1400] = {0}, out[sizeof(payload) + EYELET_OVERHEAD];
	struct eyelet_flow *flow;
	struct eyelet_path path;
	int size;

	(void)state;
	connect_all();
	flow = eyelet_guest_flow(guest->guest, &app, net.now);
	/* Nothing is too large for this network. */
	net_run(&net, 2 * EYELET_SECOND, NULL);
	assert_int_equal(eyelet_guest_parts(guest->guest, flow, 1472 - 20), 1);
	assert_int_equal(eyelet_guest_parts(guest->guest, flow, 1472 - 19), 2);
	assert_int_equal(eyelet_guest_parts(guest->guest, flow, EYELET_PAYLOAD_MAX), 46);
	echo(flow, 3000);
	assert_int_equal(eyelet_host_parts(host->flow, 1472 - 20), 1);
	assert_int_equal(eyelet_host_parts(host->flow, EYELET_PAYLOAD_MAX + 1), 0);
	net.limit = 1000;
	net_run(&net, EYELET_SECOND, NULL);
	size = eyelet_guest_seal(
		guest->guest, flow, 0, 1, payload, sizeof(payload), out, &path, net.now);
	(void)net_carry(&net, guest, &path, out, (size_t)size); /* too large now */
	net_run(&net, 3 * EYELET_SECOND, NULL); /* three confirmations are missing */
	assert_int_equal(eyelet_guest_parts(guest->guest, flow, 1000 - 20), 1);
	assert_int_equal(eyelet_guest_parts(guest->guest, flow, 1000 - 19), 2);
	echo(flow, 3000);
}

static void tells_of_moves(void **state)
{
	const struct eyelet_addr app = address("127.0.0.1:6000"),
				 elsewhere = address("203.0.113.1:5001"),
				 far = address("198.51.100.2:4000");
	struct eyelet_flow *flow;

	(void)state;
	connect_all();
	flow = eyelet_guest_flow(guest->guest, &app, net.now);
	echo(flow, 100);
	guest->addr = elsewhere; /* its NAT has given it another port */
	eyelet_guest_network_changed(guest->guest, net.now);
	net_run(&net, 1, NULL);
	assert_int_equal(host->events[EYELET_EVENT_GUEST_MOVED], 1);
	assert_int_equal(host->last.type, EYELET_EVENT_GUEST_MOVED);
	assert_int_equal(host->last.number, 1);
	assert_memory_equal(
		&host->last.path.remote, &elsewhere, sizeof(struct eyelet_addr));
	assert_int_equal(guest->events[EYELET_EVENT_LOST], 0);
	echo(flow, 100);
	host->addr = far;
	eyelet_host_network_changed(host->host, net.now);
	net_run(&net, 1, NULL);
	assert_int_equal(guest->events[EYELET_EVENT_MOVED], 1);
	assert_memory_equal(&guest->last.path.remote, &far, sizeof(struct eyelet_addr));
	echo(flow, 100);
}

static void checks_at_once_when_the_network_changed(void **state)
{
	unsigned before, refreshes;
	struct eyelet_rendezvous_counts counts;

	(void)state;
	connect_all();
	net_run(&net, 5 * EYELET_SECOND, NULL);
	before = net.datagrams;
	net_settle(&net);
	assert_int_equal(net.datagrams, before); /* all is quiet */
	eyelet_guest_network_changed(guest->guest, net.now);
	net_run(&net, 1, NULL);
	/* A ping and its pong; ten sizes of the path MTU and their answers, those at least
	 * that the path carries. */
	assert_in_range(net.datagrams, before + 4, before + 2 + 2 * 10);
	eyelet_rendezvous_get_counts(meeting->rendezvous, &counts);
	refreshes = (unsigned)(counts.refreshes + counts.registrations);
	eyelet_host_network_changed(host->host, net.now);
	net_run(&net, 1, NULL);
	eyelet_rendezvous_get_counts(meeting->rendezvous, &counts);
	assert_true(counts.refreshes + counts.registrations > refreshes);
}

static void says_goodbye(void **state)
{
	(void)state;
	connect_all();
	eyelet_guest_shutdown(guest->guest, net.now);
	net_settle(&net);
	assert_int_equal(host->events[EYELET_EVENT_GUEST_GONE], 1);
	assert_non_null(host->last.why);
}

static void tells_why_it_is_not_connected(void **state)
{
	struct eyelet_guest_progress progress;

	(void)state;
	make_meeting();
	make_guest();
	net_run(&net, 5 * EYELET_SECOND, NULL);
	eyelet_guest_get_progress(guest->guest, &progress);
	assert_true(progress.rendezvous_heard);
	assert_true(progress.no_service);
	assert_false(progress.service_found);
	assert_false(eyelet_guest_connected(guest->guest));
}

static void serves_listed_services_only(void **state)
{
	struct eyelet_rendezvous_config config;
	struct eyelet_ticket ticket;

	(void)state;
	eyelet_rendezvous_config_init(&config);
	config.entropy = entropy;
	config.listed_only = true;
	assert_true(eyelet_rendezvous_memory(&config) > 1000000);
	assert_int_equal(
		eyelet_rendezvous_new(&meeting->rendezvous, &config, net.now), EYELET_OK);
	make_host();
	net_run(&net, EYELET_SECOND, NULL);
	assert_int_equal(host->events[EYELET_EVENT_REGISTERED], 0);
	assert_true(host->events[EYELET_EVENT_LEASE_REFUSED] > 0);
	assert_int_equal(eyelet_ticket_from_service(&ticket, &service, "h"), EYELET_OK);
	assert_int_equal(
		eyelet_rendezvous_allow(meeting->rendezvous, ticket.service), EYELET_OK);
	net_run(&net, 60 * EYELET_SECOND, &host->events[EYELET_EVENT_REGISTERED]);
	assert_int_equal(host->events[EYELET_EVENT_REGISTERED], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refuses_bad_configurations),
		TEST(connects_without_time_passing),
		TEST(carries_every_size),
		TEST(relays_where_there_is_no_direct_path),
		TEST(takes_mapped_addresses),
		TEST(relays_for_nobody_who_does_not_want_it),
		TEST(relays_nothing_unless_asked_to),
		TEST(keeps_flows_apart),
		TEST(refuses_misuse),
		TEST(refuses_impossible_parts),
		TEST(parts_follow_the_path_mtu),
		TEST(tells_of_moves),
		TEST(checks_at_once_when_the_network_changed),
		TEST(says_goodbye),
		TEST(tells_why_it_is_not_connected),
		TEST(serves_listed_services_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
