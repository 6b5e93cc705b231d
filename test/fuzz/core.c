/* SPDX-License-Identifier: MIT */
/* The whole: what happens on the lab's network is read from the input, three bytes of setup
 * and then one operation after the other (the enum below). lab.c and lab_judge.c check the
 * promises after each. */
#include "core/stun.h"
#include "fuzz/lab.h"

#define OPERATIONS_MAX 400
#define RAW_MAX        700

/* In this order in corpora: add at the end only. */
enum op {
	OP_RUN,       /* count: everything arrives, time goes on, that often */
	OP_WAIT,      /* tenths of seconds */
	OP_WAIT_LONG, /* seconds; the highest bit: the deadlines on the way are missed */
	OP_DELIVER,   /* flight */
	OP_DROP,      /* flight */
	OP_COPY,      /* flight: it is doubled */
	OP_FIRST,     /* flight: it overtakes all */
	OP_MUTATE,    /* flight, place (2), bits */
	OP_CUT,       /* flight, length (2) */
	OP_INJECT,    /* from, to, length, bytes */
	OP_REPLAY,    /* record, from, to */
	OP_GUEST,     /* application, size */
	OP_HOST,      /* flow, size */
	OP_ICMP,      /* record, type, offender */
	OP_RESTART,   /* role; 3 and up: after a shutdown */
	OP_FRAME,     /* side, bits, length, plaintext */
	OP_OFFER,     /* flight, place, bits, newer */
	OP_MAC,       /* flight */
	OP_MESSAGE,   /* record, type, code, to */
	OP_STORM,
	OP_STUN,      /* from */
	OP_BLOCK,     /* links */
	OP_BURST,     /* application, count */
	OP_WAIT_MORE, /* fours of seconds */
	OP_STARVE,    /* which allocation of the core from now fails; 0 none */
	OP_PERSON,    /* who runs the guest from its next start on */
	OP_INSTANCE,  /* of the host from its next start on */
	OP_MOVE,      /* role, and in the highest bit: it is told */
	OP_MTU,       /* which */
	OP_POLICY,    /* person, what */
	OP_RESOLVE,   /* role, which */
	OP_SLOTS = 32 /* room for more without another meaning for old inputs */
};

static struct lab_setup read_setup(struct input *in)
{
	static const uint32_t guests[] = {4, 4, 1, 0}, half_open[] = {8, 8, 1, 0};
	static const uint32_t flows[] = {8, 2};
	uint8_t a = input_u8(in), b = input_u8(in), c = input_u8(in);

	return (struct lab_setup){
		.no_stun = a & 1,
		.private = a & 2,
		.unlisted = (a & 6) == 6,
		.wrong_key = (a & 24) == 24,
		.host_plain_cipher = a & 32,
		.guest_other_cipher = a & 64,
		.spoilt = a & 128,
		.same_site = b & 1,
		.v6 = b & 2,
		.early = b & 4,
		.no_alts = b & 8,
		.public_host = b & 16,
		.no_services = (b & 96) == 96,
		.no_attempts = (b & 160) == 160,
		.narrow_relay = (b & 224) == 32,
		.no_relay = (b & 224) == 64,
		.inside = c & 1,
		.no_nat = (c & 6) == 2,
		.named = (c & 6) == 4,
		.misnamed = (c & 6) == 6,
		.guests_max = guests[c >> 3 & 3],
		.half_open_max = half_open[c >> 5 & 3],
		.flows_max = flows[c >> 7],
	};
}

/* Somebody's address: the machines' own, or strangers'. */
static struct addr some_addr(struct lab *lab, uint8_t which)
{
	struct addr a = lab_server(lab, false);
	const struct lab_machine *m;

	switch (which % 8) {
	case 0: return addr_v4(203, 0, 113, 77, (uint16_t)(1000 + which));
	case 1: return addr_v4(192, 168, 1, 77, 7777);
	case 2: return lab_server(lab, true);
	case 3: a.port++; return a;
	case 4: return a;
	case 5:
	case 6:
		m = &lab->machines[which % 8 == 5 ? LAB_HOST : LAB_GUEST];
		a = m->public;
		a.port = (uint16_t)(m->sockets[0].bound.port + m->moved);
		return a;
	default:
		m = &lab->machines[which & 8 ? LAB_HOST : LAB_GUEST];
		a = m->v6;
		a.port = m->sockets[1].bound.port;
		return a;
	}
}

