/* SPDX-License-Identifier: MIT */
/* Challenges and resumes: their bytes, cookies, limits, and what moves no session. */
#include "core/resume.h"
#include "ends.h"

#define T0     (1000 * SECOND)
#define CHACHA CIPHER_CHACHA20_POLY1305

static struct ends e;
static struct challenger challenger;
static uint64_t seed;
static const struct path there = {
	.socket = 1, .remote = {.family = ADDR_V4, .port = 4000, .ip = {203, 0, 113, 1}}};

static const struct entropy entropy = {end_fill, &seed};

static int begin(void **state)
{
	(void)state;
	seed = 20;
	ends_start(&e, CHACHA, T0);
	memcpy(e.guest.session.id, "guest id", SESSION_ID_SIZE);
	memcpy(e.host.session.id, "guest id", SESSION_ID_SIZE);
	challenger_init(&challenger, &entropy, T0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ends_stop(&e);
	return 0;
}

/* Seals a short datagram at the guest and gives its frame; returns its length. */
static size_t seal(uint8_t *out)
{
	size_t len = session_seal(
		&e.guest.session, 0, 0, 1, (const uint8_t *)"payload", 7, out, T0);

	assert_int_equal(len, 27);
	return len;
}

static void challenge_about(uint8_t *out, const uint8_t *frame, size_t len, uint64_t now)
{
	assert_int_equal(challenge_make(&challenger, out, &there, frame, len, now),
		CHALLENGE_SIZE);
}

/* A resume of the guest's next counter, asked for by a true challenge at now. */
static void make_resume(uint8_t out[RESUME_SIZE], uint64_t now)
{
	uint8_t frame[64], challenge[CHALLENGE_SIZE];

	challenge_about(challenge, frame, seal(frame), now);
	assert_true(challenge_means(&e.guest.session, challenge));
	assert_int_equal(resume_make(&e.guest.session, out, challenge, now), RESUME_SIZE);
}

static void is_known_by_first_byte_and_length(void **state)
{
	uint8_t buf[RESUME_SIZE + 1] = {0};

	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		buf[0] = (uint8_t)first;
		assert_int_equal(challenge_is(buf, 20), first == 0xc1);
		assert_int_equal(resume_is(buf, 44), first == 0xc2);
	}
	buf[0] = 0xc1;
	assert_false(challenge_is(buf, 19));
	assert_false(challenge_is(buf, 21));
	assert_false(challenge_is(buf, 0));
	buf[0] = 0xc2;
	assert_false(resume_is(buf, 43));
	assert_false(resume_is(buf, 45));
}

static void lays_bytes_out_as_drawn(void **state)
{
	uint8_t frame[64], challenge[CHALLENGE_SIZE], resume[RESUME_SIZE], nothing[1];
	struct crypto_aead *aead = crypto_aead_new(CHACHA, e.keys.to_host, false);
	size_t len;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		len = seal(frame);
	challenge_about(challenge, frame, len, T0);
	assert_hex(challenge, 4, "c1 000002");
	assert_memory_equal(challenge + 4, frame + len - 16, 8);
	assert_int_equal(
		resume_make(&e.guest.session, resume, challenge, T0), RESUME_SIZE);
	assert_hex(resume, 4, "c2 00 0000");
	assert_memory_equal(resume + 4, "guest id", 8);
	assert_memory_equal(resume_session_id(resume), "guest id", 8);
	assert_hex(resume + 12, 8, "0000000000000003");
	assert_memory_equal(resume + 20, challenge + 12, 8); /* the cookie */
	assert_true(crypto_aead_open(aead, 3, resume, 28, resume + 28, 16, nothing));
	assert_int_equal(session_current(&e.guest.session)->sent, 4);
	crypto_aead_free(aead);
}

static void moves_by_a_true_answer(void **state)
{
	uint8_t resume[RESUME_SIZE];

	(void)state;
	make_resume(resume, T0);
	assert_true(resume_is_asked(&challenger, resume, &there, T0));
	assert_true(resume_open(&e.host.session, resume, T0));
}

