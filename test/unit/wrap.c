/* SPDX-License-Identifier: MIT */
#include "cmd/wrap.h"
#include "cmd/words.h"
#include "unit.h"

#include <signal.h>

static void fills(const char *text, const char *wanted)
{
	char first[] = "game", second[256];
	char *command[] = {first, second, NULL};
	char **got;

	strcpy(second, text);
	got = words_fill(command, "[::1]:7001", "::1", "7001");
	assert_non_null(got);
	assert_string_equal(got[0], "game");
	assert_string_equal(got[1], wanted);
	assert_null(got[2]);
	words_free(got);
}

static void places_are_filled_wherever_they_stand(void **state)
{
	(void)state;
	fills("", "");
	fills("plain", "plain");
	fills("{}", "[::1]:7001");
	fills("udp://{}/x", "udp://[::1]:7001/x");
	fills("{host} {port}{port}", "::1 70017001");
}

static void other_braces_stay(void **state)
{
	(void)state;
	fills("{", "{");
	fills("{ }", "{ }");
	fills("{Host} {hos {port", "{Host} {hos {port");
	fills("awk '{print}'", "awk '{print}'");
	fills("{{}}", "{[::1]:7001}");
}

static void what_was_filled_in_is_not_looked_at_again(void **state)
{
	char word[] = "{}";
	char *command[] = {word, NULL};
	char **got = words_fill(command, "{port}", "h", "1");

	(void)state;
	assert_non_null(got);
	assert_string_equal(got[0], "{port}");
	words_free(got);
}

static void the_address_is_one_that_clients_can_use(void **state)
{
	struct addr listen, wanted, got;

	(void)state;
	assert_true(addr_parse(&listen, "0.0.0.0:7001", 0));
	assert_true(addr_parse(&wanted, "127.0.0.1:7001", 0));
	got = wrap_address(&listen);
	assert_true(addr_equal(&got, &wanted));
	assert_true(addr_parse(&listen, "[::]:7001", 0));
	assert_true(addr_parse(&wanted, "[::1]:7001", 0));
	got = wrap_address(&listen);
	assert_true(addr_equal(&got, &wanted));
	assert_true(addr_parse(&listen, "192.0.2.7:7001", 0));
	got = wrap_address(&listen);
	assert_true(addr_equal(&got, &listen));
}

/* Statuses as Linux and the BSDs have them: the exit code in the second byte, or the
 * signal in the first. */
static void a_status_becomes_a_shells_exit_code(void **state)
{
	(void)state;
	assert_int_equal(wrap_exit_code(0), 0);
	assert_int_equal(wrap_exit_code(7 << 8), 7);
	assert_int_equal(wrap_exit_code(255 << 8), 255);
	assert_int_equal(wrap_exit_code(SIGKILL), 137);
	assert_int_equal(wrap_exit_code(SIGSEGV | 0x80), 139); /* with a core */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_filled_wherever_they_stand),
		cmocka_unit_test(other_braces_stay),
		cmocka_unit_test(what_was_filled_in_is_not_looked_at_again),
		cmocka_unit_test(the_address_is_one_that_clients_can_use),
		cmocka_unit_test(a_status_becomes_a_shells_exit_code),
	};

	return cmocka_run_group_tests_name("wrap", tests, NULL, NULL);
}
