/* SPDX-License-Identifier: MIT */
/* Asking, introducing, answering, and how much goes back. */
#include "core/rendezvous.h"
#include "asking.h"

static const struct addr host = {
	.family = ADDR_V4, .port = 40000, .ip = {198, 51, 100, 10}};
static const struct addr guest = {
	.family = ADDR_V4, .port = 41000, .ip = {203, 0, 113, 20}};
static const struct addr other = {
	.family = ADDR_V4, .port = 41000, .ip = {203, 0, 113, 21}};
static const uint8_t attempt[ID_SIZE] = {0xa7};
static const uint8_t nothing[TOKEN_SIZE];

/* A host with a lease, and the guest's cookie. */
static void begin(
	struct asking *a, uint8_t token[TOKEN_SIZE], uint8_t cookie[COOKIE_SIZE])
{
	asking_begin(a);
	asking_register(a, &host, token);
	asking_cookie(a, &guest, cookie);
}

static enum verdict say_answer(struct asking *a, const uint8_t *id, uint8_t sequence,
	const uint8_t *payload, size_t len, const uint8_t token[TOKEN_SIZE])
{
	struct answer_message m = {
		.sequence = sequence, .payload = payload, .payload_len = len};
	uint8_t bytes[ANSWER_MAX];

	memcpy(m.service, a->credentials.service, sizeof(m.service));
	memcpy(m.instance, a->service.instance, INSTANCE_SIZE);
	return asking_say(a, &host, bytes, answer_encode(bytes, id, &m, token));
}

static void introduces_and_passes_answers(void **state)
{
	static const uint8_t payload[] = "sealed";
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE], code;
	struct introduce_message introduce;
	struct answered_message answered;
	const struct datagram *d;
	struct asking a;

	(void)state;
	begin(&a, token, cookie);
	assert_int_equal(asking_ask(&a, &guest, attempt, cookie, NULL), VERDICT_CONSUMED);
	assert_int_equal(a.answers, 3); /* two copies for the host */
	assert_int_equal(message_type(asking_to(&a, &guest)->data), MESSAGE_ASKED);
	d = asking_to(&a, &host);
	assert_int_equal(message_type(d->data), MESSAGE_INTRODUCE);
	assert_memory_equal(message_id(d->data), attempt, ID_SIZE);
	assert_true(message_mac_verify(d->data, d->len, token));
	assert_true(introduce_decode(&introduce, d->data, d->len));
	assert_true(addr_equal(&introduce.guest, &guest));
	assert_int_equal(introduce.payload_len, 100);
	assert_int_equal(introduce.payload[0], 0x0f);
	assert_int_equal(say_answer(&a, attempt, 0, payload, sizeof(payload), token),
		VERDICT_CONSUMED);
	assert_int_equal(a.answers, 3); /* two for the guest */
	d = asking_to(&a, &host);
	assert_int_equal(message_type(d->data), MESSAGE_ACK);
	assert_true(code_decode(&code, d->data, d->len) && code == 0);
	d = asking_to(&a, &guest);
	assert_int_equal(message_type(d->data), MESSAGE_ANSWERED);
	assert_true(answered_decode(&answered, d->data, d->len));
	assert_true(addr_equal(&answered.host, &host));
	assert_memory_equal(answered.instance, a.service.instance, INSTANCE_SIZE);
	assert_int_equal(answered.payload_len, sizeof(payload));
	assert_memory_equal(answered.payload, payload, sizeof(payload));
	/* Lost, the guest asks again: the host is not troubled, the answer comes again. */
	asking_ask(&a, &guest, attempt, cookie, NULL);
	assert_int_equal(a.answers, 2);
	assert_int_equal(message_type(asking_to(&a, &guest)->data), MESSAGE_ANSWERED);
	asking_end(&a);
}

/* What hosts are sent for one ask is paid for by it, however long its payload. */
static void asks_pay_for_introductions(void **state)
{
	static const uint8_t payload[PAYLOAD_MAX] = {1};
	struct ask_message m = {.payload = payload, .payload_len = sizeof(payload)};
	uint8_t token[TOKEN_SIZE], bytes[ASK_SIZE];
	size_t sent = 0;
	struct asking a;

	(void)state;
	begin(&a, token, m.cookie);
	m.dialled = a.local;
	memcpy(m.service, a.credentials.service, sizeof(m.service));
	ask_encode(bytes, attempt, &m, a.credentials.asking_seed);
	assert_int_equal(asking_say(&a, &guest, bytes, sizeof(bytes)), VERDICT_CONSUMED);
	for (unsigned i = 0; i < a.answers; i++)
		sent += addr_equal(&a.passed[i].path.remote, &host) ? a.passed[i].len : 0;
	assert_in_range(sent, 1, ASK_SIZE);
	asking_end(&a);
}

