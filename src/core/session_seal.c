/* SPDX-License-Identifier: MIT */
/* Frames out: data, whole or in parts, and control. */
#include <string.h>

#include "core/session.h"
#include "core/wire.h"

#define CONTROL_MAX 160 /* bytes of most control frames' plaintext */
/* A pong reports as well, and is not to be longer than its ping. */
#define PING_REST 8

static bool may_seal(const struct generation *g)
{
	return g->sent < SESSION_FRAMES_MAX && g->sent - g->reported < SESSION_UNREPORTED;
}

/* Towards an address that the peer has not proved to be at, no more goes than came. */
static bool affordable(const struct session *s, size_t len)
{
	return s->proved || s->credit >= len;
}

static void remember_tag(struct session *s, uint64_t counter, const uint8_t *tag)
{
	memcpy(s->tags.last[counter % SESSION_TAGS], tag, SESSION_TAG_SIZE);
	if (counter % SESSION_TAGS == 0)
		memcpy(s->tags.sparse[counter / SESSION_TAGS % SESSION_TAGS], tag,
			SESSION_TAG_SIZE);
}

bool session_sent_tag(
	const struct session *s, uint32_t counter, const uint8_t tag[SESSION_TAG_SIZE])
{
	return crypto_equal(
		       s->tags.last[counter % SESSION_TAGS], tag, SESSION_TAG_SIZE) ||
	       (counter % SESSION_TAGS == 0 &&
		       crypto_equal(s->tags.sparse[counter / SESSION_TAGS % SESSION_TAGS],
			       tag, SESSION_TAG_SIZE));
}

/* Seals len bytes at plain into out, both possibly the same place behind the header. */
static size_t seal(struct session *s, struct frame_header *h, const uint8_t *plain,
	size_t len, uint8_t *out, uint64_t now)
{
	struct generation *g = session_current(s);
	uint64_t counter = g->sent++;

#ifdef EYELET_PLANT_NONCE
	counter &= 0xfff;
#endif
	h->epoch = s->epoch;
	h->counter = (uint32_t)(counter & 0xffffff);
	frame_header_encode(out, h);
	crypto_aead_seal(g->seal, counter, out, FRAME_HEADER_SIZE, plain, len,
		out + FRAME_HEADER_SIZE);
	remember_tag(s, counter, out + FRAME_HEADER_SIZE + len);
	session_sent(s, now);
	len += FRAME_OVERHEAD;
	s->credit -= len < s->credit ? len : s->credit;
	return len;
}

unsigned session_parts(const struct session *s, uint16_t flow, size_t len)
{
	size_t whole =
		s->pmtu.largest - FRAME_OVERHEAD - (flow != 0 ? FRAME_FLOW_SIZE : 0);
	size_t each = whole - FRAME_PART_SIZE;

	return len <= whole ? 1 : (unsigned)((len + each - 1) / each);
}

static void note_data(struct session *s, size_t len, uint64_t now)
{
	struct generation *g = session_current(s);

	if (g->used_at == NEVER) {
		g->used_at = now;
		if (!s->is_host)
			session_wake(s, now + SESSION_REKEY_SPAN);
	} else if (g->sent >= SESSION_REKEY_FRAMES && !g->full) {
		g->full = true;
		session_wake(s, now);
	}
	session_used(s, now);
	s->counts.datagrams_out++;
	s->counts.bytes_out += len;
}

/* Writes flow id and place of a part behind the header; gives the part's bytes. Returns the
 * length of what it wrote. */
static size_t write_prefix(struct session *s, uint8_t *out, uint16_t flow, unsigned part,
	unsigned parts, size_t len, size_t *offset, size_t *size)
{
	struct writer w = writer_over(out, FRAME_FLOW_SIZE + FRAME_PART_SIZE);
	size_t each = (len + parts - 1) / parts;

	*offset = part * each;
	*size = *offset + each < len ? each : len - *offset;
	if (flow != 0)
		write_u16(&w, flow);
	if (parts > 1) {
		write_u16(&w, part == 0 ? ++s->next_part : s->next_part);
		write_u16(&w, (uint16_t)*offset);
		write_u16(&w, (uint16_t)len);
	}
	return writer_len(&w);
}

