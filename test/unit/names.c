/* SPDX-License-Identifier: MIT */
/* Names against a name server of the test's own, in a network namespace where there is no
 * other. */
#include "net/names.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#include "net/sockaddr.h"
#include "net/system.h"
#include "sockets.h"

#define PATIENCE 15.0 /* seconds until a wait has failed */

#define TYPE_A    1
#define TYPE_AAAA 28
#define NXDOMAIN  3
#define SERVFAIL  2

/* What the server says of a name; of any other that it does not exist. */
struct record {
	const char *name;
	const char *addrs[24];
	uint8_t rcode;
	uint16_t silent; /* about this type; 0xffff about both */
};

static struct {
	int fd;
	struct addr addr;
	ev_io io;
	struct record records[4];
	unsigned asked;
} server;

static struct {
	struct addr addrs[NAMES_ADDRS_MAX];
	size_t count;
	unsigned successes, failures;
	char why[400]; /* the last */
} told;

static struct ev_loop *loop;
static struct names *names;
static bool late;

/* The name server (RFC 1035) */

static const struct record *find_record(const char *name)
{
	for (size_t i = 0; i < 4; i++) {
		if (server.records[i].name && !strcasecmp(server.records[i].name, name))
			return &server.records[i];
	}
	return NULL;
}

/* Reads the name of the question into text with dots; returns where it ends. */
static size_t read_name(char *text, const uint8_t *query, size_t len)
{
	size_t at = 12, out = 0;

	while (at < len && query[at] != 0) {
		size_t label = query[at];

		assert_true(at + 1 + label < len && out + label + 2 < 256);
		memcpy(text + out, query + at + 1, label);
		out += label;
		text[out++] = '.';
		at += 1 + label;
	}
	text[out > 0 ? out - 1 : 0] = '\0';
	return at + 1;
}

static size_t add_record(uint8_t *at, uint16_t type, const struct addr *a)
{
	size_t size = type == TYPE_A ? 4 : 16;
	const uint8_t head[] = {
		0xc0, 12, 0, (uint8_t)type, 0, 1, 0, 0, 0, 60, 0, (uint8_t)size};

	memcpy(at, head, sizeof(head));
	memcpy(at + sizeof(head), a->ip, size);
	return sizeof(head) + size;
}

/* Turns the query of len bytes into its answer; returns its length, 0 for silence. */
static size_t answer(uint8_t *query, size_t len)
{
	char name[256];
	size_t end = read_name(name, query, len);
	uint16_t type = (uint16_t)(query[end] << 8 | query[end + 1]);
	const struct record *r = find_record(name);

	if (r && (r->silent == 0xffff || r->silent == type))
		return 0;
	end += 4;
	memset(query + 6, 0, 6);
	query[2] |= 0x80;
	query[3] = (uint8_t)(0x80 | (r ? r->rcode : NXDOMAIN));
	for (size_t i = 0; r && r->addrs[i]; i++) {
		struct addr a;

		assert_true(addr_parse(&a, r->addrs[i], 0));
		if ((a.family == ADDR_V4) != (type == TYPE_A))
			continue;
		end += add_record(query + end, type, &a);
		query[7]++;
	}
	return end;
}

static void on_query(struct ev_loop *l, ev_io *io, int revents)
{
	uint8_t buf[1500];
	union sockaddr_any from;
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(io->fd, buf, 512, 0, &from.sa, &from_len);
	size_t size;

	(void)l, (void)revents;
	assert_true(len > 17);
	server.asked++;
	size = answer(buf, (size_t)len);
	if (size > 0)
		assert_int_equal(sendto(io->fd, buf, size, 0, &from.sa, from_len), size);
}

static void server_open(void)
{
	union sockaddr_any name;
	struct addr any = addr_v4(127, 0, 0, 1, 0);
	socklen_t len = sockaddr_encode(&name, &any);

	memset(&server, 0, sizeof(server));
	server.fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(server.fd, &name.sa, len), 0);
	assert_int_equal(getsockname(server.fd, &name.sa, &len), 0);
	server.addr = sockaddr_decode(&name.sa);
	ev_io_init(&server.io, on_query, server.fd, EV_READ);
	ev_io_start(loop, &server.io);
}

