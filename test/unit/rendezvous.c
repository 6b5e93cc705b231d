/* SPDX-License-Identifier: MIT */
/* Cookies, leases and limits; asking and answering are in rendezvous_ask.c. */
#include "core/rendezvous.h"
#include "asking.h"

static const struct addr host = {
	.family = ADDR_V4, .port = 40000, .ip = {198, 51, 100, 10}};
static const struct addr other = {
	.family = ADDR_V4, .port = 40000, .ip = {198, 51, 100, 11}};
static const uint8_t id[ID_SIZE] = {0x1d, 0x2d};

static void gives_cookies_by_address(void **state)
{
	uint8_t first[COOKIE_SIZE], again[COOKIE_SIZE], others[COOKIE_SIZE],
		ports[COOKIE_SIZE];
	struct addr port = host;
	struct asking a;

	(void)state;
	asking_begin(&a);
	port.port++;
	asking_cookie(&a, &host, first);
	asking_cookie(&a, &host, again);
	asking_cookie(&a, &other, others);
	asking_cookie(&a, &port, ports);
	assert_memory_equal(first, again, COOKIE_SIZE);
	assert_memory_not_equal(first, others, COOKIE_SIZE);
	assert_memory_not_equal(first, ports, COOKIE_SIZE);
	assert_int_equal(asking_counts(&a).services, 0); /* nothing is kept of it */
	assert_true(rendezvous_next_timeout(a.r) == NEVER);
	asking_end(&a);
}

static void answers_no_short_cookie_ask(void **state)
{
	uint8_t bytes[COOKIE_ASK_SIZE];
	struct asking a;

	(void)state;
	asking_begin(&a);
	cookie_ask_encode(bytes, id);
	for (size_t len = 0; len < COOKIE_ASK_SIZE; len++) {
		assert_int_equal(
			asking_say(&a, &host, bytes, len), VERDICT_DROP_MALFORMED);
		assert_int_equal(a.answers, 0);
	}
	asking_end(&a);
}

static void tells_its_further_ports(void **state)
{
	uint8_t bytes[COOKIE_ASK_SIZE];
	struct cookie_message m;
	struct asking a;

	(void)state;
	asking_init(&a);
	a.config.alt_base = 3500;
	a.config.alt_mask = 0x8001;
	asking_start(&a);
	asking_say(&a, &host, bytes, cookie_ask_encode(bytes, id));
	assert_true(cookie_decode(&m, a.answer.data, a.answer.len));
	assert_int_equal(m.alt_base, 3500);
	assert_int_equal(m.alt_mask, 0x8001);
	asking_end(&a);
}

/* Good for 120 s, and not before it was made. */
static void cookies_grow_stale(void **state)
{
	static const struct {
		uint64_t given, used;
		bool good;
	} table[] = {
		{UINT64_C(1000000000000), UINT64_C(1000000000000), true},
		{UINT64_C(1000000000000), UINT64_C(1120000000000), true},
		{UINT64_C(1000000000000), UINT64_C(1120001000000), false},
		{UINT64_C(1000000000000), UINT64_C(9000000000000), false},
		{UINT64_C(9000000000000), UINT64_C(9059000000000), true},
		{UINT64_C(9000000000000), UINT64_C(8999999000000), false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct register_message m;
		uint8_t cookie[COOKIE_SIZE];
		struct asking a;

		asking_begin(&a);
		a.now = table[i].given;
		asking_cookie(&a, &host, cookie);
		m = asking_registration(&a, cookie);
		a.now = table[i].used;
		assert_int_equal(asking_say_registration(&a, &host, &m),
			table[i].good ? VERDICT_CONSUMED : VERDICT_DROP_STALE);
		if (!table[i].good)
			asking_expect_refusal(
				&a, asking_register_id, REFUSAL_STALE_COOKIE);
		assert_int_equal(asking_counts(&a).hosts, table[i].good);
		assert_int_equal(asking_counts(&a).signatures, table[i].good);
		asking_end(&a);
	}
}

static void cookies_serve_their_address_only(void **state)
{
	struct register_message m;
	uint8_t cookie[COOKIE_SIZE];
	struct asking a;

	(void)state;
	asking_begin(&a);
	asking_cookie(&a, &host, cookie);
	m = asking_registration(&a, cookie);
	assert_int_equal(asking_say_registration(&a, &other, &m), VERDICT_DROP_STALE);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_STALE_COOKIE);
	cookie[0] ^= 1;
	m = asking_registration(&a, cookie);
	assert_int_equal(asking_say_registration(&a, &host, &m), VERDICT_DROP_STALE);
	assert_int_equal(asking_counts(&a).services, 0);
	asking_end(&a);
}

