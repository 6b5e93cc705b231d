/* SPDX-License-Identifier: MIT */
/* Token buckets at literal times. */
#include "core/bucket.h"
#include "core/path.h"
#include "unit.h"

#define T0 (1000 * SECOND)

static const uint8_t key[16] = {7};
static struct bucket_field field;

static struct addr address(const char *text)
{
	struct addr addr;

	assert_true(addr_parse(&addr, text, 1));
	return addr;
}

static void begins_full_and_holds_no_more(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 10, 3, T0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(bucket_take(&b, 1, T0));
	assert_false(bucket_take(&b, 1, T0));
	/* A day later it holds its burst, not a day's tokens. */
	for (unsigned i = 0; i < 3; i++)
		assert_true(bucket_take(&b, 1, T0 + 86400 * SECOND));
	assert_false(bucket_take(&b, 1, T0 + 86400 * SECOND));
}

static void fills_at_its_rate_to_the_nanosecond(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 10, 5, T0);
	assert_true(bucket_take(&b, 5, T0));
	assert_false(bucket_take(&b, 1, T0 + 100 * MILLISECOND - 1));
	assert_true(bucket_take(&b, 1, T0 + 100 * MILLISECOND));
	assert_false(bucket_take(&b, 1, T0 + 100 * MILLISECOND));
	assert_true(bucket_take(&b, 4, T0 + 500 * MILLISECOND));
	assert_false(bucket_take(&b, 1, T0 + 599999999));
	assert_true(bucket_take(&b, 1, T0 + 600 * MILLISECOND));
}

/* Who asks too often loses none of what it waited for. */
static void keeps_fractions_between_refusals(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 1, 1, T0);
	assert_true(bucket_take(&b, 1, T0));
	for (uint64_t ms = 1; ms < 1000; ms++)
		assert_false(bucket_take(&b, 1, T0 + ms * MILLISECOND));
	assert_true(bucket_take(&b, 1, T0 + SECOND));
}

static void takes_all_or_nothing(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 1, 5, T0);
	assert_false(bucket_take(&b, 6, T0));
	assert_true(bucket_take(&b, 0, T0));
	assert_true(bucket_take(&b, 3, T0));
	assert_false(bucket_take(&b, 3, T0));
	assert_true(bucket_take(&b, 2, T0));
	assert_true(bucket_take(&b, 0, T0));
	assert_false(bucket_take(&b, 1, T0));
}

static void never_fills_without_a_rate(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 0, 1, T0);
	assert_true(bucket_take(&b, 1, T0));
	assert_false(bucket_take(&b, 1, T0 + 86400 * SECOND));
	bucket_init(&b, 100, 0, T0);
	assert_false(bucket_take(&b, 1, T0 + 86400 * SECOND));
}

static void does_not_overflow(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, UINT32_MAX, UINT32_MAX, 0);
	assert_true(bucket_take(&b, UINT32_MAX, 0));
	assert_false(bucket_take(&b, 1, 0));
	assert_true(bucket_take(&b, UINT32_MAX, NEVER - 1));
	assert_false(bucket_take(&b, 5, NEVER));
	assert_true(bucket_take(&b, 4, NEVER)); /* of one nanosecond */
}

/* Whatever the sequence: never more than the burst and the rate allow, never fewer. */
static void gives_what_a_model_gives(void **state)
{
	uint64_t random = random_start(), now = T0, given = 0;
	const uint32_t rate = 7, burst = 20;
	struct bucket b;

	(void)state;
	bucket_init(&b, rate, burst, T0);
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t most;

		now += random_below(&random, 200 * MILLISECOND); /* it never fills */
		if (bucket_take(&b, 1, now))
			given++;
		most = burst + (now - T0) * rate / SECOND;
		assert_true(given <= most);
	}
	/* 10,000 asks in about 1,000 s are more than 7 a second. */
	assert_in_range(
		given, (now - T0) * rate / SECOND, burst + (now - T0) * rate / SECOND);
}

