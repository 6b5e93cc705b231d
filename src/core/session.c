/* SPDX-License-Identifier: MIT */
#include "core/session.h"

#include <string.h>

#include "core/wire.h"

#define CONTROL_MAX    32                       /* bytes of a control frame's plaintext */
#define WHOLE_MAX      (65507 - FRAME_OVERHEAD) /* payload that fits one UDP datagram */
#define HOST_KEEPALIVE (SESSION_KEEPALIVE + SESSION_KEEPALIVE / 3)

bool session_init(struct session *s, const struct noise_keys *keys, enum cipher cipher,
	bool is_host, const struct path *path, struct timers *timers,
	struct outbox *outbox, struct reassembly_pool *pool, uint64_t now)
{
	const uint8_t *seal = is_host ? keys->to_guest : keys->to_host;
	const uint8_t *open = is_host ? keys->to_host : keys->to_guest;

	*s = (struct session){.cipher = cipher,
		.is_host = is_host,
		.path = *path,
		.opened_at = now,
		.sent_at = now,
		.heard_at = now,
		.unheard_at = NEVER,
		.report_next = SESSION_REPORT_FRAMES,
		.timers = timers,
		.outbox = outbox};
	s->seal = crypto_aead_new(cipher, seal, true);
	s->open = crypto_aead_new(cipher, open, false);
	replay_init(&s->replay);
	reassembly_init(&s->parts, pool);
	if (s->seal != NULL && s->open != NULL)
		return true;
	session_fini(s);
	return false;
}

void session_fini(struct session *s)
{
	crypto_aead_free(s->seal);
	crypto_aead_free(s->open);
	s->seal = NULL;
	s->open = NULL;
	reassembly_fini(&s->parts);
	if (s->timers != NULL)
		timers_clear(s->timers, &s->timer);
}

static uint64_t keepalive(const struct session *s)
{
	return s->is_host ? HOST_KEEPALIVE : SESSION_KEEPALIVE;
}

/* When the session next has something to do by itself. */
static uint64_t next_deadline(const struct session *s)
{
	uint64_t at = s->sent_at + keepalive(s);

	if (s->unheard_at != NEVER) {
		uint64_t ping_at = s->unheard_at + SESSION_UNHEARD +
				   s->pings * SESSION_PING_INTERVAL;

		at = ping_at < at ? ping_at : at;
	}
	return at < s->heard_at + SESSION_DEAD ? at : s->heard_at + SESSION_DEAD;
}

/* A frame leaves at now. The timer moves at most once per silence, not per frame. */
static void note_sent(struct session *s, uint64_t now)
{
	s->sent_at = now;
	if (s->unheard_at == NEVER) {
		s->unheard_at = now;
		if (s->timer.place == 0 || s->timer.at > now + SESSION_UNHEARD)
			timers_set(s->timers, &s->timer, now + SESSION_UNHEARD);
	}
}

static bool may_seal(const struct session *s)
{
	return s->sent < SESSION_FRAMES_MAX && s->sent - s->reported < SESSION_UNREPORTED;
}

/* Seals len bytes at plain into out, both possibly the same place behind the header. */
static size_t seal(struct session *s, struct frame_header *h, const uint8_t *plain,
	size_t len, uint8_t *out, uint64_t now)
{
	uint64_t counter = s->sent++;

	h->counter = (uint32_t)(counter & 0xffffff);
	frame_header_encode(out, h);
	crypto_aead_seal(s->seal, counter, out, FRAME_HEADER_SIZE, plain, len,
		out + FRAME_HEADER_SIZE);
	note_sent(s, now);
	return len + FRAME_OVERHEAD;
}

unsigned session_parts(size_t len)
{
	/* A flow id takes room as well: the bound leaves it always. */
	return len > WHOLE_MAX - FRAME_FLOW_SIZE ? 2 : 1;
}

/* Places of part 0 or 1 of a payload that goes in two. */
static void part_bounds(unsigned part, size_t len, size_t *offset, size_t *size)
{
	size_t half = len / 2;

	*offset = part == 0 ? 0 : half;
	*size = part == 0 ? half : len - half;
}

