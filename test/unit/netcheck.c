/* SPDX-License-Identifier: MIT */
/* The network check as a machine: what it asks, believes and waits for. That it tells every
 * kind of NAT is the simulator's to show. */
#include "core/netcheck.h"

#include "core/message.h"
#include "core/stun.h"
#include "unit.h"

#define T0 (1000 * SECOND)

/* A server and a NAT that answer everything at once, as far as they are told to. */
struct net {
	struct netcheck *core;
	struct netcheck_config config;
	uint64_t random, now;
	struct addr bound[NETCHECK_SOCKETS_MAX];
	unsigned sent, answered;
	bool no_sockets, mute;
	/* May change an answer; false drops it. */
	bool (*meddle)(struct net *n, struct datagram *question, struct datagram *answer);
	unsigned meddled;
};

static const struct addr rdv = {.family = ADDR_V4, .port = 3478, .ip = {192, 0, 2, 1}};
static const struct addr other = {.family = ADDR_V4, .port = 3479, .ip = {192, 0, 2, 2}};
static const struct addr outer = {.family = ADDR_V4, .ip = {203, 0, 113, 9}};
static const struct addr inner = {.family = ADDR_V4, .ip = {192, 168, 1, 2}};

static void fill(void *arg, uint8_t *bytes, size_t len)
{
	random_bytes(arg, bytes, len);
}

/* What the NAT makes of a socket: the port kept. */
static struct addr mapped_of(const struct net *n, uint32_t socket)
{
	struct addr a = outer;

	a.port = n->bound[socket].port;
	return a;
}

static bool answer_cookie(struct net *n, const struct datagram *q,
	const struct addr *mapped, struct datagram *a)
{
	const struct cookie_message m = {
		.observed = *mapped, .alt_base = 3479, .alt_mask = 0x7};

	(void)n;
	if (!message_is(q->data, q->len) || message_type(q->data) != MESSAGE_COOKIE_ASK)
		return false;
	a->len = (uint16_t)cookie_encode(a->data, message_id(q->data), &m);
	return true;
}

/* As an RFC 5780 server of two addresses, where the NAT's filter is endpoint-independent. */
static bool answer_stun(
	const struct datagram *q, const struct addr *mapped, struct datagram *a)
{
	struct stun_question s;

	if (!stun_read_question(q->data, q->len, &s))
		return false;
	a->len = (uint16_t)stun_write_response(a->data, s.id, mapped);
	if (s.change_address)
		memcpy(a->path.remote.ip,
			addr_same_ip(&q->path.remote, &rdv) ? other.ip : rdv.ip, 4);
	if (s.change_port)
		a->path.remote.port = q->path.remote.port == 3478 ? 3479 : 3478;
	/* OTHER-ADDRESS: 192.0.2.2:3479 */
	a->len = (uint16_t)(a->len +
			    unhex(a->data + a->len, 12, "802c0008 00010d97c0000202"));
	a->data[3] = (uint8_t)(a->len - 20);
	return true;
}

static void answer(struct net *n, struct datagram *q)
{
	const struct addr mapped = mapped_of(n, q->path.socket);
	struct datagram a = {.path = q->path};

	n->sent++;
	if (n->mute || q->ttl != 0 || q->len > 1452)
		return;
	if (!(n->config.servers[0].protocol == NETCHECK_RENDEZVOUS &&
		    answer_cookie(n, q, &mapped, &a)) &&
		!answer_stun(q, &mapped, &a))
		return;
	if (n->meddle != NULL && !n->meddle(n, q, &a))
		return;
	n->answered += netcheck_input(n->core, &a.path, a.data, a.len, n->now) ==
		       VERDICT_CONSUMED;
}

