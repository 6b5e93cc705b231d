/* SPDX-License-Identifier: MIT */
/* The port mapper: a script of what the router says and what the machine meets, and the
 * codecs of PCP and NAT-PMP with it. A router's answer is bytes as they come, or begins as
 * one to the request sent last does, so that nonce and port are right. */
#include "core/portmap.h"
#include "core/natpmp.h"
#include "core/pcp.h"

#include "fuzz/fuzz.h"

#define ANSWER_MAX 64
#define SENT_MAX   16 /* datagrams that one step may make */

enum op { OP_ANSWER, OP_BYTES, OP_TIME, OP_GATEWAY, OP_REFUSED, OP_COUNT };

struct fixture {
	struct portmap *p;
	uint64_t now;
	struct addr gateway; /* family ADDR_NONE: none */
	struct datagram last;
	bool ended;
};

static const struct addr own = {.family = ADDR_V4, .ip = {192, 168, 1, 2}};

/* Requests go to the router, and are of the three sizes there are. */
static void check_output(struct fixture *f)
{
	struct datagram d;
	unsigned sent = 0;

	while (portmap_output(f->p, &d, f->now)) {
		REQUIRE(f->gateway.family == ADDR_V4);
		REQUIRE(addr_equal(&d.path.remote, &f->gateway));
		REQUIRE(d.len == PCP_MAP_SIZE || d.len == PCP_ANNOUNCE_SIZE ||
			d.len == NATPMP_MAP_SIZE || d.len == NATPMP_ADDRESS_SIZE);
		REQUIRE(d.data[0] == PCP_VERSION || d.data[0] == NATPMP_VERSION);
		REQUIRE(++sent <= SENT_MAX);
		f->last = d;
	}
}

static void check_events(struct fixture *f)
{
	struct portmap_event e;

	while (portmap_next_event(f->p, &e)) {
		REQUIRE(e.type < PORTMAP_EVENT_COUNT && e.protocol != NULL);
		if (e.type == PORTMAP_MAPPED)
			REQUIRE(portmap_is_global(&e.external) && e.external.port != 0);
		if (e.type == PORTMAP_NESTED)
			REQUIRE(!portmap_is_global(&e.external));
		REQUIRE((e.why == NULL) == (e.type == PORTMAP_MAPPED));
	}
}

/* It never wants to be woken again at a time that it was woken at. */
static void check(struct fixture *f)
{
	for (unsigned round = 0; portmap_next_timeout(f->p) <= f->now; round++) {
		REQUIRE(round < 4);
		portmap_expire(f->p, f->now);
		check_output(f);
	}
	check_output(f);
	check_events(f);
	if (f->ended)
		REQUIRE(portmap_next_timeout(f->p) == NEVER);
}

static void codecs(const uint8_t *buf, size_t len)
{
	struct natpmp_response natpmp;
	struct pcp_response pcp;

	if (natpmp_response_decode(&natpmp, buf, len))
		REQUIRE(len >= 8 && buf[0] == NATPMP_VERSION && buf[1] >= 128);
	if (pcp_response_decode(&pcp, buf, len) && pcp.version == PCP_VERSION)
		REQUIRE(len >=
			(pcp.opcode == PCP_MAP ? PCP_MAP_SIZE : PCP_ANNOUNCE_SIZE));
}

static void answer(struct fixture *f, struct input *in, bool raw)
{
	struct path path = {.remote = f->gateway};
	size_t len = input_u8(in) % (ANSWER_MAX + 1);
	uint8_t bytes[ANSWER_MAX] = {0}, *buf;

	if (raw) {
		input_bytes(in, bytes, len);
	} else {
		bytes[0] = f->last.data[0];
		bytes[1] = f->last.data[1] | 0x80;
		input_bytes(in, bytes + 2, 14); /* results, lifetimes, epochs, ports */
		memcpy(bytes + 24, f->last.data + 24, 18);
		input_bytes(in, bytes + 42, 2);
		bytes[54] = bytes[55] = 0xff;
		input_bytes(in, bytes + 56, 4);
		len = f->last.data[0] == PCP_VERSION ? f->last.len : 16;
	}
	if (raw && (len & 1) != 0)
		path.remote = input_addr(in);
	buf = fuzz_copy(bytes, len);
	codecs(buf, len);
	portmap_input(f->p, &path, buf, len, f->now);
	free(buf);
}

static void set_gateway(struct fixture *f, struct input *in)
{
	uint8_t which = input_u8(in);
	const struct addr router = addr_v4(192, 168, 1, which, PCP_SERVER_PORT);
	const struct addr none = {.family = ADDR_NONE};

	portmap_set_gateway(f->p, which % 8 == 0 ? NULL : &router, &own, f->now);
	if (f->ended)
		return;
	f->gateway = which % 8 == 0 ? none : router;
}

static void step(struct fixture *f, struct input *in)
{
	uint8_t op = input_u8(in);

	switch (op % OP_COUNT) {
	case OP_ANSWER: answer(f, in, false); break;
	case OP_BYTES: answer(f, in, true); break;
	case OP_TIME: f->now += input_u16(in) * (op & 0x80 ? SECOND : MILLISECOND); break;
	case OP_GATEWAY: set_gateway(f, in); break;
	default: portmap_refused(f->p, f->now);
	}
	check(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = input_over(data, size);
	struct dice dice = {.state = input_u8(&in)};
	struct portmap_config config = {
		.entropy = dice_entropy(&dice), .ports = {7000, 7001}};
	struct fixture f = {.now = 1000 * SECOND};

	config.port_count = 1 + (dice.state & 1);
	f.p = portmap_new(&config);
	REQUIRE(f.p != NULL);
	while (in.left > 0)
		step(&f, &in);
	portmap_shutdown(f.p, f.now);
	f.ended = true;
	check(&f);
	set_gateway(&f, &in);
	check(&f);
	portmap_free(f.p);
	return 0;
}
