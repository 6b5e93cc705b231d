/* SPDX-License-Identifier: MIT */
/* What one ask may cost others: no more bytes leave a rendezvous for it than it had, be it
 * to the hosts it is for or back to the asker; and all hosts hear of it all the same. */
#include "core/rendezvous.h"
#include "asking.h"

#define HOSTS 8

static const struct addr guest = {
	.family = ADDR_V4, .port = 41000, .ip = {203, 0, 113, 20}};

static struct addr host_at(unsigned i)
{
	return addr_v4(198, 51, 100, (uint8_t)(10 + i), 40000);
}

static void register_hosts(struct asking *a, uint8_t tokens[HOSTS][TOKEN_SIZE])
{
	for (unsigned i = 0; i < HOSTS; i++) {
		struct addr from = host_at(i);

		a->service.instance[0] = (uint8_t)i;
		asking_register(a, &from, tokens[i]);
	}
}

static void ask(
	struct asking *a, const uint8_t *attempt, const uint8_t *cookie, size_t len)
{
	static const uint8_t payload[PAYLOAD_MAX] = {0x0f};
	struct ask_message m = {
		.dialled = a->local, .payload = payload, .payload_len = len};
	uint8_t bytes[ASK_SIZE];

	memcpy(m.cookie, cookie, COOKIE_SIZE);
	memcpy(m.service, a->credentials.service, sizeof(m.service));
	assert_int_equal(
		asking_say(a, &guest, bytes,
			ask_encode(bytes, attempt, &m, a->credentials.asking_seed)),
		VERDICT_CONSUMED);
}

/* Bytes of the last answers that went to hosts; marks which. */
static size_t introduced(const struct asking *a, bool told[HOSTS])
{
	size_t bytes = 0;

	for (unsigned i = 0; i < a->answers; i++) {
		if (message_type(a->passed[i].data) != MESSAGE_INTRODUCE)
			continue;
		bytes += a->passed[i].len;
		told[a->passed[i].path.remote.ip[3] - 10] = true;
	}
	return bytes;
}

static unsigned count(const bool told[HOSTS])
{
	unsigned sum = 0;

	for (unsigned i = 0; i < HOSTS; i++)
		sum += told[i];
	return sum;
}

static void introductions_are_paid_by_the_ask(void **state)
{
	static const size_t lens[] = {0, 100, 247, 248, 420};
	uint8_t tokens[HOSTS][TOKEN_SIZE], cookie[COOKIE_SIZE];
	struct asking a;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		const uint8_t attempt[ID_SIZE] = {(uint8_t)(1 + i)};
		bool told[HOSTS] = {false};

		asking_begin(&a);
		register_hosts(&a, tokens);
		asking_cookie(&a, &guest, cookie);
		for (unsigned k = 1; k <= HOSTS; k++) {
			ask(&a, attempt, cookie, lens[i]);
			assert_in_range(introduced(&a, told), 1, ASK_SIZE);
			assert_true(count(told) >= k); /* one more at least */
		}
		asking_end(&a);
	}
}

/* A host that answered is told no more, so that the ask goes to those that did not. */
static void hosts_that_answered_are_left_alone(void **state)
{
	static const uint8_t attempt[ID_SIZE] = {9}, payload[100];
	struct answer_message m = {.payload = payload, .payload_len = sizeof(payload)};
	uint8_t tokens[HOSTS][TOKEN_SIZE], cookie[COOKIE_SIZE], bytes[ANSWER_MAX];
	bool told[HOSTS] = {false};
	struct asking a;

	(void)state;
	asking_begin(&a);
	register_hosts(&a, tokens);
	asking_cookie(&a, &guest, cookie);
	ask(&a, attempt, cookie, 100);
	memcpy(m.service, a.credentials.service, sizeof(m.service));
	memcpy(m.instance, a.service.instance, INSTANCE_SIZE);
	for (unsigned i = 0; i < 3; i++) {
		struct addr from = host_at(i);

		m.instance[0] = (uint8_t)i;
		asking_say(
			&a, &from, bytes, answer_encode(bytes, attempt, &m, tokens[i]));
	}
	for (unsigned k = 0; k < 8; k++)
		ask(&a, attempt, cookie, 100);
	for (unsigned k = 0; k < 8; k++) {
		ask(&a, attempt, cookie, 100);
		introduced(&a, told);
	}
	for (unsigned i = 0; i < HOSTS; i++)
		assert_int_equal(told[i], i >= 3);
	asking_end(&a);
}

/* However the answers come: what goes back was paid by asks before. */
static void answers_are_paid_by_asks(void **state)
{
	static const uint8_t attempt[ID_SIZE] = {9};
	static const uint8_t payload[PAYLOAD_MAX];
	struct answer_message m = {.payload = payload, .payload_len = sizeof(payload)};
	uint8_t tokens[HOSTS][TOKEN_SIZE], cookie[COOKIE_SIZE], bytes[ANSWER_MAX];
	size_t paid = 0, back = 0;
	struct asking a;

	(void)state;
	asking_begin(&a);
	a.saving = true;
	register_hosts(&a, tokens);
	asking_cookie(&a, &guest, cookie);
	memcpy(m.service, a.credentials.service, sizeof(m.service));
	memcpy(m.instance, a.service.instance, INSTANCE_SIZE);
	for (unsigned round = 0; round < 40; round++) {
		struct addr from = host_at(round % 4);

		if (round % 3 == 0) {
			ask(&a, attempt, cookie, 100);
			paid += ASK_SIZE;
		} else {
			m.instance[0] = (uint8_t)(round % 4);
			m.sequence = (uint8_t)(round / 4);
			asking_say(&a, &from, bytes,
				answer_encode(bytes, attempt, &m, tokens[round % 4]));
		}
		for (unsigned i = 0; i < a.answers; i++)
			if (addr_equal(&a.passed[i].path.remote, &guest))
				back += a.passed[i].len;
		assert_true(back <= paid);
	}
	assert_true(back > paid / 2); /* and it is used */
	asking_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(introductions_are_paid_by_the_ask),
		cmocka_unit_test(hosts_that_answered_are_left_alone),
		cmocka_unit_test(answers_are_paid_by_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
