/* SPDX-License-Identifier: MIT */
#include "cmd/report.h"
#include "core/host.h"
#include "core/message.h"
#include "unit.h"

static struct report_about about = {"rdv.example.net", 30, "q2Vc", NULL, NULL, NULL};

/* Asserts the exit code and that each of the words is in the sentence. */
static void expect(
	const struct guest_progress *p, enum exit_code code, const char *const *words)
{
	char text[REPORT_MAX];
	enum exit_code got = report_failure(text, p, &about);

	if (got != code)
		fail_msg("exit code %d, not %d: %s", got, code, text);
	for (; *words != NULL; words++)
		if (strstr(text, *words) == NULL)
			fail_msg("\"%s\" is not in: %s", *words, text);
	assert_true(strlen(text) + 1 < REPORT_MAX);
	assert_null(strchr(text, '\n'));
}

#define expect_words(p, code, ...)                                                       \
	expect(p, code, (const char *const[]){__VA_ARGS__, NULL})

static void silence_is_unreachable(void **state)
{
	const struct guest_progress p = {.tries = 4};

	(void)state;
	expect_words(&p, EXIT_UNREACHABLE, "rdv.example.net", "did not answer", "30 s",
		"firewall");
}

static void a_stream_that_failed_is_told(void **state)
{
	const struct guest_progress p = {.tries = 4};

	(void)state;
	about.trouble = "the certificate of x is not valid: expired";
	expect_words(&p, EXIT_UNREACHABLE,
		"blocks UDP; besides UDP: the certificate of x is not valid: expired");
	about.trouble = NULL;
}

static void udp_that_is_blocked_is_told(void **state)
{
	const struct guest_progress p = {
		.tries = 1, .rendezvous_heard = true, .no_service = true};

	(void)state;
	about.by = "TCP";
	expect_words(&p, EXIT_NO_SERVICE, "no such service",
		"; UDP seems to be blocked here: no rendezvous answered but by TCP");
	about.by = NULL;
}

static void no_service_has_its_own_code(void **state)
{
	const struct guest_progress p = {
		.tries = 1, .rendezvous_heard = true, .no_service = true};

	(void)state;
	expect_words(&p, EXIT_NO_SERVICE, "no such service", "rdv.example.net",
		"1 attempt)", "ticket or key is not the one");
}

static void a_host_that_went_away_is_no_service(void **state)
{
	const struct guest_progress p = {.tries = 3,
		.rendezvous_heard = true,
		.service_found = true,
		.host_answered = true,
		.no_service = true};

	(void)state;
	expect_words(&p, EXIT_NO_SERVICE, "no such service");
}

static void no_path_is_unreachable(void **state)
{
	const struct guest_progress p = {.tries = 7,
		.rendezvous_heard = true,
		.service_found = true,
		.host_answered = true,
		.addresses = 3};

	(void)state;
	expect_words(
		&p, EXIT_UNREACHABLE, "3 addresses", "7 attempts in 30 s", "--public");
}

static void no_path_has_the_pairs_figures(void **state)
{
	const struct guest_progress p = {
		.rendezvous_heard = true, .host_answered = true, .addresses = 3};
	struct reason_facts facts = reason_facts_of("host");
	const struct report_about known = {
		"rdv.example.net", 30, "q2Vc", &facts, NULL, NULL};
	char text[REPORT_MAX];

	(void)state;
	assert_int_equal(report_failure(text, &p, &known), EXIT_UNREACHABLE);
	assert_non_null(strstr(text, "--public"));
	facts.ours = facts.theirs = network_of_kind(NETWORK_KIND_RANDOM);
	assert_int_equal(report_failure(text, &p, &known), EXIT_UNREACHABLE);
	assert_non_null(strstr(text, ": both NATs pick a random port"));
}

static void no_path_outweighs_another_rendezvous_refusing(void **state)
{
	const struct guest_progress p = {.tries = 7,
		.rendezvous_heard = true,
		.service_found = true,
		.host_answered = true,
		.refused_by_rendezvous = REFUSAL_BUSY,
		.addresses = 1};

	(void)state;
	expect_words(&p, EXIT_UNREACHABLE, "1 address let");
}

