/* SPDX-License-Identifier: MIT */
/* A session whose peer is somewhere else: challenge, resume, the move, and how it is taken
 * back. All times are literals. */
#include "core/resume.h"
#include "ends.h"

#define CHACHA    CIPHER_CHACHA20_POLY1305
#define AT(s, ms) (UINT64_C(1000000000) * (s) + UINT64_C(1000000) * (ms))

/* The guest's new place as the host sees it, and others. */
static const struct path new_place = {
	.socket = 1, .remote = {.family = ADDR_V4, .port = 4001, .ip = {203, 0, 113, 7}}};
static const struct path other_port = {
	.socket = 1, .remote = {.family = ADDR_V4, .port = 4002, .ip = {203, 0, 113, 7}}};
static const struct path other_socket = {
	.socket = 2, .remote = {.family = ADDR_V4, .port = 4001, .ip = {203, 0, 113, 7}}};

static uint8_t sealed[128], challenge[CHALLENGE_SIZE], resume[RESUME_SIZE];
static struct heard heard;
static struct challenger challenger;

static size_t seal_one(struct end *from, uint64_t now)
{
	return session_seal(
		&from->session, 0, 0, 1, (const uint8_t *)"x", 1, sealed, now);
}

static void say(struct end *from, struct end *to, uint64_t now)
{
	size_t len = seal_one(from, now);

	assert_int_equal(end_hear(to, &heard, sealed, len, now), VERDICT_DELIVER);
}

static void start(struct ends *e, uint64_t now)
{
	static uint64_t random = 5;
	const struct entropy entropy = {end_fill, &random};

	ends_start(e, CHACHA, now);
	memcpy(e->guest.session.id, "session.", SESSION_ID_SIZE);
	memcpy(e->host.session.id, "session.", SESSION_ID_SIZE);
	challenger_init(&challenger, &entropy, now);
	/* No move is believed before the round trip is known. */
	e->guest.session.rtt = e->host.session.rtt = 1;
	say(&e->guest, &e->host, now);
	say(&e->host, &e->guest, now);
	end_drop(&e->guest);
	end_drop(&e->host);
}

/* The guest sends from the new place: challenge and resume are made. */
static void make_resume(struct ends *e, uint64_t now)
{
	size_t len = seal_one(&e->guest, now);

	assert_int_equal(
		challenge_make(&challenger, challenge, &new_place, sealed, len, now),
		CHALLENGE_SIZE);
	assert_true(challenge_is(challenge, CHALLENGE_SIZE));
	assert_true(challenge_means(&e->guest.session, challenge));
	assert_int_equal(
		resume_make(&e->guest.session, resume, challenge, now), RESUME_SIZE);
	assert_true(resume_is(resume, RESUME_SIZE));
}

static void a_resume_moves(void **state)
{
	struct datagram d;
	struct ends e;
	struct session *s = &e.host.session;
	struct path old;

	(void)state;
	start(&e, AT(60, 0));
	old = s->path;
	make_resume(&e, AT(61, 0));
	assert_memory_equal(resume_session_id(resume), "session.", SESSION_ID_SIZE);
	assert_true(resume_is_asked(&challenger, resume, &new_place, AT(61, 10)));
	assert_true(resume_open(s, resume, AT(61, 10)));
	session_answered(s, AT(61, 10));
	assert_false(session_is_on(s, &new_place, AT(61, 10)));
	session_move(s, &new_place, AT(61, 10));
	assert_true(session_is_on(s, &new_place, AT(61, 10)));
	assert_true(session_is_on(s, &old, UINT64_C(64009999999)));
	assert_false(session_is_on(s, &old, UINT64_C(64010000000)));
	assert_int_equal(s->counts.moves, 1);
	/* Both places are asked. */
	end_take(&e.host, &d);
	assert_true(addr_equal(&d.path.remote, &old.remote));
	end_take(&e.host, &d);
	assert_true(addr_equal(&d.path.remote, &new_place.remote));
	assert_int_equal(
		end_hear(&e.guest, &heard, d.data, d.len, AT(61, 10)), VERDICT_CONSUMED);
	assert_int_equal(heard.frame.type, CONTROL_PING);
	/* And what passes there is found out anew. */
	assert_int_equal(s->pmtu.largest, 1000);
	assert_int_equal(s->pmtu.round, 0);
	ends_stop(&e);
}