static void settle(struct net *n)
{
	struct event event;
	struct datagram d;
	bool any = true;

	while (any) {
		any = false;
		while (netcheck_output(n->core, &d, n->now)) {
			assert_true(d.path.socket < NETCHECK_SOCKETS_MAX);
			answer(n, &d);
			any = true;
		}
		while (netcheck_next_event(n->core, &event)) {
			assert_int_equal(event.type, EVENT_SOCKET_WANTED);
			if (n->no_sockets)
				continue;
			n->bound[event.number] =
				(struct addr){.family = event.addr.family,
					.port = (uint16_t)(40000 + 7 * event.number)};
			netcheck_add_socket(
				n->core, event.number, &n->bound[event.number], n->now);
			any = true;
		}
	}
}

static void begin(struct net *n, enum netcheck_protocol protocol)
{
	*n = (struct net){.random = 11, .now = T0};
	n->config = (struct netcheck_config){.entropy = {fill, NULL},
		.servers = {{rdv, protocol}},
		.server_count = 1,
		.locals = {inner},
		.local_count = 1};
}

/* Runs it to its end; returns how long it took. */
static uint64_t run(struct net *n)
{
	n->config.entropy.arg = &n->random;
	n->core = netcheck_new(&n->config, n->now);
	assert_non_null(n->core);
	settle(n);
	for (unsigned i = 0; !netcheck_done(n->core); i++) {
		uint64_t at = netcheck_next_timeout(n->core);

		assert_true(i < 10000);
		assert_true(at != NEVER && at > n->now);
		n->now = at;
		netcheck_expire(n->core, n->now);
		settle(n);
	}
	assert_true(netcheck_next_timeout(n->core) == NEVER);
	return n->now - T0;
}

static struct netcheck_result end(struct net *n)
{
	struct netcheck_result r;

	netcheck_get_result(n->core, &r);
	netcheck_free(n->core);
	return r;
}

static void asks_an_rfc_5780_server(void **state)
{
	struct netcheck_result r;
	struct net n;

	(void)state;
	begin(&n, NETCHECK_STUN);
	run(&n);
	r = end(&n);
	assert_true(r.heard && r.other_address && r.other_port);
	assert_int_equal(r.network.mapping, NETWORK_INDEPENDENT);
	assert_false(r.network.mapping_unsure);
	assert_int_equal(r.network.filtering, NETWORK_INDEPENDENT);
	assert_false(r.network.filtering_unsure);
	assert_int_equal(r.network.allocation, NETWORK_PORTS_PRESERVING);
	assert_int_equal(r.network.mtu, 1480);
	assert_int_equal(r.network.poison, NETWORK_ANSWER_NO);
	assert_int_equal(r.network.hairpin, NETWORK_ANSWER_NO);
	assert_true(r.network.translated);
	assert_true(addr_same_ip(&r.mapped, &outer));
}

static void asks_a_rendezvous(void **state)
{
	struct netcheck_result r;
	struct net n;

	(void)state;
	begin(&n, NETCHECK_RENDEZVOUS);
	assert_in_range(run(&n), SECOND, 3 * SECOND);
	assert_true(n.sent < 100);
	r = end(&n);
	assert_int_equal(r.network.mapping, NETWORK_INDEPENDENT);
	assert_true(r.network.mapping_unsure && r.network.filtering_unsure);
	assert_true(r.other_port && !r.other_address);
	assert_true(addr_equal(&r.server.addr, &rdv));
}

/* Every 200 ms for 3 s, and then it is over. */
static void gives_up_after_3_seconds_of_silence(void **state)
{
	struct netcheck_result r;
	struct net n;

	(void)state;
	begin(&n, NETCHECK_RENDEZVOUS);
	n.mute = true;
	assert_int_equal(run(&n), 3 * SECOND);
	assert_int_equal(n.sent, 15);
	r = end(&n);
	assert_false(r.heard);
	assert_int_equal(r.asked[0], 1);
	assert_int_equal(r.answered[0], 0);
}

