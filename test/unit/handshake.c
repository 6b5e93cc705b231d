/* SPDX-License-Identifier: MIT */
/* The handshake's contexts, and new keys inside a session. */
#include "core/handshake.h"
#include "ends.h"

#define T0     (1000 * SECOND)
#define CHACHA CIPHER_CHACHA20_POLY1305

static struct ends e;
static struct credentials credentials;
static struct rekey_guest guest;
static struct rekey_host host;
static struct heard heard;
static uint8_t guest_static[32], guest_public[32], host_static[32], host_public[32];
static uint64_t seed;

static const struct entropy entropy = {end_fill, &seed};

static int begin(void **state)
{
	(void)state;
	seed = 20;
	ends_start(&e, CHACHA, T0);
	random_bytes(&seed, (uint8_t *)&credentials, sizeof(credentials));
	random_bytes(&seed, guest_static, 32);
	random_bytes(&seed, host_static, 32);
	crypto_x25519_public(guest_public, guest_static);
	crypto_x25519_public(host_public, host_static);
	memset(&guest, 0, sizeof(guest));
	memset(&host, 0, sizeof(host));
	return 0;
}

static int end(void **state)
{
	(void)state;
	ends_stop(&e);
	return 0;
}

/* Lets one end hear a datagram's payload. */
static enum verdict carry(struct end *from, struct end *to, uint64_t now)
{
	static const uint8_t payload[] = "payload";
	uint8_t sealed[64];
	size_t len = session_seal(
		&from->session, 0, 0, 1, payload, sizeof(payload), sealed, now);

	return len > 0 ? end_hear(to, &heard, sealed, len, now) : VERDICT_COUNT;
}

/* Both ends have used their keys since T0. */
static void use_keys(void)
{
	assert_int_equal(carry(&e.guest, &e.host, T0), VERDICT_DELIVER);
	assert_int_equal(carry(&e.host, &e.guest, T0), VERDICT_DELIVER);
	end_drop(&e.guest);
	end_drop(&e.host);
}

static void run_guest(uint64_t now)
{
	rekey_guest_run(&guest, &e.guest.session, &credentials, guest_static, host_public,
		&entropy, now);
}

/* Takes the one control frame that is there, and opens it at the other end. */
static void hear_control(
	struct end *from, struct end *to, enum control_type type, uint64_t now)
{
	struct datagram d;

	end_take(from, &d);
	assert_false(outbox_take(&from->outbox, &(struct datagram){.len = 0}));
	assert_int_equal(end_hear(to, &heard, d.data, d.len, now), VERDICT_CONSUMED);
	assert_int_equal(heard.frame.type, type);
}

static enum verdict host_takes(uint64_t now)
{
	struct bucket paid;

	bucket_init(&paid, 1, 1, now);
	return rekey_host_input(&host, &e.host.session, &heard.frame, &credentials,
		host_static, guest_public, &entropy, &paid, now);
}

static enum verdict guest_takes(uint64_t now)
{
	return rekey_guest_input(&guest, &e.guest.session, &heard.frame, now);
}

/* A whole rekey at now; the ping that ends it is heard as well. */
static void rekey(uint64_t now)
{
	run_guest(now);
	hear_control(&e.guest, &e.host, CONTROL_REKEY, now);
	assert_int_equal(host_takes(now), VERDICT_CONSUMED);
	hear_control(&e.host, &e.guest, CONTROL_REKEYED, now);
	assert_int_equal(guest_takes(now), VERDICT_CONSUMED);
	hear_control(&e.guest, &e.host, CONTROL_PING, now);
	end_drop(&e.host);
}

/* The handshake. */

