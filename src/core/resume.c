/* SPDX-License-Identifier: MIT */
#include "core/resume.h"

#include <string.h>

#include "core/wire.h"

#define CHALLENGE       0xc1
#define RESUME          0xc2
#define COVERED         (RESUME_SIZE - CRYPTO_TAG_SIZE) /* bytes under the tag */
#define RESUME_INTERVAL (20 * MILLISECOND)
#define ALIGNED         64 /* counters that are challenged first */

bool challenge_is(const uint8_t *buf, size_t len)
{
	return len == CHALLENGE_SIZE && buf[0] == CHALLENGE;
}

bool resume_is(const uint8_t *buf, size_t len)
{
	return len == RESUME_SIZE && buf[0] == RESUME;
}

void challenger_init(struct challenger *c, const struct entropy *entropy, uint64_t now)
{
	uint8_t key[16];

	entropy->fill(entropy->arg, c->key, sizeof(c->key));
	entropy->fill(entropy->arg, key, sizeof(key));
	bucket_init(&c->all, 1000, 1000, now);
	bucket_field_init(&c->networks, 10, 10, key, now);
}

static void cookie_make(const struct challenger *c, uint8_t cookie[RESUME_COOKIE_SIZE],
	const struct path *path, uint64_t turn)
{
	uint8_t covered[sizeof(struct addr) + 16] = {0}, mac[CRYPTO_MAC_SIZE];
	struct writer w = writer_over(covered, sizeof(covered));

	write_bytes(&w, (const uint8_t *)&path->remote, sizeof(path->remote));
	write_u32(&w, path->socket);
	write_u32(&w, path->channel);
	write_u64(&w, turn);
	crypto_mac(mac, c->key, covered, sizeof(covered));
	memcpy(cookie, mac, RESUME_COOKIE_SIZE);
}

size_t challenge_make(struct challenger *c, uint8_t *out, const struct path *path,
	const uint8_t *frame, size_t len, uint64_t now)
{
	/* The sender keeps the tags of its last frames and of every 64th: at a high rate the
	 * last are gone when the challenge arrives, so others cost the limit more. */
	uint32_t price = frame[3] % ALIGNED == 0 ? 1 : 5;
	/* Behind one relay are many networks: each channel counts as one. */
	const struct {
		struct addr network;
		uint32_t channel;
	} from = {addr_network(&path->remote), path->channel};

	if (!bucket_field_take_key(&c->networks, &from, sizeof(from), price, now) ||
		!bucket_take(&c->all, 1, now))
		return 0;
	out[0] = CHALLENGE;
	memcpy(out + 1, frame + 1, 3);
	memcpy(out + 4, frame + len - CRYPTO_TAG_SIZE, SESSION_TAG_SIZE);
	cookie_make(c, out + 4 + SESSION_TAG_SIZE, path, now / RESUME_TURN);
	return CHALLENGE_SIZE;
}

bool challenge_means(const struct session *s, const uint8_t *challenge)
{
	uint32_t counter =
		(uint32_t)challenge[1] << 16 | (uint32_t)challenge[2] << 8 | challenge[3];

	return session_sent_tag(s, counter, challenge + 4);
}

bool resume_may(const struct session *s, uint64_t now)
{
	return s->proved && session_current(s)->sent < SESSION_FRAMES_MAX &&
	       (s->resumed_at == 0 || now - s->resumed_at >= RESUME_INTERVAL);
}

size_t resume_make(
	struct session *s, uint8_t *out, const uint8_t *challenge, uint64_t now)
{
	struct generation *g = session_current(s);
	struct writer w = writer_over(out, RESUME_SIZE);
	uint64_t counter = g->sent;

	s->resumed_at = now;
	g->sent++;
	write_u8(&w, RESUME);
	write_u8(&w, s->epoch);
	write_u16(&w, 0);
	write_bytes(&w, s->id, SESSION_ID_SIZE);
	write_u64(&w, counter);
	write_bytes(&w, challenge + 4 + SESSION_TAG_SIZE, RESUME_COOKIE_SIZE);
	crypto_aead_seal(g->seal, counter, out, COVERED, NULL, 0, out + COVERED);
	session_sent(s, now);
	return RESUME_SIZE;
}

bool resume_is_asked(const struct challenger *c, const uint8_t *resume,
	const struct path *path, uint64_t now)
{
	const uint8_t *cookie = resume + COVERED - RESUME_COOKIE_SIZE;
	uint8_t expected[RESUME_COOKIE_SIZE];
	uint64_t turn = now / RESUME_TURN;

	for (uint64_t back = 0; back < 2 && back <= turn; back++) {
		cookie_make(c, expected, path, turn - back);
		if (crypto_equal(expected, cookie, sizeof(expected)))
			return true;
	}
	return false;
}

bool resume_open(struct session *s, const uint8_t *resume, uint64_t now)
{
	struct reader r = reader_over(resume, RESUME_SIZE);
	struct generation *g;
	uint64_t counter;
	uint8_t nothing[1];

#ifdef EYELET_PLANT_RESUME
	return false;
#endif
	read_view(&r, 1);
	g = s->generations[read_u8(&r) % SESSION_EPOCHS];
	read_view(&r, 2 + SESSION_ID_SIZE);
	counter = read_u64(&r);
	if (now - s->heard_at < s->rtt / 2)
		return false;
	if (g == NULL || !replay_check(&g->replay, counter) ||
		!crypto_aead_open(g->open, counter, resume, COVERED, resume + COVERED,
			CRYPTO_TAG_SIZE, nothing))
		return false;
	replay_update(&g->replay, counter);
	return true;
}