static void needs_the_services_signature(void **state)
{
	uint8_t cookie[COOKIE_SIZE], bytes[REGISTER_SIZE];
	struct register_message m;
	struct asking a;

	(void)state;
	asking_begin(&a);
	asking_cookie(&a, &host, cookie);
	m = asking_registration(&a, cookie);
	/* What is signed: everything. One bit of each field behind the cookie is enough. */
	static const size_t at[] = {
		34, 66, 98, 133, REGISTER_SIZE - 64, REGISTER_SIZE - 1};

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		register_encode(bytes, id, &m, a.service.seed);
		bytes[at[i]] ^= 1;
		assert_int_equal(
			asking_say(&a, &host, bytes, sizeof(bytes)), VERDICT_CONSUMED);
		asking_expect_refusal(&a, id, REFUSAL_BAD_SIGNATURE);
	}
	register_encode(bytes, id, &m, a.credentials.asking_seed); /* a ticket's holder */
	asking_say(&a, &host, bytes, sizeof(bytes));
	asking_expect_refusal(&a, id, REFUSAL_BAD_SIGNATURE);
	assert_int_equal(asking_counts(&a).signatures, 7);
	assert_int_equal(asking_counts(&a).services, 0);
	assert_int_equal(asking_say_registration(&a, &host, &m), VERDICT_CONSUMED);
	assert_int_equal(asking_counts(&a).services, 1);
	asking_end(&a);
}

/* Another rendezvous that passes a host's registration on: the host dialled that one. */
static void registrations_serve_where_they_were_dialled(void **state)
{
	uint8_t cookie[COOKIE_SIZE];
	struct register_message m;
	struct asking a;

	(void)state;
	asking_begin(&a);
	asking_cookie(&a, &host, cookie);
	m = asking_registration(&a, cookie);
	m.dialled = addr_v4(192, 0, 2, 2, 3478);
	asking_say_registration(&a, &host, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_WRONG_ADDRESS);
	m.dialled = addr_v4(192, 0, 2, 1, 3479);
	asking_say_registration(&a, &host, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_WRONG_ADDRESS);
	assert_int_equal(asking_counts(&a).signatures, 0);
	asking_end(&a);
	/* It goes by other addresses too, where it is told so. */
	asking_init(&a);
	a.config.publics[0] = addr_v4(192, 0, 2, 2, 0);
	a.config.publics[1] = addr_v4(192, 0, 2, 3, 99);
	a.config.public_count = 2;
	asking_start(&a);
	asking_cookie(&a, &host, cookie);
	m = asking_registration(&a, cookie);
	for (unsigned i = 0; i < 4; i++) {
		static const uint16_t ports[] = {3478, 3479, 99, 3478};

		m.dialled = addr_v4(192, 0, 2, i < 2 ? 2 : 3, ports[i]);
		asking_say_registration(&a, &host, &m);
		assert_int_equal(message_type(a.answer.data),
			i % 2 == 0 ? MESSAGE_REGISTERED : MESSAGE_ERROR);
	}
	asking_end(&a);
}

/* What a router forwards to it, at that very port, as long as it does. */
static void goes_by_its_mapped_address(void **state)
{
	const struct addr mapped = addr_v4(198, 51, 100, 9, 7000);
	uint8_t cookie[COOKIE_SIZE];
	struct register_message m;
	struct asking a;

	(void)state;
	asking_begin(&a);
	asking_cookie(&a, &host, cookie);
	m = asking_registration(&a, cookie);
	m.dialled = mapped;
	rendezvous_set_mapped(a.r, &mapped);
	asking_say_registration(&a, &host, &m);
	assert_int_equal(message_type(a.answer.data), MESSAGE_REGISTERED);
	m.dialled.port = 3478;
	asking_say_registration(&a, &host, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_WRONG_ADDRESS);
	rendezvous_set_mapped(a.r, NULL);
	m.dialled = mapped;
	asking_say_registration(&a, &host, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_WRONG_ADDRESS);
	asking_end(&a);
}