static void opens_once_only(void **state)
{
	uint8_t resume[RESUME_SIZE];

	(void)state;
	make_resume(resume, T0);
	assert_true(resume_open(&e.host.session, resume, T0));
	assert_false(resume_open(&e.host.session, resume, T0));
	make_resume(resume, T0);
	assert_true(resume_open(&e.host.session, resume, T0));
}

/* It shares the counters of frames: neither stands in for the other. */
static void shares_counters_with_frames(void **state)
{
	uint8_t frame[64], resume[RESUME_SIZE];
	struct heard heard;
	size_t len;

	(void)state;
	make_resume(resume, T0); /* counters 0 and 1 */
	len = seal(frame);
	assert_int_equal(end_hear(&e.host, &heard, frame, len, T0), VERDICT_DELIVER);
	assert_true(resume_open(&e.host.session, resume, T0)); /* late is good */
	assert_false(resume_open(&e.host.session, resume, T0));
	assert_int_equal(end_hear(&e.host, &heard, frame, len, T0), VERDICT_DROP_REPLAY);
}

static void opens_nothing_that_was_changed(void **state)
{
	uint8_t resume[RESUME_SIZE], changed[RESUME_SIZE];

	(void)state;
	make_resume(resume, T0);
	for (size_t bit = 8; bit < 8 * RESUME_SIZE; bit++) {
		memcpy(changed, resume, sizeof(changed));
		changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(resume_open(&e.host.session, changed, T0));
	}
	assert_true(resume_open(&e.host.session, resume, T0)); /* and spoilt nothing */
}

/* The other end's own resume does not come back as one of ours. */
static void opens_no_reflection(void **state)
{
	uint8_t resume[RESUME_SIZE];

	(void)state;
	make_resume(resume, T0);
	assert_false(resume_open(&e.guest.session, resume, T0));
}

/* While the peer is heard where it was it has not moved; from half a round trip after its
 * last frame on it may have. */
static void is_not_believed_while_the_peer_is_heard(void **state)
{
	uint8_t resume[RESUME_SIZE];

	(void)state;
	e.host.session.rtt = 80 * MILLISECOND;
	session_answered(&e.host.session, T0 + SECOND);
	make_resume(resume, T0 + SECOND);
	assert_false(
		resume_open(&e.host.session, resume, T0 + SECOND + 40 * MILLISECOND - 1));
	assert_true(resume_open(&e.host.session, resume, T0 + SECOND + 40 * MILLISECOND));
}

static void wants_new_keys_in_the_end(void **state)
{
	(void)state;
	assert_true(resume_may(&e.guest.session, T0));
	session_current(&e.guest.session)->sent = SESSION_FRAMES_MAX;
	assert_false(resume_may(&e.guest.session, T0));
}

/* Cookies. */

static void knows_its_own_cookies(void **state)
{
	struct path elsewhere = there;
	struct challenger other;
	uint8_t resume[RESUME_SIZE];

	(void)state;
	make_resume(resume, T0);
	assert_true(resume_is_asked(&challenger, resume, &there, T0));
	elsewhere.remote.port++;
	assert_false(resume_is_asked(&challenger, resume, &elsewhere, T0));
	elsewhere = there;
	elsewhere.remote.ip[3]++;
	assert_false(resume_is_asked(&challenger, resume, &elsewhere, T0));
	elsewhere = there;
	elsewhere.socket++;
	assert_false(resume_is_asked(&challenger, resume, &elsewhere, T0));
	elsewhere = there;
	elsewhere.ifindex = 5; /* what the kernel says of it may change */
	assert_true(resume_is_asked(&challenger, resume, &elsewhere, T0));
	challenger_init(&other, &entropy, T0);
	assert_false(resume_is_asked(&other, resume, &there, T0));
}

