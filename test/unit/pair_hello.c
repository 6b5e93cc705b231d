/* SPDX-License-Identifier: MIT */
/* Host and guest at their handshake: replays, refusals, load, other versions, several
 * hosts of one service. */
#include "meeting.h"

#define MS MILLISECOND

/* Runs until the guest has sent its first hello, and a little: it is still under way. */
static struct net_packet *run_to_hello(struct meeting *m)
{
	struct net_packet *hello = NULL;

	guest_start(m->guest->machine, m->net->now);
	while ((hello = net_find(m->net, m->guest, MESSAGE_HELLO, 0)) == NULL) {
		assert_true(m->net->now < NET_START + 10 * SECOND);
		net_run(m->net, MS);
	}
	return hello;
}

static enum verdict hear_hello(
	struct meeting *m, const struct net_packet *hello, const struct addr *from)
{
	return net_input(
		m->net, m->host, 0, &m->host->bound[0], from, hello->bytes, hello->len);
}

static void no_frames(struct net *net, struct net_packet *p)
{
	(void)net;
	p->lost = frame_is(p->bytes, p->len);
}

/* As long as nothing proved the guest's place, a hello gets its welcome again; then it is
 * of no more use to anybody. */
static void replays_get_the_same_welcome(void **state)
{
	const struct addr elsewhere = addr_v4(203, 0, 113, 99, 999);
	const struct net_packet *hello, *welcome, *again;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	hello = run_to_hello(&m);
	m.net->hook = no_frames;
	net_run(m.net, 50 * MS);
	welcome = net_find(m.net, m.host, MESSAGE_WELCOME, 0);
	assert_non_null(welcome);
	assert_true(welcome->len <= hello->len);
	assert_int_equal(net_count(m.net, m.host, MESSAGE_WELCOME), 1);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(hear_hello(&m, hello, &elsewhere), VERDICT_CONSUMED);
		net_run(m.net, MS);
		again = net_find(m.net, m.host, MESSAGE_WELCOME, 1 + i);
		assert_int_equal(again->len, welcome->len);
		assert_memory_equal(again->bytes, welcome->bytes, welcome->len);
		assert_true(addr_equal(&again->to, &elsewhere));
	}
	assert_int_equal(meeting_host_counts(m.host).handshakes, 1);
	assert_int_equal(meeting_host_counts(m.host).half_open, 1);
	m.net->hook = NULL;
	net_run(m.net, 500 * MS);
	assert_int_equal(meeting_host_counts(m.host).half_open, 0);
	assert_int_equal(hear_hello(&m, hello, &elsewhere), VERDICT_DROP_REPLAY);
	assert_int_equal(meeting_host_counts(m.host).handshakes, 1);
	meeting_expect_up(&m, m.guest, 1);
	meeting_expect_down(&m, m.guest);
	meeting_end(&m);
}

/* A hello of the same attempt with another Noise message would be a second session. */
static void one_attempt_makes_one_session(void **state)
{
	uint8_t noise[HELLO_NOISE_SIZE] = {0}, bytes[HELLO_SIZE];
	const struct net_packet *hello;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	hello = run_to_hello(&m);
	net_run(m.net, 100 * MS);
	hello_encode(bytes, message_id(hello->bytes), noise, m.credentials.mac_key, NULL);
	assert_int_equal(net_input(m.net, m.host, 0, &m.host->bound[0],
				 &m.guest->bound[0], bytes, sizeof(bytes)),
		VERDICT_DROP_REPLAY);
	assert_int_equal(meeting_host_counts(m.host).handshakes, 1);
	meeting_end(&m);
}

static void no_welcomes(struct net *net, struct net_packet *p)
{
	(void)net;
	p->lost = net_is(p, MESSAGE_WELCOME);
}

/* Somebody who heard the welcome repeats it from elsewhere, and the guest would send there: it
 * may come from where a hello went, or another port there, and from nowhere else. */
static void welcomes_come_from_where_a_hello_went(void **state)
{
	const struct addr elsewhere = addr_v4(203, 0, 113, 99, 999);
	const struct net_packet *welcome;
	struct net_packet kept;
	struct meeting m;
	struct addr port;

	(void)state;
	meeting_begin(&m);
	m.net->hook = no_welcomes;
	run_to_hello(&m);
	net_run(m.net, 50 * MS);
	welcome = net_find(m.net, m.host, MESSAGE_WELCOME, 0);
	assert_non_null(welcome);
	kept = *welcome;
	port = m.host->bound[0];
	port.port++;
	assert_int_equal(net_input(m.net, m.guest, 0, &m.guest->bound[0], &elsewhere,
				 kept.bytes, kept.len),
		VERDICT_DROP_FORGED);
	assert_int_equal(net_input(m.net, m.guest, 0, &m.guest->bound[0],
				 &m.guest_config.servers[0], kept.bytes, kept.len),
		VERDICT_DROP_FORGED);
	assert_false(guest_connected(m.guest->machine));
	assert_int_equal(net_input(m.net, m.guest, 0, &m.guest->bound[0], &port,
				 kept.bytes, kept.len),
		VERDICT_CONSUMED);
	assert_true(guest_connected(m.guest->machine));
	meeting_end(&m);
}

