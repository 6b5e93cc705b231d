/* SPDX-License-Identifier: MIT */
/* New keys inside a session: when they are wanted, made, gone over to and given up. All
 * times are literals. */
#include "core/handshake.h"
#include "ends.h"

#define CHACHA    CIPHER_CHACHA20_POLY1305
#define AT(s, ms) (UINT64_C(1000000000) * (s) + UINT64_C(1000000) * (ms))

/* Both ends with what a handshake takes. */
struct pair {
	struct ends e;
	struct service service;
	struct credentials credentials;
	uint8_t host_static[32], identity[32], identity_public[32];
	struct rekey_guest guest;
	struct rekey_host host;
	struct entropy entropy;
	struct bucket paid; /* for handshakes */
	uint64_t random;
};

static uint8_t sealed[256];
static struct heard heard;

static void pair_start(struct pair *p, uint64_t now)
{
	memset(p, 0, sizeof(*p));
	p->random = 11;
	bucket_init(&p->paid, 1000, 1000, now);
	p->entropy = (struct entropy){end_fill, &p->random};
	service_generate(&p->service, &p->entropy);
	credentials_of(&p->credentials, &p->service);
	crypto_x25519_public(p->host_static, p->service.host_static);
	p->identity[1] = 1;
	crypto_x25519_public(p->identity_public, p->identity);
	ends_start(&p->e, CHACHA, now);
	memcpy(p->e.guest.session.id, "session.", SESSION_ID_SIZE);
	memcpy(p->e.host.session.id, "session.", SESSION_ID_SIZE);
}

static void pair_stop(struct pair *p)
{
	ends_stop(&p->e);
}

static size_t seal_one(struct end *from, uint64_t now)
{
	return session_seal(
		&from->session, 0, 0, 1, (const uint8_t *)"x", 1, sealed, now);
}

static void say(struct end *from, struct end *to, uint64_t now)
{
	size_t len = seal_one(from, now);

	assert_int_equal(len, 21);
	assert_int_equal(end_hear(to, &heard, sealed, len, now), VERDICT_DELIVER);
}

static void guest_run(struct pair *p, uint64_t now)
{
	rekey_guest_run(&p->guest, &p->e.guest.session, &p->credentials, p->identity,
		p->host_static, &p->entropy, now);
}

static enum verdict host_take(struct pair *p, const struct frame *frame, uint64_t now)
{
	return rekey_host_input(&p->host, &p->e.host.session, frame, &p->credentials,
		p->service.host_static, p->identity_public, &p->entropy, &p->paid, now);
}

/* Hears one control datagram, and has the handshake take it if it is of that. */
static enum verdict hear(
	struct pair *p, bool at_host, const struct datagram *d, uint64_t now)
{
	enum verdict verdict = end_hear(
		at_host ? &p->e.host : &p->e.guest, &heard, d->data, d->len, now);

	if (verdict != VERDICT_CONSUMED || !heard.frame.control)
		return verdict;
	if (at_host && heard.frame.type == CONTROL_REKEY)
		return host_take(p, &heard.frame, now);
	if (!at_host && heard.frame.type == CONTROL_REKEYED)
		return rekey_guest_input(
			&p->guest, &p->e.guest.session, &heard.frame, now);
	return verdict;
}

static void exchange(struct pair *p, uint64_t now)
{
	struct datagram d;
	bool more = true;

	while (more) {
		more = false;
		for (unsigned at_host = 0; at_host < 2; at_host++)
			while (outbox_take(
				at_host ? &p->e.guest.outbox : &p->e.host.outbox, &d)) {
				assert_int_equal(
					hear(p, at_host, &d, now), VERDICT_CONSUMED);
				more = true;
			}
	}
}

/* Both have used the first keys at 60 s. */
static void settle(struct pair *p)
{
	pair_start(p, AT(60, 0));
	say(&p->e.guest, &p->e.host, AT(60, 0));
	say(&p->e.host, &p->e.guest, AT(60, 0));
	exchange(p, AT(60, 0));
}

/* When. */

