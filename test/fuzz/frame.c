/* SPDX-License-Identifier: MIT */
/* Two sessions with the same keys, and a network between them that the input plays: honest
 * payloads, raw bytes, hostile plaintexts under a right seal, copies, time. What was not
 * sealed is never believed, and nothing is delivered twice. */
#include "core/frame.h"

#include "core/session.h"
#include "fuzz/fuzz.h"

#define FRAMES_MAX  64
#define PAYLOAD_CAP 65507
#define PLAIN_CAP   512

enum op { SEND, DELIVER, SPOIL, RAW, HOSTILE, WAIT, CONTROL, OPS };

/* One side with all that owns its session. */
struct side {
	struct session session;
	struct timers timers;
	struct outbox outbox;
	struct reassembly_pool pool;
};

/* A frame on its way to a side. */
struct flying {
	unsigned to;
	uint8_t *data;
	size_t len;
	bool delivered; /* opened once already */
	bool honest;    /* holds a whole payload */
	uint64_t hash;  /* of that payload */
	size_t payload_len;
};

struct net {
	struct side sides[2]; /* the host's is 1 */
	struct flying flying[FRAMES_MAX];
	unsigned count;
	uint64_t now, serial;
	bool hostile
		[2]; /* towards that side: its counters or parts are not ours any more */
};