static size_t some_size(uint8_t which)
{
	static const size_t sizes[] = {4, 0, 1, 16, 64, 512, 1200, 1472, 9000, 65484,
		65485, 65486, 65487, 65488, 65507};

	return sizes[which % (sizeof(sizes) / sizeof(sizes[0]))];
}

static size_t some_mtu(uint8_t which)
{
	static const size_t sizes[] = {0, 1464, 1452, 1372, 1252, 1096, 1000, 900};

	return sizes[which % 8];
}

static void mutate(struct lab_datagram *d, size_t at, uint8_t bits)
{
	if (d->len > 0)
		d->data[at % d->len] ^= bits;
}

static void cut(struct lab_datagram *d, size_t len)
{
	uint8_t *data = fuzz_alloc(len);

	if (len > 0 && d->len > 0)
		memcpy(data, d->data, len < d->len ? len : d->len);
	free(d->data);
	d->data = data;
	d->len = len;
}

/* Operations on flight i. */
static void touch_flight(struct lab *lab, enum op op, unsigned i, struct input *in)
{
	struct lab_datagram *d = &lab->flights[i], moved = *d;
	uint8_t bits;
	size_t at;

	switch (op) {
	case OP_DELIVER: lab_deliver(lab, i); break;
	case OP_DROP: lab_drop(lab, i); break;
	case OP_COPY:
		if (d->icmp == 0)
			lab_send(lab, &moved.from, &moved.to, moved.data, moved.len,
				moved.spoofed);
		break;
	case OP_FIRST:
		memmove(&lab->flights[1], &lab->flights[0], i * sizeof(*d));
		lab->flights[0] = moved;
		break;
	case OP_MUTATE:
		at = input_u16(in);
		mutate(d, at, input_u8(in));
		break;
	case OP_CUT: cut(d, input_u16(in) % RAW_MAX); break;
	case OP_OFFER:
		at = input_u8(in);
		bits = input_u8(in);
		lab_evil_offer(lab, i, at, bits, input_u8(in) & 1);
		break;
	default: lab_evil_mac(lab, i);
	}
}

static void inject(struct lab *lab, struct input *in)
{
	struct addr from = some_addr(lab, input_u8(in)),
		    to = some_addr(lab, input_u8(in));
	size_t len;
	const uint8_t *view = input_view(in, input_u8(in), &len);

	lab_send(lab, &from, &to, view, len, true);
}

static const struct lab_datagram *some_record(struct lab *lab, uint8_t which)
{
	/* Counted from the latest, so that it stays the same while a run grows. */
	const struct lab_datagram *d =
		&lab->records[(lab->record_count - 1 - which % LAB_RECORDS) %
			      LAB_RECORDS];

	return lab->record_count > which % LAB_RECORDS ? d : NULL;
}

static void replay(struct lab *lab, struct input *in)
{
	const struct lab_datagram *d = some_record(lab, input_u8(in));
	uint8_t from = input_u8(in), to = input_u8(in);
	struct addr a, b;

	if (d == NULL)
		return;
	a = from & 0x80 ? d->from : some_addr(lab, from);
	b = to & 0x80 ? d->to : some_addr(lab, to);
	lab_send(lab, &a, &b, d->data, d->len, !addr_equal(&a, &d->from));
}

/* An ICMP error about a record, at the machine that sent it. */
static void icmp(struct lab *lab, struct input *in)
{
	const struct lab_datagram *record = some_record(lab, input_u8(in));
	static const uint8_t types[] = {3, 11, 1, 4};
	struct lab_datagram d = {.icmp = types[input_u8(in) % 4]};
	struct lab_machine *m;

	d.from = some_addr(lab, input_u8(in));
	if (record == NULL)
		return;
	m = lab_machine_at(lab, &record->from, &d.path.socket);
	if (m == NULL)
		return;
	d.path.remote = record->to;
	d.data = record->data;
	d.len = record->len < 64 ? record->len : 64;
	m->outputs = 0;
	lab_parts(m)->icmp(lab, m, &d);
	lab_settle(lab, m);
}

