/* SPDX-License-Identifier: MIT */
/* A rendezvous and what a test says to it, one datagram at a time. */
#ifndef EYELET_TEST_UNIT_ASKING_H
#define EYELET_TEST_UNIT_ASKING_H

#include "core/message.h"
#include "core/rendezvous.h"
#include "core/stun.h"
#include "unit.h"

#define T0 (1000 * SECOND)

struct asking {
	struct rendezvous_config config;
	struct rendezvous *r;
	uint64_t random, now;
	struct addr local; /* where it was dialled */
	struct service service;
	struct credentials credentials;
	struct datagram answer;     /* the last */
	unsigned answers;           /* to the last question */
	struct datagram passed[16]; /* all of them */
	bool saving; /* the test counts itself what goes back for several questions */
	/* Sees each datagram that is said; may be NULL. */
	void (*said)(const struct addr *from, const uint8_t *bytes, size_t len);
};

static inline void asking_fill(void *arg, uint8_t *bytes, size_t len)
{
	random_bytes(arg, bytes, len);
}

static inline void asking_init(struct asking *a)
{
	*a = (struct asking){
		.random = 7, .now = T0, .local = addr_v4(192, 0, 2, 1, 3478)};
	rendezvous_config_init(&a->config);
	a->config.entropy = (struct entropy){asking_fill, &a->random};
	service_generate(&a->service, &a->config.entropy);
	credentials_of(&a->credentials, &a->service);
}

static inline void asking_start(struct asking *a)
{
	a->r = rendezvous_new(&a->config, a->now);
	assert_non_null(a->r);
}

static inline void asking_begin(struct asking *a)
{
	asking_init(a);
	asking_start(a);
}

static inline void asking_end(struct asking *a)
{
	rendezvous_free(a->r);
}

static inline struct rendezvous_counts asking_counts(const struct asking *a)
{
	struct rendezvous_counts counts;

	rendezvous_get_counts(a->r, &counts);
	return counts;
}

/* Says something from there; takes the answers. Each that goes back to the asker must not be
 * longer than what was said, the limited STUN answer aside. */
static inline enum verdict asking_say(
	struct asking *a, const struct addr *from, const uint8_t *bytes, size_t len)
{
	const struct path path = {.local = a->local, .remote = *from};
	uint8_t *exact = malloc(len ? len : 1); /* to have overreading noticed */
	enum verdict verdict;
	struct datagram d;
	size_t back = 0;

	if (a->said != NULL)
		a->said(from, bytes, len);
	memcpy(exact, bytes, len);
	verdict = rendezvous_input(a->r, &path, exact, len, a->now);
	free(exact);
	a->answers = 0;
	while (rendezvous_output(a->r, &d, a->now)) {
		assert_true(a->answers < 16);
		a->passed[a->answers++] = a->answer = d;
		if (!addr_equal(&d.path.remote, from))
			continue;
		back += d.len;
		assert_true(addr_equal(&d.path.local, &a->local));
	}
	if (!stun_is_message(bytes, len) && !a->saving)
		assert_true(back <= len);
	return verdict;
}

static inline void asking_cookie(
	struct asking *a, const struct addr *from, uint8_t cookie[COOKIE_SIZE])
{
	const uint8_t id[ID_SIZE] = {0xc0};
	uint8_t bytes[COOKIE_ASK_SIZE];
	struct cookie_message m;

	assert_int_equal(asking_say(a, from, bytes, cookie_ask_encode(bytes, id)),
		VERDICT_CONSUMED);
	assert_int_equal(a->answers, 1);
	assert_int_equal(message_type(a->answer.data), MESSAGE_COOKIE);
	assert_memory_equal(message_id(a->answer.data), id, ID_SIZE);
	assert_true(cookie_decode(&m, a->answer.data, a->answer.len));
	assert_true(addr_equal(&m.observed, from));
	memcpy(cookie, m.cookie, COOKIE_SIZE);
}

