/* SPDX-License-Identifier: MIT */
/* Frames: what goes in at one end comes out at the other, once and unchanged. Times and
 * counters' limits are in session_times.c, forgeries in
 * session_hostile.c. */
#include "core/session.h"
#include "ends.h"
#include "token.h"

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
	unsigned parts = session_parts(&from->session, flow, len);

	for (unsigned i = 0; i < parts; i++) {
		size_t size = session_seal(
			&from->session, flow, i, parts, payload, len, sealed, now);

		assert_in_range(size, FRAME_OVERHEAD, 1000);
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
	carry_sizes(CIPHER_AES_256_GCM, 0, 4000, 1, true);
	carry_sizes(CIPHER_AES_256_GCM, 4001, 65507, 37, true);
	carry_sizes(CHACHA, 0, 3000, 1, false);
	carry_sizes(CHACHA, 65400, 65507, 1, false);
	carry_sizes(CHACHA, 3001, 65299, 331, false);
}

static void splits_only_what_does_not_fit(void **state)
{
	static uint8_t sealed[FRAME_MAX];
	struct ends e;
	struct session *s = &e.guest.session;

	(void)state;
	ends_start(&e, CHACHA, T0);
	assert_int_equal(session_parts(s, 0, 0), 1);
	assert_int_equal(session_parts(s, 0, 980), 1);
	assert_int_equal(session_parts(s, 0, 981), 2);
	assert_int_equal(session_parts(s, 7, 978), 1);
	assert_int_equal(session_parts(s, 7, 979), 2);
	assert_int_equal(session_parts(s, 0, 1948), 2);
	assert_int_equal(session_parts(s, 0, 1949), 3);
	assert_int_equal(session_parts(s, 7, 1944), 2);
	assert_int_equal(session_parts(s, 7, 1945), 3);
	assert_int_equal(session_parts(s, 7, 65507), 68);
	s->pmtu.largest = 1472;
	assert_int_equal(session_parts(s, 0, 1452), 1);
	assert_int_equal(session_parts(s, 7, 1450), 1);
	assert_int_equal(session_parts(s, 7, 1451), 2);
	assert_int_equal(session_parts(s, 7, 65507), 46);
	assert_int_equal(session_seal(s, 0, 0, 1, pattern, 1400, sealed, T0), 1420);
	assert_int_equal(session_seal(s, 1, 0, 1, pattern, 1400, sealed, T0), 1422);
	assert_int_equal(session_seal(s, 1, 0, 2, pattern, 1500, sealed, T0), 750 + 28);
	assert_int_equal(session_seal(s, 1, 1, 2, pattern, 1500, sealed, T0), 750 + 28);
	assert_int_equal(session_seal(s, 0, 0, 3, pattern, 2900, sealed, T0), 967 + 26);
	assert_int_equal(session_seal(s, 0, 1, 3, pattern, 2900, sealed, T0), 967 + 26);
	assert_int_equal(session_seal(s, 0, 2, 3, pattern, 2900, sealed, T0), 966 + 26);
	ends_stop(&e);
}

static void keeps_every_frame_within_the_path_mtu(void **state)
{
	static const size_t mtus[] = {1000, 1044, 1232, 1424, 1452, 1472};
	static uint8_t sealed[FRAME_MAX];
	struct ends e;
	struct session *s = &e.guest.session;

	(void)state;
	ends_start(&e, CHACHA, T0);
	for (unsigned i = 0; i < 6 * 6000; i++) {
		size_t len = i / 6;
		uint16_t flow = i & 64 ? 7 : 0;
		unsigned parts;

		s->pmtu.largest = mtus[i % 6];
		parts = session_parts(s, flow, len);
		for (unsigned k = 0; k < parts; k++)
			assert_in_range(
				session_seal(s, flow, k, parts, pattern, len, sealed, T0),
				FRAME_OVERHEAD, mtus[i % 6]);
	}
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
	len = session_seal(s, 0, 0, 1, (const uint8_t *)"abc", 3, sealed, T0);
	expect_layout(&e, sealed, len, 0, "40000000", "616263");
	len = session_seal(s, 0x1234, 0, 1, (const uint8_t *)"abc", 3, sealed, T0);
	expect_layout(&e, sealed, len, 1, "44000001", "1234 616263");
	len = session_seal(s, 0, 0, 1, pattern, 0, sealed, T0);
	expect_layout(&e, sealed, len, 2, "40000002", "");
	session_current(s)->sent = session_current(s)->reported = 0x0a456789;
	aead = crypto_aead_new(CHACHA, e.keys.to_host, false);
	len = session_seal(s, 7, 0, 2, big, sizeof(big), sealed, T0);
	assert_hex(sealed, 4, "46456789");
	assert_true(
		crypto_aead_open(aead, 0x0a456789, sealed, 4, sealed + 4, len - 4, big));
	assert_hex(big, 9, "0007 0001 0000 ffe3 00");
	len = session_seal(s, 7, 1, 2, pattern, sizeof(big), sealed, T0);
	assert_hex(sealed, 4, "4645678a");
	assert_true(
		crypto_aead_open(aead, 0x0a45678a, sealed, 4, sealed + 4, len - 4, big));
	assert_hex(big, 8, "0007 0001 7ff2 ffe3");
	assert_memory_equal(big + 8, pattern + 32754, 32753);
	crypto_aead_free(aead);
	ends_stop(&e);
}

