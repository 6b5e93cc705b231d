/* SPDX-License-Identifier: MIT */
#include "core/natpmp.h"
#include "core/path.h"
#include "unit.h"

static const char address_response[] = "0080 0000 00000e11 cb007105";
static const char map_response[] = "0081 0000 00000e12 d903 a0f2 00001c20";

static void writes_requests(void **state)
{
	uint8_t address[NATPMP_ADDRESS_SIZE], map[NATPMP_MAP_SIZE];

	(void)state;
	assert_int_equal(natpmp_address_encode(address), NATPMP_ADDRESS_SIZE);
	assert_hex(address, sizeof(address), "0000");
	assert_int_equal(natpmp_map_encode(map, 0xd903, 0xa0f1, 7200), NATPMP_MAP_SIZE);
	assert_hex(map, sizeof(map), "0001 0000 d903 a0f1 00001c20");
	natpmp_map_encode(map, 0xd903, 0, 0);
	assert_hex(map, sizeof(map), "0001 0000 d903 0000 00000000");
}

static bool decodes(struct natpmp_response *r, const char *text)
{
	uint8_t bytes[64];

	return natpmp_response_decode(r, bytes, unhex(bytes, sizeof(bytes), text));
}

static void reads_an_address(void **state)
{
	const struct addr external = addr_v4(203, 0, 113, 5, 0);
	struct natpmp_response r;

	(void)state;
	assert_true(decodes(&r, address_response));
	assert_int_equal(r.opcode, NATPMP_ADDRESS);
	assert_int_equal(r.result, NATPMP_SUCCESS);
	assert_int_equal(r.epoch, 3601);
	assert_true(addr_equal(&r.external, &external));
}

static void reads_a_mapping(void **state)
{
	struct natpmp_response r;

	(void)state;
	assert_true(decodes(&r, map_response));
	assert_int_equal(r.opcode, NATPMP_MAP_UDP);
	assert_int_equal(r.epoch, 3602);
	assert_int_equal(r.internal_port, 0xd903);
	assert_int_equal(r.external_port, 0xa0f2);
	assert_int_equal(r.lifetime, 7200);
}

/* Of an opcode that it does not know a router says no more than that. */
static void reads_errors(void **state)
{
	struct natpmp_response r;

	(void)state;
	assert_true(decodes(&r, "0081 0002 00000001 d903 0000 00000000"));
	assert_int_equal(r.result, NATPMP_NOT_AUTHORIZED);
	assert_int_equal(r.lifetime, 0);
	assert_true(decodes(&r, "0085 0005 00000002"));
	assert_int_equal(r.result, NATPMP_UNSUPP_OPCODE);
	assert_int_equal(r.epoch, 2);
	assert_true(decodes(&r, "0080 ffff 00000002"));
	for (uint16_t code = 0; code <= 5; code++)
		for (uint16_t other = 0; other < code; other++)
			assert_string_not_equal(
				natpmp_result_text(code), natpmp_result_text(other));
	assert_string_equal(natpmp_result_text(6), natpmp_result_text(0xffff));
}

static bool is_response(const uint8_t *bytes, size_t len)
{
	struct natpmp_response r;

	return natpmp_response_decode(&r, bytes, len);
}

static void refuses_what_is_no_response(void **state)
{
	static const char *const bad[] = {"0000", "0001 0000 d903 a0f1 00001c20",
		/* PCP's */
		"0281 0001 00000000 00000001 000000000000000000000000",
		/* TCP */
		"0082 0000 00000e12 d903 a0f2 00001c20", NULL};

	(void)state;
	assert_refuses_all(is_response, bad);
}

static void refuses_each_truncation(void **state)
{
	(void)state;
	assert_refuses_truncations(is_response, address_response);
	assert_refuses_truncations(is_response, map_response);
	assert_refuses_truncations(is_response, "0085 0005 00000002");
}

/* Section 3.6: a router's clock may lose an eighth and 2 s, and gain what it likes. */
static void judges_epochs(void **state)
{
	static const struct {
		uint32_t from, to;
		unsigned elapsed;
		bool kept;
	} cases[] = {
		{1000, 1000, 0, true},
		{1000, 998, 0, true},
		{1000, 997, 0, false},
		{1000, 1080, 80, true},
		{1000, 1068, 80, true},
		{1000, 1067, 80, false},
		{1000, 5000, 80, true},
		{1000, 0, 80, false},
		{10, 80, 80, true},
		{10, 77, 80, false},
		{UINT32_MAX, 0, 1, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct natpmp_epoch e = {0};

		assert_true(natpmp_epoch_check(&e, cases[i].from, 5 * SECOND));
		assert_int_equal(natpmp_epoch_check(&e, cases[i].to,
					 5 * SECOND + cases[i].elapsed * SECOND),
			cases[i].kept);
		assert_int_equal(e.server, cases[i].to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_requests),
		cmocka_unit_test(reads_an_address),
		cmocka_unit_test(reads_a_mapping),
		cmocka_unit_test(reads_errors),
		cmocka_unit_test(refuses_what_is_no_response),
		cmocka_unit_test(refuses_each_truncation),
		cmocka_unit_test(judges_epochs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
