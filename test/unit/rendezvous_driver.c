/* SPDX-License-Identifier: MIT */
/* The rendezvous: its further ports, one inside a host, one that is found elsewhere. */
#include "forwarder_fixture.h"

#include "core/message.h"

static struct cookie_message answer;
static struct addr answerer;
static int asker = -1;
static ev_io wake;

static bool cookie_came(void)
{
	uint8_t buf[1500];
	union sockaddr_any from;
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(asker, buf, sizeof(buf), 0, &from.sa, &from_len);

	if (len < 0)
		return answerer.family != ADDR_NONE;
	assert_true(cookie_decode(&answer, buf, (size_t)len));
	answerer = sockaddr_decode(&from.sa);
	return true;
}

static void on_wake(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)loop, (void)io, (void)revents; /* cookie_came reads */
}

static void ask_cookie(const struct addr *to)
{
	struct addr any = addr_v4(127, 0, 0, 1, 0);
	uint8_t id[ID_SIZE] = {1}, buf[COOKIE_ASK_SIZE];
	union sockaddr_any name;
	socklen_t len = sockaddr_encode(&name, to);

	answerer = (struct addr){0};
	asker = open_udp(&any, NULL);
	assert_int_equal(sendto(asker, buf, cookie_ask_encode(buf, id), 0, &name.sa, len),
		COOKIE_ASK_SIZE);
	ev_io_init(&wake, on_wake, asker, EV_READ);
	ev_io_start(local.loop, &wake);
	RUN_UNTIL(cookie_came);
	ev_io_stop(local.loop, &wake);
	close(asker);
}

static void answers_on_further_ports(void **state)
{
	struct addr main, taken, to;
	int fd;

	(void)state;
	start_rendezvous();
	main = rendezvous_addr();
	ask_cookie(&main);
	assert_true(addr_equal(&answerer, &main));
	assert_int_equal(answer.alt_base, main.port + 1);
	assert_int_equal(__builtin_popcount(answer.alt_mask), 2);
	for (uint16_t bit = 0; bit < 32; bit++) {
		if (!(answer.alt_mask >> bit & 1))
			continue;
		to = main;
		to.port = (uint16_t)(answer.alt_base + bit);
		ask_cookie(&to);
		assert_true(addr_equal(&answerer, &to));
	}
	rendezvous_driver_free(w.rendezvous);
	w.rendezvous = NULL;

	/* The same ports again, the first further one being taken. */
	taken = main;
	taken.port++;
	fd = open_udp(&taken, NULL);
	{
		struct rendezvous_driver_config config = {.listen_count = 2, .alt = 3};
		const char *why;

		rendezvous_config_init(&config.core);
		config.core.entropy = entropy;
		config.listens[0] = main;
		config.listens[1] = addr_v4(127, 0, 0, 2, main.port);
		w.rendezvous = rendezvous_driver_new(local.loop, &config, &w.hooks, &why);
		assert_non_null(w.rendezvous);
	}
	to = addr_v4(127, 0, 0, 2, main.port);
	ask_cookie(&to);
	assert_true(addr_equal(&answerer, &to));
	assert_int_equal(answer.alt_mask & 1, 0);
	assert_int_equal(__builtin_popcount(answer.alt_mask), 3);
	close(fd);
}

static void meets_at_a_rendezvous_inside_the_host(void **state)
{
	struct rendezvous_config inner;
	struct host_driver_config host;
	struct guest_driver_config guest;
	struct addr at = addr_v4(127, 0, 0, 1, free_port()), listen, bound;

	(void)state;
	rendezvous_config_init(&inner);
	inner.entropy = entropy;
	host = host_config(&at);
	host.binds[0].port = at.port;
	host.inner = rendezvous_new(&inner, clock_now());
	assert_non_null(host.inner);
	start_host(&host);
	assert_true(host_driver_bound(w.host, 0, &bound));
	assert_int_equal(bound.port, at.port);
	assert_false(host_driver_bound(w.host, 1, &bound));
	guest = guest_config(&at);
	start_guest(&guest);
	listen = listen_addr(0);
	app_open(&listen, EDGES, 2, edge);
	RUN_UNTIL(all_answered);
}

/* As when a name turns out to be elsewhere (dynamic DNS). */
static void follows_the_rendezvous_elsewhere(void **state)
{
	struct addr nowhere = addr_v4(127, 0, 0, 1, free_port()), rendezvous, listen;
	struct host_driver_config host = host_config(&nowhere);
	struct guest_driver_config guest = guest_config(&nowhere);

	(void)state;
	start_host(&host);
	start_guest(&guest);
	listen = listen_addr(0);
	app_open(&listen, 5, 1, mixed);
	for (int i = 0; i < 5; i++)
		ev_run(local.loop, EVRUN_ONCE);
	start_rendezvous();
	rendezvous = rendezvous_addr();
	host_driver_set_servers(w.host, &rendezvous, 1);
	guest_driver_set_servers(w.guest, &rendezvous, 1);
	RUN_UNTIL(all_answered);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_on_further_ports),
		TEST(meets_at_a_rendezvous_inside_the_host),
		TEST(follows_the_rendezvous_elsewhere),
	};

	return cmocka_run_group_tests(tests, world_apart, NULL);
}
