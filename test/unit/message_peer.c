/* SPDX-License-Identifier: MIT */
/* Messages between guest and host, byte by byte. */
#include "messages.h"

static bool reads_punch(const struct words *w, const uint8_t *buf, size_t len)
{
	return punch_verify(buf, len, w->mac_key);
}

static void punch(void **state)
{
	uint8_t bytes[PUNCH_SIZE];
	struct words w = words();

	(void)state;
	assert_int_equal(punch_encode(bytes, w.id, w.mac_key), 26);
	assert_hex(bytes, 26, "9001" ID "42ba0584d794db7b");
	expect_sizes(reads_punch, &w, bytes, 26, 26, false);
	expect_no_flips(reads_punch, &w, bytes, 26, 0, 26);
	w.mac_key[0] ^= 1;
	assert_false(reads_punch(&w, bytes, 26));
}

static bool reads_hello(const struct words *w, const uint8_t *buf, size_t len)
{
	return hello_decode(buf, len, w->mac_key) == buf + MESSAGE_HEADER_SIZE;
}

static bool reads_paid_hello(const struct words *w, const uint8_t *buf, size_t len)
{
	return reads_hello(w, buf, len) && hello_has_cookie(buf, w->cookie);
}

static void hello(void **state)
{
	uint8_t bytes[HELLO_SIZE];
	struct words w = words();

	(void)state;
	assert_int_equal(hello_encode(bytes, w.id, w.noise, w.mac_key, NULL), 162);
	assert_hex(bytes, 162,
		"9101" ID "000102030405060708090a0b0c0d0e0f" ID TOKEN COOKIE
		"404142434445464748494a4b4c4d4e4f" INSTANCE
		"606162636465666768696a6b6c6d6e6fbfec77a1426617958eaf48114b8824b8"
		"00000000000000000000000000000000");
	assert_memory_equal(hello_decode(bytes, 162, w.mac_key), w.noise, 112);
	assert_false(hello_has_cookie(bytes, w.cookie));
	expect_sizes(reads_hello, &w, bytes, 162, 162, false);
	/* The second MAC is for a busy host alone. */
	expect_no_flips(reads_hello, &w, bytes, 162, 0, 146);
	w.mac_key[31] ^= 1;
	assert_null(hello_decode(bytes, 162, w.mac_key));
}

static void hello_with_a_cookie(void **state)
{
	uint8_t bytes[HELLO_SIZE];
	struct words w = words();

	(void)state;
	assert_int_equal(hello_encode(bytes, w.id, w.noise, w.mac_key, w.cookie), 162);
	assert_hex(bytes, 162,
		"9101" ID "000102030405060708090a0b0c0d0e0f" ID TOKEN COOKIE
		"404142434445464748494a4b4c4d4e4f" INSTANCE
		"606162636465666768696a6b6c6d6e6fbfec77a1426617958eaf48114b8824b8"
		"7a076097ba2e41b3d44a7c2e2329d889");
	expect_sizes(reads_paid_hello, &w, bytes, 162, 162, false);
	expect_no_flips(reads_paid_hello, &w, bytes, 162, 0, 162);
	w.cookie[7] ^= 1;
	assert_false(hello_has_cookie(bytes, w.cookie));
}

static bool reads_welcome(const struct words *w, const uint8_t *buf, size_t len)
{
	return welcome_decode(buf, len, w->mac_key) == buf + MESSAGE_HEADER_SIZE;
}

static void welcome(void **state)
{
	uint8_t bytes[WELCOME_SIZE];
	struct words w = words();

	(void)state;
	assert_int_equal(welcome_encode(bytes, w.id, w.noise, w.mac_key), 98);
	assert_hex(bytes, 98,
		"9201" ID "000102030405060708090a0b0c0d0e0f" ID TOKEN COOKIE
		"8d924441968062ffd1befa5001aca0a9");
	assert_memory_equal(welcome_decode(bytes, 98, w.mac_key), w.noise, 64);
	expect_sizes(reads_welcome, &w, bytes, 98, 98, false);
	expect_no_flips(reads_welcome, &w, bytes, 98, 0, 98);
}

static bool reads_busy(const struct words *w, const uint8_t *buf, size_t len)
{
	uint8_t cookie[COOKIE_SIZE];

	return busy_decode(cookie, buf, len, w->mac_key);
}

static void busy(void **state)
{
	uint8_t bytes[BUSY_SIZE], cookie[COOKIE_SIZE];
	struct words w = words();

	(void)state;
	assert_int_equal(busy_encode(bytes, w.id, w.cookie, w.mac_key), 50);
	assert_hex(bytes, 50, "9301" ID COOKIE "78f3458d0fa0a3fa7fc22ca85655b0db");
	assert_true(busy_decode(cookie, bytes, 50, w.mac_key));
	assert_memory_equal(cookie, w.cookie, sizeof(cookie));
	expect_sizes(reads_busy, &w, bytes, 50, 50, false);
	expect_no_flips(reads_busy, &w, bytes, 50, 0, 50);
}

static bool reads_refuse(const struct words *w, const uint8_t *buf, size_t len)
{
	uint8_t code;

	return refuse_decode(&code, buf, len, w->mac_key);
}

static void refuse(void **state)
{
	uint8_t bytes[REFUSE_SIZE], code;
	struct words w = words();

	(void)state;
	assert_int_equal(refuse_encode(bytes, w.id, 2, w.mac_key), 35);
	assert_hex(bytes, 35, "9401" ID "0251dff576661aff0b674b8f1e0443a254");
	assert_true(refuse_decode(&code, bytes, 35, w.mac_key));
	assert_int_equal(code, 2);
	expect_sizes(reads_refuse, &w, bytes, 35, 35, false);
	expect_no_flips(reads_refuse, &w, bytes, 35, 0, 35);
}

/* No answer of a host is longer than the hello that it answers. */
static void answers_are_not_longer_than_hellos(void **state)
{
	(void)state;
	assert_true(WELCOME_SIZE <= HELLO_SIZE);
	assert_true(BUSY_SIZE <= HELLO_SIZE);
	assert_true(REFUSE_SIZE <= HELLO_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(punch),
		cmocka_unit_test(hello),
		cmocka_unit_test(hello_with_a_cookie),
		cmocka_unit_test(welcome),
		cmocka_unit_test(busy),
		cmocka_unit_test(refuse),
		cmocka_unit_test(answers_are_not_longer_than_hellos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
