/* SPDX-License-Identifier: MIT */
#include "core/candidate.h"

#include <string.h>

#include "core/wire.h"

#define OFFER_RANDOM   16
#define CANDIDATE_SIZE (1 + WIRE_ADDR_SIZE)
#define OFFER_MAX                                                                        \
	(CRYPTO_KEY_SIZE + CRYPTO_SIGNATURE_SIZE + BEHAVIOUR_SIZE + 1 +                  \
		CANDIDATES_MAX * CANDIDATE_SIZE)

/* The end of a stream is reached by nobody but the rendezvous. */
static bool by_udp(const struct addr *addr)
{
#ifdef EYELET_PLANT_STREAM
	return true;
#endif
	return addr->transport == ADDR_UDP;
}

bool candidates_add(
	struct candidates *list, const struct addr *addr, enum candidate_kind kind)
{
	if (addr->family == ADDR_NONE || !by_udp(addr) || list->count == CANDIDATES_MAX)
		return false;
	for (unsigned i = 0; i < list->count; i++)
		if (addr_equal(&list->of[i].addr, addr))
			return false;
	list->of[list->count++] = (struct candidate){*addr, (uint8_t)kind};
	return true;
}

bool candidates_name(const struct candidates *list, const struct addr *seen)
{
	for (unsigned i = 0; i < list->count; i++)
		if (list->of[i].kind == CANDIDATE_OBSERVED &&
			addr_same_ip(&list->of[i].addr, seen))
			return true;
	return false;
}

bool candidates_have_v6(const struct candidates *list)
{
	for (unsigned i = 0; i < list->count; i++)
		if (list->of[i].addr.family == ADDR_V6 &&
			!addr_is_private(&list->of[i].addr))
			return true;
	return false;
}

static bool same_ip_in(const struct addr *list, size_t count, const struct addr *a)
{
	for (size_t i = 0; i < count; i++)
		if (a->family != ADDR_NONE && addr_same_ip(&list[i], a))
			return true;
	return false;
}

/* True if a rendezvous was dialled at an address of that kind: it stands where we do. */
static bool dialled_within(const struct vantage *v, bool (*kind)(const struct addr *))
{
	for (size_t i = 0; i < v->server_count; i++)
		if (kind(&v->servers[i]))
			return true;
	return false;
}

static bool on_link(const struct vantage *v, const struct addr *a)
{
	unsigned bits = a->family == ADDR_V4 ? 24 : 64;

	for (size_t i = 0; i < v->local_count; i++)
		if (v->locals[i].family == a->family &&
			addr_same_prefix(&v->locals[i], a, bits))
			return true;
	return false;
}

bool candidate_allowed(
	const struct vantage *v, const struct addr *addr, const struct addr *peer)
{
	if (addr_is_among(addr, v->forbidden, v->forbidden_count) || addr->port == 0 ||
		addr->family == ADDR_NONE || !by_udp(addr))
		return false;
	if (addr_is_loopback(addr))
		return addr_is_loopback(peer) && dialled_within(v, addr_is_loopback);
	if (!addr_is_sendable(addr))
		return false;
	if (addr_is_private(addr))
		return on_link(v, addr) ||
		       same_ip_in(v->observed, v->observed_count, peer) ||
		       (addr_same_ip(addr, peer) &&
			       (dialled_within(v, addr_is_private) ||
				       dialled_within(v, addr_is_loopback)));
	return true;
}

static void write_candidates(struct writer *w, const struct candidates *list)
{
	write_u8(w, (uint8_t)list->count);
	for (unsigned i = 0; i < list->count; i++) {
		write_u8(w, list->of[i].kind);
		write_addr(w, &list->of[i].addr, NULL);
	}
}

static bool read_candidates(struct reader *r, struct candidates *list)
{
	unsigned count = read_u8(r);

	*list = (struct candidates){0};
	if (count > CANDIDATES_MAX)
		return false;
	for (unsigned i = 0; i < count; i++) {
		uint8_t kind = read_u8(r);
		struct addr addr = read_addr(r, NULL);

		candidates_add(list, &addr, kind);
	}
	return r->ok && reader_left(r) == 0;
}

/* A key for one offer: of one attempt, one direction, one host, and 16 random bytes. */
static struct crypto_aead *offer_cipher(const struct credentials *c,
	const uint8_t attempt[ID_SIZE], const uint8_t *instance, const uint8_t *random,
	bool seal)
{
	uint8_t salt[ID_SIZE + OFFER_RANDOM + INSTANCE_SIZE], key[CRYPTO_KEY_SIZE];
	size_t len = ID_SIZE + OFFER_RANDOM;
	struct crypto_aead *aead;

	memcpy(salt, attempt, ID_SIZE);
	memcpy(salt + ID_SIZE, random, OFFER_RANDOM);
	if (instance != NULL) {
		memcpy(salt + len, instance, INSTANCE_SIZE);
		len += INSTANCE_SIZE;
	}
	crypto_hkdf(key, sizeof(key), c->seal_key, sizeof(c->seal_key), salt, len,
		instance != NULL ? "eyelet host offer" : "eyelet guest offer");
	aead = crypto_aead_new(CIPHER_CHACHA20_POLY1305, key, seal);
	crypto_wipe(key, sizeof(key));
	return aead;
}