/* Returns how many bytes of a relay's channel stand before the frame. */
static size_t write_channel(const struct session *s, uint8_t *out)
{
	if (s->path.channel == 0)
		return 0;
	channel_encode(out, s->path.channel);
	return CHANNEL_SIZE;
}

size_t session_seal(struct session *s, uint16_t flow, unsigned part, unsigned parts,
	const uint8_t *payload, size_t len, uint8_t *out, uint64_t now)
{
	struct frame_header h = {.flow = flow != 0, .part = parts > 1};
	size_t channel = write_channel(s, out), offset, size, prefix;
	uint8_t *plain = (out += channel) + FRAME_HEADER_SIZE;

	if (part == 0)
		s->dear = !affordable(s, len + parts * (size_t)FRAME_OVERHEAD_MAX);
	if (s->dear || !may_seal(session_current(s)) || parts == 0 || part >= parts ||
		parts > len + 1)
		return 0;
	prefix = write_prefix(s, plain, flow, part, parts, len, &offset, &size);
	if (part == 0)
		note_data(s, len, now);
	if (pmtu_sent(&s->pmtu, FRAME_OVERHEAD + prefix + size, now))
		session_wake(s, s->pmtu.next_at);
	if (prefix == 0)
		return channel + seal(s, &h, payload, len, out, now);
	if (size > 0)
		memcpy(plain + prefix, payload + offset, size);
	return channel + seal(s, &h, plain, prefix + size, out, now);
}

/* A control frame's plaintext: the whole counter, the type, then its body. */
static struct writer control_begin(
	struct session *s, uint8_t *plain, size_t cap, enum control_type type)
{
	struct writer w = writer_over(plain, cap);

	write_u64(&w, session_current(s)->sent);
	write_u8(&w, (uint8_t)type);
	return w;
}

static void control_send_at(struct session *s, const struct path *path,
	const struct writer *w, enum control_type type, uint64_t now)
{
	struct frame_header h = {.control = true};
	struct datagram *d;
	uint64_t unheard_at = s->unheard_at;

	if (session_current(s)->sent >= SESSION_FRAMES_MAX ||
		!affordable(s, writer_len(w) + FRAME_OVERHEAD))
		return;
	d = outbox_add(s->outbox, path, 0);
	d->len = (uint16_t)seal(s, &h, w->start, writer_len(w), d->data, now);
	/* Only a ping asks for an answer at once: without one, silence means nothing. */
	if (type != CONTROL_PING)
		s->unheard_at = unheard_at;
}

static void control_send(
	struct session *s, const struct writer *w, enum control_type type, uint64_t now)
{
	control_send_at(s, &s->path, w, type, now);
}

static void token_make(const struct session *s, uint8_t token[SESSION_TOKEN_SIZE],
	const struct path *path)
{
	uint8_t mac[CRYPTO_MAC_SIZE];
	uint8_t place[sizeof(path->remote) + sizeof(path->channel) +
		      sizeof(path->socket)];
	uint8_t *at = place;

	memcpy(at, &path->remote, sizeof(path->remote));
	at += sizeof(path->remote);
	memcpy(at, &path->channel, sizeof(path->channel));
	at += sizeof(path->channel);
	memcpy(at, &path->socket, sizeof(path->socket));
	crypto_mac(mac, s->path_key, place, sizeof(place));
	memcpy(token, mac, SESSION_TOKEN_SIZE);
}

bool session_pong_proves(
	const struct session *s, const struct path *path, const struct frame *frame)
{
	uint8_t token[SESSION_TOKEN_SIZE];

	if (!frame->control || frame->type != CONTROL_PONG || frame->token == NULL)
		return false;
	token_make(s, token, path);
	return crypto_equal(token, frame->token, sizeof(token));
}

