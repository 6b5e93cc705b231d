/* SPDX-License-Identifier: MIT */
#include "core/portmap.h"
#include "core/natpmp.h"
#include "core/pcp.h"
#include "core/wire.h"
#include "unit.h"

#define MS    MILLISECOND
#define START (1000 * SECOND)
#define PORT  27015

static const struct addr gateway = {
	.family = ADDR_V4, .port = 5351, .ip = {192, 168, 1, 1}};
static const struct addr own = {.family = ADDR_V4, .ip = {192, 168, 1, 2}};

static uint64_t dice;

struct fixture {
	struct portmap *p;
	uint64_t now;
	struct datagram last; /* what was sent last */
	unsigned sent;        /* since it was last looked at */
};

static void fill(void *arg, uint8_t *bytes, size_t len)
{
	random_bytes(arg, bytes, len);
}

/* Takes what is sent. All of it goes to the router. */
static void pull(struct fixture *f)
{
	struct datagram d;

	while (portmap_output(f->p, &d, f->now)) {
		assert_true(addr_equal(&d.path.remote, &gateway));
		f->last = d;
		f->sent++;
	}
}

/* Lets time pass; returns how many datagrams were sent meanwhile. */
static unsigned run(struct fixture *f, uint64_t span)
{
	uint64_t until = f->now + span, next;
	unsigned before;

	pull(f);
	before = f->sent;
	while ((next = portmap_next_timeout(f->p)) <= until) {
		assert_true(next >= f->now || next == 0);
		f->now = next > f->now ? next : f->now;
		portmap_expire(f->p, f->now);
		assert_true(portmap_next_timeout(f->p) > f->now);
		pull(f);
	}
	f->now = until;
	return f->sent - before;
}

static struct fixture begin_ports(size_t ports)
{
	struct fixture f = {.now = START};
	struct portmap_config config = {.ports = {PORT, PORT + 1}, .port_count = ports};

	dice = random_start();
	config.entropy = (struct entropy){fill, &dice};
	f.p = portmap_new(&config);
	assert_non_null(f.p);
	assert_true(portmap_next_timeout(f.p) == NEVER);
	portmap_set_gateway(f.p, &gateway, &own, f.now);
	return f;
}

#define begin() begin_ports(1)

static enum verdict input(struct fixture *f, const uint8_t *bytes, size_t len)
{
	const struct path path = {.remote = gateway};

	return portmap_input(f->p, &path, bytes, len, f->now);
}

static enum verdict input_hex(struct fixture *f, const char *text)
{
	uint8_t bytes[256];

	return input(f, bytes, unhex(bytes, sizeof(bytes), text));
}

/* Answers the PCP request sent last. */
static enum verdict pcp_answer(struct fixture *f, uint8_t result, uint32_t epoch,
	uint32_t lifetime, struct addr external)
{
	uint8_t bytes[PCP_MAP_SIZE];
	struct writer w = writer_over(bytes, sizeof(bytes));
	static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};

	assert_int_equal(f->last.data[0], PCP_VERSION);
	write_u8(&w, PCP_VERSION);
	write_u8(&w, (uint8_t)(f->last.data[1] | 0x80));
	write_u8(&w, 0);
	write_u8(&w, result);
	write_u32(&w, lifetime);
	write_u32(&w, epoch);
	write_pad(&w, 24);
	if (f->last.data[1] == PCP_MAP) {
		write_bytes(&w, f->last.data + 24, 18); /* up to the external port */
		write_u16(&w, external.port);
		write_bytes(&w, v4, sizeof(v4));
		write_bytes(&w, external.ip, 4);
	}
	return input(f, bytes, writer_len(&w));
}

static enum verdict natpmp_answer_map(
	struct fixture *f, uint16_t result, uint32_t epoch, uint16_t port)
{
	uint8_t bytes[16];
	struct writer w = writer_over(bytes, sizeof(bytes));

	assert_int_equal(f->last.len, NATPMP_MAP_SIZE);
	write_u16(&w, 0x0081);
	write_u16(&w, result);
	write_u32(&w, epoch);
	write_bytes(&w, f->last.data + 4, 2);
	write_u16(&w, port);
	write_u32(&w, 7200);
	return input(f, bytes, writer_len(&w));
}

static uint32_t asked_lifetime(const struct fixture *f)
{
	struct reader r = reader_over(f->last.data + (f->last.data[0] == 2 ? 4 : 8), 4);

	return read_u32(&r);
}

