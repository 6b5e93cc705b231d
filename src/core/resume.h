/* SPDX-License-Identifier: MIT */
/* How a session finds its peer again at another address. Frames carry no session id; one
 * that no session opens earns a challenge, which only its true sender can answer:
 *
 *   challenge, 20 bytes: 11 000001 | low 24 bits of that frame's counter | first 8 bytes of
 *                        its tag | 8 of stateless cookie
 *   resume, 44 bytes:    11 000010 | epoch | 2 zero bytes | session id (8) | counter (8) |
 *                        cookie (8) | tag (16) over all before it, under that counter
 *
 * Only a resume moves a session. A challenge is never longer than what earned it, nothing
 * answers a resume but the session's own frames. */
#ifndef EYELET_CORE_RESUME_H
#define EYELET_CORE_RESUME_H

#include "core/bucket.h"
#include "core/session.h"

#define CHALLENGE_SIZE     20
#define RESUME_SIZE        44
#define RESUME_COOKIE_SIZE 8
#define RESUME_TURN        (10 * SECOND) /* a cookie is good for one to two of these */

bool challenge_is(const uint8_t *buf, size_t len);
bool resume_is(const uint8_t *buf, size_t len);

/* Gives challenges and knows its own cookies. */
struct challenger {
	uint8_t key[CRYPTO_KEY_SIZE];
	struct bucket all;
	struct bucket_field networks;
};

void challenger_init(struct challenger *c, const struct entropy *entropy, uint64_t now);

/* Writes a challenge for a frame that nobody opened, of len bytes, from that path. Returns
 * its length, 0 if the limits (10 a second for a network, over a relay for a channel, every
 * 64th counter before others; 1,000 in all) say no. */
size_t challenge_make(struct challenger *c, uint8_t *out, const struct path *path,
	const uint8_t *frame, size_t len, uint64_t now);

/* True if the challenge is about a frame that this session sent. */
bool challenge_means(const struct session *s, const uint8_t *challenge);

/* True if the session may answer a challenge now: its keys last, and the last answer is
 * 20 ms ago. */
bool resume_may(const struct session *s, uint64_t now);

/* Writes the answer, using up one counter. */
size_t resume_make(
	struct session *s, uint8_t *out, const uint8_t *challenge, uint64_t now);

static inline const uint8_t *resume_session_id(const uint8_t *resume)
{
	return resume + 4;
}

/* True if the cookie is ours for that path. */
bool resume_is_asked(const struct challenger *c, const uint8_t *resume,
	const struct path *path, uint64_t now);

/* True if it authenticates, is not replayed and is believable: the session's peer is there.
 * It is not while the peer is heard where it was: from its last frame there to the resume
 * lies at least the round trip of the challenge, so half of one tells a peer that moved
 * from one whose challenge and answer somebody carried about. */
bool resume_open(struct session *s, const uint8_t *resume, uint64_t now);

#endif
