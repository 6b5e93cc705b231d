/* SPDX-License-Identifier: MIT */
#include "cmd/json.h"
#include "unit.h"

#include <stdio.h>

#define assert_written(j, wanted)                                                        \
	do {                                                                             \
		json_end(j);                                                             \
		assert_string_equal((j)->text, wanted);                                  \
		assert_int_equal((j)->len, strlen(wanted));                              \
	} while (0)

static void an_object_is_a_line(void **state)
{
	struct json j;

	(void)state;
	json_start(&j);
	assert_written(&j, "{}\n");
	json_start(&j);
	json_string(&j, "event", "connected");
	json_number(&j, "number", UINT64_MAX);
	json_number(&j, "zero", 0);
	json_bool(&j, "yes", true);
	json_bool(&j, "no", false);
	json_string(&j, "left-out", NULL);
	assert_written(&j, "{\"event\":\"connected\",\"number\":18446744073709551615,"
			   "\"zero\":0,\"yes\":true,\"no\":false}\n");
}

static void thousandths_have_three_decimals(void **state)
{
	struct json j;

	(void)state;
	json_start(&j);
	json_thousandths(&j, "a", 0);
	json_thousandths(&j, "b", 7);
	json_thousandths(&j, "c", 183204);
	json_thousandths(&j, "d", UINT64_MAX);
	assert_written(&j,
		"{\"a\":0.000,\"b\":0.007,\"c\":183.204,\"d\":18446744073709551.615}\n");
}

static void writes(const char *value, const char *wanted)
{
	struct json j;
	char line[256];

	json_start(&j);
	json_string(&j, "s", value);
	snprintf(line, sizeof(line), "{\"s\":\"%s\"}\n", wanted);
	assert_written(&j, line);
}

static void strings_are_escaped(void **state)
{
	(void)state;
	writes("", "");
	writes("say \"no\\yes\"", "say \\\"no\\\\yes\\\"");
	writes("\n\t\x01\x1f\x7f/", "\\u000a\\u0009\\u0001\\u001f\x7f/");
}

/* Boundaries of RFC 3629: the last and first of each length, and what lies outside. */
static void utf8_passes_and_nothing_else(void **state)
{
	static const char *const good[] = {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
		"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf", "gr\xc3\xbc\xc3\x9f"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		writes(good[i], good[i]);
	writes("\x80", "\\ufffd");
	writes("\xff!", "\\ufffd!");
	writes("\xc0\x80", "\\ufffd\\ufffd");
	writes("\xe0\x9f\xbf", "\\ufffd\\ufffd\\ufffd");
	writes("\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd");
	writes("\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd");
	writes("\xf5\x80\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd");
	writes("\xe2\x82", "\\ufffd\\ufffd"); /* cut short by the end */
	writes("\xf0\x9f\x98\"", "\\ufffd\\ufffd\\ufffd\\\"");
}

/* The string as long as fits, and one longer, with members before and after. */
static void what_does_not_fit_is_left_out(void **state)
{
	static char value[JSON_MAX];
	size_t most = JSON_MAX - 1 - strlen("{\"a\":1,\"s\":\"\"}\n");
	struct json j;

	(void)state;
	memset(value, 'x', most);
	json_start(&j);
	json_number(&j, "a", 1);
	json_string(&j, "s", value);
	json_number(&j, "b", 2); /* no room is left */
	json_end(&j);
	assert_int_equal(j.len, JSON_MAX - 1);
	assert_int_equal(strlen(j.text), j.len);
	value[most] = 'x';
	json_start(&j);
	json_number(&j, "a", 1);
	json_string(&j, "s", value);
	json_number(&j, "b", 2);
	assert_written(&j, "{\"a\":1,\"b\":2}\n");
}

static void any_bytes_give_one_line(void **state)
{
	uint64_t random = random_start();

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[64] = {0};
		struct json j;

		random_bytes(
			&random, bytes, (size_t)random_below(&random, sizeof(bytes)));
		json_start(&j);
		json_string(&j, "s", (const char *)bytes);
		json_end(&j);
		for (size_t at = 0; at + 1 < j.len; at++)
			assert_true((unsigned char)j.text[at] >= 0x20);
		assert_int_equal(j.text[j.len - 1], '\n');
		assert_int_equal(j.text[j.len - 2], '}');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_a_line),
		cmocka_unit_test(thousandths_have_three_decimals),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(utf8_passes_and_nothing_else),
		cmocka_unit_test(what_does_not_fit_is_left_out),
		cmocka_unit_test(any_bytes_give_one_line),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