static void expect(struct fixture *f, enum portmap_event_type type,
	const struct addr *external, const char *protocol)
{
	struct portmap_event e;

	assert_true(portmap_next_event(f->p, &e));
	assert_string_equal(portmap_event_name(e.type), portmap_event_name(type));
	assert_int_equal(e.why == NULL, type == PORTMAP_MAPPED);
	if (external != NULL)
		assert_true(addr_equal(&e.external, external));
	if (protocol != NULL)
		assert_string_equal(e.protocol, protocol);
}

static void expect_quiet(struct fixture *f)
{
	struct portmap_event e;

	assert_false(portmap_next_event(f->p, &e));
}

static const struct addr outer = {
	.family = ADDR_V4, .port = 41234, .ip = {203, 0, 113, 5}};

/* Mapped in PCP at epoch 1000. */
static struct fixture begin_pcp(void)
{
	struct fixture f = begin();

	run(&f, 0);
	assert_int_equal(pcp_answer(&f, 0, 1000, 7200, outer), VERDICT_CONSUMED);
	expect(&f, PORTMAP_MAPPED, &outer, "PCP");
	return f;
}

/* Mapped in NAT-PMP at epoch 1000. */
static struct fixture begin_natpmp(void)
{
	struct fixture f = begin();

	run(&f, 0);
	assert_int_equal(input_hex(&f, "0081 0001 000003e8"), VERDICT_CONSUMED);
	run(&f, 0);
	assert_hex(f.last.data, f.last.len, "0000");
	input_hex(&f, "0080 0000 000003e8 cb007105");
	run(&f, 0);
	assert_int_equal(natpmp_answer_map(&f, 0, 1000, outer.port), VERDICT_CONSUMED);
	expect(&f, PORTMAP_MAPPED, &outer, "NAT-PMP");
	return f;
}

static void end(struct fixture *f)
{
	portmap_free(f->p);
}

static void asks_in_pcp_first(void **state)
{
	struct fixture f = begin();

	(void)state;
	assert_int_equal(run(&f, 0), 1);
	assert_int_equal(f.last.len, PCP_MAP_SIZE);
	assert_int_equal(asked_lifetime(&f), 7200);
	/* From 192.168.1.2; the port inside and the same suggested outside. */
	assert_hex(f.last.data + 8, 16, "00000000000000000000ffffc0a80102");
	assert_hex(f.last.data + 36, 8, "11000000 6987 6987");
	assert_int_equal(pcp_answer(&f, 0, 1, 7200, outer), VERDICT_CONSUMED);
	expect(&f, PORTMAP_MAPPED, &outer, "PCP");
	expect_quiet(&f);
	assert_int_equal(run(&f, 50 * SECOND), 0);
	end(&f);
}

/* 250, 500 ms after, each a tenth off at most, then NAT-PMP; all over after 3 s. */
static void gives_a_silent_router_up(void **state)
{
	struct fixture f = begin();
	unsigned sent;

	(void)state;
	assert_int_equal(run(&f, 224 * MS), 1);
	assert_int_equal(run(&f, 52 * MS), 1);
	assert_int_equal(run(&f, 970 * MS), 1);
	assert_int_equal(f.last.data[0], PCP_VERSION);
	sent = run(&f, 1740 * MS);
	expect_quiet(&f);
	sent += run(&f, 20 * MS);
	assert_in_range(sent, 3, 4);
	assert_hex(f.last.data, f.last.len, "0000");
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	/* Again in ten minutes, a tenth off at most. */
	assert_int_equal(run(&f, 539 * SECOND), 0);
	assert_int_equal(portmap_next_timeout(f.p) <= f.now + 122 * SECOND, true);
	assert_true(run(&f, 125 * SECOND) > 0);
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	end(&f);
}

static void tries_again_when_the_network_changed(void **state)
{
	const struct addr elsewhere = addr_v4(10, 0, 0, 1, 0);
	struct fixture f = begin();

	(void)state;
	run(&f, 3100 * MS);
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	portmap_set_gateway(f.p, &gateway, &own, f.now);
	assert_int_equal(run(&f, 0), 1);
	assert_int_equal(pcp_answer(&f, 0, 1, 7200, outer), VERDICT_CONSUMED);
	expect(&f, PORTMAP_MAPPED, &outer, "PCP");
	portmap_set_gateway(f.p, &elsewhere, &own, f.now);
	expect(&f, PORTMAP_LOST, &outer, NULL);
	portmap_set_gateway(f.p, NULL, NULL, f.now);
	assert_true(portmap_next_timeout(f.p) == NEVER);
	expect_quiet(&f);
	end(&f);
}

