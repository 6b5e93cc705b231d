/* SPDX-License-Identifier: MIT */
#include "net/framing.h"

#include <stdlib.h>
#include <string.h>

#define CAP_MIN  4096 /* bytes */
#define AGES_MIN 16

/* A datagram that waits: since when, ns, and its bytes with the header. */
struct framing_age {
	uint64_t at;
	size_t len;
};

size_t framing_begin(const struct framing_in *in, uint8_t *bytes)
{
	if (in->len > 0)
		memcpy(bytes, in->part, in->len);
	return in->len;
}

size_t framing_wanted(const uint8_t *bytes, size_t len, size_t at)
{
	return len - at < FRAMING_HEADER ? 0 : (size_t)bytes[at] << 8 | bytes[at + 1];
}

bool framing_next(
	uint8_t *bytes, size_t len, size_t *at, uint8_t **datagram, size_t *datagram_len)
{
	size_t left;

	while ((left = len - *at) >= FRAMING_HEADER) {
		size_t size = framing_wanted(bytes, len, *at);

		if (left < FRAMING_HEADER + size)
			return false;
		*datagram = bytes + *at + FRAMING_HEADER;
		*datagram_len = size;
		*at += FRAMING_HEADER + size;
		if (size > 0)
			return true;
	}
	return false;
}

bool framing_end(struct framing_in *in, const uint8_t *bytes, size_t len, size_t at)
{
	size_t left = len - at;
	uint8_t *part;

	if (left == 0) {
		framing_in_fini(in);
		return true;
	}
	part = realloc(in->part, left);
	if (!part)
		return false;
	memcpy(part, bytes + at, left);
	in->part = part;
	in->len = left;
	return true;
}

void framing_in_fini(struct framing_in *in)
{
	free(in->part);
	*in = (struct framing_in){.len = 0};
}

void framing_out_init(struct framing_out *out, size_t bytes_max, uint64_t age_max)
{
	*out = (struct framing_out){.bytes_max = bytes_max, .age_max = age_max};
}

void framing_out_fini(struct framing_out *out)
{
	free(out->bytes);
	free(out->ages);
	*out = (struct framing_out){.bytes_max = 0};
}

static struct framing_age *age_at(const struct framing_out *out, unsigned i)
{
	unsigned at = out->age_first + i;

	return &out->ages[at < out->age_cap ? at : at - out->age_cap];
}

/* Takes the oldest of those that may be dropped off the ring; returns its bytes. */
static size_t take_age(struct framing_out *out)
{
	size_t len = age_at(out, 0)->len;

	if (++out->age_first == out->age_cap)
		out->age_first = 0;
	out->count--;
	return len;
}

/* What is committed moves up to the next one's place. */
static void drop_oldest(struct framing_out *out)
{
	size_t len = take_age(out);
	uint8_t *first = out->bytes + out->first;

	memmove(first + len, first, out->committed);
	out->first += len;
	out->dropped++;
}

static bool make_age_room(struct framing_out *out)
{
	unsigned cap = out->age_cap > 0 ? 2 * out->age_cap : AGES_MIN;
	struct framing_age *ages;

	if (out->count < out->age_cap)
		return true;
	ages = calloc(cap, sizeof(*ages));
	if (!ages)
		return false;
	for (unsigned i = 0; i < out->count; i++)
		ages[i] = *age_at(out, i);
	free(out->ages);
	out->ages = ages;
	out->age_cap = cap;
	out->age_first = 0;
	return true;
}

/* Twice what waits, so that moving it to the front is rare. */
static bool make_room(struct framing_out *out, size_t len)
{
	size_t used = framing_len(out), cap = out->cap > 0 ? out->cap : CAP_MIN;
	uint8_t *bytes;

	if (out->end + len <= out->cap)
		return true;
	while (cap < 2 * (used + len))
		cap *= 2;
	if (cap > out->cap) {
		bytes = malloc(cap);
		if (!bytes)
			return false;
		if (used > 0)
			memcpy(bytes, out->bytes + out->first, used);
		free(out->bytes);
		out->bytes = bytes;
		out->cap = cap;
	} else {
		memmove(out->bytes, out->bytes + out->first, used);
	}
	out->first = 0;
	out->end = used;
	return true;
}

bool framing_put(
	struct framing_out *out, const uint8_t *datagram, size_t len, uint64_t now)
{
	size_t size = FRAMING_HEADER + len;
	uint8_t *to;

	if (len == 0 || len > FRAMING_MAX || out->committed + size > out->bytes_max) {
		out->dropped++;
		return false;
	}
	while (framing_len(out) + size > out->bytes_max)
		drop_oldest(out);
	if (!make_room(out, size) || !make_age_room(out)) {
		out->dropped++;
		return false;
	}
	to = out->bytes + out->end;
	to[0] = (uint8_t)(len >> 8);
	to[1] = (uint8_t)len;
	memcpy(to + FRAMING_HEADER, datagram, len);
	out->end += size;
	out->count++;
	*age_at(out, out->count - 1) = (struct framing_age){.at = now, .len = size};
	return true;
}

void framing_expire(struct framing_out *out, uint64_t now)
{
	while (out->count > 0 && now - age_at(out, 0)->at > out->age_max)
		drop_oldest(out);
}

void framing_reset(struct framing_out *out)
{
	out->dropped += out->count;
	out->count = 0;
	out->first = out->end = out->committed = 0;
}

void framing_commit(struct framing_out *out, size_t len)
{
	while (out->committed < len) {
		out->committed += take_age(out);
		out->sent++;
	}
}

void framing_written(struct framing_out *out, size_t len)
{
	framing_commit(out, len);
	out->committed -= len;
	out->first += len;
	if (out->first == out->end)
		out->first = out->end = 0;
}

void framing_trim(struct framing_out *out)
{
	if (framing_len(out) > 0 || out->cap == 0)
		return;
	free(out->bytes);
	free(out->ages);
	out->bytes = NULL;
	out->ages = NULL;
	out->cap = 0;
	out->age_cap = 0;
}