static void takes_any_address_behind_a_nat_of_its_own(void **state)
{
	uint8_t cookie[COOKIE_SIZE];
	struct register_message m;
	struct asking a;

	(void)state;
	asking_begin(&a);
	a.local = addr_v4(192, 168, 1, 2, 3478);
	asking_cookie(&a, &host, cookie);
	m = asking_registration(&a, cookie);
	m.dialled = addr_v4(192, 0, 2, 77, 3478);
	asking_say_registration(&a, &host, &m);
	assert_int_equal(message_type(a.answer.data), MESSAGE_REGISTERED);
	m.dialled = addr_v4(192, 0, 2, 77, 3479);
	asking_say_registration(&a, &host, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_WRONG_ADDRESS);
	asking_end(&a);
}

/* A host went on to another address: its registration at the first one, repeated by somebody
 * while its cookie is good, moves nothing back. */
static void a_repeated_registration_moves_nothing(void **state)
{
	uint8_t cookies[2][COOKIE_SIZE], token[TOKEN_SIZE];
	struct register_message first, second;
	struct registered_message answer;
	struct asking a;

	(void)state;
	asking_begin(&a);
	asking_cookie(&a, &host, cookies[0]);
	first = asking_registration(&a, cookies[0]);
	assert_int_equal(asking_say_registration(&a, &host, &first), VERDICT_CONSUMED);
	a.now += 200 * MILLISECOND;
	asking_cookie(&a, &other, cookies[1]);
	second = asking_registration(&a, cookies[1]);
	assert_int_equal(asking_say_registration(&a, &other, &second), VERDICT_CONSUMED);
	assert_true(registered_decode(&answer, a.answer.data, a.answer.len));
	memcpy(token, answer.token, TOKEN_SIZE);
	assert_int_equal(asking_say_registration(&a, &host, &first), VERDICT_DROP_STALE);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_STALE_COOKIE);
	asking_lease(&a, &other, MESSAGE_REFRESH, id, token);
	assert_int_equal(message_type(a.answer.data), MESSAGE_REFRESHED);
	asking_end(&a);
}

static void leases_live_by_refreshes(void **state)
{
	uint8_t token[TOKEN_SIZE];
	struct registered_message answer;
	struct asking a;

	(void)state;
	asking_begin(&a);
	asking_register(&a, &host, token);
	for (unsigned i = 1; i <= 10; i++) {
		a.now = T0 + i * 14 * SECOND;
		rendezvous_expire(a.r, a.now);
		assert_int_equal(asking_lease(&a, &host, MESSAGE_REFRESH, id, token),
			VERDICT_CONSUMED);
		assert_int_equal(message_type(a.answer.data), MESSAGE_REFRESHED);
		assert_memory_equal(message_id(a.answer.data), id, ID_SIZE);
		assert_true(registered_decode(&answer, a.answer.data, a.answer.len));
		assert_int_equal(answer.lease, 15);
		assert_true(addr_equal(&answer.observed, &host));
	}
	a.now = T0 + 154 * SECOND + 999999999;
	rendezvous_expire(a.r, a.now);
	assert_int_equal(asking_counts(&a).hosts, 1);
	a.now = T0 + 155 * SECOND;
	while (rendezvous_next_timeout(a.r) <= a.now)
		rendezvous_expire(a.r, a.now);
	assert_int_equal(asking_counts(&a).hosts, 0);
	assert_int_equal(asking_counts(&a).services, 0);
	assert_int_equal(asking_counts(&a).signatures, 1);
	assert_true(rendezvous_next_timeout(a.r) == NEVER);
	asking_end(&a);
}

/* A token is good for the 300 s it was made in and the next: each refresh brings the one of
 * now, and who goes on with an old one has lost the lease. */