static void fails_at_once_where_nobody_listens(void **state)
{
	struct fixture f = begin();

	(void)state;
	run(&f, 10 * MS);
	portmap_refused(f.p, f.now);
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	assert_int_equal(run(&f, 100 * SECOND), 0);
	end(&f);
}

static void keeps_what_it_has_while_nobody_listens(void **state)
{
	struct fixture f = begin_pcp();

	(void)state;
	portmap_refused(f.p, f.now);
	expect_quiet(&f);
	end(&f);
}

static void tries_natpmp_after_a_refusal(void **state)
{
	struct fixture f = begin();
	struct portmap_event e;

	(void)state;
	run(&f, 0);
	pcp_answer(&f, PCP_NOT_AUTHORIZED, 1, 1800, addr_v4(0, 0, 0, 0, 0));
	assert_int_equal(run(&f, 0), 1);
	assert_int_equal(f.last.len, NATPMP_ADDRESS_SIZE);
	input_hex(&f, "0080 0000 00000001 cb007105");
	run(&f, 0);
	natpmp_answer_map(&f, NATPMP_NOT_AUTHORIZED, 1, 0);
	assert_true(portmap_next_event(f.p, &e));
	assert_int_equal(e.type, PORTMAP_FAILED);
	assert_string_equal(e.why, "it does not allow it");
	expect_quiet(&f);
	end(&f);
}

/* An answer in PCP that is late is as good. */
static void takes_a_late_answer(void **state)
{
	struct fixture f = begin();
	struct datagram request;

	(void)state;
	run(&f, 0);
	request = f.last;
	run(&f, 1400 * MS);
	assert_int_equal(f.last.len, NATPMP_ADDRESS_SIZE);
	f.last = request;
	assert_int_equal(pcp_answer(&f, 0, 1, 7200, outer), VERDICT_CONSUMED);
	expect(&f, PORTMAP_MAPPED, &outer, "PCP");
	assert_int_equal(run(&f, 10 * SECOND), 0);
	end(&f);
}

static void drops_what_is_not_meant_for_it(void **state)
{
	const struct path stranger = {
		.remote = {.family = ADDR_V4, .port = 5351, .ip = {192, 168, 1, 3}}};
	struct fixture f = begin();

	(void)state;
	run(&f, 0);
	assert_int_equal(portmap_input(f.p, &stranger, f.last.data, 24, f.now),
		VERDICT_DROP_UNSOLICITED);
	assert_int_equal(input(&f, f.last.data, f.last.len), VERDICT_DROP_MALFORMED);
	assert_int_equal(input_hex(&f, ""), VERDICT_DROP_MALFORMED);
	f.last.data[24] ^= 1; /* the nonce */
	assert_int_equal(pcp_answer(&f, 0, 1, 7200, outer), VERDICT_DROP_UNSOLICITED);
	f.last.data[24] ^= 1;
	f.last.data[41] ^= 1; /* the port inside */
	assert_int_equal(pcp_answer(&f, 0, 1, 7200, outer), VERDICT_DROP_UNSOLICITED);
	expect_quiet(&f);
	end(&f);
}

/* At half of the lifetime, up to an eighth of it later. */
static void renews_at_half_of_the_lifetime(void **state)
{
	struct fixture f = begin_pcp();
	uint64_t began = f.now;

	(void)state;
	for (f.last.len = 0; f.last.len != PCP_MAP_SIZE; run(&f, SECOND))
		if (f.last.len == PCP_ANNOUNCE_SIZE)
			pcp_answer(&f, 0, (uint32_t)(1000 + (f.now - began) / SECOND), 0,
				outer);
	assert_in_range((f.now - began) / SECOND, 3600, 4501);
	assert_hex(f.last.data + 42, 2, "a112"); /* what it had */
	pcp_answer(&f, 0, (uint32_t)(1000 + (f.now - began) / SECOND), 7200, outer);
	expect_quiet(&f);
	run(&f, 3000 * SECOND);
	expect_quiet(&f);
	end(&f);
}

static void loses_what_is_not_renewed(void **state)
{
	struct fixture f = begin_pcp();

	(void)state;
	assert_in_range(run(&f, 7199 * SECOND), 110, 240);
	expect_quiet(&f);
	run(&f, 5 * SECOND);
	expect(&f, PORTMAP_LOST, &outer, "PCP");
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	expect_quiet(&f);
	end(&f);
}

