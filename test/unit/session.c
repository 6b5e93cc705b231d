/* SPDX-License-Identifier: MIT */
/* Frames: what goes in at one end comes out at the other, once and unchanged. Times and
 * counters' limits are in session_times.c, forgeries in
 * session_hostile.c. */
#include "core/session.h"
#include "ends.h"

#define T0     (1000 * SECOND)
#define CHACHA CIPHER_CHACHA20_POLY1305

static uint8_t pattern[2 * 65536];
static struct heard heard;

static int fill_pattern(void **state)
{
	uint64_t random = 1;

	(void)state;
	random_bytes(&random, pattern, sizeof(pattern));
	return 0;
}

/* Sends one datagram in as many frames as it takes; returns the verdict on the last. */
static enum verdict carry(struct end *from, struct end *to, uint16_t flow,
	const uint8_t *payload, size_t len, uint64_t now)
{
	static uint8_t sealed[FRAME_MAX];
	enum verdict verdict = VERDICT_COUNT;
	unsigned parts = session_parts(len);

	for (unsigned i = 0; i < parts; i++) {
		size_t size =
			session_seal(&from->session, flow, i, payload, len, sealed, now);

		assert_in_range(size, FRAME_OVERHEAD, 65507);
		verdict = end_hear(to, &heard, sealed, size, now);
		if (i + 1 < parts)
			assert_int_equal(verdict, VERDICT_CONSUMED);
	}
	return verdict;
}

static void expect_payload(uint16_t flow, const uint8_t *payload, size_t len)
{
	assert_false(heard.frame.control);
	assert_int_equal(heard.frame.flow, flow);
	assert_int_equal(heard.frame.len, len);
	assert_memory_equal(heard.frame.payload, payload, len);
}

/* Fresh ends every so often: no report comes to hold the sender's limit off. */
static void carry_sizes(
	enum cipher cipher, size_t first, size_t last, size_t step, bool up)
{
	struct ends e;
	struct end *from = up ? &e.guest : &e.host, *to = up ? &e.host : &e.guest;

	ends_start(&e, cipher, T0);
	for (size_t len = first; len <= last; len += step) {
		const uint8_t *payload = pattern + len % 977;
		uint16_t flow = (uint16_t)(len % 3 == 0 ? 0 : len);

		assert_int_equal(
			carry(from, to, flow, payload, len, T0), VERDICT_DELIVER);
		expect_payload(flow, payload, len);
	}
	ends_stop(&e);
}

static void carries_every_size(void **state)
{
	(void)state;
	carry_sizes(CIPHER_AES_256_GCM, 0, 65507, 1, true);
	carry_sizes(CHACHA, 0, 3000, 1, false);
	carry_sizes(CHACHA, 65300, 65507, 1, false);
	carry_sizes(CHACHA, 3001, 65299, 331, false);
}

static void splits_only_what_does_not_fit(void **state)
{
	static uint8_t sealed[FRAME_MAX];
	struct ends e;

	(void)state;
	assert_int_equal(session_parts(0), 1);
	assert_int_equal(session_parts(65485), 1);
	assert_int_equal(session_parts(65486), 2);
	assert_int_equal(session_parts(65507), 2);
	ends_start(&e, CHACHA, T0);
	assert_int_equal(
		session_seal(&e.guest.session, 0, 0, pattern, 1400, sealed, T0), 1420);
	assert_int_equal(
		session_seal(&e.guest.session, 1, 0, pattern, 1400, sealed, T0), 1422);
	assert_int_equal(
		session_seal(&e.guest.session, 1, 0, pattern, 65485, sealed, T0), 65507);
	assert_int_equal(session_seal(&e.guest.session, 1, 0, pattern, 65507, sealed, T0),
		32753 + 28);
	assert_int_equal(session_seal(&e.guest.session, 1, 1, pattern, 65507, sealed, T0),
		32754 + 28);
	assert_int_equal(session_seal(&e.guest.session, 0, 0, pattern, 65507, sealed, T0),
		32753 + 26);
	ends_stop(&e);
}

/* Opens a sealed frame with the bare key: its header and its plaintext, in hex. */
static void expect_layout(const struct ends *e, const uint8_t *sealed, size_t len,
	uint64_t counter, const char *header, const char *plain)
{
	struct crypto_aead *aead = crypto_aead_new(CHACHA, e->keys.to_host, false);
	uint8_t opened[256];

	assert_hex(sealed, 4, header);
	assert_true(
		crypto_aead_open(aead, counter, sealed, 4, sealed + 4, len - 4, opened));
	assert_hex(opened, len - 20, plain);
	crypto_aead_free(aead);
}