static void restart(struct lab *lab, uint8_t which)
{
	if (which % 6 < LAB_ROLES)
		lab_restart(lab, which % 6);
	else
		lab_shutdown(lab, which % 6 - LAB_ROLES);
}

static void evil_frame(struct lab *lab, struct input *in)
{
	enum lab_role from = input_u8(in) & 1 ? LAB_HOST : LAB_GUEST;
	uint8_t bits = input_u8(in);
	size_t len;
	const uint8_t *view = input_view(in, input_u8(in), &len);

	lab_evil_frame(lab, from, bits, view, len);
}

static void evil_message(struct lab *lab, struct input *in)
{
	unsigned record = lab->record_count - 1 - input_u8(in) % LAB_RECORDS;
	uint8_t type = input_u8(in), code = input_u8(in);

	lab_evil_message(
		lab, record, type & 0x3f, code, input_u8(in) & 1 ? LAB_HOST : LAB_GUEST);
}

static void stun(struct lab *lab, struct input *in)
{
	struct addr from = some_addr(lab, input_u8(in)), to = lab_server(lab, false);
	uint8_t out[STUN_REQUEST_SIZE], id[STUN_ID_SIZE] = "question 12";

	lab_send(lab, &from, &to, out, stun_write_request(out, id), true);
}

static void step(struct lab *lab, struct input *in)
{
	enum op op = input_u8(in) % OP_SLOTS;
	uint8_t first, n;

	switch (op) {
	case OP_RUN:
		for (n = input_u8(in) % 64 + 1; n > 0; n--)
			lab_run(lab);
		break;
	case OP_WAIT: lab_wait(lab, input_u8(in) * 100 * MILLISECOND, false); break;
	case OP_WAIT_LONG:
		first = input_u8(in);
		lab_wait(lab, (first & 0x7f) * SECOND, first >> 7);
		break;
	case OP_MOVE:
		first = input_u8(in);
		lab_move(lab, first & 1 ? LAB_HOST : LAB_GUEST, first >> 7);
		break;
	case OP_MTU: lab->mtu = some_mtu(input_u8(in)); break;
	case OP_POLICY:
		first = input_u8(in);
		lab_policy(lab, first % LAB_PEOPLE, input_u8(in) % 4);
		break;
	case OP_RESOLVE:
		first = input_u8(in);
		lab_resolve(lab, first & 1 ? LAB_HOST : LAB_GUEST, input_u8(in));
		break;
	case OP_STARVE: fuzz_starve(input_u8(in)); break;
	case OP_PERSON: lab->person = input_u8(in) % LAB_PEOPLE; break;
	case OP_INSTANCE: lab->service.instance[0] = input_u8(in) % 4; break;
	case OP_WAIT_MORE:
		lab_wait(lab, (uint64_t)input_u8(in) * 4 * SECOND, false);
		break;
	case OP_INJECT: inject(lab, in); break;
	case OP_REPLAY: replay(lab, in); break;
	case OP_GUEST:
		first = input_u8(in);
		lab_guest_says(lab, first % 16, some_size(input_u8(in)));
		break;
	case OP_HOST:
		first = input_u8(in);
		lab_host_says(lab, first, some_size(input_u8(in)));
		break;
	case OP_ICMP: icmp(lab, in); break;
	case OP_RESTART: restart(lab, input_u8(in)); break;
	case OP_FRAME: evil_frame(lab, in); break;
	case OP_MESSAGE: evil_message(lab, in); break;
	case OP_STORM: lab_evil_storm(lab); break;
	case OP_STUN: stun(lab, in); break;
	case OP_BLOCK: lab->blocked = input_u8(in) & 7; break;
	case OP_BURST:
		first = input_u8(in);
		for (n = input_u8(in) % 32; n > 0; n--)
			lab_guest_says(lab, first % 16, 64);
		break;
	default:
		first = input_u8(in);
		if (lab->flight_count > 0)
			touch_flight(lab, op, first % lab->flight_count, in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = input_over(data, size);
	struct lab_setup setup = read_setup(&in);
	struct lab *lab = fuzz_alloc(sizeof(*lab));

	lab_open(lab, &setup);
	for (unsigned n = 0; in.left > 0 && n < OPERATIONS_MAX; n++)
		step(lab, &in);
	lab_close(lab);
	free(lab);
	return 0;
}
