/* SPDX-License-Identifier: MIT */
#include "core/relay.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/channel.h"
#include "core/table.h"

#define TRIES 8 /* to find a number that is free */
#define RESTS                                                                            \
	2 /* channels seen to with each datagram: one more than it can make active */

enum end { END_GUEST, END_HOST, ENDS };

struct relay_channel {
	uint32_t number;
	bool in_use; /* something came over it */
	struct path ends[ENDS];
	uint64_t used_at;
	uint64_t wanted_until[ENDS]; /* who was not heard since takes nothing any more */
	struct bucket bytes;
	struct share share;
	struct relay_channel *prev, *next;
	UT_hash_handle hh;
};

void relay_init(struct relay *r, const struct relay_limits *limits,
	const struct entropy *entropy, const uint8_t hash_key[16], uint64_t now)
{
	*r = (struct relay){.limits = *limits, .entropy = *entropy};
	memcpy(r->hash_key, hash_key, sizeof(r->hash_key));
	shares_init(&r->shares, limits->max, limits->rate_all, hash_key, now);
}

static struct relay_channel **list_of(struct relay *r, const struct relay_channel *c)
{
	if (!c->in_use)
		return &r->unused;
	return c->share.active ? &r->active : &r->quiet;
}

static void channel_close(struct relay *r, struct relay_channel *c)
{
	struct relay_channel **list = list_of(r, c);

	DL_DELETE(*list, c);
	HASH_DEL(r->channels, c);
	share_close(&r->shares, &c->share);
	free(c);
}

void relay_fini(struct relay *r)
{
	while (r->channels != NULL)
		channel_close(r, r->channels);
	shares_fini(&r->shares);
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

static struct relay_channel *channel_new(struct relay *r, const struct path *guest,
	const struct path *host, const uint8_t *service, uint64_t now)
{
	struct relay_channel *c = calloc(1, sizeof(*c));

	if (c == NULL || !share_open(&r->shares, &c->share, &guest->remote, &host->remote,
				 service, now)) {
		free(c);
		return NULL;
	}
	c->number = free_number(r);
	if (c->number != 0)
		TABLE_ADD(r->channels, r->hash_key, number, sizeof(c->number), c);
	if (c->number != 0 && TABLE_HOLDS(c))
		return c;
	share_close(&r->shares, &c->share);
	free(c);
	return NULL;
}

uint32_t relay_open(struct relay *r, const struct path *guest, const struct path *host,
	const uint8_t *service, uint64_t now)
{
	/* Work under way goes on: only a channel that nothing ever came over gives way. */
	bool full = r->shares.count >= r->limits.max;
	struct relay_channel *oldest = r->unused;
	bool gives_way = oldest != NULL && now - oldest->used_at >= RELAY_TOLD;
	struct relay_channel *c = NULL;

	if (r->limits.max > 0 && (!full || gives_way))
		c = channel_new(r, guest, host, service, now);
	if (c == NULL) {
		r->refused += r->limits.max > 0;
		return 0;
	}
	if (full)
		channel_close(r, oldest);
	c->ends[END_GUEST] = *guest;
	c->ends[END_HOST] = *host;
	c->used_at = now;
	c->wanted_until[END_GUEST] = c->wanted_until[END_HOST] = now + RELAY_UNUSED;
	bucket_init(&c->bytes, r->limits.rate, r->limits.rate, now);
	DL_APPEND(r->unused, c);
	return c->number;
}

static bool is_end(const struct relay_channel *c, enum end end, const struct path *path)
{
	return addr_equal(&c->ends[end].remote, &path->remote) &&
	       (c->ends[end].socket == path->socket ||
		       path->remote.transport != ADDR_UDP);
}

bool relay_joins(const struct relay *r, uint32_t number, const struct path *guest,
	const struct path *host)
{
	const struct relay_channel *c = find(r, number);

	return c != NULL && is_end(c, END_GUEST, guest) && is_end(c, END_HOST, host);
}

/* It goes to the end of the list of the active ones. */
static void note_use(struct relay *r, struct relay_channel *c, uint64_t now)
{
	struct relay_channel **list = list_of(r, c);

	DL_DELETE(*list, c);
	c->in_use = true;
	c->used_at = now;
	share_set_active(&r->shares, &c->share, true);
	DL_APPEND(r->active, c);
}

/* Takes the share from some at most of those that are not active any more. */
static void rest(struct relay *r, unsigned some, uint64_t now)
{
	struct relay_channel *c;

	while (some-- > 0 && (c = r->active) != NULL &&
		now - c->used_at >= RELAY_ACTIVE) {
		DL_DELETE(r->active, c);
		share_set_active(&r->shares, &c->share, false);
		DL_APPEND(r->quiet, c);
	}
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
	rest(r, RESTS, now);
	if (!bucket_take(&c->bytes, (uint32_t)len, now)) {
		r->dropped++;
		return VERDICT_DROP_LIMIT;
	}
	if (!share_take(&r->shares, &c->share, (uint32_t)len, now)) {
		r->dropped++;
		r->crowded++;
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
	rest(r, UINT_MAX, now);
	close_idle(r, &r->unused, RELAY_UNUSED, now);
	close_idle(r, &r->quiet, RELAY_IDLE, now);
}

uint64_t relay_next_timeout(const struct relay *r)
{
	const struct relay_channel *used = r->quiet != NULL ? r->quiet : r->active;
	uint64_t unused_at =
		r->unused != NULL ? r->unused->used_at + RELAY_UNUSED : NEVER;
	uint64_t used_at = used != NULL ? used->used_at + RELAY_IDLE : NEVER;

	return unused_at < used_at ? unused_at : used_at;
}