static void a_refusal_of_the_host_is_final(void **state)
{
	const struct guest_progress p = {.tries = 1,
		.rendezvous_heard = true,
		.host_answered = true,
		.refused = HOST_REFUSAL_FULL};

	(void)state;
	expect_words(&p, EXIT_REFUSED, "the host refuses",
		host_refusal_text(HOST_REFUSAL_FULL), "--max-guests");
}

static void a_full_host_names_its_limit(void **state)
{
	struct guest_progress p = {.tries = 1,
		.rendezvous_heard = true,
		.host_answered = true,
		.refused = HOST_REFUSAL_NETWORK};

	(void)state;
	expect_words(&p, EXIT_REFUSED, host_refusal_text(HOST_REFUSAL_NETWORK),
		"--max-guests-per-network");
	p.refused = HOST_REFUSAL_HALF_OPEN;
	expect_words(&p, EXIT_REFUSED, host_refusal_text(HOST_REFUSAL_HALF_OPEN),
		"--max-half-open");
}

static void a_denied_guest_hears_what_to_ask_for(void **state)
{
	const struct guest_progress p = {.tries = 1,
		.rendezvous_heard = true,
		.service_found = true,
		.host_answered = true,
		.refused = HOST_REFUSAL_DENIED};

	(void)state;
	expect_words(&p, EXIT_REFUSED,
		"the host refuses: ", host_refusal_text(HOST_REFUSAL_DENIED),
		"--guests, the fingerprint q2Vc");
}

static void refusals_of_the_rendezvous_say_what_helps(void **state)
{
	struct guest_progress p = {.tries = 2, .rendezvous_heard = true};

	(void)state;
	p.refused_by_rendezvous = REFUSAL_NOT_ALLOWED;
	expect_words(&p, EXIT_UNREACHABLE, refusal_text(REFUSAL_NOT_ALLOWED), "--allow");
	p.refused_by_rendezvous = REFUSAL_WRONG_ADDRESS;
	expect_words(
		&p, EXIT_UNREACHABLE, refusal_text(REFUSAL_WRONG_ADDRESS), "--public");
	p.refused_by_rendezvous = REFUSAL_BUSY;
	expect_words(
		&p, EXIT_UNREACHABLE, refusal_text(REFUSAL_BUSY), "second rendezvous");
}

static void another_version_is_a_failure(void **state)
{
	struct guest_progress p = {.tries = 2, .version = 9};

	(void)state;
	expect_words(&p, EXIT_FAILED, "the rendezvous rdv.example.net speaks",
		"version 9", "version 1", "update");
	p.rendezvous_heard = true;
	expect_words(&p, EXIT_FAILED, "the host, met by way of rdv.example.net, speaks",
		"version 9", "version 1", "update");
}

static void the_rest_timed_out(void **state)
{
	struct guest_progress p = {
		.tries = 5, .rendezvous_heard = true, .service_found = true};

	(void)state;
	expect_words(&p, EXIT_TIMED_OUT, "knows the service", "--timeout");
	p.service_found = false;
	expect_words(&p, EXIT_TIMED_OUT, "did not say", "--timeout");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_is_unreachable),
		cmocka_unit_test(a_stream_that_failed_is_told),
		cmocka_unit_test(udp_that_is_blocked_is_told),
		cmocka_unit_test(no_service_has_its_own_code),
		cmocka_unit_test(a_host_that_went_away_is_no_service),
		cmocka_unit_test(no_path_is_unreachable),
		cmocka_unit_test(no_path_has_the_pairs_figures),
		cmocka_unit_test(no_path_outweighs_another_rendezvous_refusing),
		cmocka_unit_test(a_refusal_of_the_host_is_final),
		cmocka_unit_test(refusals_of_the_rendezvous_say_what_helps),
		cmocka_unit_test(another_version_is_a_failure),
		cmocka_unit_test(a_full_host_names_its_limit),
		cmocka_unit_test(a_denied_guest_hears_what_to_ask_for),
		cmocka_unit_test(the_rest_timed_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
