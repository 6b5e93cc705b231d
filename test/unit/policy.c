/* SPDX-License-Identifier: MIT */
/* The file of --guests, and who has which number. */
#include "cmd/policy.h"
#include "cmd/numbers.h"
#include "core/ticket.h"
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

static char path[64], why[512];
static struct policy p;

static const char *print_of(uint8_t first)
{
	static char texts[4][SERVICE_NAME_MAX];
	static unsigned next;
	const uint8_t identity[32] = {first};
	char *text = texts[next++ % 4];

	service_name_encode(text, identity);
	return text;
}

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/eyelet-policy-XXXXXX");
	fd = mkstemp(path);
	p = (struct policy){.count = 0};
	why[0] = '\0';
	return fd < 0 || close(fd) != 0;
}

static int teardown(void **state)
{
	(void)state;
	policy_free(&p);
	return unlink(path);
}

static int reads(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int reads(const char *format, ...)
{
	FILE *file = fopen(path, "w");
	va_list arguments;

	assert_non_null(file);
	va_start(arguments, format);
	vfprintf(file, format, arguments);
	va_end(arguments);
	fclose(file);
	policy_free(&p);
	return policy_read(&p, path, why, sizeof(why));
}

static const struct policy_guest *found(uint8_t first)
{
	const uint8_t identity[32] = {first};

	return policy_find(&p, identity);
}

static void an_empty_file_lets_all_in(void **state)
{
	(void)state;
	assert_int_equal(reads("%s", ""), 0);
	assert_int_equal(p.count, 0);
	assert_true(p.unknown_allowed);
	assert_null(found(1));
	assert_int_equal(reads("\n# nobody\n \t \n"), 0);
	assert_int_equal(p.count, 0);
}

static void lines_say_who_may_and_where(void **state)
{
	(void)state;
	assert_int_equal(reads("%s anna 127.64.0.7 allow\n"
			       "\t%s  -\t-  deny   # a comment\r\n"
			       "%s j\xc3\xb6rg 127.64.255.254 allow",
				 print_of(9), print_of(3), print_of(5)),
		0);
	assert_int_equal(p.count, 3);
	assert_string_equal(found(9)->name, "anna");
	assert_int_equal(found(9)->number, 7);
	assert_true(found(9)->allowed);
	assert_string_equal(found(3)->name, "");
	assert_int_equal(found(3)->number, 0);
	assert_false(found(3)->allowed);
	assert_string_equal(found(5)->name, "j\xc3\xb6rg");
	assert_int_equal(found(5)->number, 65534);
	assert_null(found(4));
	assert_true(p.unknown_allowed);
}

static void a_star_stands_for_all_others(void **state)
{
	(void)state;
	assert_int_equal(reads("* - - deny\n%s - - allow\n", print_of(1)), 0);
	assert_false(p.unknown_allowed);
	assert_int_equal(p.count, 1);
	assert_int_equal(reads("* - - allow\n"), 0);
	assert_true(p.unknown_allowed);
}

/* Asserts that the file is refused, with these words, and leaves nothing. */
#define assert_refused(words, ...)                                                       \
	do {                                                                             \
		assert_int_equal(reads(__VA_ARGS__), -1);                                \
		if (strstr(why, words) == NULL)                                          \
			fail_msg("\"%s\" is not in: %s", words, why);                    \
		assert_int_equal(p.count, 0);                                            \
		assert_true(p.unknown_allowed);                                          \
	} while (0)

static void what_is_wrong_is_said_with_its_line(void **state)
{
	const char *one = print_of(1), *two = print_of(2);

	(void)state;
	assert_refused("line 1: a line is FINGERPRINT", "%s anna - \n", one);
	assert_refused("line 2: a line is FINGERPRINT", "\n%s anna - allow x\n", one);
	assert_refused("line 1: this is no fingerprint", "%.42s anna - allow\n", one);
	assert_refused("line 1: this is no fingerprint", "%sA anna - allow\n", one);
	assert_refused("line 1: the name is longer", "%s %033d - allow\n", one, 0);
	assert_refused("control character", "%s a\x1b[1m - allow\n", one);
	assert_refused("neither allow nor deny", "%s a - Allow\n", one);
	assert_refused("already", "%s a - allow\n%s b - deny\n", one, one);
	assert_refused("line 3: that guest", "%s a - allow\n%s b - deny\n%s a - allow\n",
		one, two, one);
	assert_refused("line 2: another guest has that address",
		"%s a 127.64.0.1 allow\n%s b 127.64.0.1 deny\n", one, two);
	assert_refused("neither name nor address", "* all - allow\n");
	assert_refused("neither name nor address", "* - 127.64.0.1 allow\n");
	assert_refused("line 2: there is a line for all", "* - - deny\n* - - deny\n");
}

static void addresses_are_of_the_guests_range(void **state)
{
	static const char *const wrong[] = {"127.0.0.1", "127.65.0.1", "10.64.0.1",
		"127.64.0.1:7", "127.64.0", "::1", "127.64.0.256", "anna"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_refused("neither 127.64.x.y nor -", "%s a %s allow\n", print_of(1),
			wrong[i]);
	assert_refused("no guest can have", "%s a 127.64.0.0 allow\n", print_of(1));
	assert_refused("no guest can have", "%s a 127.64.255.255 allow\n", print_of(1));
}

static void a_file_that_is_not_there_is_said(void **state)
{
	(void)state;
	assert_int_equal(policy_read(&p, "/nowhere/guests", why, sizeof(why)), -1);
	assert_non_null(strstr(why, "cannot read /nowhere/guests: No such file"));
	assert_int_equal(policy_read(&p, "/tmp", why, sizeof(why)), -1);
	assert_non_null(strstr(why, "cannot read /tmp: Is a directory"));
}

static void a_number_is_one_guests(void **state)
{
	const uint8_t anna[32] = {1}, bert[32] = {2};
	struct numbers n = {NULL};

	(void)state;
	assert_int_equal(numbers_of(&n, anna), 0);
	assert_true(numbers_claim(&n, anna, 1));
	assert_true(numbers_claim(&n, anna, 1));
	assert_false(numbers_claim(&n, bert, 1));
	assert_true(numbers_claim(&n, bert, NUMBERS_MAX));
	assert_false(numbers_claim(&n, anna, NUMBERS_MAX));
	assert_int_equal(numbers_of(&n, anna), 1);
	assert_int_equal(numbers_of(&n, bert), NUMBERS_MAX);
	assert_true(numbers_claim(&n, anna, NUMBERS_MAX + 1));
	assert_true(numbers_claim(&n, bert, NUMBERS_MAX + 1));
	numbers_free(&n);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_file_lets_all_in),
		TEST(lines_say_who_may_and_where),
		TEST(a_star_stands_for_all_others),
		TEST(what_is_wrong_is_said_with_its_line),
		TEST(addresses_are_of_the_guests_range),
		TEST(a_file_that_is_not_there_is_said),
		cmocka_unit_test(a_number_is_one_guests),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