static void lays_data_out_as_drawn(void **state)
{
	static uint8_t sealed[FRAME_MAX], big[65507];
	struct ends e;
	struct session *s = &e.guest.session;
	struct crypto_aead *aead;
	size_t len;

	(void)state;
	ends_start(&e, CHACHA, T0);
	len = session_seal(s, 0, 0, (const uint8_t *)"abc", 3, sealed, T0);
	expect_layout(&e, sealed, len, 0, "40000000", "616263");
	len = session_seal(s, 0x1234, 0, (const uint8_t *)"abc", 3, sealed, T0);
	expect_layout(&e, sealed, len, 1, "44000001", "1234 616263");
	len = session_seal(s, 0, 0, pattern, 0, sealed, T0);
	expect_layout(&e, sealed, len, 2, "40000002", "");
	s->sent = s->reported = 0x0a456789;
	aead = crypto_aead_new(CHACHA, e.keys.to_host, false);
	len = session_seal(s, 7, 0, big, sizeof(big), sealed, T0);
	assert_hex(sealed, 4, "46456789");
	assert_true(
		crypto_aead_open(aead, 0x0a456789, sealed, 4, sealed + 4, len - 4, big));
	assert_hex(big, 9, "0007 0001 0000 ffe3 00");
	len = session_seal(s, 7, 1, pattern, sizeof(big), sealed, T0);
	assert_hex(sealed, 4, "4645678a");
	assert_true(
		crypto_aead_open(aead, 0x0a45678a, sealed, 4, sealed + 4, len - 4, big));
	assert_hex(big, 8, "0007 0001 7ff1 ffe3");
	assert_memory_equal(big + 8, pattern + 32753, 32754);
	crypto_aead_free(aead);
	ends_stop(&e);
}

static void lays_control_out_as_drawn(void **state)
{
	struct ends e;
	struct session *s = &e.guest.session;
	struct datagram d;

	(void)state;
	ends_start(&e, CHACHA, T0);
	s->sent = s->reported = 0x05000000;
	session_ping(s, 1000000000000);
	end_take(&e.guest, &d);
	expect_layout(&e, d.data, d.len, 0x05000000, "48000000",
		"0000000005000000 01 000000e8d4a51000");
	session_bye(s, 9, T0);
	end_take(&e.guest, &d);
	expect_layout(
		&e, d.data, d.len, 0x05000001, "48000001", "0000000005000001 04 09");
	session_close_flow(s, 0xabcd, T0);
	end_take(&e.guest, &d);
	expect_layout(
		&e, d.data, d.len, 0x05000002, "48000002", "0000000005000002 05 abcd");
	assert_int_equal(d.path.remote.port, 4000);
	assert_int_equal(d.ttl, 0);
	ends_stop(&e);
}

static void lays_answers_out_as_drawn(void **state)
{
	struct ends e;
	struct datagram d;

	(void)state;
	ends_start(&e, CHACHA, T0);
	/* The host's first data has the guest report, its ping has it answer. */
	assert_int_equal(carry(&e.host, &e.guest, 0, pattern, 1, T0), VERDICT_DELIVER);
	session_ping(&e.host.session, 0x1122334455667788);
	assert_int_equal(ends_pass(&e.host, &e.guest, T0), 1);
	end_take(&e.guest, &d);
	expect_layout(
		&e, d.data, d.len, 0, "48000000", "0000000000000000 03 0000000000000001");
	end_take(&e.guest, &d);
	expect_layout(&e, d.data, d.len, 1, "48000001",
		"0000000000000001 02 1122334455667788 0000000000000002");
	assert_false(outbox_take(&e.guest.outbox, &d));
	ends_stop(&e);
}

static void keeps_flows_apart(void **state)
{
	static const uint16_t flows[] = {0, 1, 255, 256, 65535};
	struct ends e;

	(void)state;
	ends_start(&e, CHACHA, T0);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(carry(&e.guest, &e.host, flows[i], pattern, 0, T0),
			VERDICT_DELIVER);
		expect_payload(flows[i], pattern, 0);
		assert_int_equal(carry(&e.host, &e.guest, flows[i], pattern, 65507, T0),
			VERDICT_DELIVER);
		expect_payload(flows[i], pattern, 65507);
	}
	assert_int_equal(e.guest.session.counts.datagrams_out, 5);
	assert_int_equal(e.guest.session.counts.datagrams_in, 5);
	assert_int_equal(e.guest.session.counts.bytes_in, 5 * 65507);
	assert_int_equal(e.host.session.counts.bytes_out, 5 * 65507);
	assert_int_equal(e.host.session.counts.bytes_in, 0);
	ends_stop(&e);
}