static void tokens_pay_for_later_asks(void **state)
{
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE], bought[TOKEN_SIZE];
	struct addr observed;
	struct asking a;

	(void)state;
	begin(&a, token, cookie);
	asking_ask(&a, &guest, attempt, cookie, NULL);
	assert_true(asked_decode(bought, &observed, asking_to(&a, &guest)->data,
		asking_to(&a, &guest)->len));
	assert_true(addr_equal(&observed, &guest));
	assert_int_equal(asking_counts(&a).signatures, 2);
	for (uint8_t i = 0; i < 5; i++) {
		const uint8_t next[ID_SIZE] = {i};

		assert_int_equal(
			asking_ask(&a, &guest, next, cookie, bought), VERDICT_CONSUMED);
		assert_int_equal(
			message_type(asking_to(&a, &host)->data), MESSAGE_INTRODUCE);
	}
	assert_int_equal(asking_counts(&a).signatures, 2);
	/* The host's own token buys no asking, nor the guest's elsewhere. */
	assert_int_equal(
		asking_ask(&a, &guest, attempt, cookie, token), VERDICT_DROP_STALE);
	asking_cookie(&a, &other, cookie);
	assert_int_equal(
		asking_ask(&a, &other, attempt, cookie, bought), VERDICT_DROP_STALE);
	asking_expect_refusal(&a, attempt, REFUSAL_STALE_COOKIE);
	asking_end(&a);
}

/* Says the same to a rendezvous where the service is, with another key, and to one where
 * it is not; the answers must be the same to the byte. */
static void says_alike(enum ask_proof proof, unsigned times)
{
	static const uint8_t payload[8] = {1};
	struct datagram answers[2];
	struct asking a;

	for (unsigned there = 0; there < 2; there++) {
		struct ask_message m = {.proof_kind = (uint8_t)proof,
			.payload = payload,
			.payload_len = 8};
		uint8_t token[TOKEN_SIZE], bytes[ASK_SIZE];
		const uint8_t wrong[32] = {9};
		size_t len;

		asking_begin(&a);
		if (there)
			asking_register(&a, &host, token);
		m.dialled = a.local;
		asking_cookie(&a, &guest, m.cookie);
		memcpy(m.service, a.credentials.service, sizeof(m.service));
		len = ask_encode(bytes, attempt, &m, wrong);
		for (unsigned i = 0; i < times; i++) {
			asking_say(&a, &guest, bytes, len);
			assert_int_equal(a.answers, 1);
		}
		answers[there] = a.answer;
		asking_end(&a);
	}
	assert_int_equal(answers[0].len, answers[1].len);
	assert_memory_equal(answers[0].data, answers[1].data, answers[0].len);
}

static void hides_whether_a_service_is_there(void **state)
{
	(void)state;
	says_alike(PROOF_SIGNATURE, 1);
}

static void hides_it_from_made_up_tokens(void **state)
{
	(void)state;
	says_alike(PROOF_TOKEN, 1);
}

/* Beyond the limit of signatures, too: 1,000 at once from one network. */
static void hides_it_under_load(void **state)
{
	(void)state;
	says_alike(PROOF_SIGNATURE, 1001);
}

static void a_wrong_key_reads_as_no_service(void **state)
{
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE];
	struct asking a;

	(void)state;
	begin(&a, token, cookie);
	a.credentials.asking_seed[0] ^= 1;
	assert_int_equal(asking_ask(&a, &guest, attempt, cookie, NULL), VERDICT_CONSUMED);
	asking_expect_refusal(&a, attempt, REFUSAL_NO_SERVICE);
	assert_int_equal(asking_counts(&a).attempts, 0);
	assert_int_equal(asking_counts(&a).introductions, 0);
	asking_end(&a);
}

static void asks_need_cookie_and_address(void **state)
{
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE];
	struct asking a;
	struct addr local;

	(void)state;
	begin(&a, token, cookie);
	assert_int_equal(
		asking_ask(&a, &other, attempt, cookie, NULL), VERDICT_DROP_STALE);
	asking_expect_refusal(&a, attempt, REFUSAL_STALE_COOKIE);
	local = a.local;
	a.local = addr_v4(192, 0, 2, 2, 3478);
	asking_ask(&a, &guest, attempt, cookie, NULL);
	assert_int_equal(message_type(asking_to(&a, &guest)->data), MESSAGE_ASKED);
	a.now = UINT64_C(1121000000000);
	asking_register(&a, &host, token);
	asking_ask(&a, &guest, attempt, cookie, NULL);
	asking_expect_refusal(&a, attempt, REFUSAL_STALE_COOKIE);
	a.local = local;
	asking_end(&a);
}

