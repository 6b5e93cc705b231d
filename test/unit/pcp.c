/* SPDX-License-Identifier: MIT */
#include "core/pcp.h"
#include "core/path.h"
#include "unit.h"

static const char map_request[] =
	"0201 0000 00001c20 00000000000000000000ffffc0a80102"
	"0102030405060708090a0b0c 11000000 d903 a0f1 00000000000000000000ffffcb007105";
static const char map_response[] =
	"0281 0000 00000e10 00012345 000000000000000000000000"
	"0102030405060708090a0b0c 11000000 d903 a0f2 00000000000000000000ffffcb007105";
static const char announce_response[] =
	"0280 0000 00000000 00000001 000000000000000000000000";

static const struct addr client = {.family = ADDR_V4, .ip = {192, 168, 1, 2}};

static struct pcp_map example(void)
{
	struct pcp_map map = {.internal_port = 0xd903,
		.external = addr_v4(203, 0, 113, 5, 0xa0f1),
		.lifetime = 7200};

	for (uint8_t i = 0; i < PCP_NONCE_SIZE; i++)
		map.nonce[i] = (uint8_t)(i + 1);
	return map;
}

static void writes_a_map_request(void **state)
{
	const struct pcp_map map = example();
	uint8_t out[PCP_MAP_SIZE];

	(void)state;
	assert_int_equal(pcp_map_encode(out, &client, &map), PCP_MAP_SIZE);
	assert_hex(out, sizeof(out), map_request);
}

/* Nothing suggested: the unspecified address of the family, port 0. */
static void writes_a_deletion(void **state)
{
	struct pcp_map map = example();
	uint8_t out[PCP_MAP_SIZE];

	(void)state;
	map.lifetime = 0;
	map.external = addr_v4(0, 0, 0, 0, 0);
	pcp_map_encode(out, &client, &map);
	assert_hex(out, sizeof(out),
		"0201 0000 00000000 00000000000000000000ffffc0a80102"
		"0102030405060708090a0b0c 11000000 d903 0000"
		"00000000000000000000ffff00000000");
}

static void writes_ipv6_as_it_is(void **state)
{
	struct pcp_map map = example();
	uint8_t out[PCP_MAP_SIZE];
	struct addr v6;

	(void)state;
	assert_true(addr_parse(&v6, "2001:db8::2", 0));
	assert_true(addr_parse(&map.external, "::", 0));
	pcp_map_encode(out, &v6, &map);
	assert_hex(out, sizeof(out),
		"0201 0000 00001c20 20010db8000000000000000000000002"
		"0102030405060708090a0b0c 11000000 d903 0000"
		"00000000000000000000000000000000");
}

static void writes_an_announce_request(void **state)
{
	uint8_t out[PCP_ANNOUNCE_SIZE];

	(void)state;
	assert_int_equal(pcp_announce_encode(out, &client), PCP_ANNOUNCE_SIZE);
	assert_hex(
		out, sizeof(out), "0200 0000 00000000 00000000000000000000ffffc0a80102");
}

static bool decodes(struct pcp_response *r, const char *text)
{
	uint8_t bytes[PCP_SIZE_MAX + 8];

	return pcp_response_decode(r, bytes, unhex(bytes, sizeof(bytes), text));
}

static void reads_a_map_response(void **state)
{
	const struct pcp_map sent = example();
	const struct addr external = addr_v4(203, 0, 113, 5, 0xa0f2);
	struct pcp_response r;

	(void)state;
	assert_true(decodes(&r, map_response));
	assert_int_equal(r.version, 2);
	assert_int_equal(r.opcode, PCP_MAP);
	assert_int_equal(r.result, PCP_SUCCESS);
	assert_int_equal(r.epoch, 0x12345);
	assert_int_equal(r.map.lifetime, 3600);
	assert_memory_equal(r.map.nonce, sent.nonce, PCP_NONCE_SIZE);
	assert_int_equal(r.map.internal_port, 0xd903);
	assert_true(addr_equal(&r.map.external, &external));
}

static void reads_an_announcement(void **state)
{
	struct pcp_response r;

	(void)state;
	assert_true(decodes(&r, announce_response));
	assert_int_equal(r.opcode, PCP_ANNOUNCE);
	assert_int_equal(r.epoch, 1);
}