size_t session_seal(struct session *s, uint16_t flow, unsigned part,
	const uint8_t *payload, size_t len, uint8_t *out, uint64_t now)
{
	struct frame_header h = {.flow = flow != 0, .part = session_parts(len) > 1};
	struct writer w =
		writer_over(out + FRAME_HEADER_SIZE, FRAME_FLOW_SIZE + FRAME_PART_SIZE);
	size_t offset = 0, size = len, prefix;

	if (!may_seal(s))
		return 0;
	if (h.flow)
		write_u16(&w, flow);
	if (h.part) {
		part_bounds(part, len, &offset, &size);
		write_u16(&w, part == 0 ? ++s->next_part : s->next_part);
		write_u16(&w, (uint16_t)offset);
		write_u16(&w, (uint16_t)len);
	}
	if (part == 0) {
		s->counts.datagrams_out++;
		s->counts.bytes_out += len;
	}
	prefix = writer_len(&w);
	if (prefix == 0)
		return seal(s, &h, payload, len, out, now);
	memcpy(out + FRAME_HEADER_SIZE + prefix, payload + offset, size);
	return seal(s, &h, out + FRAME_HEADER_SIZE, prefix + size, out, now);
}

/* A control frame's plaintext: the whole counter, the type, then its body. */
static struct writer control_begin(
	struct session *s, uint8_t *plain, enum control_type type)
{
	struct writer w = writer_over(plain, CONTROL_MAX);

	write_u64(&w, s->sent);
	write_u8(&w, (uint8_t)type);
	return w;
}

static void control_send(struct session *s, const struct writer *w, uint64_t now)
{
	struct frame_header h = {.control = true};
	struct datagram *d;
	uint64_t unheard_at = s->unheard_at;

	if (s->sent >= SESSION_FRAMES_MAX)
		return;
	d = outbox_add(s->outbox, &s->path, 0);
	d->len = (uint16_t)seal(s, &h, w->start, writer_len(w), d->data, now);
	/* Only a ping asks for an answer: without one, silence means nothing. */
	if (w->start[8] != CONTROL_PING)
		s->unheard_at = unheard_at;
}

void session_ping(struct session *s, uint64_t now)
{
	uint8_t plain[CONTROL_MAX];
	struct writer w = control_begin(s, plain, CONTROL_PING);

	write_u64(&w, now);
	control_send(s, &w, now);
}

static void send_pong(struct session *s, uint64_t stamp, uint64_t now)
{
	uint8_t plain[CONTROL_MAX];
	struct writer w = control_begin(s, plain, CONTROL_PONG);

	write_u64(&w, stamp);
	write_u64(&w, s->replay.next);
	control_send(s, &w, now);
}

static void send_report(struct session *s, uint64_t now)
{
	uint8_t plain[CONTROL_MAX];
	struct writer w = control_begin(s, plain, CONTROL_REPORT);

	write_u64(&w, s->replay.next);
	control_send(s, &w, now);
	s->report_at = now + SESSION_REPORT;
	s->report_next = s->replay.next + SESSION_REPORT_FRAMES;
}

void session_bye(struct session *s, uint8_t code, uint64_t now)
{
	uint8_t plain[CONTROL_MAX];
	struct writer w = control_begin(s, plain, CONTROL_BYE);

	write_u8(&w, code);
	control_send(s, &w, now);
}

void session_close_flow(struct session *s, uint16_t flow, uint64_t now)
{
	uint8_t plain[CONTROL_MAX];
	struct writer w = control_begin(s, plain, CONTROL_FLOW_CLOSED);

	write_u16(&w, flow);
	control_send(s, &w, now);
}

static void take_report(struct session *s, uint64_t next)
{
	if (next > s->reported && next <= s->sent)
		s->reported = next;
}

/* Takes an authenticated control frame. */
static enum verdict take_control(
	struct session *s, struct reader *r, struct frame *frame, uint64_t now)
{
	uint64_t stamp;