/* The loop */

static void on_told(void *arg, const struct addr *addrs, size_t count, const char *why)
{
	assert_ptr_equal(arg, &told);
	memcpy(told.addrs, addrs, count * sizeof(*addrs));
	told.count = count;
	if (why) {
		told.failures++;
		snprintf(told.why, sizeof(told.why), "%s", why);
	} else {
		told.successes++;
	}
}

static void on_late(struct ev_loop *l, ev_timer *timer, int revents)
{
	(void)timer, (void)revents;
	late = true;
	ev_break(l, EVBREAK_ONE);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOTHING   ((const char *const[]){NULL})

static bool is_told(const char *text)
{
	struct addr a;

	assert_true(resolve_numeric(&a, text, 3478));
	for (size_t i = 0; i < told.count; i++) {
		if (addr_equal(&told.addrs[i], &a))
			return true;
	}
	return false;
}

/* True if just these addresses were told, in any order. */
static bool all_told(const char *const *expected)
{
	size_t count = 0;

	for (; expected[count]; count++) {
		if (!is_told(expected[count]))
			return false;
	}
	return told.count == count;
}

/* Runs the loop until just these addresses and so many failures were told, or for so
 * long. */
static bool run(const char *const *expected, unsigned failures, double seconds)
{
	ev_timer deadline;

	late = false;
	ev_now_update(loop);
	ev_timer_init(&deadline, on_late, seconds, 0);
	ev_timer_start(loop, &deadline);
	while (!(all_told(expected) && told.failures >= failures) && !late)
		ev_run(loop, EVRUN_ONCE);
	ev_timer_stop(loop, &deadline);
	return !late;
}

static void run_until(const char *const *expected, unsigned failures)
{
	assert_true(run(expected, failures, PATIENCE));
	assert_int_equal(told.failures, failures);
}

/* Runs for so long and asserts that nothing is told. */
static void run_in_silence(double seconds)
{
	unsigned before = told.successes + told.failures;

	(void)run(LIST("192.0.2.255"), told.failures, seconds);
	assert_int_equal(told.successes + told.failures, before);
}

/* Starts with the texts, the last of which is NULL. */
static void start(const char *const *texts, unsigned timeout_ms)
{
	static char servers[ADDR_TEXT_MAX];
	struct names_config config = {.texts = texts,
		.default_port = 3478,
		.told = on_told,
		.arg = &told,
		.servers = servers,
		.timeout_ms = timeout_ms,
		.pause_ms = 2000};

	while (texts[config.count])
		config.count++;
	addr_format(servers, &server.addr);
	names = names_new(loop, &config);
	assert_non_null(names);
	assert_int_equal(told.successes + told.failures, 0);
}

static size_t origin(const char *text)
{
	struct addr a;

	assert_true(addr_parse(&a, text, 3478));
	return names_origin(names, &a);
}

static int begin(void **state)
{
	(void)state;
	loop = ev_loop_new(EVFLAG_AUTO);
	memset(&told, 0, sizeof(told));
	server_open();
	return 0;
}

static int end(void **state)
{
	(void)state;
	names_free(names);
	names = NULL;
	ev_io_stop(loop, &server.io);
	close(server.fd);
	ev_loop_destroy(loop);
	return 0;
}

/* The tests */

static void resolves_all_in_both_families(void **state)
{
	(void)state;
	server.records[0] = (struct record){
		.name = "both.test", .addrs = {"192.0.2.1", "2001:db8::1", "192.0.2.2"}};
	server.records[1] = (struct record){.name = "v4.test", .addrs = {"192.0.2.3"}};
	server.records[2] = (struct record){.name = "v6.test", .addrs = {"2001:db8::2"}};
	start(LIST("both.test", "v4.test:5", "192.0.2.9", "v6.test", "[2001:db8::9]:7"),
		1000);
	run_until(LIST("192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.3:5",
			  "192.0.2.9", "2001:db8::2", "[2001:db8::9]:7"),
		0);
	assert_int_equal(origin("192.0.2.2"), 0);
	assert_int_equal(origin("192.0.2.3:5"), 1);
	assert_int_equal(origin("192.0.2.3"), NAMES_MAX);
	assert_int_equal(origin("[2001:db8::9]:7"), 4);
	assert_int_equal(server.asked, 6);
	run_in_silence(0.3);
}

static void needs_no_server_for_addresses(void **state)
{
	struct addr scoped;

	(void)state;
	start(LIST("192.0.2.9", "fe80::1%1", "LocalHost:5"), 1000);
	run_until(LIST("192.0.2.9", "[fe80::1%1]:3478", "127.0.0.1:5", "[::1]:5"), 0);
	assert_int_equal(origin("127.0.0.1:5"), 2);
	assert_int_equal(origin("[::1]:5"), 2);
	assert_true(resolve_numeric(&scoped, "fe80::1%1", 3478));
	assert_int_equal(scoped.scope, 1);
	assert_int_equal(names_origin(names, &scoped), 1);
	assert_int_equal(server.asked, 0);
}

static void says_that_there_is_no_such_name(void **state)
{
	(void)state;
	server.records[0] = (struct record){.name = "there.test", .addrs = {"192.0.2.1"}};
	start(LIST("there.test", "later.test"), 1000);
	run_until(LIST("192.0.2.1"), 1);
	assert_string_equal(
		told.why, "later.test: no such host name, or it has no address");
	/* Asked for again 2 s later, and told once only. */
	server.asked = 0;
	run_in_silence(2.5);
	assert_true(server.asked >= 2);
	server.records[1] = (struct record){.name = "later.test", .addrs = {"192.0.2.4"}};
	run_until(LIST("192.0.2.1", "192.0.2.4"), 1);
}

static void says_what_else_is_wrong(void **state)
{
	(void)state;
	server.records[0] = (struct record){.name = "broken.test", .rcode = SERVFAIL};
	start(LIST("broken.test"), 100);
	run_until(NOTHING, 1);
	assert_string_equal(
		told.why, "broken.test: no name server can be asked, or all refuse");
	names_free(names);
	memset(&told, 0, sizeof(told));

	start(LIST("x.test:99999"), 100);
	run_until(NOTHING, 1);
	assert_string_equal(told.why, "x.test:99999: the port is no number up to 65535");
	names_again(names);
	run_in_silence(0.5);
	names_free(names);
	memset(&told, 0, sizeof(told));

	/* As filters of names have it. */
	server.records[0] = (struct record){
		.name = "blocked.test", .addrs = {"0.0.0.0", "::", "224.0.0.1"}};
	start(LIST("blocked.test"), 100);
	run_until(NOTHING, 1);
	assert_string_equal(
		told.why, "blocked.test: no such host name, or it has no address");
}

static void gives_up_a_silent_server(void **state)
{
	double began = ev_time();

	(void)state;
	server.records[0] = (struct record){.name = "silent.test", .silent = 0xffff};
	start(LIST("silent.test"), 100);
	run_until(NOTHING, 1);
	assert_string_equal(told.why, "silent.test: no name server answers");
	assert_true(ev_time() - began >= 0.6); /* 100, 200 and 400 ms */
	assert_true(ev_time() - began < 3.0);
	assert_int_equal(server.asked, 6);
	server.records[0] =
		(struct record){.name = "silent.test", .addrs = {"192.0.2.1"}};
	run_until(LIST("192.0.2.1"), 1);
}

static void gives_up_where_no_server_is(void **state)
{
	(void)state;
	ev_io_stop(loop, &server.io);
	close(server.fd);
	start(LIST("any.test"), 100);
	run_until(NOTHING, 1);
	assert_string_equal(
		told.why, "any.test: no name server can be asked, or all refuse");
	server_open();
}

/* Broken name servers keep silent about AAAA. */
static void does_not_wait_for_the_other_family(void **state)
{
	double began = ev_time();

	(void)state;
	server.records[0] = (struct record){
		.name = "half.test", .addrs = {"192.0.2.1"}, .silent = TYPE_AAAA};
	server.records[1] = (struct record){.name = "silent.test", .silent = 0xffff};
	start(LIST("half.test", "silent.test"), 400);
	run_until(LIST("192.0.2.1"), 0);
	assert_true(ev_time() - began < 2.8); /* 400, 800 and 1600 ms */
	run_until(LIST("192.0.2.1"), 1);
	assert_string_equal(told.why, "silent.test: no name server answers");
}

/* Dynamic DNS: asked again, a name gives other addresses; where it fails, the old ones
 * are kept. */
static void notices_other_addresses(void **state)
{
	(void)state;
	server.records[0] = (struct record){
		.name = "dyn.test", .addrs = {"192.0.2.1", "2001:db8::1"}};
	server.records[1] = (struct record){.name = "two.test", .addrs = {"192.0.2.7"}};
	start(LIST("dyn.test", "two.test"), 100);
	run_until(LIST("192.0.2.1", "2001:db8::1", "192.0.2.7"), 0);
	server.records[0] = (struct record){.name = "dyn.test", .addrs = {"192.0.2.2"}};
	server.records[1].silent = 0xffff;
	names_again(names);
	names_again(names);
	run_in_silence(0.5); /* the last round was just now */
	run_until(LIST("192.0.2.2", "192.0.2.7"), 1);
	assert_string_equal(told.why, "two.test: no name server answers");
	assert_int_equal(origin("192.0.2.7"), 1);
	server.records[0] = (struct record){.name = "gone.test"};
	names_again(names);
	run_until(LIST("192.0.2.2", "192.0.2.7"), 3);
}

/* A change of the network may have taken the name server away that was asked. */
static void cuts_a_hanging_round_short(void **state)
{
	(void)state;
	server.records[0] = (struct record){.name = "hang.test", .silent = 0xffff};
	server.records[1] = (struct record){.name = "well.test", .addrs = {"192.0.2.7"}};
	start(LIST("well.test", "hang.test"), 60000);
	run_until(LIST("192.0.2.7"), 0);
	names_again(names);
	server.records[0] = (struct record){.name = "hang.test", .addrs = {"192.0.2.1"}};
	run_until(LIST("192.0.2.1", "192.0.2.7"), 0);
}

static void leaves_room_for_each_name(void **state)
{
	(void)state;
	server.records[0] = (struct record){.name = "many.test",
		.addrs = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5",
			"192.0.2.6", "192.0.2.7", "192.0.2.8", "192.0.2.9", "192.0.2.10",
			"192.0.2.11", "2001:db8::1", "2001:db8::2", "2001:db8::3",
			"2001:db8::4", "2001:db8::5", "2001:db8::6", "2001:db8::7",
			"2001:db8::8", "2001:db8::9"}};
	server.records[1] = (struct record){
		.name = "few.test", .addrs = {"192.0.2.99", "2001:db8::99"}};
	start(LIST("many.test", "few.test", "many.test:5"), 1000);
	for (int i = 0; i < 150 && !(is_told("192.0.2.99") && is_told("192.0.2.1:5"));
		i++)
		(void)run(NOTHING, 1, 0.1);
	assert_int_equal(told.count, NAMES_ADDRS_MAX);
	assert_int_equal(origin("192.0.2.99"), 1);
	assert_int_equal(origin("2001:db8::99"), 1);
	assert_int_equal(origin("192.0.2.1:5"), 2);
}

static void can_be_freed_at_any_time(void **state)
{
	(void)state;
	start(LIST("any.test"), 1000);
	names_free(names);
	server.records[0] = (struct record){.name = "silent.test", .silent = 0xffff};
	start(LIST("silent.test", "other.test"), 100);
	run_until(NOTHING, 1);
	/* end() frees it in the middle of the round. */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(resolves_all_in_both_families),
		TEST(needs_no_server_for_addresses),
		TEST(says_that_there_is_no_such_name),
		TEST(says_what_else_is_wrong),
		TEST(gives_up_a_silent_server),
		TEST(gives_up_where_no_server_is),
		TEST(does_not_wait_for_the_other_family),
		TEST(notices_other_addresses),
		TEST(cuts_a_hanging_round_short),
		TEST(leaves_room_for_each_name),
		TEST(can_be_freed_at_any_time),
	};

#if defined(__linux__)
	if (namespace_enter()) {
		interface_set("lo", 65536);
		return cmocka_run_group_tests(tests, NULL, NULL);
	}
#endif
	(void)tests;
	print_message("no network namespace: skipped\n");
	return 77;
}