/* An error carries the request's options back: what follows the MAP is not looked at. */
static void reads_an_error(void **state)
{
	struct pcp_response r;

	(void)state;
	assert_true(decodes(&r, "0281 000b 0000001e 00000007 000000000000000000000000"
				"0102030405060708090a0b0c 11000000 d903 a0f2"
				"00000000000000000000ffff00000000 02000000"));
	assert_int_equal(r.result, PCP_CANNOT_PROVIDE_EXTERNAL);
	assert_int_equal(r.map.lifetime, 30);
	assert_int_equal(r.epoch, 7);
}

static void names_each_result(void **state)
{
	(void)state;
	for (uint8_t code = 0; code <= 13; code++)
		for (uint8_t other = 0; other < code; other++)
			assert_string_not_equal(
				pcp_result_text(code), pcp_result_text(other));
	assert_string_equal(pcp_result_text(14), pcp_result_text(255));
}

/* A NAT-PMP server's answer to a PCP request (RFC 6887, appendix A) is of version 0. */
static void reads_other_versions_as_far_as_that(void **state)
{
	struct pcp_response r;

	(void)state;
	assert_true(decodes(&r, "0081 0001 00000064"));
	assert_int_equal(r.version, 0);
	assert_true(decodes(&r, "0181"));
	assert_int_equal(r.version, 1);
	assert_true(decodes(&r, "0381 0001 00000000 00000001 000000000000000000000000"));
	assert_int_equal(r.version, 3);
}

static bool is_response(const uint8_t *bytes, size_t len)
{
	struct pcp_response r;

	return pcp_response_decode(&r, bytes, len);
}

static void refuses_what_is_no_response(void **state)
{
	static const char *const bad[] = {"", "02", map_request,
		"0200 0000 00000000 00000000000000000000ffffc0a80102",
		/* PEER, another opcode */
		"0282 0000 00000000 00000001 000000000000000000000000", NULL};

	(void)state;
	assert_refuses_all(is_response, bad);
}

static void refuses_each_truncation(void **state)
{
	(void)state;
	assert_refuses_truncations(is_response, map_response);
}

static void refuses_other_protocols_and_sizes(void **state)
{
	uint8_t bytes[PCP_SIZE_MAX + 4] = {0};
	struct pcp_response r;

	(void)state;
	unhex(bytes, sizeof(bytes), map_response);
	assert_true(pcp_response_decode(&r, bytes, PCP_SIZE_MAX));
	assert_false(pcp_response_decode(&r, bytes, PCP_SIZE_MAX + 4));
	assert_false(pcp_response_decode(&r, bytes, PCP_MAP_SIZE + 2));
	bytes[36] = 6; /* TCP */
	assert_false(pcp_response_decode(&r, bytes, PCP_MAP_SIZE));
}

/* Section 8.5: seconds of the server and of ours since the response before, and whether the
 * server kept its state. */
static void judges_epochs(void **state)
{
	static const struct {
		uint32_t from, to;
		unsigned elapsed;
		bool kept;
	} cases[] = {
		{1000, 1000, 0, true},
		{1000, 999, 0, true}, /* reordered */
		{1000, 998, 0, false},
		{1000, 1060, 60, true},
		{1000, 1055, 60, true}, /* 5 s slow: a sixteenth and 2 s are allowed */
		{1000, 1054, 60, false},
		{1000, 1066, 60, true},
		{1000, 1067, 60, false},
		{1000, 0, 60, false},
		{1000, 60, 60, false},
		{10, 60, 60, false},
		{UINT32_MAX, 0, 1, false},
		{0, UINT32_MAX, 1, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pcp_epoch e = {0};

		assert_true(pcp_epoch_check(&e, cases[i].from, 5 * SECOND));
		assert_int_equal(pcp_epoch_check(&e, cases[i].to,
					 5 * SECOND + cases[i].elapsed * SECOND),
			cases[i].kept);
		assert_int_equal(e.server, cases[i].to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_map_request),
		cmocka_unit_test(writes_a_deletion),
		cmocka_unit_test(writes_ipv6_as_it_is),
		cmocka_unit_test(writes_an_announce_request),
		cmocka_unit_test(reads_a_map_response),
		cmocka_unit_test(reads_an_announcement),
		cmocka_unit_test(reads_an_error),
		cmocka_unit_test(names_each_result),
		cmocka_unit_test(reads_other_versions_as_far_as_that),
		cmocka_unit_test(refuses_what_is_no_response),
		cmocka_unit_test(refuses_each_truncation),
		cmocka_unit_test(refuses_other_protocols_and_sizes),
		cmocka_unit_test(judges_epochs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