/* Guest and host with those purposes and contexts; true if they agree. */
static bool agree(enum handshake_purpose for_guest, enum handshake_purpose for_host,
	uint8_t guest_context, uint8_t host_context, const struct credentials *hosts)
{
	const uint8_t one[HANDSHAKE_CONTEXT_SIZE] = {guest_context},
		      two[HANDSHAKE_CONTEXT_SIZE] = {host_context};
	uint8_t hello[HELLO_NOISE_SIZE], payload[HELLO_PAYLOAD_SIZE] = {7};
	uint8_t welcome[WELCOME_NOISE_SIZE];
	struct noise_keys guests_keys, hosts_keys;
	struct noise g, h;

	handshake_guest(
		&g, for_guest, one, &credentials, guest_static, host_public, &entropy);
	handshake_host(&h, for_host, two, hosts, host_static, &entropy);
	assert_true(noise_write_hello(&g, payload, sizeof(payload), hello));
	memset(payload, 0, sizeof(payload));
	if (!noise_read_hello(&h, hello, sizeof(hello), payload))
		return false;
	assert_int_equal(payload[0], 7);
	assert_memory_equal(h.peer_static, guest_public, 32);
	assert_true(noise_write_welcome(
		&h, payload, WELCOME_PAYLOAD_SIZE, welcome, &hosts_keys));
	assert_true(
		noise_read_welcome(&g, welcome, sizeof(welcome), payload, &guests_keys));
	assert_memory_equal(&guests_keys, &hosts_keys, sizeof(hosts_keys));
	return true;
}

/* What was said in one attempt, session or service is worth nothing in another. */
static void binds_purpose_context_and_service(void **state)
{
	const enum handshake_purpose attempt = HANDSHAKE_ATTEMPT, again = HANDSHAKE_REKEY;
	struct credentials other = credentials;

	(void)state;
	assert_true(agree(attempt, attempt, 1, 1, &credentials));
	assert_true(agree(again, again, 1, 1, &credentials));
	assert_false(agree(attempt, again, 1, 1, &credentials));
	assert_false(agree(again, attempt, 1, 1, &credentials));
	assert_false(agree(attempt, attempt, 1, 2, &credentials));
	other.service[0] ^= 1;
	assert_false(agree(attempt, attempt, 1, 1, &other));
	other = credentials;
	other.psk[31] ^= 1;
	assert_false(agree(attempt, attempt, 1, 1, &other));
}

static void makes_contexts_of_session_and_epoch(void **state)
{
	uint8_t context[HANDSHAKE_CONTEXT_SIZE];

	(void)state;
	memset(context, 0xff, sizeof(context));
	handshake_rekey_context(context, (const uint8_t *)"session.", 3);
	assert_hex(context, 16, "73657373696f6e2e 03 00000000000000");
}

/* New keys. */

static void begins_when_the_keys_are_old(void **state)
{
	(void)state;
	run_guest(T0 + 1000 * SECOND); /* were never used */
	assert_int_equal(end_drop(&e.guest), 0);
	use_keys();
	run_guest(T0 + 120 * SECOND - 1);
	assert_false(guest.live);
	assert_int_equal(end_drop(&e.guest), 0);
	run_guest(T0 + 120 * SECOND);
	assert_true(guest.live);
	assert_int_equal(end_drop(&e.guest), 1);
}

static void begins_after_2_to_the_26_frames(void **state)
{
	struct generation *g = session_current(&e.guest.session);

	(void)state;
	use_keys();
	g->sent = g->reported = (UINT64_C(1) << 26) - 1;
	run_guest(T0 + SECOND);
	assert_int_equal(end_drop(&e.guest), 0);
	g->sent++;
	run_guest(T0 + SECOND);
	assert_int_equal(end_drop(&e.guest), 1);
}

static void changes_the_keys_of_both(void **state)
{
	const uint64_t now = T0 + 120 * SECOND;

	(void)state;
	use_keys();
	run_guest(now);
	hear_control(&e.guest, &e.host, CONTROL_REKEY, now);
	assert_int_equal(heard.frame.code, 1);
	assert_int_equal(host_takes(now), VERDICT_CONSUMED);
	assert_int_equal(
		e.host.session.epoch, 0); /* not before the guest's first frame */
	hear_control(&e.host, &e.guest, CONTROL_REKEYED, now);
	assert_int_equal(guest_takes(now), VERDICT_CONSUMED);
	assert_int_equal(e.guest.session.epoch, 1);
	assert_false(guest.live);
	hear_control(&e.guest, &e.host, CONTROL_PING, now);
	assert_int_equal(e.host.session.epoch, 1);
	assert_int_equal(e.guest.session.counts.rekeys, 1);
	assert_int_equal(e.host.session.counts.rekeys, 1);
	assert_int_equal(carry(&e.guest, &e.host, now), VERDICT_DELIVER);
	assert_int_equal(carry(&e.host, &e.guest, now), VERDICT_DELIVER);
	end_drop(&e.guest);
	run_guest(now + SECOND); /* the new ones are young */
	assert_int_equal(end_drop(&e.guest), 0);
}

