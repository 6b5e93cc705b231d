/* SPDX-License-Identifier: MIT */
/* What comes framed in a stream: the transport is a part of the place. */
#include "asking.h"

static const struct addr udp = {.family = ADDR_V4, .port = 4711, .ip = {203, 0, 113, 7}};

static struct addr by(enum addr_transport transport)
{
	struct addr a = udp;

	a.transport = (uint8_t)transport;
	return a;
}

static struct register_message registration(
	struct asking *a, const struct addr *from, enum addr_transport dialled)
{
	uint8_t cookie[COOKIE_SIZE];
	struct register_message m;

	asking_cookie(a, from, cookie);
	m = asking_registration(a, cookie);
	m.dialled.transport = (uint8_t)dialled;
	return m;
}

/* Registers from there, dialled by the same transport. */
static void enter(struct asking *a, const struct addr *from, uint8_t token[TOKEN_SIZE])
{
	struct register_message m = registration(a, from, from->transport);
	struct registered_message answer;

	assert_int_equal(asking_say_registration(a, from, &m), VERDICT_CONSUMED);
	assert_int_equal(message_type(a->answer.data), MESSAGE_REGISTERED);
	assert_true(registered_decode(&answer, a->answer.data, a->answer.len));
	assert_true(addr_equal(&answer.observed, from));
	memcpy(token, answer.token, TOKEN_SIZE);
}

static void cookies_serve_one_transport(void **state)
{
	const struct addr tcp = by(ADDR_TCP), tls = by(ADDR_TLS);
	uint8_t cookie[COOKIE_SIZE];
	struct register_message m;
	struct asking a;

	(void)state;
	asking_begin(&a);
	asking_cookie(&a, &tcp, cookie);
	m = asking_registration(&a, cookie);
	m.dialled.transport = ADDR_TLS;
	asking_say_registration(&a, &tls, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_STALE_COOKIE);
	asking_end(&a);
}

/* The signature covers how it was dialled: what was signed for UDP does not serve here. */
static void registrations_serve_one_transport(void **state)
{
	const struct addr tcp = by(ADDR_TCP);
	struct register_message m;
	struct asking a;

	(void)state;
	asking_begin(&a);
	m = registration(&a, &tcp, ADDR_UDP);
	asking_say_registration(&a, &tcp, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_WRONG_ADDRESS);
	m = registration(&a, &udp, ADDR_TCP);
	asking_say_registration(&a, &udp, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_WRONG_ADDRESS);
	m = registration(&a, &tcp, ADDR_TCP);
	assert_int_equal(asking_say_registration(&a, &tcp, &m), VERDICT_CONSUMED);
	assert_int_equal(message_type(a.answer.data), MESSAGE_REGISTERED);
	asking_end(&a);
}

/* A public address is configured with the port of UDP; that of TLS is where it listens. */
static void goes_by_its_public_address(void **state)
{
	const struct addr tls = by(ADDR_TLS);
	struct register_message m;
	struct asking a;

	(void)state;
	asking_init(&a);
	a.local = addr_v4(10, 0, 0, 5, 443);
	a.config.publics[0] = addr_v4(192, 0, 2, 9, 3478);
	a.config.public_count = 1;
	asking_start(&a);
	m = registration(&a, &tls, ADDR_TLS);
	m.dialled = addr_v4(192, 0, 2, 9, 443);
	asking_say_registration(&a, &udp, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_STALE_COOKIE);
	m.dialled.transport = ADDR_TLS;
	assert_int_equal(asking_say_registration(&a, &tls, &m), VERDICT_CONSUMED);
	assert_int_equal(message_type(a.answer.data), MESSAGE_REGISTERED);
	m.dialled.port = 444;
	asking_say_registration(&a, &tls, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_WRONG_ADDRESS);
	asking_end(&a);
}

/* One lease by each transport, side by side. */
static void keeps_a_lease_of_each_kind(void **state)
{
	const struct addr places[] = {by(ADDR_UDP), by(ADDR_TCP), by(ADDR_TLS)};
	const uint8_t id[ID_SIZE] = {1};
	uint8_t tokens[3][TOKEN_SIZE];
	struct asking a;

	(void)state;
	asking_begin(&a);
	for (unsigned i = 0; i < 3; i++)
		enter(&a, &places[i], tokens[i]);
	for (unsigned i = 0; i < 3; i++) {
		asking_lease(&a, &places[i], MESSAGE_REFRESH, id, tokens[i]);
		assert_int_equal(message_type(a.answer.data), MESSAGE_REFRESHED);
	}
	a.now += 10 * SECOND;
	asking_lease(&a, &places[2], MESSAGE_REFRESH, id, tokens[2]);
	a.now += 6 * SECOND;
	rendezvous_expire(a.r, a.now); /* the one by UDP is over */
	assert_int_equal(asking_counts(&a).hosts, 1);
	a.now += 15 * SECOND;
	rendezvous_expire(a.r, a.now);
	assert_int_equal(asking_counts(&a).hosts, 0);
	asking_end(&a);
}

/* One attempt may be asked for by all transports: the host hears of each place. */
static void asks_by_each_transport(void **state)
{
	const uint8_t attempt[ID_SIZE] = {9};
	struct addr host = addr_v4(198, 51, 100, 1, 5000);
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE];
	struct asking a;

	(void)state;
	asking_begin(&a);
	enter(&a, &host, token);
	for (unsigned i = ADDR_UDP; i <= ADDR_TLS; i++) {
		const struct addr from = by((enum addr_transport)i);
		struct introduce_message m;
		const struct datagram *d;

		asking_cookie(&a, &from, cookie);
		a.local.transport = (uint8_t)i; /* as dialled */
		asking_ask(&a, &from, attempt, cookie, NULL);
		a.local.transport = ADDR_UDP;
		d = asking_to(&a, &host);
		assert_non_null(d);
		assert_true(introduce_decode(&m, d->data, d->len));
		assert_true(addr_equal(&m.guest, &from));
		assert_non_null(asking_to(&a, &from));
	}
	asking_end(&a);
}

static void answers_no_stun(void **state)
{
	const struct stun_question q = {.has_change = false};
	const struct addr tcp = by(ADDR_TCP);
	uint8_t bytes[64];
	size_t len = stun_write_question(bytes, &q, 0);
	struct asking a;

	(void)state;
	asking_begin(&a);
	assert_int_equal(asking_say(&a, &udp, bytes, len), VERDICT_CONSUMED);
	assert_int_equal(a.answers, 1);
	assert_int_equal(asking_say(&a, &tcp, bytes, len), VERDICT_DROP_UNKNOWN_TYPE);
	assert_int_equal(a.answers, 0);
	asking_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_serve_one_transport),
		cmocka_unit_test(registrations_serve_one_transport),
		cmocka_unit_test(goes_by_its_public_address),
		cmocka_unit_test(keeps_a_lease_of_each_kind),
		cmocka_unit_test(asks_by_each_transport),
		cmocka_unit_test(answers_no_stun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
