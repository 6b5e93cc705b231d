/* SPDX-License-Identifier: MIT */
/* Idle sessions: they rest, wake for what comes, and many of them take little memory. */
#include "core/session.h"
#include "ends.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#define T0       (1000 * SECOND)
#define SESSIONS 10000
#define MOST     4096 /* bytes of one idle session */

static struct heard heard;

static void carry(struct end *from, struct end *to, uint64_t now)
{
	uint8_t sealed[FRAME_MAX];
	size_t size = session_seal(
		&from->session, 0, 0, 1, (const uint8_t *)"x", 1, sealed, now);

	assert_true(size > 0);
	assert_int_equal(end_hear(to, &heard, sealed, size, now), VERDICT_DELIVER);
}

static void rests_without_data_and_wakes_for_it(void **state)
{
	struct ends e;
	uint64_t now = T0;

	(void)state;
	ends_start(&e, CIPHER_AES_256_GCM, T0);
	carry(&e.guest, &e.host, now);
	(void)session_expire(&e.guest.session, now + SESSION_REST - 1);
	assert_false(e.guest.session.resting);
	now += SESSION_REST;
	(void)session_expire(&e.guest.session, now);
	(void)session_expire(&e.host.session, now);
	assert_true(e.guest.session.resting);
	assert_true(e.host.session.resting);
	(void)ends_pass(&e.guest, &e.host, now);
	(void)ends_pass(&e.host, &e.guest, now);
	session_ping(&e.guest.session, now);
	assert_int_equal(ends_pass(&e.guest, &e.host, now), 1);
	assert_int_equal(ends_pass(&e.host, &e.guest, now), 1);
	assert_true(e.guest.session.resting); /* control is no data */
	carry(&e.guest, &e.host, now);
	assert_false(e.guest.session.resting);
	assert_false(e.host.session.resting);
	carry(&e.host, &e.guest, now);
	ends_stop(&e);
}

/* A forged frame opens no more at a resting session than at another. */
static void resting_it_takes_no_forgery(void **state)
{
	uint8_t sealed[FRAME_MAX];
	struct ends e;
	size_t size;

	(void)state;
	ends_start(&e, CIPHER_CHACHA20_POLY1305, T0);
	session_rest(&e.host.session, true);
	size = session_seal(
		&e.guest.session, 0, 0, 1, (const uint8_t *)"x", 1, sealed, T0);
	sealed[size - 1] ^= 1;
	assert_int_equal(
		end_hear(&e.host, &heard, sealed, size, T0), VERDICT_DROP_FORGED);
	sealed[size - 1] ^= 1;
	assert_int_equal(end_hear(&e.host, &heard, sealed, size, T0), VERDICT_DELIVER);
	ends_stop(&e);
}

#if defined(__GLIBC__)
static void idle_ones_take_little_memory(void **state)
{
	struct session *sessions = calloc(SESSIONS, sizeof(*sessions));
	const struct path path = {.remote = addr_v4(198, 51, 100, 2, 4000)};
	struct noise_keys keys = {.to_host = {1}, .to_guest = {2}};
	struct ends e;
	size_t before, each;

	(void)state;
	assert_non_null(sessions);
	ends_start(&e, CIPHER_AES_256_GCM, T0);
	before = mallinfo2().uordblks;
	for (unsigned i = 0; i < SESSIONS; i++) {
		const struct entropy entropy = {end_fill, &e.host.random};

		assert_true(session_init(&sessions[i], &keys, CIPHER_AES_256_GCM, true,
			&path, &entropy, &e.host.timers, &e.host.outbox, &e.host.pool,
			T0));
		session_rest(&sessions[i], true);
	}
	each = sizeof(*sessions) + (mallinfo2().uordblks - before) / SESSIONS;
	print_message("%zu bytes for each of %d idle sessions\n", each, SESSIONS);
	assert_in_range(each, sizeof(*sessions), MOST);
	for (unsigned i = 0; i < SESSIONS; i++)
		session_fini(&sessions[i]);
	free(sessions);
	ends_stop(&e);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rests_without_data_and_wakes_for_it),
		cmocka_unit_test(resting_it_takes_no_forgery),
#if defined(__GLIBC__)
		cmocka_unit_test(idle_ones_take_little_memory),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