/* Either half first; a half that never comes; the halves of two datagrams mixed. */
static void joins_halves_in_any_order(void **state)
{
	static uint8_t half[6][FRAME_MAX];
	size_t len[6];
	struct ends e;

	(void)state;
	ends_start(&e, CHACHA, T0);
	for (unsigned i = 0; i < 6; i++)
		len[i] = session_seal(&e.guest.session, 3, i % 2, pattern + i / 2,
			65500 + i / 2, half[i], T0);
	assert_int_equal(
		end_hear(&e.host, &heard, half[1], len[1], T0), VERDICT_CONSUMED);
	assert_int_equal(end_hear(&e.host, &heard, half[0], len[0], T0), VERDICT_DELIVER);
	expect_payload(3, pattern, 65500);
	assert_int_equal(
		end_hear(&e.host, &heard, half[2], len[2], T0), VERDICT_CONSUMED);
	assert_int_equal(
		end_hear(&e.host, &heard, half[2], len[2], T0), VERDICT_DROP_REPLAY);
	assert_int_equal(
		end_hear(&e.host, &heard, half[5], len[5], T0), VERDICT_CONSUMED);
	assert_int_equal(e.host.session.parts.dropped, 1);
	assert_int_equal(end_hear(&e.host, &heard, half[4], len[4], T0), VERDICT_DELIVER);
	expect_payload(3, pattern + 2, 65502);
	/* The other half of the one given up is no datagram. */
	assert_int_equal(
		end_hear(&e.host, &heard, half[3], len[3], T0), VERDICT_CONSUMED);
	assert_int_equal(e.host.session.counts.datagrams_in, 2);
	ends_stop(&e);
}

/* Loses, repeats and reorders within the window: each that comes is delivered once. */
static void delivers_once_in_any_order(void **state)
{
	static uint8_t frame[1000][64];
	uint64_t random = random_start();
	unsigned order[1000], delivered = 0, highest = 0;
	size_t len[1000];
	struct ends e;

	(void)state;
	ends_start(&e, CHACHA, T0);
	for (unsigned i = 0; i < 1000; i++) {
		len[i] = session_seal(&e.guest.session, (uint16_t)i, 0, pattern + i,
			i % 40, frame[i], T0);
		order[i] = i;
	}
	for (unsigned i = 999; i > 0; i--) {
		unsigned k = (unsigned)random_below(&random, i + 1), swap = order[i];

		order[i] = order[k];
		order[k] = swap;
	}
	for (unsigned i = 0; i < 1000; i++) {
		unsigned k = order[i];

		if (k % 7 == 3)
			continue;
		assert_int_equal(
			end_hear(&e.host, &heard, frame[k], len[k], T0), VERDICT_DELIVER);
		expect_payload((uint16_t)k, pattern + k, k % 40);
		assert_int_equal(end_hear(&e.host, &heard, frame[k], len[k], T0),
			VERDICT_DROP_REPLAY);
		delivered++;
		highest = k > highest ? k : highest;
	}
	assert_int_equal(e.host.session.counts.datagrams_in, delivered);
	assert_int_equal(e.host.session.counts.lost_in, highest + 1 - delivered);
	ends_stop(&e);
}

static void drops_what_is_older_than_the_window(void **state)
{
	static uint8_t frame[1027][32];
	size_t len = 0;
	struct ends e;

	(void)state;
	ends_start(&e, CHACHA, T0);
	for (unsigned i = 0; i < 1027; i++)
		len = session_seal(&e.guest.session, 0, 0, pattern, 1, frame[i], T0);
	assert_int_equal(
		end_hear(&e.host, &heard, frame[1026], len, T0), VERDICT_DELIVER);
	assert_int_equal(
		end_hear(&e.host, &heard, frame[1], len, T0), VERDICT_DROP_REPLAY);
	assert_int_equal(end_hear(&e.host, &heard, frame[2], len, T0), VERDICT_DELIVER);
	assert_int_equal(e.host.session.counts.lost_in, 1025);
	ends_stop(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_every_size),
		cmocka_unit_test(splits_only_what_does_not_fit),
		cmocka_unit_test(lays_data_out_as_drawn),
		cmocka_unit_test(lays_control_out_as_drawn),
		cmocka_unit_test(lays_answers_out_as_drawn),
		cmocka_unit_test(keeps_flows_apart),
		cmocka_unit_test(joins_halves_in_any_order),
		cmocka_unit_test(delivers_once_in_any_order),
		cmocka_unit_test(drops_what_is_older_than_the_window),
	};

	return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