static void hellos_before_an_introduction_are_dropped(void **state)
{
	const struct net_packet *hello;
	struct meeting m;
	unsigned sent;

	(void)state;
	meeting_begin(&m);
	hello = run_to_hello(&m);
	m.guest->deaf = true;
	net_machine_free(m.host);
	meeting_host_start(&m, m.host);
	sent = net_count(m.net, m.host, MESSAGE_WELCOME);
	net_open(m.net, m.host, 0, ADDR_V4, 40000);
	assert_int_equal(
		hear_hello(&m, hello, &m.guest->bound[0]), VERDICT_DROP_UNSOLICITED);
	net_run(m.net, 100 * MS);
	assert_int_equal(net_count(m.net, m.host, MESSAGE_WELCOME), sent);
	assert_int_equal(meeting_host_counts(m.host).handshakes, 0);
	meeting_end(&m);
}

static void changed_hellos_cost_no_handshake(void **state)
{
	struct net_packet *hello;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	hello = run_to_hello(&m);
	for (size_t bit = 16; bit < 8 * (HELLO_SIZE - CRYPTO_MAC_SIZE); bit++) {
		hello->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			hear_hello(&m, hello, &m.guest->bound[0]), VERDICT_DROP_FORGED);
		hello->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(meeting_host_counts(m.host).handshakes, 0);
	net_run(m.net, 10 * MS);
	assert_true(guest_connected(m.guest->machine));
	meeting_end(&m);
}

static void refuses_when_full(void **state)
{
	struct guest_progress progress;
	struct net_node *first;
	struct meeting m;

	(void)state;
	meeting_init(&m);
	m.host_config.guests_max = 1;
	meeting_gather(&m);
	meeting_connect(&m, m.guest);
	first = m.guest;
	m.guest_config.identity[1] = 2;
	m.guest = meeting_add_guest(&m, addr_v4(203, 0, 113, 21, 0));
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 400 * MS); /* another host might have room */
	assert_false(guest_connected(m.guest->machine));
	assert_int_equal(net_event(m.guest, EVENT_REFUSED, 0)->number, HOST_REFUSAL_FULL);
	guest_get_progress(m.guest->machine, &progress);
	assert_int_equal(progress.refused, 1);
	assert_true(progress.service_found && progress.host_answered);
	assert_int_equal(meeting_host_counts(m.host).guests, 1);
	assert_int_equal(meeting_host_counts(m.host).half_open, 0);
	assert_int_equal(net_events(m.host, EVENT_GUEST_NEW), 1);
	/* The one that is there may come back any time; the other when it has left. */
	meeting_expect_up(&m, first, 1);
	net_run(m.net, 4700 * MS);
	assert_int_equal(net_events(m.guest, EVENT_REFUSED), 1);
	guest_shutdown(first->machine, m.net->now);
	net_run(m.net, 300 * MS);
	assert_true(guest_connected(m.guest->machine));
	assert_int_equal(net_events(m.guest, EVENT_REFUSED), 1);
	meeting_end(&m);
}

static void refuses_without_a_common_cipher(void **state)
{
	struct meeting m;

	(void)state;
	meeting_init(&m);
	m.host_config.ciphers = CIPHER_AES_256_GCM;
	meeting_gather(&m);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 400 * MS);
	assert_int_equal(
		net_event(m.guest, EVENT_REFUSED, 0)->number, HOST_REFUSAL_CIPHER);
	assert_false(guest_connected(m.guest->machine));
	meeting_end(&m);
}

static void prefers_aes_where_both_have_it(void **state)
{
	struct meeting m;

	(void)state;
	meeting_init(&m);
	m.host_config.ciphers = m.guest_config.ciphers = 3;
	meeting_gather(&m);
	meeting_connect(&m, m.guest);
	meeting_expect_up(&m, m.guest, 1);
	meeting_expect_down(&m, m.guest);
	meeting_end(&m);
}