/* What goes to a guest is never more than its asks were, however much the hosts answer. */
static void answers_within_the_guests_credit(void **state)
{
	static const uint8_t payload[PAYLOAD_MAX] = {7};
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE];
	size_t asked = 0, passed = 0;
	unsigned full = 0;
	struct asking a;

	(void)state;
	begin(&a, token, cookie);
	for (unsigned i = 0; i < 40; i++) {
		if (i % 10 == 0) {
			asking_ask(&a, &guest, attempt, cookie, NULL);
			asked += ASK_SIZE;
			passed += asking_to(&a, &guest)->len;
			full += asking_to(&a, &guest)->len == ANSWERED_MAX;
		}
		assert_int_equal(say_answer(&a, attempt, (uint8_t)(1 + i), payload,
					 sizeof(payload), token),
			VERDICT_CONSUMED);
		assert_non_null(asking_to(&a, &host)); /* acknowledged all the same */
		if (asking_to(&a, &guest) != NULL) {
			assert_int_equal(asking_to(&a, &guest)->len, ANSWERED_MAX);
			passed += ANSWERED_MAX;
			full++;
		}
		assert_true(passed <= asked);
	}
	assert_int_equal(full, 4);
	asking_end(&a);
}

static void answers_are_news_once(void **state)
{
	static const uint8_t payload[4] = {7};
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE];
	struct asking a;

	(void)state;
	begin(&a, token, cookie);
	asking_ask(&a, &guest, attempt, cookie, NULL);
	say_answer(&a, attempt, 1, payload, 4, token);
	assert_non_null(asking_to(&a, &guest));
	say_answer(&a, attempt, 1, payload, 4, token);
	assert_null(asking_to(&a, &guest));
	say_answer(&a, attempt, 0, payload, 4, token);
	assert_null(asking_to(&a, &guest));
	say_answer(&a, attempt, 2, payload, 4, token);
	assert_non_null(asking_to(&a, &guest));
	assert_int_equal(asking_to(&a, &guest)->data[18 + 19 + 16], 2);
	/* To no attempt, or under no lease, nothing is passed. */
	say_answer(&a, (const uint8_t[ID_SIZE]){1}, 1, payload, 4, token);
	assert_int_equal(a.answers, 1);
	assert_int_equal(
		say_answer(&a, attempt, 3, payload, 4, nothing), VERDICT_DROP_FORGED);
	assert_int_equal(a.answers, 0);
	asking_end(&a);
}

/* Another's attempt cannot be taken over, nor can another service answer it. */
static void attempts_stay_with_their_guest(void **state)
{
	static const uint8_t payload[4] = {7};
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE];
	struct asking a;

	(void)state;
	begin(&a, token, cookie);
	asking_ask(&a, &guest, attempt, cookie, NULL);
	asking_cookie(&a, &other, cookie);
	asking_ask(&a, &other, attempt, cookie, NULL);
	asking_expect_refusal(&a, attempt, REFUSAL_BUSY);
	service_generate(&a.service, &a.config.entropy);
	credentials_of(&a.credentials, &a.service);
	asking_register(&a, &host, token);
	assert_int_equal(
		say_answer(&a, attempt, 9, payload, 4, token), VERDICT_DROP_FORGED);
	assert_int_equal(a.answers, 0);
	asking_end(&a);
}

static void forgets_attempts_after_30_seconds(void **state)
{
	uint8_t token[TOKEN_SIZE], cookie[COOKIE_SIZE];
	struct asking a;

	(void)state;
	begin(&a, token, cookie);
	asking_ask(&a, &guest, attempt, cookie, NULL);
	a.now = T0 + 10 * SECOND;
	asking_register(&a, &host, token);
	asking_ask(&a, &guest, attempt, cookie, NULL);
	a.now = T0 + 40 * SECOND - 1;
	rendezvous_expire(a.r, a.now);
	assert_int_equal(asking_counts(&a).attempts, 1);
	a.now = T0 + 40 * SECOND;
	rendezvous_expire(a.r, a.now);
	assert_int_equal(asking_counts(&a).attempts, 0);
	asking_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(introduces_and_passes_answers),
		cmocka_unit_test(asks_pay_for_introductions),
		cmocka_unit_test(tokens_pay_for_later_asks),
		cmocka_unit_test(a_wrong_key_reads_as_no_service),
		cmocka_unit_test(hides_whether_a_service_is_there),
		cmocka_unit_test(hides_it_from_made_up_tokens),
		cmocka_unit_test(hides_it_under_load),
		cmocka_unit_test(asks_need_cookie_and_address),
		cmocka_unit_test(answers_within_the_guests_credit),
		cmocka_unit_test(answers_are_news_once),
		cmocka_unit_test(attempts_stay_with_their_guest),
		cmocka_unit_test(forgets_attempts_after_30_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