static void loses_what_is_refused_at_last(void **state)
{
	struct fixture f = begin_pcp();

	(void)state;
	f.last.len = 0;
	while (f.last.len != PCP_MAP_SIZE)
		run(&f, SECOND);
	pcp_answer(&f, PCP_USER_EX_QUOTA, 4600, 30, outer);
	expect(&f, PORTMAP_LOST, &outer, NULL);
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	end(&f);
}

/* The minute's question shows another epoch: the same is asked for, with the nonce it had. */
static void notices_a_restarted_router(void **state)
{
	struct addr other = outer;
	uint8_t nonce[PCP_NONCE_SIZE];
	struct fixture f = begin_pcp();

	(void)state;
	memcpy(nonce, f.last.data + 24, sizeof(nonce));
	assert_int_equal(run(&f, 67 * SECOND), 1);
	assert_int_equal(f.last.len, PCP_ANNOUNCE_SIZE);
	pcp_answer(&f, 0, 3, 0, outer);
	assert_int_equal(run(&f, 2001 * MS) > 0, true);
	assert_int_equal(f.last.len, PCP_MAP_SIZE);
	assert_memory_equal(f.last.data + 24, nonce, sizeof(nonce));
	assert_hex(f.last.data + 42, 2, "a112");
	other.port = 50000;
	pcp_answer(&f, 0, 5, 7200, other);
	expect(&f, PORTMAP_MAPPED, &other, "PCP");
	expect_quiet(&f);
	end(&f);
}

/* Announcements without end, each of another epoch, are answered once in 10 s. */
static void is_not_driven_by_announcements(void **state)
{
	struct fixture f = begin_pcp();
	unsigned sent = 0;

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		uint8_t bytes[24] = {2, 0x80, [11] = (uint8_t)(i % 2 * 100)};

		assert_int_equal(input(&f, bytes, sizeof(bytes)), VERDICT_CONSUMED);
		sent += run(&f, 100 * MS);
	}
	assert_in_range(sent, 6, 20);
	end(&f);
}

static void natpmp_notices_a_restarted_router(void **state)
{
	struct fixture f = begin_natpmp();

	(void)state;
	assert_int_equal(run(&f, 67 * SECOND), 1);
	assert_hex(f.last.data, f.last.len, "0000");
	input_hex(&f, "0080 0000 00000003 cb007105");
	assert_true(run(&f, 2001 * MS) > 0);
	assert_hex(f.last.data, f.last.len, "0001 0000 6987 a112 00001c20");
	natpmp_answer_map(&f, 0, 5, outer.port);
	expect_quiet(&f);
	end(&f);
}

/* It may announce itself in PCP alone: its epoch is asked for then, once in 10 s. */
static void natpmp_hears_announcements_in_pcp(void **state)
{
	static const char announcement[] =
		"0280 0000 00000000 00000000 000000000000000000000000";
	struct fixture f = begin_natpmp();
	unsigned sent = 0;

	(void)state;
	for (unsigned i = 0; i < 90; i++) {
		assert_int_equal(input_hex(&f, announcement), VERDICT_CONSUMED);
		sent += run(&f, 100 * MS);
	}
	assert_int_equal(sent, 1);
	assert_hex(f.last.data, f.last.len, "0000");
	end(&f);
}

static void natpmp_follows_the_address(void **state)
{
	struct addr other = outer;
	struct fixture f = begin_natpmp();

	(void)state;
	other.ip[3] = 6;
	input_hex(&f, "0080 0000 000003e8 cb007106");
	assert_true(run(&f, 2001 * MS) > 0);
	natpmp_answer_map(&f, 0, 1002, outer.port);
	expect(&f, PORTMAP_MAPPED, &other, "NAT-PMP");
	end(&f);
}

static void has_no_use_for_a_nested_nat(void **state)
{
	static const uint8_t private[][4] = {{10, 1, 2, 3}, {172, 31, 0, 1},
		{192, 168, 0, 2}, {100, 64, 0, 1}, {100, 127, 255, 254}};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct fixture f = begin();
		struct addr external = outer;

		memcpy(external.ip, private[i], 4);
		run(&f, 0);
		pcp_answer(&f, 0, 1, 7200, external);
		expect(&f, PORTMAP_NESTED, &external, "PCP");
		expect_quiet(&f);
		run(&f, 0);
		assert_int_equal(asked_lifetime(&f), 0);
		assert_int_equal(run(&f, 500 * SECOND), 0);
		end(&f);
	}
}