static void goes_round_all_epochs(void **state)
{
	uint64_t now = T0;

	(void)state;
	for (unsigned i = 1; i <= 9; i++) {
		assert_int_equal(carry(&e.guest, &e.host, now), VERDICT_DELIVER);
		assert_int_equal(carry(&e.host, &e.guest, now), VERDICT_DELIVER);
		end_drop(&e.guest);
		end_drop(&e.host);
		now += 120 * SECOND;
		rekey(now);
		assert_int_equal(e.guest.session.epoch, i % 4);
		assert_int_equal(e.host.session.epoch, i % 4);
	}
}

/* What is under way in the old keys is still opened for 10 s. */
static void opens_the_old_for_a_while(void **state)
{
	static const uint8_t payload[] = "late";
	const uint64_t now = T0 + 120 * SECOND;
	uint8_t early[64], late[64];
	size_t len;

	(void)state;
	use_keys();
	len = session_seal(&e.guest.session, 0, 0, 1, payload, 5, early, now);
	assert_int_equal(
		session_seal(&e.guest.session, 0, 0, 1, payload, 5, late, now), len);
	rekey(now);
	session_retire(&e.host.session, now + 10 * SECOND - 1);
	assert_int_equal(end_hear(&e.host, &heard, early, len, now), VERDICT_DELIVER);
	session_retire(&e.host.session, now + 10 * SECOND);
	assert_int_equal(end_hear(&e.host, &heard, late, len, now), VERDICT_DROP_FORGED);
}

/* Lost either way: the question comes again every 200 ms, with the same bytes, and gets
 * the same answer. */
static void repeats_until_answered(void **state)
{
	uint64_t now = T0 + 120 * SECOND;
	uint8_t hello[HELLO_NOISE_SIZE];

	(void)state;
	use_keys();
	run_guest(now);
	memcpy(hello, guest.message, sizeof(hello));
	assert_int_equal(end_drop(&e.guest), 1);
	run_guest(now + 200 * MILLISECOND - 1);
	assert_int_equal(end_drop(&e.guest), 0);
	for (unsigned i = 0; i < 3; i++) {
		uint8_t answer[WELCOME_NOISE_SIZE];

		now += 200 * MILLISECOND;
		run_guest(now);
		hear_control(&e.guest, &e.host, CONTROL_REKEY, now);
		assert_int_equal(heard.frame.len, sizeof(hello));
		assert_memory_equal(heard.frame.payload, hello, sizeof(hello));
		memcpy(answer, host.message, sizeof(answer));
		assert_int_equal(host_takes(now), VERDICT_CONSUMED);
		if (i > 0)
			assert_memory_equal(host.message, answer, sizeof(answer));
		assert_int_equal(e.host.session.counts.rekeys, 1);
		if (i < 2)
			assert_int_equal(end_drop(&e.host), 1);
	}
	hear_control(&e.host, &e.guest, CONTROL_REKEYED, now);
	assert_int_equal(guest_takes(now), VERDICT_CONSUMED);
	hear_control(&e.guest, &e.host, CONTROL_PING, now);
	assert_int_equal(e.host.session.epoch, 1);
}

/* A question that comes late, after the change, is answered as before and changes
 * nothing; an answer that comes again is not asked for. */
static void takes_repeats_after_the_change(void **state)
{
	const uint64_t now = T0 + 120 * SECOND;
	struct datagram first, second, answer;

	(void)state;
	use_keys();
	run_guest(now);
	end_take(&e.guest, &first);
	run_guest(now + 200 * MILLISECOND);
	end_take(&e.guest, &second);
	assert_int_equal(
		end_hear(&e.host, &heard, first.data, first.len, now), VERDICT_CONSUMED);
	assert_int_equal(host_takes(now), VERDICT_CONSUMED);
	end_take(&e.host, &answer);
	assert_int_equal(end_hear(&e.guest, &heard, answer.data, answer.len, now),
		VERDICT_CONSUMED);
	assert_int_equal(guest_takes(now), VERDICT_CONSUMED);
	assert_int_equal(guest_takes(now), VERDICT_DROP_UNSOLICITED);
	hear_control(&e.guest, &e.host, CONTROL_PING, now);
	end_drop(&e.host);
	assert_int_equal(end_hear(&e.host, &heard, second.data, second.len, now),
		VERDICT_CONSUMED);
	assert_int_equal(host_takes(now), VERDICT_CONSUMED);
	hear_control(&e.host, &e.guest, CONTROL_REKEYED, now);
	assert_int_equal(guest_takes(now), VERDICT_DROP_UNSOLICITED);
	assert_int_equal(e.guest.session.counts.rekeys, 1);
	assert_int_equal(e.host.session.counts.rekeys, 1);
	assert_int_equal(carry(&e.host, &e.guest, now), VERDICT_DELIVER);
}

