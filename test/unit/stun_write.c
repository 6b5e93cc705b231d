/* SPDX-License-Identifier: MIT */
#include "core/stun.h"
#include "stun_message.h"

static void writes_a_request(void **state)
{
	uint8_t id[STUN_ID_SIZE], out[STUN_REQUEST_SIZE], read[STUN_ID_SIZE];

	(void)state;
	unhex(id, sizeof(id), sample_id);
	assert_int_equal(stun_write_request(out, id), STUN_REQUEST_SIZE);
	assert_hex(out, sizeof(out), "00010000 2112a442 b7e7a701bc34d686fa87dfae");
	assert_true(stun_read_request(out, sizeof(out), read));
	assert_memory_equal(read, id, sizeof(id));
}

/* The sample's XOR-MAPPED-ADDRESS, without what we do not write. */
static void writes_a_response(void **state)
{
	uint8_t id[STUN_ID_SIZE], out[STUN_RESPONSE_MAX];
	struct addr a;

	(void)state;
	unhex(id, sizeof(id), sample_id);
	a = addr_v4(192, 0, 2, 1, 32853);
	assert_hex(out, stun_write_response(out, id, &a),
		"0101000c 2112a442 b7e7a701bc34d686fa87dfae 002000080001a147e112a643");
	assert_true(addr_parse(&a, "[2001:db8:1234:5678:11:2233:4455:6677]:32853", 0));
	assert_hex(out, stun_write_response(out, id, &a),
		"01010018 2112a442 b7e7a701bc34d686fa87dfae"
		"002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9");
}

static void reads_back_any_response(void **state)
{
	uint64_t random = random_start();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint8_t out[STUN_RESPONSE_MAX], id[STUN_ID_SIZE], read_id[STUN_ID_SIZE];
		struct addr a = {.family = i % 2 ? ADDR_V4 : ADDR_V6}, b;
		size_t len;

		random_bytes(&random, id, sizeof(id));
		random_bytes(&random, a.ip, a.family == ADDR_V4 ? 4 : 16);
		a.port = (uint16_t)random_u64(&random);
		len = stun_write_response(out, id, &a);
		assert_int_equal(len, a.family == ADDR_V4 ? 32 : STUN_RESPONSE_MAX);
		assert_true(stun_read_response(out, len, read_id, &b));
		assert_true(addr_equal(&a, &b));
		assert_memory_equal(id, read_id, sizeof(id));
	}
}

/* RFC 5780, sections 7.2 and 7.5; what fills is SOFTWARE. */
static void writes_questions(void **state)
{
	static const struct {
		struct stun_question q;
		size_t len;
		const char *bytes;
	} table[] = {
		{{.has_change = false}, 0, "00010000"},
		{{.has_change = true}, 0, "00010008 00030004 00000000"},
		{{.has_change = true, .change_port = true}, 0,
			"00010008 00030004 00000002"},
		{{.has_change = true, .change_address = true}, 0,
			"00010008 00030004 00000004"},
		{{.has_change = true, .change_address = true, .change_port = true}, 0,
			"00010008 00030004 00000006"},
		{{.response_port = 0x1234}, 0, "00010008 00270002 12340000"},
		{{.has_change = true, .change_port = true}, 44,
			"00010018 00030004 00000002 8022000c 6579656c6574 202020202020"},
		{{.has_change = true}, 27, "00010008 00030004 00000000"},
		{{.has_change = false}, 27, "00010004 80220000"},
		{{.has_change = false}, 28, "00010008 80220004 6579656c"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct stun_question q = table[i].q, back;
		uint8_t out[64];
		struct message want = message_of(table[i].bytes);
		size_t len;

		unhex(q.id, sizeof(q.id), sample_id);
		len = stun_write_question(out, &q, table[i].len);
		assert_int_equal(len, 16 + want.len);
		assert_memory_equal(out, want.bytes, 4);
		assert_hex(out + 4, 16, "2112a442 b7e7a701bc34d686fa87dfae");
		assert_memory_equal(out + 20, want.bytes + 4, want.len - 4);
		assert_true(stun_read_question(out, len, &back));
		assert_memory_equal(back.id, q.id, sizeof(q.id));
		assert_int_equal(back.has_change, q.has_change);
		assert_int_equal(back.change_address, q.change_address);
		assert_int_equal(back.change_port, q.change_port);
		assert_int_equal(back.response_port, q.response_port);
	}
}

static void fills_questions_to_any_size(void **state)
{
	uint8_t out[1480];

	(void)state;
	for (size_t len = 20; len <= sizeof(out); len++) {
		struct stun_question q = {.has_change = false};

		assert_int_equal(stun_write_question(out, &q, len), len & ~(size_t)3);
		assert_true(stun_read_question(out, len & ~(size_t)3, &q));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_request),
		cmocka_unit_test(writes_a_response),
		cmocka_unit_test(reads_back_any_response),
		cmocka_unit_test(writes_questions),
		cmocka_unit_test(fills_questions_to_any_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