static void tokens_turn_over(void **state)
{
	uint8_t first[TOKEN_SIZE], token[TOKEN_SIZE];
	struct registered_message answer;
	struct asking a;

	(void)state;
	asking_begin(&a); /* at 1000 s, in the turn from 900 to 1200 s */
	asking_register(&a, &host, first);
	memcpy(token, first, TOKEN_SIZE);
	for (a.now = UINT64_C(1010000000000); a.now < UINT64_C(1500000000000);
		a.now += UINT64_C(10000000000)) {
		rendezvous_expire(a.r, a.now);
		asking_lease(&a, &host, MESSAGE_REFRESH, id, first);
		assert_int_equal(message_type(a.answer.data), MESSAGE_REFRESHED);
		asking_lease(&a, &host, MESSAGE_REFRESH, id, token);
		assert_int_equal(message_type(a.answer.data), MESSAGE_REFRESHED);
		assert_true(registered_decode(&answer, a.answer.data, a.answer.len));
		assert_int_equal(memcmp(answer.token, first, TOKEN_SIZE) != 0,
			a.now >= UINT64_C(1200000000000));
		memcpy(token, answer.token, TOKEN_SIZE);
	}
	a.now = UINT64_C(1500000000000);
	asking_lease(&a, &host, MESSAGE_REFRESH, id, first);
	asking_expect_refusal(&a, id, REFUSAL_UNKNOWN_LEASE);
	asking_lease(&a, &host, MESSAGE_REFRESH, id, token);
	assert_int_equal(message_type(a.answer.data), MESSAGE_REFRESHED);
	assert_int_equal(asking_counts(&a).signatures, 1);
	asking_end(&a);
}

static void unknown_leases_hear_so(void **state)
{
	uint8_t token[TOKEN_SIZE];
	struct asking a;

	(void)state;
	asking_begin(&a);
	asking_register(&a, &host, token);
	/* From elsewhere, or under another token, it is not this lease. */
	assert_int_equal(
		asking_lease(&a, &other, MESSAGE_REFRESH, id, token), VERDICT_CONSUMED);
	asking_expect_refusal(&a, id, REFUSAL_UNKNOWN_LEASE);
	token[3] ^= 1;
	asking_lease(&a, &host, MESSAGE_REFRESH, id, token);
	asking_expect_refusal(&a, id, REFUSAL_UNKNOWN_LEASE);
	assert_int_equal(asking_lease(&a, &host, MESSAGE_UNREGISTER, id, token),
		VERDICT_DROP_FORGED);
	token[3] ^= 1;
	/* Restarted: it has other keys and no leases, and echoes the nonce. */
	rendezvous_free(a.r);
	asking_start(&a);
	asking_lease(&a, &host, MESSAGE_REFRESH, id, token);
	asking_expect_refusal(&a, id, REFUSAL_UNKNOWN_LEASE);
	asking_register(&a, &host, token);
	assert_int_equal(
		asking_lease(&a, &host, MESSAGE_UNREGISTER, id, token), VERDICT_CONSUMED);
	assert_int_equal(a.answers, 0);
	assert_int_equal(asking_counts(&a).hosts, 0);
	asking_lease(&a, &host, MESSAGE_REFRESH, id, token);
	asking_expect_refusal(&a, id, REFUSAL_UNKNOWN_LEASE);
	asking_end(&a);
}

/* The lease of an instance moves by a registration from there; the old address loses it. */
static void leases_move_by_registration(void **state)
{
	uint8_t token[2][TOKEN_SIZE];
	struct asking a;

	(void)state;
	asking_begin(&a);
	asking_register(&a, &host, token[0]);
	asking_register(&a, &other, token[1]);
	assert_int_equal(asking_counts(&a).hosts, 1);
	asking_lease(&a, &host, MESSAGE_REFRESH, id, token[0]);
	asking_expect_refusal(&a, id, REFUSAL_UNKNOWN_LEASE);
	assert_int_equal(asking_lease(&a, &host, MESSAGE_UNREGISTER, id, token[0]),
		VERDICT_DROP_FORGED);
	asking_lease(&a, &other, MESSAGE_REFRESH, id, token[1]);
	assert_int_equal(message_type(a.answer.data), MESSAGE_REFRESHED);
	asking_end(&a);
}