void session_ping_at(struct session *s, const struct path *path, uint64_t now)
{
	uint8_t plain[DATAGRAM_MAX], token[SESSION_TOKEN_SIZE];
	struct writer w = control_begin(s, plain, sizeof(plain), CONTROL_PING);
	bool first = !s->is_host && session_current(s)->replay.next == 0 && s->epoch == 0;
	size_t rest;

	s->pinged_at = now;
	token_make(s, token, path);
	write_u64(&w, now);
	write_bytes(&w, token, sizeof(token));
	rest = writer_len(&w) + PING_REST;
	write_u16(&w, s->is_host ? 0 : (uint16_t)(s->span / SESSION_SPAN_UNIT));
	write_u8(&w, !s->is_host && s->hosts_turn);
	s->told_span = s->span;
	s->told_turn = s->hosts_turn;
	/* A guest's first ones pay for what the target answers before our place is proved. */
	write_pad(&w, first ? PMTU_BASE - FRAME_OVERHEAD : rest);
	control_send_at(s, path, &w, CONTROL_PING, now);
}

void session_ping(struct session *s, uint64_t now)
{
	session_ping_at(s, &s->path, now);
}

void session_pong(
	struct session *s, const uint8_t stamp[SESSION_STAMP_SIZE], uint64_t now)
{
	uint8_t plain[CONTROL_MAX];
	struct writer w = control_begin(s, plain, sizeof(plain), CONTROL_PONG);

	write_bytes(&w, stamp, SESSION_STAMP_SIZE);
	write_u64(&w, session_current(s)->replay.next);
	control_send(s, &w, CONTROL_PONG, now);
}

void session_report(struct session *s, uint64_t now)
{
	uint8_t plain[CONTROL_MAX];
	struct writer w = control_begin(s, plain, sizeof(plain), CONTROL_REPORT);
	struct generation *g = session_current(s);

	write_u64(&w, g->replay.next);
	control_send(s, &w, CONTROL_REPORT, now);
	s->report_at = now + SESSION_REPORT;
	g->report_next = g->replay.next + SESSION_REPORT_FRAMES;
}

void session_bye(struct session *s, uint8_t code, uint64_t now)
{
	uint8_t plain[CONTROL_MAX];
	struct writer w = control_begin(s, plain, sizeof(plain), CONTROL_BYE);

	write_u8(&w, code);
	control_send(s, &w, CONTROL_BYE, now);
}

void session_close_flow(struct session *s, uint16_t flow, uint64_t now)
{
	uint8_t plain[CONTROL_MAX];
	struct writer w = control_begin(s, plain, sizeof(plain), CONTROL_FLOW_CLOSED);

	write_u16(&w, flow);
	control_send(s, &w, CONTROL_FLOW_CLOSED, now);
}

void session_send_rekey(struct session *s, enum control_type type, uint8_t epoch,
	const uint8_t *message, size_t len, uint64_t now)
{
	uint8_t plain[CONTROL_MAX];
	struct writer w = control_begin(s, plain, sizeof(plain), type);

	write_u8(&w, epoch);
	write_bytes(&w, message, len);
	control_send(s, &w, type, now);
}

void session_probed(struct session *s, uint16_t size, uint64_t now)
{
	uint8_t plain[CONTROL_MAX];
	struct writer w = control_begin(s, plain, sizeof(plain), CONTROL_PROBED);

	write_u16(&w, size);
	control_send(s, &w, CONTROL_PROBED, now);
}

static void send_probe(struct session *s, uint16_t size, uint64_t now)
{
	uint8_t plain[DATAGRAM_MAX - FRAME_OVERHEAD];
	struct writer w = control_begin(s, plain, sizeof(plain), CONTROL_PROBE);

	if (size > DATAGRAM_MAX)
		return;

	write_u16(&w, size);
	write_pad(&w, (size_t)size - FRAME_OVERHEAD);
	control_send(s, &w, CONTROL_PROBE, now);
}

void session_probe(struct session *s, uint64_t now)
{
	uint16_t sizes[PMTU_COUNT];
	size_t count = pmtu_due(&s->pmtu, sizes, now);

	for (size_t i = 0; i < count; i++)
		send_probe(s, sizes[i], now);
}