	frame->type = read_u8(r);
	switch (frame->type) {
	case CONTROL_PING: send_pong(s, read_u64(r), now); break;
	case CONTROL_PONG:
		stamp = read_u64(r);
		if (r->ok && stamp <= now)
			s->rtt = now - stamp;
		take_report(s, read_u64(r));
		break;
	case CONTROL_REPORT: take_report(s, read_u64(r)); break;
	case CONTROL_BYE: frame->code = read_u8(r); break;
	case CONTROL_FLOW_CLOSED: frame->flow = read_u16(r); break;
	default: return VERDICT_DROP_UNKNOWN_TYPE;
	}
	return r->ok ? VERDICT_CONSUMED : VERDICT_DROP_MALFORMED;
}

/* Takes authenticated data: strips flow id and part, puts parts together. */
static enum verdict take_data(struct session *s, const struct frame_header *h,
	uint8_t *plain, size_t len, struct frame *frame, uint64_t now)
{
	struct reader r = reader_over(plain, len);
	uint16_t id = 0, offset = 0, total = 0;

	frame->flow = h->flow ? read_u16(&r) : 0;
	if (h->part) {
		id = read_u16(&r);
		offset = read_u16(&r);
		total = read_u16(&r);
	}
	if (!r.ok)
		return VERDICT_DROP_MALFORMED;
	frame->len = reader_left(&r);
	frame->payload = plain + (len - frame->len);
	if (h->part) {
		frame->payload = reassembly_add(
			&s->parts, id, offset, total, frame->payload, frame->len, now);
		frame->len = total;
		if (frame->payload == NULL)
			return VERDICT_CONSUMED;
	}
	s->counts.datagrams_in++;
	s->counts.bytes_in += frame->len;
	return VERDICT_DELIVER;
}

static void note_heard(struct session *s, uint64_t now)
{
	s->heard_at = now;
	s->unheard_at = NEVER;
	s->pings = 0;
	if (now >= s->report_at || s->replay.next >= s->report_next)
		send_report(s, now);
}

enum verdict session_open(
	struct session *s, uint8_t *buf, size_t len, struct frame *frame, uint64_t now)
{
	struct frame_header h;
	uint8_t *plain = buf + FRAME_HEADER_SIZE;
	uint64_t counter;
	struct reader r;

	*frame = (struct frame){0};
	/* Not yet authentic, whatever it looks like: one verdict for all of that. */
	if (!frame_header_decode(&h, buf) || h.epoch != 0)
		return VERDICT_DROP_FORGED;
	counter = replay_reconstruct(&s->replay, h.counter);
	if (!replay_check(&s->replay, counter))
		return VERDICT_DROP_REPLAY;
	if (!crypto_aead_open(s->open, counter, buf, FRAME_HEADER_SIZE, plain,
		    len - FRAME_HEADER_SIZE, plain))
		return VERDICT_DROP_FORGED;
	if (counter > s->replay.next)
		s->counts.lost_in += counter - s->replay.next;
	else if (counter + 1 < s->replay.next && s->counts.lost_in > 0)
		s->counts.lost_in--;
	replay_update(&s->replay, counter);
	len -= FRAME_OVERHEAD;
	frame->control = h.control;
	note_heard(s, now);
	if (!h.control)
		return take_data(s, &h, plain, len, frame, now);
	r = reader_over(plain, len);
	if (read_u64(&r) != counter)
		return VERDICT_DROP_MALFORMED;
	return take_control(s, &r, frame, now);
}

enum session_health session_expire(struct session *s, uint64_t now)
{
	enum session_health health = SESSION_FINE;

	if (now - s->heard_at >= SESSION_DEAD)
		return SESSION_GONE;
	if (s->unheard_at != NEVER && now >= s->unheard_at + SESSION_UNHEARD +
						      s->pings * SESSION_PING_INTERVAL) {
		uint64_t unheard_at = s->unheard_at;

		if (s->pings >= SESSION_PINGS)
			health = SESSION_SUSPECT;
		s->pings++;
		session_ping(s, now);
		s->unheard_at = unheard_at;
	} else if (now - s->sent_at >= keepalive(s)) {
		session_ping(s, now);
	}
	timers_set(s->timers, &s->timer, next_deadline(s));
	return health;
}

void session_hint(struct session *s, uint64_t now)
{
	if (s->unheard_at == NEVER || s->pings > 0)
		return;
	if (now - s->unheard_at < SESSION_UNHEARD)
		s->unheard_at = now - SESSION_UNHEARD;
	timers_set(s->timers, &s->timer, now);
}
