/* SPDX-License-Identifier: MIT */
/* The rendezvous' limits: of attempts, of bare STUN, and what it answers nonsense with. */
#include "asking.h"

static const struct addr host = {
	.family = ADDR_V4, .port = 40000, .ip = {198, 51, 100, 10}};
static const struct addr guest = {
	.family = ADDR_V4, .port = 41000, .ip = {203, 0, 113, 20}};

static void bounds_attempts(void **state)
{
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE], bought[TOKEN_SIZE];
	struct addr observed;
	struct asking a;

	(void)state;
	asking_init(&a);
	a.config.attempts_max = 5;
	asking_start(&a);
	asking_register(&a, &host, token);
	asking_cookie(&a, &guest, cookie);
	for (uint8_t i = 0; i < 6; i++) {
		const uint8_t id[ID_SIZE] = {i};

		asking_ask(&a, &guest, id, cookie, i == 0 ? NULL : bought);
		if (i == 0)
			asked_decode(bought, &observed, asking_to(&a, &guest)->data,
				ASKED_SIZE);
		if (i == 5)
			asking_expect_refusal(&a, id, REFUSAL_BUSY);
	}
	assert_int_equal(asking_counts(&a).attempts, 5);
	asking_ask(&a, &guest, (const uint8_t[ID_SIZE]){2}, cookie, bought); /* goes on */
	assert_int_equal(message_type(asking_to(&a, &host)->data), MESSAGE_INTRODUCE);
	asking_end(&a);
}

/* With a host that has a token, and a guest that has a cookie. */
static void begin_limited(struct asking *a, uint32_t rate, uint32_t burst,
	uint8_t token[TOKEN_SIZE], uint8_t cookie[COOKIE_SIZE])
{
	asking_init(a);
	a->config.attempt_rate = rate;
	a->config.attempt_burst = burst;
	asking_start(a);
	asking_register(a, &host, token);
	asking_cookie(a, &guest, cookie);
}

/* 3 at once and 2 a second, of a network and of a service. */
static void limits_new_attempts(void **state)
{
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE], id[ID_SIZE] = {0};
	struct asking a;

	(void)state;
	begin_limited(&a, 2, 3, token, cookie);
	for (; id[0] < 3; id[0]++)
		asking_ask(&a, &guest, id, cookie, NULL);
	assert_int_equal(asking_counts(&a).attempts, 3);
	asking_ask(&a, &guest, id, cookie, NULL);
	asking_expect_refusal(&a, id, REFUSAL_BUSY);
	a.now += SECOND / 2;
	asking_ask(&a, &guest, id, cookie, NULL);
	assert_int_equal(asking_counts(&a).attempts, 4);
	id[1]++;
	asking_ask(&a, &guest, id, cookie, NULL);
	asking_expect_refusal(&a, id, REFUSAL_BUSY);
	asking_end(&a);
}

/* Operators hear of a limit at once, then at most once a minute, with how often it was met. */
static void tells_of_limits(void **state)
{
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE], id[ID_SIZE] = {0};
	struct event event;
	struct asking a;

	(void)state;
	begin_limited(&a, 1, 1, token, cookie);
	asking_ask(&a, &guest, id, cookie, NULL);
	assert_false(rendezvous_next_event(a.r, &event));
	for (id[0] = 1; id[0] < 10; id[0]++) {
		asking_ask(&a, &guest, id, cookie, NULL);
		assert_int_equal(rendezvous_next_event(a.r, &event), id[0] == 1);
	}
	assert_int_equal(event.type, EVENT_LIMIT_REACHED);
	assert_int_equal(event.number, 1);
	assert_string_equal(event.why, "guests ask more often than they may");
	assert_true(addr_equal(&event.addr, &guest));
	a.now += 60 * SECOND;
	asking_register(&a, &host, token);
	asking_cookie(&a, &guest, cookie);
	for (id[1] = 0; id[1] < 2; id[1]++)
		asking_ask(&a, &guest, id, cookie, NULL);
	assert_true(rendezvous_next_event(a.r, &event));
	assert_int_equal(event.number, 9);
	assert_false(rendezvous_next_event(a.r, &event));
	asking_end(&a);
}

