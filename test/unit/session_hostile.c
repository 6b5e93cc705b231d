/* SPDX-License-Identifier: MIT */
/* What must not open, and what must not be believed though it does. */
#include "core/session.h"
#include "ends.h"

#define T0     (1000 * SECOND)
#define CHACHA CIPHER_CHACHA20_POLY1305

static const uint8_t payload[30] = "thirty bytes of any payload...";
static struct heard heard;

/* A session's whole state, and what it has to say and to wait for. */
struct snapshot {
	struct session session;
	struct generation generation;
	unsigned out;
	uint64_t next;
};

static struct snapshot snapshot(const struct end *e)
{
	struct snapshot s;

	memcpy(&s.session, &e->session, sizeof(s.session));
	memcpy(&s.generation, session_current(&e->session), sizeof(s.generation));
	s.out = e->outbox.count;
	s.next = timers_next(&e->timers);
	return s;
}

static void expect_unchanged(const struct end *e, const struct snapshot *before)
{
	assert_memory_equal(&e->session, &before->session, sizeof(e->session));
	assert_memory_equal(session_current(&e->session), &before->generation,
		sizeof(before->generation));
	assert_int_equal(e->outbox.count, before->out);
	assert_true(timers_next(&e->timers) == before->next);
}

static void is_not_changed_by_forgeries(void **state)
{
	uint8_t sealed[64], cut[64];
	struct snapshot before;
	struct ends e;
	size_t len;

	(void)state;
	ends_start(&e, CHACHA, T0);
	len = session_seal(&e.guest.session, 1, 0, 1, payload, 9, sealed, T0);
	assert_int_equal(end_hear(&e.host, &heard, sealed, len, T0), VERDICT_DELIVER);
	len = session_seal(&e.guest.session, 5, 0, 1, payload, 30, sealed, T0);
	before = snapshot(&e.host);
	for (size_t bit = 2; bit < 8 * len; bit++) {
		enum verdict verdict;

		memcpy(cut, sealed, len);
		cut[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		verdict = end_hear(&e.host, &heard, cut, len, T0 + SECOND);
		if (bit == 31)
			assert_int_equal(verdict, VERDICT_DROP_REPLAY);
		else
			assert_int_equal(verdict, VERDICT_DROP_FORGED);
		expect_unchanged(&e.host, &before);
	}
	for (size_t size = 20; size < len; size++) {
		assert_int_equal(end_hear(&e.host, &heard, sealed, size, T0 + SECOND),
			VERDICT_DROP_FORGED);
		expect_unchanged(&e.host, &before);
	}
	/* One's own frames, thrown back. */
	assert_int_equal(end_hear(&e.guest, &heard, sealed, len, T0 + SECOND),
		VERDICT_DROP_FORGED);
	assert_int_equal(end_hear(&e.host, &heard, sealed, len, T0), VERDICT_DELIVER);
	assert_int_equal(heard.frame.len, 30);
	assert_memory_equal(heard.frame.payload, payload, 30);
	ends_stop(&e);
}

/* What only the peer itself can send, and yet makes no sense. */
static void drops_nonsense_of_the_peer(void **state)
{
	static const struct {
		uint8_t bits;
		const char *plain;
		enum verdict verdict;
	} table[] = {
		{0x08, "", VERDICT_DROP_MALFORMED},
		{0x08, "0000000000000002",
			VERDICT_DROP_UNKNOWN_TYPE}, /* none: reads as 0 */
		{0x08, "0000000001000003 01 0000000000000000", VERDICT_DROP_MALFORMED},
		{0x08, "0000000000000004 03 00000000000000", VERDICT_DROP_MALFORMED},
		{0x08, "0000000000000005 04", VERDICT_DROP_MALFORMED},
		{0x08, "0000000000000006 05 00", VERDICT_DROP_MALFORMED},
		{0x08, "0000000000000007 0a 0000", VERDICT_DROP_UNKNOWN_TYPE},
		{0x08, "0000000000000008 01 0000000000000000 00000000000000",
			VERDICT_DROP_MALFORMED},
		{0x08, "0000000000000009 02 0000000000000000 0000000000000000 00",
			VERDICT_DROP_MALFORMED},
		{0x08, "000000000000000a 06", VERDICT_DROP_MALFORMED},
		{0x08, "000000000000000b 07", VERDICT_DROP_MALFORMED},
		{0x08, "000000000000000c 08 00", VERDICT_DROP_MALFORMED},
		{0x08, "000000000000000d 08 ffff", VERDICT_CONSUMED}, /* not its size */
		{0x08, "000000000000000e 09 05", VERDICT_DROP_MALFORMED},
		{0x04, "00", VERDICT_DROP_MALFORMED},
		{0x02, "0001 0000 00", VERDICT_DROP_MALFORMED},
		{0x02, "0001 0000 0001", VERDICT_CONSUMED},    /* an empty part */
		{0x02, "0001 0003 0003 61", VERDICT_CONSUMED}, /* beyond the end */
		{0x02, "0001 ffff 0003 61", VERDICT_CONSUMED},
		{0x02, "0001 0000 0000 61", VERDICT_CONSUMED},
	};
	uint8_t plain[64], sealed[128];
	struct ends e;

	(void)state;
	ends_start(&e, CHACHA, T0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t len = unhex(plain, sizeof(plain), table[i].plain);
		enum verdict verdict;

		len = ends_forge(
			e.keys.to_host, CHACHA, table[i].bits, i + 1, plain, len, sealed);
		verdict = end_hear(&e.host, &heard, sealed, len, T0);
		assert_int_equal(verdict, table[i].verdict);
	}
	assert_int_equal(e.host.session.counts.datagrams_in, 0);
	assert_int_equal(end_drop(&e.host), 1); /* a report of the data, no answers */
	ends_stop(&e);
}

/* An acknowledgement of what was never probed must not make frames larger than any path, nor
 * a probe larger than a datagram has room for. */
static void believes_no_acknowledged_size_beyond_its_probes(void **state)
{
	static const char *const acks[] = {
		"0000000000000001 09 ffff", "0000000000000002 09 05c1"};
	uint8_t plain[64], sealed[128];
	struct ends e;

	(void)state;
	ends_start(&e, CHACHA, T0);
	for (size_t i = 0; i < 2; i++) {
		size_t len = unhex(plain, sizeof(plain), acks[i]);

		len = ends_forge(e.keys.to_host, CHACHA, 0x08, i + 1, plain, len, sealed);
		end_hear(&e.host, &heard, sealed, len, T0);
		assert_in_range(e.host.session.pmtu.largest, 1000, 1472);
	}
	ends_stop(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_not_changed_by_forgeries),
		cmocka_unit_test(drops_nonsense_of_the_peer),
		cmocka_unit_test(believes_no_acknowledged_size_beyond_its_probes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