static void lays_both_out_as_drawn(void **state)
{
	struct ends e;
	struct crypto_aead *aead;
	uint8_t nothing[1], tag[8];

	(void)state;
	start(&e, AT(60, 0));
	session_current(&e.guest.session)->sent = 0xabcdef0;
	session_current(&e.guest.session)->reported = 0xabcdef0;
	make_resume(&e, AT(61, 0));
	assert_hex(challenge, 4, "c1 bcdef0");
	memcpy(tag, sealed + 5, 8); /* 4 of header, 1 of payload */
	assert_memory_equal(challenge + 4, tag, 8);
	assert_hex(resume, 20, "c2 00 0000 73657373696f6e2e 000000000abcdef1");
	assert_memory_equal(resume + 20, challenge + 12, 8);
	aead = crypto_aead_new(CHACHA, e.keys.to_host, false);
	assert_true(
		crypto_aead_open(aead, 0xabcdef1, resume, 28, resume + 28, 16, nothing));
	crypto_aead_free(aead);
	assert_int_equal(end_sent(&e.guest), 0xabcdef2); /* a counter of its own */
	ends_stop(&e);
}

static void a_cookie_is_for_one_place_and_short(void **state)
{
	struct ends e;

	(void)state;
	start(&e, AT(60, 0));
	make_resume(&e, UINT64_C(61000000000)); /* in the turn from 60 to 70 s */
	assert_false(resume_is_asked(&challenger, resume, &other_port, AT(61, 0)));
	assert_false(resume_is_asked(&challenger, resume, &other_socket, AT(61, 0)));
	assert_true(
		resume_is_asked(&challenger, resume, &new_place, UINT64_C(79999999999)));
	assert_false(
		resume_is_asked(&challenger, resume, &new_place, UINT64_C(80000000000)));
	for (unsigned bit = 0; bit < 64; bit++) {
		resume[20 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(resume_is_asked(&challenger, resume, &new_place, AT(61, 0)));
		resume[20 + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ends_stop(&e);
}

static void forged_and_repeated_resumes_do_not_open(void **state)
{
	struct ends e;
	struct session *s = &e.host.session;

	(void)state;
	start(&e, AT(60, 0));
	make_resume(&e, AT(61, 0));
	for (size_t bit = 0; bit < 8 * RESUME_SIZE; bit++) {
		resume[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(resume_open(s, resume, AT(61, 10)));
		resume[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(session_current(s)->replay.next, 1); /* nothing changed */
	assert_true(resume_open(s, resume, AT(61, 10)));
	assert_false(resume_open(s, resume, AT(61, 20)));
	/* Nor is it a frame, nor opens one's own. */
	assert_false(frame_is(resume, RESUME_SIZE));
	assert_false(resume_open(&e.guest.session, resume, AT(61, 20)));
	for (size_t len = 0; len < 64; len++) {
		assert_int_equal(resume_is(resume, len), len == RESUME_SIZE);
		assert_int_equal(challenge_is(challenge, len), len == CHALLENGE_SIZE);
	}
	ends_stop(&e);
}

/* A peer that moved was not heard where it was for a round trip; one that is heard there
 * did not move, whoever carried its challenge and answer about. */
static void is_refused_while_heard_within_half_a_round_trip(void **state)
{
	struct ends e;
	struct session *s = &e.host.session;

	(void)state;
	start(&e, AT(60, 0));
	s->rtt = 100000000;
	make_resume(&e, AT(61, 0));
	say(&e.guest, &e.host, AT(61, 50));
	assert_false(resume_open(s, resume, UINT64_C(61099999999)));
	assert_true(resume_open(s, resume, UINT64_C(61100000000)));
	ends_stop(&e);
}

/* Taking it back. */

static void a_newer_frame_from_the_old_place_takes_it_back(void **state)
{
	uint8_t older[32];
	struct ends e;
	struct session *s = &e.host.session;
	struct path old;

	(void)state;
	start(&e, AT(60, 0));
	old = s->path;
	seal_one(&e.guest, AT(61, 0));
	memcpy(older, sealed, 21);
	make_resume(&e, AT(61, 0));
	assert_true(resume_open(s, resume, AT(61, 10)));
	session_move(s, &new_place, AT(61, 10));
	end_drop(&e.host);
	/* One that was under way when the peer moved says nothing. */
	assert_int_equal(
		end_hear(&e.host, &heard, older, 21, AT(61, 11)), VERDICT_DELIVER);
	assert_false(heard.frame.newest);
	assert_false(session_moved_back(s, &old, &heard.frame, AT(61, 11)));
	/* Nor does a newer one from anywhere else. */
	say(&e.guest, &e.host, AT(61, 12));
	assert_true(heard.frame.newest);
	assert_false(session_moved_back(s, &new_place, &heard.frame, AT(61, 12)));
	assert_false(session_moved_back(s, &other_port, &heard.frame, AT(61, 12)));
	assert_true(addr_equal(&s->path.remote, &new_place.remote));
	assert_true(session_moved_back(s, &old, &heard.frame, AT(61, 12)));
	assert_true(addr_equal(&s->path.remote, &old.remote));
	assert_true(end_drop(&e.host) >= 1); /* it asks there */
	/* Frames do not move it there and back for ever. */
	say(&e.guest, &e.host, AT(61, 13));
	assert_false(session_moved_back(s, &new_place, &heard.frame, AT(61, 13)));
	assert_false(session_is_on(s, &new_place, AT(61, 13)));
	ends_stop(&e);
}

static void a_move_stands_after_three_seconds(void **state)
{
	struct ends e;
	struct session *s = &e.host.session;
	struct path old;

	(void)state;
	start(&e, AT(60, 0));
	old = s->path;
	session_move(s, &new_place, AT(61, 0));
	say(&e.guest, &e.host, UINT64_C(64000000000));
	assert_false(session_moved_back(s, &old, &heard.frame, UINT64_C(64000000000)));
	assert_true(addr_equal(&s->path.remote, &new_place.remote));
	ends_stop(&e);
}

/* Challenges. */

/* Who has sent millions since still knows every 64th frame of the last 4096, and all of the
 * last 64. */
static void knows_its_own_frames(void **state)
{
	static uint8_t frames[8192][24];
	struct ends e;

	(void)state;
	start(&e, AT(60, 0));
	session_current(&e.guest.session)->sent = 0;
	for (unsigned i = 0; i < 8192; i++) {
		seal_one(&e.guest, AT(60, 0));
		memcpy(frames[i], sealed, 21);
	}
	for (unsigned i = 0; i < 8192; i++) {
		bool known = i >= 8192 - 64 || (i % 64 == 0 && i >= 8192 - 4096);

		challenge[0] = 0xc1;
		memcpy(challenge + 1, frames[i] + 1, 3);
		memcpy(challenge + 4, frames[i] + 5, 8);
		assert_int_equal(challenge_means(&e.guest.session, challenge), known);
		challenge[4 + i % 8] ^= (uint8_t)(1 << i % 7);
		assert_false(challenge_means(&e.guest.session, challenge));
	}
	ends_stop(&e);
}

static unsigned challenges(
	const struct path *from, uint8_t low, unsigned tries, uint64_t now)
{
	uint8_t frame[21] = {0x40, 0, 0, low};
	unsigned count = 0;

	for (unsigned i = 0; i < tries; i++)
		count += challenge_make(&challenger, challenge, from, frame,
				 sizeof(frame), now) != 0;
	return count;
}

/* 10 a second for a network where the counter is a multiple of 64, 2 where it is not. */
static void challenges_are_limited(void **state)
{
	uint64_t random = 9;
	const struct entropy entropy = {end_fill, &random};
	struct path from = new_place;
	unsigned count = 0;

	(void)state;
	challenger_init(&challenger, &entropy, AT(60, 0));
	assert_int_equal(challenges(&new_place, 64, 100, AT(60, 0)), 10);
	assert_int_equal(challenges(&other_port, 64, 100, AT(60, 0)), 0);
	assert_int_equal(challenges(&new_place, 128, 100, AT(61, 0)), 10);
	assert_int_equal(challenges(&new_place, 1, 100, AT(62, 0)), 2);
	assert_int_equal(challenges(&new_place, 1, 100, AT(62, 500)), 1);
	challenger_init(&challenger, &entropy, AT(70, 0));
	for (unsigned i = 0; i < 2000; i++) {
		from.remote.ip[1] = (uint8_t)(i >> 8);
		from.remote.ip[2] = (uint8_t)i;
		count += challenges(&from, 0, 1, AT(70, 0));
	}
	assert_int_equal(count, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_resume_moves),
		cmocka_unit_test(lays_both_out_as_drawn),
		cmocka_unit_test(a_cookie_is_for_one_place_and_short),
		cmocka_unit_test(forged_and_repeated_resumes_do_not_open),
		cmocka_unit_test(is_refused_while_heard_within_half_a_round_trip),
		cmocka_unit_test(a_newer_frame_from_the_old_place_takes_it_back),
		cmocka_unit_test(a_move_stands_after_three_seconds),
		cmocka_unit_test(knows_its_own_frames),
		cmocka_unit_test(challenges_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