static void is_private_with_a_list(void **state)
{
	uint8_t cookie[COOKIE_SIZE], token[TOKEN_SIZE];
	struct register_message m;
	struct asking a;

	(void)state;
	asking_init(&a);
	a.config.private = true;
	asking_start(&a);
	asking_cookie(&a, &host, cookie);
	m = asking_registration(&a, cookie);
	asking_say_registration(&a, &host, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_NOT_ALLOWED);
	assert_int_equal(asking_counts(&a).signatures, 0);
	assert_true(rendezvous_allow(a.r, a.credentials.asking_public)); /* another */
	assert_true(rendezvous_allow(a.r, a.credentials.service));
	asking_register(&a, &host, token);
	rendezvous_forget_allowed(a.r);
	/* The lease stays until it runs out, and is not refreshed. */
	asking_lease(&a, &host, MESSAGE_REFRESH, id, token);
	asking_expect_refusal(&a, id, REFUSAL_NOT_ALLOWED);
	assert_int_equal(asking_counts(&a).hosts, 1);
	asking_say_registration(&a, &host, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_NOT_ALLOWED);
	asking_end(&a);
}

/* At the bound new services are refused, those that are there go on. */
static void refuses_when_full(void **state)
{
	uint8_t token[2][TOKEN_SIZE], cookie[COOKIE_SIZE];
	struct service first, second;
	struct register_message m;
	struct asking a;

	(void)state;
	asking_init(&a);
	a.config.services_max = 1;
	asking_start(&a);
	asking_register(&a, &host, token[0]);
	first = a.service;
	service_generate(&a.service, &a.config.entropy);
	credentials_of(&a.credentials, &a.service);
	second = a.service;
	asking_cookie(&a, &other, cookie);
	m = asking_registration(&a, cookie);
	asking_say_registration(&a, &other, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_FULL);
	a.service = first;
	credentials_of(&a.credentials, &a.service);
	asking_register(&a, &other, token[1]); /* moves */
	asking_lease(&a, &other, MESSAGE_UNREGISTER, id, token[1]);
	a.service = second;
	credentials_of(&a.credentials, &a.service);
	asking_say_registration(&a, &other, &m);
	assert_int_equal(message_type(a.answer.data), MESSAGE_REGISTERED);
	asking_end(&a);
}

static void holds_eight_hosts_of_a_service(void **state)
{
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE];
	struct register_message m;
	struct asking a;

	(void)state;
	asking_begin(&a);
	for (uint8_t i = 0; i < 8; i++) {
		a.service.instance[0] = i;
		asking_register(&a, &host, token);
	}
	a.service.instance[0] = 8;
	asking_cookie(&a, &host, cookie);
	m = asking_registration(&a, cookie);
	asking_say_registration(&a, &host, &m);
	asking_expect_refusal(&a, asking_register_id, REFUSAL_FULL);
	assert_int_equal(asking_counts(&a).hosts, 8);
	asking_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_cookies_by_address),
		cmocka_unit_test(answers_no_short_cookie_ask),
		cmocka_unit_test(tells_its_further_ports),
		cmocka_unit_test(cookies_grow_stale),
		cmocka_unit_test(cookies_serve_their_address_only),
		cmocka_unit_test(needs_the_services_signature),
		cmocka_unit_test(registrations_serve_where_they_were_dialled),
		cmocka_unit_test(goes_by_its_mapped_address),
		cmocka_unit_test(takes_any_address_behind_a_nat_of_its_own),
		cmocka_unit_test(a_repeated_registration_moves_nothing),
		cmocka_unit_test(leases_live_by_refreshes),
		cmocka_unit_test(tokens_turn_over),
		cmocka_unit_test(unknown_leases_hear_so),
		cmocka_unit_test(leases_move_by_registration),
		cmocka_unit_test(is_private_with_a_list),
		cmocka_unit_test(refuses_when_full),
		cmocka_unit_test(holds_eight_hosts_of_a_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