static void ends_without_sockets_and_without_servers(void **state)
{
	struct net n;

	(void)state;
	begin(&n, NETCHECK_RENDEZVOUS);
	n.no_sockets = true;
	assert_int_equal(run(&n), 3 * SECOND);
	assert_int_equal(n.sent, 0);
	assert_false(end(&n).heard);
	begin(&n, NETCHECK_RENDEZVOUS);
	n.config.server_count = 0;
	assert_int_equal(run(&n), 0);
	assert_false(end(&n).heard);
}

/* Answers from where nobody was asked, with another id, or about nothing. */
static bool forge(struct net *n, struct datagram *question, struct datagram *answer)
{
	struct path path = answer->path;
	uint8_t *id = answer->data + (answer->data[0] & 0x80 ? 2 : 8);

	(void)question;
	path.remote.port++;
	assert_int_equal(
		netcheck_input(n->core, &path, answer->data, answer->len, n->now),
		VERDICT_DROP_UNSOLICITED);
	path = answer->path;
	path.socket++;
	assert_int_equal(
		netcheck_input(n->core, &path, answer->data, answer->len, n->now),
		VERDICT_DROP_UNSOLICITED);
	*id ^= 1;
	assert_int_equal(
		netcheck_input(n->core, &answer->path, answer->data, answer->len, n->now),
		VERDICT_DROP_UNSOLICITED);
	*id ^= 1;
	assert_true(netcheck_input(n->core, &answer->path, answer->data, 19, n->now) ==
		    VERDICT_DROP_MALFORMED);
	n->meddled++;
	return false;
}

static void believes_nobody_else(void **state)
{
	struct net n;

	(void)state;
	for (int protocol = 0; protocol < 2; protocol++) {
		begin(&n, (enum netcheck_protocol)protocol);
		n.meddle = forge;
		run(&n);
		assert_int_equal(n.meddled, 15);
		assert_false(end(&n).heard);
	}
}

/* A server that ignores CHANGE-REQUEST, or a gateway that answers in its place, shows
 * nothing of the filter. */
static bool ignore_change(
	struct net *n, struct datagram *question, struct datagram *answer)
{
	struct stun_question s;

	(void)n;
	if (stun_read_question(question->data, question->len, &s) && s.change_port)
		answer->path = question->path;
	return true;
}

static void sees_through_servers_that_do_not_change(void **state)
{
	struct netcheck_result r;
	struct net n;

	(void)state;
	begin(&n, NETCHECK_STUN);
	n.meddle = ignore_change;
	run(&n);
	r = end(&n);
	assert_int_equal(r.network.filtering, NETWORK_UNKNOWN);
	assert_false(r.other_port);
}

/* A rendezvous without STUN, or an old one. */
static bool drop_stun(struct net *n, struct datagram *question, struct datagram *answer)
{
	(void)n, (void)answer;
	return !stun_is_message(question->data, question->len);
}

static void says_nothing_of_filters_without_stun(void **state)
{
	struct netcheck_result r;
	struct net n;

	(void)state;
	begin(&n, NETCHECK_RENDEZVOUS);
	n.meddle = drop_stun;
	run(&n);
	r = end(&n);
	assert_int_equal(r.network.filtering, NETWORK_UNKNOWN);
	assert_false(r.other_port);
}