/* More than 1,000 handshakes in a second: the next hello has to bring a cookie. */
static void asks_for_a_cookie_under_load(void **state)
{
	uint8_t noise[HELLO_NOISE_SIZE] = {1}, bytes[HELLO_SIZE];
	const struct net_packet *hello, *busy, *second;
	struct meeting m;
	unsigned limited = 0;

	(void)state;
	meeting_begin(&m);
	hello = run_to_hello(&m);
	net_run_until(m.net, hello->due - 100000);
	hello_encode(bytes, message_id(hello->bytes), noise, m.credentials.mac_key, NULL);
	for (unsigned i = 0; i < 1010; i++) {
		const struct addr from = addr_v4(10, 0, 0, 1, (uint16_t)(1 + i));

		limited += net_input(m.net, m.host, 0, &m.host->bound[0], &from, bytes,
				   sizeof(bytes)) == VERDICT_DROP_LIMIT;
	}
	assert_int_equal(meeting_host_counts(m.host).handshakes, 1000);
	assert_int_equal(limited, 10);
	net_run(m.net, 200 * MS);
	assert_int_equal(net_count(m.net, m.host, MESSAGE_BUSY), 11);
	busy = net_find(m.net, m.host, MESSAGE_BUSY, 10);
	assert_true(addr_equal(&busy->to, &m.guest->bound[0]));
	assert_true(busy->len <= hello->len);
	second = net_find(m.net, m.guest, MESSAGE_HELLO, 1);
	assert_true(hello_has_cookie(second->bytes, busy->bytes + MESSAGE_HEADER_SIZE));
	assert_false(hello_has_cookie(hello->bytes, busy->bytes + MESSAGE_HEADER_SIZE));
	assert_true(guest_connected(m.guest->machine));
	meeting_end(&m);
}

static void other_version(struct net *net, struct net_packet *p)
{
	(void)net;
	if (net_is(p, MESSAGE_HELLO) || net_is(p, MESSAGE_VERSION))
		p->bytes[1] = 2;
}

static void tells_of_a_host_of_another_version(void **state)
{
	struct guest_progress progress;
	const struct event *e;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	m.net->hook = other_version;
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 100 * MS);
	e = net_event(m.guest, EVENT_VERSION_MISMATCH, 0);
	assert_non_null(e);
	assert_int_equal(e->number, 2);
	assert_true(addr_equal(&e->addr, &m.host->bound[0]));
	guest_get_progress(m.guest->machine, &progress);
	assert_int_equal(progress.version, 2);
	assert_int_equal(net_find(m.net, m.host, MESSAGE_VERSION, 0)->len, 18);
	assert_int_equal(meeting_host_counts(m.host).hellos, 0);
	meeting_end(&m);
}

static void other_version_relayed(struct net *net, struct net_packet *p)
{
	size_t at = channel_is(p->bytes, p->len) ? CHANNEL_SIZE : 0;
	uint8_t type = p->len > at ? message_type(p->bytes + at) : 0;

	(void)net;
	p->lost = net_is(p, MESSAGE_HELLO); /* there is no direct path */
	if (at != 0 && (type == MESSAGE_HELLO || type == MESSAGE_VERSION))
		p->bytes[at + 1] = 2;
}

static void tells_of_it_over_the_relay_once(void **state)
{
	const struct event *e;
	struct meeting m;

	(void)state;
	meeting_init(&m);
	m.rendezvous_config.relay.max = 1;
	meeting_gather(&m);
	m.net->hook = other_version_relayed;
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, SECOND);
	e = net_event(m.guest, EVENT_VERSION_MISMATCH, 0);
	assert_non_null(e);
	assert_int_equal(e->number, 2);
	assert_true(addr_equal(&e->addr, &m.host_config.servers[0]));
	assert_int_equal(net_events(m.guest, EVENT_VERSION_MISMATCH), 1);
	assert_false(guest_connected(m.guest->machine));
	meeting_end(&m);
}

static void other_rendezvous(struct net *net, struct net_packet *p)
{
	(void)net;
	if (net_is(p, MESSAGE_COOKIE_ASK) || net_is(p, MESSAGE_VERSION))
		p->bytes[1] = 2;
}

static void tells_of_a_rendezvous_of_another_version(void **state)
{
	const struct event *e;
	struct meeting m;

	(void)state;
	meeting_init(&m);
	m.net->hook = other_rendezvous;
	meeting_add_rendezvous(&m);
	m.host = meeting_add_host(&m, addr_v4(198, 51, 100, 10, 0));
	m.guest = meeting_add_guest(&m, addr_v4(203, 0, 113, 20, 0));
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 4 * SECOND);
	for (unsigned i = 0; i < 2; i++) {
		e = net_event(i ? m.guest : m.host, EVENT_VERSION_MISMATCH, 0);
		assert_non_null(e);
		assert_int_equal(e->number, 2);
		assert_true(addr_equal(&e->addr, &m.host_config.servers[0]));
	}
	/* The host waits 1 s before it asks again, then 5 s; the guest says it once. */
	assert_int_equal(net_count(m.net, m.host, MESSAGE_COOKIE_ASK), 2);
	assert_int_equal(net_events(m.guest, EVENT_VERSION_MISMATCH), 1);
	net_run(m.net, 2 * SECOND);
	assert_int_equal(net_count(m.net, m.host, MESSAGE_COOKIE_ASK), 2);
	net_run(m.net, SECOND);
	assert_int_equal(net_count(m.net, m.host, MESSAGE_COOKIE_ASK), 3);
	meeting_end(&m);
}