/* The static key in the question must be that of the session: whoever stole its keys only
 * gets no new ones. */
static void refuses_another_identity(void **state)
{
	const uint64_t now = T0 + 120 * SECOND;
	uint8_t thief[32], mine[32];

	(void)state;
	use_keys();
	random_bytes(&seed, thief, 32);
	memcpy(mine, guest_static, 32);
	memcpy(guest_static, thief, 32);
	run_guest(now);
	memcpy(guest_static, mine, 32);
	hear_control(&e.guest, &e.host, CONTROL_REKEY, now);
	assert_int_equal(host_takes(now), VERDICT_DROP_FORGED);
	assert_int_equal(end_drop(&e.host), 0);
	assert_int_equal(e.host.session.counts.rekeys, 0);
	assert_false(host.live);
}

static void refuses_what_was_changed(void **state)
{
	const uint64_t now = T0 + 120 * SECOND;

	(void)state;
	use_keys();
	run_guest(now);
	hear_control(&e.guest, &e.host, CONTROL_REKEY, now);
	heard.frame.len--;
	assert_int_equal(host_takes(now), VERDICT_DROP_MALFORMED);
	heard.frame.len++;
	heard.frame.payload[40] ^= 1;
	assert_int_equal(host_takes(now), VERDICT_DROP_FORGED);
	heard.frame.payload[40] ^= 1;
	heard.frame.code = 2; /* the epoch after the next */
	assert_int_equal(host_takes(now), VERDICT_DROP_STALE);
	heard.frame.code = 0;
	assert_int_equal(host_takes(now), VERDICT_DROP_STALE);
	heard.frame.code = 1;
	assert_int_equal(host_takes(now), VERDICT_CONSUMED); /* none of it spoilt it */
	hear_control(&e.host, &e.guest, CONTROL_REKEYED, now);
	heard.frame.payload[40] ^= 1;
	assert_int_equal(guest_takes(now), VERDICT_DROP_FORGED);
	assert_true(guest.live);
	heard.frame.payload[40] ^= 1;
	heard.frame.code = 2;
	assert_int_equal(guest_takes(now), VERDICT_DROP_UNSOLICITED);
	heard.frame.code = 1;
	heard.frame.len--;
	assert_int_equal(guest_takes(now), VERDICT_DROP_UNSOLICITED);
	heard.frame.len++;
	assert_int_equal(guest_takes(now), VERDICT_CONSUMED);
}

/* Of another session, though between the same two. */
static void refuses_another_sessions(void **state)
{
	const uint64_t now = T0 + 120 * SECOND;

	(void)state;
	use_keys();
	e.host.session.id[0] ^= 1;
	run_guest(now);
	hear_control(&e.guest, &e.host, CONTROL_REKEY, now);
	assert_int_equal(host_takes(now), VERDICT_DROP_FORGED);
}

static void wipes_what_it_needs_no_more(void **state)
{
	static const uint8_t zeros[sizeof(guest)];

	(void)state;
	use_keys();
	rekey(T0 + 120 * SECOND);
	assert_memory_equal(&guest, zeros, sizeof(guest));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(binds_purpose_context_and_service),
		TEST(makes_contexts_of_session_and_epoch),
		TEST(begins_when_the_keys_are_old),
		TEST(begins_after_2_to_the_26_frames),
		TEST(changes_the_keys_of_both),
		TEST(goes_round_all_epochs),
		TEST(opens_the_old_for_a_while),
		TEST(repeats_until_answered),
		TEST(takes_repeats_after_the_change),
		TEST(refuses_another_identity),
		TEST(refuses_what_was_changed),
		TEST(refuses_another_sessions),
		TEST(wipes_what_it_needs_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