/* The last answer is an error with that code for that id. */
static inline void asking_expect_refusal(
	const struct asking *a, const uint8_t *id, enum refusal expected)
{
	uint8_t code;

	assert_int_equal(a->answers, 1);
	assert_int_equal(message_type(a->answer.data), MESSAGE_ERROR);
	assert_memory_equal(message_id(a->answer.data), id, ID_SIZE);
	assert_true(code_decode(&code, a->answer.data, a->answer.len));
	assert_int_equal(code, expected);
}

/* A registration from there, as yet with that cookie; the caller may change it. */
static inline struct register_message asking_registration(
	const struct asking *a, const uint8_t cookie[COOKIE_SIZE])
{
	struct register_message m = {.dialled = a->local};

	memcpy(m.cookie, cookie, COOKIE_SIZE);
	memcpy(m.service, a->credentials.service, sizeof(m.service));
	memcpy(m.asking, a->credentials.asking_public, sizeof(m.asking));
	memcpy(m.instance, a->service.instance, INSTANCE_SIZE);
	return m;
}

static const uint8_t asking_register_id[ID_SIZE] = {0x4e};

static inline enum verdict asking_say_registration(
	struct asking *a, const struct addr *from, const struct register_message *m)
{
	uint8_t bytes[REGISTER_SIZE];

	return asking_say(a, from, bytes,
		register_encode(bytes, asking_register_id, m, a->service.seed));
}

/* Registers from there; gives the token. */
static inline void asking_register(
	struct asking *a, const struct addr *from, uint8_t token[TOKEN_SIZE])
{
	uint8_t cookie[COOKIE_SIZE];
	struct register_message m;
	struct registered_message answer;

	asking_cookie(a, from, cookie);
	m = asking_registration(a, cookie);
	assert_int_equal(asking_say_registration(a, from, &m), VERDICT_CONSUMED);
	assert_int_equal(a->answers, 1);
	assert_int_equal(message_type(a->answer.data), MESSAGE_REGISTERED);
	assert_true(registered_decode(&answer, a->answer.data, a->answer.len));
	assert_int_equal(answer.lease, 15);
	assert_true(addr_equal(&answer.observed, from));
	memcpy(token, answer.token, TOKEN_SIZE);
}

/* A refresh or unregister under that token. */
static inline enum verdict asking_lease(struct asking *a, const struct addr *from,
	enum message_type type, const uint8_t *id, const uint8_t token[TOKEN_SIZE])
{
	uint8_t bytes[LEASE_MESSAGE_SIZE];
	struct lease_message m;

	memcpy(m.service, a->credentials.service, sizeof(m.service));
	memcpy(m.instance, a->service.instance, INSTANCE_SIZE);
	return asking_say(a, from, bytes, lease_encode(bytes, type, id, &m, token));
}

/* Asks from there; proof by seed, or by token if that is given. */
static inline enum verdict asking_ask(struct asking *a, const struct addr *from,
	const uint8_t *attempt, const uint8_t cookie[COOKIE_SIZE], const uint8_t *token)
{
	static const uint8_t payload[100] = {0x0f};
	struct ask_message m = {.dialled = a->local,
		.proof_kind = token != NULL,
		.payload = payload,
		.payload_len = sizeof(payload)};
	uint8_t bytes[ASK_SIZE];

	memcpy(m.cookie, cookie, COOKIE_SIZE);
	memcpy(m.service, a->credentials.service, sizeof(m.service));
	return asking_say(a, from, bytes,
		ask_encode(bytes, attempt, &m,
			token != NULL ? token : a->credentials.asking_seed));
}

/* Of the last answers, the one to that address. */
static inline const struct datagram *asking_to(
	const struct asking *a, const struct addr *remote)
{
	for (unsigned i = 0; i < a->answers; i++)
		if (addr_equal(&a->passed[i].path.remote, remote))
			return &a->passed[i];
	return NULL;
}

#endif
