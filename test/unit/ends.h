/* SPDX-License-Identifier: MIT */
/* A guest's and a host's session joined in memory. */
#ifndef EYELET_TEST_UNIT_ENDS_H
#define EYELET_TEST_UNIT_ENDS_H

#include "core/session.h"
#include "unit.h"

#define FRAME_MAX 65600

/* One end, its place known and its path MTU not searched for, with all it stands on. */
struct end {
	struct session session;
	struct timers timers;
	struct outbox outbox;
	struct reassembly_pool pool;
	uint64_t random; /* of its entropy */
};

struct ends {
	struct noise_keys keys;
	struct end guest, host;
};

static inline void end_fill(void *arg, uint8_t *bytes, size_t len)
{
	random_bytes(arg, bytes, len);
}

static inline void end_start(struct end *e, const struct noise_keys *keys,
	enum cipher cipher, bool is_host, uint64_t now)
{
	const struct path path = {.socket = is_host,
		.remote = addr_v4(198, 51, 100, is_host ? 1 : 2, 4000)};
	const struct entropy entropy = {end_fill, &e->random};

	memset(e, 0, sizeof(*e));
	timers_init(&e->timers);
	assert_true(outbox_init(&e->outbox, 64));
	reassembly_pool_init(&e->pool, 2);
	assert_true(session_init(&e->session, keys, cipher, is_host, &path, &entropy,
		&e->timers, &e->outbox, &e->pool, now));
	if (is_host)
		session_prove(&e->session, &path, now);
	pmtu_start(&e->session.pmtu, 28, NEVER);
	assert_true(timers_set(&e->timers, &e->session.timer, now + UINT64_C(400000000)));
}

static inline void ends_start(struct ends *e, enum cipher cipher, uint64_t now)
{
	for (unsigned i = 0; i < 32; i++) {
		e->keys.to_host[i] = (uint8_t)i;
		e->keys.to_guest[i] = (uint8_t)(0x80 + i);
	}
	end_start(&e->guest, &e->keys, cipher, false, now);
	end_start(&e->host, &e->keys, cipher, true, now);
}

static inline void end_stop(struct end *e)
{
	session_fini(&e->session);
	assert_int_equal(e->timers.count, 0);
	timers_fini(&e->timers);
	outbox_fini(&e->outbox);
	reassembly_pool_fini(&e->pool);
}

static inline void ends_stop(struct ends *e)
{
	end_stop(&e->guest);
	end_stop(&e->host);
}

/* A frame and what became of it. */
struct heard {
	uint8_t buf[FRAME_MAX];
	struct frame frame;
};

/* Opens a copy of the frame. */
static inline enum verdict end_hear(struct end *to, struct heard *heard,
	const uint8_t *bytes, size_t len, uint64_t now)
{
	assert_true(frame_is(bytes, len));
	memcpy(heard->buf, bytes, len);
	return session_open(&to->session, heard->buf, len, &heard->frame, now);
}

/* Takes the one control datagram that is there. */
static inline void end_take(struct end *from, struct datagram *d)
{
	assert_true(outbox_take(&from->outbox, d));
}

/* Gives all that one end has to say to the other; returns how many frames that were. */
static inline unsigned ends_pass(struct end *from, struct end *to, uint64_t now)
{
	struct datagram d;
	struct frame frame;
	unsigned count = 0;

	for (; outbox_take(&from->outbox, &d); count++)
		assert_int_equal(session_open(&to->session, d.data, d.len, &frame, now),
			VERDICT_CONSUMED);
	return count;
}

/* Drops all that one end has to say; returns how many frames that were. */
static inline unsigned end_drop(struct end *from)
{
	struct datagram d;
	unsigned count = 0;

	while (outbox_take(&from->outbox, &d))
		count++;
	return count;
}

static inline uint64_t end_sent(const struct end *e)
{
	return session_current(&e->session)->sent;
}

/* Seals any plaintext under a key, a counter and header bits of the caller's. */
static inline size_t ends_forge(const uint8_t key[32], enum cipher cipher, uint8_t bits,
	uint64_t counter, const uint8_t *plain, size_t len, uint8_t *out)
{
	struct crypto_aead *aead = crypto_aead_new(cipher, key, true);

	out[0] = (uint8_t)(0x40 | bits);
	out[1] = (uint8_t)(counter >> 16);
	out[2] = (uint8_t)(counter >> 8);
	out[3] = (uint8_t)counter;
	crypto_aead_seal(aead, counter, out, 4, plain, len, out + 4);
	crypto_aead_free(aead);
	return len + 20;
}

#endif
