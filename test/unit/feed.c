/* SPDX-License-Identifier: MIT */
#include "cmd/feed.h"
#include "core/message.h"
#include "core/ticket.h"
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const char *said(const struct event *e)
{
	static struct json j;

	json_start(&j);
	feed_event(&j, e);
	json_end(&j);
	return j.text;
}

static void an_event_says_what_it_has(void **state)
{
	const struct event registered = {.type = EVENT_REGISTERED,
		.addr = addr_v4(192, 0, 2, 130, 3478),
		.peer = addr_v4(198, 51, 100, 2, 4711)};
	const struct event connected = {.type = EVENT_CONNECTED,
		.path = {.remote = addr_v4(203, 0, 113, 7, 4711)},
		.span = 183 * MILLISECOND + 204567};
	const struct event lost = {.type = EVENT_LOST, .why = "it is silent"};

	(void)state;
	assert_string_equal(said(&registered), "{\"rendezvous\":\"192.0.2.130:3478\","
					       "\"observed\":\"198.51.100.2:4711\"}\n");
	assert_string_equal(said(&connected), "{\"path\":\"direct\",\"transport\":"
					      "\"udp\",\"address\":\"203.0.113.7:4711\","
					      "\"took_ms\":183.204}\n");
	assert_string_equal(said(&lost), "{\"why\":\"it is silent\"}\n");
}

static void a_guest_has_its_whole_fingerprint(void **state)
{
	const struct event e = {.type = EVENT_GUEST_NEW, .number = 3, .identity = {7}};
	char print[SERVICE_NAME_MAX], wanted[128];

	(void)state;
	service_name_encode(print, e.identity);
	snprintf(wanted, sizeof(wanted), "{\"number\":3,\"guest\":\"%s\"}\n", print);
	assert_string_equal(said(&e), wanted);
}

static void a_refusal_has_code_and_sentence(void **state)
{
	const struct event e = {.type = EVENT_ASK_REFUSED, .number = REFUSAL_BUSY};
	char wanted[256];

	(void)state;
	snprintf(wanted, sizeof(wanted), "{\"code\":%d,\"why\":\"%s\"}\n", REFUSAL_BUSY,
		refusal_text(REFUSAL_BUSY));
	assert_string_equal(said(&e), wanted);
}

static void what_the_driver_does_is_not_told(void **state)
{
	unsigned count = 0;

	(void)state;
	for (enum event_type type = 0; type < EVENT_COUNT; type++) {
		const struct event e = {.type = type};

		count += feed_is_internal(&e);
		assert_non_null(strstr(said(&e), "}\n"));
	}
	assert_int_equal(count, 3);
}

static void drops_are_named_by_reason(void **state)
{
	struct verdict_counts counts = {.of = {[VERDICT_DROP_UNKNOWN_TYPE] = 5}};
	struct json j;

	(void)state;
	json_start(&j);
	feed_drops(&j, &counts);
	json_end(&j);
	assert_non_null(strstr(j.text, "\"dropped_malformed\":0,"));
	assert_non_null(strstr(j.text, "\"dropped_unknown_type\":5,"));
	assert_null(strstr(j.text, "consumed"));
}

static struct feed feed;
static int saved, ends[2];

/* A pipe as the standard output. */
static int setup(void **state)
{
	(void)state;
	feed = (struct feed){.on = true};
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	return saved < 0 || pipe(ends) != 0 || dup2(ends[1], STDOUT_FILENO) < 0 ||
	       fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0;
}

static int teardown(void **state)
{
	(void)state;
	if (ends[0] >= 0)
		close(ends[0]);
	close(ends[1]);
	return dup2(saved, STDOUT_FILENO) < 0 || close(saved) != 0;
}

static void tell(void)
{
	struct json j;

	json_start(&j);
	json_string(&j, "event", "x");
	feed_end(&feed, &j);
}

/* The pipe is full after some thousand lines; nothing blocks, and the first line that fits
 * again says how many were lost. */
static void a_slow_reader_misses_lines(void **state)
{
	static char text[1 << 20];
	char wanted[64];
	ssize_t len;

	(void)state;
	while (feed.dropped < 100)
		tell();
	assert_false(feed.broken);
	len = read(ends[0], text, sizeof(text));
	assert_in_range(len, 1, sizeof(text) - 1);
	assert_int_equal(text[len - 1], '\n');
	tell();
	assert_int_equal(feed.dropped, 0);
	len = read(ends[0], text, sizeof(text) - 1);
	text[len > 0 ? len : 0] = '\0';
	snprintf(wanted, sizeof(wanted), "{\"event\":\"x\",\"missed\":%d}\n", 100);
	assert_string_equal(text, wanted);
}

static void without_the_option_nothing_is_said(void **state)
{
	char byte;

	(void)state;
	feed.on = false;
	tell();
	assert_int_equal(read(ends[0], &byte, 1), -1);
}

static void a_reader_that_has_gone_is_not_missed(void **state)
{
	(void)state;
	close(ends[0]);
	ends[0] = -1;
	tell();
	assert_true(feed.broken);
	tell();
}

#define PIPED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_says_what_it_has),
		cmocka_unit_test(a_guest_has_its_whole_fingerprint),
		cmocka_unit_test(a_refusal_has_code_and_sentence),
		cmocka_unit_test(what_the_driver_does_is_not_told),
		cmocka_unit_test(drops_are_named_by_reason),
		PIPED(a_slow_reader_misses_lines),
		PIPED(without_the_option_nothing_is_said),
		PIPED(a_reader_that_has_gone_is_not_missed),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