static void wants_new_keys_after_120_s_of_use(void **state)
{
	struct pair p;
	struct session *s = &p.e.guest.session;

	(void)state;
	pair_start(&p, AT(60, 0));
	session_ping(s, AT(61, 0)); /* that is no use */
	exchange(&p, AT(61, 0));
	assert_false(session_wants_rekey(s, AT(10000, 0)));
	say(&p.e.guest, &p.e.host, AT(70, 0));
	say(&p.e.guest, &p.e.host, AT(90, 0));
	assert_false(session_wants_rekey(s, UINT64_C(189999999999)));
	assert_true(session_wants_rekey(s, UINT64_C(190000000000)));
	/* The timer wakes it then, whatever else there is to do. */
	while (timers_next(&p.e.guest.timers) < AT(190, 0)) {
		uint64_t at = timers_next(&p.e.guest.timers);

		assert_non_null(timers_pop(&p.e.guest.timers, at));
		session_answered(s, at);
		session_expire(s, at);
	}
	assert_int_equal(timers_next(&p.e.guest.timers), UINT64_C(190000000000));
	pair_stop(&p);
}

static void wants_new_keys_after_2_26_frames(void **state)
{
	struct pair p;
	struct session *s = &p.e.guest.session;

	(void)state;
	settle(&p);
	session_current(s)->sent = session_current(s)->reported = 67108863;
	session_current(&p.e.host.session)->replay.next = 67108863;
	assert_false(session_wants_rekey(s, AT(60, 0)));
	say(&p.e.guest, &p.e.host, AT(60, 0));
	assert_true(session_wants_rekey(s, AT(60, 0)));
	say(&p.e.guest, &p.e.host, AT(60, 0));
	assert_int_equal(timers_next(&p.e.guest.timers), AT(60, 0)); /* at once */
	guest_run(&p, AT(60, 0));
	exchange(&p, AT(60, 0));
	assert_int_equal(s->epoch, 1);
	assert_false(session_wants_rekey(s, AT(60, 0)));
	pair_stop(&p);
}

/* Frames in count as much as frames out, for a guest that only listens. */
static void wants_new_keys_for_what_only_comes_in(void **state)
{
	struct pair p;
	struct session *s = &p.e.guest.session;

	(void)state;
	pair_start(&p, AT(60, 0));
	say(&p.e.host, &p.e.guest, AT(60, 0));
	assert_false(session_wants_rekey(s, UINT64_C(179999999999)));
	assert_true(session_wants_rekey(s, UINT64_C(180000000000)));
	session_current(&p.e.host.session)->sent = 67108863;
	session_current(&p.e.host.session)->reported = 67108863;
	session_current(s)->replay.next = 67108863; /* it heard them all */
	say(&p.e.host, &p.e.guest, AT(61, 0));
	assert_true(session_wants_rekey(s, AT(61, 0)));
	pair_stop(&p);
}

/* The question is repeated every 200 ms, and is the same one. */
static void repeats_the_question(void **state)
{
	uint8_t message[HELLO_NOISE_SIZE];
	struct datagram d;
	struct pair p;

	(void)state;
	settle(&p);
	guest_run(&p, UINT64_C(179999999999));
	assert_int_equal(end_drop(&p.e.guest), 0);
	for (unsigned i = 0; i < 5; i++) {
		guest_run(&p, AT(180, 200 * i));
		end_take(&p.e.guest, &d);
		guest_run(&p, AT(180, 200 * i + 199));
		assert_int_equal(end_drop(&p.e.guest), 0);
		assert_int_equal(end_hear(&p.e.host, &heard, d.data, d.len, AT(180, 0)),
			VERDICT_CONSUMED);
		assert_int_equal(heard.frame.type, CONTROL_REKEY);
		assert_int_equal(heard.frame.code, 1);
		assert_int_equal(heard.frame.len, HELLO_NOISE_SIZE);
		if (i == 0)
			memcpy(message, heard.frame.payload, sizeof(message));
		assert_memory_equal(message, heard.frame.payload, sizeof(message));
	}
	pair_stop(&p);
}

/* How. */

static void the_host_goes_over_at_the_first_frame(void **state)
{
	struct datagram asks, answers, ping;
	struct pair p;

	(void)state;
	settle(&p);
	guest_run(&p, AT(180, 0));
	end_take(&p.e.guest, &asks);
	assert_int_equal(hear(&p, true, &asks, AT(180, 0)), VERDICT_CONSUMED);
	end_take(&p.e.host, &answers);
	assert_int_equal(answers.data[0] >> 4 & 3, 0); /* under the old keys */
	say(&p.e.host, &p.e.guest, AT(180, 10));
	assert_int_equal(sealed[0] >> 4 & 3, 0);
	assert_int_equal(p.e.host.session.epoch, 0);
	end_drop(&p.e.guest); /* a report */
	assert_int_equal(hear(&p, false, &answers, AT(180, 20)), VERDICT_CONSUMED);
	assert_int_equal(p.e.guest.session.epoch, 1);
	end_take(&p.e.guest, &ping);
	assert_int_equal(ping.data[0] >> 4 & 3, 1);
	say(&p.e.host, &p.e.guest, AT(180, 30)); /* it has not heard of that */
	assert_int_equal(sealed[0] >> 4 & 3, 0);
	assert_int_equal(hear(&p, true, &ping, AT(180, 40)), VERDICT_CONSUMED);
	assert_int_equal(p.e.host.session.epoch, 1);
	say(&p.e.host, &p.e.guest, AT(180, 50));
	assert_int_equal(sealed[0] >> 4 & 3, 1);
	say(&p.e.guest, &p.e.host, AT(180, 60));
	assert_int_equal(sealed[0] >> 4 & 3, 1);
	assert_int_equal(p.e.guest.session.counts.rekeys, 1);
	assert_int_equal(p.e.host.session.counts.rekeys, 1);
	pair_stop(&p);
}

