/* SPDX-License-Identifier: MIT */
/* Generations of keys: made before the old one ends, retired after what is under way. */
#include <stdlib.h>

#include "core/session.h"

static void generation_free(struct generation *g)
{
	if (g == NULL)
		return;
	crypto_aead_free(g->seal);
	crypto_aead_free(g->open);
	free(g);
}

static struct generation *generation_new(
	const struct noise_keys *keys, enum cipher cipher, bool is_host)
{
	struct generation *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->seal = crypto_aead_new(cipher, is_host ? keys->to_guest : keys->to_host, true);
	g->open =
		crypto_aead_new(cipher, is_host ? keys->to_host : keys->to_guest, false);
	replay_init(&g->replay);
	g->report_next = SESSION_REPORT_FRAMES;
	g->used_at = NEVER;
	g->retire_at = NEVER;
	if (g->seal != NULL && g->open != NULL)
		return g;
	generation_free(g);
	return NULL;
}

bool session_init(struct session *s, const struct noise_keys *keys, enum cipher cipher,
	bool is_host, const struct path *path, const struct entropy *entropy,
	struct timers *timers, struct outbox *outbox, struct reassembly_pool *pool,
	uint64_t now)
{
	*s = (struct session){.cipher = cipher,
		.is_host = is_host,
		.path = *path,
		.opened_at = now,
		.data_at = now,
		.pinged_at = now,
		.sent_at = now,
		.heard_at = now,
		.unheard_at = NEVER,
		.span = KEEPALIVE_UNTOLD,
		.quiet = KEEPALIVE_UNTOLD + (is_host ? KEEPALIVE_UNTOLD / 3 : 0),
		.moved_at = NEVER,
		.proved = !is_host,
		.timers = timers,
		.outbox = outbox};
	reassembly_init(&s->parts, pool);
	entropy->fill(entropy->arg, s->path_key, sizeof(s->path_key));
	/* No tag that nobody sent must be one of ours, not even zeros. */
	entropy->fill(entropy->arg, (uint8_t *)&s->tags, sizeof(s->tags));
	pmtu_start(&s->pmtu, session_overhead(path), is_host ? NEVER : now);
	s->generations[0] = generation_new(keys, cipher, is_host);
	return s->generations[0] != NULL;
}

void session_fini(struct session *s)
{
	for (unsigned i = 0; i < SESSION_EPOCHS; i++) {
		generation_free(s->generations[i]);
		s->generations[i] = NULL;
	}
	reassembly_fini(&s->parts);
	timers_clear(s->timers, &s->timer);
}

bool session_wants_rekey(const struct session *s, uint64_t now)
{
	const struct generation *g = session_current(s);

	if (g->used_at == NEVER)
		return false;
	return g->sent >= SESSION_REKEY_FRAMES ||
	       g->replay.next >= SESSION_REKEY_FRAMES ||
	       now - g->used_at >= SESSION_REKEY_SPAN;
}

bool session_may_install(const struct session *s, uint8_t epoch)
{
	for (unsigned i = 0; i < SESSION_EPOCHS; i++)
		if (i != s->epoch && s->generations[i] != NULL)
			return false;
	return epoch == session_next_epoch(s);
}

bool session_install(struct session *s, const struct noise_keys *keys, uint64_t now)
{
	uint8_t epoch = session_next_epoch(s);

	session_retire(s, now);
	if (!session_may_install(s, epoch))
		return false;
	s->generations[epoch] = generation_new(keys, s->cipher, s->is_host);
	if (s->generations[epoch] == NULL)
		return false;
	s->counts.rekeys++;
	if (!s->is_host)
		session_adopt(s, epoch, now);
	return true;
}

void session_adopt(struct session *s, uint8_t epoch, uint64_t now)
{
	session_current(s)->retire_at = now + SESSION_OVERLAP;
#ifdef EYELET_PLANT_OVERLAP
	session_current(s)->retire_at = now;
	session_retire(s, now);
#endif
	s->epoch = epoch;
	session_wake(s, now + SESSION_OVERLAP);
}

void session_rest(struct session *s, bool rest)
{
	s->resting = rest;
	for (unsigned i = 0; i < SESSION_EPOCHS; i++) {
		struct generation *g = s->generations[i];

		if (g == NULL)
			continue;
		crypto_aead_keep(g->seal, !rest);
		crypto_aead_keep(g->open, !rest);
	}
}

void session_retire(struct session *s, uint64_t now)
{
	for (unsigned i = 0; i < SESSION_EPOCHS; i++) {
		struct generation *g = s->generations[i];

		if (g == NULL || g->retire_at > now)
			continue;
		generation_free(g);
		s->generations[i] = NULL;
	}
}