/* A ping to there carries the first 8 bytes of a MAC of that place. */
static void read_ping(const struct ends *e, const struct datagram *d, uint64_t counter,
	const char *fixed, size_t pad)
{
	struct crypto_aead *aead = crypto_aead_new(CHACHA, e->keys.to_host, false);
	static const uint8_t zeros[1000];
	uint8_t opened[1000], mac[CRYPTO_MAC_SIZE];

	assert_true(crypto_aead_open(
		aead, counter, d->data, 4, d->data + 4, d->len - 4u, opened));
	crypto_aead_free(aead);
	assert_hex(opened, 17, fixed);
	token_mac(mac, e->guest.session.path_key, &d->path);
	assert_memory_equal(opened + 17, mac, 8);
	assert_int_equal(d->len - 20, 25 + pad);
	assert_hex(opened + 25, 3, "0096 00"); /* 15 s, and no ping of the host's */
	assert_memory_equal(opened + 28, zeros, pad - 3);
}

static void lays_control_out_as_drawn(void **state)
{
	struct ends e;
	struct session *s = &e.guest.session;
	struct datagram d;

	(void)state;
	ends_start(&e, CHACHA, T0);
	/* The first is long: it pays for what the target answers at once. */
	session_ping(s, 1000000000000);
	end_take(&e.guest, &d);
	assert_int_equal(d.len, 1000);
	read_ping(&e, &d, 0, "0000000000000000 01 000000e8d4a51000", 955);
	session_current(s)->sent = session_current(s)->reported = 0x05000000;
	session_current(s)->replay.next = 1;
	session_ping(s, 1000000000000);
	end_take(&e.guest, &d);
	read_ping(&e, &d, 0x05000000, "0000000005000000 01 000000e8d4a51000", 8);
	session_bye(s, 9, T0);
	end_take(&e.guest, &d);
	expect_layout(
		&e, d.data, d.len, 0x05000001, "48000001", "0000000005000001 04 09");
	session_close_flow(s, 0xabcd, T0);
	end_take(&e.guest, &d);
	expect_layout(
		&e, d.data, d.len, 0x05000002, "48000002", "0000000005000002 05 abcd");
	session_send_rekey(s, CONTROL_REKEY, 1, (const uint8_t *)"abc", 3, T0);
	end_take(&e.guest, &d);
	expect_layout(&e, d.data, d.len, 0x05000003, "48000003",
		"0000000005000003 06 01 616263");
	session_send_rekey(s, CONTROL_REKEYED, 3, (const uint8_t *)"", 0, T0);
	end_take(&e.guest, &d);
	expect_layout(
		&e, d.data, d.len, 0x05000004, "48000004", "0000000005000004 07 03");
	session_probed(s, 1472, T0);
	end_take(&e.guest, &d);
	expect_layout(
		&e, d.data, d.len, 0x05000005, "48000005", "0000000005000005 09 05c0");
	assert_int_equal(d.path.remote.port, 4000);
	assert_int_equal(d.ttl, 0);
	ends_stop(&e);
}

static void lays_answers_out_as_drawn(void **state)
{
	struct ends e;
	struct datagram d;
	uint8_t plain[64] = {0}, sealed[128];
	size_t len;

	(void)state;
	ends_start(&e, CHACHA, T0);
	/* The host's first data has the guest report, its ping has it answer. */
	assert_int_equal(carry(&e.host, &e.guest, 0, pattern, 1, T0), VERDICT_DELIVER);
	len = unhex(plain, sizeof(plain),
		"0000000000000001 01 1122334455667788 a1a2a3a4a5a6a7a8 0000000000000000");
	len = ends_forge(e.keys.to_guest, CHACHA, 0x08, 1, plain, len, sealed);
	assert_int_equal(end_hear(&e.guest, &heard, sealed, len, T0), VERDICT_CONSUMED);
	end_take(&e.guest, &d);
	expect_layout(
		&e, d.data, d.len, 0, "48000000", "0000000000000000 03 0000000000000001");
	end_take(&e.guest, &d);
	expect_layout(&e, d.data, d.len, 1, "48000001",
		"0000000000000001 02 1122334455667788 a1a2a3a4a5a6a7a8 0000000000000002");
	assert_int_equal(d.len, len); /* not longer than what it answers */
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
		len[i] = session_seal(&e.guest.session, 3, i % 2, 2, pattern + i / 2,
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
	assert_int_equal(e.host.session.parts.dropped, 0);
	assert_int_equal(end_hear(&e.host, &heard, half[4], len[4], T0), VERDICT_DELIVER);
	expect_payload(3, pattern + 2, 65502);
	assert_int_equal(end_hear(&e.host, &heard, half[3], len[3], T0), VERDICT_DELIVER);
	expect_payload(3, pattern + 1, 65501);
	assert_int_equal(e.host.session.counts.datagrams_in, 3);
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
		len[i] = session_seal(&e.guest.session, (uint16_t)i, 0, 1, pattern + i,
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
		len = session_seal(&e.guest.session, 0, 0, 1, pattern, 1, frame[i], T0);
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
		cmocka_unit_test(keeps_every_frame_within_the_path_mtu),
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
