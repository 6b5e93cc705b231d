/* SPDX-License-Identifier: MIT */
/* Frames in. */
#include "core/session.h"
#include "core/wire.h"

static void take_report(struct generation *g, uint64_t next)
{
	if (next > g->reported && next <= g->sent)
		g->reported = next;
}

static void take_ping(struct session *s, struct reader *r, uint64_t now)
{
	const uint8_t *stamp = read_view(r, SESSION_STAMP_SIZE);
	uint64_t span = read_u16(r) * SESSION_SPAN_UNIT;
	bool hosts_turn = read_u8(r) == 1;

	if (r->ok && s->is_host && span > 0)
		session_told(s, span, hosts_turn);
	if (stamp != NULL)
		session_pong(s, stamp, now);
}

static void take_pong(struct session *s, struct generation *g, struct reader *r,
	struct frame *frame, uint64_t now)
{
	uint64_t stamp = read_u64(r), next;

	frame->token = read_view(r, SESSION_TOKEN_SIZE);
	next = read_u64(r);
	if (r->ok && stamp <= now)
		s->rtt = now - stamp;
	if (r->ok && stamp >= s->unheard_at)
		session_answered(s, now);
	take_report(g, next);
}

static void take_probe(struct session *s, struct reader *r, size_t len, uint64_t now)
{
	uint16_t size = read_u16(r);

	if (r->ok && size == len)
		session_probed(s, size, now);
}

static void take_probed(struct session *s, struct reader *r, uint64_t now)
{
	uint16_t size = read_u16(r);

	if (!r->ok)
		return;
	pmtu_acked(&s->pmtu, size, now);
	session_wake(s, s->pmtu.next_at);
}

static void take_rekey(struct reader *r, struct frame *frame, uint8_t *buf)
{
	frame->code = read_u8(r);
	frame->len = reader_left(r);
	frame->payload = buf + (r->at - buf);
}

/* Takes an authenticated control frame of generation g, of len bytes with header and tag.
 * What it reports is of the frames we sealed under that generation. */
static enum verdict take_control(struct session *s, struct generation *g,
	struct reader *r, uint8_t *buf, size_t len, struct frame *frame, uint64_t now)
{
	frame->type = read_u8(r);
	switch (frame->type) {
	case CONTROL_PING: take_ping(s, r, now); break;
	case CONTROL_PONG: take_pong(s, g, r, frame, now); break;
	case CONTROL_REPORT: take_report(g, read_u64(r)); break;
	case CONTROL_BYE: frame->code = read_u8(r); break;
	case CONTROL_FLOW_CLOSED: frame->flow = read_u16(r); break;
	case CONTROL_REKEY:
	case CONTROL_REKEYED: take_rekey(r, frame, buf); break;
	case CONTROL_PROBE: take_probe(s, r, len, now); break;
	case CONTROL_PROBED: take_probed(s, r, now); break;
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
		session_wake(s, reassembly_next(&s->parts));
		if (frame->payload == NULL)
			return VERDICT_CONSUMED;
	}
	session_used(s, now);
	s->counts.datagrams_in++;
	s->counts.bytes_in += frame->len;
	return VERDICT_DELIVER;
}

void session_answered(struct session *s, uint64_t now)
{
	s->heard_at = now;
	s->unheard_at = NEVER;
	s->silence = 0;
	s->pings = 0;
}

/* Once a ping is due, the session gets its name back by an answer only: to a ping, or to what
 * answered a challenge. Any other frame proves one direction, and whoever reads along can
 * carry one over by hand while the other direction is dead. */
static void heard(struct session *s, uint64_t now)
{
	bool resumed = s->resumed_at != 0 && now - s->resumed_at < SESSION_CONFIRM;

	if (s->pings > 0 && !resumed) {
		s->heard_at = now;
		s->silence = 0;
	} else {
		session_answered(s, now);
	}
}

/* Counts what is missing below the highest counter. */
static void count_lost(struct session *s, const struct generation *g, uint64_t counter)
{
	if (counter > g->replay.next)
		s->counts.lost_in += counter - g->replay.next;
	else if (counter + 1 < g->replay.next && s->counts.lost_in > 0)
		s->counts.lost_in--;
}

/* True if epoch is the one after what is sealed under: the peer has gone on. */
static bool is_newer(const struct session *s, uint8_t epoch)
{
	return s->is_host && epoch == session_next_epoch(s) &&
	       s->generations[epoch]->retire_at == NEVER;
}

enum verdict session_open(
	struct session *s, uint8_t *buf, size_t len, struct frame *frame, uint64_t now)
{
	struct frame_header h;
	uint8_t *plain = buf + FRAME_HEADER_SIZE;
	struct generation *g;
	enum verdict verdict;
	uint64_t counter;
	struct reader r;

	*frame = (struct frame){0};
	/* Not yet authentic, whatever it looks like: one verdict for all of that. */
	if (!frame_header_decode(&h, buf))
		return VERDICT_DROP_FORGED;
	g = s->generations[h.epoch];
	if (g == NULL)
		return VERDICT_DROP_FORGED;
	counter = replay_reconstruct(&g->replay, h.counter);
	if (!replay_check(&g->replay, counter))
		return VERDICT_DROP_REPLAY;
	if (!crypto_aead_open(g->open, counter, buf, FRAME_HEADER_SIZE, plain,
		    len - FRAME_HEADER_SIZE, plain))
		return VERDICT_DROP_FORGED;
	count_lost(s, g, counter);
	replay_update(&g->replay, counter);
	if (is_newer(s, h.epoch))
		session_adopt(s, h.epoch, now);
	heard(s, now);
	if (!s->proved)
		s->credit += len;
	/* Control frames earn none: two sides would report each other's reports for ever. */
	if (!h.control && (now >= s->report_at || g->replay.next >= g->report_next))
		session_report(s, now);
	/* What is believed of a move depends on the round trip: it has to be known. */
	if (!h.control && now - s->pinged_at >= SESSION_RTT_SPAN)
		session_ping(s, now);
	frame->control = h.control;
	frame->newest = counter + 1 == g->replay.next && h.epoch == s->epoch;
	if (!h.control && g->used_at == NEVER) {
		g->used_at = now;
		session_wake(s, now + SESSION_REKEY_SPAN);
	}
	if (!h.control)
		return take_data(s, &h, plain, len - FRAME_OVERHEAD, frame, now);
	r = reader_over(plain, len - FRAME_OVERHEAD);
	if (read_u64(&r) != counter)
		return VERDICT_DROP_MALFORMED;
	verdict = take_control(s, g, &r, buf, len, frame, now);
	if (s->moved_at != NEVER && session_pong_proves(s, &s->path, frame))
		s->moved_at = NEVER;
	return verdict;
}
