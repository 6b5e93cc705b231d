/* SPDX-License-Identifier: MIT */
#include "cmd/record.h"
#include "unit.h"

static void records_name_their_kind(void **state)
{
	uint8_t bytes[4] = {1, 2, 0xab, 0xff}, other[4];
	const struct record_field in = {"key", bytes, 4}, out = {"key", other, 4};
	char text[RECORD_TEXT_MAX];

	(void)state;
	record_encode(text, &(struct record){"eyelet-a", &in, 1});
	assert_non_null(strstr(text, "eyelet-a 1\nkey 0102abff\ncheck "));
	assert_non_null(record_decode(&(struct record){"eyelet-b", &out, 1}, text));
	assert_null(record_decode(&(struct record){"eyelet-a", &out, 1}, text));
	assert_memory_equal(bytes, other, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_name_their_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