/* Returns 0 if memory ran out. */
static size_t offer_seal(uint8_t *out, const struct writer *plain,
	const struct credentials *c, const uint8_t attempt[ID_SIZE],
	const uint8_t *instance, uint64_t sequence, const struct entropy *entropy)
{
	struct crypto_aead *aead;

	entropy->fill(entropy->arg, out, OFFER_RANDOM);
	aead = offer_cipher(c, attempt, instance, out, true);
	if (aead == NULL)
		return 0;
	crypto_aead_seal(aead, sequence, c->service, sizeof(c->service), plain->start,
		writer_len(plain), out + OFFER_RANDOM);
	crypto_aead_free(aead);
	return OFFER_RANDOM + writer_len(plain) + CRYPTO_TAG_SIZE;
}

/* Returns the plaintext's length, 0 if it does not open. */
static size_t offer_open(uint8_t plain[OFFER_MAX], const uint8_t *payload, size_t len,
	const struct credentials *c, const uint8_t attempt[ID_SIZE],
	const uint8_t *instance, uint64_t sequence)
{
	struct crypto_aead *aead;
	bool ok;

	if (len < OFFER_RANDOM + CRYPTO_TAG_SIZE ||
		len > OFFER_RANDOM + OFFER_MAX + CRYPTO_TAG_SIZE)
		return 0;
	aead = offer_cipher(c, attempt, instance, payload, false);
	if (aead == NULL)
		return 0;
	len -= OFFER_RANDOM;
	ok = crypto_aead_open(aead, sequence, c->service, sizeof(c->service),
		payload + OFFER_RANDOM, len, plain);
	crypto_aead_free(aead);
	return ok ? len - CRYPTO_TAG_SIZE : 0;
}

size_t guest_offer_seal(uint8_t *out, const struct guest_offer *offer,
	const struct credentials *c, const uint8_t attempt[ID_SIZE],
	const struct entropy *entropy)
{
	uint8_t plain[OFFER_MAX];
	struct writer w = writer_over(plain, sizeof(plain));

	write_u8(&w, offer->trial);
	behaviour_write(&w, &offer->behaviour);
	write_candidates(&w, &offer->candidates);
	return offer_seal(out, &w, c, attempt, NULL, 0, entropy);
}

bool guest_offer_open(struct guest_offer *offer, const uint8_t *payload, size_t len,
	const struct credentials *c, const uint8_t attempt[ID_SIZE])
{
	uint8_t plain[OFFER_MAX];
	struct reader r =
		reader_over(plain, offer_open(plain, payload, len, c, attempt, NULL, 0));

	offer->trial = read_u8(&r);
	offer->behaviour = behaviour_read(&r);
	return read_candidates(&r, &offer->candidates);
}

#define STATIC_LABEL     "eyelet host v1"
#define STATIC_LABEL_LEN 14
#define STATIC_SIGNED    (STATIC_LABEL_LEN + INSTANCE_SIZE + CRYPTO_KEY_SIZE)

static void static_signed(uint8_t out[STATIC_SIGNED],
	const uint8_t instance[INSTANCE_SIZE], const uint8_t host_static[CRYPTO_KEY_SIZE])
{
	memcpy(out, STATIC_LABEL, STATIC_LABEL_LEN);
	memcpy(out + STATIC_LABEL_LEN, instance, INSTANCE_SIZE);
	memcpy(out + STATIC_LABEL_LEN + INSTANCE_SIZE, host_static, CRYPTO_KEY_SIZE);
}

size_t host_offer_seal(uint8_t *out, const struct host_offer *offer,
	const struct service *s, const struct credentials *c,
	const uint8_t attempt[ID_SIZE], uint8_t sequence, const struct entropy *entropy)
{
	uint8_t plain[OFFER_MAX], covered[STATIC_SIGNED],
		signature[CRYPTO_SIGNATURE_SIZE];
	struct writer w = writer_over(plain, sizeof(plain));

	static_signed(covered, s->instance, offer->host_static);
	crypto_ed25519_sign(signature, s->seed, covered, sizeof(covered));
	write_bytes(&w, offer->host_static, CRYPTO_KEY_SIZE);
	write_bytes(&w, signature, sizeof(signature));
	behaviour_write(&w, &offer->behaviour);
	write_candidates(&w, &offer->candidates);
	return offer_seal(out, &w, c, attempt, s->instance, sequence, entropy);
}

bool host_offer_open(struct host_offer *offer, const uint8_t *payload, size_t len,
	const struct credentials *c, const uint8_t attempt[ID_SIZE],
	const uint8_t instance[INSTANCE_SIZE], uint8_t sequence)
{
	uint8_t plain[OFFER_MAX], covered[STATIC_SIGNED],
		signature[CRYPTO_SIGNATURE_SIZE];
	struct reader r = reader_over(
		plain, offer_open(plain, payload, len, c, attempt, instance, sequence));

	read_bytes(&r, offer->host_static, CRYPTO_KEY_SIZE);
	read_bytes(&r, signature, sizeof(signature));
	offer->behaviour = behaviour_read(&r);
	if (!read_candidates(&r, &offer->candidates))
		return false;
	static_signed(covered, instance, offer->host_static);
	return crypto_ed25519_verify(signature, c->service, covered, sizeof(covered));
}