/* Another host of the service, with the same secrets and an instance of its own. */
static struct net_node *add_second_host(struct meeting *m, uint32_t guests_max)
{
	struct service second = m->service;
	struct net_node *n;

	second.instance[0] ^= 1;
	m->host_config.service = &second;
	m->host_config.guests_max = guests_max;
	n = meeting_add_host(m, addr_v4(198, 51, 100, 11, 0));
	m->host_config.service = &m->service;
	return n;
}

static void asks_all_hosts_and_keeps_one(void **state)
{
	struct net_node *second;
	struct meeting m;
	unsigned connected;

	(void)state;
	meeting_begin(&m);
	second = add_second_host(&m, 16);
	net_run(m.net, SECOND);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 100 * MS);
	assert_int_equal(net_events(m.host, EVENT_PUNCHING), 1);
	assert_int_equal(net_events(second, EVENT_PUNCHING), 1);
	assert_int_equal(net_events(m.guest, EVENT_CONNECTED), 1);
	connected = net_events(m.host, EVENT_GUEST_CONNECTED) +
		    net_events(second, EVENT_GUEST_CONNECTED);
	assert_int_equal(connected, 1);
	net_run(m.net, 11 * SECOND);
	assert_int_equal(meeting_host_counts(m.host).half_open, 0);
	assert_int_equal(meeting_host_counts(second).half_open, 0);
	assert_int_equal(net_events(m.guest, EVENT_LOST), 0);
	meeting_end(&m);
}

static struct net_node *slow_host;

static void slow(struct net *net, struct net_packet *p)
{
	(void)net;
	if (p->from == slow_host)
		p->due += 2 * MS;
}

/* The one that is full says no first; the other still has room. */
static void takes_the_host_that_has_room(void **state)
{
	struct meeting m;
	struct net_node *second;

	(void)state;
	meeting_begin(&m);
	second = add_second_host(&m, 0);
	m.net->hook = slow;
	slow_host = m.host;
	net_run(m.net, SECOND);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 400 * MS);
	assert_true(net_count(m.net, second, MESSAGE_REFUSE) > 0);
	assert_int_equal(net_events(m.guest, EVENT_REFUSED), 0);
	assert_int_equal(net_events(second, EVENT_GUEST_CONNECTED), 0);
	assert_true(guest_connected(m.guest->machine));
	assert_int_equal(net_events(m.host, EVENT_GUEST_CONNECTED), 1);
	meeting_end(&m);
}

/* Connected to one, the guest comes back to it, though the other is 2 ms nearer. */
static void sticks_to_its_host(void **state)
{
	struct net_node *second;
	struct meeting m;

	(void)state;
	meeting_begin(&m);
	second = add_second_host(&m, 16);
	m.net->hook = slow;
	slow_host = second;
	net_run(m.net, SECOND);
	meeting_connect(&m, m.guest);
	assert_int_equal(net_events(m.host, EVENT_GUEST_CONNECTED), 1);
	slow_host = m.host;
	m.guest->deaf = true;
	net_run(m.net, 46 * SECOND); /* hosts and guest give each other up */
	m.guest->deaf = false;
	net_run(m.net, 5 * SECOND);
	assert_int_equal(net_events(m.guest, EVENT_CONNECTED), 2);
	assert_int_equal(net_events(second, EVENT_GUEST_CONNECTED), 0);
	assert_int_equal(net_events(m.host, EVENT_GUEST_CONNECTED), 2);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays_get_the_same_welcome),
		cmocka_unit_test(one_attempt_makes_one_session),
		cmocka_unit_test(welcomes_come_from_where_a_hello_went),
		cmocka_unit_test(hellos_before_an_introduction_are_dropped),
		cmocka_unit_test(changed_hellos_cost_no_handshake),
		cmocka_unit_test(refuses_when_full),
		cmocka_unit_test(refuses_without_a_common_cipher),
		cmocka_unit_test(prefers_aes_where_both_have_it),
		cmocka_unit_test(asks_for_a_cookie_under_load),
		cmocka_unit_test(tells_of_a_host_of_another_version),
		cmocka_unit_test(tells_of_it_over_the_relay_once),
		cmocka_unit_test(tells_of_a_rendezvous_of_another_version),
		cmocka_unit_test(asks_all_hosts_and_keeps_one),
		cmocka_unit_test(takes_the_host_that_has_room),
		cmocka_unit_test(sticks_to_its_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
