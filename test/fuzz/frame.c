/* SPDX-License-Identifier: MIT */
/* Two sessions with the same keys, and a network between them that the input plays: honest
 * payloads, raw bytes, hostile plaintexts under a right seal, copies, challenges and resumes,
 * new keys, time. What was not sealed is never believed, and nothing is delivered twice. */
#include "core/frame.h"

#include "core/resume.h"
#include "core/session.h"
#include "fuzz/fuzz.h"

#define FRAMES_MAX  256
#define PARTS_MAX   70
#define PAYLOAD_CAP 65507
#define PLAIN_CAP   512

enum op { SEND, DELIVER, SPOIL, RAW, HOSTILE, WAIT, CONTROL, RESUME, REKEY, OPS };

/* One side with all that owns its session. */
struct side {
	struct session session;
	struct timers timers;
	struct outbox outbox;
	struct reassembly_pool pool;
	struct challenger challenger;
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
	uint64_t now, serial, rekeys;
	struct dice dice;
	uint64_t
		secret; /* of this input alone: frames of another's run open nothing here */
	bool hostile
		[2]; /* towards that side: its counters or parts are not ours any more */
};

static uint64_t hash_of(const uint8_t *bytes, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ len, word;

	/* Eight at a time: this is the lab's load. */
	for (; len >= sizeof(word); bytes += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void keys_of(struct net *n, struct noise_keys *keys, uint64_t serial)
{
	memset(keys, (int)serial, sizeof(*keys));
	memset(keys->to_guest, (int)serial ^ 0x80, sizeof(keys->to_guest));
	memcpy(keys->to_guest, &n->secret, sizeof(n->secret));
	memcpy(keys->to_host, &n->secret, sizeof(n->secret));
}

static void open_side(struct net *n, bool is_host, enum cipher cipher, bool proved)
{
	const struct path path = {.remote = addr_v4(192, 0, 2, 1, 9)};
	const struct entropy entropy = dice_entropy(&n->dice);
	struct side *s = &n->sides[is_host];
	struct noise_keys keys;

	keys_of(n, &keys, 0);
	timers_init(&s->timers);
	reassembly_pool_init(&s->pool, 2);
	challenger_init(&s->challenger, &entropy, n->now);
	REQUIRE(outbox_init(&s->outbox, 64));
	REQUIRE(session_init(&s->session, &keys, cipher, is_host, &path, &entropy,
		&s->timers, &s->outbox, &s->pool, n->now));
	REQUIRE(timers_set(&s->timers, &s->session.timer, n->now));
	if (is_host && proved)
		session_prove(&s->session, &path, n->now);
	session_ping(&s->session, n->now);
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
		0, 1, 3, 7, 8, 64, 970, 1200, 1452, 9000, 65485, 65487, 65488, 65507};
	size_t len = sizes[input_u8(in) % (sizeof(sizes) / sizeof(sizes[0]))];
	uint16_t flow = input_u8(in) % 3;
	struct session *s = &n->sides[from].session;
	unsigned parts = session_parts(s, flow, len);
	uint8_t *payload = fuzz_alloc(len), *out = fuzz_alloc(len + FRAME_OVERHEAD_MAX);

	n->serial++;
	for (size_t i = 0; i < len; i += sizeof(n->serial))
		memcpy(payload + i, &n->serial,
			len - i < sizeof(n->serial) ? len - i : sizeof(n->serial));
	REQUIRE(parts >= 1 && parts <= PARTS_MAX);
	for (unsigned part = 0; part < parts; part++) {
		size_t size =
			session_seal(s, flow, part, parts, payload, len, out, n->now);
		struct flying *f;

		REQUIRE(size <= len + FRAME_OVERHEAD_MAX && size <= s->pmtu.largest);
		f = size > 0 ? fly(n, 1 - from, out, size) : NULL;
		if (f == NULL)
			continue;
		f->honest = true;
		f->hash = hash_of(payload, len);
		f->payload_len = len;
	}
	free(payload);
	free(out);
	pull(n, from);
}

/* A frame under the right key with any plaintext and header bits, and sometimes a counter
 * ahead of the sender's own. */
static void send_hostile(struct net *n, struct input *in, unsigned from)
{
	struct session *s = &n->sides[from].session;
	uint8_t bits = input_u8(in), skip = input_u8(in), plain[PLAIN_CAP + 8];
	struct generation *g = session_current(s);
	struct frame_header h = {.epoch = (s->epoch ^ bits >> 6) & 3,
		.control = bits & 1,
		.flow = bits & 2,
		.part = bits & 4};
	uint8_t out[FRAME_OVERHEAD + sizeof(plain)];
	size_t len = input_u16(in) % PLAIN_CAP, prefix = h.control && (bits & 8) ? 8 : 0;

	g->sent += skip;
	for (size_t i = 0; i < prefix; i++)
		plain[i] = (uint8_t)(g->sent >> (56 - 8 * i));
	input_bytes(in, plain + prefix, len);
	len += prefix;
	h.counter = (uint32_t)(g->sent & 0xffffff);
	frame_header_encode(out, &h);
	out[0] |= bits >> 5 & 1;
	crypto_aead_seal(g->seal, g->sent++, out, FRAME_HEADER_SIZE, plain, len,
		out + FRAME_HEADER_SIZE);
	n->hostile[1 - from] = true;
	fly(n, 1 - from, out, len + FRAME_OVERHEAD);
}

/* All that a frame may change. */
static uint64_t state_of(const struct session *s)
{
	uint64_t hash = hash_of((const uint8_t *)s, sizeof(*s));

	for (unsigned i = 0; i < SESSION_EPOCHS; i++)
		if (s->generations[i] != NULL)
			hash ^= hash_of((const uint8_t *)s->generations[i],
				sizeof(*s->generations[i]));
	return hash;
}

/* Hands bytes to a side; genuine ones were sealed by the other. */
static enum verdict hand(struct net *n, unsigned to, const uint8_t *data, size_t len,
	bool genuine, struct frame *frame, uint8_t **buf)
{
	struct side *s = &n->sides[to];
	uint64_t before = genuine ? 0 : state_of(&s->session);
	unsigned queued = s->outbox.count;
	enum verdict verdict;

	*buf = fuzz_copy(data, len);
	verdict = session_open(&s->session, *buf, len, frame, n->now);
	if (genuine)
		return verdict;
	REQUIRE(verdict == VERDICT_DROP_FORGED || verdict == VERDICT_DROP_REPLAY);
	REQUIRE(state_of(&s->session) == before && s->outbox.count == queued);
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
	static const uint64_t spans[] = {0, 1, MILLISECOND, 200 * MILLISECOND, SECOND,
		5 * SECOND, 15 * SECOND, 50 * SECOND};

	n->now += spans[input_u8(in) % 8];
	for (unsigned i = 0; i < 2; i++) {
		struct side *s = &n->sides[i];
		unsigned queued = s->outbox.count;

		if (timers_pop(&s->timers, n->now) == NULL)
			continue;
		if (session_expire(&s->session, n->now) == SESSION_GONE)
			REQUIRE(timers_set(
				&s->timers, &s->session.timer, n->now + SECOND));
		/* However late it was woken: two pings at most. */
		REQUIRE(s->outbox.count - queued <= 2 + PMTU_COUNT);
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

/* One side does not know the other's frame: it challenges, the other resumes. */
static void resume(struct net *n, struct input *in)
{
	const struct path path = {.remote = addr_v4(198, 51, 100, 7, 7)};
	struct side *s, *other;
	uint8_t challenge[CHALLENGE_SIZE], answer[RESUME_SIZE];
	size_t at = input_u8(in) % RESUME_SIZE;
	uint8_t bits = input_u8(in);
	const struct flying *f;
	bool is_asked, genuine;
	uint64_t before;

	if (n->count == 0)
		return;
	f = &n->flying[input_u8(in) % n->count];
	s = &n->sides[f->to];
	other = &n->sides[1 - f->to];
	if (challenge_make(&s->challenger, challenge, &path, f->data, f->len, n->now) ==
			0 ||
		!challenge_means(&other->session, challenge))
		return;
	REQUIRE(challenge_is(challenge, CHALLENGE_SIZE) && f->len >= CHALLENGE_SIZE);
	REQUIRE(resume_make(&other->session, answer, challenge, n->now) == RESUME_SIZE);
	answer[at] ^= bits;
	genuine = bits == 0;
	REQUIRE(!genuine || resume_is(answer, RESUME_SIZE));
	is_asked = resume_is_asked(&s->challenger, answer, &path, n->now);
	REQUIRE(is_asked == (at < 20 || at >= 28 || genuine));
	before = state_of(&s->session);
	if (resume_open(&s->session, answer, n->now)) {
		REQUIRE(genuine && !resume_open(&s->session, answer, n->now));
		if (input_u8(in) & 1)
			session_move(&s->session, &path, n->now);
	} else {
		REQUIRE(state_of(&s->session) == before);
	}
	pull(n, f->to);
}

/* Both get the next keys, the host first, as a rekey has it. */
static void rekey(struct net *n)
{
	struct noise_keys keys;

	if (n->sides[0].session.epoch != n->sides[1].session.epoch)
		return; /* the host has not heard of the last ones yet */
	keys_of(n, &keys, ++n->rekeys % 128);
	if (!session_install(&n->sides[1].session, &keys, n->now))
		return;
	if (session_install(&n->sides[0].session, &keys, n->now))
		session_ping(&n->sides[0].session, n->now);
	else
		n->hostile[0] = n->hostile[1] = true; /* they have parted for good */
	pull(n, 0);
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
	case RESUME: resume(n, in); break;
	case REKEY: rekey(n); break;
	default: control(n, in, side);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = input_over(data, size);
	uint8_t what = input_u8(&in);
	enum cipher cipher = what & 1 ? CIPHER_AES_256_GCM : CIPHER_CHACHA20_POLY1305;
	struct net *n = fuzz_alloc(sizeof(*n));

	n->now = 1000 * SECOND;
	n->secret = hash_of(data, size);
	for (unsigned i = 0; i < 2; i++) {
		open_side(n, i == 1, cipher, what & 2);
		pull(n, i);
	}
	while (in.left > 0)
		step(n, &in);
	for (unsigned i = 0; i < 2; i++)
		close_side(&n->sides[i]);
	for (unsigned i = 0; i < n->count; i++)
		free(n->flying[i].data);
	free(n);
	return 0;
}