static uint64_t hash_of(const uint8_t *bytes, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ len;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void open_side(struct side *s, bool is_host, enum cipher cipher, uint64_t now)
{
	const struct path path = {.remote = addr_v4(192, 0, 2, 1, 9)};
	struct noise_keys keys;

	memset(&keys, 1, sizeof(keys));
	memset(keys.to_guest, 2, sizeof(keys.to_guest));
	memset(s, 0, sizeof(*s));
	timers_init(&s->timers);
	reassembly_pool_init(&s->pool, 2);
	REQUIRE(outbox_init(&s->outbox, 64));
	REQUIRE(session_init(&s->session, &keys, cipher, is_host, &path, &s->timers,
		&s->outbox, &s->pool, now));
	session_ping(&s->session, now);
}

static void close_side(struct side *s)
{
	session_fini(&s->session);
	reassembly_pool_fini(&s->pool);
	outbox_fini(&s->outbox);
	timers_fini(&s->timers);
}

static struct flying *fly(struct net *n, unsigned to, const uint8_t *data, size_t len)
{
	struct flying *f;

	if (n->count == FRAMES_MAX)
		return NULL;
	f = &n->flying[n->count++];
	*f = (struct flying){.to = to, .data = fuzz_copy(data, len), .len = len};
	return f;
}

static void pull(struct net *n, unsigned from)
{
	struct side *s = &n->sides[from];
	struct datagram d;

	while (outbox_take(&s->outbox, &d)) {
		REQUIRE(d.len <= DATAGRAM_MAX && frame_is(d.data, d.len));
		fly(n, 1 - from, d.data, d.len);
	}
	REQUIRE(s->pool.made <= s->pool.max);
}

static void send(struct net *n, struct input *in, unsigned from)
{
	static const size_t sizes[] = {
		0, 1, 3, 7, 8, 64, 1200, 1472, 9000, 65485, 65486, 65487, 65488, 65507};
	size_t len = sizes[input_u8(in) % (sizeof(sizes) / sizeof(sizes[0]))];
	uint16_t flow = input_u8(in) % 3;
	uint8_t *payload = fuzz_alloc(len), *out = fuzz_alloc(len + FRAME_OVERHEAD_MAX);

	n->serial++;
	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(n->serial >> (8 * (i % 4)));
	for (unsigned part = 0; part < session_parts(len); part++) {
		size_t size = session_seal(
			&n->sides[from].session, flow, part, payload, len, out, n->now);
		struct flying *f;

		if (size == 0)
			continue;
		REQUIRE(size <= len + FRAME_OVERHEAD_MAX && size <= PAYLOAD_CAP);
		f = fly(n, 1 - from, out, size);
		if (f == NULL)
			continue;
		f->honest = true;
		f->hash = hash_of(payload, len);
		f->payload_len = len;
	}
	free(payload);
	free(out);
}

/* A frame under the right key with any plaintext and header bits, and sometimes a counter
 * ahead of the sender's own. */
static void send_hostile(struct net *n, struct input *in, unsigned from)
{
	struct session *s = &n->sides[from].session;
	uint8_t bits = input_u8(in), skip = input_u8(in), plain[PLAIN_CAP + 8];
	struct frame_header h = {.epoch = bits >> 6,
		.control = bits & 1,
		.flow = bits & 2,
		.part = bits & 4};
	uint8_t out[FRAME_OVERHEAD + sizeof(plain)];
	size_t len = input_u16(in) % PLAIN_CAP, prefix = h.control && (bits & 8) ? 8 : 0;

	s->sent += skip;
	for (size_t i = 0; i < prefix; i++)
		plain[i] = (uint8_t)(s->sent >> (56 - 8 * i));
	input_bytes(in, plain + prefix, len);
	len += prefix;
	h.counter = (uint32_t)(s->sent & 0xffffff);
	frame_header_encode(out, &h);
	out[0] |= bits >> 5 & 1;
	crypto_aead_seal(s->seal, s->sent++, out, FRAME_HEADER_SIZE, plain, len,
		out + FRAME_HEADER_SIZE);
	n->hostile[1 - from] = true;
	fly(n, 1 - from, out, len + FRAME_OVERHEAD);
}

/* Hands bytes to a side; genuine ones were sealed by the other. */
static enum verdict hand(struct net *n, unsigned to, const uint8_t *data, size_t len,
	bool genuine, struct frame *frame, uint8_t **buf)
{
	struct side *s = &n->sides[to];
	struct session before = s->session;
	unsigned queued = s->outbox.count;
	enum verdict verdict;

	*buf = fuzz_copy(data, len);
	verdict = session_open(&s->session, *buf, len, frame, n->now);
	if (genuine)
		return verdict;
	REQUIRE(verdict == VERDICT_DROP_FORGED || verdict == VERDICT_DROP_REPLAY ||
		verdict == VERDICT_DROP_MALFORMED);
	REQUIRE(memcmp(&before, &s->session, sizeof(before)) == 0);
	REQUIRE(s->outbox.count == queued);
	return verdict;
}

static void deliver(struct net *n, struct input *in)
{
	struct flying *f;
	struct frame frame;
	enum verdict verdict;
	uint8_t *buf;

	if (n->count == 0)
		return;
	f = &n->flying[input_u8(in) % n->count];
	verdict = hand(n, f->to, f->data, f->len, true, &frame, &buf);
	REQUIRE(!f->delivered ||
		(verdict != VERDICT_DELIVER && verdict != VERDICT_CONSUMED));
	if (verdict == VERDICT_DELIVER || verdict == VERDICT_CONSUMED)
		f->delivered = true;
	if (verdict == VERDICT_DELIVER && f->honest && !n->hostile[f->to]) {
		REQUIRE(frame.len == f->payload_len);
		REQUIRE(hash_of(frame.payload, frame.len) == f->hash);
	}
	if (verdict == VERDICT_DELIVER && frame.len > 0) /* is all of it there? */
		hash_of(frame.payload, frame.len);
	free(buf);
	pull(n, f->to);
}

static void spoil(struct net *n, struct input *in)
{
	const struct flying *f;
	struct frame frame;
	uint8_t *copy, *buf, bits;
	size_t at, len;

	if (n->count == 0)
		return;
	f = &n->flying[input_u8(in) % n->count];
	at = input_u16(in);
	bits = input_u8(in);
	len = f->len - at % 3; /* sometimes cut */
	if (len < FRAME_OVERHEAD || (len == f->len && bits == 0))
		return;
	copy = fuzz_copy(f->data, len);
	copy[at % len] ^= bits;
	if (frame_is(copy, len)) {
		hand(n, f->to, copy, len, false, &frame, &buf);
		free(buf);
	}
	free(copy);
}

static void raw(struct net *n, struct input *in, unsigned to)
{
	size_t len;
	const uint8_t *view = input_view(in, input_u8(in), &len);
	struct frame frame;
	uint8_t *buf;

	for (unsigned i = 0; i < n->count; i++)
		if (n->flying[i].len == len && memcmp(n->flying[i].data, view, len) == 0)
			return; /* the input has learned a real one */
	if (!frame_is(view, len))
		return;
	hand(n, to, view, len, false, &frame, &buf);
	free(buf);
}

static void wait(struct net *n, struct input *in)
{
	static const uint64_t spans[] = {0, 1, MILLISECOND, 100 * MILLISECOND, SECOND,
		5 * SECOND, 15 * SECOND, 50 * SECOND};

	n->now += spans[input_u8(in) % 8];
	for (unsigned i = 0; i < 2; i++) {
		struct side *s = &n->sides[i];

		for (unsigned k = 0; k < 1000 && timers_pop(&s->timers, n->now) != NULL;
			k++)
			if (session_expire(&s->session, n->now) == SESSION_GONE)
				break;
		REQUIRE(timers_next(&s->timers) > n->now);
		pull(n, i);
	}
}

static void control(struct net *n, struct input *in, unsigned from)
{
	struct session *s = &n->sides[from].session;
	uint8_t what = input_u8(in);

	switch (what % 4) {
	case 0: session_ping(s, n->now); break;
	case 1: session_bye(s, what, n->now); break;
	case 2: session_close_flow(s, what, n->now); break;
	default: session_hint(s, n->now);
	}
	pull(n, from);
}

static void step(struct net *n, struct input *in)
{
	uint8_t op = input_u8(in);
	unsigned side = op >> 7;

	switch ((enum op)(op % OPS)) {
	case SEND: send(n, in, side); break;
	case DELIVER: deliver(n, in); break;
	case SPOIL: spoil(n, in); break;
	case RAW: raw(n, in, side); break;
	case HOSTILE: send_hostile(n, in, side); break;
	case WAIT: wait(n, in); break;
	default: control(n, in, side);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = input_over(data, size);
	enum cipher cipher =
		input_u8(&in) & 1 ? CIPHER_AES_256_GCM : CIPHER_CHACHA20_POLY1305;
	struct net n = {.now = 1000 * SECOND};

	for (unsigned i = 0; i < 2; i++) {
		open_side(&n.sides[i], i == 1, cipher, n.now);
		pull(&n, i);
	}
	while (in.left > 0)
		step(&n, &in);
	for (unsigned i = 0; i < 2; i++)
		close_side(&n.sides[i]);
	for (unsigned i = 0; i < n.count; i++)
		free(n.flying[i].data);
	return 0;
}
