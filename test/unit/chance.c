/* SPDX-License-Identifier: MIT */
#include "core/chance.h"
#include "unit.h"

/* Literal values computed with floating point elsewhere; 64,511 ports are 1025 to 65535. */
static void hits_by_the_birthday_formula(void **state)
{
	static const struct {
		uint32_t ports, open, probes, ppm;
	} table[] = {
		{64511, 256, 756, 951383}, /* 95 %, as promised */
		{64511, 256, 512, 870483},
		{64511, 512, 256, 870483}, /* symmetric, as drawing is */
		{64511, 256, 255, 637938},
		{64511, 64, 1000, 632246},
		{64511, 1, 1, 16},
		{64511, 1, 64511, 1000000},
		{64511, 64511, 1, 1000000},
		{64511, 256, 65535, 1000000},
		{100, 20, 10, 904884},
		{64511, 0, 756, 0},
		{64511, 256, 0, 0},
		{0, 1, 1, 0},
		{2, 1, 1, 500000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_in_range(
			chance_of_hit(table[i].ports, table[i].open, table[i].probes),
			table[i].ppm - (table[i].ppm > 0), table[i].ppm + 1);
}

/* Two random NATs: 54,000 probes for an even chance, next to nothing for a thousand. */
static void two_random_nats_hardly_meet(void **state)
{
	(void)state;
	assert_int_equal(chance_probes_to_meet(64511, 64511, 500000), 53709);
	assert_in_range(chance_of_meeting(64511, 64511, 53709), 499990, 500010);
	assert_in_range(chance_of_meeting(64511, 64511, 756), 136, 138);
	assert_int_equal(chance_of_meeting(64511, 64511, 0), 0);
	assert_int_equal(chance_of_meeting(16, 16, 256), 1000000);
	assert_int_equal(chance_probes_to_meet(64511, 64511, 0), 0);
	/* Blocks of 512 ports each are another matter. */
	assert_in_range(chance_of_meeting(512, 512, 756), 886000, 888500);
}

static void predicts_by_what_was_seen(void **state)
{
	(void)state;
	assert_in_range(chance_of_prediction(7, 0, 1), 888888, 888890); /* 8 of 9 */
	assert_in_range(chance_of_prediction(0, 0, 3), 874999, 875001);
	assert_int_equal(chance_of_prediction(7, 0, 64), 1000000);
	assert_in_range(chance_of_prediction(3, 94, 16), 477000, 485000); /* a busy NAT */
	assert_int_equal(chance_of_prediction(7, 0, 0), 0);
}

/* A draw of cards agrees with the formula. */
static void agrees_with_a_trial(void **state)
{
	uint64_t random = random_start();
	unsigned hits = 0;

	(void)state;
	for (int trial = 0; trial < 2000; trial++) {
		static uint8_t is_open[1000];
		uint16_t deck[1000];
		bool hit = false;

		for (uint16_t i = 0; i < 1000; i++)
			deck[i] = i;
		memset(is_open, 0, sizeof(is_open));
		for (unsigned open = 0; open < 30;) {
			uint64_t at = random_below(&random, 1000);

			open += !is_open[at];
			is_open[at] = 1;
		}
		for (uint64_t i = 0; i < 40; i++) {
			uint64_t k = i + random_below(&random, 1000 - i);
			uint16_t card = deck[k];

			deck[k] = deck[i];
			hit = hit || is_open[card];
		}
		hits += hit;
	}
	/* Within four standard deviations: 0.7115 of 2000. */
	assert_in_range(chance_of_hit(1000, 30, 40), 711527, 711529);
	assert_in_range(hits, 1423 - 82, 1423 + 82);
}

#define D CHANCE_DIRECT
#define P CHANCE_PREDICTED
#define B CHANCE_BIRTHDAY
#define R CHANCE_RELAY

/* The whole table of kinds, at normal effort. */
static void tells_the_way_between_kinds(void **state)
{
	static const uint8_t table[NETWORK_KIND_COUNT][NETWORK_KIND_COUNT] = {
		/* none, cone, address, port, sequential, random */
		{D, D, D, D, D, D},
		{D, D, D, D, D, D},
		{D, D, D, D, D, D},
		{D, D, D, D, P, B},
		{D, D, D, P, P, R},
		{D, D, D, B, R, R},
	};
	const struct chance_budget budget = chance_budget_normal();

	(void)state;
	for (int i = 0; i < NETWORK_KIND_COUNT; i++) {
		for (int k = 0; k < NETWORK_KIND_COUNT; k++) {
			struct network a = network_of_kind((enum network_kind)i);
			struct network b = network_of_kind((enum network_kind)k);
			struct chance c = chance_between(&a, &b, &budget);

			assert_int_equal(c.way, table[i][k]);
			if (c.way == D)
				assert_int_equal(c.ppm, CHANCE_CERTAIN);
			assert_int_equal(c.even != 0, c.way == R);
		}
	}
}

static void tells_what_it_costs(void **state)
{
	const struct chance_budget budget = chance_budget_normal();
	struct network port = network_of_kind(NETWORK_KIND_PORT_RESTRICTED);
	struct network random = network_of_kind(NETWORK_KIND_RANDOM);
	struct network sequential = network_of_kind(NETWORK_KIND_SEQUENTIAL);
	struct chance c = chance_between(&random, &port, &budget);

	(void)state;
	assert_in_range(c.ppm, 951382, 951384);
	assert_int_equal(c.packets, 1012);
	assert_int_equal(c.span, 4048);
	c = chance_between(&sequential, &port, &budget);
	assert_int_equal(c.ppm, CHANCE_CERTAIN);
	assert_int_equal(c.packets, 128);
	assert_int_equal(c.span, 256);
	c = chance_between(&random, &random, &budget);
	assert_int_equal(c.even, 53709);
	c = chance_between(&random, &sequential, &budget);
	assert_int_equal(c.even, 44715);
	assert_in_range(c.ppm, 11649, 11652);
	random.ports = 512; /* a carrier's block: half of it is opened, all of it tried */
	c = chance_between(&port, &random, &budget);
	assert_int_equal(c.ppm, CHANCE_CERTAIN);
	assert_int_equal(c.packets, 768);
}

/* Mapping by destination, but whoever comes is let in on one side, from any port on the
 * other: what arrives tells where to answer. */
static void counts_open_filters(void **state)
{
	const struct chance_budget budget = chance_budget_normal();
	struct network a = network_of_kind(NETWORK_KIND_RANDOM), b = a;

	(void)state;
	a.filtering = NETWORK_INDEPENDENT;
	assert_int_equal(chance_between(&a, &b, &budget).way, CHANCE_RELAY);
	b.filtering = NETWORK_ADDRESS;
	assert_int_equal(chance_between(&a, &b, &budget).way, CHANCE_DIRECT);
	assert_int_equal(chance_between(&b, &a, &budget).way, CHANCE_DIRECT);
	a.filtering_unsure = true;
	assert_int_equal(chance_between(&a, &b, &budget).way, CHANCE_RELAY);
	assert_string_equal(chance_way_name(CHANCE_RELAY), "relay");
	assert_string_equal(chance_way_name(CHANCE_WAY_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hits_by_the_birthday_formula),
		cmocka_unit_test(two_random_nats_hardly_meet),
		cmocka_unit_test(predicts_by_what_was_seen),
		cmocka_unit_test(agrees_with_a_trial),
		cmocka_unit_test(tells_the_way_between_kinds),
		cmocka_unit_test(tells_what_it_costs),
		cmocka_unit_test(counts_open_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