/* One under way when the keys change still opens 10 s later, not longer; and only once. */
static void old_keys_open_for_10_s(void **state)
{
	uint8_t late[3][32];
	struct pair p;
	struct end *ends[2] = {&p.e.guest, &p.e.host};

	(void)state;
	for (unsigned up = 0; up < 2; up++) {
		struct end *from = ends[!up], *to = ends[up];

		settle(&p);
		for (unsigned i = 0; i < 3; i++) {
			seal_one(from, AT(179, 0));
			memcpy(late[i], sealed, 21);
		}
		guest_run(&p, AT(180, 0));
		exchange(&p, AT(180, 0));
		assert_int_equal(p.e.host.session.epoch, 1);
		assert_int_equal(
			end_hear(to, &heard, late[0], 21, AT(180, 1)), VERDICT_DELIVER);
		session_retire(&to->session, UINT64_C(189999999999));
		assert_int_equal(
			end_hear(to, &heard, late[1], 21, UINT64_C(189999999999)),
			VERDICT_DELIVER);
		assert_int_equal(
			end_hear(to, &heard, late[1], 21, UINT64_C(189999999999)),
			VERDICT_DROP_REPLAY);
		assert_in_range(timers_next(&to->timers), 0, UINT64_C(190000000000));
		session_retire(&to->session, UINT64_C(190000000000));
		assert_int_equal(
			end_hear(to, &heard, late[2], 21, UINT64_C(190000000000)),
			VERDICT_DROP_FORGED);
		pair_stop(&p);
	}
}

/* The answer was lost, so the question comes again: the answer is the same, and there is
 * one new generation. */
static void repeated_questions_are_answered_alike(void **state)
{
	uint8_t message[WELCOME_NOISE_SIZE];
	struct datagram d;
	struct pair p;

	(void)state;
	settle(&p);
	for (unsigned i = 0; i < 5; i++) {
		guest_run(&p, AT(180, 200 * i));
		end_take(&p.e.guest, &d);
		assert_int_equal(hear(&p, true, &d, AT(180, 200 * i)), VERDICT_CONSUMED);
		end_take(&p.e.host, &d);
		end_hear(&p.e.guest, &heard, d.data, d.len, AT(180, 200 * i));
		assert_int_equal(heard.frame.type, CONTROL_REKEYED);
		assert_int_equal(heard.frame.code, 1);
		assert_int_equal(heard.frame.len, WELCOME_NOISE_SIZE);
		if (i == 0)
			memcpy(message, heard.frame.payload, sizeof(message));
		assert_memory_equal(message, heard.frame.payload, sizeof(message));
	}
	assert_int_equal(p.e.host.session.counts.rekeys, 1);
	assert_int_equal(
		rekey_guest_input(&p.guest, &p.e.guest.session, &heard.frame, AT(181, 0)),
		VERDICT_CONSUMED);
	/* Once more is once too much. */
	assert_int_equal(
		rekey_guest_input(&p.guest, &p.e.guest.session, &heard.frame, AT(181, 0)),
		VERDICT_DROP_UNSOLICITED);
	exchange(&p, AT(181, 0));
	assert_int_equal(p.e.host.session.epoch, 1);
	say(&p.e.guest, &p.e.host, AT(181, 0));
	say(&p.e.host, &p.e.guest, AT(181, 0));
	pair_stop(&p);
}

