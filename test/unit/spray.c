/* SPDX-License-Identifier: MIT */
/* Many ports at once: which part is whose, within what budget, which ports, and when. */
#include "core/spray.h"
#include "unit.h"

#define T0 (5 * SECOND)

static const struct addr place = {
	.family = ADDR_V4, .port = 4000, .ip = {203, 0, 113, 5}};

static struct behaviour nat(uint8_t mapping, enum effort effort)
{
	struct chance_budget budget = effort_budget(effort);

	return (struct behaviour){.mapping = mapping,
		.delta = mapping == BEHAVIOUR_SEQUENTIAL ? 1 : 0,
		.port = mapping == BEHAVIOUR_SEQUENTIAL ? 5000 : 0,
		.sockets = (uint16_t)budget.sockets,
		.probes = (uint16_t)budget.probes};
}

static struct spray_plan plan_of(uint8_t own, uint8_t other, enum effort effort)
{
	struct behaviour a = nat(own, effort), b = nat(other, effort);

	return spray_plan(&a, &b);
}

static void gives_each_side_its_part(void **state)
{
	static const struct {
		uint8_t own, other;
		enum spray_part part;
		uint32_t sockets, probes;
	} cases[] = {
		{BEHAVIOUR_FIXED, BEHAVIOUR_RANDOM, SPRAY_PART_PROBES, 256, 756},
		{BEHAVIOUR_RANDOM, BEHAVIOUR_FIXED, SPRAY_PART_SOCKETS, 256, 756},
		{BEHAVIOUR_FIXED, BEHAVIOUR_SEQUENTIAL, SPRAY_PART_PROBES, 4, 64},
		{BEHAVIOUR_SEQUENTIAL, BEHAVIOUR_FIXED, SPRAY_PART_SOCKETS, 4, 64},
		{BEHAVIOUR_SEQUENTIAL, BEHAVIOUR_SEQUENTIAL, SPRAY_PART_PAIRS, 1, 64},
		{BEHAVIOUR_FIXED, BEHAVIOUR_FIXED, SPRAY_PART_NONE, 0, 0},
		{BEHAVIOUR_RANDOM, BEHAVIOUR_RANDOM, SPRAY_PART_NONE, 0, 0},
		{BEHAVIOUR_RANDOM, BEHAVIOUR_SEQUENTIAL, SPRAY_PART_NONE, 0, 0},
		{BEHAVIOUR_UNKNOWN, BEHAVIOUR_RANDOM, SPRAY_PART_NONE, 0, 0},
		{BEHAVIOUR_FIXED, BEHAVIOUR_UNKNOWN, SPRAY_PART_NONE, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct spray_plan p =
			plan_of(cases[i].own, cases[i].other, EFFORT_NORMAL);

		assert_int_equal(p.part, cases[i].part);
		assert_int_equal(p.sockets, cases[i].sockets);
		assert_int_equal(p.probes, cases[i].probes);
		assert_int_equal(plan_of(cases[i].own, cases[i].other, EFFORT_LOW).part,
			SPRAY_PART_NONE);
	}
}

static void stays_within_both_budgets(void **state)
{
	struct behaviour a = nat(BEHAVIOUR_FIXED, EFFORT_HIGH);
	struct behaviour b = nat(BEHAVIOUR_RANDOM, EFFORT_HIGH);
	struct spray_plan p = spray_plan(&a, &b);

	(void)state;
	assert_int_equal(p.sockets, 256);
	assert_int_equal(p.probes, 2048);
	assert_true(p.ppm > 999000);
	b.sockets = 100;
	a.probes = 500;
	p = spray_plan(&a, &b);
	assert_int_equal(p.sockets, 100);
	assert_int_equal(p.probes, 500);
	assert_int_equal(p.ppm, chance_of_hit(NETWORK_PORTS, 100, 500));
	/* More than anybody may want is not believed. */
	b.sockets = a.probes = 65535;
	p = spray_plan(&a, &b);
	assert_int_equal(p.sockets, SPRAY_SOCKETS);
	assert_int_equal(p.probes, SPRAY_PROBES);
	b.sockets = 1; /* hardly a chance */
	assert_int_equal(spray_plan(&a, &b).part, SPRAY_PART_NONE);
}

static void takes_each_port_once(void **state)
{
	static bool seen[65536];

	(void)state;
	for (uint32_t key = 0; key < 3; key++) {
		memset(seen, 0, sizeof(seen));
		for (uint32_t i = 0; i < NETWORK_PORTS; i++) {
			uint16_t port = spray_random_port(key * 77777, i);

			assert_true(port >= 1025);
			assert_false(seen[port]);
			seen[port] = true;
		}
	}
}

/* As random ones do: 756 of them meet 256 in a row about three times, whatever the row. */
static void spreads_over_the_range(void **state)
{
	const double expected = 756.0 * 256 / NETWORK_PORTS;
	unsigned empty = 0, total = 0;

	(void)state;
	for (uint32_t key = 0; key < 400; key++) {
		uint32_t first = 1025 + key * 150;
		unsigned hits = 0;

		for (uint32_t i = 0; i < 756; i++) {
			uint16_t port = spray_random_port(key * 0x10001 + 5, i);

			hits += port >= first && port < first + 256 ? 1 : 0;
		}
		total += hits;
		empty += hits == 0 ? 1 : 0;
	}
	assert_true(total > 400 * expected * 0.9 && total < 400 * expected * 1.1);
	/* 4.9 % of 400 are 20 */
	assert_in_range(empty, 8, 36);
}

static void follows_a_sequence(void **state)
{
	(void)state;
	assert_int_equal(spray_next_port(5000, 1, 0), 5001);
	assert_int_equal(spray_next_port(5000, 2, 3), 5008);
	assert_int_equal(spray_next_port(5000, -1, 0), 4999);
	assert_int_equal(spray_next_port(65535, 1, 0), 1024);
	assert_int_equal(spray_next_port(65530, 8, 1), 1034);
	assert_int_equal(spray_next_port(1024, -1, 0), 65535);
	assert_int_equal(spray_next_port(1030, -8, 63), 65030);
}

/* Runs it to its end; returns how many datagrams went, and when the first and the last. */
static unsigned run(struct spray *s, uint64_t *first_at, uint64_t *last_at)
{
	unsigned count = 0;
	struct addr to;

	while (s->next_at != NEVER) {
		uint64_t now = s->next_at;

		for (unsigned i = 0; i < SPRAY_BURST && spray_next(s, &to); i++) {
			assert_true(addr_same_ip(&to, &place));
			if (count++ == 0)
				*first_at = now;
			*last_at = now;
		}
		spray_tick(s, now);
	}
	return count;
}

static void paces_what_it_sends(void **state)
{
	static const struct {
		uint8_t own, other;
		bool is_host;
		uint64_t first, last;
		unsigned count;
	} cases[] = {
		{BEHAVIOUR_FIXED, BEHAVIOUR_RANDOM, true, 0, 3020, 756},
		{BEHAVIOUR_FIXED, BEHAVIOUR_RANDOM, false, 0, 3020, 756},
		{BEHAVIOUR_RANDOM, BEHAVIOUR_FIXED, false, 3040, 4060, 256},
		{BEHAVIOUR_RANDOM, BEHAVIOUR_FIXED, true, 3440, 4460, 256},
		{BEHAVIOUR_SEQUENTIAL, BEHAVIOUR_FIXED, false, 260, 260, 4},
		{BEHAVIOUR_SEQUENTIAL, BEHAVIOUR_SEQUENTIAL, false, 0, 240, 64},
		{BEHAVIOUR_SEQUENTIAL, BEHAVIOUR_SEQUENTIAL, true, 400, 640, 64},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct spray_plan plan =
			plan_of(cases[i].own, cases[i].other, EFFORT_NORMAL);
		struct behaviour other = nat(cases[i].other, EFFORT_NORMAL);
		uint64_t first_at = 0, last_at = 0;
		struct spray s;

		spray_start(&s, &plan, &place, &other, 7, cases[i].is_host, T0);
		assert_int_equal(run(&s, &first_at, &last_at), cases[i].count);
		assert_int_equal((first_at - T0) / MILLISECOND, cases[i].first);
		assert_int_equal((last_at - T0) / MILLISECOND, cases[i].last);
		assert_true(s.ends_at >= last_at + SPRAY_GRACE);
	}
}

/* Two sequences, of each of which others took some: a pair of datagrams still meets. */
static void meets_in_spite_of_strays(void **state)
{
	struct spray_plan plan =
		plan_of(BEHAVIOUR_SEQUENTIAL, BEHAVIOUR_SEQUENTIAL, EFFORT_NORMAL);
	struct behaviour host = nat(BEHAVIOUR_SEQUENTIAL, EFFORT_NORMAL);
	struct behaviour guest = nat(BEHAVIOUR_SEQUENTIAL, EFFORT_NORMAL);

	(void)state;
	host.port = 20000;
	for (unsigned strays = 0; strays < 8; strays++) {
		unsigned met = 0, at_host = strays / 2, at_guest = strays - at_host;
		uint16_t to_host[64], to_guest[64];
		struct spray s;
		struct addr to;

		spray_start(&s, &plan, &place, &host, 0, false, T0);
		for (unsigned i = 0; spray_next(&s, &to); i++)
			to_host[i] = to.port;
		spray_start(&s, &plan, &place, &guest, 0, true, T0);
		for (unsigned i = 0; spray_next(&s, &to); i++)
			to_guest[i] = to.port;
		for (unsigned i = 0; i < 64; i++)
			for (unsigned k = 0; k < 64; k++)
				met += to_host[i] == 20001 + k + at_host &&
						       to_guest[k] == 5001 + i + at_guest
					       ? 1
					       : 0;
		assert_true(met > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_each_side_its_part),
		cmocka_unit_test(stays_within_both_budgets),
		cmocka_unit_test(takes_each_port_once),
		cmocka_unit_test(spreads_over_the_range),
		cmocka_unit_test(follows_a_sequence),
		cmocka_unit_test(paces_what_it_sends),
		cmocka_unit_test(meets_in_spite_of_strays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
