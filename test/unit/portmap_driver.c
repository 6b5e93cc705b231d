/* SPDX-License-Identifier: MIT */
/* Tests of the port mapping driver: a router of the test's own, in a network namespace. */
#include "net/portmap_driver.h"

#include "core/pcp.h"
#include "core/wire.h"
#include "net/sockaddr.h"
#include "net/upnp.h"
#include "sockets.h"

#include <stdio.h>

#define DEADLINE_S 20.0

struct fixture {
	struct ev_loop *loop;
	struct portmap_driver *driver;
	struct portmap_event events[8];
	unsigned count;
	ev_timer deadline;
	int router; /* its socket, -1: nobody listens */
	ev_io io;
	struct addr external;    /* that the router gives */
	uint32_t lifetime;       /* asked for last */
	unsigned asked, removed; /* requests of each kind */
};

static const struct addr outer = {
	.family = ADDR_V4, .port = 41234, .ip = {203, 0, 113, 5}};

static void ip(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "ip %s", arguments);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void on_event(void *arg, const struct portmap_event *event)
{
	struct fixture *f = arg;

	assert_true(f->count < 8);
	f->events[f->count++] = *event;
	ev_break(f->loop, EVBREAK_ONE);
}

static void on_late(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop, (void)timer, (void)revents;
	fail_msg("nothing happened in %.0f s", DEADLINE_S);
}

/* Grants each request. */
static void answer(struct fixture *f)
{
	uint8_t in[PCP_MAP_SIZE], out[PCP_MAP_SIZE];
	static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
	union sockaddr_any from;
	socklen_t from_len = sizeof(from);
	struct writer w = writer_over(out, sizeof(out));
	struct reader r = reader_over(in + 4, 4);

	if (recvfrom(f->router, in, sizeof(in), MSG_DONTWAIT, &from.sa, &from_len) !=
		PCP_MAP_SIZE)
		return;
	f->lifetime = read_u32(&r);
	f->asked += f->lifetime != 0;
	f->removed += f->lifetime == 0;
	write_u32(&w, 0x02810000);
	write_u32(&w, f->lifetime);
	write_u32(&w, 1000);
	write_pad(&w, 24);
	write_bytes(&w, in + 24, 18);
	write_u16(&w, f->external.port);
	write_bytes(&w, v4, sizeof(v4));
	write_bytes(&w, f->external.ip, 4);
	(void)sendto(f->router, out, sizeof(out), 0, &from.sa, from_len);
}

static void on_request(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)loop, (void)revents;
	answer(io->data);
}

static int listen_as_router(void)
{
	const struct addr router = addr_v4(192, 168, 1, 1, PCP_SERVER_PORT);
	union sockaddr_any any;
	socklen_t len = sockaddr_encode(&any, &router);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &any.sa, len), 0);
	return fd;
}

/* A machine at own (a prefix length with it) whose router, 192.168.1.1, is itself, and
 * listens or not. */
static void begin(struct fixture *f, const char *own, bool listens, struct addr bound)
{
	struct portmap_driver_config config = {
		.bound = bound, .event = on_event, .arg = f};
	char command[128];

	if (!namespace_enter() || system("ip link add lan type veth peer lan2 2>&1"))
		skip();
	ip("link set lo up");
	ip("link set lan up");
	ip("link set lan2 up");
	snprintf(command, sizeof(command), "addr add %s dev lan", own);
	ip(command);
	ip("route add 192.168.1.1/32 dev lan");
	ip("route add default via 192.168.1.1 dev lan");
	ip("addr add 192.168.1.1/32 dev lo");
	*f = (struct fixture){
		.loop = ev_loop_new(EVFLAG_AUTO), .router = -1, .external = outer};
	assert_non_null(f->loop);
	if (listens) {
		f->router = listen_as_router();
		ev_io_init(&f->io, on_request, f->router, EV_READ);
		f->io.data = f;
		ev_io_start(f->loop, &f->io);
	}
	ev_timer_init(&f->deadline, on_late, DEADLINE_S, 0.0);
	ev_timer_start(f->loop, &f->deadline);
	f->driver = portmap_driver_new(f->loop, &config);
	assert_non_null(f->driver);
}