/* Of routers on the way only those that quote the question. */
static void counts_routers(void **state)
{
	static const uint8_t hops[3][4] = {
		{192, 168, 1, 1}, {100, 64, 0, 1}, {203, 0, 113, 1}};
	struct netcheck_result r;
	struct datagram d;
	struct net n;

	(void)state;
	begin(&n, NETCHECK_RENDEZVOUS);
	n.config.entropy.arg = &n.random;
	n.core = netcheck_new(&n.config, n.now);
	while (netcheck_step(n.core) < NETCHECK_BEHAVIOUR)
		settle(&n);
	settle(&n);
	n.now = netcheck_next_timeout(n.core);
	netcheck_expire(n.core, n.now);
	for (unsigned i = 0; i < 20 && !netcheck_done(n.core); i++) {
		while (netcheck_output(n.core, &d, n.now)) {
			struct addr hop = {.family = ADDR_V4};

			if (d.ttl == 0 || d.ttl > 3) {
				answer(&n, &d);
				continue;
			}
			memcpy(hop.ip, hops[d.ttl - 1], 4);
			netcheck_icmp(n.core, &d.path, &hop, 3, 3, d.data, d.len, n.now);
			netcheck_icmp(n.core, &d.path, &hop, 11, 0, d.data, 17, n.now);
			netcheck_icmp(n.core, &d.path, &hop, 11, 0, d.data, 18, n.now);
		}
		n.now = netcheck_next_timeout(n.core);
		netcheck_expire(n.core, n.now);
	}
	while (!netcheck_done(n.core)) {
		n.now = netcheck_next_timeout(n.core);
		netcheck_expire(n.core, n.now);
		settle(&n);
	}
	r = end(&n);
	assert_int_equal(r.network.levels, 2);
	assert_true(r.network.carrier);
	assert_true(addr_same_ip(
		&r.hops[1], &(struct addr){.family = ADDR_V4, .ip = {100, 64, 0, 1}}));
	assert_int_equal(r.hops[3].family, ADDR_NONE);
}

static void needs_no_translation_for_its_own_address(void **state)
{
	struct netcheck_result r;
	struct net n;

	(void)state;
	begin(&n, NETCHECK_STUN);
	n.config.locals[0] = outer;
	run(&n);
	r = end(&n);
	assert_false(r.network.translated);
	assert_int_equal(network_kind(&r.network), NETWORK_KIND_NONE);
	assert_int_equal(r.network.hairpin, NETWORK_ANSWER_UNKNOWN);
	assert_int_equal(r.network.levels, 0);
}

static void names_its_steps(void **state)
{
	(void)state;
	assert_string_equal(netcheck_step_name(NETCHECK_REACH), "servers");
	assert_string_equal(netcheck_step_name(NETCHECK_DONE), "done");
	assert_string_equal(netcheck_step_name(NETCHECK_STEP_COUNT), "?");
}

/* Whatever comes in, it ends. */
static void survives_garbage(void **state)
{
	uint64_t random = random_start();
	struct net n;

	(void)state;
	begin(&n, NETCHECK_RENDEZVOUS);
	n.config.entropy.arg = &n.random;
	n.core = netcheck_new(&n.config, n.now);
	settle(&n);
	for (int i = 0; i < 20000; i++) {
		struct path path = {.socket = (uint32_t)random_below(&random, 40),
			.remote = i % 2 ? rdv : other};
		size_t len = random_below(&random, 80);
		uint8_t bytes[80];

		random_bytes(&random, bytes, len);
		if (len > 18)
			bytes[0] = (uint8_t)(0x80 | random_below(&random, 4)),
			bytes[1] = 1;
		(void)netcheck_input(n.core, &path, bytes, len, n.now);
		netcheck_icmp(n.core, &path, &other, 11, 0, bytes, len, n.now);
		netcheck_add_socket(n.core, path.socket + 30, &other, n.now);
	}
	while (!netcheck_done(n.core)) {
		n.now = netcheck_next_timeout(n.core);
		netcheck_expire(n.core, n.now);
		settle(&n);
	}
	assert_true(end(&n).heard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_an_rfc_5780_server),
		cmocka_unit_test(asks_a_rendezvous),
		cmocka_unit_test(gives_up_after_3_seconds_of_silence),
		cmocka_unit_test(ends_without_sockets_and_without_servers),
		cmocka_unit_test(believes_nobody_else),
		cmocka_unit_test(sees_through_servers_that_do_not_change),
		cmocka_unit_test(says_nothing_of_filters_without_stun),
		cmocka_unit_test(counts_routers),
		cmocka_unit_test(needs_no_translation_for_its_own_address),
		cmocka_unit_test(names_its_steps),
		cmocka_unit_test(survives_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
