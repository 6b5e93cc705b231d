/* SPDX-License-Identifier: MIT */
#include "core/network.h"
#include "unit.h"

struct series {
	const char *what;
	uint16_t local[12], mapped[12];
	uint8_t allocation;
	int32_t delta;
	uint32_t steps, strays, ports;
};

/* Series of ports as NATs give them, and what they are. */
static void tells_how_ports_are_given(void **state)
{
	static const struct series table[] = {
		{"kept", {5, 6, 7, 8}, {5, 6, 7, 8}, NETWORK_PORTS_PRESERVING, 0, 0, 0,
			0},
		{"kept but where taken", {5, 6, 7, 8}, {5, 40000, 7, 8},
			NETWORK_PORTS_PRESERVING, 0, 0, 0, 0},
		{"kept by the first of each socket", {5, 0, 0, 6}, {5, 100, 101, 6},
			NETWORK_PORTS_PRESERVING, 0, 0, 0, 0},
		{"one after the other", {5, 6, 7, 8, 9}, {100, 101, 102, 103, 104},
			NETWORK_PORTS_SEQUENTIAL, 1, 4, 0, 0},
		{"downwards by two", {5, 6, 7, 8}, {108, 106, 104, 102},
			NETWORK_PORTS_SEQUENTIAL, -2, 3, 0, 0},
		{"others in between", {5, 6, 7, 8, 9}, {100, 101, 104, 105, 110},
			NETWORK_PORTS_SEQUENTIAL, 1, 4, 6, 0},
		{"by four, others in between", {5, 6, 7, 8}, {1000, 1004, 1012, 1016},
			NETWORK_PORTS_SEQUENTIAL, 4, 3, 1, 0},
		{"around the end", {5, 6, 7, 8, 9}, {65534, 65535, 1024, 1025, 1026},
			NETWORK_PORTS_SEQUENTIAL, 1, 4, 0, 0},
		{"from a lower end", {5, 6, 7, 8, 9}, {39998, 39999, 30000, 30001, 30002},
			NETWORK_PORTS_SEQUENTIAL, 1, 3, 0, 0},
		{"random", {5, 6, 7, 8, 9}, {50123, 1844, 33001, 60222, 9000},
			NETWORK_PORTS_RANDOM, 0, 0, 0, 64511},
		{"random in a block", {5, 6, 7, 8, 9},
			{40123, 40500, 40001, 40222, 40433}, NETWORK_PORTS_RANDOM, 0, 0,
			0, 512},
		{"too few", {5, 6, 7}, {100, 101, 102}, NETWORK_PORTS_UNKNOWN, 0, 0, 0,
			0},
		{"none", {0}, {0}, NETWORK_PORTS_UNKNOWN, 0, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const struct series *s = &table[i];
		struct network n = {0};
		size_t count = 0;

		while (count < 12 && s->mapped[count] != 0)
			count++;
		network_judge_ports(&n, s->local, s->mapped, count);
		if (n.allocation != s->allocation || n.delta != s->delta ||
			n.steps != s->steps || n.strays != s->strays ||
			n.ports != s->ports)
			fail_msg("%s: %s, delta %d, %u steps, %u strays, %u ports",
				s->what, network_allocation_name(n.allocation), n.delta,
				n.steps, n.strays, n.ports);
	}
}

/* Of random ports next to none look like a sequence. */
static void takes_random_ports_for_random(void **state)
{
	uint64_t random = random_start();
	unsigned wrong = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint16_t local[8], mapped[8];
		struct network n = {0};

		for (uint16_t k = 0; k < 8; k++) {
			local[k] = (uint16_t)(1 + k);
			mapped[k] = (uint16_t)(1025 + random_below(&random, 64511));
		}
		network_judge_ports(&n, local, mapped, 8);
		wrong += n.allocation != NETWORK_PORTS_RANDOM || n.ports != 64511;
	}
	assert_true(wrong <= 5);
}

static void ignores_more_than_it_can_hold(void **state)
{
	uint16_t local[40] = {0}, mapped[40];
	struct network n = {0};

	(void)state;
	for (uint16_t i = 0; i < 40; i++)
		mapped[i] = (uint16_t)(2000 + i);
	network_judge_ports(&n, local, mapped, 40);
	assert_int_equal(n.allocation, NETWORK_PORTS_SEQUENTIAL);
	assert_int_equal(n.steps, 31);
}

static void kinds_come_back(void **state)
{
	static const char *const names[] = {"none", "cone", "address-restricted",
		"port-restricted", "sequential-symmetric", "random-symmetric"};

	(void)state;
	for (int kind = 0; kind < NETWORK_KIND_COUNT; kind++) {
		struct network n = network_of_kind((enum network_kind)kind);

		assert_int_equal(network_kind(&n), kind);
		assert_string_equal(
			network_kind_name((enum network_kind)kind), names[kind]);
		assert_int_equal(network_is_fixed(&n), kind < NETWORK_KIND_SEQUENTIAL);
		assert_int_equal(n.translated, kind != NETWORK_KIND_NONE);
	}
}

/* What is not known or not sure counts as the worse. */
static void expects_the_worse(void **state)
{
	struct network n = {0};

	(void)state;
	assert_int_equal(network_kind(&n), NETWORK_KIND_RANDOM);
	n.mapping = NETWORK_INDEPENDENT;
	assert_int_equal(network_kind(&n), NETWORK_KIND_PORT_RESTRICTED);
	n.filtering = NETWORK_INDEPENDENT;
	assert_int_equal(network_kind(&n), NETWORK_KIND_NONE);
	n.filtering_unsure = true;
	assert_int_equal(network_kind(&n), NETWORK_KIND_ADDRESS_RESTRICTED);
	n.mapping = NETWORK_ADDRESS;
	n.allocation = NETWORK_PORTS_PRESERVING;
	assert_int_equal(network_kind(&n), NETWORK_KIND_RANDOM);
}

static void names_everything(void **state)
{
	(void)state;
	assert_string_equal(network_dependence_name(NETWORK_ADDRESS_AND_PORT),
		"address- and port-dependent");
	assert_string_equal(
		network_allocation_name(NETWORK_PORTS_SEQUENTIAL), "sequential");
	assert_string_equal(network_answer_name(NETWORK_ANSWER_NO), "no");
	assert_string_equal(network_kind_words(NETWORK_KIND_CONE), "full cone NAT");
	assert_string_equal(network_dependence_name(200), "?");
	assert_string_equal(network_allocation_name(200), "?");
	assert_string_equal(network_answer_name(200), "?");
	assert_string_equal(network_kind_name(NETWORK_KIND_COUNT), "?");
	assert_string_equal(network_kind_words(NETWORK_KIND_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_how_ports_are_given),
		cmocka_unit_test(takes_random_ports_for_random),
		cmocka_unit_test(ignores_more_than_it_can_hold),
		cmocka_unit_test(kinds_come_back),
		cmocka_unit_test(expects_the_worse),
		cmocka_unit_test(names_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