static void refuses_what_is_not_the_sessions(void **state)
{
	static const uint8_t payload[HELLO_PAYLOAD_SIZE];
	uint8_t context[HANDSHAKE_CONTEXT_SIZE], message[HELLO_NOISE_SIZE], other[32];
	struct frame frame = {.control = true,
		.type = CONTROL_REKEY,
		.payload = message,
		.len = sizeof(message)};
	struct noise noise;
	struct pair p;

	(void)state;
	settle(&p);
	memset(other, 7, sizeof(other));
	for (unsigned i = 0; i < 4; i++) {
		/* another epoch, another guest, another session, another purpose */
		frame.code = i == 0 ? 2 : 1;
		handshake_rekey_context(
			context, i == 2 ? other : p.e.guest.session.id, frame.code);
		handshake_guest(&noise, i == 3 ? HANDSHAKE_ATTEMPT : HANDSHAKE_REKEY,
			context, &p.credentials, i == 1 ? other : p.identity,
			p.host_static, &p.entropy);
		assert_true(noise_write_hello(&noise, payload, sizeof(payload), message));
		assert_int_equal(host_take(&p, &frame, AT(180, 0)),
			i == 0 ? VERDICT_DROP_STALE : VERDICT_DROP_FORGED);
		frame.len--;
		assert_int_equal(
			host_take(&p, &frame, AT(180, 0)), VERDICT_DROP_MALFORMED);
		frame.len++;
		assert_int_equal(p.e.host.session.counts.rekeys, 0);
		assert_int_equal(end_drop(&p.e.host), 0);
	}
	guest_run(&p, AT(180, 0));
	exchange(&p, AT(180, 0));
	assert_int_equal(p.e.host.session.epoch, 1);
	pair_stop(&p);
}

/* Nonces. */

#define FRAMES_MAX 4096

/* Every frame that an end sealed: which generation of its, and its counter. Frames of one
 * plaintext look alike only under one key and one counter. */
struct record {
	uint8_t tags[FRAMES_MAX][CRYPTO_TAG_SIZE];
	uint64_t nonces[FRAMES_MAX]; /* generation << 32 | counter */
	unsigned count;
};

static void note(struct record *r, uint64_t generation, uint64_t counter)
{
	assert_true(r->count < FRAMES_MAX);
	memcpy(r->tags[r->count], sealed + 5, CRYPTO_TAG_SIZE);
	r->nonces[r->count++] = generation << 32 | counter;
}

static void expect_no_repeats(const struct record *r)
{
	for (unsigned i = 0; i < r->count; i++)
		for (unsigned k = 0; k < i; k++) {
			assert_true(r->nonces[i] != r->nonces[k]);
			assert_memory_not_equal(r->tags[i], r->tags[k], CRYPTO_TAG_SIZE);
		}
}

/* Through ten changes of keys, every epoch used more than twice: no two frames of an end
 * have a key and a counter in common, and each new generation counts from 0. */
static void uses_no_nonce_twice(void **state)
{
	static struct record up, down;
	uint64_t now = AT(60, 0), guest_first = 0;
	struct pair p;

	(void)state;
	pair_start(&p, now);
	for (unsigned turn = 0; turn <= 10; turn++) {
		assert_int_equal(p.e.guest.session.epoch, turn % 4);
		assert_int_equal(p.e.host.session.epoch, turn % 4);
		assert_in_range(end_sent(&p.e.guest), 0, 3);
		guest_first = end_sent(&p.e.guest);
		for (unsigned i = 0; i < 20; i++, now += AT(0, 10)) {
			uint64_t counter = end_sent(&p.e.guest);

			say(&p.e.guest, &p.e.host, now);
			note(&up, turn, counter);
			counter = end_sent(&p.e.host);
			say(&p.e.host, &p.e.guest, now);
			note(&down, turn, counter);
			exchange(&p, now);
		}
		assert_true(end_sent(&p.e.guest) >= guest_first + 20);
		now += AT(120, 0);
		session_retire(&p.e.guest.session, now);
		session_retire(&p.e.host.session, now);
		guest_run(&p, now);
		exchange(&p, now);
	}
	assert_int_equal(p.e.host.session.counts.rekeys, 11);
	expect_no_repeats(&up);
	expect_no_repeats(&down);
	pair_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wants_new_keys_after_120_s_of_use),
		cmocka_unit_test(wants_new_keys_after_2_26_frames),
		cmocka_unit_test(wants_new_keys_for_what_only_comes_in),
		cmocka_unit_test(repeats_the_question),
		cmocka_unit_test(the_host_goes_over_at_the_first_frame),
		cmocka_unit_test(old_keys_open_for_10_s),
		cmocka_unit_test(repeated_questions_are_answered_alike),
		cmocka_unit_test(refuses_what_is_not_the_sessions),
		cmocka_unit_test(uses_no_nonce_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