static void natpmp_asks_no_port_of_a_nested_nat(void **state)
{
	struct fixture f = begin();

	(void)state;
	run(&f, 0);
	input_hex(&f, "0081 0001 000003e8");
	run(&f, 0);
	input_hex(&f, "0080 0000 000003e8 64400001");
	expect(&f, PORTMAP_NESTED, NULL, "NAT-PMP");
	assert_int_equal(run(&f, 500 * SECOND), 0);
	end(&f);
}

/* 0.0.0.0: the router has no connection of its own. */
static void waits_for_the_routers_own_connection(void **state)
{
	struct fixture f = begin();

	(void)state;
	run(&f, 0);
	input_hex(&f, "0081 0001 000003e8");
	run(&f, 0);
	input_hex(&f, "0080 0000 000003e8 00000000");
	expect(&f, PORTMAP_FAILED, NULL, NULL);
	end(&f);
}

static void removes_what_it_made(void **state)
{
	struct fixture f = begin_pcp();

	(void)state;
	portmap_shutdown(f.p, f.now);
	assert_int_equal(run(&f, 0), 0);
	assert_int_equal(f.sent, 3); /* the request and two goodbyes */
	assert_int_equal(f.last.len, PCP_MAP_SIZE);
	assert_int_equal(asked_lifetime(&f), 0);
	assert_hex(f.last.data + 42, 2, "0000");
	assert_int_equal(run(&f, 10000 * SECOND), 0);
	end(&f);
	f = begin_natpmp();
	portmap_shutdown(f.p, f.now);
	run(&f, 0);
	assert_hex(f.last.data, f.last.len, "0001 0000 6987 0000 00000000");
	end(&f);
}

static void removes_nothing_where_nothing_is(void **state)
{
	struct fixture f = begin();

	(void)state;
	run(&f, 3100 * MS);
	f.sent = 0;
	portmap_shutdown(f.p, f.now);
	run(&f, SECOND);
	assert_int_equal(f.sent, 0);
	portmap_set_gateway(f.p, &gateway, &own, f.now);
	assert_int_equal(run(&f, SECOND), 0);
	end(&f);
}

/* Two ports, of which the router gives one. */
static void maps_each_port_by_itself(void **state)
{
	struct fixture f = begin_ports(2);
	struct datagram d, requests[2];

	(void)state;
	portmap_expire(f.p, f.now);
	assert_true(portmap_output(f.p, &requests[0], f.now));
	assert_true(portmap_output(f.p, &requests[1], f.now));
	assert_false(portmap_output(f.p, &d, f.now));
	f.last = requests[1];
	assert_int_equal(pcp_answer(&f, 0, 1, 7200, outer), VERDICT_CONSUMED);
	expect(&f, PORTMAP_MAPPED, &outer, NULL);
	f.last = requests[0];
	pcp_answer(&f, PCP_NO_RESOURCES, 1, 30, outer);
	expect_quiet(&f);
	assert_int_equal(run(&f, 50 * SECOND), 0);
	portmap_shutdown(f.p, f.now);
	assert_int_equal(run(&f, 0), 0);
	assert_int_equal(f.sent, 4);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_in_pcp_first),
		cmocka_unit_test(gives_a_silent_router_up),
		cmocka_unit_test(tries_again_when_the_network_changed),
		cmocka_unit_test(fails_at_once_where_nobody_listens),
		cmocka_unit_test(keeps_what_it_has_while_nobody_listens),
		cmocka_unit_test(tries_natpmp_after_a_refusal),
		cmocka_unit_test(takes_a_late_answer),
		cmocka_unit_test(drops_what_is_not_meant_for_it),
		cmocka_unit_test(renews_at_half_of_the_lifetime),
		cmocka_unit_test(loses_what_is_not_renewed),
		cmocka_unit_test(loses_what_is_refused_at_last),
		cmocka_unit_test(notices_a_restarted_router),
		cmocka_unit_test(is_not_driven_by_announcements),
		cmocka_unit_test(natpmp_notices_a_restarted_router),
		cmocka_unit_test(natpmp_hears_announcements_in_pcp),
		cmocka_unit_test(natpmp_follows_the_address),
		cmocka_unit_test(has_no_use_for_a_nested_nat),
		cmocka_unit_test(natpmp_asks_no_port_of_a_nested_nat),
		cmocka_unit_test(waits_for_the_routers_own_connection),
		cmocka_unit_test(removes_what_it_made),
		cmocka_unit_test(removes_nothing_where_nothing_is),
		cmocka_unit_test(maps_each_port_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