static void end(struct fixture *f)
{
	portmap_driver_free(f->driver);
	ev_timer_stop(f->loop, &f->deadline);
	if (f->router >= 0) {
		ev_io_stop(f->loop, &f->io);
		close(f->router);
	}
	ev_loop_destroy(f->loop);
}

static void maps_follows_and_removes(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "192.168.1.2/24", true, addr_v4(0, 0, 0, 0, 7000));
	ev_run(f.loop, 0);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.events[0].type, PORTMAP_MAPPED);
	assert_int_equal(f.events[0].port, 7000);
	assert_true(addr_equal(&f.events[0].external, &outer));
	assert_int_equal(f.lifetime, 7200);
	ip("route del default");
	portmap_driver_network_changed(f.driver);
	assert_int_equal(f.count, 2);
	assert_int_equal(f.events[1].type, PORTMAP_LOST);
	ip("addr del 192.168.1.1/32 dev lo");
	ip("route add default via 192.168.1.1 dev lan");
	ip("addr add 192.168.1.1/32 dev lo");
	portmap_driver_network_changed(f.driver);
	ev_run(f.loop, 0);
	assert_int_equal(f.events[2].type, PORTMAP_MAPPED);
	portmap_driver_free(f.driver);
	f.driver = NULL;
	answer(&f);
	assert_int_equal(f.lifetime, 0);
	end(&f);
}

/* The router's ICMP ends it at once; then UPnP is tried, in vain. */
static void tells_why_nothing_is_mapped(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "192.168.1.2/24", false, addr_v4(0, 0, 0, 0, 7000));
	ev_run(f.loop, 0);
	assert_int_equal(f.events[0].type, PORTMAP_FAILED);
	assert_string_equal(f.events[0].why, "the router takes neither PCP nor NAT-PMP");
	if (upnp_available()) {
		ev_run(f.loop, 0);
		assert_int_equal(f.events[1].type, PORTMAP_FAILED);
		assert_string_equal(f.events[1].why, "no UPnP device answers");
		assert_string_equal(f.events[1].protocol, "UPnP");
	}
	end(&f);
}

/* The router's own address is a private one: told once, however often it is asked, until
 * that has changed. */
static void tells_of_a_nested_nat_once(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "192.168.1.2/24", true, addr_v4(0, 0, 0, 0, 7000));
	f.external = addr_v4(100, 64, 0, 7, 41234);
	ev_run(f.loop, 0);
	assert_int_equal(f.events[0].type, PORTMAP_NESTED);
	assert_true(addr_equal(&f.events[0].external, &f.external));
	for (unsigned i = 1; i <= 3; i++) {
		while (f.removed < 2 * i)
			ev_run(f.loop, EVRUN_ONCE);
		assert_int_equal(f.asked, i);
		portmap_driver_network_changed(f.driver);
	}
	while (f.removed < 8)
		ev_run(f.loop, EVRUN_ONCE);
	assert_int_equal(f.count, 1);
	f.external = outer;
	portmap_driver_network_changed(f.driver);
	ev_run(f.loop, 0);
	assert_int_equal(f.events[1].type, PORTMAP_MAPPED);
	end(&f);
}

/* Runs what is due at once. */
static void expect_quiet(struct fixture *f)
{
	for (unsigned i = 0; i < 3; i++)
		ev_run(f->loop, EVRUN_NOWAIT);
	answer(f);
	assert_int_equal(f->asked, 0);
	assert_int_equal(f->count, 0);
	end(f);
}

static void asks_nobody_where_there_is_no_nat(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "203.0.113.2/24", true, addr_v4(0, 0, 0, 0, 7000));
	expect_quiet(&f);
}

static void asks_nobody_for_another_address(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "192.168.1.2/24", true, addr_v4(10, 0, 0, 1, 7000));
	expect_quiet(&f);
}

/* Ended before it began. */
static void ends_at_any_time(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "192.168.1.2/24", true, addr_v4(0, 0, 0, 0, 7000));
	end(&f);
	portmap_driver_free(NULL);
	portmap_driver_network_changed(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_follows_and_removes),
		cmocka_unit_test(tells_why_nothing_is_mapped),
		cmocka_unit_test(tells_of_a_nested_nat_once),
		cmocka_unit_test(asks_nobody_where_there_is_no_nat),
		cmocka_unit_test(asks_nobody_for_another_address),
		cmocka_unit_test(ends_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
