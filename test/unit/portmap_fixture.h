/* SPDX-License-Identifier: MIT */
/* A machine that asks its router for ports, time that passes for it, and a router's answers in
 * PCP and NAT-PMP. */
#ifndef EYELET_TEST_PORTMAP_FIXTURE_H
#define EYELET_TEST_PORTMAP_FIXTURE_H

#include "core/natpmp.h"
#include "core/pcp.h"
#include "core/portmap.h"
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

static inline void fill(void *arg, uint8_t *bytes, size_t len)
{
	random_bytes(arg, bytes, len);
}

/* Takes what is sent. All of it goes to the router. */
static inline void pull(struct fixture *f)
{
	struct datagram d;

	while (portmap_output(f->p, &d, f->now)) {
		assert_true(addr_equal(&d.path.remote, &gateway));
		f->last = d;
		f->sent++;
	}
}

/* Lets time pass; returns how many datagrams were sent meanwhile. */
static inline unsigned run(struct fixture *f, uint64_t span)
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

static inline struct fixture begin_ports(size_t ports)
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

static inline enum verdict input(struct fixture *f, const uint8_t *bytes, size_t len)
{
	const struct path path = {.remote = gateway};

	return portmap_input(f->p, &path, bytes, len, f->now);
}

static inline enum verdict input_hex(struct fixture *f, const char *text)
{
	uint8_t bytes[256];

	return input(f, bytes, unhex(bytes, sizeof(bytes), text));
}

/* Answers the PCP request sent last. */
static inline enum verdict pcp_answer(struct fixture *f, uint8_t result, uint32_t epoch,
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

static inline enum verdict natpmp_answer_map(
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

static inline uint32_t asked_lifetime(const struct fixture *f)
{
	struct reader r = reader_over(f->last.data + (f->last.data[0] == 2 ? 4 : 8), 4);

	return read_u32(&r);
}

static inline void expect(struct fixture *f, enum portmap_event_type type,
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

static inline void expect_quiet(struct fixture *f)
{
	struct portmap_event e;

	assert_false(portmap_next_event(f->p, &e));
}

static const struct addr outer = {
	.family = ADDR_V4, .port = 41234, .ip = {203, 0, 113, 5}};

/* Mapped in PCP at epoch 1000. */
static inline struct fixture begin_pcp(void)
{
	struct fixture f = begin();

	run(&f, 0);
	assert_int_equal(pcp_answer(&f, 0, 1000, 7200, outer), VERDICT_CONSUMED);
	expect(&f, PORTMAP_MAPPED, &outer, "PCP");
	return f;
}

/* Mapped in NAT-PMP at epoch 1000. */
static inline struct fixture begin_natpmp(void)
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

static inline void end(struct fixture *f)
{
	portmap_free(f->p);
}

#endif
