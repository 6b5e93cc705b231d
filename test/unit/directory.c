/* SPDX-License-Identifier: MIT */
/* Records by key, while their number grows and shrinks. */
#include "core/directory.h"
#include "unit.h"

#define MOST 5000

static const uint8_t hash_key[16] = {5};

static uint32_t add(struct directory *d, const uint8_t key[DIRECTORY_KEY_SIZE])
{
	uint32_t number = pool_take(d->records);
	struct directory_entry *entry = pool_at(d->records, number);

	memcpy(entry->key, key, DIRECTORY_KEY_SIZE);
	assert_true(directory_add(d, number));
	return number;
}

/* Each key is there or not, as a plain list has it, at every size on the way up and down. */
static void finds_what_is_there(void **state)
{
	static uint8_t keys[MOST][DIRECTORY_KEY_SIZE];
	static uint32_t numbers[MOST];
	uint64_t random = random_start();
	struct directory d;
	struct pool records;

	(void)state;
	memset(numbers, 0, sizeof(numbers));
	pool_init(&records, sizeof(struct directory_entry), MOST);
	directory_init(&d, &records, hash_key);
	assert_int_equal(directory_find(&d, keys[0]), 0);
	for (unsigned i = 0; i < MOST; i++)
		random_bytes(&random, keys[i], sizeof(keys[i]));
	for (unsigned i = 0; i < 40000; i++) {
		unsigned k = (unsigned)random_below(&random, MOST);

		assert_int_equal(directory_find(&d, keys[k]), numbers[k]);
		if (numbers[k] == 0) {
			numbers[k] = add(&d, keys[k]);
		} else if (i % 4 == 0) {
			directory_remove(&d, numbers[k]);
			pool_give(&records, numbers[k]);
			numbers[k] = 0;
		}
	}
	for (unsigned k = 0; k < MOST; k++)
		assert_int_equal(directory_find(&d, keys[k]), numbers[k]);
	directory_fini(&d);
	pool_fini(&records);
}

/* A chain for each record, and none is long. */
static void keeps_chains_short(void **state)
{
	unsigned longest = 0;
	struct directory d;
	struct pool records;

	(void)state;
	pool_init(&records, sizeof(struct directory_entry), MOST);
	directory_init(&d, &records, hash_key);
	for (uint32_t i = 0; i < MOST; i++) {
		uint8_t key[DIRECTORY_KEY_SIZE] = {0};

		memcpy(key, &i, sizeof(i));
		add(&d, key);
	}
	assert_int_equal(d.heads.count, MOST);
	for (uint32_t i = 1; i <= MOST; i++) {
		const uint32_t *at = pool_at(&d.heads, i);
		unsigned len = 0;

		for (; *at != 0; len++)
			at = &((struct directory_entry *)pool_at(&records, *at))->next;
		longest = len > longest ? len : longest;
	}
	assert_in_range(longest, 3, 12);
	directory_fini(&d);
	pool_fini(&records);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_is_there),
		cmocka_unit_test(keeps_chains_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