static enum verdict say_stun(struct asking *a, const struct addr *from)
{
	static const uint8_t id[STUN_ID_SIZE] = {5};
	uint8_t bytes[STUN_REQUEST_SIZE];

	return asking_say(a, from, bytes, stun_write_request(bytes, id));
}

/* Bare STUN: 20 at once and 20 a second of a /24, fifty times that in all, or none. */
static void limits_stun(void **state)
{
	struct addr mapped, from = guest;
	uint8_t id[STUN_ID_SIZE];
	unsigned answered = 0;
	struct asking a;

	(void)state;
	asking_begin(&a);
	for (uint8_t i = 0; i < 20; i++) {
		from.ip[3] = i;
		assert_int_equal(say_stun(&a, &from), VERDICT_CONSUMED);
		assert_true(stun_read_response(a.answer.data, a.answer.len, id, &mapped));
		assert_true(addr_equal(&mapped, &from));
		assert_int_equal(a.answer.len, 32);
	}
	assert_int_equal(say_stun(&a, &from), VERDICT_DROP_LIMIT);
	assert_int_equal(a.answers, 0);
	a.now += SECOND / 20;
	assert_int_equal(say_stun(&a, &from), VERDICT_CONSUMED);
	assert_int_equal(say_stun(&a, &from), VERDICT_DROP_LIMIT);
	for (unsigned i = 0; i < 40000; i++) {
		from = addr_v4(20, (uint8_t)(i >> 8), (uint8_t)i, 1, 1);
		answered += say_stun(&a, &from) == VERDICT_CONSUMED;
	}
	assert_in_range(answered, 900, 1000);
	asking_end(&a);
	asking_init(&a);
	a.config.stun = false;
	asking_start(&a);
	assert_int_equal(say_stun(&a, &guest), VERDICT_DROP_NOT_ALLOWED);
	assert_int_equal(a.answers, 0);
	asking_end(&a);
}

static void tells_its_version(void **state)
{
	static const uint8_t types[] = {1, 3, 5, 8, 11, 14};
	struct asking a;

	(void)state;
	asking_begin(&a);
	for (unsigned i = 0; i < sizeof(types); i++) {
		uint8_t bytes[18] = {(uint8_t)(0x80 | types[i]), 2, 0xab, 0xcd};

		assert_int_equal(asking_say(&a, &guest, bytes, 18), VERDICT_DROP_VERSION);
		assert_int_equal(a.answers, 1);
		assert_hex(a.answer.data, a.answer.len,
			"9f01 abcd 0000 0000 0000 0000 0000 0000 0000");
	}
	/* Answers, and what is not for a rendezvous, are never answered. */
	for (unsigned type = 0; type < 64; type++) {
		uint8_t bytes[18] = {(uint8_t)(0x80 | type), 2};

		if (memchr(types, (int)type, sizeof(types)) != NULL)
			continue;
		assert_int_equal(
			asking_say(&a, &guest, bytes, 18), VERDICT_DROP_UNKNOWN_TYPE);
		assert_int_equal(a.answers, 0);
	}
	asking_end(&a);
}

/* Anything at all: it goes on, and answers nothing with more than it was asked. */
static void survives_noise(void **state)
{
	uint64_t random = random_start();
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE], bytes[700];
	struct asking a;

	(void)state;
	asking_begin(&a);
	asking_register(&a, &host, token);
	asking_cookie(&a, &guest, cookie);
	for (unsigned i = 0; i < 20000; i++) {
		size_t len = random_below(&random, sizeof(bytes));

		random_bytes(&random, bytes, len);
		if (len > 1 && i % 4 != 0) {
			bytes[0] = (uint8_t)(0x80 | random_below(&random, 20));
			bytes[1] = 1;
		}
		if (len > 40 && i % 3 == 0)
			memcpy(bytes + 18, cookie, COOKIE_SIZE);
		asking_say(&a, &guest, bytes, len);
	}
	assert_int_equal(asking_counts(&a).hosts, 1);
	assert_int_equal(asking_counts(&a).attempts, 0);
	asking_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_attempts),
		cmocka_unit_test(limits_new_attempts),
		cmocka_unit_test(tells_of_limits),
		cmocka_unit_test(limits_stun),
		cmocka_unit_test(tells_its_version),
		cmocka_unit_test(survives_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
