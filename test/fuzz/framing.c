/* SPDX-License-Identifier: MIT */
/* Datagrams through a stream that the input cuts as it likes: a writer that puts, commits,
 * writes, waits and begins anew, and a reader that gets its bytes in pieces. What is not
 * dropped arrives whole, in order, once. A second reader gets the input itself. */
#include "net/framing.h"

#include "fuzz/fuzz.h"

#define DATAGRAM_LONGEST 3000
#define BYTES            8000
#define AGE              1000

enum op { PUT, WRITE, COMMIT, WAIT, TRIM, STARVE, OPS };

struct stream {
	struct framing_out out;
	struct framing_in in;
	uint8_t *room; /* of what the reader reads */
	uint64_t now;
	uint32_t put, got; /* the serials of the last */
};

static void put(struct stream *s, struct input *in)
{
	size_t len = 4 + input_u16(in) % DATAGRAM_LONGEST;
	uint8_t *datagram = fuzz_alloc(len);

	s->put++;
	memset(datagram, (int)s->put, len);
	memcpy(datagram, &s->put, sizeof(s->put));
	(void)framing_put(&s->out, datagram, len, s->now);
	REQUIRE(framing_len(&s->out) <= BYTES);
	free(datagram);
}

/* A datagram is what was put, and later than the one before. */
static void check(struct stream *s, const uint8_t *datagram, size_t len)
{
	uint32_t serial;

	REQUIRE(len >= sizeof(serial));
	memcpy(&serial, datagram, sizeof(serial));
	REQUIRE(serial > s->got && serial <= s->put);
	s->got = serial;
	for (size_t i = sizeof(serial); i < len; i++)
		REQUIRE(datagram[i] == (uint8_t)serial);
}

static void read_some(struct stream *s, const uint8_t *bytes, size_t len)
{
	size_t all = framing_begin(&s->in, s->room), at = 0, size;
	uint8_t *datagram;

	if (len > 0)
		memcpy(s->room + all, bytes, len);
	all += len;
	while (framing_next(s->room, all, &at, &datagram, &size))
		check(s, datagram, size);
	REQUIRE(framing_end(&s->in, s->room, all, at));
}

static void write_some(struct stream *s, struct input *in)
{
	size_t len = input_u16(in);

	if (len > framing_len(&s->out))
		len = framing_len(&s->out);
	read_some(s, framing_bytes(&s->out), len);
	framing_written(&s->out, len);
}

static void commit(struct stream *s, struct input *in)
{
	size_t len = input_u16(in);
	uint8_t *before;

	if (len > framing_len(&s->out))
		len = framing_len(&s->out);
	framing_commit(&s->out, len);
	before = fuzz_copy(len > 0 ? framing_bytes(&s->out) : s->room, len);
	framing_expire(&s->out, s->now + AGE + 1);
	put(s, in);
	REQUIRE(framing_len(&s->out) >= len);
	REQUIRE(len == 0 || memcmp(framing_bytes(&s->out), before, len) == 0);
	free(before);
}

static void step(struct stream *s, struct input *in)
{
	switch ((enum op)(input_u8(in) % OPS)) {
	case PUT: put(s, in); break;
	case WRITE: write_some(s, in); break;
	case COMMIT: commit(s, in); break;
	case WAIT:
		s->now += input_u8(in) * 10;
		framing_expire(&s->out, s->now);
		break;
	case TRIM: framing_trim(&s->out); break;
	case STARVE:
		fuzz_starve(1);
		put(s, in);
		fuzz_starve(0);
		break;
	default: break;
	}
}

/* A stranger's bytes: whatever they are, they are read to their end. */
static void read_hostile(struct stream *s, const uint8_t *bytes, size_t len)
{
	struct framing_in in = {.len = 0};

	for (size_t from = 0; from < len;) {
		size_t part = 1 + bytes[from] % 64u, all, at = 0, size;
		uint8_t *datagram;

		if (part > len - from)
			part = len - from;
		all = framing_begin(&in, s->room);
		memcpy(s->room + all, bytes + from, part);
		all += part;
		while (framing_next(s->room, all, &at, &datagram, &size))
			REQUIRE(size > 0 && size <= FRAMING_MAX);
		REQUIRE(framing_end(&in, s->room, all, at));
		REQUIRE(in.len < FRAMING_HEADER + FRAMING_MAX);
		from += part;
	}
	framing_in_fini(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = input_over(data, size);
	struct stream s = {.room = fuzz_alloc(FRAMING_HEADER + FRAMING_MAX + BYTES)};

	framing_out_init(&s.out, BYTES, AGE);
	while (in.left > 0)
		step(&s, &in);
	read_some(&s, framing_bytes(&s.out), framing_len(&s.out));
	framing_written(&s.out, framing_len(&s.out));
	REQUIRE(s.out.sent + s.out.dropped == s.put);
	read_hostile(&s, data, size);
	framing_out_fini(&s.out);
	framing_in_fini(&s.in);
	free(s.room);
	return 0;
}
