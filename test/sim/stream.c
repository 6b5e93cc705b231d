/* SPDX-License-Identifier: MIT */
#include "sim/stream.h"

#include <stdlib.h>
#include <string.h>

#include "core/wire.h"
#include "sim/rng.h"

#define MAGIC 0x4579

static bool bits_get(const struct bits *b, uint64_t i)
{
	return i / 64 < b->words && (b->word[i / 64] >> (i % 64) & 1) != 0;
}

static void bits_set(struct bits *b, uint64_t i)
{
	if (i / 64 >= b->words) {
		size_t words = b->words > 0 ? 2 * b->words : 16;

		while (i / 64 >= words)
			words *= 2;
		b->word = realloc(b->word, words * sizeof(*b->word));
		if (b->word == NULL)
			abort();
		memset(b->word + b->words, 0, (words - b->words) * sizeof(*b->word));
		b->words = words;
	}
	b->word[i / 64] |= UINT64_C(1) << (i % 64);
}

void stream_init(struct stream *s, uint32_t guest, uint16_t app)
{
	*s = (struct stream){.guest = guest, .app = app, .fastest = UINT64_MAX};
}

void stream_fini(struct stream *s)
{
	free(s->up.is_sent.word);
	free(s->up.is_delivered.word);
	free(s->down.is_sent.word);
	free(s->down.is_delivered.word);
}

/* The bytes behind the stamp follow from guest, app and number. */
static void fill(uint8_t *buf, size_t len, uint64_t key)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t v = rng_mix(key + i);

		memcpy(buf + i, &v, len - i < 8 ? len - i : 8);
	}
}

static void make(uint8_t *buf, size_t len, const struct stamp *stamp)
{
	uint8_t head[STREAM_STAMPED];
	struct writer w = writer_over(head, sizeof(head));
	uint64_t number = len < STREAM_NUMBERED ? 0 : stamp->number;

	write_u16(&w, MAGIC);
	write_u16(&w, stamp->app);
	write_u32(&w, stamp->guest);
	write_u64(&w, number);
	write_u64(&w, stamp->sent_at);
	write_u32(&w, stamp->incarnation);
	write_u32(&w, (uint32_t)len);
	memcpy(buf, head, len < sizeof(head) ? len : sizeof(head));
	if (len > sizeof(head))
		fill(buf + sizeof(head), len - sizeof(head),
			rng_mix(number << 24 ^ (uint64_t)stamp->guest << 8 ^ stamp->app));
}

void stream_write(
	struct stream *s, uint8_t *buf, size_t len, uint64_t now, uint32_t incarnation)
{
	struct stamp stamp = {.guest = s->guest,
		.app = s->app,
		.number = s->next++,
		.sent_at = now,
		.incarnation = incarnation};

	make(buf, len, &stamp);
	s->up.sent++;
	if (len < STREAM_NUMBERED)
		s->up.small_sent[len]++;
	else
		bits_set(&s->up.is_sent, stamp.number);
}

struct stamp stream_read(const uint8_t *buf, size_t len)
{
	struct reader r = reader_over(buf, len);
	struct stamp stamp = {0};
	bool magic = read_u16(&r) == MAGIC;

	stamp.app = read_u16(&r);
	stamp.guest = read_u32(&r);
	stamp.known = magic && r.ok;
	stamp.number = read_u64(&r);
	stamp.sent_at = read_u64(&r);
	stamp.incarnation = read_u32(&r);
	return stamp;
}

void stream_echo(struct stream *s, const uint8_t *buf, size_t len)
{
	s->down.sent++;
	if (len < STREAM_NUMBERED)
		s->down.small_sent[len]++;
	else
		bits_set(&s->down.is_sent, stream_read(buf, len).number);
}

static bool unmodified(const struct stream *s, const uint8_t *buf, size_t len)
{
	static uint8_t expected[STREAM_MAX + 1];
	struct stamp stamp = stream_read(buf, len);

	stamp.guest = s->guest;
	stamp.app = s->app;
	make(expected, len, &stamp);
	return memcmp(expected, buf, len) == 0;
}

static const char *take_small(struct stream_way *way, size_t len)
{
	if (way->small_delivered[len] >= way->small_sent[len])
		return "more small payloads delivered than sent";
	way->small_delivered[len]++;
	return NULL;
}

/* What was overtaken on its way up comes back in the order it got there. */
static void note_overtaking(
	struct stream *s, const struct stream_way *way, uint64_t number)
{
	uint64_t newest = way->next[0] > way->next[1] ? way->next[0] : way->next[1];

	if (way == &s->up && number < newest && s->overtaken < newest)
		s->overtaken = newest;
}

static const char *take_numbered(struct stream *s, struct stream_way *way,
	const struct arrival *arrival, uint64_t number)
{
	if (!bits_get(&way->is_sent, number))
		return "a payload delivered that was never sent";
	if (bits_get(&way->is_delivered, number))
		return "a payload delivered twice";
	if (arrival->ordered && number < way->next[arrival->relayed] &&
		(way == &s->up || number >= s->overtaken))
		return "payloads delivered out of order";
	bits_set(&way->is_delivered, number);
	note_overtaking(s, way, number);
	if (number >= way->next[arrival->relayed])
		way->next[arrival->relayed] = number + 1;
	return NULL;
}

static void note_round_trip(
	struct stream *s, const uint8_t *buf, size_t len, uint64_t now)
{
	uint64_t sent_at = stream_read(buf, len).sent_at, span = now - sent_at;

	s->echoed_at = now;
	if (len < STREAM_STAMPED)
		return;
	if (sent_at > s->echoed_sent_at)
		s->echoed_sent_at = sent_at;
	if (span > s->slowest)
		s->slowest = span;
	if (span < s->fastest)
		s->fastest = span;
}

static void note_gap(struct stream_way *way, uint64_t now)
{
	if (way->taken_at != 0 && now - way->taken_at > way->gap)
		way->gap = now - way->taken_at;
	way->taken_at = now;
}

const char *stream_take(struct stream *s, bool up, const struct arrival *arrival,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct stream_way *way = up ? &s->up : &s->down;
	const char *wrong;

	if (len > STREAM_MAX)
		return "a payload longer than any datagram";
	if (!unmodified(s, buf, len))
		return "a payload modified, or of another flow";
	if (len < STREAM_NUMBERED)
		wrong = take_small(way, len);
	else
		wrong = take_numbered(s, way, arrival, stream_read(buf, len).number);
	if (wrong != NULL)
		return wrong;
	way->delivered++;
	note_gap(way, now);
	if (!up)
		note_round_trip(s, buf, len, now);
	return NULL;
}
