/* SPDX-License-Identifier: MIT */
/* The list of guests: what is known in the next run, and what damage costs. */
#include "cmd/guests.h"
#include "state_fixture.h"

struct known {
	uint8_t identities[16][32];
	uint32_t numbers[16];
	unsigned count;
};

static void know(void *arg, const uint8_t identity[32], uint32_t number)
{
	struct known *k = arg;

	assert_true(k->count < 16);
	memcpy(k->identities[k->count], identity, 32);
	k->numbers[k->count++] = number;
}

static struct guests loaded(const struct state *s, struct known *k)
{
	struct guests g;

	*k = (struct known){.count = 0};
	guests_load(&g, s, "a", know, k);
	return g;
}

static void add_guests(const struct state *s, uint32_t first, uint32_t last)
{
	struct known k;
	struct guests g = loaded(s, &k);
	uint8_t identity[32];

	for (uint32_t n = first; n <= last; n++) {
		memset(identity, (int)n, sizeof(identity));
		guests_add(&g, identity, n);
	}
}

static void expect_guests(const struct state *s, unsigned count)
{
	struct known k;

	loaded(s, &k);
	assert_int_equal(k.count, count);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t identity[32];

		memset(identity, (int)i + 1, sizeof(identity));
		assert_int_equal(k.numbers[i], i + 1);
		assert_memory_equal(k.identities[i], identity, sizeof(identity));
	}
}

static void guests_are_known_again(void **state)
{
	struct state s = opened();
	struct stat st;

	(void)state;
	expect_guests(&s, 0);
	add_guests(&s, 1, 2);
	expect_guests(&s, 2);
	add_guests(&s, 3, 5);
	expect_guests(&s, 5);
	assert_string_equal(warnings, "");
	assert_int_equal(stat(path_of("guests-a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void the_last_line_cut_short_costs_one_guest(void **state)
{
	struct state s = opened();
	char text[1024], kept[1024];
	size_t len;

	(void)state;
	add_guests(&s, 1, 3);
	len = read_whole("guests-a", text, sizeof(text));
	write_file("guests-a", text, len - 5);
	expect_guests(&s, 2);
	assert_warned("guests-a is damaged in line 4: 2 guests are known");
	assert_int_equal(read_whole("guests-a.damaged", kept, sizeof(kept)), len - 5);
	warnings[0] = '\0';
	expect_guests(&s, 2);
	assert_string_equal(warnings, "");
	add_guests(&s, 3, 4);
	expect_guests(&s, 4);
}

static void garbage_is_no_guest(void **state)
{
	static const char *const garbage[] = {"", "\n", "x\n", "eyelet-guests 2\n",
		"eyelet-guests 1\nAAAA 1\n", "eyelet-guests 1\n\n",
		"eyelet-guests 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 0\n",
		"eyelet-guests 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA -1\n",
		"eyelet-guests 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 99999999\n",
		"eyelet-guests 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 1 2\n",
		"eyelet-guests 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB 1\n"};
	struct state s = opened();

	(void)state;
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		warnings[0] = '\0';
		write_file("guests-a", garbage[i], strlen(garbage[i]));
		expect_guests(&s, 0);
		assert_warned("is damaged in line");
		add_guests(&s, 1, 1);
		expect_guests(&s, 1);
	}
}

static void random_bytes_are_no_guests(void **state)
{
	struct state s = opened();
	char text[4096];
	struct known k;

	(void)state;
	for (int i = 0; i < 20; i++) {
		random_bytes(&random_state, (uint8_t *)text, sizeof(text));
		write_file("guests-a", text, sizeof(text));
		loaded(&s, &k);
		assert_int_equal(k.count, 0);
		assert_warned("is damaged");
	}
}

static void an_unreadable_list_is_left_alone(void **state)
{
	struct state s = opened();
	struct known k;
	struct guests g;

	(void)state;
	assert_int_equal(mkdir(path_of("guests-a"), 0700), 0);
	g = loaded(&s, &k);
	guests_add(&g, (const uint8_t[32]){1}, 1);
	guests_add(&g, (const uint8_t[32]){2}, 2);
	assert_true(is_there("guests-a"));
	assert_non_null(strchr(warnings, '\n'));
	assert_string_equal(strchr(warnings, '\n'), "\n"); /* one sentence */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(guests_are_known_again),
		TEST(the_last_line_cut_short_costs_one_guest),
		TEST(garbage_is_no_guest),
		TEST(random_bytes_are_no_guests),
		TEST(an_unreadable_list_is_left_alone),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