static void lets_cookies_go_stale(void **state)
{
	uint8_t early[RESUME_SIZE], late[RESUME_SIZE];

	(void)state;
	make_resume(early, T0); /* a turn of 10 s begins */
	make_resume(late, T0 + 9 * SECOND);
	assert_true(resume_is_asked(&challenger, early, &there, T0 + 20 * SECOND - 1));
	assert_false(resume_is_asked(&challenger, early, &there, T0 + 20 * SECOND));
	assert_true(resume_is_asked(&challenger, late, &there, T0 + 20 * SECOND - 1));
	assert_false(resume_is_asked(&challenger, late, &there, T0 + 20 * SECOND));
	assert_false(resume_is_asked(&challenger, early, &there, T0 - 1));
}

static void works_from_the_clocks_first_second(void **state)
{
	uint8_t resume[RESUME_SIZE];

	(void)state;
	challenger_init(&challenger, &entropy, 0);
	make_resume(resume, 0);
	assert_true(resume_is_asked(&challenger, resume, &there, 0));
	assert_true(resume_is_asked(&challenger, resume, &there, 10 * SECOND));
}

/* Limits. */

static unsigned challenges(
	uint32_t counter, const struct path *path, unsigned asks, uint64_t now)
{
	const uint8_t frame[20] = {0x40, (uint8_t)(counter >> 16),
		(uint8_t)(counter >> 8), (uint8_t)counter};
	uint8_t out[CHALLENGE_SIZE];
	unsigned count = 0;

	for (unsigned i = 0; i < asks; i++)
		count += challenge_make(&challenger, out, path, frame, 20, now) > 0;
	return count;
}

static void limits_challenges_by_network(void **state)
{
	struct path neighbour = there, other = there;

	(void)state;
	neighbour.remote.ip[3] = 200;
	neighbour.remote.port = 9;
	other.remote.ip[2]++;
	assert_int_equal(challenges(64, &there, 30, T0), 10);
	assert_int_equal(challenges(64, &neighbour, 5, T0), 0);
	assert_int_equal(challenges(64, &other, 30, T0), 10);
	assert_int_equal(challenges(64, &there, 5, T0 + 100 * MILLISECOND - 1), 0);
	assert_int_equal(challenges(64, &there, 5, T0 + 100 * MILLISECOND), 1);
	assert_int_equal(challenges(64, &there, 30, T0 + 10 * SECOND), 10);
}

/* All guests behind one relay come from its address. */
static void limits_challenges_by_channel(void **state)
{
	struct path one = there, other = there, next = there;

	(void)state;
	one.channel = 1;
	other.channel = next.channel = 2;
	next.remote.ip[3]++;
	assert_int_equal(challenges(64, &one, 30, T0), 10);
	assert_int_equal(challenges(64, &other, 30, T0), 10);
	assert_int_equal(challenges(64, &there, 30, T0), 10);
	assert_int_equal(challenges(64, &next, 5, T0), 0);
}

/* Tags of every 64th counter are kept for long, so those are asked about first. */
static void prefers_counters_whose_tags_are_kept(void **state)
{
	(void)state;
	assert_int_equal(challenges(1, &there, 30, T0), 2);
	assert_int_equal(challenges(1, &there, 30, T0 + 499 * MILLISECOND), 0);
	assert_int_equal(challenges(0, &there, 30, T0 + 499 * MILLISECOND), 4);
	assert_int_equal(challenges(128, &there, 30, T0 + 10 * SECOND), 10);
}

static void limits_challenges_in_all(void **state)
{
	struct path path = there;
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		path.remote.ip[1] = (uint8_t)(i >> 8);
		path.remote.ip[2] = (uint8_t)i;
		count += challenges(0, &path, 1, T0);
	}
	assert_int_equal(count, 1000);
}

/* Tags. */

/* Sends frames until the next counter is `until`, keeping the challenge about one. */
static void send_until(uint64_t until, uint64_t kept, uint8_t challenge[CHALLENGE_SIZE])
{
	uint8_t frame[64];

	while (session_current(&e.guest.session)->sent < until) {
		uint64_t counter = session_current(&e.guest.session)->sent;
		size_t len = seal(frame);

		if (counter != kept)
			continue;
		challenge[0] = 0xc1;
		memcpy(challenge + 1, frame + 1, 3);
		memcpy(challenge + 4, frame + len - 16, 8);
	}
}

