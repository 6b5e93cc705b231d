/* SPDX-License-Identifier: MIT */
#include "cmd/mapping.h"
#include "unit.h"

static const struct addr external = {
	.family = ADDR_V4, .port = 41234, .ip = {203, 0, 113, 5}};

static void is_of_no_use_on_one_machine(void **state)
{
	struct servers servers = {.count = 0};

	(void)state;
	assert_false(mapping_is_useful(&servers));
	servers.addrs[servers.count++] = addr_v4(127, 0, 0, 1, 3478);
	assert_true(addr_parse(&servers.addrs[servers.count++], "::1", 3478));
	assert_false(mapping_is_useful(&servers));
	servers.addrs[servers.count++] = addr_v4(192, 0, 2, 1, 3478);
	assert_true(mapping_is_useful(&servers));
}

static void says(const struct portmap_event *e, const char *expected)
{
	struct json j;

	json_start(&j);
	mapping_feed(&j, e);
	json_end(&j);
	assert_string_equal(j.text, expected);
}

static void tells_programs(void **state)
{
	(void)state;
	says(&(struct portmap_event){.type = PORTMAP_MAPPED,
		     .port = 7000,
		     .external = external,
		     .protocol = "PCP"},
		"{\"address\":\"203.0.113.5:41234\",\"port\":7000,\"protocol\":\"PCP\"}"
		"\n");
	says(&(struct portmap_event){.type = PORTMAP_LOST,
		     .port = 7000,
		     .external = external,
		     .protocol = "UPnP",
		     .why = "the network changed"},
		"{\"address\":\"203.0.113.5:41234\",\"protocol\":\"UPnP\","
		"\"why\":\"the network changed\"}\n");
	says(&(struct portmap_event){.type = PORTMAP_FAILED,
		     .protocol = "NAT-PMP",
		     .why = "no UPnP device answers"},
		"{\"why\":\"no UPnP device answers\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_of_no_use_on_one_machine),
		cmocka_unit_test(tells_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
