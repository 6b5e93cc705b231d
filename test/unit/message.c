/* SPDX-License-Identifier: MIT */
/* What all messages share: header, names, codes, and the MAC behind the header. */
#include "messages.h"

static void says_what_it_is_by_its_first_bits(void **state)
{
	uint8_t bytes[MESSAGE_HEADER_SIZE] = {0};

	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		bytes[0] = (uint8_t)first;
		bytes[1] = 77;
		assert_int_equal(message_is(bytes, sizeof(bytes)), first / 64 == 2);
		assert_false(message_is(bytes, sizeof(bytes) - 1));
		assert_false(message_is(bytes, 0));
		assert_int_equal(message_type(bytes), first % 64);
		assert_int_equal(message_version(bytes), 77);
		assert_ptr_equal(message_id(bytes), bytes + 2);
	}
}

static void knows_what_is_for_a_rendezvous(void **state)
{
	uint8_t bytes[MESSAGE_HEADER_SIZE] = {0};

	(void)state;
	for (unsigned type = 0; type < 64; type++) {
		bool is_for = type == MESSAGE_COOKIE_ASK || type == MESSAGE_REGISTER ||
			      type == MESSAGE_REFRESH || type == MESSAGE_ASK ||
			      type == MESSAGE_ANSWER || type == MESSAGE_UNREGISTER;

		bytes[0] = (uint8_t)(0x80 | type);
		assert_int_equal(message_is_for_rendezvous(bytes, sizeof(bytes)), is_for);
		assert_false(message_is_for_rendezvous(bytes, sizeof(bytes) - 1));
		bytes[0] = (uint8_t)type;
		assert_false(message_is_for_rendezvous(bytes, sizeof(bytes)));
	}
}

static void has_a_name_for_each(void **state)
{
	(void)state;
	assert_string_equal(message_name(1), "cookie-ask");
	assert_string_equal(message_name(20), "refuse");
	assert_string_equal(message_name(31), "version");
	for (unsigned type = 0; type < 256; type++)
		assert_non_null(message_name((uint8_t)type));
	assert_string_equal(message_name(15), "unknown");
	for (unsigned code = 0; code < 256; code++)
		assert_non_null(refusal_text((uint8_t)code));
	assert_string_equal(refusal_text(1), "the rendezvous does not know the lease");
	assert_string_equal(refusal_text(9), refusal_text(0));
}

static bool reads_code(const struct words *w, const uint8_t *buf, size_t len)
{
	uint8_t code;

	(void)w;
	return code_decode(&code, buf, len);
}

static void codes(void **state)
{
	uint8_t bytes[CODE_SIZE], code;
	struct words w = words();

	(void)state;
	assert_int_equal(code_encode(bytes, MESSAGE_ERROR, w.id, 5), 19);
	assert_hex(bytes, 19, "8701" ID "05");
	expect_sizes(reads_code, &w, bytes, 19, 19, true);
	assert_int_equal(code_encode(bytes, MESSAGE_ACK, w.id, 2), 19);
	assert_hex(bytes, 19, "8d01" ID "02");
	for (unsigned value = 0; value < 256; value++) {
		code_encode(bytes, MESSAGE_ERROR, w.id, (uint8_t)value);
		assert_true(code_decode(&code, bytes, sizeof(bytes)));
		assert_int_equal(code, value);
	}
}

static void version_is_the_header_alone(void **state)
{
	uint8_t bytes[MESSAGE_HEADER_SIZE];
	struct words w = words();

	(void)state;
	assert_int_equal(version_encode(bytes, w.id), 18);
	assert_hex(bytes, 18, "9f01" ID);
}

static bool reads_mac(const struct words *w, const uint8_t *buf, size_t len)
{
	return message_mac_verify(buf, len, w->token);
}

/* Of any length, and over every bit but those of the MAC's own place, which are compared. */
static void the_mac_covers_all(void **state)
{
	static const uint8_t offer[PAYLOAD_MAX] = {0x5a};
	uint8_t bytes[ANSWER_MAX];
	struct words w = words(), other = words();

	(void)state;
	for (size_t len = 0; len <= PAYLOAD_MAX; len += 60) {
		struct answer_message m = {.payload = offer, .payload_len = len};
		size_t size;

		memset(&m.service, 1, sizeof(m.service));
		memset(&m.instance, 2, sizeof(m.instance));
		size = answer_encode(bytes, w.id, &m, w.token);
		assert_int_equal(size, 83 + len);
		expect_no_flips(reads_mac, &w, bytes, size, 0, size);
		for (size_t cut = 0; cut < size; cut++)
			assert_false(message_mac_verify(bytes, cut, w.token));
		other.token[15] ^= 1;
		assert_false(message_mac_verify(bytes, size, other.token));
		other.token[15] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_it_is_by_its_first_bits),
		cmocka_unit_test(knows_what_is_for_a_rendezvous),
		cmocka_unit_test(has_a_name_for_each),
		cmocka_unit_test(codes),
		cmocka_unit_test(version_is_the_header_alone),
		cmocka_unit_test(the_mac_covers_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