static bool known_after(uint64_t kept, uint64_t sent)
{
	uint8_t challenge[CHALLENGE_SIZE] = {0};

	(void)end(NULL);
	(void)begin(NULL);
	send_until(sent, kept, challenge);
	assert_int_equal(challenge[0], 0xc1);
	return challenge_means(&e.guest.session, challenge);
}

static void knows_the_last_64_frames(void **state)
{
	(void)state;
	assert_true(known_after(1, 2));
	assert_true(known_after(1, 65));
	assert_false(known_after(1, 66));
	assert_true(known_after(63, 127));
	assert_false(known_after(63, 128));
}

/* At 4,096 frames in a round trip, one in 64 is still known. */
static void knows_every_64th_frame_for_long(void **state)
{
	(void)state;
	assert_true(known_after(64, 2000));
	assert_true(known_after(0, 4096));
	assert_false(known_after(0, 4097));
	assert_true(known_after(64, 4160));
	assert_false(known_after(64, 4161));
	assert_false(known_after(65, 2000));
}

/* The frame's header has 24 bits of the counter; that is enough far beyond them. */
static void knows_frames_of_far_counters(void **state)
{
	const uint64_t far = (UINT64_C(1) << 24) * 5 + 4095;
	uint8_t near[CHALLENGE_SIZE] = {0}, sparse[CHALLENGE_SIZE] = {0};
	struct generation *g = session_current(&e.guest.session);

	(void)state;
	g->sent = g->reported = far;
	send_until(far + 2, far + 1, sparse); /* its low bits are ..1000 */
	assert_int_equal(sparse[3], 0);
	send_until(far + 1000, far + 990, near);
	assert_true(challenge_means(&e.guest.session, sparse));
	assert_true(challenge_means(&e.guest.session, near));
	send_until(far + 1100, NEVER, near);
	assert_true(challenge_means(&e.guest.session, sparse));
	assert_false(challenge_means(&e.guest.session, near));
}

static void knows_no_frame_of_others(void **state)
{
	uint8_t challenge[CHALLENGE_SIZE] = {0};

	(void)state;
	send_until(100, 70, challenge);
	assert_true(challenge_means(&e.guest.session, challenge));
	assert_false(challenge_means(&e.host.session, challenge));
	for (unsigned bit = 32; bit < 96; bit++) {
		challenge[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(challenge_means(&e.guest.session, challenge));
		challenge[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	challenge[3] = 71;
	assert_false(challenge_means(&e.guest.session, challenge));
}

/* Places for tags that no frame has filled yet mean nobody. */
static void knows_no_frame_before_the_first(void **state)
{
	uint8_t challenge[CHALLENGE_SIZE] = {0xc1, 0, 0, 5};

	(void)state;
	assert_false(challenge_means(&e.guest.session, challenge));
	send_until(100, NEVER, challenge);
	challenge[2] = 2; /* counter 512: of every 64th, and not sent */
	challenge[3] = 0;
	assert_false(challenge_means(&e.guest.session, challenge));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_known_by_first_byte_and_length),
		TEST(lays_bytes_out_as_drawn),
		TEST(moves_by_a_true_answer),
		TEST(opens_once_only),
		TEST(shares_counters_with_frames),
		TEST(opens_nothing_that_was_changed),
		TEST(opens_no_reflection),
		TEST(is_not_believed_while_the_peer_is_heard),
		TEST(wants_new_keys_in_the_end),
		TEST(knows_its_own_cookies),
		TEST(lets_cookies_go_stale),
		TEST(works_from_the_clocks_first_second),
		TEST(limits_challenges_by_network),
		TEST(limits_challenges_by_channel),
		TEST(prefers_counters_whose_tags_are_kept),
		TEST(limits_challenges_in_all),
		TEST(knows_the_last_64_frames),
		TEST(knows_every_64th_frame_for_long),
		TEST(knows_frames_of_far_counters),
		TEST(knows_no_frame_of_others),
		TEST(knows_no_frame_before_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
