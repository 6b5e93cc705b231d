/* SPDX-License-Identifier: MIT */
#include "core/relay.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/channel.h"
#include "core/table.h"

#define TRIES 8 /* to find a number that is free */

enum end { END_GUEST, END_HOST, ENDS };

struct relay_channel {
	uint32_t number;
	bool in_use; /* something came over it */
	struct path ends[ENDS];
	uint64_t used_at;
	uint64_t wanted_until[ENDS]; /* who was not heard since takes nothing any more */
	struct bucket bytes;
	struct relay_channel *prev, *next;
	UT_hash_handle hh;
};

void relay_init(struct relay *r, const struct relay_limits *limits,
	const struct entropy *entropy, const uint8_t hash_key[16], uint64_t now)
{
	*r = (struct relay){.limits = *limits, .entropy = *entropy};
	memcpy(r->hash_key, hash_key, sizeof(r->hash_key));
	bucket_init(&r->all, limits->rate_all, limits->rate_all, now);
}

static struct relay_channel **list_of(struct relay *r, const struct relay_channel *c)
{
	return c->in_use ? &r->used : &r->unused;
}

static void channel_close(struct relay *r, struct relay_channel *c)
{
	struct relay_channel **list = list_of(r, c);

	DL_DELETE(*list, c);
	HASH_DEL(r->channels, c);
	r->count--;
	free(c);
}

void relay_fini(struct relay *r)
{
	while (r->channels != NULL)
		channel_close(r, r->channels);
}

static struct relay_channel *find(const struct relay *r, uint32_t number)
{
	struct relay_channel *c;

	TABLE_FIND(r->channels, r->hash_key, &number, sizeof(number), c);
	return c;
}

/* Random, so that nobody knows those of others; 0 if all tries met one in use. */
static uint32_t free_number(const struct relay *r)
{
	for (unsigned i = 0; i < TRIES; i++) {
		uint32_t number;

		r->entropy.fill(r->entropy.arg, (uint8_t *)&number, sizeof(number));
		number &= CHANNEL_MAX;
		if (number != 0 && find(r, number) == NULL)
			return number;
	}
	return 0;
}

/* Work under way goes on: only a channel that nothing ever came over gives way. */
static bool make_room(struct relay *r)
{
	if (r->count < r->limits.max)
		return true;
	if (r->unused == NULL)
		return false;
	channel_close(r, r->unused);
	return true;
}

uint32_t relay_open(
	struct relay *r, const struct path *guest, const struct path *host, uint64_t now)
{
	struct relay_channel *c;

	if (!make_room(r))
		return 0;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return 0;
	c->number = free_number(r);
	c->ends[END_GUEST] = *guest;
	c->ends[END_HOST] = *host;
	c->used_at = now;
	c->wanted_until[END_GUEST] = c->wanted_until[END_HOST] = now + RELAY_UNUSED;
	bucket_init(&c->bytes, r->limits.rate, r->limits.rate, now);
	if (c->number != 0)
		TABLE_ADD(r->channels, r->hash_key, number, sizeof(c->number), c);
	if (c->number == 0 || !TABLE_HOLDS(c)) {
		free(c);
		return 0;
	}
	DL_APPEND(r->unused, c);
	r->count++;
	return c->number;
}

static bool is_end(const struct relay_channel *c, enum end end, const struct path *path)
{
	return c->ends[end].socket == path->socket &&
	       addr_equal(&c->ends[end].remote, &path->remote);
}

bool relay_joins(const struct relay *r, uint32_t number, const struct path *guest,
	const struct path *host)
{
	const struct relay_channel *c = find(r, number);

	return c != NULL && is_end(c, END_GUEST, guest) && is_end(c, END_HOST, host);
}

/* It goes to the end of the list of those in use. */
static void note_use(struct relay *r, struct relay_channel *c, uint64_t now)
{
	struct relay_channel **list = list_of(r, c);

	DL_DELETE(*list, c);
	c->in_use = true;
	c->used_at = now;
	DL_APPEND(r->used, c);
}

enum verdict relay_pass(struct relay *r, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now, struct path *to)
{
	struct relay_channel *c;
	enum end from, other;

	if (!channel_is(buf, len))
		return VERDICT_DROP_MALFORMED;
	c = find(r, channel_decode(buf));
	if (c == NULL)
		return VERDICT_DROP_UNSOLICITED;
	from = is_end(c, END_GUEST, path) ? END_GUEST : END_HOST;
#ifndef EYELET_PLANT_RELAY
	if (!is_end(c, from, path))
		return VERDICT_DROP_FORGED;
#endif
	other = from == END_GUEST ? END_HOST : END_GUEST;
	c->wanted_until[from] = now + RELAY_IDLE;
	if (now >= c->wanted_until[other])
		return VERDICT_DROP_STALE;
	note_use(r, c, now);
	if (!bucket_take(&c->bytes, (uint32_t)len, now) ||
		!bucket_take(&r->all, (uint32_t)len, now)) {
		r->dropped++;
		return VERDICT_DROP_LIMIT;
	}
	r->passed++;
	r->passed_bytes += len;
	*to = c->ends[other];
	return VERDICT_DELIVER;
}

static void close_idle(
	struct relay *r, struct relay_channel **list, uint64_t span, uint64_t now)
{
	while (*list != NULL && now - (*list)->used_at >= span)
		channel_close(r, *list);
}

void relay_expire(struct relay *r, uint64_t now)
{
	close_idle(r, &r->unused, RELAY_UNUSED, now);
	close_idle(r, &r->used, RELAY_IDLE, now);
}

uint64_t relay_next_timeout(const struct relay *r)
{
	uint64_t unused = r->unused != NULL ? r->unused->used_at + RELAY_UNUSED : NEVER;
	uint64_t used = r->used != NULL ? r->used->used_at + RELAY_IDLE : NEVER;

	return unused < used ? unused : used;
}
