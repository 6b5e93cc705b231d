/* SPDX-License-Identifier: MIT */
/* Which connections a guest's user hears of. */
#include "cmd/connect.h"
#include "cmd/log.h"
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

static char said[4096]; /* since the last look */
static FILE *log_file;
static int terminal = -1;

/* What was logged meanwhile. */
static const char *look(void)
{
	size_t len;

	rewind(log_file);
	len = fread(said, 1, sizeof(said) - 1, log_file);
	said[len] = '\0';
	assert_int_equal(ftruncate(fileno(log_file), 0), 0);
	rewind(log_file);
	return said;
}

static int start(void **state)
{
	(void)state;
	log_file = tmpfile();
	terminal = dup(STDERR_FILENO);
	return log_file == NULL || dup2(fileno(log_file), STDERR_FILENO) < 0;
}

static int end(void **state)
{
	(void)state;
	(void)dup2(terminal, STDERR_FILENO);
	(void)close(terminal);
	return fclose(log_file);
}

static void ask(struct connect *c, uint32_t number)
{
	const struct event e = {.type = EVENT_ASKING,
		.addr = addr_v4(192, 0, 2, 1, 3478),
		.number = number};

	connect_tell(c, &e);
}

static void connected(struct connect *c, uint8_t last, uint32_t channel)
{
	const struct event e = {.type = EVENT_CONNECTED,
		.path = {.remote = addr_v4(198, 51, 100, last, 40000),
			.channel = channel},
		.span = 12 * MILLISECOND};

	(void)look();
	connect_tell(c, &e);
	c->connected = c->was_connected = true;
}

static struct connect guest(enum log_level level)
{
	struct connect c = {.loop = ev_default_loop(EVFLAG_AUTO)};

	log_init(level);
	ask(&c, 0);
	connected(&c, 7, 0);
	assert_non_null(
		strstr(look(), "connected directly in 12 ms to 198.51.100.7:40000"));
	return c;
}

static void a_renewal_is_a_detail(void **state)
{
	struct connect c = guest(LOG_NORMAL);

	(void)state;
	for (int i = 0; i < 3; i++) {
		ask(&c, 1);
		connected(&c, 7, 0);
		assert_string_equal(look(), "");
	}
	log_init(LOG_VERBOSE);
	ask(&c, 1);
	connected(&c, 7, 0);
	assert_non_null(strstr(look(), "path renewed to 198.51.100.7:40000"));
}

static void what_was_reached_anew_is_said(void **state)
{
	struct connect c = guest(LOG_NORMAL);

	(void)state;
	ask(&c, 0); /* in doubt */
	ask(&c, 1);
	connected(&c, 7, 0);
	assert_non_null(strstr(look(), "connected directly"));
	ask(&c, 1);
	connected(&c, 7, 0);
	assert_string_equal(look(), "");
}

static void another_way_is_said(void **state)
{
	struct connect c = guest(LOG_NORMAL);

	(void)state;
	ask(&c, 1);
	connected(&c, 8, 0);
	assert_non_null(strstr(look(), "connected directly in 12 ms to 198.51.100.8"));
	ask(&c, 1);
	connected(&c, 8, 5);
	assert_non_null(strstr(look(), "connected over the relay"));
	ask(&c, 1);
	connected(&c, 8, 0);
	assert_non_null(strstr(look(), "connected directly"));
}

static void what_was_lost_is_said(void **state)
{
	const struct event lost = {.type = EVENT_LOST, .why = "it fell silent"};
	struct connect c = guest(LOG_NORMAL);

	(void)state;
	connect_tell(&c, &lost);
	c.connected = false;
	ask(&c, 1);
	connected(&c, 7, 0);
	assert_non_null(
		strstr(look(), "connected directly in 12 ms to 198.51.100.7:40000, "
			       "after "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_renewal_is_a_detail),
		cmocka_unit_test(what_was_reached_anew_is_said),
		cmocka_unit_test(another_way_is_said),
		cmocka_unit_test(what_was_lost_is_said),
	};

	return cmocka_run_group_tests(tests, start, end);
}