static void limits_each_network_by_itself(void **state)
{
	const struct addr one = address("198.51.100.7"), same = address("198.51.100.250"),
			  other = address("198.51.101.7"),
			  six = address("[2001:db8::1]:9"),
			  same_six = address("[2001:db8:0:ff::1]:9"),
			  other_six = address("[2001:db8:0:100::1]:9");

	(void)state;
	bucket_field_init(&field, 1, 2, key, T0);
	assert_true(bucket_field_take(&field, &one, 1, T0));
	assert_true(bucket_field_take(&field, &same, 1, T0));
	assert_false(bucket_field_take(&field, &one, 1, T0));
	assert_true(bucket_field_take(&field, &other, 1, T0));
	assert_true(bucket_field_take(&field, &six, 2, T0));
	assert_false(bucket_field_take(&field, &same_six, 1, T0));
	assert_true(bucket_field_take(&field, &other_six, 1, T0));
	assert_false(bucket_field_take(&field, &one, 1, T0 + SECOND - 1));
	assert_true(bucket_field_take(&field, &one, 1, T0 + SECOND));
}

/* A source that changes its port escapes no limit. */
static void counts_no_ports(void **state)
{
	struct addr source = address("198.51.100.7");

	(void)state;
	bucket_field_init(&field, 1, 2, key, T0);
	source.port = 1;
	assert_true(bucket_field_take(&field, &source, 2, T0));
	source.port = 2;
	assert_false(bucket_field_take(&field, &source, 1, T0));
}

static unsigned used_cells(const uint8_t secret[16])
{
	unsigned used = 0;

	bucket_field_init(&field, 1, 1, secret, T0);
	for (unsigned i = 0; i < 4096; i++) {
		const struct addr a = addr_v4(11, (uint8_t)(i >> 8), (uint8_t)i, 1, 1);

		used += bucket_field_take(&field, &a, 1, T0);
	}
	return used;
}

/* 4,096 networks into 4,096 cells: about 1 - 1/e of them are met, whatever the key. */
static void spreads_networks_by_the_key(void **state)
{
	uint8_t other[16] = {8};
	unsigned first = used_cells(key);
	uint64_t levels[16];
	bool differs = false;

	(void)state;
	assert_in_range(first, 2400, 2780);
	for (unsigned i = 0; i < 16; i++)
		levels[i] = field.cell[i].level;
	assert_in_range(used_cells(other), 2400, 2780);
	for (unsigned i = 0; i < 16; i++)
		differs = differs || levels[i] != field.cell[i].level;
	assert_true(differs);
}

static void leaves_a_reserve(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 1000, 1000, T0);
	assert_false(bucket_take_above(&b, 501, 500, T0));
	assert_true(bucket_take_above(&b, 500, 500, T0));
	assert_false(bucket_take_above(&b, 1, 500, T0));
	assert_true(bucket_has(&b, 500, T0));
	assert_false(bucket_has(&b, 501, T0));
	assert_true(bucket_take(&b, 500, T0));
	assert_true(bucket_take_above(&b, 100, 400, T0 + SECOND / 2));
}

static void changes_its_rate(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 1000, 1000, T0);
	assert_true(bucket_take(&b, 1000, T0));
	/* The half second before counts by the rate it had, and fits. */
	bucket_change(&b, 10, 2000, T0 + SECOND / 2);
	assert_true(bucket_has(&b, 500, T0 + SECOND / 2));
	assert_false(bucket_has(&b, 511, T0 + SECOND + SECOND / 2));
	assert_true(bucket_has(&b, 510, T0 + SECOND + SECOND / 2));
	bucket_change(&b, 10, 100, T0 + 2 * SECOND);
	assert_true(bucket_has(&b, 100, T0 + 2 * SECOND));
	assert_false(bucket_has(&b, 101, T0 + 20 * SECOND));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_full_and_holds_no_more),
		cmocka_unit_test(fills_at_its_rate_to_the_nanosecond),
		cmocka_unit_test(keeps_fractions_between_refusals),
		cmocka_unit_test(takes_all_or_nothing),
		cmocka_unit_test(never_fills_without_a_rate),
		cmocka_unit_test(does_not_overflow),
		cmocka_unit_test(gives_what_a_model_gives),
		cmocka_unit_test(leaves_a_reserve),
		cmocka_unit_test(changes_its_rate),
		cmocka_unit_test(limits_each_network_by_itself),
		cmocka_unit_test(counts_no_ports),
		cmocka_unit_test(spreads_networks_by_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
