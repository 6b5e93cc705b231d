/* SPDX-License-Identifier: MIT */
/* What is learned of the own NAT, and how it travels. */
#include "core/behaviour.h"
#include "unit.h"

static const struct addr first = {
	.family = ADDR_V4, .port = 4000, .ip = {203, 0, 113, 5}};

static struct behaviour learned(uint16_t port, uint8_t last)
{
	struct addr second = first;
	struct behaviour b = {.mapping = BEHAVIOUR_UNKNOWN, .delta = 7, .port = 9};

	second.port = port;
	second.ip[3] = last;
	behaviour_learn(&b, &first, &second);
	return b;
}

static void learns_the_mapping(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t last;
		uint8_t mapping;
		int16_t delta;
	} cases[] = {{4000, 5, BEHAVIOUR_FIXED, 0}, {4001, 5, BEHAVIOUR_SEQUENTIAL, 1},
		{3998, 5, BEHAVIOUR_SEQUENTIAL, -2}, {4008, 5, BEHAVIOUR_SEQUENTIAL, 8},
		{4009, 5, BEHAVIOUR_RANDOM, 0}, {61234, 5, BEHAVIOUR_RANDOM, 0},
		{4000, 6, BEHAVIOUR_RANDOM, 0}, {4001, 6, BEHAVIOUR_RANDOM, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct behaviour b = learned(cases[i].port, cases[i].last);

		assert_int_equal(b.mapping, cases[i].mapping);
		assert_int_equal(b.delta, cases[i].delta);
		assert_int_equal(
			b.port, b.mapping == BEHAVIOUR_SEQUENTIAL ? cases[i].port : 0);
	}
}

static void is_carried(void **state)
{
	const struct behaviour b = {.mapping = BEHAVIOUR_SEQUENTIAL,
		.spray = true,
		.delta = -3,
		.port = 50000,
		.sockets = 256,
		.probes = 756};
	static const uint8_t golden[BEHAVIOUR_SIZE] = {
		2, 1, 0xff, 0xfd, 0xc3, 0x50, 1, 0, 2, 0xf4};
	uint8_t bytes[BEHAVIOUR_SIZE];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct reader r = reader_over(bytes, sizeof(bytes));
	struct behaviour back;

	(void)state;
	behaviour_write(&w, &b);
	assert_true(w.ok);
	assert_int_equal(writer_len(&w), BEHAVIOUR_SIZE);
	assert_memory_equal(bytes, golden, BEHAVIOUR_SIZE);
	back = behaviour_read(&r);
	assert_true(r.ok);
	assert_int_equal(back.mapping, b.mapping);
	assert_true(back.spray);
	assert_int_equal(back.delta, b.delta);
	assert_int_equal(back.port, b.port);
	assert_int_equal(back.sockets, b.sockets);
	assert_int_equal(back.probes, b.probes);
}

static void does_not_know_later_kinds(void **state)
{
	static const uint8_t later[BEHAVIOUR_SIZE] = {4, 4};
	struct reader r = reader_over(later, sizeof(later));
	struct behaviour b = behaviour_read(&r);

	(void)state;
	assert_int_equal(b.mapping, BEHAVIOUR_UNKNOWN);
	assert_false(b.spray);
}

static void is_supposed_against_one_that_looks_fixed(void **state)
{
	struct behaviour fixed = {.mapping = BEHAVIOUR_FIXED}, host = fixed,
			 guest = fixed;

	(void)state;
	behaviour_suppose(&host, &guest, BEHAVIOUR_SPRAY_MEASURED);
	assert_int_equal(host.mapping, BEHAVIOUR_FIXED);
	assert_int_equal(guest.mapping, BEHAVIOUR_FIXED);
	behaviour_suppose(&host, &guest, BEHAVIOUR_SPRAY_HOST_MOVES);
	assert_int_equal(host.mapping, BEHAVIOUR_RANDOM);
	assert_int_equal(guest.mapping, BEHAVIOUR_FIXED);
	/* What was measured is not supposed away. */
	behaviour_suppose(&host, &guest, BEHAVIOUR_SPRAY_GUEST_MOVES);
	assert_int_equal(host.mapping, BEHAVIOUR_RANDOM);
	assert_int_equal(guest.mapping, BEHAVIOUR_FIXED);
	host = fixed;
	behaviour_suppose(&host, &guest, BEHAVIOUR_SPRAY_GUEST_MOVES);
	assert_int_equal(host.mapping, BEHAVIOUR_FIXED);
	assert_int_equal(guest.mapping, BEHAVIOUR_RANDOM);
	/* Two ports of a carrier's block look like a sequence now and then. */
	guest = (struct behaviour){
		.mapping = BEHAVIOUR_SEQUENTIAL, .delta = 3, .port = 50000};
	behaviour_suppose(&host, &guest, BEHAVIOUR_SPRAY_HOST_MOVES);
	assert_int_equal(host.mapping, BEHAVIOUR_FIXED);
	behaviour_suppose(&host, &guest, BEHAVIOUR_SPRAY_GUEST_MOVES);
	assert_int_equal(guest.mapping, BEHAVIOUR_RANDOM);
	assert_int_equal(guest.delta, 0);
	assert_int_equal(guest.port, 0);
}

static void becomes_a_network(void **state)
{
	static const struct {
		uint8_t mapping, dependence;
		enum network_kind kind;
	} cases[] = {{BEHAVIOUR_UNKNOWN, NETWORK_UNKNOWN, NETWORK_KIND_RANDOM},
		{BEHAVIOUR_FIXED, NETWORK_INDEPENDENT, NETWORK_KIND_PORT_RESTRICTED},
		{BEHAVIOUR_SEQUENTIAL, NETWORK_ADDRESS_AND_PORT, NETWORK_KIND_SEQUENTIAL},
		{BEHAVIOUR_RANDOM, NETWORK_ADDRESS_AND_PORT, NETWORK_KIND_RANDOM}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct behaviour b = {.mapping = cases[i].mapping, .delta = 2};
		struct network n = behaviour_network(&b);

		assert_int_equal(n.mapping, cases[i].dependence);
		assert_int_equal(network_kind(&n), cases[i].kind);
		assert_int_equal(n.filtering, NETWORK_UNKNOWN);
		assert_int_equal(n.delta, b.mapping == BEHAVIOUR_SEQUENTIAL ? 2 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learns_the_mapping),
		cmocka_unit_test(is_carried),
		cmocka_unit_test(does_not_know_later_kinds),
		cmocka_unit_test(is_supposed_against_one_that_looks_fixed),
		cmocka_unit_test(becomes_a_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
